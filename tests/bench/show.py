"""show: what was measured, as a table for people and as Markdown. Pure."""
import textwrap

_WIDTH = 110


def figure(value):
    """Three digits that count, and no more noise than that."""
    if value is None:
        return ""
    if value and abs(value) < 0.01:
        return f"{value:.2g}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def verdict(result):
    """What came of it, in a word or two."""
    if "skipped" in result:
        return f"skipped: {result['skipped']}"
    if "broken" in result:
        return "BROKEN"
    return {True: "ok", False: "MISSED", None: "measured"}[result["ok"]]


def spread(result, what):
    """min / median / max."""
    if result[what] is None:
        return ""
    return " / ".join(figure(result[name]) for name in (f"{what}_min", what, f"{what}_max"))


_COLUMNS = "{:<46} {:>25} {:<6} {:>9} {:>7} {:>12} {}"


def header():
    """The heads of the columns."""
    return _COLUMNS.format("", "ours: min / median / max", "", "peer", "ratio", "goal", "")


def line(result):
    """One row, with what is to be said of it below."""
    text = _COLUMNS.format(result["bench"], spread(result, "ours"), result["unit"], figure(result["peer"]),
                           figure(result["ratio"]), result["goal"] or "", verdict(result)).rstrip()
    below = [f"beside {result['against']}"] if result["against"] and result["peer"] is not None else []
    for words in below + result.get("notes", []):
        text += "\n" + textwrap.fill(words, _WIDTH, initial_indent="    ", subsequent_indent="    ")
    if "broken" in result:
        text += "\n" + textwrap.indent(result["broken"], "  | ")
    return text


def count(results):
    """The last line."""
    words = [verdict(result).split(":")[0] for result in results]
    names = (("ok", "ok"), ("MISSED", "missed"), ("BROKEN", "broken"), ("measured", "without a goal"),
             ("skipped", "skipped"))
    return ", ".join(f"{words.count(word)} {name}" for word, name in names if word in words) or "no such row"


def markdown(results, machine):
    """The table of BENCHMARKS.md."""
    lines = [machine, "", "| what | ours: min / median / max | beside | its median | ratio | goal | |",
             "|---|---|---|---|---|---|---|"]
    for result in results:
        ours = f"{spread(result, 'ours')} {result['unit']}" if result["ours"] is not None else ""
        peer = f"{figure(result['peer'])} {result['unit']}" if result["peer"] is not None else ""
        cells = [result["bench"], ours, result["against"] or "", peer, spread(result, "ratio"),
                 result["goal"] or "", verdict(result)]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    notes = [f"- {result['bench']}: {words}" for result in results for words in result.get("notes", [])]
    return "\n".join(lines + ([""] + notes if notes else [])) + "\n"

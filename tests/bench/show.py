"""show: what was measured, as a table for people and as Markdown. Pure."""
import textwrap

_WIDTH = 110


def figure(value):
    """Three digits that count, and no more noise than that."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) < 0.01:
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


_COLUMNS = "{:<62} {:>22} {:<6} {:>9} {:>7} {:>12} {}"


def header():
    """The heads of the columns."""
    return _COLUMNS.format("", "min / median / max", "", "peer", "ratio", "goal", "")


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


BEGIN, END = "<!-- measured: by tests/bench/run.py --record -->\n", "<!-- end -->\n"


def replace_table(page, table):
    """The text of BENCHMARKS.md with another table in its place."""
    before, mark, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("BENCHMARKS.md: the lines around its table are missing")
    return before + BEGIN + table + END + after


def table_goals(page):
    """Names and goals (None: none) of the rows in the table of BENCHMARKS.md."""
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "what":
            yield cells[0], cells[5] or None


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

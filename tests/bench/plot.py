"""plot: what things cost against how many sessions there are, drawn by gnuplot as build/bench/*.svg and
*.png."""
import json
import shutil
import statistics
import subprocess

from harness import paths

FOLDER = paths.BUILD / "bench"

_HEAD = """\
set encoding utf8
set terminal {terminal}
set output "{output}"
set title "{title}" font ",15"
set border 3 lc rgb "#666666"
set tics nomirror textcolor rgb "#333333"
set grid ytics mytics lc rgb "#dddddd" lt 1, lc rgb "#eeeeee" lt 1
set key outside right center reverse Left spacing 1.4
set logscale xy
set format x "10^{{%L}}"
set ytics ("10 ns" 0.01, "100 ns" 0.1, "1 µs" 1, "10 µs" 10, "100 µs" 100, "1 ms" 1e3, "10 ms" 1e4, \
           "100 ms" 1e5, "1 s" 1e6, "10 s" 1e7)
set xlabel "live sessions"
set xrange [{low}:{high}]
set yrange {yrange}
"""
_TERMINALS = {"svg": 'svg size 900,500 dynamic enhanced font "DejaVu Sans,12" background "#ffffff"',
              "png": 'pngcairo size 1350,750 enhanced font "DejaVu Sans,12" fontscale 1.2 linewidth 1.5'}
_COLOURS = ("#1b6ca8", "#d1495b", "#3c8d5a", "#edae49", "#6d597a", "#2b2d42")


def _script(name, kind, points, title, yrange, curves):
    sizes = [point["sessions"] for point in points]
    text = _HEAD.format(terminal=_TERMINALS[kind], output=FOLDER / f"{name}.{kind}", title=title,
                        low=min(sizes) / 1.6, high=max(sizes) * 1.6, yrange=yrange)
    blocks, lines = "", []
    for number, (label, values) in enumerate(curves):
        rows = "".join(f"{size} {value:.6g}\n" for size, value in zip(sizes, values))
        blocks += f"$c{number} << EOD\n{rows}EOD\n"
        style = f'lw 2 pt 7 ps 0.9 lc rgb "{_COLOURS[number]}"'
        lines.append(f'$c{number} with linespoints {style} title "{label}"')
    return text + blocks + "plot " + ", \\\n".join(lines) + "\n"


def _draw(name, *what):
    for kind in _TERMINALS:
        subprocess.run(["gnuplot"], input=_script(name, kind, *what), text=True, check=True)


def _medians(points, what, factor=1.0):
    return [statistics.median(pair[0] for pair in point[what]) * factor for point in points]


def draw(points):
    """Both plots, and all that was measured as JSON. Without gnuplot the numbers alone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "scale.json").write_text(json.dumps(points, indent=1) + "\n", "utf-8")
    if not points or not shutil.which("gnuplot"):
        return
    starts = [statistics.median(point["start"]) * 1e6 for point in points]
    _draw("scale", points, "What things cost, by how many sessions there are (medians)", "[0.01:*]", [
        ("start of the daemon", starts),
        ("RevokeAll, 10 sessions", _medians(points, "revoke")),
        ("login, alone", _medians(points, "login")),
        ("ListSessions, 10 sessions", _medians(points, "list")),
        ("Introspect", _medians(points, "introspect")),
        ("verify in process", _medians(points, "verify", 1e-3)),
    ])
    for name, what, title in (("latency", "one by one", "How long a login takes, one by one"),
                              ("latency-64", "64 at once", "How long a login takes, 64 at once")):
        _draw(name, points, title, "[*:*]", [
            (label, [point[what][percentile] for point in points])
            for label, percentile in (("p99.9", "p999"), ("p99", "p99"), ("p90", "p90"), ("median", "p50"))])

#!/usr/bin/env python3
"""tests/bench/run.py [--json] [--list] [--record] [PATTERN…]: measures, beside what people would use instead.

Each tests/bench/rows_*.py is a world of its own (mount and network namespaces, see tests/harness) and has
rows: README.md in this folder says how to write one. PATTERN: only rows whose name, or files whose name,
has one of them. The table goes to standard output (with --json one JSON object a row in its place), the
objects to build/bench.json, the table as Markdown to build/bench.md. A goal that is missed is said in the
table; the exit status is 1 when a row could not be measured although all it needs is there."""
import argparse
import importlib
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from harness import lifetime, namespaces, paths
from harness.run_file import keep, remove_folder
from harness.skip import Skip

from bench import cpu, place, show
from bench.row import listed, rows

FIRST_FILES = ("rows_verify",)  # the order of the table; the others follow by name


def row_files():
    """Names of the modules that have rows, in the order in which they run."""
    names = sorted(path.stem for path in HERE.glob("rows_*.py"))
    return [*FIRST_FILES, *(name for name in names if name not in FIRST_FILES)]


def machine():
    """What it was measured on: no name, nothing that tells whose it is."""
    words = ["findmnt", "-n", "-o", "FSTYPE", "-T", str(paths.BUILD)]
    kind = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return (f"{cpu.model()}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}, "
            f"build folder on {kind or 'an unknown file system'}.")


# ---- the process that measures -----------------------------------------------------------------------------

def measure(row):
    """One row, and nothing of it lives afterwards."""
    mark = lifetime.mark()
    try:
        result = row.measure()
    except Skip as skip:
        result = row.skipped(str(skip))
    except Exception:
        result = row.broken("\n".join([traceback.format_exc(), *lifetime.diagnoses()]))
    errors = lifetime.unwind(mark)
    return result if not errors else row.broken("\n".join(errors))


def measure_file(name, patterns, out):
    """All rows of a file that are wanted; writes their objects as they come."""
    try:
        importlib.import_module(f"bench.{name}")
        reason = None
    except Skip as skip:
        reason = str(skip)
    for row in rows():
        if not patterns or any(pattern in text for pattern in patterns for text in (row.name, name)):
            begin = time.monotonic()
            result = row.skipped(reason) if reason else measure(row)
            result["seconds"] = round(time.monotonic() - begin, 1)
            out.write(json.dumps(result, ensure_ascii=False) + "\n")
            out.flush()
    lifetime.unwind()


def live(name, patterns, write_end):
    """A world for one file: the process that keeps house, and the one that measures. Does not return."""
    namespaces.enter()
    place.make()
    folder = tempfile.mkdtemp(prefix="sessjwt-bench-")
    os.chmod(folder, 0o755)
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    os.environ["PATH"] = "/usr/local/bin:" + os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    measuring = os.fork()
    if measuring:
        os.close(write_end)
        status = keep(measuring)
        remove_folder(folder)
        place.remove()
        os._exit(status)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 1
    try:
        with os.fdopen(write_end, "w", encoding="utf-8") as out:
            measure_file(name, patterns, out)
        status = 0
    except BaseException:
        traceback.print_exc()
    os._exit(status)


# ---- the process that shows --------------------------------------------------------------------------------

def read_file(name, patterns, stop):
    """Yields the objects of a file's rows while its world lives; the last one says how it ended."""
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    keeper = os.fork()
    if keeper == 0:
        os.close(read_end)
        live(name, patterns, write_end)
    os.close(write_end)
    stop["keeper"] = keeper
    with os.fdopen(read_end, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
    status = os.waitstatus_to_exitcode(os.waitpid(keeper, 0)[1])
    stop["keeper"] = None
    if status and not stop["asked"]:
        yield {"bench": name, "unit": "", "ours": None, "against": None, "peer": None, "ratio": None,
               "goal": None, "ok": False, "broken": f"its world ended with status {status}"}


def run_all(names, patterns, as_json):
    """Measures all; returns the objects, and the number of the signal that ended it early, or 0."""
    stop = {"keeper": None, "asked": 0}

    def on_signal(number, _frame):
        stop["asked"] = number
        if stop["keeper"]:
            os.kill(stop["keeper"], signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    results = []
    for name in names:
        for result in read_file(name, patterns, stop):
            results.append(result)
            print(json.dumps(result, ensure_ascii=False) if as_json else show.line(result), flush=True)
        if stop["asked"]:
            break
    return results, stop["asked"]


def record():
    """The last run becomes the one that BENCHMARKS.md shows."""
    page = paths.ROOT / "BENCHMARKS.md"
    table = (paths.BUILD / "bench.md").read_text("utf-8")
    page.write_text(show.replace_table(page.read_text("utf-8"), table), "utf-8")


def main():
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a row, no table")
    parser.add_argument("--list", action="store_true", help="names and goals of all rows, without measuring")
    parser.add_argument("--record", action="store_true",
                        help="put the last run's build/bench.md into BENCHMARKS.md, without measuring")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    arguments = parser.parse_args()
    if arguments.record:
        record()
        return
    if arguments.list:
        for path in (HERE / f"{name}.py" for name in row_files()):
            for name, goal in listed(path.read_text("utf-8")):
                print(f"{name}: {goal or 'no goal'}")
        return
    if not arguments.json:
        print(f"{machine()}\n\n{show.header()}", flush=True)
    begin = time.monotonic()
    results, signalled = run_all(row_files(), arguments.patterns, arguments.json)
    if signalled:
        sys.exit(128 + signalled)
    text = "".join(json.dumps(result, ensure_ascii=False) + "\n" for result in results)
    (paths.BUILD / "bench.json").write_text(text, "utf-8")
    (paths.BUILD / "bench.md").write_text(show.markdown(results, machine()), "utf-8")
    if not arguments.json:
        print(f"\n{show.count(results)} ({time.monotonic() - begin:.0f} s)")
    sys.exit(1 if any("broken" in result for result in results) or not results else 0)


if __name__ == "__main__":
    main()

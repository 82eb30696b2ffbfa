"""run_file: runs the tests of one Python file, and nothing of it is left when it ends.

    python3 tests/harness/run_file.py FILE [PATTERN…]

Every function test_… of FILE is a test; its name is the sentence. PATTERN: only tests whose name has one of
them. Writes TAP. Enters private mount and network namespaces (when root) before it imports the file.

Two processes: a child runs the tests; we keep house: whatever the tests' processes leave behind becomes our
child (PR_SET_CHILD_SUBREAPER), is reaped at once, and is killed when the tests are over."""
import ast
import ctypes
import importlib.util
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from harness import lifetime, namespaces, processes, sanitizers
from harness.skip import Skip

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_VALUE_MAX = 400


def _prctl(option, value):
    ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


# ---- the keeper --------------------------------------------------------------------------------------------

def keep(tests, patient=False):
    """Reaps until the tests' process has ended, then ends what is left. Returns the status to exit with.
    patient: an interrupt is the child's to answer."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    ended = {"by": None}

    def on_signal(number, _frame):
        if patient and number == signal.SIGINT:
            return
        ended["by"] = number
        processes.send(tests, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    status = 1
    while True:
        pid, result = os.waitpid(-1, 0)
        if pid == tests:
            status = os.waitstatus_to_exitcode(result)
            break
    end_leftovers()
    return 128 + ended["by"] if ended["by"] else status if status >= 0 else 128 - status


def remove_folder(folder):
    """Removes the tests' folder, out of which a world that was not closed has made mount points."""
    for name in os.listdir(folder):
        if os.path.ismount(f"{folder}/{name}"):
            namespaces.unmount(f"{folder}/{name}")
    shutil.rmtree(folder, ignore_errors=True)


def end_leftovers():
    """Kills our descendants until there are none; orphans come to us meanwhile."""
    while True:
        for pid in processes.descendants(os.getpid()):
            processes.send(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.005)
        except ChildProcessError:
            return


# ---- the tests' process ------------------------------------------------------------------------------------

class Output:
    """Descriptors 1 and 2 of this process and all it starts, kept until it is known whether they are
    wanted."""

    def __init__(self):
        self.tap = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._file = os.memfd_create("output")
        os.dup2(self._file, 1)
        os.dup2(self._file, 2)

    def forget(self):
        """What was written so far is of no interest."""
        sys.stdout.flush()
        sys.stderr.flush()
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)

    def text(self):
        """What was written since."""
        sys.stdout.flush()
        sys.stderr.flush()
        return os.pread(self._file, 1 << 20, 0).decode(errors="replace")

    def say(self, line, details=""):
        """A line of TAP, and what explains it."""
        print(line, *(f"# {text}" for text in details.splitlines()), sep="\n", file=self.tap, flush=True)


def explain(error, path):
    """The trace; and where it has no words of its own, the values that the test's own function had."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)
              if frame.f_code.co_filename == str(path) and frame.f_code.co_name != "<module>"]
    for frame in frames[-1:] if not str(error) else []:
        lines.append(f"values in {frame.f_code.co_name}:\n")
        lines += [f"    {name} = {_shorten(value)}\n" for name, value in frame.f_locals.items()]
    return "".join(lines)


def _shorten(value):
    try:
        text = repr(value)
    except Exception:  # a broken repr must not hide the failure
        text = object.__repr__(value)
    return text if len(text) <= _VALUE_MAX else text[:_VALUE_MAX] + "…"


def run_one(test, output, path, reports):
    """Runs one test. Returns (outcome, details): "ok", "not ok" or "skip"."""
    output.forget()
    mark = lifetime.mark()
    problem, reason = "", None
    try:
        test()
    except Skip as skip:
        reason = str(skip)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: the next test is not to be lost
        problem = explain(error, path) + "\n".join(lifetime.diagnoses())
    problem += "".join(lifetime.unwind(mark)) + reports.take()
    if problem:
        return "not ok", problem + ("\n---- output\n" + output.text() if output.text() else "")
    return ("skip", reason) if reason is not None else ("ok", "")


def load(path):
    """Imports the file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names_in(path):
    """Names of the tests in a file, without importing it."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name for name in names if name.startswith("test_")]


def sentence(name):
    """test_a_thing_is_so -> a thing is so"""
    return name.removeprefix("test_").replace("_", " ")


def run(path, patterns):
    """Runs the tests of the file; returns the exit status."""
    output = Output()
    names = [name for name in names_in(path)
             if not patterns or any(pattern in name or pattern in sentence(name) for pattern in patterns)]
    output.say(f"1..{len(names)}")
    failed = 0
    reports = sanitizers.Reports(tempfile.mkdtemp(prefix="reports-"))
    try:
        module, reason, broken = load(path), None, None
    except Skip as skip:
        reason, broken = str(skip), None
    except BaseException as error:
        reason, broken = None, explain(error, path) + "\n".join(lifetime.diagnoses()) + output.text()
    for number, name in enumerate(names, 1):
        if broken is not None:
            outcome, details, broken = "not ok", broken or "the file could not be loaded, see above", ""
        elif reason is not None:
            outcome, details = "skip", reason
        else:
            outcome, details = run_one(getattr(module, name), output, path, reports)
        failed += outcome == "not ok"
        if outcome == "skip":
            output.say(f"ok {number} - {sentence(name)} # SKIP {details}")
        else:
            output.say(f"{outcome} {number} - {sentence(name)}", details)
    for error in [*lifetime.unwind(), *filter(None, [reports.take()])]:
        failed += 1
        output.say(f"not ok {len(names) + failed} - {path.name} cleans up", error)
    return 1 if failed else 0


def main():
    """See the top of the file."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path = pathlib.Path(sys.argv[1]).resolve()
    namespaces.enter()
    folder = tempfile.mkdtemp(prefix="sessjwt-")
    os.chmod(folder, 0o755)
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    # Host.install_command puts sessjwt there, and a bare machine's PATH may be without it.
    os.environ["PATH"] = "/usr/local/bin:" + os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    tests = os.fork()
    if tests:
        status = keep(tests)
        remove_folder(folder)
        sys.exit(status)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 1
    try:
        status = run(path, sys.argv[2:])
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)  # threads that read terminals may still wait


if __name__ == "__main__":
    main()

"""sanitizers: what a build with SAN=… has in it, where it writes what it finds, and who carries it into which
programs. Each report makes the test fail in which it was written, whatever became of the program."""
import contextlib
import functools
import os
import pathlib
import tempfile

from . import paths

_KINDS = {b"__asan_init": "address", b"__tsan_init": "thread", b"__ubsan_handle": "undefined"}
_SUPPRESSIONS = paths.ROOT / "tests" / "sanitizers"
_MODULE = paths.BUILD / "sanitized" / "pam_sessjwt.so"
_SLOWER = {None: 1, "undefined": 2, "address": 3, "thread": 5}

_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": f"suppressions={_SUPPRESSIONS}/leak.supp:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"suppressions={_SUPPRESSIONS}/thread.supp:print_suppressions=0:second_deadlock_stack=1",
}


@functools.cache
def kind_of(program):
    """The sanitizer in a program: "address", "thread", "undefined"; None: none, or it is not there."""
    try:
        code = pathlib.Path(program).read_bytes()
    except OSError:
        return None
    return next((kind for mark, kind in _KINDS.items() if mark in code), None)


def kind():
    """That of the build under test."""
    return kind_of(paths.DAEMON)


def slowness():
    """How many times longer a test may take with it."""
    return _SLOWER[kind()]


def watch(folder=None):
    """Sets the sanitizers' options, of this process and so of those it starts. folder: reports go there, one
    file a process, instead of standard error. What the caller's environment says comes last and counts."""
    if not kind():
        return
    for name, text in _OPTIONS.items():
        if folder:
            text += f":log_path={folder}/report"
        os.environ[name] = ":".join(filter(None, (text, os.environ.get(name))))


def environment():
    """The options, for a program that gets an environment of its own."""
    return {name: os.environ[name] for name in _OPTIONS if name in os.environ}


def patience(options):
    """The module's options, with the longest time for a daemon that a sanitizer slows down. What a test says
    of the time stays."""
    return options if not kind() or "timeout=" in options else f"{options} timeout=1s".strip()


class Stacks:
    """A folder of service files, and the same for a program with the sanitizer: there they name the module
    that has it, too."""

    def __init__(self, folder):
        self._source = self.folder = pathlib.Path(folder)
        if _MODULE.exists():
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pam-"))
            self.folder.chmod(0o755)

    def follow(self):
        """To be called before they are read: as the files are now."""
        for path in self._source.iterdir() if self.folder != self._source else ():
            with contextlib.suppress(IsADirectoryError):
                code = path.read_bytes().replace(bytes(paths.MODULE), bytes(_MODULE))
                (self.folder / path.name).write_bytes(code)


class Reports:
    """The folder of a test file's reports. Programs of every user write there."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o1777)
        watch(self.folder)

    def take(self):
        """The text of those that were written since, which are then gone."""
        texts = []
        for path in sorted(self.folder.iterdir()):
            texts.append(f"---- {path.name}\n{path.read_text('utf-8', errors='replace')}")
            path.unlink()
        return "\n".join(texts)

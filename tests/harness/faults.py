"""faults: the n-th call of a kind fails, in a process that has tests/harness/fail_calls.c preloaded. Armed
and disarmed through a file that both map, so that one process serves for every n."""
import errno
import mmap
import os
import struct
import subprocess

from . import paths
from .skip import Skip, need

LIBRARY = paths.BUILD / "tests" / "harness" / "fail_calls.so"

# As enum kind there.
KINDS = ["", "memory", "read", "write", "sync", "store", "commit", "descriptor", "thread", "random", "name",
         "room"]
USUAL = {"memory": errno.ENOMEM, "read": errno.EIO, "write": errno.ENOSPC, "sync": errno.EIO,
         "store": errno.ENOMEM, "commit": errno.ENOMEM, "descriptor": errno.EMFILE, "thread": errno.EAGAIN,
         "random": errno.EIO, "name": errno.EIO, "room": errno.ENOSPC}
_LAYOUT = struct.Struct("=iiQQQQ64s4096s")
_FAILED = struct.Struct("=Q")
_FAILED_AT = 32
_SEEN_AT = 24


class Faults:
    """One such file. Give `environment` to what is started: Daemon(environment=faults.environment)."""

    def __init__(self, path):
        need(LIBRARY)
        if any(name in paths.HOOKED_DAEMON.read_bytes() for name in (b"__asan_init", b"__tsan_init")):
            raise Skip("a sanitizer has the calls that are to fail")
        self.path = str(path)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.ftruncate(fd, _LAYOUT.size)
            self._map = mmap.mmap(fd, _LAYOUT.size)
        finally:
            os.close(fd)
        self._paused = 0
        self.environment = {"LD_PRELOAD": str(LIBRARY), "SESSJWT_TEST_FAULTS": self.path}

    def arm(self, kind, nth=1, error=None, times=1, only=""):
        """From now on the nth call of this kind fails (and `times` in a row), with this errno; only those
        made by objects with one of these names ("libpam.so|pam_sessjwt")."""
        self.disarm()
        _LAYOUT.pack_into(self._map, 0, 0, error or USUAL[kind], nth, times, 0, 0, only.encode(), b"")
        struct.pack_into("=i", self._map, 0, KINDS.index(kind))

    def disarm(self):
        """All calls go on as they should; returns how many failed."""
        struct.pack_into("=i", self._map, 0, 0)
        return self.failed

    def pause(self):
        """Disarmed for a moment, as for what a test does in between; go_on() arms it again where it was."""
        self._paused, = struct.unpack_from("=i", self._map, 0)
        struct.pack_into("=i", self._map, 0, 0)

    def go_on(self):
        """See pause."""
        struct.pack_into("=i", self._map, 0, self._paused)

    @property
    def failed(self):
        """How many calls have failed since it was armed."""
        return _FAILED.unpack_from(self._map, _FAILED_AT)[0]

    @property
    def seen(self):
        """How many calls of the kind there were."""
        return _FAILED.unpack_from(self._map, _SEEN_AT)[0]

    def where(self):
        """Which call failed, and who made it, as far as it can be told."""
        text = _LAYOUT.unpack_from(self._map)[-1].partition(b"\0")[0].decode(errors="replace")
        call, *frames = text.split("\n")
        return "\n  ".join([f"{call} fails"] + [_line_of(frame) for frame in frames])


def _line_of(frame):
    path, _plus, offset = frame.rpartition("+")
    try:
        found = subprocess.run(["addr2line", "-fsp", "-e", path, hex(int(offset, 16) - 1)], timeout=10,
                               capture_output=True, text=True, check=False).stdout.strip()
    except (OSError, ValueError):
        found = ""
    return found if found and "??" not in found else frame

"""clock: the hooked daemon's two clocks, moved by hand. The file is what SESSJWT_TEST_CLOCK names: two native
int64, offsets in microseconds of the wall clock and of the boot clock, mapped by both sides."""
import ctypes
import mmap
import os

_SIZE = 16
_USEC = 1_000_000


class Clock:
    """One file of offsets. Give it to Daemon(clock=…); both clocks start unmoved."""

    def __init__(self, path):
        self.path = str(path)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, _SIZE)
            # each is stored at once; struct.pack_into would let a daemon see it empty, or half of it
            self._usec = (ctypes.c_int64 * 2).from_buffer(mmap.mmap(fd, _SIZE))
        finally:
            os.close(fd)

    def offsets(self):
        """(wall, boot), in seconds."""
        return self._usec[0] / _USEC, self._usec[1] / _USEC

    def _move(self, wall_sec, boot_sec):
        self._usec[0] += round(wall_sec * _USEC)
        self._usec[1] += round(boot_sec * _USEC)

    def advance(self, seconds):
        """Time passes: both clocks go on."""
        self._move(seconds, seconds)

    def set_back(self, seconds):
        """An administrator (or NTP) sets the wall clock back; the boot clock does not know."""
        self._move(-seconds, 0)

    def set_forward(self, seconds):
        """The same in the other direction."""
        self._move(seconds, 0)

"""clock: the hooked daemon's two clocks, moved by hand. The file is what SESSJWT_TEST_CLOCK names: two native
int64, offsets in microseconds of the wall clock and of the boot clock, mapped by both sides."""
import mmap
import os
import struct

_LAYOUT = struct.Struct("=qq")
_USEC = 1_000_000


class Clock:
    """One file of offsets. Give it to Daemon(clock=…); both clocks start unmoved."""

    def __init__(self, path):
        self.path = str(path)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, _LAYOUT.size)
            self._map = mmap.mmap(fd, _LAYOUT.size)
        finally:
            os.close(fd)

    def offsets(self):
        """(wall, boot), in seconds."""
        wall, boot = _LAYOUT.unpack_from(self._map)
        return wall / _USEC, boot / _USEC

    def _move(self, wall_sec, boot_sec):
        wall, boot = _LAYOUT.unpack_from(self._map)
        _LAYOUT.pack_into(self._map, 0, wall + round(wall_sec * _USEC), boot + round(boot_sec * _USEC))

    def advance(self, seconds):
        """Time passes: both clocks go on."""
        self._move(seconds, seconds)

    def set_back(self, seconds):
        """An administrator (or NTP) sets the wall clock back; the boot clock does not know."""
        self._move(-seconds, 0)

    def set_forward(self, seconds):
        """The same in the other direction."""
        self._move(seconds, 0)

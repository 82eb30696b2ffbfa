"""flood: processes of an ordinary user that do something to the daemon over and over, until the test is over.

A deed is a generator: it is given the path of the public socket and yields how many things it has done since.
What the parent sees of it is that number."""
import mmap
import os
import selectors
import signal
import socket
import struct
import sys

from . import lifetime
from .varlink import become
from .waiting import eventually


class Flood:
    """One process of this user (a name or a uid) that does the deed; closed, it is killed."""

    def __init__(self, daemon, user, deed, *arguments):
        self._shared = mmap.mmap(-1, 16)
        path = str(daemon.varlink_socket)
        self.pid = os.fork()
        if self.pid == 0:
            self._do(user, deed(path, *arguments))
        lifetime.own(self)

    def _do(self, user, deeds):
        status = 1
        try:
            os.closerange(3, 4096)  # else other connections would outlive their tests
            become(user)
            done = 0
            for n in deeds:
                done += n
                self._shared[:8] = struct.pack("=Q", done)
            self._shared[8] = 1
            signal.pause()
        except BaseException as error:  # whatever it is, it is this process's end
            print(f"flood: {error!r}", file=sys.stderr, flush=True)
        os._exit(status)

    def count(self):
        """How much it has done."""
        return struct.unpack("=Q", self._shared[:8])[0]

    def wait(self, more=1, seconds=20.0):
        """Waits until it has done so much more than now."""
        goal = self.count() + more
        eventually(lambda: self.count() >= goal, seconds, lambda: f"{more} more of the flood")
        return self

    def wait_over(self, seconds=60.0):
        """Waits until the deed is done; it goes on holding what it has."""
        eventually(lambda: self._shared[8], seconds, "the deed done")
        return self

    def close(self):
        """Kills it, and with it all that it holds."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


def connect(path):
    """A connection, or None when there is none to be had now."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    return sock


class _Pipe:
    """One connection on which the same bytes go out again and again; one that was refused is made anew."""

    def __init__(self, path, text, selector):
        self.path = path
        self.text = text * (1 + 16384 // len(text))
        self.selector = selector
        self.sock = None
        self.open()

    def open(self):
        """Connects, anew if need be."""
        if self.sock:
            self.selector.unregister(self.sock)
            self.sock.close()
        self.at = 0
        self.sock = None
        while not self.sock:
            self.sock = connect(self.path)
        self.selector.register(self.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def go_on(self, events):
        """Reads and writes what it can; returns how many replies came."""
        replies = 0
        try:
            if events & selectors.EVENT_READ:
                data = self.sock.recv(65536)
                if not data:
                    raise BrokenPipeError
                replies = data.count(b"\0")
            if events & selectors.EVENT_WRITE:
                self.at = (self.at + self.sock.send(self.text[self.at:])) % len(self.text)
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.open()
        return replies


def pipeline(path, calls, connections=64):
    """From so many connections at once these calls (bytes with their NULs; each is sent again and again
    by some of the connections), as many as are taken; every reply is read. Yields replies."""
    selector = selectors.DefaultSelector()
    for number in range(connections):
        _Pipe(path, calls[number % len(calls)], selector)
    while True:
        yield sum(key.data.go_on(events) for key, events in selector.select())

"""redis: a redis-server of our own on a private Unix socket, that writes nothing."""
import socket

from harness.skip import need
from harness.waiting import eventually

from .program import Program

_SETTINGS = ("--port", "0", "--save", "", "--appendonly", "no", "--io-threads", "1", "--daemonize", "no",
             "--logfile", "", "--loglevel", "warning")


class Redis(Program):
    """One server. socket: its path. cpu: where it is pinned to."""

    _count = 0

    def __init__(self, host, cpu=None):
        need("redis-server")
        Redis._count += 1
        folder = host.dir / f"redis-{Redis._count}"
        folder.mkdir()
        self.socket = str(folder / "socket")
        super().__init__("redis-server", *_SETTINGS, "--unixsocket", self.socket, "--dir", folder, cpu=cpu)
        eventually(self._answers, 10.0, "redis-server answers")

    def _answers(self):
        try:
            return self.command("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def command(self, *words):
        """One command; the first bytes of its answer."""
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        text = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5.0)
            connection.connect(self.socket)
            connection.sendall(text)
            return connection.recv(65536)

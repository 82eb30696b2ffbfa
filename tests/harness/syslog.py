"""syslog: a /dev/log of our own, kept as lines."""
import os
import socket
import threading

from .waiting import eventually


class Syslog:
    """Collects what is written to the socket at path."""

    def __init__(self, path):
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(path)
        os.chmod(path, 0o666)
        self._lines = []
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while True:
            self._lines.append(self._sock.recv(65536).decode(errors="backslashreplace").rstrip("\n\0"))

    def text(self):
        """All lines so far."""
        return "\n".join(self._lines)

    def wait_for(self, text, seconds=5.0):
        """Waits until a line has the text, and returns it."""
        return eventually(lambda: next((line for line in self._lines if text in line), None), seconds,
                          f"{text!r} in syslog")

    def diagnosis(self):
        """The last lines, for a failure's report."""
        return "---- syslog\n" + "\n".join(self._lines[-40:]) if self._lines else ""

"""terminal: a pseudo-terminal with a program on it, as a person has one: type, and see."""
import fcntl
import os
import signal
import struct
import subprocess
import termios
import threading

from . import lifetime, processes
from .waiting import eventually


class Terminal:
    """Starts argv with a terminal of its own as controlling terminal and stdin, stdout, stderr."""

    def __init__(self, argv, env=None, cwd=None, columns=200):
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.name = os.ttyname(slave)
        self._master = master
        self._seen = b""
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.pid = self.process.pid
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        lifetime.own(self)

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: nobody has the other side any more
                return
            if not data:
                return
            self._seen += data

    def text(self):
        """Everything that was shown so far, line ends as \\n."""
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    def type(self, text):
        """Types; \\n is the return key."""
        os.write(self._master, text.encode())

    def expect(self, text, seconds=10.0, after=0):
        """Waits until the text is shown (behind offset `after` of text()); returns the offset behind it."""
        def look():
            at = self.text().find(text, after)
            return at + len(text) if at >= 0 else None
        return eventually(look, seconds, lambda: f"{text!r} on a terminal that shows:\n{self.text()[after:]}")

    def wait_closed(self, seconds=10.0):
        """Waits until the program has ended and all it showed is read; returns its exit status."""
        processes.wait_gone(self.pid, seconds)
        self._reader.join(1.0)
        return self.process.wait()

    def close(self):
        """Hangs up, and ends the program if that is not enough for it."""
        if self._master >= 0:
            if self.process.poll() is None:
                processes.send(self.pid, signal.SIGHUP)
                processes.end_all([self.pid], 2.0)
            self.process.wait()
            self._reader.join(1.0)
            os.close(self._master)
            self._master = -1

    def diagnosis(self):
        """What it shows, for a failure's report."""
        return f"---- terminal of {self.process.args[0]}, status {self.process.poll()}\n{self.text()[-4000:]}"

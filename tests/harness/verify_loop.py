"""verify_loop: build/tests/harness/verify_loop, an application that verifies tokens in its own process, all
the time, and what it has seen."""
import collections
import mmap
import os
import shutil
import struct
import subprocess
import time

from . import lifetime, paths
from .skip import need
from .waiting import eventually

PROGRAM = paths.BUILD / "tests" / "harness" / "verify_loop"
REVOKED, EXPIRED, STALE, UNKNOWN_KEY = 11, 6, 12, 4  # SESSJWT_TOKEN_*, client/sessjwt.h
_RESULT = struct.Struct("=QQQQqqQQ")
_TOKENS_MAX = 64
_count = 0

Seen = collections.namedtuple("Seen", "calls accepted last_accepted last_call last_answer odd_answer "
                                      "refused_first")


class VerifyLoop:
    """One process; user: whom it runs as. directory: a Daemon, or its public folder as the process sees it.
    before: words that the program's come behind (unshare …)."""

    def __init__(self, host, directory, tokens=(), user="alice", issuer=None, max_stale=0, before=()):
        global _count
        need(PROGRAM)
        _count += 1
        folder = getattr(directory, "runtime_dir", None)
        directory = folder / "public" if folder else directory
        self._file = host.dir / f"verify-loop-{_count}"
        self._file.write_bytes(bytes(_RESULT.size * (_TOKENS_MAX + 1)))
        self._file.chmod(0o666)
        with open(self._file, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        program = self._install(host)
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] if user else []
        self.process = subprocess.Popen(
            [*before, *become, str(program), str(directory), issuer or _issuer(), str(max_stale),
             str(self._file)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=os.environ | {"LD_LIBRARY_PATH": str(program.parent)})
        self.tokens = []
        lifetime.own(self)
        for token in tokens:
            self.add(token)

    @staticmethod
    def _install(host):
        """The program and the library where every user may read them: the build may stand in a folder of
        root's."""
        folder = host.dir / "verify-loop"
        folder.mkdir(exist_ok=True)
        for source in (PROGRAM, paths.LIBRARY):
            if not (folder / source.name).exists():
                shutil.copy(source, folder / source.name)
                (folder / source.name).chmod(0o755)
        return folder / PROGRAM.name

    def add(self, token):
        """One more token to verify from now on."""
        self.tokens.append(token)
        self.process.stdin.write(token.encode() + b"\n")

    def seen(self, token):
        """What came of a token up to now."""
        return Seen(*_RESULT.unpack_from(self._map, (self.tokens.index(token) + 1) * _RESULT.size)[:-1])

    def calls(self):
        """How many calls it has made of all its tokens."""
        return sum(self.seen(token).calls for token in self.tokens)

    def wait_calls(self, more, seconds=20.0):
        """Waits until it has made so many more calls."""
        goal = self.calls() + more
        eventually(lambda: self.process.poll() is not None or self.calls() >= goal, seconds,
                   f"{more} more verifications")
        assert self.process.poll() is None, self.process.stderr.read().decode()

    def wait_answer(self, token, answer, seconds=10.0):
        """Waits until the token is answered so."""
        eventually(lambda: self.seen(token).last_answer == answer and self.seen(token).calls, seconds,
                   lambda: f"answer {answer}, seen {self.seen(token)}")

    def answer(self, token):
        """What a call that starts now answers."""
        begin = time.monotonic_ns()
        eventually(lambda: self.seen(token).last_call > begin, 10.0, "another verification")
        return self.seen(token).last_answer

    def close(self):
        """Ends it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stderr.close()


def _issuer():
    return f"sessjwt://{open('/proc/sys/kernel/hostname', encoding='ascii').read().strip()}"

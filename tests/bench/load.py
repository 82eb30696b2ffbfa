"""load: load generators that go on living: an order is a line, what came of it is a line of JSON."""
import json
import subprocess

from harness import paths
from harness.skip import need

from .program import Program, bench_program

SLOW_SYNC = paths.BUILD / "tests" / "bench" / "slow_sync.so"


def slow_syncs(milliseconds):
    """The environment of a program on a disk on which each sync takes so much longer; 0: as it is."""
    need(SLOW_SYNC)
    return {"LD_PRELOAD": str(SLOW_SYNC), "SLOW_SYNC_USEC": str(milliseconds * 1000)} if milliseconds else {}


class Load(Program):
    """One load generator."""

    def __init__(self, *command, **how):
        super().__init__(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **how)

    def begin(self, order):
        """Gives an order, and does not wait."""
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def finish(self):
        """Waits until the order has been carried out; what came of it."""
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended with status {self.process.wait()}"
        return json.loads(line)

    def close(self):
        """Ends it by signal."""
        super().close()
        self.process.stdin.close()
        self.process.stdout.close()


class Logins(Load):
    """Modules that log in to a daemon; see load_login.c. Their sessions live until this one is closed."""

    def __init__(self, daemon, leaders=100, **how):
        super().__init__(bench_program("load_login"), daemon.login_socket, leaders, **how)

    def order(self, logins, at_once=1, user="", **numbers):
        """So many logins, so many at once."""
        words = [f"{name}={value}" for name, value in numbers.items()]
        self.begin(" ".join([f"logins={logins} at_once={at_once}", *words, user]))

    def open(self, logins, **how):
        """They have been made; what they took."""
        self.order(logins, **how)
        return self.finish()


class Counted(Load):
    """What takes orders of a number, and how many seconds that may take."""

    def run(self, number, seconds=3600.0):
        """What it took."""
        self.begin(f"{number} {seconds}")
        return self.finish()


def commits(folder, sessions=1000, users=100, **how):
    """LMDB alone, in a folder of its own; see load_commit.c."""
    return Counted(bench_program("load_commit"), folder, sessions, users, **how)


def calls(daemon, folder, texts, connections=1, depth=1, **how):
    """Calls on the public socket, each text in its turn; see load_calls.c."""
    path = folder / f"calls-{calls.number}"
    calls.number += 1
    path.write_text("".join(json.dumps(text, separators=(",", ":")) + "\n" for text in texts), "utf-8")
    path.chmod(0o644)
    return Counted(bench_program("load_calls"), daemon.varlink_socket, connections, depth, path, **how)


calls.number = 0


def pam_logins(folder, service, user, command):
    """Processes that go through a PAM stack; see load_pam.c. command: what runs it."""
    return Counted(*command, folder, service, user)

"""pam_app: build/tests/harness/pam_app, a PAM application that does what it is told, one line a step."""
import dataclasses
import re
import select
import subprocess

from . import lifetime, paths, sanitizers
from .skip import need

_ESCAPE = re.compile(r"\\(.)", re.S)
_ANSWER = re.compile(r"rc=(-?\d+)(?: (\S+))?(?: text=(.*))?$", re.S)


def _escape(text):
    return str(text).replace("\\", "\\\\").replace("\n", "\\n")


def _unescape(text):
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


@dataclasses.dataclass
class Answer:
    """What a PAM call returned: its number, its name (PAM_SUCCESS, …), and the text that came with it."""
    rc: int
    name: str
    text: str


class PamApp:
    """Programs that log in, each step by hand. folder: a Host (its /etc/pam.d) or a folder of service files.

    user: whom it runs as; None: as we are."""

    def __init__(self, folder, user=None, environment=None):
        need(paths.PAM_APP)
        folder = getattr(folder, "pam_dir", folder)
        self._stacks = sanitizers.Stacks(folder)
        before = ["setpriv", f"--reuid={user}", "--init-groups", "--"] if user else []
        environment = environment | sanitizers.environment() if environment is not None else None
        command = [*before, str(paths.PAM_APP), str(self._stacks.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment, process_group=0, bufsize=0)
        self.pid = self.process.pid
        self._buffer = b""
        lifetime.own(self)

    def send(self, line):
        """Writes a line without waiting for the answer: two programs may be at it at once."""
        self._stacks.follow()
        self.process.stdin.write(line.encode() + b"\n")

    def read(self, seconds=10.0):
        """The next answer."""
        while b"\n" not in self._buffer:
            if not select.select([self.process.stdout], [], [], seconds)[0]:
                raise AssertionError(f"pam_app did not answer within {seconds} s")
            data = self.process.stdout.read(65536)
            assert data, f"pam_app ended with status {self.process.wait()}"
            self._buffer += data
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        match = _ANSWER.match(line.decode(errors="replace"))
        assert match, f"pam_app answered {line!r}"
        return Answer(int(match[1]), match[2] or "", _unescape(match[3] or ""))

    def ask(self, *words):
        """One line, one answer."""
        self.send(" ".join(str(word) for word in words))
        return self.read()

    def begin(self, handle, service, user):
        """pam_start."""
        return self.ask("start", handle, service, _escape(user))

    def item(self, handle, name, value):
        """pam_set_item: RHOST, TTY, RUSER, …"""
        return self.ask("item", handle, name, _escape(value))

    def putenv(self, handle, name, value):
        """pam_putenv."""
        return self.ask("putenv", handle, f"{name}={_escape(value)}")

    def getenv(self, handle, name):
        """pam_getenv, as the answer's text."""
        return self.ask("getenv", handle, name).text

    def account(self, handle, silent=False):
        """pam_acct_mgmt."""
        return self.ask("account", handle, *(["silent"] if silent else []))

    def open(self, handle, silent=False):
        """pam_open_session."""
        return self.ask("open", handle, *(["silent"] if silent else []))

    def close_session(self, handle, silent=False):
        """pam_close_session."""
        return self.ask("close", handle, *(["silent"] if silent else []))

    def authenticate(self, handle, silent=False):
        """pam_authenticate."""
        return self.ask("authenticate", handle, *(["silent"] if silent else []))

    def password(self, handle):
        """pam_chauthtok."""
        return self.ask("password", handle)

    def type(self, handle, text):
        """What every prompt is answered with from now on."""
        return self.ask("type", handle, _escape(text))

    def fork_open(self, handle):
        """pam_open_session in a child of the program, which then ends."""
        return self.ask("fork-open", handle)

    def fork_close(self, handle, uid=None):
        """pam_close_session in a child of the program; as this uid."""
        return self.ask("fork-close-as", handle, uid) if uid else self.ask("fork-close", handle)

    def spoil(self, handle, how, value=""):
        """Puts the program into a bad state: see pam_app.c. Fails where that was not to be had."""
        answer = self.ask("spoil", handle, how, value)
        assert answer.rc == 0, (how, answer)

    def threads(self, handle, number, user):
        """So many threads log in and out at once; returns how many had no session."""
        self.send(f"threads {handle} {number} {user}")
        return self.read(60.0).rc

    def run(self, handle, uid, command):
        """A command of sh as this uid, in a child of the program: so in the sessions that it leads. The
        answer's rc is the command's status, its text what the command printed."""
        return self.ask("run", handle, uid, _escape(command))

    def end(self, handle, data_silent=False):
        """pam_end."""
        return self.ask("end", handle, *(["data-silent"] if data_silent else []))

    def quit(self):
        """Lets it end as a program does."""
        self.send("quit")
        return self.process.wait(10)

    def kill(self):
        """SIGKILL: no close, no end."""
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends the program."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def log_in_often(host, user, number):
    """So many sessions of one user by the service sshd, opened by a few programs. Returns the programs, which
    are to be kept, and the session ids, oldest first."""
    apps, sids = [], []
    while len(sids) < number:
        app = PamApp(host)
        apps.append(app)
        for handle in range(1, 61):
            assert app.begin(handle, "sshd", user).rc == 0 and app.open(handle).rc == 0
            sids.append(app.getenv(handle, "SESSJWT_SESSION_ID"))
    return apps, sids

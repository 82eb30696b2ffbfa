"""ssh: the real OpenSSH client, its keys, and logins that stay."""
import dataclasses
import ipaddress
import os
import pathlib
import subprocess

from . import lifetime, processes
from .host import CLIENT, PASSWORD, SERVER, SERVER6
from .skip import need
from .terminal import Terminal
from .waiting import eventually

METHOD_KEY, METHOD_PASSWORD, METHOD_KBD = "publickey", "password", "keyboard-interactive"


@dataclasses.dataclass
class Result:
    """How a client ended: exit status, output, and what it said on standard error."""
    rc: int
    out: str
    err: str

    @property
    def text(self):
        """Both outputs."""
        return self.out + self.err


class Ssh:
    """Clients of one Sshd. Keys are made when first named and put into the users' authorized_keys by
    trust()."""

    def __init__(self, sshd):
        need("ssh", "ssh-keygen")
        self.sshd = sshd
        self.host = sshd.host
        self.dir = sshd.dir / "client"
        self.dir.mkdir(mode=0o755)
        self.known_hosts = self.dir / "known_hosts"
        key = pathlib.Path(f"{sshd.host_key}.pub").read_text("ascii").split()[:2]
        self.known_hosts.write_text(f"* {' '.join(key)}\n", "ascii")

    # ---- keys ----------------------------------------------------------------------------------------------

    def key(self, name, kind="ed25519"):
        """Path of the private key of that name, made at first use."""
        path = self.dir / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path], check=True)
        return path

    def public_key(self, name):
        """Its public line."""
        return pathlib.Path(f"{self.key(name)}.pub").read_text("ascii")

    def fingerprint(self, name):
        """Its SHA256:… fingerprint."""
        done = subprocess.run(["ssh-keygen", "-l", "-f", f"{self.key(name)}.pub"], capture_output=True,
                              text=True, check=True)
        return done.stdout.split()[1]

    def trust(self, user, *names):
        """Lets these keys log in as the user, and no others."""
        self.host.write_file(user, ".ssh/authorized_keys", "".join(self.public_key(name) for name in names))

    def certify(self, name, principal, ca="ca", key_id=None, serial=1):
        """Signs the key with the authority (a key too; give TrustedUserCAKeys=ssh.key("ca") + ".pub" to the
        Sshd). Logins with this key then show the certificate."""
        subprocess.run(["ssh-keygen", "-q", "-s", self.key(ca), "-I", key_id or name, "-n", principal, "-z",
                        str(serial), f"{self.key(name)}.pub"], check=True)

    # ---- one command ---------------------------------------------------------------------------------------

    def run(self, user, *command, timeout=30, text_in=None, **how):
        """Logs in, runs the command (joined by blanks), waits. how: see arguments()."""
        return self._finish(self.arguments("ssh", user, **how) + [" ".join(command)], timeout, text_in)

    def sftp(self, user, batch="pwd\n", timeout=30, **how):
        """Runs sftp with these commands."""
        arguments = self.arguments("sftp", user, **how)
        return self._finish(arguments[:-1] + ["-b", "-", arguments[-1]], timeout, batch)

    def scp(self, user, source, target, timeout=30, **how):
        """Copies the local file source to the user's target."""
        arguments = self.arguments("scp", user, **how)
        return self._finish(arguments[:-1] + [str(source), f"{arguments[-1]}:{target}"], timeout, None)

    @staticmethod
    def _finish(arguments, timeout, text_in):
        done = subprocess.run([str(word) for word in arguments], capture_output=True, text=True,
                              timeout=timeout, input=text_in or "", errors="replace", env=_environment(),
                              check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    # ---- a login that stays --------------------------------------------------------------------------------

    def start(self, user, *command, tty=False, shell=True, columns=200, **how):
        """Starts a login and does not wait. tty: on a terminal (-tt). shell=False: -N. how: see
        arguments()."""
        extra = list(how.pop("extra", ()))
        extra += ["-tt"] if tty else []
        extra += [] if shell else ["-N", "-v"]
        arguments = self.arguments("ssh", user, extra=extra, **how) + ([" ".join(command)] if command else [])
        return Login(arguments, tty, columns)

    def arguments(self, program, user, *, key=None, password=None, method=None, source=CLIENT, server=None,
                  extra=(), options=None):
        """The command line up to the host.

        key: a key's name. password: True for the user's usual one, or text (asked by keyboard-interactive
        too). method: what the client may use, in order; made of key and password if it is not given. source,
        server: addresses to come from and go to (None: as the kernel chooses, to 127.0.0.1). extra: more
        words. options: {"ControlPath": …} as -o."""
        settings = {
            "BatchMode": "no" if password else "yes", "NumberOfPasswordPrompts": "1", "LogLevel": "INFO",
            "UserKnownHostsFile": self.known_hosts, "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes", "IdentityAgent": "none", "IdentitiesOnly": "yes",
            "GSSAPIAuthentication": "no", "ConnectTimeout": "10",
            "PreferredAuthentications": method or _methods(key, password),
        }
        if source:
            self.host.add_address(source)
            settings["BindAddress"] = source
        words = ["sshpass", "-p", PASSWORD if password is True else password] if password else []
        if password:
            need("sshpass")
        words += [program, "-F", "none", "-P" if program != "ssh" else "-p", str(self.sshd.port)]
        words += ["-i", self.key(key)] if key else []
        for name, value in (settings | (options or {})).items():
            words += ["-o", f"{name}={value}"]
        server = server or _server_for(source)
        if program != "ssh" and ":" in server:
            server = f"[{server}]"
        return [str(word) for word in [*words, *extra, f"{user}@{server}"]]


def _methods(key, password):
    assert key or password, "a login needs key= or password="
    return ",".join(([METHOD_KEY] if key else []) + ([METHOD_PASSWORD] if password else []))


def _server_for(source):
    if source is None or ipaddress.ip_address(source) == ipaddress.ip_address("127.0.0.1"):
        return "127.0.0.1"
    if ":" in source:
        return "::1" if source == "::1" else SERVER6
    return SERVER


def _environment():
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {"TERM": "dumb"}


class Login:
    """A client that runs. Without a tty: say() writes to its standard input, out() and err() are what it
    wrote."""

    _count = 0

    def __init__(self, arguments, tty, columns=200):
        self.terminal = Terminal(arguments, env=_environment(), columns=columns) if tty else None
        if tty:
            self.process = self.terminal.process
        else:
            self._start_piped(arguments)
        self.pid = self.process.pid
        lifetime.own(self)

    def _start_piped(self, arguments):
        self._out, self._err = os.memfd_create("out"), os.memfd_create("err")
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=self._out, stderr=self._err,
                                        start_new_session=True, env=_environment())

    @staticmethod
    def _read(fd):
        return os.pread(fd, 1 << 20, 0).decode(errors="replace")

    def out(self):
        """Its output so far; what the terminal shows, if it has one."""
        return self.terminal.text() if self.terminal else self._read(self._out)

    def err(self):
        """Its standard error so far."""
        return self.terminal.text() if self.terminal else self._read(self._err)

    def text(self):
        """Both."""
        return self.out() if self.terminal else self.out() + self.err()

    def say(self, line):
        """Gives the shell a line."""
        if self.terminal:
            self.terminal.type(line + "\n")
        else:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def expect(self, text, seconds=10.0):
        """Waits until it has written the text."""
        def look():
            if text in self.text():
                return True
            assert self.is_open() or text in self.text(), f"closed, and no {text!r} in:\n{self.text()}"
            return False
        eventually(look, seconds, lambda: f"{text!r} in:\n{self.text()}")

    def wait_open(self, seconds=10.0):
        """Waits until the shell answers (with -N: until sshd has let it in). Returns self."""
        if "-N" in self.process.args:
            self.expect("Entering interactive session", seconds)
            return self
        Login._count += 1
        self.say(f'echo "op"en-{Login._count}.')
        self.expect(f"open-{Login._count}.", seconds)
        return self

    def run(self, line, seconds=10.0):
        """Runs a line in the login's shell and returns what it wrote (no tty)."""
        before = len(self.out())
        Login._count += 1
        self.say(f'{line}\necho "do"ne-{Login._count}.')
        self.expect(f"done-{Login._count}.", seconds)
        return self.out()[before:].partition(f"done-{Login._count}.")[0]

    def is_open(self):
        """Whether the client runs."""
        return self.process.poll() is None

    def wait_closed(self, seconds=10.0):
        """Waits until the client has ended; returns its exit status (255: the connection was cut)."""
        if self.terminal:
            return self.terminal.wait_closed(seconds)
        processes.wait_gone(self.pid, seconds)
        return self.process.wait()

    def log_out(self, seconds=10.0):
        """Leaves as a person does: end of input, or `exit` on a terminal."""
        if self.terminal:
            self.say("exit")
        else:
            self.process.stdin.close()
        return self.wait_closed(seconds)

    def vanish(self):
        """The client is killed, as when a laptop goes to sleep for ever (but the kernel closes the
        connection)."""
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends the client."""
        if self.terminal:
            self.terminal.close()
            return
        if self.is_open():
            processes.end_all([self.pid], 2.0)
        self.process.wait()
        self.process.stdin.close()
        for fd in {self._out, self._err}:  # one and the same after the first close
            os.close(fd)
        self._out = self._err = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def diagnosis(self):
        """What it wrote, for a failure's report."""
        return "" if self.terminal else f"---- ssh, status {self.process.poll()}\n{self.text()[-4000:]}"

"""sshd: the real OpenSSH server, private: own keys, own port, own PAM service; as Debian runs it in all
else."""
import pathlib
import signal
import socket
import subprocess

from . import lifetime, processes
from .skip import need
from .waiting import eventually

PROGRAM = "/usr/sbin/sshd"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_OPTIONS = {
    "UsePAM": "yes", "UseDNS": "no", "PidFile": "none", "LogLevel": "VERBOSE", "StrictModes": "yes",
    "PubkeyAuthentication": "yes", "PasswordAuthentication": "yes", "KbdInteractiveAuthentication": "yes",
    "PermitRootLogin": "yes", "PrintMotd": "no", "AcceptEnv": "LANG LC_*", "Subsystem": "sftp internal-sftp",
    "MaxStartups": "1000", "MaxSessions": "100", "MaxAuthTries": "20",
}

_count = 0


def _free_port():
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
        sock.bind(("::", 0))
        return sock.getsockname()[1]


class Sshd:
    """A server on every address of the host. service: its PAM service, which sshd takes from its own name.

    options: sshd_config words that differ from _OPTIONS, as Sshd(host, AuthenticationMethods="publickey"); a
    value of None drops the word; MatchBlock="…" is text put at the end. environment: its environment,
    LD_PRELOAD and the like."""

    def __init__(self, host, service="sshd", listen=("0.0.0.0", "[::]"), environment=None, **options):
        global _count
        _count += 1
        need(PROGRAM)
        self.host = host
        self.port = _free_port()
        self.dir = pathlib.Path(host.dir) / f"sshd-{_count}"
        self.dir.mkdir(mode=0o755)
        self.host_key = self.dir / "host_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.host_key], check=True)
        self.program = self.dir / service
        self.program.symlink_to(PROGRAM)
        self._write_config(listen, options)
        self._log_file = self.dir / "log"
        self._environment = environment or {}
        self.process = None
        lifetime.own(self)
        self.start()

    def _write_config(self, listen, options):
        last = options.pop("MatchBlock", "")
        lines = [f"HostKey {self.host_key}", *(f"ListenAddress {address}:{self.port}" for address in listen)]
        lines += [f"{word} {value}" for word, value in (_OPTIONS | options).items() if value is not None]
        self.config_file = self.dir / "sshd_config"
        self.config_file.write_text("\n".join(lines) + f"\n{last}\n", "utf-8")

    def start(self):
        """Starts it and waits until it listens."""
        with open(self._log_file, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "-D", "-e", "-f", str(self.config_file)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, process_group=0, env={"PATH": _PATH} | self._environment)

        def listens():
            assert self.process.poll() is None, f"sshd ended:\n{self.log()}"
            return "Server listening on" in self.log()
        eventually(listens, 10.0, "sshd listening")

    @property
    def pid(self):
        """The listener's pid."""
        return self.process.pid

    def monitors(self, user=None):
        """Pids of the processes that lead a connection (of a user, if given): "sshd: alice [priv]", the
        openers of PAM sessions."""
        names = [f"sshd: {user} [priv]", f"sshd: {user}@"] if user else [" [priv]", "sshd: root@"]
        return [pid for pid in processes.children(self.pid)
                if any(name in processes.command_line(pid) for name in names) and processes.is_alive(pid)]

    def connections(self):
        """How many TCP connections it has."""
        return processes.tcp_connections(self.port)

    def log(self):
        """What it and its children logged."""
        return self._log_file.read_text("utf-8", errors="replace") if self._log_file.exists() else ""

    def close(self):
        """Ends the listener and every connection that came from it."""
        if self.process.poll() is None:
            everybody = processes.descendants(self.pid)
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            processes.end_all(everybody)

    def diagnosis(self):
        """The end of its log, for a failure's report."""
        status = self.process.poll() if self.process else "not started"
        return f"---- sshd, status {status}\n{self.log()[-4000:]}"

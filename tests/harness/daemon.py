"""daemon: sessjwtd under test, started and watched as a service manager would: foreground, notify socket, its
log."""
import os
import pathlib
import select
import signal
import socket
import subprocess
import tempfile
import time

from . import lifetime, paths, processes, sanitizers
from .skip import need
from .waiting import eventually

_count = 0


class DaemonFailed(AssertionError):
    """It ended, or stayed silent, instead of saying READY=1."""


class Daemon:
    """A daemon with folders of its own; start() starts it, again and again if wanted, over the same state.

    config: text of its configuration file. hooked: the test build (clock, hooks, boot id) or the product.
    hooks: "name=kill,name:3=stop". clock: a Clock. boot_id: a UUID, pretends another boot. disk: keep the
    state on the disk of the checkout. runtime_dir: where its sockets are; the module's default path if it is
    not given."""

    def __init__(self, host, config="", *, hooked=True, disk=False, state_dir=None, runtime_dir=None,
                 clock=None, boot_id=None, environment=None, user=None):
        global _count
        _count += 1
        self.dir = pathlib.Path(host.dir) / f"daemon-{_count}"
        self.dir.mkdir(mode=0o755)
        self.config_file = self.dir / "sessjwtd.conf"
        self.write_config(config)
        self.state_dir = self._make_state_dir(state_dir, disk)
        self.runtime_dir = pathlib.Path(runtime_dir or host.runtime_dir)
        self.program = paths.HOOKED_DAEMON if hooked else paths.DAEMON
        self.clock = clock
        self.boot_id = boot_id
        self.environment = environment or {}
        self.user = user
        self.process = None
        self._log_file = self.dir / "log"
        self._log_file.touch()
        lifetime.own(self)

    def _make_state_dir(self, given, disk):
        if given:
            return pathlib.Path(given)
        if disk:
            (paths.BUILD / "tests").mkdir(parents=True, exist_ok=True)
            self._on_disk = tempfile.TemporaryDirectory(prefix="state-", dir=paths.BUILD / "tests")
            return pathlib.Path(self._on_disk.name)
        state_dir = self.dir / "state"
        state_dir.mkdir(mode=0o700)
        return state_dir

    # ---- where it is ---------------------------------------------------------------------------------------

    @property
    def varlink_socket(self):
        """Path of the public socket."""
        return self.runtime_dir / "org.sessjwt"

    @property
    def login_socket(self):
        """Path of the module's socket."""
        return self.runtime_dir / "login"

    @property
    def pid(self):
        """Its pid; the last one when it is not running."""
        return self.process.pid

    @property
    def command_line(self):
        """What start() runs, but for more arguments of the test's own."""
        return [str(self.program), "--config", str(self.config_file), "--state-dir", str(self.state_dir),
                "--runtime-dir", str(self.runtime_dir)]

    def write_config(self, text):
        """Replaces the configuration; it counts from the next start or reload."""
        self.config_file.write_text(text, "utf-8")

    # ---- start and stop ------------------------------------------------------------------------------------

    def start(self, hooks=None, ready=True, seconds=10.0, **environment):
        """Starts it and waits for READY=1; ready=False: does not wait (a hook that kills it at start,
        say)."""
        need(self.program)
        assert self.process is None or self.process.poll() is not None, "it is still running"
        with tempfile.TemporaryDirectory(prefix="notify-", dir=self.dir) as folder, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self._log_file, "ab") as log:
            os.chmod(folder, 0o755)
            notify.bind(f"{folder}/socket")
            os.chmod(f"{folder}/socket", 0o666)
            self.process = subprocess.Popen(
                self._as_user() + self.command_line, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", env=self._environment(hooks, environment, f"{folder}/socket"), process_group=0)
            if ready:
                self._wait_ready(notify, time.monotonic() + seconds)
        return self

    def _as_user(self):
        return ["setpriv", f"--reuid={self.user}", "--init-groups", "--"] if self.user else []

    def _environment(self, hooks, more, notify):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": notify}
        environment |= sanitizers.environment()
        if hooks:
            environment["SESSJWT_TEST_HOOKS"] = hooks
        if self.clock:
            environment["SESSJWT_TEST_CLOCK"] = self.clock.path
        if self.boot_id:
            environment["SESSJWT_TEST_BOOT_ID"] = self.boot_id
        return environment | self.environment | more

    def _wait_ready(self, notify, deadline):
        pidfd = os.pidfd_open(self.process.pid)
        try:
            poll = select.poll()
            poll.register(notify, select.POLLIN)
            poll.register(pidfd, select.POLLIN)
            while time.monotonic() < deadline:
                for fd, _event in poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    if fd == notify.fileno():
                        if b"READY=1" in notify.recv(65536).split(b"\n"):
                            return
                    elif not select.select([notify], [], [], 0)[0]:
                        status = self.process.wait()
                        raise DaemonFailed(f"sessjwtd ended with status {status}:\n{self.log()[-4000:]}")
        finally:
            os.close(pidfd)
        raise DaemonFailed(f"sessjwtd did not become ready:\n{self.log()[-4000:]}")

    def is_running(self):
        """Whether it lives."""
        return self.process is not None and self.process.poll() is None

    def wait_ended(self, seconds=10.0):
        """Waits until it has ended by itself (a hook's kill, say) and returns its status as Popen does (-9,
        1, …)."""
        processes.wait_gone(self.process.pid, seconds)
        return self.process.wait()

    def stop(self, seconds=10.0):
        """SIGTERM, and its exit status."""
        self.process.terminate()
        return self.wait_ended(seconds)

    def kill(self):
        """SIGKILL, as a crash."""
        self.process.kill()
        self.process.wait()

    def restart(self, **arguments):
        """Ends it if it runs, and starts it with the same state."""
        if self.is_running():
            self.stop()
        return self.start(**arguments)

    def reload(self):
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def pause(self):
        """SIGSTOP; returns when it is stopped."""
        self.process.send_signal(signal.SIGSTOP)
        self.wait_stopped()

    def wait_stopped(self, seconds=10.0):
        """Waits until it is stopped: by pause, or by a hook."""
        eventually(lambda: processes.state(self.pid) == "T", seconds, "sessjwtd stopped")

    def resume(self):
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    # ---- what it shows -------------------------------------------------------------------------------------

    def log(self, after=0):
        """Its standard error and output since the first start, from offset `after` on."""
        return self._log_file.read_text("utf-8", errors="replace")[after:]

    def log_end(self):
        """The offset to give as `after` later."""
        return len(self.log())

    def wait_for_log(self, text, seconds=5.0, after=0):
        """Waits until the log has the text behind `after`; returns the first line that has it."""
        def look():
            return next((line for line in self.log(after).splitlines() if text in line), None)
        return eventually(look, seconds, f"{text!r} in the daemon's log")

    def count_fds(self):
        """How many descriptors it has open."""
        return processes.count_fds(self.pid)

    def memory_kib(self):
        """Its resident memory."""
        return processes.memory_kib(self.pid)

    def is_sanitized(self):
        """Whether a sanitizer is in it, which keeps what was freed for a while: its memory tells nothing."""
        return sanitizers.kind_of(self.program) is not None

    def close(self):
        """Ends it, gently if it can."""
        if self.is_running():
            self.resume()
            processes.end_all([self.process.pid], 5.0)
            self.process.wait()

    def diagnosis(self):
        """Its log, for a failure's report."""
        status = "not started" if self.process is None else f"status {self.process.poll()}"
        return f"---- sessjwtd, {status}\n{self.log()[-8000:]}"

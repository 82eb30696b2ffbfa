"""booted: a host of its own with a real systemd as PID 1, journald, logind and sshd, in about a second.

systemd-nspawn on an overlay of this machine's root, which it does not change: what is built here is
installed in it by `make install`. Where a machine cannot boot one (no root, no systemd-container, no
overlay), the file is skipped and says so."""
import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import uuid

from . import lifetime, namespaces, paths, processes
from .skip import Skip, need
from .waiting import NotInTime, eventually

BOOT_SEC = 60.0
ANSWER_SEC = 25.0  # on a machine that can boot one it takes less than one
CONTROLLERS = pathlib.Path("/sys/fs/cgroup")
# What is started besides what the tests install: no service of this machine.
_TARGET = """\
[Unit]
Description=What the tests need
Requires=basic.target
Wants=dbus.service systemd-logind.service systemd-user-sessions.service ssh.service {units}
After=basic.target
AllowIsolate=yes
"""
_LINES = (("common-account", "-account [success=ok perm_denied=die default=ignore] pam_sessjwt.so"),
          ("common-session", "-session [success=ok session_err=die default=ignore] pam_sessjwt.so"))
_SSHD = """\
ListenAddress 127.0.0.1
UsePAM yes
KbdInteractiveAuthentication yes
"""
# A build that counts lines (make coverage) counts those of the host, too: where its counters are, is one
# folder for all.
COUNTS_LINES = paths.BUILD.name.endswith("-coverage")
_COUNTED = f"[Service]\nReadWritePaths=-{paths.BUILD}\n"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}


@dataclasses.dataclass
class Result:
    """What a command came to."""
    rc: int
    out: str
    err: str


def _own_cgroup(name):
    """Containers that are started from one cgroup collide, so each is started from one of its own."""
    made = []
    for line in pathlib.Path("/proc/self/cgroup").read_text("ascii").splitlines():
        _number, controllers, path = line.split(":", 2)
        folder = CONTROLLERS / (controllers.removeprefix("name=") or "unified")
        if not controllers and not folder.is_dir():
            folder = CONTROLLERS
        folder = folder / path.lstrip("/") / name
        if controllers in ("name=systemd", ""):
            try:
                folder.mkdir()
                made.append(folder)
            except OSError:
                pass
    return made


class Booted:
    """The host, booted. units: started with it; prepare(root): changes its root before it boots. install:
    with our build, else bare."""

    def __init__(self, units="sessjwtd.socket sessjwtd.service", prepare=None, install=True):
        need("systemd-nspawn", "nsenter", "/usr/sbin/sshd", "/lib/systemd/systemd", "/usr/bin/dbus-daemon")
        if not namespaces.has_mounts():
            raise Skip(namespaces.why_not())
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="booted-"))
        self.name = f"sjt-{uuid.uuid4().hex[:12]}"
        self._nspawn, self.leader, self._cgroups, self._keys = None, None, [], {}
        lifetime.own(self)
        self._make_root()
        self._settle_root(units)
        if install:
            self.install()
        if prepare:
            prepare(self.root)
        self.boot()

    # ---- its root ------------------------------------------------------------------------------------------

    def _make_root(self):
        namespaces.tmpfs(self.dir)
        self.root = self.dir / "root"
        for name in ("up", "work", "root"):
            (self.dir / name).mkdir()
        try:
            namespaces.mount("overlay", self.root, "overlay", 0,
                             f"lowerdir=/,upperdir={self.dir}/up,workdir={self.dir}/work")
        except OSError as error:
            raise Skip(f"needs an overlay of the root: {error.strerror}") from error

    def _settle_root(self, units):
        for number, name in ((3, "null"), (9, "urandom")):  # for what runs in it before it boots
            if not (self.root / "dev" / name).exists():
                os.mknod(self.root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, number))
        for name in ("usr/sbin/policy-rc.d", "etc/machine-id"):
            (self.root / name).unlink(missing_ok=True)
        (self.root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n", "ascii")
        for key in (self.root / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        self.chroot("ssh-keygen", "-q", "-A")
        (self.root / "etc/ssh/sshd_config.d").mkdir(exist_ok=True)
        (self.root / "etc/ssh/sshd_config.d/test.conf").write_text(_SSHD, "ascii")
        folder = self.root / "etc/systemd/system"
        (folder / "test.target").write_text(_TARGET.format(units=units), "ascii")
        (folder / "default.target").unlink(missing_ok=True)
        (folder / "default.target").symlink_to("/etc/systemd/system/test.target")
        shutil.rmtree(self.root / "var/log/journal", ignore_errors=True)
        (self.root / "var/log/journal").mkdir(parents=True)
        for name in ("alice", "bob", "mallory"):
            self.chroot("useradd", "--create-home", "--shell", "/bin/bash", name)

    def install(self):
        """What `make install` does, its users, and our two lines in PAM."""
        subprocess.run(["make", "-s", "install", f"B={paths.BUILD}", f"DESTDIR={self.root}"], check=True,
                       cwd=paths.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.chroot("ldconfig")
        if COUNTS_LINES:
            folder = self.root / "etc/systemd/system/sessjwtd.service.d"
            folder.mkdir()
            (folder / "counted.conf").write_text(_COUNTED, "ascii")
        self.chroot("systemd-sysusers")
        self.chroot("journalctl", "--update-catalog")
        for file, line in _LINES:
            path = self.root / "etc/pam.d/sshd"
            text = path.read_text("utf-8")
            path.write_text(text.replace(f"@include {file}\n", f"@include {file}\n{line}\n", 1), "utf-8")

    def chroot(self, *command):
        """Runs something in its root while it is not booted."""
        done = subprocess.run(["chroot", self.root, *command], env=_ENVIRONMENT, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}"
        return done.stdout

    # ---- it boots, runs, ends ------------------------------------------------------------------------------

    def boot(self):
        """Starts it, and waits until all that it starts is up."""
        self._cgroups = _own_cgroup(self.name)

        def enter_cgroup():
            for folder in self._cgroups:
                (folder / "cgroup.procs").write_text(str(os.getpid()), "ascii")
        with open(self.dir / "console", "ab") as console:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "-q", "-D", self.root, f"--machine={self.name}", "--register=no",
                 "--keep-unit", "--console=pipe", "--private-network",
                 *([f"--bind={paths.BUILD}"] if COUNTS_LINES else []), "--boot"], stdin=subprocess.DEVNULL,
                stdout=console, stderr=console, preexec_fn=enter_cgroup)
        self.leader = eventually(self._find_leader, BOOT_SEC, lambda: "booting: " + self.console())
        try:
            eventually(self._answers, ANSWER_SEC, "an answer of systemd")
        except NotInTime as error:
            raise Skip("a container does not come up here: systemd in it does not answer") from error
        eventually(self._is_up, BOOT_SEC, lambda: "up: " + self.console())

    def _find_leader(self):
        if self._nspawn.poll() is not None:
            raise Skip("cannot boot a container: " + self.console()[-300:].replace("\n", " "))
        return next((pid for pid in processes.children(self._nspawn.pid)), None)

    def _state(self):
        self.leader = self._find_leader()  # a first child of nspawn's only makes the namespaces
        return self.run("systemctl is-system-running").out.strip() if self.leader else ""

    def _answers(self):
        return self._state() in ("initializing", "starting", "running", "degraded", "maintenance")

    def _is_up(self):
        return self._state() in ("running", "degraded")

    def shut_down(self):
        """As by poweroff, in order."""
        os.kill(self.leader, signal.SIGRTMIN + 4)
        self._nspawn.wait(60)
        self._forget_cgroups()

    def cut_off(self):
        """As by pulling the plug."""
        if self._nspawn and self._nspawn.poll() is None:
            if self.leader:
                processes.send(self.leader, signal.SIGKILL)
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        self._forget_cgroups()

    def _forget_cgroups(self):
        for made in self._cgroups:
            for folder in sorted(made.rglob("*"), reverse=True):
                if folder.is_dir():
                    _remove(folder)
            _remove(made)
        self._cgroups = []

    def close(self):
        """Ends it; nothing of it is left."""
        if COUNTS_LINES and self.leader and self._nspawn.poll() is None:
            self.shut_down()  # what is killed writes no counters
        self.cut_off()
        for folder in (self.root, self.dir):
            if os.path.ismount(folder):
                namespaces.unmount(folder)

    def console(self):
        """What was written to its console so far."""
        path = self.dir / "console"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def diagnosis(self):
        """What a failure is explained with."""
        if not self._nspawn or self._nspawn.poll() is not None:
            return "console:\n" + self.console()[-4000:]
        return self.run("journalctl -b --no-pager -n 60 -o short-precise; systemctl --failed --no-pager").out

    # ---- what is done in it --------------------------------------------------------------------------------

    def enter(self, *command):
        """The command line that runs a command in it."""
        inside = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--wdns=/", "--"]
        inside += ["env", "-i"]
        return inside + [f"{name}={value}" for name, value in _ENVIRONMENT.items()] + list(command)

    def run(self, script, user=None, stdin=None):
        """A line of shell in it, as root or as a user."""
        command = ["sh", "-c", script] if user is None else ["runuser", "-u", user, "--", "sh", "-c", script]
        done = subprocess.run(self.enter(*command), input=stdin or "", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=90, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def must(self, script, user=None):
        """The same; it must succeed. Its output."""
        result = self.run(script, user)
        assert result.rc == 0, f"{script}: status {result.rc}: {result.out}{result.err}"
        return result.out

    def unit(self, name, what):
        """A property of a unit."""
        return self.must(f"systemctl show -P {what} {name}").strip()

    def journal(self, *matches):
        """Entries of this boot, as objects; what matches reads as journalctl does."""
        lines = self.must(f"journalctl --sync; journalctl -b -o json --no-pager {shlex.join(matches)}")
        return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]

    def sessions(self, user="alice"):
        """The user's sessions, as the command lists them for root."""
        answer = self.must("sessjwt list --json=short " + (f"--user {user}" if user else "--all"))
        return json.loads(answer)["sessions"]

    # ---- logins --------------------------------------------------------------------------------------------

    def trust(self, user, *keys):
        """Keys that the user may log in with."""
        folder = self.dir / "keys"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        home = f"/home/{user}/.ssh"
        self.must(f"install -d -m 700 -o {user} {home}")
        for key in keys:
            path = folder / f"{user}-{key}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", path], check=True)
            self._keys[user, key] = path
            public = pathlib.Path(f"{path}.pub").read_text("ascii").strip()
            self.must(f"echo {shlex.quote(public)} >>{home}/authorized_keys; chown -R {user} {home}")

    def _ssh(self, user, key, *command):
        path = f"/etc/ssh/key-{user}-{key}"
        if not (self.root / path.lstrip("/")).exists():
            private = self._keys[user, key].read_text("ascii")
            self.must(f"umask 077; cat >{path} <<'END'\n{private}END\n")
        options = ("IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                   "LogLevel=ERROR")
        return self.enter("ssh", "-F", "none", "-i", path, *(f"-o{option}" for option in options), "-l", user,
                          "127.0.0.1", *command)

    def ssh(self, user, command, key="laptop"):
        """A login that runs one command."""
        done = subprocess.run(self._ssh(user, key, command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def log_in(self, user, key="laptop", options=()):
        """A login that stays: its session id, and the process of the client."""
        command = [*options, "echo $SESSJWT_SESSION_ID; exec cat"]
        client = subprocess.Popen(self._ssh(user, key, *command), text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lifetime.later(lambda: _end(client))
        return client.stdout.readline().strip(), client


def is_connected(client):
    """Whether a login that stays still answers."""
    try:
        client.stdin.write("?\n")
        client.stdin.flush()
        return client.stdout.readline() == "?\n"
    except (BrokenPipeError, ValueError):
        return False


def _end(client):
    client.kill()
    client.wait()
    client.stdin = None
    client.stdout.close()


def _remove(folder):
    try:
        folder.rmdir()
    except OSError:
        pass

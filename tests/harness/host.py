"""host: a fresh world for a test file, in the mount and network namespaces that run_file.py entered.

It has its own users, /etc/pam.d, /run, /dev with a system log, /var/log, and addresses on its loopback; all
on a file system of its own in memory. The machine sees none of it and is not changed by it."""
import ipaddress
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from . import lifetime, namespaces, paths
from .pam_stack import write_common
from .skip import Skip
from .syslog import Syslog

PASSWORD = "open sesame"
_PASSWORD_HASH = ("$6$sessjwttest$"
                  "tkAOuH6SHls6wrGm/hjSCx9CiuyI3QNfrudbkT3UxIpDHThdOsojJiM1SolmkZJc03vG2XaRUM9XYz7FXvpx..")
_NO_PASSWORD = "*"
_FIRST_UID = 2000
_FIRST_GID = 3000

SERVER = "192.0.2.1"
SERVER6 = "2001:db8::1"
CLIENT = "192.0.2.10"

_SUDOERS = """\
Defaults !lecture
root ALL=(ALL:ALL) ALL
%sudo ALL=(ALL:ALL) NOPASSWD: ALL
"""

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


class Host:
    """The world. One a file; users: created at once, see add_user. disk: the folder is in build/, for real
    fsyncs.

    dir         its folder (0755), for whatever a test keeps in files
    runtime_dir /run/sessjwt, empty
    syslog      what anybody wrote to /dev/log"""

    def __init__(self, users=("alice", "bob", "mallory"), private_network=True, disk=False):
        if not namespaces.has_mounts() or (private_network and not namespaces.has_network()):
            raise Skip(namespaces.why_not())
        self._private_network = private_network
        self._addresses = set()
        self.dir = self._make_dir(disk)
        lifetime.own(self)
        self._cover_machine()
        self.syslog = Syslog("/dev/log")
        self.runtime_dir = pathlib.Path("/run/sessjwt")
        self.runtime_dir.mkdir(mode=0o755)
        self._users = {}
        for name in users:
            self.add_user(name)
        if private_network:
            for address in (SERVER, SERVER6, CLIENT):
                self.add_address(address)

    def _make_dir(self, disk):
        if disk:
            (paths.BUILD / "tests").mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="sessjwt-", dir=paths.BUILD / "tests" if disk else None)
        if not disk and self._private_network:
            namespaces.tmpfs(folder)
        os.chmod(folder, 0o755)
        return pathlib.Path(folder)

    # ---- the machine's places that we cover with our own ---------------------------------------------------

    def _cover_machine(self):
        etc = self.dir / "etc"
        etc.mkdir()
        for name in ("passwd", "shadow", "group"):
            shutil.copy2(f"/etc/{name}", etc / name)
            os.chown(etc / name, 0, os.stat(f"/etc/{name}").st_gid)
            namespaces.bind(etc / name, f"/etc/{name}")
        self.pam_dir = etc / "pam.d"
        shutil.copytree("/etc/pam.d", self.pam_dir)
        write_common(self.pam_dir)
        namespaces.bind(self.pam_dir, "/etc/pam.d")
        if os.path.exists("/etc/sudoers"):
            self._cover_sudo(etc)
        self._cover_dev()
        namespaces.tmpfs("/run")
        for name in ("sshd", "lock", "sudo"):
            os.mkdir(f"/run/{name}", 0o755)
        _empty_file("/run/utmp")
        namespaces.tmpfs("/var/log")
        for name in ("wtmp", "btmp", "lastlog", "faillog"):
            _empty_file(f"/var/log/{name}")

    @staticmethod
    def _cover_sudo(etc):
        sudoers = etc / "sudoers"
        sudoers.write_text(_SUDOERS, "ascii")
        sudoers.chmod(0o440)
        namespaces.bind(sudoers, "/etc/sudoers")
        if os.path.isdir("/var/lib/sudo"):
            namespaces.tmpfs("/var/lib/sudo", "0700")

    def _cover_dev(self):
        """The machine's harmless devices; terminals and a /dev/log of our own."""
        dev = self.dir / "dev"
        dev.mkdir()
        namespaces.tmpfs(dev)
        for name in _DEVICES:
            _empty_file(dev / name)
            namespaces.bind(f"/dev/{name}", dev / name)
        (dev / "pts").mkdir()
        namespaces.mount("devpts", dev / "pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5")
        (dev / "ptmx").symlink_to("pts/ptmx")
        (dev / "shm").mkdir(mode=0o1777)
        os.chmod(dev / "shm", 0o1777)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            (dev / name).symlink_to(f"/proc/self/fd/{number}")
        (dev / "fd").symlink_to("/proc/self/fd")
        namespaces.mount(dev, "/dev", None, namespaces.MS_BIND | namespaces.MS_REC)

    # ---- users ---------------------------------------------------------------------------------------------

    def copy_etc(self):
        """/etc becomes a copy of itself in one folder: passwd renames files there, which files mounted
        one by one do not bear. Service files are in /etc/pam.d then."""
        copy = self.dir / "etc-of-files"
        subprocess.run(["cp", "-a", "/etc", copy], check=True)
        subprocess.run(["mount", "--bind", copy, "/etc"], check=True)
        self.pam_dir = pathlib.Path("/etc/pam.d")

    def add_user(self, name, uid=None, groups=(), password=PASSWORD, shell="/bin/bash"):
        """A user with a home, a group of the same name and number, and a password (None: none that would
        fit)."""
        uid = uid if uid is not None else _FIRST_UID + len(self._users)
        self._users[name] = uid
        home = self.dir / "home" / name
        home.mkdir(parents=True, mode=0o755)
        row = f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}"
        _replace_line("/etc/passwd", name, row, uid if uid >= _FIRST_UID else None)
        _replace_line("/etc/shadow", name, f"{name}:{_hash(password)}:19000:0:99999:7:::")
        _replace_line("/etc/group", name, f"{name}:x:{uid}:")
        for group in groups:
            self.add_group(group, [name])
        os.chown(home, uid, uid)
        return pwd.getpwnam(name)

    def remove_user(self, name):
        """Takes the account away; files and processes stay."""
        for file in ("/etc/passwd", "/etc/shadow"):
            _replace_line(file, name, None)

    def add_group(self, name, members=(), gid=None):
        """Makes the group if there is none, and adds the members."""
        with open("/etc/group", encoding="utf-8") as file:
            rows = [line.rstrip("\n").split(":") for line in file]
        row = next((row for row in rows if row[0] == name), None)
        if row is None:
            taken = [int(row[2]) for row in rows if int(row[2]) < 60000]
            row = [name, "x", str(gid if gid is not None else max(_FIRST_GID, max(taken) + 1)), ""]
        everybody = [member for member in row[3].split(",") if member]
        everybody += [member for member in members if member not in everybody]
        _replace_line("/etc/group", name, ":".join(row[:3] + [",".join(everybody)]))
        return int(row[2])

    def home(self, user):
        """Path of a user's home."""
        return pathlib.Path(pwd.getpwnam(user).pw_dir)

    def write_file(self, user, name, text, mode=0o600):
        """Writes a file in a user's home, owned by him: .ssh/authorized_keys, .pam_environment, …"""
        entry = pwd.getpwnam(user)
        path = pathlib.Path(entry.pw_dir) / name
        for folder in reversed(path.relative_to(entry.pw_dir).parents[:-1]):
            folder = pathlib.Path(entry.pw_dir) / folder
            if not folder.exists():
                folder.mkdir(mode=0o700)
                os.chown(folder, entry.pw_uid, entry.pw_gid)
        path.write_text(text, "utf-8")
        path.chmod(mode)
        os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    # ---- network -------------------------------------------------------------------------------------------

    def add_address(self, address):
        """Gives the loopback one more address, so that logins can come from it."""
        if address in self._addresses or not self._private_network:
            return
        parsed = ipaddress.ip_address(address)
        if not parsed.is_loopback:
            more = ["nodad"] if parsed.version == 6 else []
            with_prefix = f"{address}/{parsed.max_prefixlen}"
            subprocess.run(["ip", "address", "add", with_prefix, "dev", "lo", *more], check=True)
        self._addresses.add(address)

    # ---- the product ---------------------------------------------------------------------------------------

    def install_command(self):
        """Puts sessjwt into /usr/local/bin, where every user's PATH finds it and every user may read it."""
        folder = self.dir / "bin"
        folder.mkdir()
        for source in (paths.COMMAND, paths.LIBRARY):
            shutil.copy(source, folder / source.name)
            (folder / source.name).chmod(0o755)
        namespaces.bind(folder, "/usr/local/bin")

    def run_as(self, user, *argv, text_in="", timeout=30):
        """Runs a program as a user (his groups too), outside of any session. Returns
        subprocess.CompletedProcess."""
        become = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", "--"]
        return subprocess.run([*become, *map(str, argv)], input=text_in, capture_output=True, text=True,
                              timeout=timeout, check=False)

    def close(self):
        """Lets go of the folder; the mounts end with the namespace."""
        for place in (self.dir / "dev", self.dir):
            if os.path.ismount(place):
                namespaces.unmount(place)
        shutil.rmtree(self.dir, ignore_errors=True)

    def diagnosis(self):
        """The system log."""
        return self.syslog.diagnosis()


def _empty_file(path):
    with open(path, "wb"):
        pass
    os.chmod(path, 0o644)


def _hash(password):
    if password == PASSWORD:
        return _PASSWORD_HASH
    if password is None:
        return _NO_PASSWORD
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True,
                          text=True, check=True)
    return done.stdout.strip()


def _replace_line(path, name, line, uid=None):
    """Replaces (or appends, or with None removes) the row of `name`, and drops others with the same uid."""
    with open(path, encoding="utf-8") as file:
        rows = file.read().splitlines()
    kept = [row for row in rows
            if row.split(":")[0] != name and (uid is None or row.split(":")[2] != str(uid))]
    with open(path, "w", encoding="utf-8") as file:  # in place: it is a bind mount, nobody can rename over it
        file.write("".join(row + "\n" for row in kept + ([line] if line is not None else [])))

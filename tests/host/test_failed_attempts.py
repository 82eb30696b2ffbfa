"""Failed attempts: told to their user at the next login; guessed by nobody where nothing was guessed; and
reported by nobody but root."""
# timeout: 300
import pathlib
import re

from harness import Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, frame, paths
from harness.host import PASSWORD

ROOT = pathlib.Path(__file__).resolve().parents[2]
KBD = "keyboard-interactive"
LOGIN_SOCKET = "/run/sessjwt/login"


def debian_stack():
    """The first stack of AUTH STACKS; the preauth line says in the system log what it asks."""
    page = (ROOT / "pam/pam_sessjwt.8").read_text("utf-8").partition(".Sh AUTH STACKS")[2]
    lines = re.search(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.S | re.M)[1]
    lines = lines.replace("pam_sessjwt.so", str(paths.MODULE))
    assert lines.count(" preauth") == 1, lines
    return lines.replace(" preauth", " preauth debug")


host = Host()
daemon = Daemon(host).start()
(pathlib.Path(host.pam_dir) / "common-auth").write_text(debian_stack(), "utf-8")
PamStack(host, "sshd")
for name in ("su", "sudo"):
    PamStack(host, name)
sessions = SessionList(daemon)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")


def fail(user, source):
    """A wrong password."""
    assert ssh.run(user, "true", password="wrong", method=KBD, source=source).rc != 0


def log_in(user="alice", **how):
    """A login on a terminal, with its shell; what it shows."""
    login = ssh.start(user, tty=True, **how).wait_open()
    return login, login.text()


def test_a_login_shows_the_failed_attempts_since_the_last_one_once():
    for source in ("203.0.113.9", "203.0.113.9", "192.0.2.200"):
        fail("alice", source)
    _login, text = log_in(key="laptop")
    assert re.search(r"3 failed attempts since your last login, last from 192\.0\.2\.200 at "
                     r"20\d\d-\d\d-\d\dT\d\d:\d\dZ\.", text), text
    _login, text = log_in(key="laptop")
    assert "failed attempt" not in text, text


def test_quiet_shows_none():
    fail("alice", "203.0.113.9")
    PamStack(host, "sshd", options="quiet")
    _login, text = log_in(key="laptop")
    PamStack(host, "sshd")
    assert "failed attempt" not in text, text


def test_wrong_su_by_another_user_locks_nobodys_sudo():
    with open("/etc/sudoers", "a", encoding="ascii") as sudoers:
        sudoers.write("alice ALL=(ALL:ALL) ALL\n")
    for _ in range(5):
        assert host.run_as("mallory", "su", "alice", "-c", "true", text_in="wrong\n").returncode != 0
    right = host.run_as("mallory", "su", "alice", "-c", "true", text_in=PASSWORD + "\n")
    assert right.returncode != 0, "five are enough"
    done = host.run_as("alice", "sudo", "-S", "-k", "id", "-un", text_in=PASSWORD + "\n")
    assert done.returncode == 0 and done.stdout == "root\n", done
    locks = Varlink(daemon).call("ListLocks")["locks"]
    assert [(lock["user"], lock["kind"], lock["source"]) for lock in locks if lock["user"] == "alice" and
            lock["kind"] == "source" and "until" in lock] == [("alice", "source", "local:2002")], locks


def test_the_none_attempt_of_sshd_counts_for_nothing():
    empty = Sshd(host, PermitEmptyPasswords="yes")
    client = Ssh(empty)
    client.trust("bob", "phone")
    before, asked = daemon.log_end(), host.syslog.text().count("phase 5, user bob")
    for _ in range(5):
        assert client.run("bob", "echo in", key="phone").out == "in\n"
    assert host.syslog.text().count("phase 5, user bob") >= asked + 5, "PAM was asked about `none`"
    assert "sign-in failed" not in daemon.log(before)
    assert not [lock for lock in Varlink(daemon).call("ListLocks")["locks"] if lock["user"] == "bob"]
    assert client.run("bob", "echo in", password=True, method="password").out == "in\n"


REPORT = f"""
import socket, sys
peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
peer.settimeout(5)
try:
    peer.connect({LOGIN_SOCKET!r})
    peer.send(bytes.fromhex(sys.argv[1]))
    print("answered" if peer.recv(4096) else "cut")
except OSError as error:
    print(type(error).__name__)
"""
CUT = ("cut", "ConnectionResetError", "BrokenPipeError")


def report(user, packet):
    """What somebody gets who reports a failure of bob's by himself."""
    done = host.run_as(user, "python3", "-c", REPORT, packet.hex())
    assert done.returncode == 0, done
    return done.stdout.strip()


def test_nobody_but_root_reports_failures():
    packet = frame.request(frame.AUTHFAIL, user="bob", uid=2001, rhost="203.0.113.77")
    before = daemon.log_end()
    assert report("mallory", packet) == "PermissionError"
    pathlib.Path(LOGIN_SOCKET).chmod(0o666)
    try:
        assert report("mallory", packet) in CUT
        assert report("bob", packet) in CUT, "of himself neither"
        assert "sign-in failed" not in daemon.log(before)
        assert report("root", packet) == "answered"
    finally:
        pathlib.Path(LOGIN_SOCKET).chmod(0o600)
    daemon.wait_for_log("sign-in failed", after=before)

"""Locks with real sshd, su and the stack that pam_sessjwt(8) prints for Debian, as it is printed there."""
# timeout: 300
import pathlib
import re

from harness import Clock, Daemon, Host, PamStack, Ssh, Sshd, Varlink, paths

ROOT = pathlib.Path(__file__).resolve().parents[2]
OFFICE, ATTACKER = "192.0.2.7", "203.0.113.9"


def debian_stack():
    """The first stack of AUTH STACKS."""
    page = (ROOT / "pam/pam_sessjwt.8").read_text("utf-8").partition(".Sh AUTH STACKS")[2]
    lines = re.search(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.S | re.M)[1]
    assert lines.count("pam_sessjwt.so") == 3, lines
    return lines.replace("pam_sessjwt.so", str(paths.MODULE))


host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, "[lock]\nlock_messages = verbose\n", clock=clock).start()
(pathlib.Path(host.pam_dir) / "common-auth").write_text(debian_stack(), "utf-8")
PamStack(host, "sshd")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")


def attempt(user="alice", password="wrong", source=ATTACKER, method="keyboard-interactive"):
    return ssh.run(user, "true", password=password, source=source, method=method)


def test_five_wrong_passwords_lock_and_count_down():
    login = ssh.start("alice", key="laptop", source=OFFICE).wait_open()
    for left in (4, 3, 2, 1):
        assert f"{left} attempts remaining" in attempt().text
    assert "locked for 15 minutes" in attempt().text
    assert "locked for" in attempt(password=True).text                   # the right one, meanwhile
    assert attempt(password=True, source=OFFICE).rc == 0                 # from elsewhere
    assert ssh.run("alice", "true", key="laptop", source=ATTACKER).rc == 0
    daemon.kill()
    daemon.start()
    assert attempt(password=True).rc != 0                                # answered, so kept
    clock.advance(15 * 60)
    assert attempt(password=True).rc == 0
    assert login.is_open()


def test_a_name_that_nobody_has_counts_down_like_any_other():
    for left in (4, 3, 2, 1):
        assert f"{left} attempts remaining" in attempt("nemo", source="203.0.113.10").text
    assert "locked for 15 minutes" in attempt("nemo", source="203.0.113.10").text


def test_failures_by_su_lock_neither_ssh_nor_another_caller():
    for _ in range(6):
        host.run_as("mallory", "su", "alice", "-c", "true", text_in="wrong\n")
    done = host.run_as("mallory", "su", "alice", "-c", "true", text_in="wrong\n")
    assert done.returncode != 0 and "locked for" in done.stderr + done.stdout, done
    assert attempt(password=True, source=OFFICE).rc == 0


def test_an_admin_unlocks_at_once():
    source = "203.0.113.11"
    for _ in range(5):
        attempt("bob", source=source)
    assert attempt("bob", password=True, source=source).rc != 0
    assert Varlink(daemon).call("UnlockUser", user="bob")["unlockedCount"] == 1
    assert attempt("bob", password=True, source=source).rc == 0


def test_twenty_failures_from_everywhere_spare_the_address_that_is_always_used():
    assert ssh.run("alice", "true", key="laptop", source=OFFICE).rc == 0
    for last in range(5):
        for _ in range(4):
            attempt(source=f"198.51.100.{last + 1}")
    assert attempt(password=True, source="198.51.100.99").rc != 0
    assert attempt(password=True, source=OFFICE).rc == 0


def test_an_admins_lock_stops_the_key_too():
    Varlink(daemon).call("LockUser", user="alice")
    refused = ssh.run("alice", "true", key="laptop", source=OFFICE)
    assert refused.rc != 0 and "locked" in refused.text, refused
    Varlink(daemon).call("UnlockUser", user="alice")
    assert ssh.run("alice", "true", key="laptop", source=OFFICE).rc == 0

"""The PAM stack of pam_sessjwt(8), as it is printed, under a real sshd."""
import pathlib

from harness import Daemon, Host, SessionList, Ssh, Sshd, need
from harness.manual import examples
from harness.paths import MODULE

DENIES = "[policy default]\nmax_sessions = 1\non_limit = deny\n"
OURS = "pam_sessjwt.so"

need("/etc/pam.d/sshd")
INSTALLED = pathlib.Path("/etc/pam.d/sshd").read_text("utf-8")  # before the world covers it
host = Host()
daemon = Daemon(host).start()
sessions = SessionList(daemon)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")


def set_config(text):
    """Another configuration, by reload."""
    daemon.write_config(text)
    before = daemon.log_end()
    daemon.reload()
    daemon.wait_for_log("configuration reloaded", after=before)


def rules(text):
    """The lines that count of a service file, without their white space."""
    lines = [line.partition("#")[0].split() for line in text.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line]


def test_the_stack_is_debian_s_with_our_two_lines():
    printed = rules(examples("pam/pam_sessjwt.8")[0])
    assert len([line for line in printed if OURS in line]) == 2
    if "Debian" in pathlib.Path("/etc/os-release").read_text("utf-8"):
        assert [line for line in printed if OURS not in line] == rules(INSTALLED)


def test_the_stack_as_printed_logs_in_and_denies():
    stack = host.pam_dir / "sshd"
    stack.write_text(examples("pam/pam_sessjwt.8")[0].replace(OURS, str(MODULE)), "utf-8")
    first = ssh.start("alice", key="laptop").wait_open()
    sid = sessions.one("alice")["sessionId"]
    result = ssh.run("alice", "echo $SESSJWT_SESSION_ID", key="laptop")
    assert result.rc == 0 and result.out.strip() not in ("", sid)
    set_config(DENIES)
    refused = ssh.run("alice", "id", key="laptop")
    assert refused.rc != 0 and "uid=" not in refused.out, refused
    assert sessions.one("alice")["sessionId"] == sid
    first.close()


def test_the_stack_without_a_daemon_lets_in_break_glass_only():
    printed = rules(examples("pam/pam_sessjwt.8")[1])
    assert [line[0] for line in printed] == ["-account", "-session"]
    text = examples("pam/pam_sessjwt.8")[1].replace(OURS, str(MODULE))
    (host.pam_dir / "sshd").write_text(
        "auth required pam_permit.so\naccount required pam_permit.so\n"
        f"session required pam_permit.so\n{text}", "utf-8")
    set_config("[realm shop]\n")
    is_in = lambda: ssh.run("alice", "true", key="laptop").rc == 0
    assert is_in()
    daemon.stop()
    assert not is_in()
    host.add_group("wheel", ["alice"])
    assert is_in()

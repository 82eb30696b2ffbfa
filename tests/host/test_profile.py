"""The profile for pam-auth-update, as it is shipped, on Debian's own stacks: where our lines stand."""
import pathlib
import shutil
import subprocess

from harness import Daemon, Host, SessionList, Ssh, Sshd, need, paths

PROFILE = paths.ROOT / "systemd/sessjwt.pam-config"
PAM = pathlib.Path("/etc/pam.d")

need("/usr/sbin/pam-auth-update")
host = Host()


def cover(folder):
    """A copy of a folder of the machine's in its place, in this world only."""
    copy = host.dir / folder.strip("/").replace("/", "-")
    shutil.copytree(folder, copy)
    subprocess.run(["mount", "--bind", copy, folder], check=True)


def lines(service, kind):
    """The modules of one kind that a service's stack has, includes followed, in their order."""
    found = []
    for line in (PAM / service).read_text().splitlines():
        words = line.split()
        if line.startswith("@include"):
            found += lines(words[1], kind)
        elif words and words[0].lstrip("-") == kind:
            found.append(line)
    return found


cover("/usr/share/pam-configs")
cover("/var/lib/pam")
shutil.copy(PROFILE, "/usr/share/pam-configs/sessjwt")
done = subprocess.run(["pam-auth-update", "--package", "--force", "--enable", "sessjwt"],
                      capture_output=True, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                                           "DEBIAN_FRONTEND": "noninteractive"})


def place(service, kind, text):
    """At which place of the stack the only line with this text stands."""
    stack = lines(service, kind)
    found = [at for at, line in enumerate(stack) if text in line]
    assert len(found) == 1, f"{found} of {stack}"
    return found[0]


def test_it_is_taken():
    assert done.returncode == 0, done.stderr
    assert "pam_sessjwt.so" in (PAM / "common-account").read_text()
    assert "pam_sessjwt.so" in (PAM / "common-session").read_text()
    assert "pam_sessjwt.so" not in (PAM / "common-auth").read_text()


def test_our_session_line_stands_before_what_reads_users_files():
    for service in ("sshd", "login"):
        ours = place(service, "session", "pam_sessjwt.so")
        readers = [at for at, line in enumerate(lines(service, "session")) if "pam_env" in line]
        assert all(ours < at for at in readers), (service, ours, readers)
    assert any("user_readenv=1" in line for line in lines("sshd", "session"))


def test_our_session_line_stands_behind_the_one_that_sets_the_audit_session():
    assert place("sshd", "session", "pam_loginuid") < place("sshd", "session", "pam_sessjwt.so")


def test_the_lines_deny_only_for_a_policy():
    account = lines("sshd", "account")[place("sshd", "account", "pam_sessjwt.so")]
    session = lines("sshd", "session")[place("sshd", "session", "pam_sessjwt.so")]
    assert "[success=ok perm_denied=die default=ignore]" in account
    assert "[success=ok session_err=die default=ignore]" in session


def test_our_password_line_stands_behind_the_one_that_changes_it():
    for service in ("passwd", "chpasswd", "sshd"):
        ours = place(service, "password", "pam_sessjwt.so")
        assert place(service, "password", "pam_unix") < place(service, "password", "pam_permit") < ours
    ours = lines("passwd", "password")[place("passwd", "password", "pam_sessjwt.so")]
    assert "[success=ok default=ignore]" in ours


def test_with_these_lines_an_ssh_login_is_a_session():
    daemon = Daemon(host, "").start()
    for name in ("common-account", "common-session"):
        text = (PAM / name).read_text()
        (PAM / name).write_text(text.replace(
            "pam_sessjwt.so", f"{paths.MODULE} socket={daemon.runtime_dir}/login"))
    ssh = Ssh(Sshd(host))
    ssh.trust("alice", "laptop")
    login = ssh.start("alice", key="laptop").wait_open()
    session = SessionList(daemon).one("alice")
    assert session["service"] == "sshd" and session["methods"] == ["key"]
    assert login.log_out() == 0

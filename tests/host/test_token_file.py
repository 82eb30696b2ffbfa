"""The token file through a real sshd: it is there when the shell starts, it is the user's alone, and it ends
with the login."""
import os
import pathlib
import signal

from harness import Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually, later, processes

host = Host()
host.install_command()
daemon = Daemon(host, "[token]\ntoken_file = yes\n").start()
PamStack(host, "sshd")
sessions = SessionList(daemon)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")
ssh.trust("root", "laptop")
VERIFY = 'sessjwt verify <"$BEARER_TOKEN_FILE"'


def log_in(user="alice", **how):
    """A login that stays, and where its file is."""
    later(lambda: eventually(lambda: not sessions.of(user), what=f"no session of {user}"))
    login = ssh.start(user, **how).wait_open()
    return login, pathlib.Path(login.run("echo $BEARER_TOKEN_FILE").strip())


def check_gone(path):
    """The file is away."""
    eventually(lambda: not path.exists(), what=f"no {path}")


def test_the_first_command_of_a_login_reads_it_and_it_verifies():
    for how in ({"key": "laptop"}, {"password": True}, {"password": True, "method": "keyboard-interactive"}):
        done = ssh.run("alice", VERIFY, **how)
        assert done.rc == 0 and done.out.startswith("active\n"), (how, done)
        assert "sub alice\n" in done.out
    done = ssh.run("root", VERIFY, key="laptop")
    assert done.rc == 0 and "sub root\n" in done.out


def test_the_session_in_it_is_that_of_the_login():
    done = ssh.run("alice", 'echo $SESSJWT_SESSION_ID; echo "$BEARER_TOKEN_FILE"; ' + VERIFY, key="laptop")
    sid, path = done.out.splitlines()[:2]
    assert path == f"/run/sessjwt/public/tokens/2000/{sid}.jwt" and f"sid {sid}\n" in done.out


def test_others_can_neither_read_nor_list_nor_stat_it():
    _login, path = log_in(key="laptop")
    for command in (["cat", path], ["stat", path], ["ls", path.parent], ["ls", path.parent.parent],
                    ["ln", path, "/tmp/mine"], ["mv", path.parent, "/tmp/mine"], ["rm", "-rf", path.parent]):
        assert host.run_as("mallory", *map(str, command)).returncode != 0, command
    assert host.run_as("alice", "cat", str(path)).returncode == 0
    assert host.run_as("alice", "rm", "-f", str(path)).returncode != 0
    assert path.exists()


def test_logging_out_takes_it_away():
    login, path = log_in(key="laptop")
    assert login.log_out() == 0
    check_gone(path)


def test_a_revocation_takes_it_away_and_what_was_copied_of_it_is_worth_nothing():
    login, path = log_in(key="laptop")
    token = path.read_text()
    Varlink(daemon, user="alice").call("RevokeSession", sessionId=path.stem)
    assert not path.exists()
    assert not Varlink(daemon).call("Introspect", token=token)["active"]
    login.wait_closed()


def test_a_leader_that_is_killed_leaves_none():
    _login, path = log_in(key="laptop")
    monitor, = sshd.monitors("alice")
    orphan = processes.children(monitor)
    later(lambda: processes.end_all(orphan))
    os.kill(monitor, signal.SIGKILL)
    check_gone(path)


def test_it_lives_on_over_a_crash_of_the_daemon_and_goes_with_its_login():
    login, path = log_in(key="laptop")
    daemon.kill()
    assert path.exists()
    daemon.start()
    assert login.run(VERIFY + " | head -1").strip() == "active"
    assert login.log_out() == 0
    check_gone(path)


def test_a_file_that_the_login_lost_while_the_daemon_was_down_goes_at_its_start():
    login, path = log_in(key="laptop")
    daemon.kill()
    login.log_out()
    assert path.exists()
    daemon.start()
    check_gone(path)

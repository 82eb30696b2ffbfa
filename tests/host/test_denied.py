"""on_limit = deny: a login over the limit starts nothing, learns why, goes, and leaves nothing behind; those
who must get in do."""
import os
import re
import signal

from harness import (Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, VarlinkError, eventually,
                     later, processes)
from harness.passing import pass_time

KBD = "keyboard-interactive"
ONE_DEVICE = "[policy default]\nmax_devices = 1\non_limit = deny\n"
DENIED_SECONDS = 2.1

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, ONE_DEVICE, clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "sshd")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
mark = host.home("alice") / "mark"


def begin(config=ONE_DEVICE):
    """Alone under this configuration, alice's laptop logs in. Returns its login and session."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")
    daemon.write_config(config)
    sessions.call("Reload")
    login = ssh.start("alice", key="laptop", source="192.0.2.7").wait_open()
    assert login.run(f"touch {mark} && echo touched") == "touched\n", "it could be done"
    mark.unlink()
    return login, sessions.one("alice")


def check_text(text, session):
    """It names the other device, since when it is there, and from where."""
    flat = " ".join(text.split())
    since = re.escape(session["createdAt"][:16]) + "Z"
    wanted = rf"{re.escape(session['deviceName'])} since {since} from {re.escape(session['ip'])}"
    assert re.search(wanted, flat), text


def check_nothing_happened(login, session):
    """No command has run, nobody was evicted, and when its leader has gone nothing is left of the login."""
    eventually(lambda: len(sessions.of()) == 1, what="no row of the denied login")
    assert not mark.exists(), "a command ran"
    assert sessions.of() == [session]
    assert login.run("echo here") == "here\n"


# ---- a second device: refused at open ----------------------------------------------------------------------

def check_denied(login, session, result, rc=254):
    """One client's end."""
    assert result.rc == rc, result
    check_text(result.text, session)
    check_nothing_happened(login, session)


def test_a_second_key_is_denied_before_its_command_runs():
    login, session = begin()
    check_denied(login, session, ssh.run("alice", f"touch {mark}", key="phone"))


def test_a_second_source_by_password_is_denied_before_its_command_runs():
    login, session = begin()
    check_denied(login, session, ssh.run("alice", f"touch {mark}", password=True, source="192.0.2.20"))


def test_a_second_source_by_keyboard_interactive_is_denied_before_its_command_runs():
    login, session = begin()
    check_denied(login, session,
                 ssh.run("alice", f"touch {mark}", password=True, method=KBD, source="192.0.2.20"))


def test_a_denied_login_runs_no_file_of_the_user_and_no_forced_command():
    login, session = begin()
    for name in (".ssh/rc", ".profile", ".bashrc", ".bash_profile"):
        host.write_file("alice", name, f"touch {mark}\n", 0o644)
        later((host.home("alice") / name).unlink)
    forced = f'command="touch {mark}" {ssh.public_key("phone")}'
    host.write_file("alice", ".ssh/authorized_keys", ssh.public_key("laptop") + forced)
    later(lambda: ssh.trust("alice", "laptop", "phone"))
    check_denied(login, session, ssh.run("alice", "true", key="phone"))
    ssh.run("alice", "true", key="laptop")
    assert mark.exists(), "the files do it when a login is let in"


def test_a_shell_on_a_terminal_is_denied_before_it_reads_a_line():
    login, session = begin()
    phone = ssh.start("alice", key="phone", tty=True)
    phone.say(f"touch {mark}")
    assert phone.wait_closed() == 254
    check_text(phone.text(), session)
    check_nothing_happened(login, session)


def test_a_command_on_a_terminal_is_denied_before_it_runs():
    login, session = begin()
    phone = ssh.start("alice", f"touch {mark}", key="phone", tty=True)
    assert phone.wait_closed() == 254
    check_text(phone.text(), session)
    check_nothing_happened(login, session)


def test_sftp_and_scp_are_denied_before_they_write():
    login, session = begin()
    assert ssh.sftp("alice", f"mkdir {mark}\n", key="phone").rc != 0
    check_nothing_happened(login, session)
    source = host.dir / "a-file"
    source.write_text("text", "ascii")
    assert ssh.scp("alice", source, mark, key="phone").rc != 0
    check_nothing_happened(login, session)


def test_a_denied_login_forwards_nothing():
    login, session = begin()
    target = f"192.0.2.1:{sshd.port}"
    allowed = ssh.start("alice", key="laptop", extra=["-W", target])
    allowed.expect("SSH-2.0")
    allowed.close()
    denied = ssh.start("alice", key="phone", extra=["-W", target])
    assert denied.wait_closed() != 0
    assert "SSH-2.0" not in denied.out()
    check_nothing_happened(login, session)


def test_each_channel_of_a_denied_connection_is_denied():
    login, session = begin()
    path = host.dir / "mux"
    master = ssh.start("alice", key="phone", shell=False,
                       options={"ControlMaster": "yes", "ControlPath": path}).wait_open()
    for _ in range(3):
        assert ssh.run("alice", f"touch {mark}", key="phone", options={"ControlPath": path}).rc == 254
    wait_denied()
    pass_time(daemon, DENIED_SECONDS)
    assert master.wait_closed() == 255
    check_nothing_happened(login, session)


def test_the_same_device_is_not_denied():
    login, session = begin()
    assert ssh.run("alice", "echo in", key="laptop", source="2001:db8:9::9").out == "in\n"
    assert login.run("echo here") == "here\n"
    assert sessions.of("alice")[0] == session


def test_another_user_is_not_denied():
    ssh.trust("bob", "phone")
    begin()
    assert ssh.run("bob", "echo in", key="phone").out == "in\n"


def test_when_the_first_device_has_gone_the_second_gets_in():
    login, _session = begin()
    assert ssh.run("alice", "true", key="phone").rc == 254
    assert login.log_out() == 0
    eventually(lambda: not sessions.of())
    assert ssh.run("alice", "echo in", key="phone").out == "in\n"


# ---- ssh -N stays connected: it is cut ---------------------------------------------------------------------

def wait_denied():
    """The row of a denied login whose leader has not gone."""
    return eventually(lambda: next((row for row in sessions.of() if row["state"] == "ending"), None),
                      what="a row that is ending")


def begin_tunnel(config=ONE_DEVICE):
    """The laptop's login and session, and a denied `ssh -N` and its row."""
    login, session = begin(config)
    tunnel = ssh.start("alice", key="phone", shell=False).wait_open()
    row = wait_denied()
    assert row["endReason"] == "denied"
    assert row["leader"] in sshd.monitors("alice")
    return login, session, tunnel, row


def test_a_denied_tunnel_is_cut_two_seconds_later():
    login, session, tunnel, row = begin_tunnel()
    pass_time(daemon, 1.0)
    assert tunnel.is_open() and processes.is_alive(row["leader"]), "it may read why first"
    pass_time(daemon, DENIED_SECONDS - 1.0)
    assert tunnel.wait_closed() == 255
    check_nothing_happened(login, session)


def test_a_denied_tunnel_is_cut_when_nobody_moves_the_clock():
    login, session, tunnel, _row = begin_tunnel()
    assert tunnel.wait_closed(10) == 255
    check_nothing_happened(login, session)


def test_a_denied_tunnel_is_cut_whatever_terminate_says():
    login, session, tunnel, _row = begin_tunnel(ONE_DEVICE + "terminate = none\n")
    pass_time(daemon, DENIED_SECONDS)
    assert tunnel.wait_closed() == 255
    check_nothing_happened(login, session)


def test_a_denied_tunnel_whose_leader_takes_no_signal_is_killed():
    login, session, tunnel, row = begin_tunnel()
    os.kill(row["leader"], signal.SIGSTOP)
    later(lambda: processes.send(row["leader"], signal.SIGCONT))
    pass_time(daemon, DENIED_SECONDS, 5.1, 1.1)
    assert tunnel.wait_closed() == 255
    check_nothing_happened(login, session)


def test_a_denied_login_gets_no_token():
    _login, session, _tunnel, row = begin_tunnel()
    alice = Varlink(daemon, user="alice")
    assert alice.call("MintToken", sessionId=session["sessionId"])["accessToken"]
    try:
        alice.call("MintToken", sessionId=row["sessionId"])
        raise AssertionError("a denied login got a token")
    except VarlinkError as error:
        assert error.name == "org.sessjwt.SessionEnded" and error.parameters["endReason"] == "denied"


def test_a_denied_login_does_not_count():
    _login, session, _tunnel, row = begin_tunnel()
    sessions.call("RevokeSession", sessionId=session["sessionId"])
    eventually(lambda: session["sessionId"] not in sessions.ids())
    assert processes.is_alive(row["leader"])
    assert ssh.run("alice", "echo in", password=True).out == "in\n"


# ---- the daemon dies right after the denial ----------------------------------------------------------------

def test_a_denied_tunnel_is_cut_after_the_daemon_was_killed():
    login, session, tunnel, row = begin_tunnel()
    daemon.kill()
    daemon.start()
    assert row["sessionId"] in sessions.ids(), "its leader lives"
    assert tunnel.is_open()
    pass_time(daemon, DENIED_SECONDS)
    assert tunnel.wait_closed() == 255
    check_nothing_happened(login, session)


def test_a_denied_login_that_goes_while_the_daemon_is_dead_leaves_no_row():
    login, session, tunnel, row = begin_tunnel()
    daemon.kill()
    os.kill(row["leader"], signal.SIGTERM)
    tunnel.wait_closed()
    processes.wait_gone(row["leader"])
    daemon.start()
    assert sessions.ids() == [session["sessionId"]]
    check_nothing_happened(login, session)
    assert not sessions.ends(row["sessionId"]), "what never began does not end"


def test_a_daemon_killed_behind_its_denial_leaves_no_row():
    login, session = begin()
    daemon.restart(hooks="after-reply=kill")
    result = ssh.run("alice", f"touch {mark}", key="phone")
    assert daemon.wait_ended() == -9
    assert result.rc == 254
    check_text(result.text, session)
    daemon.start()
    check_nothing_happened(login, session)


def test_a_login_whose_denial_was_kept_but_not_told_is_cut_after_the_restart():
    for point in ("after-commit", "before-reply"):
        login, session = begin()
        daemon.restart(hooks=f"{point}=kill")
        phone = ssh.start("alice", key="phone").wait_open()
        assert daemon.wait_ended() == -9
        daemon.start()
        assert wait_denied()["endReason"] == "denied"
        pass_time(daemon, DENIED_SECONDS)
        assert phone.wait_closed() == 255
        check_nothing_happened(login, session)
        login.close()

"""However a login ends, its session ends once, at once, with the reason that is true, and none stays open for
ever."""
import os
import signal

from harness import (Clock, Daemon, Host, PamApp, PamStack, SessionList, Ssh, Sshd, VarlinkError, eventually,
                     later, processes)
from harness.passing import pass_time

OTHER_BOOT = "0f0f0f0f-0000-4000-8000-0123456789ab"
HOUR = "[policy default]\nsession_ttl = 1h\n"

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "sshd")
PamStack(host, "tool", like="bare")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
host.add_user("toor", uid=0)
ssh.trust("toor", "laptop")


def log_in(user="alice", **how):
    """A login that stays, its session's id, and its leader."""
    wait_empty()
    login = ssh.start(user, key="laptop", **how).wait_open()
    session = sessions.one(user)
    return login, session["sessionId"], session["leader"]


def wait_empty():
    """Nothing is left of the test before."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")


def check_ended(sid, reason, leader):
    """It ended once, a second at most after its leader went; every later look says the same."""
    processes.wait_gone(leader)
    assert sessions.wait_end(sid, 1.0) == reason
    assert not sessions.of()
    try:
        sessions.call("GetSession", sessionId=sid)
        raise AssertionError("a session that has ended is shown")
    except VarlinkError as error:
        assert error.name == "org.sessjwt.SessionNotFound"
    daemon.restart()
    assert sessions.ends(sid) == [reason], "a restart must not end it again"


def with_config(text):
    """Another configuration for this test."""
    daemon.write_config(text)
    sessions.call("Reload")
    later(daemon.restart)
    later(lambda: daemon.write_config(""))


# ---- the person, the process, the client -------------------------------------------------------------------

def test_a_logout_ends_it_before_the_leader_has_gone():
    login, sid, leader = log_in()
    assert login.log_out() == 0
    processes.wait_gone(leader)
    assert sessions.ends(sid) == ["logout"], "the close is answered when it is kept"
    check_ended(sid, "logout", leader)


def test_a_logout_from_a_terminal_ends_it():
    login, sid, leader = log_in(tty=True)
    assert login.log_out() == 0
    check_ended(sid, "logout", leader)


def test_a_logout_of_root_ends_it():
    login, sid, leader = log_in("toor")
    assert login.log_out() == 0
    check_ended(sid, "logout", leader)


def test_a_leader_that_is_terminated_closes_its_session():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        login, sid, leader = log_in()
        os.kill(leader, number)
        login.wait_closed()
        check_ended(sid, "logout", leader)


def test_a_leader_that_is_killed_ends_its_session_as_killed():
    _login, sid, leader = log_in()
    orphan = processes.children(leader)
    later(lambda: processes.end_all(orphan))
    os.kill(leader, signal.SIGKILL)
    check_ended(sid, "killed", leader)


def test_a_root_leader_that_is_killed_ends_its_session_as_killed():
    login, sid, leader = log_in("toor")
    os.kill(leader, signal.SIGKILL)
    login.wait_closed()
    check_ended(sid, "killed", leader)


def test_sshds_child_that_is_killed_ends_its_session_by_logout():
    login, sid, leader = log_in()
    child, = processes.children(leader)
    os.kill(child, signal.SIGKILL)
    login.wait_closed()
    check_ended(sid, "logout", leader)


def test_a_client_that_is_gone_ends_its_session():
    for how in ({}, {"tty": True}, {"shell": False}):
        login, sid, leader = log_in(**how)
        login.vanish()
        check_ended(sid, "logout", leader)


def test_a_client_that_is_silent_for_ever_ends_when_sshd_gives_it_up():
    patient = Ssh(Sshd(host, ClientAliveInterval="1", ClientAliveCountMax="1"))
    patient.trust("alice", "laptop")
    later(lambda: ssh.trust("alice", "laptop", "phone"))
    login = patient.start("alice", key="laptop").wait_open()
    session = sessions.one("alice")
    os.kill(login.pid, signal.SIGSTOP)
    processes.wait_gone(session["leader"], 20.0)
    check_ended(session["sessionId"], "logout", session["leader"])


def test_a_logout_while_the_daemon_is_stopped_ends_it_once():
    login, sid, leader = log_in()
    daemon.pause()
    login.process.stdin.close()
    processes.wait_gone(leader)
    daemon.resume()
    eventually(lambda: sessions.ends(sid), 1.0, "an end")
    assert sessions.ends(sid)[0] in ("logout", "killed")
    check_ended(sid, sessions.ends(sid)[0], leader)


# ---- the daemon goes and comes -----------------------------------------------------------------------------

def test_a_session_lives_on_over_a_restart_and_ends_by_logout():
    login, sid, leader = log_in()
    before = sessions.one("alice")
    daemon.restart()
    assert sessions.one("alice") == before
    assert login.run("echo here") == "here\n"
    assert login.log_out() == 0
    check_ended(sid, "logout", leader)


def test_a_session_lives_on_over_a_crash_and_its_leader_is_watched_again():
    _login, sid, leader = log_in()
    daemon.kill()
    daemon.start()
    assert sessions.ids("alice") == [sid]
    later(lambda orphan=processes.children(leader): processes.end_all(orphan))
    os.kill(leader, signal.SIGKILL)
    check_ended(sid, "killed", leader)


def test_a_login_that_ended_while_the_daemon_was_down_is_lost():
    for stop in (daemon.stop, daemon.kill):
        login, sid, leader = log_in()
        stop()
        assert login.log_out() == 0
        processes.wait_gone(leader)
        daemon.start()
        assert sessions.ends(sid) == ["lost"], "ended before the daemon says that it is ready"
        check_ended(sid, "lost", leader)


def test_only_what_has_gone_is_lost():
    wait_empty()
    gone = ssh.start("alice", key="laptop").wait_open()
    gone_sid, = sessions.ids("alice")
    stays = ssh.start("alice", key="phone").wait_open()
    stays_sid, = (sid for sid in sessions.ids("alice") if sid != gone_sid)
    daemon.stop()
    assert gone.log_out() == 0
    assert stays.run("echo here") == "here\n"
    eventually(lambda: len(sshd.monitors("alice")) == 1)
    daemon.start()
    assert sessions.ids() == [stays_sid]
    assert sessions.ends(gone_sid) == ["lost"] and not sessions.ends(stays_sid)
    leader = sessions.one("alice")["leader"]
    assert stays.log_out() == 0
    check_ended(stays_sid, "logout", leader)


def test_a_login_made_while_the_daemon_was_down_is_no_session():
    wait_empty()
    daemon.stop()
    login = ssh.start("alice", key="laptop").wait_open()
    assert login.run("echo $SESSJWT_SESSION_ID") == "\n"
    before = daemon.log_end()
    daemon.start()
    assert not sessions.of()
    assert login.log_out() == 0
    assert not sessions.of() and "session ended" not in daemon.log(before)


def test_another_boot_ends_all_sessions_as_reboot_and_signals_none_of_their_processes():
    login, sid, _leader = log_in()
    daemon.stop()
    later(daemon.restart)
    later(lambda: setattr(daemon, "boot_id", None))
    daemon.boot_id = OTHER_BOOT
    daemon.start()
    assert sessions.ends(sid) == ["reboot"] and not sessions.of()
    assert login.run("echo here") == "here\n", "the pid belongs to somebody else now"
    assert login.log_out() == 0
    assert sessions.ends(sid) == ["reboot"]


def test_many_logins_that_end_while_the_daemon_is_down_leave_nothing():
    wait_empty()
    app = PamApp(host)
    for handle in range(300):
        app.begin(handle, "tool", "bob")
        assert app.open(handle).rc == 0
    rows = sessions.ids("bob")
    assert len(rows) == 300
    daemon.stop()
    app.kill()
    daemon.start()
    assert not sessions.of()
    assert [sessions.ends(sid) for sid in rows[:3] + rows[-3:]] == [["lost"]] * 6


# ---- its longest time --------------------------------------------------------------------------------------

def test_a_session_that_reaches_its_longest_time_is_told_and_cut():
    with_config(HOUR)
    login, sid, leader = log_in(tty=True)
    pass_time(daemon, 3590)
    assert sessions.one("alice")["state"] == "live" and not sessions.ends(sid)
    pass_time(daemon, 11)
    login.expect("it has reached its longest time")
    pass_time(daemon, 1)
    assert login.wait_closed() == 255
    check_ended(sid, "expired", leader)


def test_a_session_without_a_terminal_expires_too():
    with_config(HOUR)
    for how in ({}, {"shell": False}):
        login, sid, leader = log_in(**how)
        # In real time the moment before SIGTERM sees to that; here it passes at once.
        eventually(lambda: processes.catches(leader, signal.SIGTERM), what="sshd's own handler")
        pass_time(daemon, 3601, 1)
        assert login.wait_closed() == 255
        check_ended(sid, "expired", leader)


def test_an_expired_session_whose_leader_takes_no_signal_is_killed():
    with_config(HOUR)
    login, sid, leader = log_in()
    os.kill(leader, signal.SIGSTOP)
    later(lambda: processes.send(leader, signal.SIGCONT))
    pass_time(daemon, 3601)
    eventually(lambda: sessions.one("alice")["state"] == "ending")
    pass_time(daemon, 1, 5.1)
    assert login.wait_closed() == 255, "sshd's child goes first"
    pass_time(daemon, 1.1)
    check_ended(sid, "expired", leader)


def test_a_session_expires_by_the_boot_clock_whatever_the_wall_clock_does():
    with_config(HOUR)
    login, sid, leader = log_in()
    for move in (clock.set_back, clock.set_forward, clock.set_forward, clock.set_back):
        move(7 * 86400)
        sessions.call("GetHealth")
    pass_time(daemon, 3590)
    assert sessions.one("alice")["state"] == "live"
    pass_time(daemon, 11, 1)
    assert login.wait_closed() == 255
    check_ended(sid, "expired", leader)


def test_a_session_whose_time_ran_out_while_the_daemon_was_down_expires_at_its_start():
    with_config(HOUR)
    login, sid, leader = log_in()
    daemon.stop()
    clock.advance(3601)
    daemon.start()
    eventually(lambda: sessions.ends(sid), 1.0)
    assert login.wait_closed() == 255
    check_ended(sid, "expired", leader)


def test_roots_session_never_expires():
    with_config(HOUR)
    login, sid, leader = log_in("toor")
    assert "expiresAt" not in sessions.one("toor")
    pass_time(daemon, 3601, 5, 5)
    assert sessions.ids("toor") == [sid]
    assert login.log_out() == 0
    check_ended(sid, "logout", leader)


# ---- terminate = none --------------------------------------------------------------------------------------

def test_with_terminate_none_an_expired_session_ends_and_the_login_goes_on():
    with_config(HOUR + "terminate = none\n")
    login, sid, _leader = log_in()
    pass_time(daemon, 3601, 5, 5, 60)
    assert sessions.wait_end(sid) == "expired"
    assert login.run("echo here") == "here\n"
    assert login.log_out() == 0
    assert sessions.ends(sid) == ["expired"], "the close of a session that has ended says nothing"


def test_with_terminate_none_a_revoked_session_ends_and_the_login_goes_on():
    with_config("[policy default]\nterminate = none\n")
    login, sid, _leader = log_in(tty=True)
    assert sessions.call("RevokeSession", sessionId=sid)["revokedCount"] == 1
    pass_time(daemon, 5, 5, 60)
    assert sessions.wait_end(sid) == "revoked"
    login.wait_open()
    assert login.log_out() == 0
    assert sessions.ends(sid) == ["revoked"]


def test_with_terminate_none_an_evicted_session_ends_and_the_login_goes_on():
    with_config("[policy default]\nterminate = none\nmax_devices = 1\n")
    login, sid, _leader = log_in()
    ssh.start("alice", key="phone").wait_open()
    assert sessions.wait_end(sid) == "evicted"
    pass_time(daemon, 5, 5, 60)
    assert login.run("echo here") == "here\n"
    assert len(sessions.of("alice")) == 1

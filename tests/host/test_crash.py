"""The daemon is killed with -9 between every two steps of a login: the login goes on, and after the restart
store and processes agree."""
from harness import Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually, processes

UNSEEN = ("login-taken", "before-commit")                  # nothing is kept: the login went through unseen
KEPT = ("after-commit", "before-reply", "after-reply")     # its session is in the store

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock)
sessions = SessionList(daemon)
PamStack(host, "sshd")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")


def hook(point, login=1):
    """The point in the turn of the n-th open or close; the daemon has turns of its own, too."""
    return f"login-taken:{login}" if point == "login-taken" else f"{point}@login-taken:{login}"


def crash_in_login(point):
    """A login during which the daemon dies at this point; returns the client and its monitor's pid."""
    daemon.start(hooks=f"{hook(point)}=kill")
    login = ssh.start("alice", key="laptop").wait_open()
    assert daemon.wait_ended() == -9, "the point was not reached"
    assert login.run("id -un") == "alice\n"
    monitor, = sshd.monitors("alice")
    return login, monitor


def check_agreement():
    """Each row has a living leader, and is whole: its token is minted and good."""
    for row in sessions.of():
        assert row["state"] == "live", row
        assert row["leader"] in sshd.monitors(row["user"]), row
        token = Varlink(daemon, user=row["user"]).call("MintToken", sessionId=row["sessionId"])["accessToken"]
        assert sessions.call("Introspect", token=token)["sid"] == row["sessionId"]


def leave(login, monitor):
    """The login ends as usual, and nothing of it stays."""
    assert login.log_out() == 0
    processes.wait_gone(monitor)
    eventually(lambda: not sessions.of(), 1.0, "no session")
    assert daemon.stop() == 0


def check_unseen(point):
    login, monitor = crash_in_login(point)
    before = daemon.log_end()
    daemon.start()
    assert not sessions.of(), "a login that went through unseen is not guessed"
    assert not sessions.opened("alice", before)
    leave(login, monitor)


def check_kept(point):
    login, monitor = crash_in_login(point)
    daemon.start()
    session = sessions.one("alice")
    assert session["leader"] == monitor
    check_agreement()
    leave(login, monitor)
    assert sessions.ends(session["sessionId"]) == ["logout"]


def test_a_login_goes_on_unseen_when_the_daemon_dies_as_it_takes_it_up():
    check_unseen("login-taken")


def test_a_login_goes_on_unseen_when_the_daemon_dies_before_the_commit():
    check_unseen("before-commit")


def test_a_login_is_a_session_when_the_daemon_dies_after_the_commit():
    check_kept("after-commit")


def test_a_login_is_a_session_when_the_daemon_dies_before_the_reply():
    check_kept("before-reply")


def test_a_login_is_a_session_when_the_daemon_dies_after_the_reply():
    check_kept("after-reply")


def test_a_login_that_is_over_when_the_daemon_comes_back_is_lost_and_leaves_no_row():
    for point in UNSEEN + KEPT:
        login, monitor = crash_in_login(point)
        assert login.log_out() == 0
        processes.wait_gone(monitor)
        before = daemon.log_end()
        daemon.start()
        assert not sessions.of()
        assert ("session ended, lost: alice" in daemon.log(before)) == (point in KEPT), point
        daemon.stop()


def test_a_command_runs_as_ever_wherever_the_daemon_dies():
    for point in UNSEEN + KEPT:
        daemon.start(hooks=f"{hook(point)}=kill")
        done = ssh.run("alice", "echo well; exit 7", key="laptop")
        assert (done.rc, done.out, done.err) == (7, "well\n", ""), (point, done)
        assert daemon.wait_ended() == -9
        eventually(lambda: not sshd.monitors(), what="no login")


def test_a_logout_counts_once_wherever_the_daemon_dies():
    """Committed it is a logout; if not, the start finds that the leader is gone."""
    for point, reason in (("login-taken", "lost"), ("before-commit", "lost"), ("after-commit", None),
                          ("before-reply", "logout"), ("after-reply", "logout")):
        daemon.start(hooks=f"{hook(point, 2)}=kill")
        login = ssh.start("alice", key="laptop").wait_open()
        monitor, = sshd.monitors("alice")
        before = daemon.log_end()
        assert login.log_out() == 0
        assert daemon.wait_ended() == -9, "the point was not reached"
        processes.wait_gone(monitor)
        daemon.start()
        assert not sessions.of()
        ends = [line for line in daemon.log(before).splitlines() if line.startswith("session ended")]
        assert len(ends) == (reason is not None), (point, ends)
        assert not reason or ends[0].startswith(f"session ended, {reason}: alice"), (point, ends)
        daemon.stop()


def test_a_session_stays_through_crash_after_crash():
    login, monitor = crash_in_login("after-commit")
    session_id = None
    for _ in range(3):
        daemon.start()
        session_id = session_id or sessions.one("alice")["sessionId"]
        assert sessions.ids() == [session_id]
        daemon.kill()
    daemon.start()
    leave(login, monitor)


def test_what_was_acknowledged_before_a_crash_is_there_after_it():
    daemon.start()
    logins = [ssh.start("alice", key="laptop").wait_open() for _ in range(3)]
    before = sessions.of()
    assert len(before) == 3
    Varlink(daemon).call("RevokeSession", sessionId=before[1]["sessionId"])
    daemon.kill()
    daemon.start()
    eventually(lambda: len(sessions.of()) == 2, what="two sessions")
    assert sessions.of() == [before[0], before[2]]
    check_agreement()
    assert logins[1].wait_closed() == 255
    daemon.stop()

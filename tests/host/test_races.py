"""Many processes log in within the same millisecond under a limit of one: one lives, in every one of hundreds
of rounds."""
import contextlib

from harness import (Clock, Daemon, Host, NotInTime, PamApp, PamStack, SessionList, Ssh, Sshd, eventually,
                     later, processes)
from harness.passing import pass_time, rounds

AT_ONCE = 8
TERM_KILL_KILL = (2, 5, 1, 1)  # a denied login's grace, then SIGTERM, SIGKILL, SIGKILL: DESIGN section 5

host = Host()
for number in range(4):
    host.add_user(f"user{number}")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, """\
[policy device-told]
users = user0
max_devices = 1
terminate = none

[policy session-told]
users = user1
max_sessions = 1
terminate = none

[policy deny]
users = user2
max_devices = 1
on_limit = deny

[policy deny-session]
users = user3
max_sessions = 1
on_limit = deny

[policy session]
users = bob
max_sessions = 1

[policy device]
max_devices = 1
""", clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "login", like="bare")
PamStack(host, "sshd", account=False, options="timeout=1s")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
ssh.trust("bob", "laptop", "phone")
ssh.trust("user2", "laptop", "phone")


def make_apps():
    """Programs that are about to log in, each from a source of its own."""
    return [PamApp(host) for _ in range(AT_ONCE)]


def send_at_once(apps, user):
    """All open at the same moment."""
    for source, app in enumerate(apps, 1):
        app.begin(1, "login", user)
        app.item(1, "RHOST", f"192.0.2.{source}")
    for app in apps:
        app.send("open 1")


def open_at_once(apps, user):
    """The same; returns what each was answered."""
    send_at_once(apps, user)
    return [app.read().name for app in apps]


def close_all(apps):
    """All close and end, but stay."""
    for app in apps:
        app.close_session(1)
        app.end(1)


def live(user):
    """Rows that are live."""
    return [row for row in sessions.of(user) if row["state"] == "live"]


def check_told(user, number):
    """Sessions of processes that are not signalled, so that they can come again."""
    apps = make_apps()
    for _ in range(number):
        assert open_at_once(apps, user) == ["PAM_SUCCESS"] * AT_ONCE
        row, = sessions.of(user)
        assert row["state"] == "live" and row["leader"] in [app.pid for app in apps]
        close_all(apps)
        assert not sessions.of(user)


def test_one_device_lives_of_eight_that_open_at_once():
    check_told("user0", 150)


def test_one_session_lives_of_eight_that_open_at_once():
    check_told("user1", 150)


def check_signalled(user):
    """Sessions of processes that have to go."""
    for _ in range(10):
        apps = make_apps()
        before = daemon.log_end()
        send_at_once(apps, user)
        eventually(lambda: len(sessions.opened(user, before)) == AT_ONCE, what="all sessions opened")
        survivor, = live(user)
        for app in apps:
            if app.pid != survivor["leader"]:
                processes.wait_gone(app.pid)
        eventually(lambda: sessions.ids(user) == [survivor["sessionId"]], what="only the survivor's row")
        pass_time(daemon, *TERM_KILL_KILL)
        alive = [app.pid for app in apps if processes.is_alive(app.pid)]
        assert alive == [survivor["leader"]]
        for app in apps:
            app.close()
        eventually(lambda: not sessions.of(user), what="no session")


def test_one_process_lives_of_eight_devices_that_open_at_once():
    check_signalled("alice")


def test_one_process_lives_of_eight_sessions_that_open_at_once():
    check_signalled("bob")


def check_denied(user):
    """The first one stays, the others are refused, and go."""
    for _ in range(10):
        apps = make_apps()
        answers = open_at_once(apps, user)
        assert sorted(answers) == ["PAM_SESSION_ERR"] * (AT_ONCE - 1) + ["PAM_SUCCESS"]
        winner = apps[answers.index("PAM_SUCCESS")].pid
        assert [row["leader"] for row in live(user)] == [winner]
        pass_time(daemon, *TERM_KILL_KILL)
        for app in apps:
            if app.pid != winner:
                processes.wait_gone(app.pid)
        assert processes.is_alive(winner)
        for app in apps:
            app.close()
        eventually(lambda: not sessions.of(user), what="no session")


def test_one_is_let_in_of_eight_devices_that_open_at_once_where_the_second_is_denied():
    check_denied("user2")


def test_one_is_let_in_of_eight_sessions_that_open_at_once_where_the_second_is_denied():
    check_denied("user3")


def test_opens_and_closes_at_once_leave_nothing():
    apps = make_apps()
    for _ in range(50):
        open_at_once(apps, "user0")
        for app in apps:
            app.send("close 1")
        assert [app.read().name for app in apps] == ["PAM_SUCCESS"] * AT_ONCE
        for app in apps:
            app.end(1)
        assert not sessions.of("user0")


# ---- two real logins ---------------------------------------------------------------------------------------

def waiting():
    """How many modules wait for the daemon."""
    with open("/proc/net/unix", encoding="utf-8") as file:
        return sum(line.split()[-1] == str(daemon.login_socket) for line in file) - 1


def log_in_at_once(user):
    """Two logins whose modules wait at the same time, so that one turn takes both. Returns the clients."""
    later(daemon.resume)
    daemon.pause()
    logins = [ssh.start(user, key=key) for key in ("laptop", "phone")]
    with contextlib.suppress(NotInTime):  # a slow machine: the rest must hold all the same
        eventually(lambda: waiting() == 2, 0.9, "two modules that wait")
    daemon.resume()
    return logins


def check_two(user):
    for _ in range(5):
        before = daemon.log_end()
        logins = log_in_at_once(user)
        eventually(lambda: len(sessions.opened(user, before)) == 2, what="two sessions opened")
        assert len(live(user)) == 1
        eventually(lambda: len(sessions.of(user)) == 1, what="one row")
        eventually(lambda: sum(login.is_open() for login in logins) == 1, what="one client")
        survivor, = (login for login in logins if login.is_open())
        survivor.wait_open()
        session, = sessions.of(user)
        assert sshd.monitors(user) == [session["leader"]]
        eventually(lambda: sshd.connections() == 1, what="one connection")
        loser, = (login for login in logins if login is not survivor)
        assert loser.wait_closed() == 255
        assert survivor.log_out() == 0
        eventually(lambda: not sessions.of(user) and not sshd.connections(), what="nothing left")


def test_one_lives_of_two_devices_that_log_in_at_once():
    check_two("alice")


def test_one_lives_of_two_sessions_that_log_in_at_once():
    check_two("bob")


def test_one_is_let_in_of_two_that_log_in_at_once_where_the_second_is_denied():
    logins = log_in_at_once("user2")
    eventually(lambda: sum(login.is_open() for login in logins) == 1, what="one client")
    loser, = (login for login in logins if not login.is_open())
    assert loser.wait_closed() == 254
    survivor, = (login for login in logins if login.is_open())
    survivor.wait_open()
    rounds(daemon)
    assert len(live("user2")) == 1 and survivor.run("id -un") == "user2\n"

"""The daemon is stopped (SIGSTOP) while people log in: they hardly notice, and afterwards it knows who is
here, and throws nobody out for somebody who is not."""
import os
import signal
import time

from harness import (Clock, Daemon, Host, PamApp, PamStack, SessionList, Ssh, Sshd, eventually, later,
                     processes)
from harness.passing import pass_time, rounds

BUDGET = 0.25
SLACK = 0.75  # of a busy machine; what hangs, hangs much longer
DENIED_GRACE, GRACE, LEADER_GRACE = 2, 5, 1  # seconds; DESIGN section 5

host = Host()
host.add_user("carol")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, """\
[policy no-second]
users = mallory
max_devices = 1
on_limit = deny

[policy default]
max_devices = 1
""", clock=clock).start()
sessions = SessionList(daemon)
PamStack.patient = False
PamStack(host, "sshd")
PamStack(host, "login", like="bare")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
ssh.trust("mallory", "laptop", "phone")


def log_in(user, key, **how):
    """A login that stays: the client, and its monitor's pid."""
    known = sshd.monitors(user)
    login = ssh.start(user, key=key, **how)
    later(lambda: eventually(lambda: not sessions.of(), what="no session"))
    later(lambda: processes.end_all(sshd.monitors(user)))
    later(login.close)
    login.wait_open()
    monitor, = set(sshd.monitors(user)) - set(known)
    return login, monitor


def pause():
    """Stops the daemon until resume(), or the test's end."""
    later(daemon.resume)
    daemon.pause()


def resume():
    """Lets the daemon go on, and returns when it has done what waited: a login behind it is answered."""
    daemon.resume()
    app = PamApp(host)
    app.begin(1, "login", "carol")
    eventually(lambda: app.account(1).rc == 0 and app.open(1).rc == 0 and app.getenv(1, "SESSJWT_SESSION_ID"),
               what="a login that is answered")
    app.close_session(1)
    app.close()
    rounds(daemon)


def waiting():
    """How many connections the login socket has that the daemon has not closed."""
    with open("/proc/net/unix", encoding="utf-8") as file:
        return sum(line.split()[-1] == str(daemon.login_socket) for line in file) - 1


def wait_only(monitor):
    """Waits until every other login's process is gone for good: sshd has reaped it."""
    eventually(lambda: processes.children(sshd.pid) == [monitor], what="the others' end")


def given_up():
    """How often a module has given up waiting for an answer."""
    return host.syslog.text().count("the daemon did not answer: receive")


def seconds_of(run):
    """How long it takes."""
    before = time.monotonic()
    run()
    return time.monotonic() - before


def states(user):
    """Leader and state of each row."""
    return {row["leader"]: row["state"] for row in sessions.of(user)}


def strict(**how):
    """sshd's stack with on_error=deny, until the test's end."""
    later(lambda: PamStack(host, "sshd"))
    PamStack(host, "sshd", options="on_error=deny", **how)


# ---- the delay ---------------------------------------------------------------------------------------------

def delay(method, **how):
    """By how much a stopped daemon delays a login that goes through."""
    def run():
        done = ssh.run("alice", "id", "-un", method=method, **how)
        assert (done.rc, done.out) == (0, "alice\n"), done
    usual = min(seconds_of(run) for _ in range(3))
    pause()
    stalled = min(seconds_of(run) for _ in range(3))
    resume()
    return stalled - usual


def test_a_login_by_key_is_delayed_by_no_more_than_the_budget_and_goes_through():
    before = given_up()
    assert delay("publickey", key="laptop") <= BUDGET + SLACK
    assert given_up() > before, "nobody waited"


def test_a_login_by_password_is_delayed_by_no_more_than_the_budget_and_goes_through():
    assert delay("password", password=True) <= BUDGET + SLACK


def test_a_keyboard_interactive_login_is_delayed_by_no_more_than_the_budget_of_each_process():
    assert delay("keyboard-interactive", password=True) <= 2 * BUDGET + SLACK


def test_each_phase_takes_no_longer_than_the_timeout_that_its_line_gives():
    PamStack(host, "login", like="bare", options="timeout=100ms")
    later(lambda: PamStack(host, "login", like="bare"))
    pause()
    times = []
    for _ in range(5):
        app = PamApp(host)
        app.begin(1, "login", "bob")
        times.append([seconds_of(lambda: step(1)) for step in (app.account, app.open, app.close_session)])
        app.close()
    resume()
    account, opening, closing = (min(column) for column in zip(*times))
    assert 0.09 <= account < 0.2 and opening < 0.2 and closing < 0.2, times
    assert account + opening < 0.2, "both share one budget"


# ---- what it makes of them afterwards ----------------------------------------------------------------------

def test_nobody_is_evicted_for_a_login_that_is_over():
    laptop, monitor = log_in("alice", "laptop")
    pause()
    assert ssh.run("alice", "id", "-un", key="phone").out == "alice\n"
    wait_only(monitor)
    resume()
    assert states("alice") == {monitor: "live"}
    pass_time(daemon, 1, GRACE, LEADER_GRACE)
    assert laptop.run("id -un") == "alice\n"


def test_nobody_is_evicted_for_a_login_whose_process_died_while_it_waited():
    _laptop, monitor = log_in("alice", "laptop")
    pause()
    app = PamApp(host)
    app.begin(1, "login", "alice")
    app.item(1, "RHOST", "192.0.2.8")
    app.send("open 1")
    eventually(lambda: waiting() == 1, what="a login that waits")
    app.kill()
    before = daemon.log_end()
    resume()
    assert states("alice") == {monitor: "live"}
    assert not sessions.opened("alice", before)


def test_a_login_that_went_through_is_listed_and_ends_at_its_logout():
    pause()
    laptop, monitor = log_in("alice", "laptop")
    assert laptop.run("echo [$SESSJWT_SESSION_ID]") == "[]\n", "the module was not told"
    resume()
    session = sessions.one("alice")
    assert (session["leader"], session["state"], session["methods"]) == (monitor, "live", ["key"])
    assert laptop.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_a_login_that_went_through_counts():
    laptop, monitor = log_in("alice", "laptop")
    pause()
    phone, of_phone = log_in("alice", "phone")
    assert laptop.is_open()
    resume()
    assert laptop.wait_closed() == 255
    processes.wait_gone(monitor)
    eventually(lambda: states("alice") == {of_phone: "live"}, what="only the phone's row")
    session_id, = sessions.ids("alice")
    assert phone.log_out() == 0
    assert sessions.wait_end(session_id) == "logout"


def test_a_late_logout_ends_the_session_of_its_own_process_only():
    first, of_first = log_in("alice", "laptop")
    pause()
    second, of_second = log_in("alice", "laptop")
    resume()
    assert states("alice") == {of_first: "live", of_second: "live"}
    assert second.log_out() == 0
    eventually(lambda: states("alice") == {of_first: "live"}, what="only the first one's row")
    assert first.run("id -un") == "alice\n"


def test_a_logout_while_it_is_stopped_counts():
    laptop, monitor = log_in("alice", "laptop")
    session_id, = sessions.ids("alice")
    pause()
    assert laptop.log_out() == 0
    processes.wait_gone(monitor)
    resume()
    assert sessions.wait_end(session_id) in ("logout", "killed")


def test_a_late_login_that_policy_denies_is_disconnected():
    for shell in (True, False):
        laptop, monitor = log_in("mallory", "laptop")
        pause()
        phone, of_phone = log_in("mallory", "phone", shell=shell)
        eventually(lambda: processes.catches(of_phone, signal.SIGTERM), what="the end of sshd's PAM session")
        resume()
        assert states("mallory") == {monitor: "live", of_phone: "ending"}
        assert phone.is_open()
        pass_time(daemon, DENIED_GRACE)
        assert phone.wait_closed() == 255
        processes.wait_gone(of_phone)
        eventually(lambda: states("mallory") == {monitor: "live"}, what="only the laptop's row")
        assert laptop.run("id -un") == "mallory\n"
        assert laptop.log_out() == 0
        eventually(lambda: not sessions.of(), what="no session")


# ---- stopped in the middle of a login ----------------------------------------------------------------------

def stop_at(point):
    """The daemon stops itself at this point of the next login's turn; it has turns of its own, too."""
    daemon.restart(hooks=f"{point}=stop" if "login-taken" in point else f"{point}@login-taken=stop")
    later(daemon.restart)


def test_a_login_goes_on_and_is_listed_wherever_the_daemon_stops():
    for point in ("login-taken", "before-commit", "after-commit", "before-reply", "after-reply"):
        stop_at(point)
        laptop, monitor = log_in("alice", "laptop")
        daemon.wait_stopped()
        assert laptop.run("id -un") == "alice\n"
        resume()
        session = sessions.one("alice")
        assert (session["leader"], session["state"]) == (monitor, "live"), point
        assert laptop.log_out() == 0
        assert sessions.wait_end(session["sessionId"]) == "logout", point


def test_nobody_is_evicted_for_a_login_that_was_over_before_its_turn():
    stop_at("login-taken:2")
    laptop, monitor = log_in("alice", "laptop")
    assert ssh.run("alice", "true", key="phone").rc == 0
    daemon.wait_stopped()
    wait_only(monitor)
    resume()
    assert states("alice") == {monitor: "live"}
    assert laptop.run("id -un") == "alice\n"


# ---- on_error=deny -----------------------------------------------------------------------------------------

def test_where_errors_deny_a_login_is_refused_and_dropped():
    laptop, monitor = log_in("alice", "laptop")
    for account in (True, False):
        strict(account=account)
        pause()
        done = ssh.run("alice", "echo started", key="phone")
        assert done.rc in (254, 255) and "started" not in done.out, done
        wait_only(monitor)
        before = daemon.log_end()
        resume()
        assert states("alice") == {monitor: "live"} and not sessions.opened("alice", before)
    assert laptop.run("id -un") == "alice\n"


def test_where_errors_deny_a_refused_login_is_dropped_though_its_process_lives():
    PamStack(host, "login", like="bare", options="on_error=deny")
    later(lambda: PamStack(host, "login", like="bare"))
    _laptop, monitor = log_in("alice", "laptop")
    pause()
    app = PamApp(host)
    app.begin(1, "login", "alice")
    app.item(1, "RHOST", "192.0.2.8")
    assert app.account(1).name == "PAM_PERM_DENIED"
    assert app.open(1).name == "PAM_SESSION_ERR"
    before = daemon.log_end()
    resume()
    assert processes.is_alive(app.pid)
    assert states("alice") == {monitor: "live"} and not sessions.opened("alice", before)


def test_where_errors_deny_a_login_that_was_answered_too_late_is_no_session():
    for point in ("before-commit", "before-reply"):
        stop_at(point)
        strict(account=False)
        before = given_up()
        login = ssh.start("alice", key="laptop", shell=False)
        daemon.wait_stopped()
        eventually(lambda: given_up() > before, what="a module that gives up")
        monitor, = sshd.monitors("alice")
        PamStack(host, "sshd")
        resume()
        eventually(lambda: states("alice") == {monitor: "ending"}, what="no live session")
        pass_time(daemon, DENIED_GRACE)
        processes.wait_gone(monitor)
        login.wait_closed()
        eventually(lambda: not sessions.of(), what="no session")


# ---- a full backlog ----------------------------------------------------------------------------------------

def test_with_a_full_backlog_a_login_is_delayed_by_no_more_than_the_budget_and_goes_through():
    with open("/proc/sys/net/core/somaxconn", "r+", encoding="ascii") as file:  # of this network namespace
        usual = file.read()
        file.seek(0)
        file.write("4")
    later(daemon.restart)
    later(lambda: open("/proc/sys/net/core/somaxconn", "w", encoding="ascii").write(usual))
    daemon.restart()
    usually = min(seconds_of(lambda: ssh.run("alice", "true", key="laptop")) for _ in range(3))
    eventually(lambda: not sshd.monitors() and not waiting(), what="nobody who still logs out")
    pause()
    apps = [PamApp(host) for _ in range(12)]
    for app in apps:
        app.begin(1, "login", "carol")
        app.send("account 1")
    for app in apps:
        assert app.read().name == "PAM_SUCCESS"
    assert waiting() == 5, "one more than the backlog has room for"
    stalled = min(seconds_of(lambda: check_login("laptop")) for _ in range(3))
    assert stalled - usually <= BUDGET + SLACK
    resume()
    check_login("laptop")
    eventually(lambda: not sessions.of(), what="no session")


def check_login(key):
    """A login that goes through."""
    done = ssh.run("alice", "id", "-un", key=key)
    assert (done.rc, done.out) == (0, "alice\n"), done


def test_a_stopped_daemon_that_is_killed_lets_those_go_on_who_wait():
    pause()
    app = PamApp(host)
    app.begin(1, "login", "bob")
    app.send("open 1")
    eventually(lambda: waiting() == 1, what="a login that waits")
    os.kill(daemon.pid, signal.SIGKILL)
    assert app.read().name == "PAM_SUCCESS"
    daemon.wait_ended()
    daemon.start()
    assert not sessions.of()

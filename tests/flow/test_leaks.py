"""Logins by the thousand leave nothing behind: counted, half against half."""
import os

from harness import Daemon, Host, PamApp, PamLogin, PamStack, Skip, Varlink, eventually

HALF = 400
ANONYMOUS_KIB = 128  # what the second half may add: less than a third of a KiB a login
RESIDENT_KIB = 1024
STORE_BYTES = 65536  # what freed pages may come to that no reader has let go of yet
HISTORY_BYTES = 400  # of a login and its end, which stay

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()
if daemon.is_sanitized():
    raise Skip("a sanitizer keeps what was freed, and finds leaks itself")
root = Varlink(daemon)


def log_in(number, service="sshd"):
    """A login of alice's, from one of ten devices."""
    return PamLogin(host, "alice", service=service, rhost=f"192.0.2.{20 + number % 10}")


def status(name):
    """A number of /proc/PID/status."""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        return int(next(line.split()[1] for line in file if line.startswith(f"{name}:")))


def descriptors():
    """What the daemon's descriptors are, counted."""
    found = []
    for fd in os.listdir(f"/proc/{daemon.pid}/fd"):
        kind = os.readlink(f"/proc/{daemon.pid}/fd/{fd}")
        found.append("socket" if kind.startswith("socket:") else kind)
    return sorted(found)


root.call("GetHealth")
FRESH = descriptors(), status("Threads")  # before any login


def nothing_is_left():
    """Waits until there is no session, and no descriptor and no thread more than before the first."""
    eventually(lambda: root.call("GetHealth")["sessions"] == 0, what="no session")
    assert root.call("ListSessions", all=True)["sessions"] == []
    eventually(lambda: (descriptors(), status("Threads")) == FRESH,
               what=lambda: f"{FRESH}, now {descriptors()}")


def measure(run, count):
    """Runs a half; returns (anonymous, resident) KiB after it and the size of the store."""
    for number in range(count):
        run(number)
    eventually(lambda: root.call("GetHealth")["sessions"] == 0, what="no session")
    return status("RssAnon"), status("VmRSS"), os.stat(daemon.state_dir / "data.mdb").st_size


def halves_are_equal(run, half):
    """Warms up, then runs two halves: the second adds nothing worth a name to the first."""
    measure(run, half // 2)
    first = measure(run, half)
    second = measure(run, half)
    nothing_is_left()
    assert second[2] - first[2] <= STORE_BYTES + half * HISTORY_BYTES, (first, second)
    assert second[0] - first[0] <= ANONYMOUS_KIB, (first, second)
    assert second[1] - first[1] <= RESIDENT_KIB, (first, second)


def test_a_thousand_logins_in_a_row_leave_nothing():
    def run(number):
        login = log_in(number)
        assert login.sid
        assert login.log_out().rc == 0
        login.close()
    halves_are_equal(run, HALF)


def test_two_hundred_killed_logins_leave_nothing():
    def run(number):
        login = log_in(number)
        assert login.sid
        login.kill()
        login.close()
    halves_are_equal(run, 80)


def test_a_thousand_sessions_of_one_process_leave_nothing():
    for end in ("close", "kill"):
        app = PamApp(host)
        for handle in range(500):
            app.begin(handle, "sshd", "alice")
            assert app.open(handle).rc == 0
        assert root.call("GetHealth")["sessions"] == 500
        assert sum("pidfd" in kind for kind in descriptors()) == 1
        if end == "close":
            for handle in range(500):
                assert app.close_session(handle).rc == app.end(handle).rc == 0
        app.kill()
        nothing_is_left()


def test_revoked_logins_leave_nothing():
    for turn in range(5):
        logins = [log_in(number) for number in range(10)]
        if turn % 2:
            assert root.call("RevokeAll", user="alice")["revokedCount"] == 10
        else:
            for login in logins:
                assert root.call("RevokeSession", sessionId=login.sid)["revokedCount"] == 1
        for login in logins:
            login.app.process.wait(10)
    nothing_is_left()


def test_evicted_and_denied_logins_leave_nothing():
    for limit in ("evict-oldest", "deny"):
        daemon.write_config(f"[policy default]\nmax_sessions = 1\non_limit = {limit}\n")
        root.call("Reload")
        logins = [log_in(number) for number in range(30)]
        assert [bool(login.sid) for login in logins] == [limit == "evict-oldest" or number == 0
                                                        for number in range(30)]
        for login in logins:
            login.kill()
    daemon.write_config("")
    root.call("Reload")
    nothing_is_left()


def test_logins_of_services_that_get_no_session_leave_nothing():
    for service in ("cron", "sudo"):
        PamStack(host, service, like="bare")
        for number in range(50):
            login = log_in(number, service=service)
            assert login.answer.rc == 0 and not login.sid
            login.log_out()
    nothing_is_left()


def test_logins_that_nobody_waits_for_leave_nothing():
    for number in range(50):
        app = PamApp(host)
        app.begin(1, "sshd", "alice")
        app.item(1, "RHOST", f"192.0.2.{20 + number % 10}")
        app.send("open 1")
        app.kill()
    nothing_is_left()

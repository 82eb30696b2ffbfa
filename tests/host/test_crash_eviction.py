"""The daemon is killed with -9 between every two steps of an eviction or a denial: who has to go still goes
after the restart, and nobody else."""
import os
import signal

from harness import (Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually, later,
                     processes)
from harness.passing import pass_time

DENIED_GRACE, GRACE, LEADER_GRACE = 2, 5, 1  # seconds; DESIGN section 5

host = Host()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, """\
[policy no-second]
users = mallory
max_devices = 1
on_limit = deny

[policy default]
max_devices = 1
""", clock=clock)
sessions = SessionList(daemon)
PamStack(host, "sshd")
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
ssh.trust("mallory", "laptop", "phone")


class First:
    """The login that is there first: client, monitor, session and one of its tokens."""

    def __init__(self, user, **how):
        daemon.start()
        self.login = ssh.start(user, key="laptop", **how).wait_open()
        self.monitor, = sshd.monitors(user)
        self.session_id, = sessions.ids(user)
        self.token = Varlink(daemon, user=user).call("MintToken", sessionId=self.session_id)["accessToken"]
        later(lambda: eventually(lambda: not sshd.monitors(), what="no login"))
        later(self.close)
        assert daemon.stop() == 0

    def close(self):
        """Whatever is left of it goes, the next test is to find nothing."""
        for pid in [self.monitor, *processes.descendants(self.monitor)]:
            processes.send(pid, signal.SIGKILL)
        self.login.close()


def start_second(user, point, **how):
    """A second device logs in, and the daemon dies at this point. Returns the client and its monitor's
    pid."""
    known = sshd.monitors(user)
    daemon.start(hooks="login-taken=kill" if point == "login-taken" else f"{point}@login-taken=kill")
    login = ssh.start(user, key="phone", **how)
    assert daemon.wait_ended() == -9, "the point was not reached"
    monitor, = [pid for pid in sshd.monitors(user) if pid not in known] or [None]
    later(daemon.close)
    later(login.close)
    return login, monitor


def is_active(token):
    """Whether the daemon says that the token is good."""
    return sessions.call("Introspect", token=token)["active"]


def states(user):
    """Leader and state of each row."""
    return {row["leader"]: row["state"] for row in sessions.of(user)}


# ---- evictions ---------------------------------------------------------------------------------------------

def check_undecided(point):
    laptop = First("alice")
    phone, monitor = start_second("alice", point)
    phone.wait_open()
    daemon.start()
    assert states("alice") == {laptop.monitor: "live"}, "what was not committed has not happened"
    assert is_active(laptop.token)
    pass_time(daemon, 1, GRACE, LEADER_GRACE)
    assert laptop.login.run("id -un") == phone.run("id -un") == "alice\n"
    assert processes.is_alive(monitor)


def check_evicted(point, **how):
    laptop = First("alice", **how)
    phone, monitor = start_second("alice", point)
    phone.wait_open()
    assert laptop.login.is_open(), "it was killed before the signal"
    daemon.start()
    if laptop.login.terminal:
        laptop.login.expect("signed in elsewhere")
    pass_time(daemon, 1)  # the moment that the line on a terminal is given
    assert laptop.login.wait_closed() == 255
    eventually(lambda: states("alice") == {monitor: "live"}, what="only the phone's row")
    assert not is_active(laptop.token)
    assert phone.run("id -un") == "alice\n"
    return laptop


def test_nobody_is_evicted_when_the_daemon_dies_as_it_takes_the_login_up():
    check_undecided("login-taken")


def test_nobody_is_evicted_when_the_daemon_dies_before_the_commit():
    check_undecided("before-commit")


def test_the_victim_goes_when_the_daemon_dies_after_the_commit():
    check_evicted("after-commit")


def test_the_victim_goes_when_the_daemon_dies_before_the_reply():
    check_evicted("before-reply")


def test_the_victim_goes_when_the_daemon_dies_after_the_reply():
    check_evicted("after-reply")


def test_the_victim_goes_when_the_daemon_dies_before_the_line_on_its_terminal():
    check_evicted("before-terminal")


def test_the_victim_goes_when_the_daemon_dies_before_the_signal():
    check_evicted("before-signal")


def test_the_victim_reads_why_after_the_restart():
    for point in ("after-commit", "before-terminal"):
        laptop = check_evicted(point, tty=True)
        laptop.close()
        daemon.stop()
        eventually(lambda: len(sshd.monitors()) == 1, what="the laptop's end")
        for pid in sshd.monitors():
            processes.end_all([pid])


def test_the_victims_token_is_refused_from_the_first_answer_after_the_restart():
    laptop = First("alice")
    start_second("alice", "after-commit")[0].wait_open()
    os.kill(laptop.monitor, signal.SIGSTOP)
    daemon.start()
    assert not is_active(laptop.token)
    assert states("alice")[laptop.monitor] == "ending"


def test_the_victim_goes_when_the_daemon_dies_again_as_it_takes_the_ending_up():
    laptop = First("alice")
    _phone, monitor = start_second("alice", "after-commit")
    for _ in range(2):
        daemon.start(hooks="before-signal=kill", ready=False)
        assert daemon.wait_ended() == -9
        assert laptop.login.is_open()
    daemon.start()
    assert laptop.login.wait_closed() == 255
    eventually(lambda: states("alice") == {monitor: "live"}, what="only the phone's row")


def test_a_victim_that_hears_no_sigterm_goes_by_sigkill_after_the_restart():
    for point in ("after-commit", "before-signal"):
        check_stubborn(point)


def check_stubborn(point):
    laptop = First("alice")
    child, = processes.children(laptop.monitor)
    phone, monitor = start_second("alice", point)
    phone.wait_open()
    os.kill(laptop.monitor, signal.SIGSTOP)
    daemon.start()
    pass_time(daemon, 1)  # the moment before SIGTERM
    pass_time(daemon, GRACE - 2)
    assert processes.is_alive(child) and laptop.login.is_open(), "not before its time"
    pass_time(daemon, 2)
    processes.wait_gone(child)
    assert processes.is_alive(laptop.monitor), "the child goes first"
    pass_time(daemon, LEADER_GRACE)
    processes.wait_gone(laptop.monitor)
    assert laptop.login.wait_closed() == 255
    eventually(lambda: states("alice") == {monitor: "live"}, what="only the phone's row")
    phone.close()
    processes.wait_gone(monitor)
    daemon.stop()


def test_a_victim_that_hears_no_sigterm_goes_though_the_daemon_dies_between_the_signals():
    laptop = First("alice")
    os.kill(laptop.monitor, signal.SIGSTOP)
    _phone, monitor = start_second("alice", "after-commit")
    for _ in range(2):
        daemon.start()
        pass_time(daemon, GRACE)
        daemon.kill()
    assert processes.is_alive(laptop.monitor)
    daemon.start()
    pass_time(daemon, 1, GRACE, LEADER_GRACE)
    processes.wait_gone(laptop.monitor)
    assert laptop.login.wait_closed() == 255
    eventually(lambda: states("alice") == {monitor: "live"}, what="only the phone's row")


# ---- denials -----------------------------------------------------------------------------------------------

def check_denied(point, shell):
    """Decided, and the daemon died: whoever was not told and went through is disconnected, and so is who
    stays connected with nothing (ssh -N)."""
    laptop = First("mallory")
    phone, monitor = start_second("mallory", point, shell=shell)
    daemon.start()
    if point == "after-reply" and shell:
        assert phone.wait_closed() == 254, "it was told"
    else:
        eventually(lambda: processes.catches(monitor, signal.SIGTERM), what="the end of sshd's PAM session")
    pass_time(daemon, DENIED_GRACE)
    assert phone.wait_closed() in (254, 255)
    processes.wait_gone(monitor)
    eventually(lambda: states("mallory") == {laptop.monitor: "live"}, what="only the laptop's row")
    assert is_active(laptop.token)
    assert laptop.login.run("id -un") == "mallory\n"


def test_a_denied_login_goes_when_the_daemon_dies_after_the_commit():
    check_denied("after-commit", shell=True)


def test_a_denied_login_without_a_shell_goes_when_the_daemon_dies_after_the_commit():
    check_denied("after-commit", shell=False)


def test_a_denied_login_goes_when_the_daemon_dies_before_the_reply():
    check_denied("before-reply", shell=True)


def test_a_denied_login_without_a_shell_goes_when_the_daemon_dies_before_the_reply():
    check_denied("before-reply", shell=False)


def test_a_denied_login_starts_nothing_when_the_daemon_dies_after_the_reply():
    check_denied("after-reply", shell=True)


def test_a_denied_login_without_a_shell_goes_when_the_daemon_dies_after_the_reply():
    check_denied("after-reply", shell=False)


def test_a_denied_login_goes_when_the_daemon_dies_before_the_signal():
    laptop = First("mallory")
    known = sshd.monitors("mallory")
    daemon.start(hooks="before-signal=kill")
    phone = ssh.start("mallory", key="phone", shell=False)
    later(daemon.close)
    later(phone.close)
    eventually(lambda: "ending" in states("mallory").values(), what="a denied login")
    monitor, = [pid for pid in sshd.monitors("mallory") if pid not in known]
    eventually(lambda: processes.catches(monitor, signal.SIGTERM), what="the end of sshd's PAM session")
    clock.advance(DENIED_GRACE)
    assert daemon.wait_ended() == -9
    assert processes.is_alive(monitor)
    daemon.start()
    assert states("mallory") == {laptop.monitor: "live", monitor: "ending"}
    pass_time(daemon, DENIED_GRACE)
    assert phone.wait_closed() == 255
    eventually(lambda: states("mallory") == {laptop.monitor: "live"}, what="only the laptop's row")


def test_nobody_is_denied_when_the_daemon_dies_before_the_commit():
    laptop = First("mallory")
    phone, monitor = start_second("mallory", "before-commit")
    phone.wait_open()
    daemon.start()
    pass_time(daemon, DENIED_GRACE, GRACE, LEADER_GRACE)
    assert states("mallory") == {laptop.monitor: "live"}
    assert phone.run("id -un") == "mallory\n" and processes.is_alive(monitor)

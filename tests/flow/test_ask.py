"""on_limit = ask, by frames: a choice is for one leader and for a minute."""
import os
import signal

from harness import Clock, Daemon, Host, PamStack, SessionList, eventually, frame, later
from harness.passing import pass_time

CONFIG = "[policy default]\nmax_sessions = 1\non_limit = ask\nask_fallback = deny\n"

host = Host()
clock = Clock(host.dir / "clock")
PamStack(host, "sshd", like="bare")
daemon = Daemon(host, CONFIG, clock=clock).start()
sessions = SessionList(daemon)


def leader():
    """A pidfd of a process that lives until the test is over."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    fd = os.pidfd_open(pid)

    def end():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    later(end)
    return fd


def say(fd, phase, **values):
    """One frame of a login on a terminal."""
    return frame.ask(daemon, frame.request(phase, **({"tty": "/dev/pts/9"} | values)), fd)


def occupied():
    """One session is there, and that is the limit."""
    eventually(lambda: not sessions.of("alice"), what="no session of an earlier test")
    return say(leader(), frame.OPEN).session_id


def test_the_question_and_the_choice():
    first, fd = occupied(), leader()
    reply = say(fd, frame.ACCOUNT, flags=frame.CAN_ASK)
    assert reply.outcome == frame.ASKS and "* 192.0.2.10 since" in reply.text, reply
    assert say(fd, frame.ACCOUNT).outcome == frame.DENIED, "who cannot be asked"
    assert say(fd, frame.CHOOSE, choice=frame.OLDEST).outcome == frame.OK
    reply = say(fd, frame.OPEN)
    assert reply.outcome == frame.OK and sessions.wait_end(first) == "evicted"


def test_a_choice_is_carried_out_once_and_by_its_leader():
    occupied()
    fd, other = leader(), leader()
    assert say(fd, frame.CHOOSE, choice=frame.OTHERS).outcome == frame.OK
    assert say(other, frame.OPEN).outcome == frame.DENIED
    assert say(fd, frame.OPEN, user="bob", uid=2001).outcome == frame.OK, "bob has no limit reached"
    assert say(fd, frame.OPEN).outcome == frame.OK
    assert say(fd, frame.OPEN).outcome == frame.DENIED, "it was taken"


def test_a_choice_of_a_minute_ago_is_none():
    occupied()
    fd = leader()
    assert say(fd, frame.CHOOSE, choice=frame.OTHERS).outcome == frame.OK
    pass_time(daemon, 59)
    assert say(fd, frame.OPEN).outcome == frame.OK
    fd = leader()
    assert say(fd, frame.CHOOSE, choice=frame.OTHERS).outcome == frame.OK
    pass_time(daemon, 60)
    assert say(fd, frame.OPEN).outcome == frame.DENIED


def test_a_restart_forgets_it_and_the_fallback_decides():
    occupied()
    fd = leader()
    assert say(fd, frame.CHOOSE, choice=frame.OTHERS).outcome == frame.OK
    daemon.restart()
    assert say(fd, frame.OPEN).outcome == frame.DENIED


def test_choices_are_bounded_for_each_user():
    occupied()
    for _ in range(16):
        assert say(leader(), frame.CHOOSE, choice=frame.OLDEST).outcome == frame.OK
    assert say(leader(), frame.CHOOSE, choice=frame.OLDEST).outcome == frame.FAILED
    assert say(leader(), frame.CHOOSE, choice=frame.OLDEST, user="bob", uid=2001).outcome == frame.OK


def test_a_choice_where_there_is_no_question_is_refused():
    for phase, choice in ((frame.OPEN, 1), (frame.ACCOUNT, 2), (frame.CHOOSE, 0), (frame.CHOOSE, 4)):
        assert say(leader(), phase, choice=choice).outcome == frame.FAILED

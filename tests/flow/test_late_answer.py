"""A module that denies when it is not answered has given up at its deadline: what it is told later opens no
session, however much its daemon had to do meanwhile."""
import os
import subprocess
import time

from harness import Daemon, Host, frame, later

DENIES_ON_ERROR = 1 << 0  # a flag
IN_TIME_USEC = 250_000  # half of what the hook waits

host = Host()
daemon = Daemon(host, "[policy default]\nterminate = none\n")


def test_a_login_that_is_answered_after_its_deadline_is_no_session():
    """It was taken up in time, and its module still listens, as one does that is just about to give up."""
    daemon.start(hooks="before-reply=wait")
    module, process = frame.Module(daemon), subprocess.Popen(["sleep", "1000"])
    leader = os.pidfd_open(process.pid)
    later(lambda: (module.close(), os.close(leader), process.kill(), process.wait()))
    deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 + IN_TIME_USEC
    module.send(frame.request(flags=DENIES_ON_ERROR, deadline=deadline), leader)
    reply = module.read()
    assert reply.outcome == frame.OK, reply
    assert reply.session_id in daemon.wait_for_log("session ended, denied")

"""passing: the daemon's time passes by hand, and what was due in it is done when these return."""
from .varlink import Varlink, VarlinkError


def rounds(daemon, count=2):
    """Each call is answered in a round of the daemon's loop, and what is due is posted behind the calls of a
    round, to a thread that takes such changes before those of callers: so when two rounds and a change are
    answered, all is done that was due before."""
    client = Varlink(daemon)
    for _ in range(count):
        client.call("GetHealth")
    try:
        client.call("RevokeSession", sessionId="00000000-0000-7000-8000-000000000000")
    except VarlinkError as error:
        assert error.name == "org.sessjwt.SessionNotFound", error
    client.close()


def pass_time(daemon, *seconds):
    """Moves the daemon's clock by each of these in turn; what is due then is done before the next."""
    for step in seconds:
        daemon.clock.advance(step)
        rounds(daemon)

"""passing: the daemon's time passes by hand, and what was due in it is done when these return."""
from .varlink import Varlink


def rounds(daemon, count=2):
    """Each call is answered in a round of the daemon's loop, and what is due is done behind the calls of a
    round: so after two of them all is done that was due before."""
    client = Varlink(daemon)
    for _ in range(count):
        client.call("GetHealth")
    client.close()


def pass_time(daemon, *seconds):
    """Moves the daemon's clock by each of these in turn; what is due then is done before the next."""
    for step in seconds:
        daemon.clock.advance(step)
        rounds(daemon)

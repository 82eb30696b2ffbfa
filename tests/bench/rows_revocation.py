"""Revocation: what other processes make of a token whose session has ended."""
import itertools
import time

from harness import Daemon, Host, PamLogin, PamStack, Varlink
from harness.verify_loop import REVOKED, VerifyLoop

from bench import note, row

RUNS = 5
PROCESSES = 4
TRIES = 1_000_000 // RUNS // PROCESSES  # of each process, after each reply

host = Host(users=("alice",))
daemon = Daemon(host, "[policy default]\nterminate = none\n", hooked=False).start()
PamStack(host, "sshd", like="bare")
_numbers = itertools.count(20)


def _session():
    """A login from an address of its own, and its token."""
    login = PamLogin(host, "alice", rhost=f"192.0.2.{next(_numbers)}")
    client = Varlink(daemon, user="alice")
    token = client.call("MintToken", sessionId=login.sid)["accessToken"]
    client.close()
    return login, token


def _revoke(login):
    """Returns the moment at which the reply was there."""
    client = Varlink(daemon, user="alice")
    client.call("RevokeSession", sessionId=login.sid)
    replied = time.monotonic_ns()
    client.close()
    return replied


@row("revocation, processes that accept the token after the reply", unit="processes", goal="≤ 0 processes")
def after_the_reply():
    """Each of the verifications that counts has begun after the reply was read."""
    note(f"{PROCESSES} processes verify all the time; {RUNS * PROCESSES * TRIES:,} tries after the replies")
    for _ in range(RUNS):
        login, token = _session()
        loops = [VerifyLoop(host, daemon, [token]) for _ in range(PROCESSES)]
        for loop in loops:
            loop.wait_answer(token, 0)
            loop.wait_calls(TRIES // 10)
        replied = _revoke(login)
        for loop in loops:
            loop.wait_calls(TRIES, seconds=60.0)
        seen = [loop.seen(token) for loop in loops]
        assert all(one.last_answer == REVOKED and one.accepted > 0 for one in seen), seen
        for loop in loops:
            loop.close()
        login.log_out()
        yield sum(one.last_accepted > replied for one in seen), None

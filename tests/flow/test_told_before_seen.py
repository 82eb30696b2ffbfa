"""What is committed is told before anybody can read of it."""
from harness import Daemon, Host, PamLogin, PamStack, Varlink, frame, later
from harness.signing_keys import mint
from harness.verify_loop import REVOKED, VerifyLoop

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host, "[policy default]\nterminate = none\nmax_sessions = 2\n")


def is_listed(reader, sid):
    """Whether a caller is told that it lives."""
    rows = reader.call("ListSessions", user="alice")["sessions"]
    return sid in [row["sessionId"] for row in rows if row["state"] == "live"]


def test_nobody_reads_of_an_end_before_verifiers_know_of_it():
    """A login evicts; the writer waits behind its commit, and another caller looks."""
    daemon.start(hooks="after-commit@login-taken:3=wait")
    logins = [PamLogin(host, "alice", rhost=f"192.0.2.{20 + n}") for n in range(2)]
    loop = VerifyLoop(host, daemon, [mint(daemon, login) for login in logins])
    loop.wait_calls(1000)
    third, reader = frame.Module(daemon), Varlink(daemon)
    later(third.close)
    third.send(frame.request(user="alice"))
    daemon.wait_for_log("hook after-commit: wait")
    assert not is_listed(reader, logins[0].sid), "it was committed"
    assert loop.answer(loop.tokens[0]) == REVOKED
    assert is_listed(reader, logins[1].sid) and loop.answer(loop.tokens[1]) == 0
    assert third.read().outcome == frame.OK


def test_a_call_that_waits_to_be_told_is_counted_once():
    """As a change: what a caller may have of them is not used up by waiting."""
    daemon.restart(hooks="after-commit@login-taken:2=wait")
    end = daemon.log_end()
    login, other = PamLogin(host, "alice", rhost="192.0.2.30"), frame.Module(daemon)
    later(other.close)
    alice = Varlink(daemon, user="alice")
    other.send(frame.request(user="bob", uid=2001))
    daemon.wait_for_log("hook after-commit: wait", after=end)
    assert alice.call("IssueRefreshToken", sessionId=login.sid)["refreshToken"]
    assert other.read().outcome == frame.OK

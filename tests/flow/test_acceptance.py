"""What every session service must do and no other file shows: hashed refresh tokens, the command's logout, a
quarter of an hour for an access token."""
import hashlib

from harness import Clock, Daemon, Host, PamLogin, PamStack, SessionList, Varlink

host = Host()
host.install_command()
PamStack(host, "sshd", like="bare")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
sessions = SessionList(daemon)


def issue(login):
    """Both tokens of a login."""
    return Varlink(daemon, user=login.user).call("IssueRefreshToken", sessionId=login.sid)


def is_active(token):
    return sessions.call("Introspect", token=token)["active"]


def test_a_refresh_token_is_kept_as_its_hash_alone():
    login = PamLogin(host, "alice", rhost="192.0.2.7")
    token = issue(login)["refreshToken"]
    kept = b"".join(path.read_bytes() for path in daemon.state_dir.rglob("*") if path.is_file())
    assert hashlib.sha256(token.encode()).digest() in kept
    assert token.encode() not in kept and token.partition("_")[2].encode() not in kept
    login.log_out()


def test_logout_ends_this_session_and_no_other():
    here, elsewhere = (PamLogin(host, "alice", rhost=f"192.0.2.{last}") for last in (7, 8))
    tokens = [issue(login)["accessToken"] for login in (here, elsewhere)]
    done = here.run(2000, "sessjwt logout 2>&1")
    assert done.rc == 0, done
    assert [is_active(token) for token in tokens] == [False, True]


def test_an_access_token_is_good_for_15_minutes_and_no_longer():
    login = PamLogin(host, "bob", rhost="192.0.2.9")
    token = issue(login)["accessToken"]
    clock.advance(15 * 60 - 60)
    assert is_active(token)
    clock.advance(60)
    assert not is_active(token)

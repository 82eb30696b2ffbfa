"""Reset: a moment before which no token of a user counts any more."""
# timeout: 240
import itertools
import select
import shutil
import time

from harness import Clock, Daemon, Host, PamLogin, PamStack, SessionList, Varlink, VarlinkError
from harness import eventually, jose, log_in_often
from harness.signing_keys import call, is_active, mint
from harness.varlink import ConnectionLost
from harness.verify_loop import REVOKED, VerifyLoop

CALM = "[realm web]\n[policy default]\nterminate = none\n"
DENIED = "org.varlink.service.PermissionDenied"
MANY = 600  # more than two turns take

host = Host()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")
PamStack(host, "web", like="bare", options="realm=web")
_numbers = itertools.count()


def start(hooks=None):
    """A daemon of the test's own, with a clock."""
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
    clock = Clock(host.dir / f"clock-{next(_numbers)}")
    daemon = Daemon(host, CALM, clock=clock).start(hooks=hooks)
    daemon.clock = clock
    return daemon


def refusal(daemon, method, user=None, **parameters):
    """(error, its parameters) of a call that must be refused."""
    try:
        reply = call(daemon, method, user=user, **parameters)
    except VarlinkError as error:
        return error.name.removeprefix("org.sessjwt."), error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


def issue(daemon, login):
    """A refresh token."""
    return call(daemon, "IssueRefreshToken", user=login.user, sessionId=login.sid)["refreshToken"]


def claims(token):
    return jose.split(token)[1]


# ---- each token is refused ---------------------------------------------------------------------------------

def check_reset(daemon, reset, user="alice"):
    """All sessions of a user end by it, and what they were given is refused everywhere."""
    logins = [PamLogin(host, user), PamLogin(host, user, rhost="192.0.2.77")]
    other = PamLogin(host, "mallory")
    tokens = [mint(daemon, login) for login in logins]
    refresh_tokens = [issue(daemon, login) for login in logins]
    others = mint(daemon, other)
    loop = VerifyLoop(host, daemon, [*tokens, others])
    loop.wait_calls(1000)
    reply = reset()
    replied = time.monotonic_ns()
    assert reply["revokedCount"] == 2
    assert {row["endReason"] for row in reply["sessions"]} == {"account-reset"}
    loop.wait_calls(1000)
    for token in tokens:
        seen = loop.seen(token)
        assert seen.last_answer == REVOKED and seen.last_accepted <= replied, seen
        assert call(daemon, "Introspect", token=token) == {"active": False, "reason": "revoked"}
    assert loop.seen(others).refused_first == 0
    for token in refresh_tokens:
        assert refusal(daemon, "Refresh", refreshToken=token)[0] in ("SessionEnded", "SessionNotFound")
    for login in logins:
        assert refusal(daemon, "MintToken", user=login.user, sessionId=login.sid)[0] == "SessionNotFound"
    daemon.wait_for_log(f"account reset, no token of before counts: {user} (")


def test_revoke_all_is_a_reset():
    daemon = start()
    check_reset(daemon, lambda: call(daemon, "RevokeAll", user="alice"))


def test_an_admin_resets_a_user():
    daemon = start()
    check_reset(daemon, lambda: call_as(daemon, "bob", "ResetUser", user="alice"))
    check_reset(daemon, lambda: call_as(daemon, "root", "RevokeAll", user="alice"))


def call_as(daemon, caller, method, **parameters):
    """As call, where the method has a parameter `user`."""
    client = Varlink(daemon, user=caller)
    try:
        return client.call(method, **parameters)
    finally:
        client.close()


def refusal_as(daemon, caller, method, **parameters):
    """As refusal."""
    try:
        reply = call_as(daemon, caller, method, **parameters)
    except VarlinkError as error:
        return error.name.removeprefix("org.sessjwt."), error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


def test_later_tokens_say_when_the_reset_was_and_those_of_others_say_nothing():
    daemon = start()
    before = claims(mint(daemon, PamLogin(host, "alice")))
    assert "reset" not in before
    call_as(daemon, "root", "ResetUser", user="alice")
    login = PamLogin(host, "alice")
    token = mint(daemon, login)
    assert before["iat"] <= claims(token)["reset"] <= claims(token)["iat"]
    assert call(daemon, "Introspect", token=token)["reset"] == claims(token)["reset"]
    pair = call(daemon, "IssueRefreshToken", user="alice", sessionId=login.sid)
    assert claims(pair["accessToken"])["reset"] == claims(token)["reset"]
    refreshed = call(daemon, "Refresh", refreshToken=pair["refreshToken"])
    assert claims(refreshed["accessToken"])["reset"] == claims(token)["reset"]
    assert "reset" not in claims(mint(daemon, PamLogin(host, "mallory")))
    daemon.kill()
    daemon.start()
    assert claims(mint(daemon, login))["reset"] == claims(token)["reset"]


def test_a_reset_never_goes_back():
    daemon = start()
    call_as(daemon, "root", "RevokeAll", user="nobody-yet")
    PamLogin(host, "alice")
    call_as(daemon, "root", "ResetUser", user="alice")
    first = claims(mint(daemon, PamLogin(host, "alice")))["reset"]
    daemon.clock.set_back(3600)
    call_as(daemon, "root", "ResetUser", user="alice")
    second = claims(mint(daemon, PamLogin(host, "alice")))
    assert first <= second["reset"] <= second["iat"]


def test_a_user_who_is_not_signed_in_is_reset_too():
    daemon = start()
    PamLogin(host, "alice").log_out()
    assert call_as(daemon, "bob", "ResetUser", user="alice") == {"sessions": [], "revokedCount": 0}
    assert claims(mint(daemon, PamLogin(host, "alice")))["reset"] > 0


# ---- rights ------------------------------------------------------------------------------------------------

def test_who_may_reset_whom():
    daemon = start()
    logins = [PamLogin(host, user) for user in ("alice", "bob", "root")]
    tokens = [mint(daemon, login) for login in logins]
    for caller in ("alice", "mallory"):
        for target in ("alice", "bob", "mallory", "nobody-at-all", ""):
            assert refusal_as(daemon, caller, "ResetUser", user=target) == (DENIED, {})
    assert refusal_as(daemon, "bob", "ResetUser", user="root") == (DENIED, {})
    assert refusal_as(daemon, "alice", "RevokeAll", user="bob") == (DENIED, {})
    assert call_as(daemon, "bob", "RevokeAll", user="root")["revokedCount"] == 0
    assert all(is_active(daemon, token) for token in tokens)
    assert "reset" not in claims(mint(daemon, logins[2]))
    assert call_as(daemon, "root", "ResetUser", user="root")["revokedCount"] == 1
    assert [is_active(daemon, token) for token in tokens] == [True, True, False]
    assert refusal_as(daemon, "bob", "ResetUser", user="root") == (DENIED, {})  # now without a session


def test_an_unknown_user_is_named_and_leaves_no_trace():
    daemon = start()
    for name in ("nobody-at-all", "alic", "x" * 256):
        assert refusal_as(daemon, "root", "ResetUser", user=name) == ("UserNotFound", {"user": name})
        assert call_as(daemon, "root", "RevokeAll", user=name) == {"sessions": [], "revokedCount": 0}
        assert refusal_as(daemon, "root", "ResetUser", user=name)[0] == "UserNotFound"
    invalid = "org.varlink.service.InvalidParameter"
    for parameters in ({}, {"user": ""}, {"user": 7}, {"user": "x" * 257}):
        assert refusal_as(daemon, "root", "ResetUser", **parameters) == (invalid, {"parameter": "user"})


def test_realms_are_reset_apart():
    daemon = start()
    here, there = PamLogin(host, "alice"), PamLogin(host, "alice", service="web")
    token = mint(daemon, here)
    reply = call_as(daemon, "bob", "ResetUser", user="alice", realm="web")
    assert [row["sessionId"] for row in reply["sessions"]] == [there.sid]
    assert is_active(daemon, token)
    assert "reset" not in claims(mint(daemon, here))
    assert refusal_as(daemon, "bob", "ResetUser", user="alice", realm="nowhere")[0] == "RealmNotFound"
    PamLogin(host, "mallory", service="web")
    assert refusal_as(daemon, "root", "ResetUser", user="mallory") == ("UserNotFound", {"user": "mallory"})


# ---- many sessions -----------------------------------------------------------------------------------------

def test_very_many_sessions_end_in_several_turns_and_one_reply():
    daemon = start()
    _apps, sids = log_in_often(host, "alice", MANY)
    tokens = [call(daemon, "MintToken", user="alice", sessionId=sid)["accessToken"]
              for sid in (sids[0], sids[-1])]
    loop = VerifyLoop(host, daemon, tokens)
    loop.wait_calls(1000)
    others = mint(daemon, PamLogin(host, "mallory"))
    daemon.restart(hooks="between-turns=stop")
    client = Varlink(daemon, user="alice")
    client.send_call("RevokeAll", {})
    daemon.wait_stopped()
    assert not select.select([client._sock], [], [], 0)[0]
    daemon.resume()
    reply = client.read_reply()["parameters"]
    replied = time.monotonic_ns()
    assert reply["revokedCount"] == MANY and reply["truncated"]
    assert [row["sessionId"] for row in reply["sessions"]] == sids[:64]
    loop.wait_calls(1000)
    for token in tokens:
        seen = loop.seen(token)
        assert seen.last_answer == REVOKED and seen.last_accepted <= replied, seen
    assert is_active(daemon, others)
    assert not SessionList(daemon).of("alice")


def test_a_crash_in_the_middle_keeps_what_was_done_and_the_rest_is_done_when_asked_again():
    daemon = start()
    _apps, sids = log_in_often(host, "alice", MANY)
    daemon.restart(hooks="between-turns=kill")
    client = Varlink(daemon, user="alice")
    try:
        client.send_call("RevokeAll", {})
        assert client.read_reply() is None
    except ConnectionLost:
        pass
    daemon.wait_ended()
    daemon.start()
    left = [row["sessionId"] for row in SessionList(daemon).of("alice")]
    assert 0 < len(left) < MANY and left == sids[-len(left):]
    assert call(daemon, "RevokeAll", user="alice")["revokedCount"] == len(left)
    assert not SessionList(daemon).of("alice")


def test_a_caller_who_hangs_up_has_not_stopped_it():
    daemon = start()
    log_in_often(host, "alice", MANY)
    client = Varlink(daemon, user="alice")
    client.send_call("RevokeAll", {})
    client.close()
    eventually(lambda: not SessionList(daemon).of("alice"), what="all have ended")


# ---- crashes -----------------------------------------------------------------------------------------------

def test_a_crash_behind_the_commit_revives_nothing():
    for hook in ("after-commit=kill", "before-status=kill", "after-status=kill", "before-reply=kill"):
        daemon = start()
        login = PamLogin(host, "alice")
        token, refresh_token = mint(daemon, login), issue(daemon, login)
        daemon.restart(hooks=hook)
        client = Varlink(daemon, user="alice")
        try:
            client.send_call("RevokeAll", {})
            assert client.read_reply() is None
        except ConnectionLost:
            pass
        daemon.wait_ended()
        daemon.start()
        assert not is_active(daemon, token), hook
        assert refusal(daemon, "Refresh", refreshToken=refresh_token)[0] == "SessionNotFound"
        assert claims(mint(daemon, PamLogin(host, "alice")))["reset"] > 0
        daemon.stop()

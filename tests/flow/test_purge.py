"""Purge: a reset, and then nothing else is kept of the user."""
# timeout: 240
import itertools
import json
import shutil

from harness import Clock, Daemon, Host, PamApp, PamLogin, PamStack, SessionList, Varlink, VarlinkError
from harness.signing_keys import call, is_active, mint
from harness.varlink import ConnectionLost

CALM = "[realm web]\n[policy default]\nterminate = none\n"
DENIED = "org.varlink.service.PermissionDenied"
MANY = 600  # more than two turns take

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")
PamStack(host, "web", like="bare", options="realm=web")
_numbers = itertools.count()


def start(hooks=None):
    """A daemon of the test's own."""
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
    return Daemon(host, CALM, clock=Clock(host.dir / f"clock-{next(_numbers)}")).start(hooks=hooks)


def call_as(daemon, caller, method, **parameters):
    client = Varlink(daemon, user=caller)
    try:
        return client.call(method, **parameters)
    finally:
        client.close()


def refusal_as(daemon, caller, method, **parameters):
    """(error, its parameters) of a call that must be refused."""
    try:
        reply = call_as(daemon, caller, method, **parameters)
    except VarlinkError as error:
        return error.name.removeprefix("org.sessjwt."), error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


def rows_of(daemon, user, realm="default"):
    """All that the lists show of a user."""
    named = {"user": user, "realm": realm}
    return [row for method, member in (("ListSessions", "sessions"), ("ListDevices", "devices"),
                                       ("ListLocks", "locks"), ("ListHistory", "events"))
            for row in call_as(daemon, "root", method, **named)[member]]


def names_in_history(daemon):
    """Of all rows."""
    client = Varlink(daemon, user="root")
    try:
        return [reply["event"].get("user", "") for reply in client.call_more("ListHistory", all=True)
                if "event" in reply]
    finally:
        client.close()


def log_in_often(user, number):
    """So many sessions, opened by a few programs, which are returned."""
    apps, opened = [], 0
    while opened < number:
        app = PamApp(host)
        apps.append(app)
        for handle in range(1, 61):
            assert app.begin(handle, "sshd", user).rc == 0 and app.open(handle).rc == 0
        opened += 60
    return apps


def test_nothing_is_left_in_any_list_and_tokens_of_before_are_refused():
    daemon = start()
    logins = [PamLogin(host, "alice", rhost=rhost) for rhost in ("192.0.2.1", "192.0.2.2")]
    other = PamLogin(host, "mallory", rhost="192.0.2.1")
    tokens, others = [mint(daemon, login) for login in logins], mint(daemon, other)
    refresh_token = call(daemon, "IssueRefreshToken", user="alice", sessionId=logins[0].sid)["refreshToken"]
    call_as(daemon, "root", "LockUser", user="alice", reason="on leave")
    before = rows_of(daemon, "mallory")
    assert len(rows_of(daemon, "alice")) >= 8
    reply = call_as(daemon, "bob", "PurgeUser", user="alice")
    assert reply["revokedCount"] == 2
    assert {row["sessionId"] for row in reply["sessions"]} == {login.sid for login in logins}
    assert {row["endReason"] for row in reply["sessions"]} == {"account-reset"}
    assert rows_of(daemon, "alice") == [] and "alice" not in names_in_history(daemon)
    assert rows_of(daemon, "mallory") == before and is_active(daemon, others)
    for token in tokens:
        assert call(daemon, "Introspect", token=token) == {"active": False, "reason": "revoked"}
    assert refusal_as(daemon, "alice", "Refresh", refreshToken=refresh_token)[0] in \
        ("SessionEnded", "SessionNotFound")
    daemon.wait_for_log("what was kept of the user was removed: alice (")
    daemon.kill()
    daemon.start()
    assert rows_of(daemon, "alice") == []
    assert not any(is_active(daemon, token) for token in tokens)


def test_who_logs_in_again_comes_from_a_new_device_and_has_good_tokens():
    daemon = start()
    first = PamLogin(host, "alice", rhost="192.0.2.7")
    former = mint(daemon, first)
    call_as(daemon, "root", "PurgeUser", user="alice")
    again = PamLogin(host, "alice", rhost="192.0.2.7")
    [device] = call_as(daemon, "root", "ListDevices", user="alice")["devices"]
    assert (device["logins"], device["sessions"]) == (1, 1)
    assert [event["kind"] for event in call_as(daemon, "root", "ListHistory", user="alice")["events"]] == \
        ["login", "new-device"]
    token = mint(daemon, again)
    assert is_active(daemon, token) and not is_active(daemon, former)
    assert call(daemon, "Introspect", token=token)["reset"] > 0


def test_a_lock_and_a_block_are_gone():
    daemon = start()
    PamLogin(host, "alice", rhost="192.0.2.7").log_out()
    [device] = call_as(daemon, "root", "ListDevices", user="alice")["devices"]
    call_as(daemon, "root", "BlockDevice", deviceId=device["deviceId"])
    call_as(daemon, "root", "LockUser", user="alice")
    assert call_as(daemon, "bob", "PurgeUser", user="alice") == {"sessions": [], "revokedCount": 0}
    assert call_as(daemon, "root", "ListLocks", user="alice")["locks"] == []
    assert SessionList(daemon).of("alice") == []
    login = PamLogin(host, "alice", rhost="192.0.2.7")
    assert [row["sessionId"] for row in SessionList(daemon).of("alice")] == [login.sid]


def test_the_last_row_of_all_history_stays_without_a_name():
    daemon = start()
    PamLogin(host, "alice").log_out()
    call_as(daemon, "root", "PurgeUser", user="alice")  # the last row of all was his
    [left] = call_as(daemon, "root", "ListHistory", all=True)["events"]
    assert left["kind"] == "purged" and "alice" not in json.dumps(left)
    PamLogin(host, "mallory")
    assert names_in_history(daemon).count("mallory") == 2


def test_who_may_purge_whom():
    daemon = start()
    logins = [PamLogin(host, user) for user in ("alice", "bob", "root")]
    tokens = [mint(daemon, login) for login in logins]
    for caller in ("alice", "mallory"):
        for target in ("alice", "bob", "nobody-at-all", ""):
            assert refusal_as(daemon, caller, "PurgeUser", user=target) == (DENIED, {})
    assert refusal_as(daemon, "bob", "PurgeUser", user="root") == (DENIED, {})
    assert all(is_active(daemon, token) for token in tokens)
    assert call_as(daemon, "root", "PurgeUser", user="root")["revokedCount"] == 1
    assert [is_active(daemon, token) for token in tokens] == [True, True, False]
    assert refusal_as(daemon, "bob", "PurgeUser", user="root") == (DENIED, {})  # it was root's name
    assert call_as(daemon, "bob", "PurgeUser", user="bob")["revokedCount"] == 1


def test_an_unknown_user_is_named_and_leaves_no_trace():
    daemon = start()
    PamLogin(host, "alice")
    for name in ("nobody-at-all", "alic", "x" * 256):
        for _ in range(2):
            assert refusal_as(daemon, "root", "PurgeUser", user=name) == ("UserNotFound", {"user": name})
    for parameters in ({}, {"user": ""}, {"user": 7}, {"user": "x" * 257}):
        assert refusal_as(daemon, "root", "PurgeUser", **parameters) == \
            ("org.varlink.service.InvalidParameter", {"parameter": "user"})


def test_realms_are_purged_apart():
    daemon = start()
    here, there = PamLogin(host, "alice"), PamLogin(host, "alice", service="web")
    token, before = mint(daemon, here), rows_of(daemon, "alice")
    reply = call_as(daemon, "bob", "PurgeUser", user="alice", realm="web")
    assert [row["sessionId"] for row in reply["sessions"]] == [there.sid]
    assert rows_of(daemon, "alice", "web") == [] and rows_of(daemon, "alice") == before
    assert is_active(daemon, token)
    assert refusal_as(daemon, "bob", "PurgeUser", user="alice", realm="nowhere")[0] == "RealmNotFound"


def purge_until_killed(daemon, turns):
    """Dies behind so many turns of a purge; what there is then: (sessions, rows of history)."""
    daemon.restart(hooks=f"between-turns:{turns}=kill")
    client = Varlink(daemon, user="root")
    try:
        client.send_call("PurgeUser", {"user": "alice"})
        assert client.read_reply() is None
    except ConnectionLost:
        pass
    daemon.wait_ended()
    daemon.start()
    return len(SessionList(daemon).of("alice")), names_in_history(daemon).count("alice")


def test_a_crash_between_slices_is_finished_when_asked_again():
    daemon = start()
    _apps = log_in_often("alice", MANY)
    other = PamLogin(host, "mallory")
    token = mint(daemon, other)
    sessions, rows = purge_until_killed(daemon, turns=1)
    assert 0 < sessions < MANY < rows
    sessions, fewer = purge_until_killed(daemon, turns=4)
    assert sessions == 0 and 0 < fewer < 2 * MANY
    assert call_as(daemon, "root", "PurgeUser", user="alice")["revokedCount"] == 0
    assert rows_of(daemon, "alice") == [] and "alice" not in names_in_history(daemon)
    assert [row["sessionId"] for row in SessionList(daemon).of("mallory")] == [other.sid]
    assert is_active(daemon, token)


def test_very_much_goes_in_several_turns_and_one_reply():
    daemon = start()
    _apps = log_in_often("alice", MANY)
    reply = call_as(daemon, "root", "PurgeUser", user="alice")
    assert reply["revokedCount"] == MANY and reply["truncated"] and len(reply["sessions"]) == 64
    assert rows_of(daemon, "alice") == []

# timeout: 240
# alone
"""64 real ssh logins at once under a limit of one: one lives, as a row, as a token that verifies, as a
connection and as a process."""
import contextlib
import re

from harness import (Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, VarlinkError, eventually,
                     later, processes, sanitizers)
from harness.passing import pass_time

# A module waits for no more than a second: fewer at once where a sanitizer slows the daemon down.
AT_ONCE = 64 // sanitizers.slowness()
GRACE, LEADER_GRACE, DENIED_GRACE = 5, 1, 2  # seconds; DESIGN section 5

host = Host()
host.install_command()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, """\
[policy session]
users = bob
max_sessions = 1

[policy deny]
users = mallory
max_devices = 1
on_limit = deny

[policy device]
max_devices = 1
""", clock=clock).start()
sessions = SessionList(daemon)
PamStack(host, "sshd", options="timeout=1s")
sshd = Sshd(host, MaxStartups="1000")
ssh = Ssh(sshd)
keys = [f"key{number}" for number in range(AT_ONCE)]


def storm(user, command):
    """Logs in from each key at the same time. Looks all the while: there is never more than one live row, of
    which a token is minted. Returns the clients and the tokens when every login has been answered."""
    ssh.trust(user, *keys)
    before = daemon.log_end()
    later(lambda: processes.end_all(sshd.monitors()))
    logins = [ssh.start(user, command, key=key, options={"ConnectTimeout": "60"}) for key in keys]
    owner, tokens = Varlink(daemon, user=user), {}

    def all_decided():
        live = [row["sessionId"] for row in sessions.of(user) if row["state"] == "live"]
        assert len(live) <= 1, live
        with contextlib.suppress(VarlinkError):  # it may be over by now
            for session_id in set(live) - set(tokens):
                tokens[session_id] = owner.call("MintToken", sessionId=session_id)["accessToken"]
        log = daemon.log(before)
        return log.count(f"session opened: {user}") + log.count(f"login denied, denied: {user}") == AT_ONCE
    eventually(all_decided, 60.0, lambda: daemon.log(before)[-2000:])
    return logins, list(tokens.values())


def settle(user, *seconds):
    """All the time passes that a termination takes; afterwards there is one row, process and connection.
    Returns the row."""
    pass_time(daemon, *seconds)
    eventually(lambda: len(sessions.of(user)) == 1, 20.0, "one row")
    session, = sessions.of(user)
    assert session["state"] == "live"
    eventually(lambda: sshd.monitors(user) == [session["leader"]], 20.0, "one process")
    eventually(lambda: sshd.connections() == 1, 20.0, lambda: f"one connection, not {sshd.connections()}")
    return session


def only_open(logins):
    """The one client that stays."""
    eventually(lambda: sum(login.is_open() for login in logins) == 1, 20.0, "one client")
    return next(login for login in logins if login.is_open())


def is_active(token):
    """Whether the daemon says that the token is good."""
    return sessions.call("Introspect", token=token)["active"]


def check_storm(user):
    logins, tokens = storm(user, "sessjwt token; exec cat")
    session = settle(user, GRACE, LEADER_GRACE)
    survivor = only_open(logins)
    eventually(lambda: "." in survivor.out(), 5.0 * sanitizers.slowness(), what="the survivor's token")
    tokens += [line for login in logins for line in re.findall(r"^ey\S+$", login.out(), re.M)]
    assert len(tokens) >= AT_ONCE // 20, "too few to tell anything"
    active = [token for token in tokens if is_active(token)]
    assert survivor.out().strip() in active
    assert {sessions.call("Introspect", token=token)["sid"] for token in active} == {session["sessionId"]}
    assert [login.wait_closed() for login in logins if login is not survivor] == [255] * (AT_ONCE - 1)
    ended = [sessions.ends(session_id) for session_id in sessions.opened(user)]
    assert sorted(ended) == [[]] + [["evicted"]] * (AT_ONCE - 1), "each of the others ended once, by eviction"
    assert survivor.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_one_of_64_devices_lives():
    check_storm("alice")


def test_one_of_64_sessions_lives():
    check_storm("bob")


def test_one_of_64_is_let_in_where_the_second_is_denied():
    marks = host.home("mallory") / "marks"
    logins, _tokens = storm("mallory", f"echo $$ >>{marks}; exec cat")
    session = settle("mallory", DENIED_GRACE, GRACE, LEADER_GRACE)
    survivor = only_open(logins)
    refused = [login.wait_closed() for login in logins if login is not survivor]
    assert set(refused) <= {254, 255} and (254 in refused or sanitizers.kind()), refused
    eventually(marks.exists, what="the survivor's mark")
    assert len(marks.read_text("ascii").splitlines()) == 1, "nobody else started anything"
    token = Varlink(daemon, user="mallory").call("MintToken", sessionId=session["sessionId"])["accessToken"]
    assert is_active(token)
    assert survivor.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"

"""Locks on the socket and by the command: who may, what is refused, what is shown."""
from harness import Clock, Daemon, Host, PamLogin, PamStack, SessionList, Varlink, VarlinkError

DENIED = "org.varlink.service.PermissionDenied"
INVALID = "org.varlink.service.InvalidParameter"
REALM = "org.sessjwt.RealmNotFound"

host = Host()
host.add_group("sessjwt-admin", ["bob"])
host.install_command()
PamStack(host, "sshd", like="bare")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, "[realm shop]\n", clock=clock).start()


def client(user="bob"):
    """A connection of this user."""
    return Varlink(daemon, user=user)


def refused(method, parameters, user="bob"):
    """(error, its parameters) of a call that must not be answered otherwise."""
    connection = client(user)
    try:
        connection.send_call(method, parameters)
        reply = connection.read_reply()
    except VarlinkError as error:
        return error.name, error.parameters
    assert "error" in reply, reply
    return reply["error"], reply.get("parameters") or {}


def locks(**parameters):
    """All locks of a list."""
    return client().call("ListLocks", **parameters)["locks"]


def test_only_admins_see_and_change_locks():
    for method, parameters in (("ListLocks", {}), ("LockUser", {"user": "alice"}),
                               ("UnlockUser", {"user": "alice"})):
        assert refused(method, parameters, user="alice")[0] == DENIED


def test_a_lock_is_shown_until_it_is_taken_away():
    lock = client().call("LockUser", user="alice", reason="on leave")["lock"]
    assert (lock["user"], lock["realm"]) == ("alice", "default")
    assert (lock["kind"], lock["reason"]) == ("admin", "on leave")
    assert "until" not in lock and "source" not in lock
    assert locks() == locks(user="alice") == [lock] and locks(user="al") == locks(realm="shop") == []
    assert [row["lock"] for row in client().call_more("ListLocks")] == [lock]
    daemon.kill()
    daemon.start()
    assert locks() == [lock]
    assert client().call("UnlockUser", user="alice") == {"unlockedCount": 1}
    assert client().call("UnlockUser", user="alice") == {"unlockedCount": 0}
    assert locks() == []


def test_a_lock_with_an_end_ends():
    assert "until" in client().call("LockUser", user="alice", duration=3600)["lock"]
    clock.advance(3599)
    assert len(locks()) == 1
    clock.advance(1)
    assert locks() == []


def test_sessions_go_on_unless_they_are_to_end():
    login = PamLogin(host, "alice", rhost="192.0.2.7")
    assert client().call("LockUser", user="alice")["revokedCount"] == 0
    assert len(SessionList(daemon).of("alice")) == 1
    assert client().call("LockUser", user="alice", endSessions=True)["revokedCount"] == 1
    assert not [row for row in SessionList(daemon).of("alice") if row["state"] == "live"]
    client().call("UnlockUser", user="alice")
    login.kill()


def test_a_lock_of_one_realm_is_none_of_another():
    client().call("LockUser", user="alice", realm="shop")
    assert client().call("UnlockUser", user="alice")["unlockedCount"] == 0
    assert client().call("UnlockUser", user="alice", realm="shop")["unlockedCount"] == 1


def test_what_cannot_be_locked_isrefused():
    for parameters, field in (({"user": "root"}, "user"), ({"user": ""}, "user"), ({}, "user"),
                              ({"user": "alice", "duration": -1}, "duration"),
                              ({"user": "alice", "duration": 3651 * 86400}, "duration"),
                              ({"user": "x" * 257}, "user"),
                              ({"user": "alice", "reason": "x" * 201}, "reason")):
        error, details = refused("LockUser", parameters)
        assert (error, details["parameter"]) == (INVALID, field), parameters
    for method in ("LockUser", "UnlockUser"):
        assert refused(method, {"user": "alice", "realm": "nowhere"})[0] == REALM
    assert locks() == []


def test_the_command_locks_lists_and_unlocks():
    done = host.run_as("bob", "sessjwt", "lock", "alice", "--for", "15m", "--reason", "x\x1b[2J")
    assert done.returncode != 0 and not locks()                  # no control characters
    done = host.run_as("bob", "sessjwt", "lock", "alice", "--for", "15m", "--reason", "too loud")
    assert done.returncode == 0 and "Locked alice until" in done.stdout, done
    done = host.run_as("bob", "sessjwt", "locks")
    assert "alice" in done.stdout and "too loud" in done.stdout, done
    done = host.run_as("bob", "sessjwt", "unlock", "alice")
    assert done.stdout == "Ended 1 lock.\n", done
    assert host.run_as("bob", "sessjwt", "lock", "alice", "--for", "soon").returncode == 2
    assert host.run_as("alice", "sessjwt", "locks").returncode == 1

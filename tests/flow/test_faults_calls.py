"""The n-th call fails, n = 1, 2, …, in each method of the public socket: a clear error or success, and
what was acknowledged stands."""
import itertools

from harness import Host, PamStack, Varlink, VarlinkError, eventually
from harness.fault_world import FaultWorld

host = Host()
PamStack(host, "sshd", like="bare")
world = FaultWorld(host, "[token]\ntoken_file = yes\n[policy default]\nterminate = none\n")
sid = world.log_in("alice")
READS = ("memory", "read", "write", "store", "descriptor", "random")
CHANGES = ("memory", "write", "sync", "store", "commit")


def token_of(session):
    """A fresh access token."""
    return world.call("MintToken", "alice", sessionId=session)["accessToken"]


def test_each_call_of_what_only_reads_may_fail():
    token = token_of(sid)

    def read():
        assert world.call("Introspect", token=token)["active"]
        assert token_of(sid)
        for method in ("ListSessions", "ListDevices", "ListHistory", "ListKeys", "ListLocks", "GetHealth",
                       "GetStatistics", "GetKeys", "GetStatusList"):
            world.call(method)
        assert world.call("GetSession", sessionId=sid)["session"]["sessionId"] == sid
        world.call("ExplainPolicy", user="alice")
    counts = world.all_kinds(read, steps={"memory": 2}, kinds=READS)
    assert counts["memory"] > 100 and counts["store"] > 50, counts


def test_each_call_of_a_refresh_may_fail_and_the_chain_goes_on():
    chain = {"token": world.call("IssueRefreshToken", "alice", sessionId=sid)["refreshToken"]}

    def refresh():
        chain["token"] = world.call("Refresh", refreshToken=chain["token"])["refreshToken"]
        chain["token"] = world.call("IssueRefreshToken", "alice", sessionId=sid)["refreshToken"]
    world.all_kinds(refresh, steps={"memory": 3}, kinds=CHANGES)
    assert world.call("Refresh", refreshToken=chain["token"])["accessToken"], "it was never taken for reuse"


def test_each_call_of_a_revocation_may_fail_and_what_is_revoked_is_refused():
    revoked = []

    def revoke():
        other = world.log_in("bob", rhost="192.0.2.30")
        world.faults.pause()
        token = world.call("MintToken", "bob", sessionId=other)["accessToken"] if other else None
        world.faults.go_on()
        if not other:
            return
        world.revoke(other)
        revoked.append(token)
        world.faults.pause()
        assert world.call("Introspect", token=token)["active"] is False
    world.all_kinds(revoke, steps={"memory": 2}, kinds=CHANGES + ("read", "descriptor"))
    assert len(revoked) > 10
    for token in revoked[::7]:
        assert world.call("Introspect", token=token)["active"] is False


def test_each_call_of_other_changes_may_fail():
    names = itertools.count()
    device = world.call("ListDevices", "alice")["devices"][0]["deviceId"]

    def change():
        name = f"laptop {next(names)}"
        world.call("RenameDevice", "alice", deviceId=device, name=name)
        world.faults.pause()
        assert world.call("ListDevices", "alice")["devices"][0]["name"] == name, "it was acknowledged"
        world.faults.go_on()
        world.call("LockUser", user="mallory", duration=60)
        world.faults.pause()
        assert "mallory" in [lock["user"] for lock in world.call("ListLocks")["locks"]]
        world.faults.go_on()
        world.call("UnlockUser", user="mallory")
    world.all_kinds(change, steps={"memory": 3, "store": 2}, kinds=CHANGES)


def test_each_call_of_a_reset_and_a_purge_may_fail():
    def purge():
        world.faults.pause()
        world.log_in("bob", rhost="192.0.2.31")
        world.live = {sid}
        world.faults.go_on()
        world.call("ResetUser", user="bob")
        world.faults.pause()
        rows = world.call("ListSessions", user="bob")["sessions"]
        assert "live" not in [row["state"] for row in rows], rows
        world.faults.go_on()
        try:
            world.call("PurgeUser", user="bob")
        except VarlinkError as error:
            assert error.name == "org.sessjwt.UserNotFound", error
    world.all_kinds(purge, steps={"memory": 3, "store": 3}, kinds=CHANGES)


def test_each_call_of_a_reload_may_fail_and_one_of_the_two_configurations_applies():
    lifetimes = itertools.cycle(("10m", "20m"))

    def reload():
        world.daemon.write_config("[token]\ntoken_file = yes\n[policy default]\nterminate = none\n"
                                  f"access_ttl = {next(lifetimes)}\n")
        world.call("Reload")
    world.all_kinds(reload, steps={"memory": 3}, kinds=("memory", "read", "descriptor", "thread", "store"))


def test_who_waits_for_a_reading_that_cannot_be_begun_is_told():
    """Two come at once: the second one's is begun behind the first one's."""
    callers = [Varlink(world.daemon) for _ in range(2)]
    for caller in callers:
        assert caller.call("GetHealth")
    world.daemon.pause()
    for caller in callers:
        caller.send_call("Reload")
    world.faults.arm("thread", nth=2)
    world.daemon.resume()
    replies = [caller.read_reply() for caller in callers]
    assert world.faults.disarm() == 1
    errors = sorted(reply.get("error", "") for reply in replies)
    assert errors == ["", "org.sessjwt.StoreUnavailable"], replies
    assert world.call("Reload") == {}


def test_each_call_of_a_rotation_may_fail_and_tokens_go_on_to_verify():
    def rotate():
        world.call("RotateKey", compromised=True)
        world.faults.pause()
        eventually(lambda: world.call("Introspect", token=token_of(sid))["active"],
                   what="a token that verifies after a rotation")
    world.all_kinds(rotate, steps={"memory": 251, "store": 5},
                    kinds=("memory", "store", "commit", "write", "name", "descriptor", "sync"))


def test_each_call_of_a_backup_may_fail_and_one_that_was_acknowledged_is_there():
    names = itertools.count()

    def backup():
        name = f"copy-{next(names)}"
        path = world.call("Backup", name=name)["path"]
        assert path.endswith(name)
        with open(path, "rb") as file:
            assert len(file.read(8192)) == 8192
    world.all_kinds(backup, steps={"memory": 7, "store": 1999},
                    kinds=("memory", "store", "write", "sync", "descriptor", "thread", "name", "room"))

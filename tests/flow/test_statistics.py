"""GetStatistics: what happened since the start is counted, for admins."""
from harness import Daemon, Host, PamLogin, PamStack, SessionList, Varlink, VarlinkError

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")
daemon = Daemon(host, "[policy default]\nmax_devices = 1\n").start()
sessions = SessionList(daemon)


def statistics(user=None):
    """What is answered, the counters as dictionaries."""
    reply = Varlink(daemon, user=user).call("GetStatistics")
    for name in ("ended", "calls"):
        reply[name] = {row["name"]: row["count"] for row in reply[name]}
    return reply


def refusal(method, user):
    """The error's name."""
    try:
        raise AssertionError(Varlink(daemon, user=user).call(method))
    except VarlinkError as error:
        return error.name


def test_logins_ends_calls_and_turns_are_counted():
    before = statistics()
    first = PamLogin(host, "alice", rhost="192.0.2.1")
    second = PamLogin(host, "alice", rhost="192.0.2.2")
    assert sessions.wait_end(first.sid) == "evicted"
    Varlink(daemon, user="alice").call("MintToken", sessionId=second.sid)
    second.log_out()
    assert sessions.wait_end(second.sid) == "logout"
    after = statistics("bob")
    assert after["opened"] == before["opened"] + 2 and after["newDevices"] == before["newDevices"] + 2
    assert after["ended"] == {"evicted": 1, "logout": 1}
    assert after["calls"]["org.sessjwt.MintToken"] == 1
    assert after["calls"]["org.sessjwt.GetStatistics"] == 2
    assert after["sessions"] == 0 and after["uptime"] >= 0 and after["storeFill"] >= 0
    for name in ("logins", "turns"):
        assert after[name]["count"] >= 3, after
        assert 0 < after[name]["p50"] <= after[name]["p99"] <= after[name]["max"], after


def test_only_admins_may_ask_and_what_is_refused_is_counted():
    before = statistics()["refusedCalls"]
    assert refusal("GetStatistics", "alice") == "org.varlink.service.PermissionDenied"
    assert refusal("Nothing", "alice") == "org.varlink.service.MethodNotFound"
    assert statistics("bob")["refusedCalls"] == before + 2


def test_the_command_shows_them():
    done = host.run_as("root", "sessjwt", "status", "--statistics")
    assert done.returncode == 0 and "sessions opened\n" in done.stdout, done
    assert "turns committed" in done.stdout, done
    assert '"turns":{"count":' in host.run_as("root", "sessjwt", "status", "--statistics", "-j").stdout
    assert host.run_as("alice", "sessjwt", "status", "--statistics").returncode == 1

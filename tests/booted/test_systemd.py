"""With a real systemd as PID 1: sockets and service, restarts under live logins, the journal."""
# timeout: 300
import pathlib
import subprocess

from harness import paths
from harness.booted import Booted, is_connected
from harness.waiting import eventually

host = Booted()
host.trust("alice", "laptop", "phone")


def test_the_host_is_up_and_ours_run():
    assert host.unit("sessjwtd.socket", "ActiveState") == "active"
    assert host.unit("sessjwtd.service", "ActiveState") == "active"
    assert "sessjwt" in host.must("systemctl --failed --no-legend; echo sessjwt")
    assert host.must("ps -o user= -C sessjwtd").split() == ["sessjwt"]


def test_a_login_is_a_session():
    sid, client = host.log_in("alice")
    assert [session["sessionId"] for session in host.sessions()] == [sid]
    assert is_connected(client)


def test_a_restart_a_reload_and_a_crash_end_no_session_and_lose_none():
    sid, client = host.log_in("alice")
    for how in ("systemctl restart sessjwtd", "systemctl reload sessjwtd", "kill -9 $(pidof sessjwtd)"):
        host.must(how)
        eventually(lambda: host.unit("sessjwtd.service", "ActiveState") == "active", 10)
        assert sid in [session["sessionId"] for session in host.sessions()], how
        assert is_connected(client), how
        assert host.ssh("alice", "sessjwt token | sessjwt verify >/dev/null").rc == 0, how


def kept():
    """How many descriptors systemd keeps for the service."""
    return int(host.unit("sessjwtd.service", "NFileDescriptorStore"))


def test_login_processes_are_kept_by_systemd_while_their_sessions_live():
    eventually(lambda: kept() == 0, 10)
    sid, client = host.log_in("alice")
    assert kept() == 1
    host.must("systemctl restart sessjwtd")
    eventually(lambda: host.unit("sessjwtd.service", "ActiveState") == "active", 10)
    assert kept() == 1
    host.must(f"sessjwt revoke {sid}")
    client.wait(20)
    eventually(lambda: kept() == 0, 10)


def test_a_login_process_that_dies_while_the_daemon_is_away_is_lost_and_its_descriptor_given_back():
    sid, _client = host.log_in("alice")
    leader, = (session["leader"] for session in host.sessions())
    host.must("systemctl stop sessjwtd.service sessjwtd.socket")
    host.must(f"kill -9 {leader}")
    host.must("systemctl start sessjwtd.socket sessjwtd.service")
    eventually(lambda: host.journal(f"SESSJWT_SID={sid}", "SESSJWT_REASON=lost"), 10)
    assert kept() == 0


def test_the_line_that_says_why_reaches_the_terminal_from_within_the_sandbox():
    sid, client = host.log_in("alice", options=["-tt"])
    host.must(f"sessjwt revoke {sid} --reason 'lost laptop'")
    assert "lost laptop" in client.stdout.read()
    assert client.wait(20) == 255


def test_the_exposure_of_the_service_is_seven_tenths_at_most():
    host.must("systemd-analyze security --offline=true --threshold=7 /lib/systemd/system/sessjwtd.service")

"""The life of a host: the first login, a daemon that is stopped, frozen or away, the next boot."""
# timeout: 300
import json
import re

from harness.booted import Booted, is_connected
from harness.waiting import eventually


def frozen_soon(root):
    """A watchdog that need not be waited for long."""
    folder = root / "etc/systemd/system/sessjwtd.service.d"
    folder.mkdir(exist_ok=True)
    (folder / "watchdog.conf").write_text("[Service]\nWatchdogSec=1s\n", "ascii")


host = Booted(units="sessjwtd.socket", prepare=frozen_soon)
host.trust("alice", "laptop", "phone")


def state():
    """Of the service."""
    return host.unit("sessjwtd.service", "ActiveState")


def ready():
    """The service is up."""
    host.must("systemctl start sessjwtd.socket sessjwtd.service")


def test_the_first_login_starts_the_daemon_and_is_a_session():
    assert state() == "inactive"
    sid, client = host.log_in("alice")
    eventually(lambda: state() == "active", 10)
    eventually(lambda: len(host.sessions()) == 1, 10)
    assert sid in ("", host.sessions()[0]["sessionId"])  # a cold start may take longer than a login waits
    assert is_connected(client)


def test_logins_and_verifiers_go_on_while_the_service_is_stopped():
    ready()
    sid, client = host.log_in("alice")
    token = host.ssh("alice", "sessjwt token").out
    host.must("systemctl stop sessjwtd.service sessjwtd.socket")
    assert host.ssh("alice", "echo in").out == "in\n"
    assert is_connected(client)
    assert host.run("test -r /run/sessjwt/public/status -a -r /run/sessjwt/public/jwks.json").rc == 0
    ready()
    assert sid in [session["sessionId"] for session in host.sessions()]
    assert token.count(".") == 2


def test_the_sockets_stay_when_only_the_service_stops_and_bring_it_back():
    ready()
    host.must("systemctl stop sessjwtd.service 2>&1")
    assert host.unit("sessjwtd.socket", "ActiveState") == "active"
    assert host.ssh("alice", "true").rc == 0
    eventually(lambda: state() == "active", 10)


def test_the_watchdog_bites_a_daemon_that_is_frozen():
    ready()
    sid, client = host.log_in("alice")
    before = host.unit("sessjwtd.service", "MainPID")
    host.must(f"kill -STOP {before}")
    eventually(lambda: host.unit("sessjwtd.service", "MainPID") not in ("0", before), 20)
    eventually(lambda: state() == "active", 10)
    assert sid in [session["sessionId"] for session in host.sessions()]
    assert is_connected(client)


def test_a_login_and_its_end_are_in_the_journal_with_their_fields():
    ready()
    sid = host.ssh("alice", "echo $SESSJWT_SESSION_ID").out.strip()
    eventually(lambda: len(host.journal(f"SESSJWT_SID={sid}")) >= 2, 10)
    opened, *_, ended = host.journal(f"SESSJWT_SID={sid}", "_COMM=sessjwtd")
    for entry in (opened, ended):
        assert entry["SESSJWT_USER"] == "alice" and entry["SESSJWT_SERVICE"] == "sshd"
        assert entry["SYSLOG_IDENTIFIER"] == "sessjwtd" and len(entry["MESSAGE_ID"]) == 32
    assert ended["SESSJWT_REASON"] == "logout"
    shown = host.must(f"journalctl --no-pager -x SESSJWT_SID={sid}")
    assert "░░" in shown


def test_logind_s_session_is_that_of_the_same_login_and_none_stays_closing():
    ready()
    sid, client = host.log_in("alice")
    session, = (one for one in host.sessions() if one["sessionId"] == sid)
    cgroups = host.must(f"cat /proc/{session['leader']}/cgroup")
    logind = re.search(r"session-(\d+)\.scope", cgroups)[1]
    assert host.must(f"loginctl show-session {logind} -P Name").strip() == "alice"
    assert host.must(f"loginctl show-session {logind} -P Leader").strip() == str(session["leader"])
    host.must(f"sessjwt revoke {sid}")
    assert client.wait(20) is not None
    eventually(lambda: host.run(f"loginctl show-session {logind}").rc != 0, 10)


def test_sessions_of_the_last_boot_are_over_at_the_next():
    ready()
    sid, _client = host.log_in("alice")
    token = host.ssh("alice", "sessjwt token").out.strip()
    host.cut_off()
    host.boot()
    ready()
    host.must("systemctl is-active sessjwtd")
    assert sid not in [session["sessionId"] for session in host.sessions()]
    assert host.journal(f"SESSJWT_SID={sid}")[-1]["SESSJWT_REASON"] in ("reboot", "lost")
    answer = host.run("sessjwt verify --json=short", stdin=token)
    assert answer.rc == 1 and json.loads(answer.out)["active"] is False

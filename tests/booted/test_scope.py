"""`terminate = scope`: logind ends a login with all that was started from it."""
# timeout: 300
from harness.booted import Booted
from harness.waiting import eventually

CONFIG = "[policy all]\nusers = bob\nterminate = leader\n[policy default]\nterminate = scope\n"


def configured(root):
    """Bob's logins go without what they have left behind."""
    (root / "etc/sessjwt").mkdir(exist_ok=True)
    (root / "etc/sessjwt/sessjwtd.conf").write_text(CONFIG, "ascii")


host = Booted(prepare=configured)
host.trust("alice", "laptop")
host.trust("bob", "laptop")


def leave_behind(user):
    """A login that has left a process in a session of its own: its session id and that process."""
    sid, client = host.log_in(user, options=["setsid -f sleep 3600 >/dev/null 2>&1 </dev/null;"])
    pid = eventually(lambda: host.run(f"pgrep -u {user} -x sleep").out.strip(), 10)
    return sid, client, pid


def is_gone(pid):
    """Whether the process is."""
    return host.run(f"kill -0 {pid}").rc != 0


def test_what_a_login_has_left_behind_goes_with_it():
    sid, client, pid = leave_behind("alice")
    host.must(f"sessjwt revoke {sid}")
    assert client.wait(20) == 255
    eventually(lambda: is_gone(pid), 20)
    eventually(lambda: not host.run("loginctl list-sessions --no-legend | grep alice").out, 10)


def test_with_leader_it_stays():
    sid, client, pid = leave_behind("bob")
    host.must(f"sessjwt revoke {sid}")
    assert client.wait(20) == 255
    eventually(lambda: not host.sessions("bob"), 10)
    assert not is_gone(pid)
    host.must(f"kill -9 {pid}")


def test_a_logind_that_refuses_leaves_the_login_to_sigterm():
    host.must("mv /usr/share/polkit-1/rules.d/50-sessjwt.rules /root; systemctl try-restart polkit")
    sid, client, pid = leave_behind("alice")
    host.must(f"sessjwt revoke {sid}")
    assert client.wait(20) == 255
    eventually(lambda: not host.sessions(), 10)
    host.must("mv /root/50-sessjwt.rules /usr/share/polkit-1/rules.d; systemctl try-restart polkit")
    host.must(f"kill -9 {pid}")
    assert host.journal("_COMM=sessjwtd", "PRIORITY=4")


def test_without_a_bus_a_login_ends_by_sigterm():
    host.must("systemctl stop dbus.socket dbus.service")
    sid, client, pid = leave_behind("alice")
    host.must(f"sessjwt revoke {sid}")
    assert client.wait(20) == 255
    eventually(lambda: not host.sessions(), 10)
    host.must(f"kill -9 {pid}; systemctl start dbus.socket dbus.service systemd-logind")

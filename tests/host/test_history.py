"""History of real ssh logins: what happened, to whom, from where, by what, and who did it."""
# timeout: 240
import pathlib
import re

from harness import Clock, Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually, later, paths

ROOT = pathlib.Path(__file__).resolve().parents[2]
OFFICE, ATTACKER = "192.0.2.7", "203.0.113.9"


def debian_stack():
    """The first stack of AUTH STACKS."""
    page = (ROOT / "pam/pam_sessjwt.8").read_text("utf-8").partition(".Sh AUTH STACKS")[2]
    lines = re.search(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.S | re.M)[1]
    return lines.replace("pam_sessjwt.so", str(paths.MODULE))


host = Host()
host.install_command()
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
(pathlib.Path(host.pam_dir) / "common-auth").write_text(debian_stack(), "utf-8")
PamStack(host, "sshd")
ssh = Ssh(Sshd(host))
ssh.trust("alice", "laptop", "phone")
sessions = SessionList(daemon)


def history(*kinds, **parameters):
    """Events of these kinds, newest first."""
    parameters = parameters or {"user": "alice"}
    return sessions.call("ListHistory", kinds=list(kinds), **parameters)["events"]


def newest(kind, **parameters):
    """The newest one, when it is there."""
    return eventually(lambda: history(kind, **parameters), what=f"{kind} in history")[0]


def set_policy(text):
    """For this test."""
    daemon.write_config("[policy default]\n" + text)
    sessions.call("Reload")
    later(lambda: sessions.call("Reload"))
    later(lambda: daemon.write_config(""))


def check(event, initiator, methods=("key",), key="laptop", source=OFFICE):
    """An event of alice's session by ssh with that key."""
    assert (event["user"], event["uid"], event["realm"]) == ("alice", 2000, "default"), event
    assert (event["service"], event["ip"], event["initiator"]) == ("sshd", source, initiator), event
    assert event["methods"] == list(methods) and event["deviceId"] and event["deviceName"], event
    devices = sessions.call("ListDevices", user="alice")["devices"]
    names = {row["identity"]: row["deviceId"] for row in devices}
    assert event["deviceId"] == names[ssh.fingerprint(key)], event


def log_in(key="laptop", source=OFFICE):
    """A login that stays, and its session."""
    before = set(sessions.ids("alice"))
    login = ssh.start("alice", key=key, source=source).wait_open()
    sid, = set(sessions.ids("alice")) - before
    return login, sid


def test_a_login_from_a_new_device_and_its_logout():
    login, sid = log_in()
    check(newest("new-device"), "user")
    check(newest("login"), "user")
    assert newest("login")["sessionId"] == sid
    login.log_out()
    check(newest("logout"), "system")  # the login process has closed it: why, it does not say
    assert (newest("logout")["sessionId"], newest("logout")["endReason"]) == (sid, "logout")


def test_an_eviction_says_that_the_policy_did_it_and_from_where_the_other_came():
    set_policy("max_devices = 1\n")
    first, sid = log_in()
    second, _sid = log_in("phone", "192.0.2.8")
    assert first.wait_closed() == 255
    check(newest("evicted"), "policy")
    assert newest("evicted")["sessionId"] == sid and "192.0.2.8" in newest("evicted")["note"]
    second.log_out()


def test_a_denial_says_who_was_refused_from_where():
    set_policy("max_devices = 1\non_limit = deny\n")
    login, _sid = log_in()
    assert ssh.run("alice", "true", key="phone", source="192.0.2.8").rc != 0
    check(newest("denied"), "policy", key="phone", source="192.0.2.8")
    login.log_out()


def test_a_refresh_and_a_reset():
    _login, sid = log_in()
    Varlink(daemon, user="alice").call("IssueRefreshToken", sessionId=sid)
    check(newest("refresh"), "user")
    assert newest("refresh")["sessionId"] == sid
    sessions.call("ResetUser", user="alice")
    assert (newest("reset")["user"], newest("reset")["initiator"]) == ("alice", "admin")
    check(newest("account-reset"), "admin")
    assert newest("account-reset")["sessionId"] == sid


def test_failed_attempts_are_one_row_with_their_count_then_the_lock_and_its_end():
    for _ in range(5):
        assert ssh.run("alice", "true", password="wrong", method="keyboard-interactive", source=ATTACKER).rc
    failed, = history("failed")
    assert (failed["user"], failed["ip"], failed["service"]) == ("alice", ATTACKER, "sshd"), failed
    assert (failed["count"], failed["initiator"], failed["note"]) == (5, "user", ATTACKER), failed
    lock = newest("lock")
    assert (lock["ip"], lock["initiator"], lock["note"]) == (ATTACKER, "policy", ATTACKER), lock
    table = host.run_as("root", "sessjwt", "history", "--user", "alice", "--kind", "failed").stdout
    heading, row = table.splitlines()[:2]
    assert row[:heading.index("COUNT") + len("COUNT")].split()[-1] == "5", table
    sessions.call("UnlockUser", user="alice")
    assert (newest("unlock")["user"], newest("unlock")["initiator"]) == ("alice", "admin")


def test_keys_and_configurations_are_nobodys():
    sessions.call("RotateKey")
    sessions.call("Reload")
    for kind in ("key-rotated", "reload"):
        event = newest(kind, all=True)
        assert event["initiator"] == "admin" and not {"user", "uid", "sessionId"} & set(event), event

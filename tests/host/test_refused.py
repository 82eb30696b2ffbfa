"""on_limit = deny with max_sessions: refused already in account, whatever the method; and whom no limit may
ever keep out."""
from harness import Daemon, Host, PamStack, SessionList, Ssh, Sshd, eventually, later

KBD = "keyboard-interactive"
ONE_SESSION = "[policy default]\nmax_sessions = 1\non_limit = deny\n"
ONE_OF_BOTH = "[policy default]\nmax_sessions = 1\nmax_devices = 1\non_limit = deny\n"

host = Host()
daemon = Daemon(host, ONE_SESSION).start()
PamStack(host, "sshd")
sessions = SessionList(daemon)
ssh = Ssh(Sshd(host))
ssh.trust("alice", "laptop", "phone")
ssh.trust("bob", "laptop", "phone")
host.add_group("rescue", ["alice"])
host.add_user("toor", uid=0)
ssh.trust("toor", "laptop", "phone")


def begin(config=ONE_SESSION, user="alice"):
    """Alone under this configuration, the user's laptop logs in. Returns its login and session."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")
    daemon.write_config(config)
    sessions.call("Reload")
    login = ssh.start(user, key="laptop", source="192.0.2.7").wait_open()
    return login, sessions.one(user)


def check_refused(login, session, result):
    """Refused before there was a session, with the words that help; the other login goes on."""
    assert result.rc == 255, result
    text = " ".join(result.text.split())
    assert "Too many sign-ins" in text and "uid=" not in text
    assert f"{session['deviceName']} since {session['createdAt'][:16]}Z from 192.0.2.7" in text, result
    assert sessions.of() == [session]
    assert login.run("echo here") == "here\n"


# ---- refused in account ------------------------------------------------------------------------------------

def test_a_key_is_refused_in_account_with_a_banner():
    login, session = begin()
    before = daemon.log_end()
    check_refused(login, session, ssh.run("alice", "id", key="phone"))
    assert "login refused in account: alice" in daemon.log(before)
    assert "login denied" not in daemon.log(before), "there was no open to deny"


def test_a_password_is_refused_in_account_with_a_banner():
    login, session = begin()
    check_refused(login, session, ssh.run("alice", "id", password=True))


def test_keyboard_interactive_is_refused_in_account_with_the_text():
    login, session = begin()
    check_refused(login, session, ssh.run("alice", "id", password=True, method=KBD))


def test_a_key_and_keyboard_interactive_are_refused_in_account():
    both = Ssh(Sshd(host, AuthenticationMethods=f"publickey,{KBD}"))
    both.trust("alice", "laptop")
    later(lambda: ssh.trust("alice", "laptop", "phone"))
    eventually(lambda: not sessions.of())
    daemon.write_config(ONE_SESSION)
    sessions.call("Reload")
    how = {"key": "laptop", "password": True, "method": f"publickey,{KBD}"}
    login = both.start("alice", source="192.0.2.7", **how).wait_open()
    check_refused(login, sessions.one("alice"), both.run("alice", "id", **how))


def test_the_same_key_and_a_login_without_a_shell_are_refused_too():
    login, session = begin()
    check_refused(login, session, ssh.run("alice", "id", key="laptop", source="192.0.2.7"))
    check_refused(login, session, ssh.run("alice", key="laptop", extra=["-N"]))


def test_a_wrong_password_learns_nothing_of_the_sessions():
    begin()
    for method in ("password", KBD):
        result = ssh.run("alice", "id", password="wrong", method=method)
        assert result.rc in (5, 255) and "sign-ins" not in result.text, result


def test_when_the_session_has_ended_the_next_login_gets_in():
    login, _session = begin()
    assert ssh.run("alice", "id", key="phone").rc == 255
    assert login.log_out() == 0
    eventually(lambda: not sessions.of())
    assert ssh.run("alice", "echo in", key="phone").out == "in\n"


def test_two_sessions_are_let_in_and_the_third_is_refused():
    login, session = begin("[policy default]\nmax_sessions = 2\non_limit = deny\n")
    second = ssh.start("alice", key="phone", source="2001:db8:2::2").wait_open()
    other = sessions.of("alice")[1]
    result = ssh.run("alice", "id", password=True)
    assert result.rc == 255
    for row in (session, other):
        assert f"{row['deviceName']} since {row['createdAt'][:16]}Z from {row['ip']}" in result.text
    assert login.run("echo here") == second.run("echo here") == "here\n"


# ---- enforce = no ------------------------------------------------------------------------------------------

def test_without_enforcement_a_denial_is_only_logged():
    for limit in ("max_sessions", "max_devices"):
        login, session = begin(f"[policy default]\n{limit} = 1\non_limit = deny\nenforce = no\n")
        before = daemon.log_end()
        assert ssh.run("alice", "echo in", key="phone").out == "in\n"
        assert "alice" in daemon.wait_for_log("would be denied", after=before)
        assert "login denied" not in daemon.log(before)
        assert login.run("echo here") == "here\n" and session["sessionId"] in sessions.ids()
        login.close()


def test_without_enforcement_an_eviction_is_only_logged():
    login, session = begin("[policy default]\nmax_devices = 1\nenforce = no\n")
    before = daemon.log_end()
    phone = ssh.start("alice", key="phone").wait_open()
    assert "alice" in daemon.wait_for_log("would evict", after=before)
    assert login.run("echo here") == phone.run("echo here") == "here\n"
    assert [row["state"] for row in sessions.of("alice")] == ["live", "live"]
    assert not sessions.ends(session["sessionId"])


# ---- who always gets in ------------------------------------------------------------------------------------

def check_gets_in(user="alice", config=ONE_OF_BOTH):
    """Three logins at once, from two devices; none of them goes."""
    login, _session = begin(config, user)
    phone = ssh.start(user, key="phone").wait_open()
    third = ssh.start(user, key="phone", source="2001:db8:3::3").wait_open()
    assert login.run("echo here") == phone.run("echo here") == third.run("echo here") == "here\n"
    assert [row["state"] for row in sessions.of(user)] == ["live"] * 3


def test_root_passes():
    check_gets_in("toor")


def test_root_is_not_evicted():
    check_gets_in("toor", "[policy default]\nmax_sessions = 1\nmax_devices = 1\n")


def test_an_exempt_user_passes_and_another_does_not():
    check_gets_in(config=ONE_OF_BOTH + "exempt = alice\n")
    ssh.start("bob", key="laptop").wait_open()
    assert ssh.run("bob", "id", key="phone").rc == 255


def test_an_exempt_group_passes_and_another_does_not():
    check_gets_in(config=ONE_OF_BOTH + "exempt = @rescue\n")
    ssh.start("bob", key="laptop").wait_open()
    assert ssh.run("bob", "id", key="phone").rc == 255


def test_an_exempt_user_is_not_evicted():
    check_gets_in(config="[policy default]\nmax_sessions = 1\nmax_devices = 1\nexempt = alice\n")


def test_a_member_of_the_break_glass_group_passes_and_another_does_not():
    PamStack(host, "sshd", options="break_glass=rescue")
    later(lambda: PamStack(host, "sshd"))
    check_gets_in()
    ssh.start("bob", key="laptop").wait_open()
    assert ssh.run("bob", "id", key="phone").rc == 255


def test_a_key_of_a_machine_that_does_not_count_passes():
    login, _session = begin(f"[daemon]\nuncounted_keys = {ssh.fingerprint('phone')}\n{ONE_OF_BOTH}")
    for _ in range(2):
        ssh.start("alice", key="phone").wait_open()
    assert login.run("echo here") == "here\n"
    assert ssh.run("alice", "id", password=True).rc == 254, "refused at open, where the key is known"


def test_another_policy_applies_to_another_user():
    begin(f"[policy many]\nusers = bob\nmax_sessions = 2\non_limit = deny\n\n{ONE_SESSION}")
    assert ssh.run("alice", "id", key="phone").rc == 255
    ssh.start("bob", key="laptop").wait_open()
    assert ssh.run("bob", "echo in", key="phone").out == "in\n"


def test_where_errors_deny_root_and_break_glass_get_in_without_a_daemon():
    PamStack(host, "sshd", options="on_error=deny break_glass=rescue")
    later(lambda: PamStack(host, "sshd"))
    daemon.stop()
    later(daemon.start)
    assert ssh.run("bob", "id", key="laptop").rc == 255
    assert ssh.run("bob", "id", password=True).rc == 255
    assert ssh.run("alice", "echo in", key="laptop").out == "in\n"
    assert ssh.run("toor", "echo in", key="laptop").out == "in\n"

"""However a person logs in, there is one session, of the right process, with the methods and the device that
were really used."""
import shutil

from harness import Daemon, Host, PamStack, SessionList, Ssh, Sshd, eventually, later, processes

KBD = "keyboard-interactive"

host = Host()
daemon = Daemon(host).start()
PamStack(host, "sshd")
sessions = SessionList(daemon)
sshd = Sshd(host, TrustedUserCAKeys=host.dir / "ca.pub")
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
shutil.copy(f"{ssh.key('ca')}.pub", host.dir)
host.add_user("toor", uid=0)
ssh.trust("toor", "laptop")


def log_in(user="alice", client=ssh, shell=True, **how):
    """A login that stays: the client, and its session, which is the user's only one."""
    later(lambda: eventually(lambda: not sessions.of(user), what=f"no session of {user}"))
    login = client.start(user, shell=shell, **how).wait_open()
    return login, sessions.one(user)


def check_leader(session, client=ssh):
    """The session's leader is the process that sshd calls its monitor."""
    monitor, = client.sshd.monitors(session["user"])
    assert session["leader"] == monitor


def sshd_that_wants(*methods):
    """A client of a server that wants all of these methods, alice's laptop trusted."""
    client = Ssh(Sshd(host, AuthenticationMethods=",".join(methods)))
    client.trust("alice", "laptop")
    later(lambda: ssh.trust("alice", "laptop", "phone"))
    return client


# ---- methods -----------------------------------------------------------------------------------------------

def test_a_key_login_is_one_session_of_the_monitor_and_the_key():
    login, session = log_in(key="laptop")
    check_leader(session)
    assert session["methods"] == ["key"]
    assert session["service"] == "sshd" and session["class"] == "counted"
    assert session["state"] == "live" and session["ip"] == "192.0.2.10"
    assert login.run("echo $SESSJWT_SESSION_ID").strip() == session["sessionId"]


def test_a_password_login_is_one_session_of_the_monitor():
    _login, session = log_in(password=True)
    check_leader(session)
    assert session["methods"] == ["pwd"]


def test_a_keyboard_interactive_login_is_one_session_of_the_monitor_not_of_its_pam_child():
    _login, session = log_in(password=True, method=KBD)
    check_leader(session)
    assert session["methods"] == ["kbd"]


def test_a_key_and_keyboard_interactive_are_one_session_with_both_methods_and_the_keys_device():
    client = sshd_that_wants("publickey", KBD)
    _login, session = log_in(client=client, key="laptop", password=True, method=f"publickey,{KBD}")
    check_leader(session, client)
    assert sorted(session["methods"]) == ["kbd", "key"]
    assert client.fingerprint("laptop").startswith(session["deviceName"].split()[1])


def test_a_key_and_a_password_are_one_session_with_both_methods_and_the_keys_device():
    client = sshd_that_wants("publickey", "password")
    _login, session = log_in(client=client, key="laptop", password=True, method="publickey,password")
    check_leader(session, client)
    assert sorted(session["methods"]) == ["key", "pwd"]
    assert client.fingerprint("laptop").startswith(session["deviceName"].split()[1])


def test_keyboard_interactive_that_fails_first_and_then_goes_well_is_one_session():
    before = daemon.log_end()
    assert ssh.run("alice", "true", password="wrong", method=KBD).rc == 255
    _login, session = log_in(password=True, method=KBD)
    assert sessions.opened("alice", before) == [session["sessionId"]]


def test_logins_of_two_keys_are_two_sessions_with_a_leader_each():
    log_in(key="laptop")
    ssh.start("alice", key="phone").wait_open()
    rows = sessions.of("alice")
    assert sorted(row["leader"] for row in rows) == sorted(sshd.monitors("alice"))
    assert len({row["leader"] for row in rows}) == len({row["deviceId"] for row in rows}) == 2


# ---- devices -----------------------------------------------------------------------------------------------

def device_of(user="alice", **how):
    """(deviceName, deviceId) of one short login."""
    login, session = log_in(user, **how)
    login.close()
    eventually(lambda: not sessions.of(user), what=f"no session of {user}")
    return session["deviceName"], session["deviceId"]


def test_a_key_is_named_by_the_fingerprint_that_ssh_keygen_prints():
    kinds = {"ed25519": "a-key", "rsa": "b-key", "ecdsa": "c-key"}
    for kind, key in kinds.items():
        ssh.key(key, kind)
    ssh.trust("bob", *kinds.values())
    for kind, key in kinds.items():
        name, _device = device_of("bob", key=key)
        assert name == f"{kind} {ssh.fingerprint(key)[:15]}"


def test_the_whole_fingerprint_is_the_one_that_ssh_keygen_prints():
    """uncounted_keys compares it to the last character."""
    limits = "[policy default]\nmax_sessions = 1\non_limit = deny\n"
    ssh.trust("bob", "laptop", "phone")
    later(lambda: set_config(""))
    fingerprint = ssh.fingerprint("phone")
    nearly = fingerprint[:40] + ("A" if fingerprint[40] != "A" else "B") + fingerprint[41:]
    log_in("bob", key="laptop")
    for listed, status in ((fingerprint, 0), (nearly, 254)):
        set_config(f"[daemon]\nuncounted_keys = {listed}\n{limits}")
        assert ssh.run("bob", "true", key="phone").rc == status, listed


def set_config(text):
    """Another configuration, by reload."""
    daemon.write_config(text)
    sessions.call("Reload")


def test_a_key_is_the_same_device_wherever_it_comes_from():
    home = device_of(key="laptop", source="192.0.2.7")
    assert home == device_of(key="laptop", source="2001:db8:7::7")
    assert home != device_of(key="phone", source="192.0.2.7")


def test_the_same_key_is_another_device_of_another_user():
    ssh.trust("bob", "laptop")
    alices, bobs = device_of(key="laptop"), device_of("bob", key="laptop")
    assert alices[0] == bobs[0] and alices[1] != bobs[1]


def test_a_password_from_an_ipv4_address_is_that_address():
    name, device = device_of(password=True, source="192.0.2.7")
    assert name == "192.0.2.7"
    assert (name, device) == device_of(password=True, source="192.0.2.7", method=KBD)
    assert device_of(password=True, source="192.0.2.8")[0] == "192.0.2.8"


def test_a_password_from_an_ipv6_address_is_its_network_of_64_bits():
    name, device = device_of(password=True, source="2001:db8:5:6:7::1")
    assert name == "2001:db8:5:6::/64"
    assert (name, device) == device_of(password=True, source="2001:db8:5:6:ffff::2")
    other, other_device = device_of(password=True, source="2001:db8:5:7::1")
    assert other == "2001:db8:5:7::/64" and other_device != device


def test_the_address_of_a_session_is_the_whole_one():
    _login, session = log_in(password=True, source="2001:db8:5:6:7::1")
    assert session["ip"] == "2001:db8:5:6:7::1"


def test_a_password_from_loopback_is_an_unknown_device():
    name, device = device_of(password=True, source=None)
    assert name == "unknown:sshd"
    assert (name, device) == device_of(password=True, source="::1")


# ---- certificates and root ---------------------------------------------------------------------------------

def test_a_certificate_is_a_session_and_the_device_of_the_key_in_it():
    ssh.trust("mallory", "badge")
    plain = device_of("mallory", key="badge")
    ssh.certify("badge", "mallory", serial=7)
    ssh.trust("mallory")
    _login, session = log_in("mallory", key="badge")
    assert "ED25519-CERT" in sshd.log(), "it was no certificate that let her in"
    check_leader(session)
    assert session["methods"] == ["key"]
    assert (session["deviceName"], session["deviceId"]) == plain


def test_a_root_login_is_one_session_of_the_only_process_there_is():
    login, session = log_in("toor", key="laptop")
    check_leader(session)
    assert processes.parent(session["leader"]) == sshd.pid
    assert not any("sshd: toor" in processes.command_line(pid)
                   for pid in processes.descendants(session["leader"])), "root has no monitor"
    assert session["uid"] == 0 and session["methods"] == ["key"]
    assert login.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_a_root_login_by_password_is_one_session():
    _login, session = log_in("toor", password=True)
    check_leader(session)
    assert session["methods"] == ["pwd"] and session["deviceName"] == "192.0.2.10"


# ---- one connection, one session ---------------------------------------------------------------------------

def test_a_control_master_with_four_channels_is_one_session():
    before = daemon.log_end()
    path = host.dir / "mux"
    master, session = log_in(key="laptop", options={"ControlMaster": "yes", "ControlPath": path})
    channels = [ssh.start("alice", key="laptop", options={"ControlPath": path}).wait_open() for _ in range(3)]
    assert sshd.connections() == 1
    assert sessions.one("alice") == session
    check_leader(session)
    assert channels[2].run("echo $SESSJWT_SESSION_ID").strip() == session["sessionId"]
    for channel in channels:
        assert channel.log_out() == 0
    assert sessions.one("alice") == session, "a channel's end is not the session's"
    assert master.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"
    assert sessions.opened("alice", before) == [session["sessionId"]]


def test_a_login_without_a_shell_is_one_session():
    login, session = log_in(key="laptop", shell=False)
    check_leader(session)
    login.close()
    assert sessions.wait_end(session["sessionId"]) == "logout"


def check_one_session(before):
    """One session since then, and it is over by logout."""
    session_id, = sessions.opened("alice", before)
    assert sessions.wait_end(session_id) == "logout"
    assert not sessions.of()


def test_a_command_is_one_session():
    before = daemon.log_end()
    assert ssh.run("alice", "true", key="laptop").rc == 0
    check_one_session(before)


def test_sftp_is_one_session():
    before = daemon.log_end()
    assert ssh.sftp("alice", "pwd\nls\n", key="laptop").rc == 0
    check_one_session(before)


def test_scp_is_one_session():
    before = daemon.log_end()
    source = host.dir / "a-file"
    source.write_text("text", "ascii")
    assert ssh.scp("alice", source, "copy", key="laptop").rc == 0
    check_one_session(before)


def test_a_login_that_is_refused_by_sshd_itself_is_none():
    before = daemon.log_end()
    assert ssh.run("alice", "true", key="stranger").rc == 255
    assert ssh.run("alice", "true", password="wrong").rc != 0
    assert not sessions.opened("alice", before) and not sessions.of()

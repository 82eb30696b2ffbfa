"""A user's own ~/.pam_environment, read by pam_env user_readenv=1, against our session line before and behind
it."""
from harness import (Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually, later,
                     namespaces, need, processes)

FOREIGN = "019ab000-0000-7000-8000-00001a2b3c4d"

host = Host()
daemon = Daemon(host, """\
[policy one-device]
users = bob
max_devices = 1
""").start()
sessions = SessionList(daemon)
PamStack(host, "sshd")
sshd = Sshd(host)
ssh = Ssh(sshd)
for user in ("alice", "bob"):
    ssh.trust(user, "laptop", "phone")


def write_environment(user, **variables):
    """The user's file; every value quoted as pam_env wants it."""
    lines = [f'{name} DEFAULT="{value}" OVERRIDE="{value}"\n' for name, value in variables.items()]
    path = host.write_file(user, ".pam_environment", "".join(lines))
    later(lambda: path.unlink(missing_ok=True))


def show_key(name):
    """What sshd tells PAM of a login with this key."""
    return "publickey " + " ".join(ssh.public_key(name).split()[:2])


def forge(user, **more):
    """The laptop's owner writes that it is the phone, from elsewhere, in another's session."""
    write_environment(user, SSH_AUTH_INFO_0=show_key("phone"), SSH_CONNECTION="198.51.100.9 1 192.0.2.1 22",
                      XDG_SESSION_ID="4711", **{name: more.get(name, FOREIGN) for name in (
                          "SESSJWT_SESSION_ID", "SESSJWT_TOKEN", "SESSJWT_SOCKET", "SESSJWT_DEVICE",
                          "SESSJWT_REALM", "SESSJWT_TEST_HOOKS", "SESSJWT_CONFIG")})


def place(position):
    """Where our session line stands, until the test's end."""
    PamStack(host, "sshd", position=position)
    later(lambda: PamStack(host, "sshd"))


def log_in(user="alice", key="laptop", client=None, **how):
    """A login that stays, and its session."""
    known = sessions.ids()
    later(lambda: eventually(lambda: set(sessions.ids()) <= set(known), what="its end"))
    login = (client or ssh).start(user, key=key, **how).wait_open()
    session, = [row for row in sessions.of(user) if row["sessionId"] not in known]
    return login, session


def device(key):
    """(deviceId, deviceName) of an honest login."""
    login, session = log_in(key=key)
    assert login.log_out() == 0
    sessions.wait_end(session["sessionId"])
    return session["deviceId"], session["deviceName"]


laptop, phone = device("laptop"), device("phone")


def test_the_file_is_read_by_this_pam_stack():
    forge("alice")
    assert ssh.run("alice", "echo $XDG_SESSION_ID", key="laptop").out == "4711\n"


def test_before_pam_env_the_device_cannot_be_forged():
    place("before")
    forge("alice")
    login, session = log_in()
    assert (session["deviceId"], session["deviceName"]) == laptop
    assert session["ip"] == "192.0.2.10" and session["methods"] == ["key"]
    assert session["realm"] == "default" and session["leader"] in sshd.monitors("alice")
    assert login.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_behind_pam_env_the_device_can_be_forged_as_the_documentation_says():
    place("after")
    forge("alice")
    login, session = log_in()
    assert (session["deviceId"], session["deviceName"]) == phone
    assert session["leader"] in sshd.monitors("alice"), "but not the process"
    assert session["ip"] == "192.0.2.10", "nor the address, which is an item"
    assert session["realm"] == "default" and session["sessionId"] != FOREIGN
    assert login.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_before_pam_env_a_limit_of_one_device_cannot_be_cheated():
    """Two keys that both claim to be the phone's would be one device."""
    place("before")
    forge("bob")
    first, _session = log_in("bob", "laptop")
    second, newer = log_in("bob", "phone")
    assert first.wait_closed() == 255
    assert [row["sessionId"] for row in sessions.of("bob") if row["state"] == "live"] == [newer["sessionId"]]
    assert second.run("id -un") == "bob\n"


def test_behind_pam_env_a_limit_of_one_device_can_be_cheated_as_the_documentation_says():
    place("after")
    forge("bob")
    first, one = log_in("bob", "laptop")
    second, other = log_in("bob", "phone")
    assert one["deviceId"] == other["deviceId"]
    assert first.run("id -un") == second.run("id -un") == "bob\n"


def test_a_forged_session_id_neither_ends_nor_mints_for_another_session():
    for position in ("before", "after"):
        place(position)
        victim, of_victim = log_in("bob", "phone")
        of_old, old = log_in("alice", "phone")
        for target in (of_victim["sessionId"], old["sessionId"]):
            forge("alice", SESSJWT_SESSION_ID=target)
            login, session = log_in("alice", "laptop")
            assert session["sessionId"] != target
            assert login.log_out() == 0
            assert sessions.wait_end(session["sessionId"]) == "logout"
        assert victim.run("id -un") == "bob\n" and of_old.run("id -un") == "alice\n"
        assert sorted(sessions.ids()) == sorted([of_victim["sessionId"], old["sessionId"]])
        for other in (victim, of_old):
            assert other.log_out() == 0
        for gone in (of_victim, old):
            assert sessions.wait_end(gone["sessionId"]) == "logout"


def test_behind_pam_env_the_shell_is_told_its_true_session():
    place("after")
    forge("alice")
    login, session = log_in()
    assert login.run("echo $SESSJWT_SESSION_ID").strip() == session["sessionId"]


def test_a_token_names_the_true_session_whatever_the_file_says():
    place("before")
    forge("alice")
    _login, session = log_in()
    token = Varlink(daemon, user="alice").call("MintToken", sessionId=session["sessionId"])["accessToken"]
    claims = sessions.call("Introspect", token=token)
    assert (claims["sid"], claims["dev"], claims["sub"]) == (session["sessionId"], laptop[0], "alice")


def name_client():
    """A server whose rhost is a name: then the address is SSH_CONNECTION's, which a user's file may
    replace."""
    need("/etc/hosts")
    hosts = host.dir / "hosts"
    hosts.write_text("127.0.0.1 localhost\n192.0.2.10 client.example\n", "ascii")
    namespaces.bind(hosts, "/etc/hosts")
    later(lambda: namespaces.unmount("/etc/hosts"))
    named = Ssh(Sshd(host, UseDNS="yes"))
    named.trust("alice", "laptop")
    later(lambda: ssh.trust("alice", "laptop", "phone"))
    return named


def test_before_pam_env_the_address_cannot_be_forged_where_the_host_has_a_name():
    place("before")
    forge("alice")
    login, session = log_in(client=name_client(), key=None, password=True)
    assert (session["ip"], session["deviceName"]) == ("192.0.2.10", "192.0.2.10")
    login.close()


def test_behind_pam_env_the_address_can_be_forged_where_the_host_has_a_name():
    place("after")
    forge("alice")
    login, session = log_in(client=name_client(), key=None, password=True)
    assert session["ip"] == "198.51.100.9"
    login.close()


def test_what_a_client_sends_and_what_a_users_ssh_environment_sets_change_nothing():
    """Where an admin lets both in, all of it."""
    place("before")
    open_to_all = Ssh(Sshd(host, AcceptEnv="*", PermitUserEnvironment="yes"))
    open_to_all.trust("alice", "laptop")
    later(lambda: ssh.trust("alice", "laptop", "phone"))
    forged = {"SSH_AUTH_INFO_0": "publickey", "SSH_CONNECTION": "198.51.100.9 1 192.0.2.1 22",
              "XDG_SESSION_ID": "4711", "SESSJWT_SESSION_ID": FOREIGN, "SESSJWT_REALM": "other",
              "SESSJWT_SOCKET": "/tmp/none", "LD_BIND_NOW": "1", "PAM_RHOST": "198.51.100.9"}
    sent = {"SetEnv": " ".join(f'"{name}={value}"' for name, value in forged.items())}
    path = host.write_file("alice", ".ssh/environment",
                           "".join(f"{name}={value}\n" for name, value in forged.items()))
    later(lambda: path.unlink(missing_ok=True))
    login, session = log_in(client=open_to_all, options=sent)
    assert login.run("echo $SESSJWT_REALM").strip() == "other", "it came through to the shell"
    assert session["ip"] == "192.0.2.10" and session["realm"] == "default"
    assert session["deviceName"].startswith("ed25519 SHA256:"), session
    assert login.run("echo $SESSJWT_SESSION_ID").strip() == session["sessionId"] != FOREIGN
    assert login.log_out() == 0
    assert sessions.wait_end(session["sessionId"]) == "logout"


def test_a_file_full_of_nonsense_stops_no_login():
    for position in ("before", "after"):
        place(position)
        for value in ("x" * 900, "publickey ssh-ed25519 !!!!", "publickey", "\\\\", "a b c"):
            write_environment("alice", SSH_AUTH_INFO_0=value, SSH_CONNECTION=value, SESSJWT_SESSION_ID=value)
            before = daemon.log_end()
            assert ssh.run("alice", "id", "-un", key="laptop").out == "alice\n"
            session_id, = sessions.opened("alice", before)
            assert sessions.wait_end(session_id) == "logout"
    assert processes.is_alive(daemon.pid)

"""Devices on the socket: who sees and changes them; a blocked or forgotten one ends its sessions at once."""
import json

from harness import Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError

DENIED = "org.varlink.service.PermissionDenied"
INVALID = "org.varlink.service.InvalidParameter"
NOT_FOUND = "org.sessjwt.DeviceNotFound"
CHANGES = ("BlockDevice", "UnblockDevice", "ForgetDevice")

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()


def client(user="alice"):
    """A connection of this user."""
    return Varlink(daemon, user=user)


def devices(who="alice", **parameters):
    """{identity: device} of a list."""
    return {device["identity"]: device
            for device in client(who).call("ListDevices", **parameters)["devices"]}


def refusal(connection, method, **parameters):
    """(error, its parameters) of a call that must not be answered otherwise."""
    try:
        reply = connection.call(method, **parameters)
    except VarlinkError as error:
        return error.name, error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


def raw_reply(connection, method, **parameters):
    """The bytes of one reply."""
    connection.send_call(method, parameters)
    return connection.read_raw()


def sids(user="alice"):
    """Of the live sessions."""
    return {session["sessionId"] for session in client(user).call("ListSessions")["sessions"]
            if session["state"] == "live"}


def test_a_device_says_what_it_is_and_how_it_is_used():
    logins = [PamLogin(host, "alice", rhost=f"2001:db8:0:1::{last}") for last in (1, 2)]
    other = PamLogin(host, "alice", rhost="192.0.2.1")
    found = devices()
    device = found["2001:db8:0:1::/64"]
    assert (device["sessions"], device["logins"]) == (2, 2)
    assert (device["kind"], device["state"]) == ("network", "known")
    assert (device["realm"], device["user"], device["uid"]) == ("default", "alice", 2000)
    assert device["ip"] == "2001:db8:0:1::2" and device["firstSeen"] <= device["lastSeen"]
    assert found["192.0.2.1"]["sessions"] == 1
    logins[0].log_out()
    assert devices()["2001:db8:0:1::/64"]["sessions"] == 1
    one = [row["device"] for row in client().call_more("ListDevices")]
    assert sorted(one, key=str) == sorted(devices().values(), key=str)
    other.log_out()


def test_a_name_is_shown_at_once_and_has_its_limits():
    login = PamLogin(host, "alice", rhost="192.0.2.2")
    device_id = devices()["192.0.2.2"]["deviceId"]
    for name in ("l", "x" * 128, "Büro ☎"):
        assert client().call("RenameDevice", deviceId=device_id, name=name)["device"]["name"] == name
        session = client().call("GetSession", sessionId=login.sid)["session"]
        assert session["deviceName"] == name
    for name in ("", "x" * 129, "a\nb", "\x1b[2J", "\u0085"):
        assert refusal(client(), "RenameDevice", deviceId=device_id, name=name) == \
            (INVALID, {"parameter": "name"}), name
    assert devices()["192.0.2.2"]["name"] == "Büro ☎"
    login.log_out()
    again = PamLogin(host, "alice", rhost="192.0.2.2")
    assert client().call("GetSession", sessionId=again.sid)["session"]["deviceName"] == "Büro ☎"


def test_a_blocked_device_ends_its_sessions_before_the_reply_and_gets_in_no_more_until_it_is_unblocked():
    mine = [PamLogin(host, "alice", rhost="192.0.2.3") for _ in range(2)]
    other = PamLogin(host, "alice", rhost="192.0.2.4")
    device_id = devices()["192.0.2.3"]["deviceId"]
    token = client().call("MintToken", sessionId=mine[0].sid)["accessToken"]
    reply = client().call("BlockDevice", deviceId=device_id)
    assert client().call("Introspect", token=token)["active"] is False
    assert reply["revokedCount"] == 2 and reply["device"]["state"] == "blocked"
    assert other.sid in sids() and not sids() & {login.sid for login in mine}
    daemon.wait_for_log("device-removed")
    assert client().call("BlockDevice", deviceId=device_id)["revokedCount"] == 0
    refused = PamLogin(host, "alice", rhost="192.0.2.3")
    assert not refused.sid and "blocked" in str(refused.answer)
    assert client().call("UnblockDevice", deviceId=device_id)["device"]["state"] == "known"
    assert PamLogin(host, "alice", rhost="192.0.2.3").sid in sids()


def test_a_forgotten_device_ends_its_sessions_and_is_new_at_its_next_login():
    login = PamLogin(host, "alice", rhost="192.0.2.5")
    device_id = devices()["192.0.2.5"]["deviceId"]
    client().call("RenameDevice", deviceId=device_id, name="old")
    reply = client().call("ForgetDevice", deviceId=device_id)
    assert reply["revokedCount"] == 1 and reply["device"]["name"] == "old"
    assert "192.0.2.5" not in devices() and login.sid not in sids()
    assert refusal(client(), "ForgetDevice", deviceId=device_id) == (NOT_FOUND, {"deviceId": device_id})
    PamLogin(host, "alice", rhost="192.0.2.5")
    device = devices()["192.0.2.5"]
    assert device["deviceId"] == device_id and device["name"] == "192.0.2.5" and device["logins"] == 1


def test_a_device_of_more_sessions_than_one_turn_ends_loses_all_of_them_before_the_reply():
    daemon.write_config("[policy default]\nterminate = none\n")  # the caller is in the first that ends
    Varlink(daemon).call("Reload")
    logins = [PamLogin(host, "mallory", rhost="192.0.2.6") for _ in range(300)]
    device_id = devices("mallory")["192.0.2.6"]["deviceId"]
    assert devices("mallory")["192.0.2.6"]["sessions"] == 300
    answer = logins[0].run(2002, f"sessjwt device block {device_id} --json=short")
    assert answer.rc == 0, answer
    reply = json.loads(answer.text)
    assert reply["revokedCount"] == len(logins) and reply["device"]["current"] is True
    assert not sids("mallory")


def test_a_foreign_device_answers_byte_for_byte_like_an_unknown_one():
    PamLogin(host, "alice", rhost="192.0.2.7")
    PamLogin(host, "root", rhost="192.0.2.8")
    mine = devices()["192.0.2.7"]["deviceId"]
    roots = {device["identity"]: device for device in
             Varlink(daemon).call("ListDevices", user="root")["devices"]}["192.0.2.8"]["deviceId"]
    stranger = "0123456789abcdef" * 2
    for user, foreign in (("mallory", mine), ("mallory", roots), ("bob", roots)):
        for method, more in (*((method, {}) for method in CHANGES), ("RenameDevice", {"name": "x"})):
            told = raw_reply(client(user), method, deviceId=foreign, **more)
            unknown = raw_reply(client(user), method, deviceId=stranger, **more)
            assert told.replace(foreign.encode(), stranger.encode()) == unknown, (user, method)
            assert NOT_FOUND.encode() in told
    for user in ("mallory", "bob"):
        assert roots not in {device["deviceId"] for device in devices(user).values()}
    assert roots not in {device["deviceId"] for device in devices("bob", all=True).values()}


def test_an_id_is_32_lower_case_hexadecimal_digits():
    for text in ("", "0" * 31, "0" * 33, "A" * 32, "g" * 32):
        for method in CHANGES:
            assert refusal(client(), method, deviceId=text) == (INVALID, {"parameter": "deviceId"}), text


def test_an_admin_lists_and_changes_those_of_others_an_ordinary_user_his_own():
    PamLogin(host, "alice", rhost="192.0.2.9")
    device_id = devices()["192.0.2.9"]["deviceId"]
    assert "192.0.2.9" in devices("bob", user="alice") and "192.0.2.9" in devices("bob", all=True)
    assert "192.0.2.9" in devices(user="alice")
    assert client("bob").call("BlockDevice", deviceId=device_id)["revokedCount"] == 1
    assert client("bob").call("UnblockDevice", deviceId=device_id)["device"]["user"] == "alice"
    for parameters in ({"all": True}, {"user": "bob"}, {"user": "no-such-user"}):
        assert refusal(client("mallory"), "ListDevices", **parameters) == (DENIED, {}), parameters
    assert refusal(client(), "ListDevices", realm="web")[0] == "org.sessjwt.RealmNotFound"

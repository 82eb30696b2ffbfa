"""Devices by real ssh: a blocked one is cut off, hears why and gets in no more; others hear of a new one."""
from harness import (Daemon, Host, PamStack, SessionList, Ssh, Sshd, Varlink, eventually, later)

NOTIFY = "[daemon]\nnotify_new_device = tty\n"
KEY_ID = "[daemon]\ncertificate_identity = key-id\n"

host = Host()
daemon = Daemon(host).start()
PamStack(host, "sshd")
sshd = Sshd(host, TrustedUserCAKeys=host.dir / "ca.pub")
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone", "tablet", "badge")
(host.dir / "ca.pub").write_text(ssh.public_key("ca"), "ascii")
sessions = SessionList(daemon)


def set_config(text):
    """Another configuration, by reload, for this test."""
    daemon.write_config(text)
    sessions.call("Reload")
    later(lambda: sessions.call("Reload"))
    later(lambda: daemon.write_config(""))


def call(method, user="alice", **parameters):
    """A call of this user."""
    return Varlink(daemon, user=user).call(method, **parameters)


def devices(user="alice"):
    """{identity: device}."""
    return {device["identity"]: device for device in call("ListDevices", user)["devices"]}


def device_of_key(name):
    """alice's."""
    return devices()[ssh.fingerprint(name)]


def forget_all():
    """No device was ever seen."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")
    for device in devices().values():
        call("ForgetDevice", deviceId=device["deviceId"])


def end(device, method):
    """What blocking or forgetting does to a login on a terminal that comes from it."""
    login = ssh.start("alice", key="laptop", tty=True).wait_open()
    other = ssh.start("alice", key="phone", tty=True).wait_open()
    assert call(method, deviceId=device_of_key("laptop")["deviceId"])["revokedCount"] == 1
    login.expect(f"this session ends: this device was removed (it was {device}).")
    assert login.wait_closed() == 255
    other.run("echo here")  # waits for its answer


def test_a_blocked_device_is_cut_off_hears_why_and_is_refused_until_it_is_unblocked():
    forget_all()
    end("blocked", "BlockDevice")
    refused = ssh.run("alice", "echo in", key="laptop")
    assert refused.rc == 254 and "This device is blocked." in refused.text and "in\n" not in refused.out
    assert ssh.run("alice", "echo in", key="tablet").out == "in\n"
    eventually(lambda: all(one["state"] == "live" for one in sessions.of("alice")), what="no refused row")
    call("UnblockDevice", deviceId=device_of_key("laptop")["deviceId"])
    assert ssh.run("alice", "echo in", key="laptop").out == "in\n"


def test_a_forgotten_device_is_cut_off_and_is_new_when_it_comes_again():
    forget_all()
    end("forgotten", "ForgetDevice")
    assert ssh.fingerprint("laptop") not in devices()
    assert ssh.run("alice", "echo in", key="laptop").out == "in\n"
    assert device_of_key("laptop")["logins"] == 1


def test_a_blocked_network_is_its_64_bits():
    forget_all()
    first = "2001:db8:5:6:7::1"
    assert ssh.run("alice", "echo in", password=True, source=first).out == "in\n"
    device = devices()["2001:db8:5:6::/64"]
    call("BlockDevice", deviceId=device["deviceId"])
    refused = ssh.run("alice", "echo in", password=True, source="2001:db8:5:6:ffff::2")
    assert refused.rc != 0 and "in\n" not in refused.out
    assert ssh.run("alice", "echo in", password=True, source="2001:db8:5:7::1").out == "in\n"
    assert ssh.run("alice", "echo in", key="laptop", source=first).out == "in\n", "a key is another device"


def test_a_certificate_is_the_device_of_its_key():
    forget_all()
    assert ssh.run("alice", "echo in", key="badge").out == "in\n"
    call("BlockDevice", deviceId=device_of_key("badge")["deviceId"])
    host.write_file("alice", ".ssh/authorized_keys", "")
    later(lambda: ssh.trust("alice", "laptop", "phone", "tablet", "badge"))
    for serial in (1, 2):
        ssh.certify("badge", "alice", key_id=f"id-{serial}", serial=serial)
        refused = ssh.run("alice", "echo in", key="badge")
        assert refused.rc == 254 and "This device is blocked." in refused.text
    assert list(devices()) == [ssh.fingerprint("badge")]


def test_certificates_of_one_key_id_are_one_device_if_that_is_wanted_and_two_by_default():
    for name in ("first", "second"):
        ssh.certify(name, "alice", key_id="alice-laptop")
    keys = {ssh.fingerprint("first"), ssh.fingerprint("second")}
    for config, identities in (("", keys), (KEY_ID, {"key-id:alice-laptop"})):
        forget_all()
        set_config(config)
        for name in ("first", "second"):
            assert ssh.run("alice", "echo in", key=name).out == "in\n"
        assert set(devices()) == identities
    device = devices()["key-id:alice-laptop"]
    assert (device["kind"], device["name"], device["logins"]) == ("ssh-key", "certificate alice-laptop", 2)
    assert ssh.run("alice", "echo in", key="laptop").out == "in\n"
    assert ssh.fingerprint("laptop") in devices(), "a key without a certificate is itself"
    call("BlockDevice", deviceId=device["deviceId"])
    ssh.certify("third", "alice", key_id="alice-laptop")
    refused = ssh.run("alice", "echo in", key="third")
    assert refused.rc == 254 and "This device is blocked." in refused.text


# ---- who hears of a new one --------------------------------------------------------------------------------

def notice_of(key):
    """What is heard of it."""
    device = device_of_key(key)
    return (f"sessjwt: new device: {device['name']} at 192.0.2.9 by sshd. "
            f"Not you? sessjwt device block {device['deviceId'][-8:]} ***")


def test_the_other_sessions_of_the_user_hear_of_a_new_device_and_nobody_else():
    forget_all()
    set_config(NOTIFY)
    ssh.trust("bob", "laptop")
    laptop = ssh.start("alice", key="laptop", tty=True).wait_open()
    silent = ssh.start("alice", key="laptop", shell=False).wait_open()
    bobs = ssh.start("bob", key="laptop", tty=True).wait_open()
    phone = ssh.start("alice", key="phone", tty=True, source="192.0.2.9").wait_open()
    laptop.expect(notice_of("phone"))
    again = ssh.start("alice", key="phone", tty=True, source="192.0.2.9").wait_open()
    for login in (laptop, phone, again, bobs):
        login.run("echo here")  # waits for its answer
    tablet = ssh.start("alice", key="tablet", tty=True, source="192.0.2.9").wait_open()
    for login in (laptop, phone, again):
        login.expect(notice_of("tablet"))
    assert laptop.text().count("new device") == 2 and phone.text().count("new device") == 1
    assert "new device" not in bobs.text() + tablet.text() + silent.text()


def test_nobody_hears_of_it_if_it_is_not_wanted():
    forget_all()
    laptop = ssh.start("alice", key="laptop", tty=True).wait_open()
    ssh.start("alice", key="phone", source="192.0.2.9").wait_open()
    set_config(NOTIFY)
    ssh.start("alice", key="tablet", source="192.0.2.9").wait_open()
    laptop.expect(notice_of("tablet"))
    assert laptop.text().count("new device") == 1

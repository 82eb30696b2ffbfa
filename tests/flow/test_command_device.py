"""The command's verbs of devices against a daemon that answers from a table."""
import json

from harness import need
from harness.canned import DEVICE, Canned, device, error, rows, says
from harness.paths import COMMAND

need(COMMAND)
OTHER = "9f8e7d6c" + "0" * 16 + "5a6b7c8d"
TABLE = """\
  DEVICE   USER  NAME   FROM      LAST SEEN        LIVE STATE
* 1b2c3d4e alice laptop 192.0.2.7 2026-01-02 03:04    2 known
  5a6b7c8d alice phone  -         2026-01-02 03:04    0 blocked
"""


def both(**changes):
    """What ListDevices answers."""
    other = device(OTHER, name="phone", state="blocked", sessions=0, **changes)
    del other["ip"]
    return rows(device(), other, name="device")


def test_devices_are_a_table_or_the_objects_unchanged():
    daemon = Canned(ListDevices=both())
    says(daemon.run("devices"), 0, TABLE + "\n2 devices.\n", "")
    says(daemon.run("devices", "--no-legend"), 0, "".join(TABLE.splitlines(True)[1:]), "")
    objects = {"devices": [reply["parameters"]["device"] for reply in both()]}
    says(daemon.run("devices", "-j"), 0, json.dumps(objects, separators=(",", ":")) + "\n", "")
    says(daemon.run("devices", "--user", "bob", "--realm=r", "--all"), 0)
    assert daemon.calls == [("ListDevices", {})] * 3 + [
        ("ListDevices", {"user": "bob", "realm": "r", "all": True})]
    says(Canned(ListDevices=rows()).run("devices"), 0, "No devices.\n", "")
    says(Canned(ListDevices=rows()).run("devices", "--json=short"), 0, '{"devices":[]}\n', "")
    says(Canned(ListDevices=error("org.varlink.service.PermissionDenied")).run("devices", "--all"), 1, "")


def changed(count=None, **changes):
    """What a change answers."""
    ended = {} if count is None else {"revokedCount": count}
    return {"parameters": {"device": device(**changes), **ended}}


def test_each_change_says_what_it_did():
    daemon = Canned(ListDevices=both(), RenameDevice=changed(name="lap\x1btop"), BlockDevice=changed(2),
                    UnblockDevice=changed(), ForgetDevice=changed(1))
    says(daemon.run("device", "rename", DEVICE, "x"), 0,
         "Renamed device 1b2c3d4e (alice, lap\\x1btop).\n", "")
    says(daemon.run("device", "block", DEVICE), 0,
         "Blocked device 1b2c3d4e (alice, laptop); ended 2 sessions.\n", "")
    says(daemon.run("device", "unblock", DEVICE), 0, "Unblocked device 1b2c3d4e (alice, laptop).\n", "")
    says(daemon.run("device", "forget", DEVICE), 0,
         "Forgot device 1b2c3d4e (alice, laptop); ended 1 session.\n", "")
    named = {"deviceId": DEVICE}
    assert daemon.calls == [("RenameDevice", {**named, "name": "x"}), ("BlockDevice", named),
                            ("UnblockDevice", named), ("ForgetDevice", named)]
    assert json.loads(says(daemon.run("device", "block", DEVICE, "-j"), 0).stdout) == \
        changed(2)["parameters"]
    says(Canned(BlockDevice=changed(0)).run("device", "block", DEVICE), 0,
         "Blocked device 1b2c3d4e (alice, laptop).\n", "")
    says(Canned(BlockDevice=error("DeviceNotFound", deviceId=DEVICE)).run("device", "block", DEVICE), 1, "",
         f"sessjwt: There is no such device, or it is not yours to see: {DEVICE}\n")
    says(Canned(RenameDevice=error("org.varlink.service.InvalidParameter", parameter="name")).run(
        "device", "rename", DEVICE, ""), 1, "")


def test_a_device_is_meant_by_either_end_of_its_id_or_by_its_name():
    for argument in ("7A1F6C02", "7a1f6c020", "1b2c3d4e", "01B2C3D4E", "laptop"):
        daemon = Canned(ListDevices=both(), BlockDevice=changed(0))
        says(daemon.run("device", "block", argument), 0)
        assert daemon.calls == [("ListDevices", {"all": True}), ("BlockDevice", {"deviceId": DEVICE})]
    daemon = Canned(BlockDevice=changed(0))
    says(daemon.run("device", "block", DEVICE.upper()), 0)
    assert daemon.calls == [("BlockDevice", {"deviceId": DEVICE})]


def test_who_may_not_see_all_looks_among_his_own():
    def answer(parameters):
        return error("org.varlink.service.PermissionDenied") if parameters.get("all") else both()
    daemon = Canned(ListDevices=answer, ForgetDevice=changed(0))
    says(daemon.run("device", "forget", "laptop"), 0)
    assert daemon.calls == [("ListDevices", {"all": True}), ("ListDevices", {}),
                            ("ForgetDevice", {"deviceId": DEVICE})]


def test_what_means_none_or_several_changes_nothing():
    twin = "7a1f6c02" + "f" * 24
    daemon = Canned(ListDevices=rows(device(), device(twin, user="b\x1bob"), name="device"))
    for argument in ("7a1f6c02", "laptop"):
        says(daemon.run("device", "block", argument), 1, "",
             f"sessjwt: 2 devices are meant by {argument}; give more of the id:\n"
             f"  {DEVICE} (alice, laptop)\n  {twin} (b\\x1bob, laptop)\n")
    for argument in ("7a1f6c0", "1b2c3d4", "lapto", "Laptop", "a1f6c020", "%s", DEVICE + "0"):
        says(daemon.run("device", "block", argument), 1, "",
             f"sessjwt: No device that you may see has the id or the name {argument}.\n")
    says(daemon.run("device", "block", "\x1b"), 1, "",
         "sessjwt: No device that you may see has the id or the name \\x1b.\n")
    assert {method for method, _parameters in daemon.calls} == {"ListDevices"}


def test_another_s_device_with_the_id_as_its_name_does_not_stand_in_the_way_of_the_whole_id():
    daemon = Canned(ListDevices=rows(device(), device(OTHER, name=DEVICE), name="device"),
                    BlockDevice=changed(0))
    says(daemon.run("device", "block", DEVICE), 0)
    assert daemon.calls == [("BlockDevice", {"deviceId": DEVICE})]


def test_the_verb_has_two_words_and_each_its_arguments():
    daemon = Canned()
    for arguments, text in (((), "What shall become of the device"), (("x",), "What shall become of the"),
                            (("block",), "device block needs one argument"),
                            (("block", ""), "DEVICE is a device's id"),
                            (("block", "a", "b"), "device block takes one argument"),
                            (("rename", "a"), "device rename needs two arguments"),
                            (("rename", "a", "b", "c"), "device rename takes two arguments"),
                            (("block", "a", "--all"), "device block takes no --all")):
        result = says(daemon.run("device", *arguments), 2, "")
        assert result.stderr.startswith(f"sessjwt: {text}"), result
    says(daemon.run("dev"), 2, "")
    says(daemon.run("device block", "x"), 2, "")
    assert not daemon.calls

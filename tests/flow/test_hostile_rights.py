"""Every method of the interface, asked by an ordinary user with what is another's: answered byte for byte as
with what nobody has, changing nothing, and at no cost that depends on what others have."""
# timeout: 300
import contextlib
import itertools
import os
import pathlib
import pwd
import re

from harness.paths import COMMAND
from harness import ROOT, Daemon, Host, PamApp, PamLogin, PamStack, Varlink, eventually

IDL = (ROOT / "client/org.sessjwt.varlink").read_text("utf-8")
CROWD = 2000
CALLS = 50
DEARER_NSEC = 400000  # a call may get by so much where there is a crowd; to walk through it takes more

host = Host()
PamStack(host, "sshd", like="bare")
PamStack(host, "web", like="bare", options="realm=web")
daemon = Daemon(host, "[services]\ncounted = sshd web\n[realm web]\n"
                "[policy default]\nrefresh_ttl = 1h\n").start()
root = Varlink(daemon)
alice = PamLogin(host, "alice", rhost="192.0.2.7")
bob = PamLogin(host, "bob", service="web", rhost="192.0.2.8")
gone = PamLogin(host, "alice", rhost="192.0.2.9")
mallory = PamLogin(host, "mallory", rhost="192.0.2.66")


def token_of(login):
    """An access token of the login's session."""
    return Varlink(daemon, user=login.user).call("MintToken", sessionId=login.sid)["accessToken"]


def token_in(login):
    """An access token that the login's own session asked for: of a realm that is not known outside of it."""
    uid = pwd.getpwnam(login.user).pw_uid
    answer = login.run(uid, f"{COMMAND} token")
    assert answer.rc == 0, answer
    return answer.text.strip()


def device_of(user, realm):
    """The id of a device of the user's."""
    return root.call("ListDevices", user=user, realm=realm)["devices"][0]["deviceId"]


def altered(text):
    """The same with another digit before its last one: as long, and nobody's."""
    return text[:-2] + ("1" if text[-2] != "1" else "2") + text[-1]


def ended_token():
    """alice's, of a session that is no more."""
    token = token_of(gone)
    gone.log_out()
    return token


REFRESH = Varlink(daemon, user="alice").call("IssueRefreshToken", sessionId=alice.sid)["refreshToken"]
ENDED = ended_token()
STRANGERS = itertools.count(54400)
BOBS = token_in(bob)

# What is another's, and what is nobody's, of one length.
PAIRS = {
    "sessionId": [(alice.sid, altered(alice.sid)), (bob.sid, altered(bob.sid))],
    "deviceId": [(device, altered(device))
                 for device in (device_of("alice", "default"), device_of("bob", "web"))],
    "user": [("alice", "alicx"), ("root", "roox"), ("bob", "box")],
    "realm": [("web", "wex")],
    "token": [(ENDED, altered(ENDED)), (BOBS, altered(BOBS))],
    "refreshToken": [(altered(REFRESH), REFRESH[:40] + altered(REFRESH[40:-20]) + REFRESH[-20:])],
    "source": [("192.0.2.7", "192.0.2.1")],
    "roles": [(["alice"], ["alicx"])],
    "interface": [],
}
# What must be given beside.
ALWAYS = {"sessionId": altered(mallory.sid), "deviceId": "0" * 32, "user": "mallory", "token": "x",
          "name": "x", "refreshToken": "x", "compromised": False}


def methods():
    """{method: {parameter: type}} of the interface."""
    found = re.findall(r"^method (\w+)\((.*?)\) ->", IDL, re.M | re.S)
    return {name: dict(re.findall(r"(\w+): (\??[\w\[\]]+)", parameters)) for name, parameters in found}


def required(parameters):
    """Values for what a method cannot do without."""
    return {name: ALWAYS[name] for name, kind in parameters.items() if not kind.startswith("?")}


def questions(method):
    """Each pair of parameters for the method: with what is another's, with what is nobody's."""
    parameters = methods()[method]
    beside = required(parameters)
    for name in parameters:
        for foreign, absent in PAIRS.get(name, ()):
            yield beside | {name: foreign}, beside | {name: absent}
    all_foreign = {name: PAIRS[name][0][0] for name in parameters if PAIRS.get(name)}
    all_absent = {name: PAIRS[name][0][1] for name in parameters if PAIRS.get(name)}
    if all_foreign:
        yield beside | all_foreign, beside | all_absent


def reply_to(method, parameters, **flags):
    """The bytes of the first reply to mallory."""
    client = Varlink(daemon, user="mallory")
    try:
        client.send_call(method, parameters, **flags)
        return client.read_raw().decode()
    finally:
        client.close()


def named_alike(reply, foreign, absent):
    """The reply as it would be if it had been asked about what is absent."""
    for name, value in foreign.items():
        if isinstance(value, str) and value:
            reply = reply.replace(value, absent[name])
    return reply


def what_there_is():
    """All that root sees of others than mallory."""
    state = {}
    for method, plural in (("ListSessions", "sessions"), ("ListDevices", "devices"), ("ListLocks", "locks")):
        parameters = {} if plural == "locks" else {"all": True}
        rows = root.call(method, **parameters)[plural]
        state[plural] = [{name: value for name, value in row.items() if name != "lastSeen"}
                         for row in rows if row["user"] != "mallory"]
    state["events"] = [event for event in root.call("ListHistory", all=True)["events"]
                       if event.get("user") != "mallory"]
    state["keys"] = root.call("ListKeys")["keys"]
    return state


def test_the_interface_has_methods_and_every_parameter_has_something_to_try():
    found = methods()
    assert len(found) >= 30 and found["MintToken"] == {"sessionId": "?string", "audience": "?string"}, found
    names = {name for parameters in found.values() for name in parameters}
    plain = {"audience", "all", "kinds", "limit", "since", "until", "reason", "duration", "endSessions",
             "service"}
    assert names <= set(PAIRS) | set(ALWAYS) | plain, names - set(PAIRS) - set(ALWAYS) - plain


def test_what_is_anothers_is_answered_as_what_is_nobodys_by_every_method():
    before, asked = what_there_is(), 0
    for method in methods():
        for foreign, absent in questions(method):
            for flags in ({}, {"more": True}):
                about_foreign = reply_to(method, foreign, **flags)
                about_absent = reply_to(method, absent, **flags)
                expected = named_alike(about_foreign, foreign, absent)
                assert about_absent == expected, (method, foreign, flags, about_foreign, about_absent)
                asked += 1
    assert asked > 60, asked
    assert what_there_is() == before


def test_no_method_speaks_of_others_when_asked_of_oneself():
    secrets = [alice.sid, bob.sid, PAIRS["deviceId"][0][0], PAIRS["deviceId"][1][0], "192.0.2.7", "192.0.2.8",
               "alice", "bob"]
    for method, parameters in methods().items():
        for flags in ({}, {"more": True}):
            reply = reply_to(method, required(parameters), **flags)
            assert not [secret for secret in secrets if f'"{secret}"' in reply], (method, reply)


def test_every_method_for_admins_or_root_is_refused_before_anything_else():
    table = (ROOT / "daemon/api.c").read_text("utf-8")
    theirs = re.findall(r'\{ "org\.sessjwt\.(\w+)", (?:ADMIN|ROOT),', table)
    assert {"LockUser", "RotateKey", "Backup"} <= set(theirs), theirs
    for method in theirs:
        for values in (required(methods()[method]), {"no": ["such", {"thing": 1}]}):
            assert "PermissionDenied" in reply_to(method, values), method


def cost_of(method, parameters):
    """Nanoseconds that the daemon's threads ran for 50 such calls of somebody who is new."""
    client = Varlink(daemon, user=next(STRANGERS))
    before = running_time()
    for _ in range(CALLS):
        client.send_call(method, parameters)
        assert client.read_raw()
    taken = running_time() - before
    client.close()
    return taken


def running_time():
    """Of all threads of the daemon, in nanoseconds, whatever else the machine does. One that ends while we
    look is left out."""
    tasks, total = pathlib.Path(f"/proc/{daemon.pid}/task"), 0
    for task in os.listdir(tasks):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int((tasks / task / "schedstat").read_text("ascii").split()[0])
    return total


def costs():
    """{(method, number of its question): nanoseconds}"""
    found = {}
    for method in methods():
        if method in ("Subscribe", "GetInterfaceDescription"):
            continue
        for number, (foreign, _absent) in enumerate(questions(method)):
            found[method, number] = min(cost_of(method, foreign) for _ in range(2))
    return found


def test_what_a_call_costs_does_not_depend_on_what_others_have():
    few = costs()
    for first in range(0, CROWD, 1000):
        app = PamApp(host)
        for handle in range(1000):
            assert app.begin(handle, "sshd", "alice").rc == 0
            app.item(handle, "RHOST", f"192.0.{3 + (first + handle) // 250}.{1 + handle % 250}")
            assert app.open(handle).rc == 0
    eventually(lambda: root.call("GetHealth")["sessions"] > CROWD, what="a crowd")
    limit = {key: CALLS * DEARER_NSEC + cost for key, cost in few.items()}
    many = costs()
    dear = [key for key in few if many[key] > limit[key]]
    again = {key: min(cost_of(key[0], list(questions(key[0]))[key[1]][0]) for _ in range(5)) for key in dear}
    assert not {key: (few[key], cost) for key, cost in again.items() if cost > limit[key]}  # nor once more
    walk = running_time()
    root.call("ListSessions", user="alice")
    assert running_time() - walk > 2 * DEARER_NSEC, "a walk would not be seen"

"""An ordinary user floods the public socket; logins and everybody else's calls go on within their bounds."""
# timeout: 300
import json
import os
import subprocess
import time

from harness import Daemon, Host, PamLogin, PamStack, Varlink, eventually, frame, later
from harness.flood import Flood, pipeline

ROUNDS = 40
LOGIN_SEC = 0.25   # what a module waits by default: a login that takes longer is no session
FAIR_CALLS = 400   # of a flood's calls, while somebody else has 100 answered
SHARE = 100

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()
bob = PamLogin(host, "bob", rhost="192.0.2.9")
mallory = PamLogin(host, "mallory", rhost="192.0.2.66")
root = Varlink(daemon)


def call_text(method, **parameters):
    """A call's bytes with their NUL."""
    method = method if "." in method else f"org.sessjwt.{method}"
    return json.dumps({"method": method, "parameters": parameters}).encode() + b"\0"


def device_of(user):
    """The id of the user's one device."""
    return root.call("ListDevices", user=user)["devices"][0]["deviceId"]


def flood_of(*calls):
    """mallory sends these from 64 connections, as many as are taken."""
    return Flood(daemon, "mallory", pipeline, calls).wait(1000)


def leader():
    """A pidfd of a process that lives as long as the test."""
    process = subprocess.Popen(["sleep", "1000"])
    pidfd = os.pidfd_open(process.pid)
    later(lambda: (os.close(pidfd), process.kill(), process.wait()))
    return pidfd


def log_in(pidfd):
    """Seconds of one login; it is closed again."""
    begun = time.monotonic()
    reply = frame.ask(daemon, frame.request(rhost="192.0.2.77"), pidfd)
    taken = time.monotonic() - begun
    assert reply.outcome == frame.OK, reply
    frame.ask(daemon, frame.request(phase=frame.CLOSE, session_id=reply.session_id), pidfd)
    return taken


def calls_answered(method):
    """How many calls of this method the daemon has answered."""
    rows = root.call("GetStatistics")["calls"]
    return {row["name"].rpartition(".")[2]: row["count"] for row in rows}.get(method, 0)


def share_of_root(method):
    """How many calls of the method were begun between the first and the last of 100 that root has sent at
    once."""
    client = Varlink(daemon)
    client.send_raw(call_text("GetStatistics") * SHARE)
    counts = []
    for _ in range(SHARE):
        rows = client.read_reply()["parameters"]["calls"]
        counts.append({row["name"].rpartition(".")[2]: row["count"] for row in rows}[method])
    client.close()
    return counts[-1] - counts[0]


def others_go_on(flood):
    """Logins come in, others' reads and changes are answered, while the flood does."""
    device, pidfd, before = device_of("bob"), leader(), flood.count()
    client = Varlink(daemon, user="bob")
    logins = []
    for number in range(ROUNDS):
        logins.append(log_in(pidfd))
        assert client.call("GetHealth")["ok"]
        assert client.call("MintToken", sessionId=bob.sid)["accessToken"]
        assert client.call("RenameDevice", deviceId=device, name=f"bob's {number}")["device"]
    assert flood.count() > before, "there was no flood"
    assert sorted(logins)[ROUNDS * 9 // 10] <= LOGIN_SEC, logins
    assert daemon.memory_kib() < 64 * 1024 or daemon.is_sanitized(), daemon.memory_kib()


def test_a_flood_of_mint_token_from_64_connections():
    flood = flood_of(call_text("MintToken", sessionId=mallory.sid))
    others_go_on(flood)
    assert share_of_root("MintToken") < FAIR_CALLS

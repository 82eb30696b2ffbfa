"""An ordinary user floods the public socket; logins and everybody else's calls go on within their bounds."""
# timeout: 300
import array
import contextlib
import itertools
import json
import os
import socket
import subprocess
import time

from harness import Daemon, Host, PamLogin, PamStack, Varlink, eventually, frame, later
from harness.flood import Flood, connect, pipeline

ROUNDS = 20
FILE_BEGAN = time.monotonic()
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


def others_go_on(flood, holds=False):
    """Logins come in, others' calls are answered, during the flood, or while it holds all it got."""
    device, pidfd, before = device_of("bob"), leader(), flood.count()
    client = Varlink(daemon, user="bob")
    logins = []
    for number in range(ROUNDS):
        logins.append(log_in(pidfd))
        assert client.call("GetHealth")["ok"]
        assert client.call("MintToken", sessionId=bob.sid)["accessToken"]
        assert client.call("RenameDevice", deviceId=device, name=f"bob's {number}")["device"]
    assert holds or flood.count() > before, "there was no flood"
    assert sorted(logins)[ROUNDS * 9 // 10] <= LOGIN_SEC, logins
    assert daemon.memory_kib() < 64 * 1024 or daemon.is_sanitized(), daemon.memory_kib()


def test_a_flood_of_mint_token_from_64_connections():
    flood = flood_of(call_text("MintToken", sessionId=mallory.sid))
    others_go_on(flood)
    assert share_of_root("MintToken") < FAIR_CALLS


def test_a_flood_of_rename_device_from_64_connections():
    device = device_of("mallory")
    flood = flood_of(*[call_text("RenameDevice", deviceId=device, name=f"name {number}")
                       for number in range(16)])
    flood.wait(2000)
    before, begun = calls_answered("RenameDevice"), events_of("mallory")
    others_go_on(flood)
    assert calls_answered("RenameDevice") > before
    flood.close()
    seconds = time.monotonic() - FILE_BEGAN
    assert begun <= 500 + 50 * seconds + 10, begun  # what she changed, however often she asked


def events_of(user):
    """How many events of the user are kept."""
    return sum(1 for _event in root.call_more("ListHistory", user=user))


def test_floods_of_every_costly_read_at_once():
    flood = flood_of(call_text("MintToken", sessionId=mallory.sid), call_text("ListSessions"),
                     call_text("ListHistory"), call_text("ListDevices"), call_text("GetStatusList"),
                     call_text("Introspect", token=forged_token()),
                     call_text("RevokeSession", sessionId=bob.sid),
                     call_text("org.varlink.service.GetInterfaceDescription", interface="org.sessjwt"))
    others_go_on(flood)
    assert share_of_root("MintToken") < FAIR_CALLS


def forged_token():
    """One of mallory's with a signature that is wrong: it is looked at as far as that."""
    token = Varlink(daemon, user="mallory").call("MintToken", sessionId=mallory.sid)["accessToken"]
    head, _dot, _signature = token.rpartition(".")
    return f"{head}.{'A' * 86}"


def test_who_waits_for_a_signature_to_be_checked_is_not_kept_waiting_by_a_flood_of_forgeries():
    tokens = [Varlink(daemon, user="bob").call("MintToken", sessionId=bob.sid)["accessToken"]
              for _ in range(30)]
    flood = flood_of(call_text("Introspect", token=forged_token()))
    client = Varlink(daemon)
    client.send_raw(b"".join(call_text("Introspect", token=token) + call_text("GetStatistics")
                             for token in tokens))
    counts = []
    for _ in tokens:
        assert client.read_reply()["parameters"]["active"]
        rows = client.read_reply()["parameters"]["calls"]
        counts.append(next(row["count"] for row in rows if row["name"].endswith("Introspect")))
    assert counts[-1] - counts[0] < FAIR_CALLS, counts
    others_go_on(flood)


QUIET_FDS = daemon.count_fds()


# ---- connections -------------------------------------------------------------------------------------------

HELD = []  # by the process of a flood, to its end


def hold_connections(path, connections):
    """Connects so often and holds what it gets; yields each try."""
    for _ in range(connections):
        HELD.append(socket.socket(socket.AF_UNIX))
        HELD[-1].connect(path)
        yield 1


def connect_and_vanish(path):
    """Connects, says half a call or a whole one, and is gone before it is answered, for ever."""
    calls = [b"", GET_HEALTH[:20], GET_HEALTH, call_text("ListSessions") * 3, RENAME, RENAME * 5, SUBSCRIBE]
    for number in itertools.count():
        sock = connect(path)
        if sock:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.send(calls[number % len(calls)])
            sock.close()
        yield 1


GET_HEALTH = call_text("GetHealth")
SUBSCRIBE = b'{"method":"org.sessjwt.Subscribe","more":true}\0'
RENAME = call_text("RenameDevice", deviceId=device_of("mallory"), name="gone")


def settled_fds():
    """How many descriptors there are when mallory has no connection: as many as without her."""
    eventually(lambda: daemon.count_fds() <= QUIET_FDS + 2, 30,
               lambda: f"{QUIET_FDS}, now {daemon.count_fds()}")
    return daemon.count_fds()


def test_ten_thousand_connections_of_one_user():
    before = settled_fds()
    flood = Flood(daemon, "mallory", hold_connections, 10000).wait_over()
    assert daemon.count_fds() <= before + 64 + 4
    others_go_on(flood, holds=True)
    client = Varlink(daemon, user="mallory")
    assert client.read_reply() == {"error": "org.sessjwt.TooManyConnections", "parameters": {"limit": 64}}
    client.close()
    flood.close()
    eventually(lambda: daemon.count_fds() <= before + 2, 30, "all closed")


def test_many_uids_leave_a_place_for_root():
    floods = [Flood(daemon, 60000 + number, hold_connections, 64) for number in range(70)]
    for flood in floods:
        flood.wait_over()
    late = Varlink(daemon, user="bob")
    assert late.read_reply() == {"error": "org.sessjwt.TooManyConnections", "parameters": {"limit": 4096}}
    assert Varlink(daemon).call("GetHealth")["ok"]
    pidfd = leader()
    assert sorted(log_in(pidfd) for _ in range(ROUNDS))[ROUNDS * 9 // 10] <= LOGIN_SEC
    for flood in floods:
        flood.close()
    eventually(lambda: gets_in("bob"), 30, "a place for bob")


def gets_in(user):
    """Whether this user's call is answered."""
    client = Varlink(daemon, user=user)
    try:
        client.send_call("GetHealth")
        return "error" not in (client.read_reply() or {"error": ""})
    except BrokenPipeError:
        return False
    finally:
        client.close()


def test_connecting_and_vanishing_in_the_middle_of_a_call():
    before = settled_fds()
    flood = Flood(daemon, "mallory", connect_and_vanish).wait(500)
    others_go_on(flood)
    flood.wait(500)
    flood.close()
    eventually(lambda: daemon.count_fds() <= before + 2, 30, "all closed")


def talk_nonsense(path):
    """A connection after the other that says something malformed, too long or too deep, with descriptors."""
    token = call_text("Introspect", token="x" * 3000000)
    nonsense = [b"\0" * 5000, b"[" * 60000, b'{"a":' * 10000, b'{"method":"\xff\xfe\x80"}\0', token,
                b'{"method":"org.sessjwt.GetHealth",' + b",".join(b'"k%d":0' % n for n in range(5000)),
                call_text("Introspect", token="\0" * 9000), b'{"method":"org.sessjwt.GetHealth\\u0000"}\0',
                b'{"method":"org.sessjwt.GetHealth","parameters":{"x":1e999999}}\0', os.urandom(60000)]
    null = os.open("/dev/null", os.O_RDONLY)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 30))]
    for number in itertools.count():
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendmsg([b" "], rights)
            sock.sendall(nonsense[number % len(nonsense)])
        sock.close()
        yield 1


def test_nonsense_megabytes_and_descriptors_over_and_over():
    before = settled_fds()
    floods = [Flood(daemon, "mallory", talk_nonsense).wait(20) for _ in range(2)]
    for flood in floods:
        others_go_on(flood)
        flood.close()
    eventually(lambda: daemon.count_fds() <= before + 2, 30, "all closed")


# ---- those who dawdle --------------------------------------------------------------------------------------

def dawdle(path):
    """64 connections that say a byte each now and then, and never a whole call."""
    socks = [connect(path) for _ in range(64)]
    for at in itertools.count():
        for sock in socks:
            with contextlib.suppress(BlockingIOError):
                sock.send(b" " if at % 60000 else b"{")
        time.sleep(0.005)  # the deed itself, not a wait for anybody
        yield len(socks)


def never_read(path, calls):
    """64 connections that send whatever is taken and read nothing."""
    socks = [connect(path) for _ in range(64)]
    texts = itertools.cycle(calls)
    for sock in socks:
        text = next(texts) * 200
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while True:
                sock.send(text)
                yield 1
    while True:
        time.sleep(0.01)  # it only holds what it has
        yield 1


def test_64_connections_that_say_a_byte_now_and_then():
    before = daemon.memory_kib()
    flood = Flood(daemon, "mallory", dawdle).wait(1000)
    others_go_on(flood)
    assert daemon.memory_kib() - before < 16 * 1024 or daemon.is_sanitized()


def test_64_connections_that_never_read_their_replies():
    before, size = daemon.memory_kib(), store_size()
    flood = Flood(daemon, "mallory", never_read, [
        call_text("GetHealth"), call_text("ListHistory"), call_text("GetStatusList"), MORE_HISTORY,
        call_text("org.varlink.service.GetInterfaceDescription", interface="org.sessjwt")]).wait(500)
    others_go_on(flood)
    assert daemon.memory_kib() - before < 48 * 1024 or daemon.is_sanitized(), (before, daemon.memory_kib())
    assert store_size() - size < 4 << 20, (size, store_size())


def store_size():
    """Bytes of the database file."""
    return os.stat(daemon.state_dir / "data.mdb").st_size


MORE_HISTORY = b'{"method":"org.sessjwt.ListHistory","more":true}\0'
MORE_SESSIONS = b'{"method":"org.sessjwt.ListSessions","more":true}\0'


def churn(count):
    """So many logins and logouts of alice's: each changes pages that a reader of before would keep."""
    pidfd = leader()
    for _ in range(count):
        log_in(pidfd)


def test_lists_that_nobody_reads_keep_no_page_of_the_store():
    churn(200)
    first = store_size()
    churn(400)
    grown_alone = store_size() - first
    flood = Flood(daemon, "mallory", never_read, [MORE_HISTORY, MORE_SESSIONS]).wait(200)
    first = store_size()
    churn(400)
    grown = store_size() - first
    assert flood.count() > 0
    assert grown <= grown_alone + (256 << 10), (grown_alone, grown)


def subscribe_and_stop(path):
    """Subscribes from as many connections as it may and never reads again; renames, so that there is
    something to tell."""
    socks = [connect(path) for _ in range(20)]
    for sock in socks:
        sock.send(SUBSCRIBE)
    busy = connect(path)
    busy.setblocking(True)
    while True:
        busy.send(RENAME)
        busy.recv(65536)
        yield 1


def test_subscribing_and_stopping_to_read():
    before = daemon.memory_kib()
    watcher = Varlink(daemon, user="bob")
    watcher.send_call("Subscribe", more=True)
    assert watcher.read_reply()["continues"]
    flood = Flood(daemon, "mallory", subscribe_and_stop).wait(600)
    others_go_on(flood)
    assert daemon.memory_kib() - before < 16 * 1024 or daemon.is_sanitized()
    names = [watcher.read_reply()["parameters"]["event"]["deviceName"] for _ in range(ROUNDS)]
    assert names == [f"bob's {number}" for number in range(ROUNDS)]

"""Logins, as pam_sessjwt asks for them, beside the least that a durable login could cost (one LMDB commit
each of the same rows, in a store of as many databases on the same disk, and one signature), on slow disks,
and in a flood."""
from harness import Daemon, Host, PamLogin, PamStack, Varlink
from bench import note, on_disk, pairs, row
from bench.load import Logins, calls, commits, slow_syncs

SESSIONS, USERS = 1000, 100  # that are there before
SECONDS = 1.5                # of a storm, and of the commits beside it
MANY = 1_000_000             # more than can be done in that time

host = Host(users=("alice", "mallory"))
PamStack(host, "sshd", like="bare", options="timeout=1s")


def start(name, milliseconds=0):
    """A daemon on the disk, with sessions, and who logs in."""
    daemon = Daemon(host, hooked=False, state_dir=on_disk(name), environment=slow_syncs(milliseconds)).start()
    logins = Logins(daemon)
    logins.open(SESSIONS, at_once=64, users=USERS)
    return daemon, logins


def start_both(name, milliseconds=0):
    """Who logs in, and LMDB alone; in both syncs take longer."""
    _daemon, logins = start(name, milliseconds)
    return logins, commits(on_disk(f"{name}-peer"), SESSIONS, USERS, environment=slow_syncs(milliseconds))


def storms(name, milliseconds=0):
    """Logins a second, 64 at once, and commits a second, one after the other."""
    logins, peer = start_both(name, milliseconds)
    yield from pairs(lambda: logins.open(MANY, at_once=64, users=USERS, seconds=SECONDS)["rate"],
                     lambda: peer.run(MANY, SECONDS)["rate"])


@row("durable logins, 64 at once", unit="/s", against="one LMDB commit each, one after the other",
     goal="≥ 5 ×")
def storm():
    """On whatever disk the build folder is."""
    yield from storms("storm")


@row("durable logins, 64 at once, syncs 2 ms slower", unit="/s",
     against="one LMDB commit each, one after the other", goal="≥ 20 ×")
def slow_storm():
    """In both."""
    yield from storms("slow", 2)


@row("a login alone", unit="µs", against="one LMDB commit of the same rows, and one ES256 signature",
     goal="≤ 1.3 ×")
def alone():
    """Medians: one module after the other, one commit after the other."""
    logins, peer = start_both("alone")
    yield from pairs(lambda: logins.open(MANY, users=USERS, seconds=1)["p50"],
                     lambda: peer.run(MANY, 1)["p50"], runs=9)


# ---- what else goes on -------------------------------------------------------------------------------------

def introspect(daemon):
    """A call with a token of a live session."""
    login = PamLogin(host, "alice")
    token = Varlink(daemon, user="alice").call("MintToken", sessionId=login.sid)["accessToken"]
    return {"method": "org.sessjwt.Introspect", "parameters": {"token": token}}


@row("Introspect p99 while each sync takes 200 ms", unit="µs", against="the same while nobody logs in",
     goal="≤ 2 ×")
def stall():
    """16 logins wait at any time."""
    daemon, logins = start("stall", 200)
    asker = calls(daemon, host.dir, [introspect(daemon)])

    def stalled():
        logins.order(MANY, at_once=16, users=USERS, seconds=2.5)
        p99 = asker.run(MANY, 2)["p99"]
        logins.finish()
        return p99
    yield from pairs(stalled, lambda: asker.run(MANY, 2)["p99"])


def flood(name, texts_of):
    """Logins one after the other, and at the same time 8 connections × 16 calls of one unprivileged user."""
    daemon, logins = start(name)
    texts = texts_of(daemon)
    alone_p99 = logins.open(MANY, users=USERS, seconds=2)["p99"] / 1e3
    asker = calls(daemon, host.dir, texts, connections=8, depth=16, user="alice")
    for _ in range(5):
        asker.begin(f"{MANY * 10} 2.5")
        p99 = logins.open(MANY, users=USERS, seconds=2)["p99"] / 1e3
        rate = asker.finish()["rate"]
        yield p99, None
    note(f"{rate / 1e3:,.0f} thousand calls a second meanwhile; without them the p99 is {alone_p99:.2g} ms")


def mint(_daemon):
    """A call for a token of the caller's session."""
    return {"method": "org.sessjwt.MintToken", "parameters": {"sessionId": PamLogin(host, "alice").sid}}


@row("login p99 under a flood of Introspect", unit="ms", goal="≤ 10 ms")
def introspect_flood():
    """128 calls are under way at any time."""
    yield from flood("introspect", lambda daemon: [introspect(daemon)])


@row("login p99 under a flood of MintToken", unit="ms", goal="≤ 10 ms")
def mint_flood():
    """128 calls are under way at any time."""
    yield from flood("mint", lambda daemon: [mint(daemon)])

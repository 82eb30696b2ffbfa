"""Verification in process, as an application does it by libsessjwt: no round trip, no lock."""
from harness import Host, Skip

from bench import FIRST_CPU, SECOND_CPU, Redis, bench_program, pairs, rate_on_one_core, row, run

GETS = 20_000  # GETs of one run: a second or less

host = Host(users=("alice",))


def _measured(what, cpu=None, runs=5):
    return run(bench_program("bench_verify"), what, runs, cpu=cpu, environment={"TMPDIR": str(host.dir)})


@row("verify, seen before, 64 tokens", unit="M/s", goal="≥ 15 M/s")
def seen_before():
    """One thread on one core."""
    yield from _measured("seen", FIRST_CPU)


@row("verify, seen before, each of two threads", unit="M/s", against="one thread", goal="≥ 0.9 ×")
def on_two_threads():
    """The slower of the two."""
    if SECOND_CPU == FIRST_CPU:
        raise Skip("there is only one core")
    yield from _measured("two")


@row("verify, seen before, and Redis", unit="k/s",
     against="Redis GET on its Unix socket, both ends on one core", goal="≥ 150 ×")
def beside_redis():
    """A session looked up where many applications keep it."""
    redis = Redis(host, FIRST_CPU)
    redis.command("SET", "session", "x" * 300)
    get = (bench_program("load_redis"), redis.socket, FIRST_CPU, GETS, 1, 1, "session")
    yield from pairs(lambda: _measured("seen", FIRST_CPU, runs=1)[0][0] * 1e3,
                     lambda: rate_on_one_core(redis.pid, GETS, lambda: run(*get)) / 1e3)


@row("verify, first sight", unit="µs", against="OpenSSL's ES256 verify alone", goal="≤ 1.25 ×")
def first_sight():
    """2000 tokens of a known key."""
    yield from _measured("first", FIRST_CPU)


@row("verify, first sight, and libjwt", unit="µs", against="libjwt's jwt_decode of the same claims")
def beside_libjwt():
    """It parses the key each time, and accepts more than it should."""
    yield from _measured("libjwt", FIRST_CPU)

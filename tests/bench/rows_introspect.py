"""Introspect, as any program asks it over the public socket."""
import json

from harness import Daemon, Host, PamLogin, PamStack, Varlink, eventually

from bench import (FIRST_CPU, SECOND_CPU, Program, Redis, bench_program, note, pairs, pin,
                   rate_on_one_core, row, run, seconds_used)

ALONE_CALLS = 40_000
MANY_CALLS = 256_000
CONNECTIONS = 4
DEPTH = 16

host = Host(users=("alice",))
daemon = Daemon(host, hooked=False).start()
PamStack(host, "sshd", like="bare")
login = PamLogin(host, "alice")


def _call():
    """The call with a token of a live session, and how long its reply is."""
    client = Varlink(daemon, user="alice")
    token = client.call("MintToken", sessionId=login.sid)["accessToken"]
    call = {"method": "org.sessjwt.Introspect", "parameters": {"token": token}}
    text = json.dumps(call, separators=(",", ":"))
    client.send_raw(text.encode() + b"\0")
    reply = client.read_raw()
    assert json.loads(reply)["parameters"]["active"], reply
    client.close()
    return text, len(reply) + 1


CALL, REPLY_SIZE = _call()


def _ask(socket, cpu, calls, depth=1, connections=1):
    return run(bench_program("load_stream"), socket, cpu, calls, depth, connections, text_in=CALL)


def _redis(cpu):
    redis = Redis(host, cpu)
    redis.command("SET", login.sid, "x" * REPLY_SIZE)
    return redis


def _get(redis, cpu, calls, depth=1, connections=1):
    return run(bench_program("load_redis"), redis.socket, cpu, calls, depth, connections, login.sid)


@row("Introspect, one connection, p50", unit="µs",
     against="a bare echo of the same bytes, both ends on one core", goal="≤ 1.3 ×")
def beside_echo():
    """Both ends on one core: what counts is the work, not how fast a core wakes another."""
    socket = host.dir / "echo"
    Program(bench_program("echo"), socket, len(CALL) + 1, REPLY_SIZE, cpu=FIRST_CPU)
    eventually(socket.exists, 5.0, "the echo's socket")
    pin(daemon.pid, FIRST_CPU)
    note(f"call {len(CALL) + 1} bytes, reply {REPLY_SIZE} bytes")
    yield from pairs(lambda: _ask(daemon.varlink_socket, FIRST_CPU, ALONE_CALLS)["p50"],
                     lambda: _ask(socket, FIRST_CPU, ALONE_CALLS)["p50"])


@row("Introspect, one connection", unit="k/s", against="Redis GET of as many bytes, both ends on one core",
     goal="≥ 0.8 ×")
def beside_redis():
    """By hiredis."""
    redis = _redis(FIRST_CPU)
    pin(daemon.pid, FIRST_CPU)
    note("by the processor time of both ends")
    yield from pairs(lambda: rate_on_one_core(daemon.pid, ALONE_CALLS, lambda: _ask(
        daemon.varlink_socket, FIRST_CPU, ALONE_CALLS)) / 1e3, lambda: rate_on_one_core(
            redis.pid, ALONE_CALLS, lambda: _get(redis, FIRST_CPU, ALONE_CALLS)) / 1e3)


def _a_core(pid, ask):
    """Thousands of calls that a core of the server's would answer in a second: by its own processor time, so
    that neither who asks nor what else the machine does counts."""
    before = seconds_used(pid)
    ask()
    return MANY_CALLS / (seconds_used(pid) - before) / 1e3


def _many_introspect():
    return _a_core(daemon.pid,
                   lambda: _ask(daemon.varlink_socket, SECOND_CPU, MANY_CALLS, DEPTH, CONNECTIONS))


@row("Introspect, 4 connections × 16 pipelined, a core", unit="k/s", goal="≥ 350 k/s")
def pipelined():
    """The daemon on one core, who asks on another."""
    pin(daemon.pid, FIRST_CPU)
    note("by the daemon's own processor time")
    yield from pairs(_many_introspect, lambda: None)


@row("Introspect, 4 connections × 16 pipelined, and Redis", unit="k/s",
     against="Redis GET of as many bytes, pipelined alike, by its own processor time", goal="≥ 0.4 ×")
def pipelined_beside_redis():
    """The same beside Redis."""
    redis = _redis(FIRST_CPU)
    pin(daemon.pid, FIRST_CPU)
    yield from pairs(_many_introspect, lambda: _a_core(
        redis.pid, lambda: _get(redis, SECOND_CPU, MANY_CALLS, DEPTH, CONNECTIONS)))

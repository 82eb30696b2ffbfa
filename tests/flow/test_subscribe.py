"""What happens is told to those who subscribe: to each what is his, in order, and nobody waits for one who
does not read."""
import json
import os
import select
import signal
import subprocess

from harness import (BUILD, Daemon, Host, PamApp, PamLogin, PamStack, Varlink, VarlinkError, eventually,
                     sanitizers)

SUBSCRIBERS = 100
PER_UID = 16
STORMS = 30

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()


class Subscriber(Varlink):
    """A connection that has subscribed."""

    def __init__(self, user=None, timeout=20.0, **parameters):
        super().__init__(daemon, user=user, timeout=timeout)
        self.send_call("Subscribe", parameters, more=True)
        self.first = self.read_reply()

    def event(self):
        reply = self.read_reply()
        assert "error" not in reply and reply["continues"], reply
        return reply["parameters"]["event"]

    def kinds(self, count):
        return [self.event()["kind"] for _ in range(count)]


def error_of(caller=None, /, more=True, **parameters):
    client = Varlink(daemon, user=caller)
    client.send_call("Subscribe", parameters, more=more)
    reply = client.read_reply()
    client.close()
    return reply.get("error", "").rpartition(".")[2], reply.get("parameters")


def happen(user="alice"):
    """A login and a logout."""
    login = PamLogin(host, user, rhost="192.0.2.1")
    login.log_out()
    return login


def test_a_subscriber_is_told_that_it_begins_and_then_each_event_as_it_is_in_history():
    subscriber = Subscriber(user=None, all=True)
    assert subscriber.first == {"parameters": {}, "continues": True}
    login = happen()
    events = [subscriber.event() for _ in range(3)]
    assert [event["kind"] for event in events] == ["new-device", "login", "logout"]
    assert events[1]["sessionId"] == events[2]["sessionId"] == login.sid
    kept = Varlink(daemon).call("ListHistory", all=True, limit=3)["events"]
    assert kept == events[::-1]
    subscriber.close()


def test_the_owner_of_a_session_hears_of_it_and_nobody_else():
    alice, bob = Subscriber("alice"), Subscriber("bob")
    named = Subscriber(user=None, **{"all": True, "kinds": ["logout"]})
    happen("alice")
    happen("bob")
    assert alice.kinds(2) == ["login", "logout"]
    assert bob.kinds(3) == ["new-device", "login", "logout"]
    assert [named.event()["user"], named.event()["user"]] == ["alice", "bob"]
    for subscriber in (alice, bob, named):
        subscriber.close()


def test_what_is_asked_wrongly_is_refused():
    assert error_of(more=False) == ("ExpectedMore", {})
    assert error_of("bob", all=True) == ("PermissionDenied", {})
    assert error_of("bob", user="alice") == ("PermissionDenied", {})
    assert error_of(kinds=["logins"]) == ("InvalidParameter", {"parameter": "kinds"})
    assert error_of(kinds=[]) == ("InvalidParameter", {"parameter": "kinds"})
    assert error_of(since="2026-11-22T00:00:00Z") == ("InvalidParameter", {"parameter": "since"})
    assert error_of("bob", realm="nosuchrealm")[0] == "RealmNotFound"


def test_a_user_has_so_many_subscriptions_and_no_more():
    subscribers = [Subscriber("mallory") for _ in range(PER_UID)]
    assert error_of("mallory") == ("TooManySubscriptions", {"limit": PER_UID})
    subscribers[0].close()
    eventually(lambda: error_of("mallory") == ("", {}), what="room for another one")
    for subscriber in subscribers[1:]:
        subscriber.close()
    assert Subscriber("bob").first["continues"]


def test_one_who_leaves_is_forgotten_and_the_others_are_told_on():
    leaver, stays = Subscriber(all=True), Subscriber(all=True)
    leaver.close()
    happen()
    assert stays.kinds(2) == ["login", "logout"]
    stays.close()


def storm(app, count):
    """Logins and logouts of one user from one device."""
    for _ in range(count):
        assert app.begin(1, "sshd", "alice").rc == 0
        app.item(1, "RHOST", "192.0.2.1")
        assert app.open(1).rc == 0
        app.close_session(1)
        app.end(1)


def watch(*arguments):
    """The command, once it has printed something: it is told, and happen() was."""
    process = subprocess.Popen([BUILD / "sessjwt", "--socket", daemon.varlink_socket, "watch", *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def is_told():
        happen()
        return select.select([process.stdout], [], [], 0.1)[0]

    eventually(is_told, what="an event in the output")
    return process


def test_one_of_a_hundred_is_stopped_and_dropped_and_the_others_lose_nothing():
    """The others read as they can while thousands of events happen; the stopped one costs no memory."""
    app = PamApp(host)
    stopped = watch("--all", "--json=short")
    readers = [Subscriber(all=True) for _ in range(SUBSCRIBERS - 1)]
    os.kill(stopped.pid, signal.SIGSTOP)
    before = daemon.memory_kib()
    for _ in range(STORMS):
        storm(app, 100)
        for reader in readers:
            for kind in (b'"login"', b'"logout"') * 100:
                assert b'"kind":' + kind in reader.read_raw()
    if not sanitizers.kind():  # they keep what was freed
        assert daemon.memory_kib() - before < 32 * 1024
    os.kill(stopped.pid, signal.SIGCONT)
    out, err = stopped.communicate(timeout=30)
    assert stopped.returncode == 1 and b"Events were lost" in err, (stopped.returncode, err)
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert 2 < len(kinds) < STORMS * 200 and set(kinds[0:-1:2]) != set(kinds[1:-1:2])
    assert Varlink(daemon).call("GetHealth")["ok"]
    for reader in readers:
        reader.close()


def test_the_command_prints_a_line_an_event():
    process = watch("--all", "--kind", "login", "--kind", "logout")
    login = PamLogin(host, "bob", rhost="192.0.2.77")
    line = next(line.decode() for line in iter(process.stdout.readline, b"") if b" bob " in line)
    assert f"login bob {login.sid[-8:]} by sshd from " in line and " at 192.0.2.77" in line
    process.terminate()
    process.communicate(timeout=10)

"""One process with sessions of several users or services (a hub, a display manager): each session ends by
itself, and the process is not the one who pays."""
import os
import socket
import struct
import time

from harness import Clock, Daemon, Host, PamApp, PamStack, SessionList, Varlink, eventually, processes
from harness.passing import pass_time, rounds

# A denied login's grace, the moment for a terminal, SIGTERM to SIGKILL, to the leader's SIGKILL, and more.
TERM_KILL_KILL = (2, 1, 5, 1, 1)

host = Host()
host.add_user("carol")
PamStack(host, "sshd", like="bare")
PamStack(host, "portal", like="bare")  # no service of the daemon's lists: tracked
clock = Clock(host.dir / "clock")
daemon = Daemon(host, """\
[policy one-device]
users = alice bob
max_devices = 1

[policy no-second]
users = carol
max_devices = 1
on_limit = deny

[policy short]
users = mallory
session_ttl = 1h
""", clock=clock).start()
sessions = SessionList(daemon)


def log_in(app, handle, user, source="192.0.2.7", service="sshd"):
    """Opens a session and returns its id."""
    before = set(sessions.ids(user))
    assert app.begin(handle, service, user).rc == 0
    app.item(handle, "RHOST", source)
    assert app.open(handle).name == "PAM_SUCCESS"
    session_id, = set(sessions.ids(user)) - before
    assert app.getenv(handle, "SESSJWT_SESSION_ID") == session_id
    return session_id


def assert_spared(app):
    """The process is not signalled in all the time that a termination takes."""
    pass_time(daemon, *TERM_KILL_KILL)
    assert processes.is_alive(app.pid)
    assert int(app.ask("pid").name) == app.pid


def token_of(user, session_id):
    """A token of the user's session."""
    return Varlink(daemon, user=user).call("MintToken", sessionId=session_id)["accessToken"]


def is_active(token):
    """Whether the daemon says that the token is good."""
    return Varlink(daemon).call("Introspect", token=token)["active"]


def close_frame(session_id, user):
    """A module's close of this session, as bytes (pam/frame.h)."""
    texts = [user, "sshd", "default", "", "", "", "", "", session_id]
    fields = b"".join(struct.pack("<H", len(text)) + text.encode() + b"\0" for text in texts)
    fields += struct.pack("<H", 0)
    deadline = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6) + 3_600_000_000
    head = struct.pack("<4sHHIIQII", b"SJWT", 1, 3, 32 + len(fields), 0, deadline, 2000, 0)
    return head + fields


def test_sessions_of_two_users_in_one_process_end_each_at_its_own_close():
    hub = PamApp(host)
    alice, bob = log_in(hub, 1, "alice"), log_in(hub, 2, "bob")
    assert [row["leader"] for row in sessions.of()] == [hub.pid, hub.pid]
    assert hub.close_session(1).rc == 0
    assert sessions.wait_end(alice) == "logout"
    assert sessions.ids() == [bob]
    assert hub.close_session(2).rc == 0
    assert sessions.wait_end(bob) == "logout"
    assert sessions.of() == []
    assert_spared(hub)


def test_eviction_of_one_user_leaves_the_process_and_the_others_session():
    hub, other = PamApp(host), PamApp(host)
    alice, bob = log_in(hub, 1, "alice"), log_in(hub, 2, "bob")
    of_alice, of_bob = token_of("alice", alice), token_of("bob", bob)
    newer = log_in(other, 1, "alice", source="192.0.2.8")
    assert sessions.wait_end(alice) == "evicted"
    assert (is_active(of_alice), is_active(of_bob)) == (False, True)
    assert [row["sessionId"] for row in sessions.of()] == [bob, newer], "the evicted one has no row any more"
    assert_spared(hub)
    assert hub.close_session(1).rc == 0, "its close comes late, and is no error"
    assert sessions.ids() == [bob, newer]
    assert hub.close_session(2).rc == 0
    assert sessions.wait_end(bob) == "logout"


def test_revocation_of_one_user_leaves_the_process_and_the_others_session():
    hub = PamApp(host)
    alice, bob = log_in(hub, 1, "alice"), log_in(hub, 2, "bob")
    of_alice, of_bob = token_of("alice", alice), token_of("bob", bob)
    assert Varlink(daemon, user="alice").call("RevokeSession", sessionId=alice)["revokedCount"] == 1
    assert sessions.wait_end(alice) == "revoked"
    assert (is_active(of_alice), is_active(of_bob)) == (False, True)
    assert sessions.ids() == [bob]
    assert_spared(hub)


def test_expiry_of_one_user_leaves_the_process_and_the_others_session():
    hub = PamApp(host)
    mallory, bob = log_in(hub, 1, "mallory"), log_in(hub, 2, "bob")
    pass_time(daemon, 3601)
    assert sessions.wait_end(mallory) == "expired"
    assert sessions.ids() == [bob]
    assert_spared(hub)


def test_a_denied_user_leaves_the_process_and_the_others_session():
    first, hub = PamApp(host), PamApp(host)
    carol, bob = log_in(first, 1, "carol"), log_in(hub, 1, "bob")
    hub.begin(2, "sshd", "carol")
    hub.item(2, "RHOST", "192.0.2.8")
    denied = hub.open(2)
    assert denied.name == "PAM_SESSION_ERR" and "Too many" in denied.text, denied
    assert_spared(hub)
    assert sorted(sessions.ids()) == sorted([carol, bob])
    assert hub.end(2).rc == 0
    assert hub.close_session(1).rc == 0
    assert sessions.wait_end(bob) == "logout"


def test_a_user_who_opens_in_the_process_of_a_denied_one_is_not_hit_by_the_denial():
    first, hub = PamApp(host), PamApp(host)
    log_in(first, 1, "carol")
    hub.begin(1, "sshd", "carol")
    hub.item(1, "RHOST", "192.0.2.8")
    assert hub.open(1).name == "PAM_SESSION_ERR"
    hub.end(1)
    bob = log_in(hub, 2, "bob")
    assert_spared(hub)
    assert sessions.ids("bob") == [bob]


def test_a_process_that_holds_a_tracked_session_too_is_not_signalled():
    hub, other = PamApp(host), PamApp(host)
    counted, tracked = log_in(hub, 1, "alice"), log_in(hub, 2, "alice", service="portal")
    assert [row["class"] for row in sessions.of()] == ["counted", "tracked"]
    newer = log_in(other, 1, "alice", source="192.0.2.8")
    assert sessions.wait_end(counted) == "evicted"
    assert sessions.ids() == [tracked, newer]
    assert_spared(hub)


def test_a_tracked_session_is_revoked_and_its_process_is_not_signalled():
    hub = PamApp(host)
    tracked = log_in(hub, 1, "alice", service="portal")
    Varlink(daemon, user="alice").call("RevokeSession", sessionId=tracked)
    assert sessions.wait_end(tracked) == "revoked"
    assert sessions.of() == []
    assert_spared(hub)


def test_two_sessions_of_one_user_in_one_process_go_together_with_their_device():
    hub, other = PamApp(host), PamApp(host)
    ids = [log_in(hub, 1, "alice"), log_in(hub, 2, "alice")]
    newer = log_in(other, 1, "alice", source="192.0.2.8")
    assert [sessions.wait_end(session_id) for session_id in ids] == ["evicted"] * 2
    processes.wait_gone(hub.pid)
    eventually(lambda: [row["sessionId"] for row in sessions.of()] == [newer], what="only the newer one")
    assert processes.is_alive(other.pid)


def test_two_sessions_of_one_user_in_one_process_close_one_by_one():
    hub = PamApp(host)
    first, second = log_in(hub, 1, "alice"), log_in(hub, 2, "alice")
    assert hub.close_session(1).rc == 0
    assert sessions.wait_end(first) == "logout"
    assert sessions.ids() == [second]
    assert_spared(hub)


def test_a_close_in_a_forked_child_is_ignored():
    app = PamApp(host)
    alice = log_in(app, 1, "alice")
    assert app.fork_close(1).rc == 0
    rounds(daemon)
    assert sessions.ids() == [alice]
    assert app.close_session(1).rc == 0
    assert sessions.wait_end(alice) == "logout"


def test_a_close_from_another_process_is_ignored():
    app = PamApp(host)
    alice = log_in(app, 1, "alice")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(5)
        sock.connect(str(daemon.login_socket))
        pidfd = os.pidfd_open(os.getpid())
        socket.send_fds(sock, [close_frame(alice, "alice")], [pidfd])
        os.close(pidfd)
        magic, _version, outcome = struct.unpack_from("<4sHH", sock.recv(1024))
    assert (magic, outcome) == (b"SJWR", 1)
    assert sessions.ids() == [alice]


def test_a_second_close_ends_nothing_of_the_process():
    app = PamApp(host)
    first, second = log_in(app, 1, "alice"), log_in(app, 2, "alice")
    assert [app.close_session(1).rc for _ in range(3)] == [0, 0, 0]
    assert sessions.wait_end(first) == "logout"
    rounds(daemon)
    assert sessions.ids() == [second]


def test_a_close_in_the_child_and_one_in_the_parent_end_one_session_of_two():
    app = PamApp(host)
    first, second = log_in(app, 1, "alice"), log_in(app, 2, "alice")
    assert app.fork_close(1).rc == app.close_session(1).rc == app.fork_close(2).rc == 0
    assert sessions.wait_end(first) == "logout"
    rounds(daemon)
    assert sessions.ids() == [second]


def test_sessions_opened_twice_on_one_handle_are_closed_the_last_one_first():
    app = PamApp(host)
    first = log_in(app, 1, "alice")
    assert app.open(1).rc == 0
    second = app.getenv(1, "SESSJWT_SESSION_ID")
    assert sessions.ids() == [first, second]
    app.close_session(1)
    assert sessions.ids() == [first]
    app.close_session(1)
    assert sessions.ids() == []


def test_an_end_without_a_close_leaves_the_session_to_the_process():
    for data_silent in (False, True):
        app = PamApp(host)
        alice = log_in(app, 1, "alice")
        assert app.end(1, data_silent=data_silent).rc == 0
        rounds(daemon)
        assert sessions.ids() == [alice]
        assert app.quit() == 0
        assert sessions.wait_end(alice) == "killed"
        assert sessions.of() == []


def test_the_death_of_a_process_ends_the_sessions_of_all_its_users():
    hub = PamApp(host)
    ids = [log_in(hub, 1, "alice"), log_in(hub, 2, "bob"), log_in(hub, 3, "mallory", service="portal")]
    hub.kill()
    assert [sessions.wait_end(session_id) for session_id in ids] == ["killed"] * 3
    assert sessions.of() == []

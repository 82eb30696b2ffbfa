"""Who may do what on the two sockets: everybody his own, admins more, nobody mints for another."""
import contextlib
import os
import socket
import uuid

from harness import Daemon, Host, PamLogin, PamStack, Varlink, VarlinkError, eventually

OTHERS_METHODS = ("GetSession", "RevokeSession", "MintToken")
DENIED = "org.varlink.service.PermissionDenied"
NOT_FOUND = "org.sessjwt.SessionNotFound"
ADMIN_GID = 3900  # also the uid of somebody who is an admin by his primary group alone

host = Host()
host.add_group("sessjwt-admin", ["bob"], gid=ADMIN_GID)
PamStack(host, "sshd", like="bare")
daemon = Daemon(host, "[realm web]\n").start()
alice = PamLogin(host, "alice", rhost="192.0.2.7")
mallory = PamLogin(host, "mallory", rhost="192.0.2.8")
root = PamLogin(host, "root", rhost="192.0.2.9")


def unknown_sid():
    """A session id that is well-formed and nobody's."""
    return "019ab000-0000-7000-8000-" + uuid.uuid4().hex[:12]


def refusal(client, method, **parameters):
    """(error, its parameters) of a call that must not be answered otherwise."""
    try:
        reply = client.call(method, **parameters)
    except VarlinkError as error:
        return error.name, error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


def raw_reply(client, method, **parameters):
    """The bytes of one reply."""
    client.send_call(method, parameters)
    return client.read_raw()


def sids(reply):
    """The session ids of a list."""
    return {session["sessionId"] for session in reply["sessions"]}


def everybody():
    """What there is, as root sees it."""
    return sids(Varlink(daemon).call("ListSessions", all=True))


def test_the_login_socket_refuses_the_connection_of_an_ordinary_user():
    assert os.stat(daemon.login_socket).st_mode & 0o777 == 0o600
    assert os.stat(daemon.login_socket).st_uid == 0
    done = host.run_as("alice", "python3", "-c", "import socket, sys\n"
                       "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                       f"sys.exit(s.connect_ex('{daemon.login_socket}'))")
    assert done.returncode == 13, done  # EACCES


def test_a_frame_of_an_ordinary_user_is_not_answered_even_on_an_open_socket():
    before = everybody()
    os.chmod(daemon.login_socket, 0o666)
    try:
        done = host.run_as("mallory", "python3", "-c", "import socket, struct, sys\n"
                           "text = lambda t: struct.pack('<H', len(t)) + t + b'\\0'\n"
                           "body = struct.pack('<IQI', 0, 2**62, 2000) + b''.join(map(text, (b'alice', "
                           "b'sshd', b'default', b'', b'192.0.2.66', b'', b'', b'', b''))) + b'\\0\\0'\n"
                           "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                           "s.settimeout(10)\n"
                           f"s.connect('{daemon.login_socket}')\n"
                           "try:\n"
                           "    s.send(b'SJWT' + struct.pack('<HHI', 1, 2, 12 + len(body)) + body)\n"
                           "    sys.stdout.write(repr(s.recv(4096)))\n"
                           "except OSError as error:\n"
                           "    sys.stdout.write(type(error).__name__)\n")
    finally:
        os.chmod(daemon.login_socket, 0o600)
    assert done.stdout in ("b''", "BrokenPipeError", "ConnectionResetError"), done
    assert everybody() == before
    assert "192.0.2.66" not in daemon.log()


def test_everybody_sees_his_own_sessions_and_no_others():
    assert sids(Varlink(daemon, user="alice").call("ListSessions")) == {alice.sid}
    assert sids(Varlink(daemon, user="mallory").call("ListSessions")) == {mallory.sid}
    assert sids(Varlink(daemon, user=54321).call("ListSessions")) == set()
    assert Varlink(daemon, user="alice").call("GetSession", sessionId=alice.sid)["session"]["uid"] == 2000


def test_an_ordinary_user_lists_nobody_else():
    client = Varlink(daemon, user="mallory")
    for parameters in ({"user": "alice"}, {"user": "root"}, {"all": True}, {"all": True, "user": "mallory"},
                       {"all": True, "realm": "default"}):
        assert refusal(client, "ListSessions", **parameters) == (DENIED, {}), parameters
        assert [reply.get("error") for reply in more(client, parameters)] == [DENIED], parameters


def more(client, parameters):
    """The replies of ListSessions with more, errors too."""
    client.send_call("ListSessions", parameters, more=True)
    replies = [client.read_reply()]
    while replies[-1].get("continues"):
        replies.append(client.read_reply())
    return replies


def test_whether_a_user_exists_or_is_signed_in_is_not_told():
    client = Varlink(daemon, user="mallory")
    asked = [raw_reply(client, "ListSessions", user=name) for name in ("alice", "bob", "no-such-user")]
    assert len(set(asked)) == 1, asked
    asked = [raw_reply(client, "RevokeAll", user=name) for name in ("alice", "bob", "no-such-user")]
    assert len(set(asked)) == 1, asked


def test_a_realm_that_is_not_ones_own_is_answered_like_one_that_does_not_exist():
    client = Varlink(daemon, user="mallory")
    for method in ("ListSessions", "RevokeAll", "Introspect"):
        token = {"token": "x"} if method == "Introspect" else {}
        for realm in ("web", "nowhere"):
            assert refusal(client, method, realm=realm, **token) == ("org.sessjwt.RealmNotFound",
                                                                     {"realm": realm})
    assert sids(client.call("ListSessions", realm="default")) == {mallory.sid}


def test_a_foreign_session_answers_byte_for_byte_like_an_unknown_one():
    client, stranger = Varlink(daemon, user="mallory"), unknown_sid()
    for method in OTHERS_METHODS:
        for sid in (alice.sid, root.sid):
            foreign = raw_reply(client, method, sessionId=sid)
            unknown = raw_reply(client, method, sessionId=stranger)
            assert foreign.replace(sid.encode(), b"SID") == unknown.replace(stranger.encode(), b"SID"), method
            assert NOT_FOUND.encode() in foreign
            assert len(foreign) == len(unknown)
    assert {alice.sid, root.sid} <= everybody()


def test_an_ordinary_user_ends_nobody_elses_session():
    client, before = Varlink(daemon, user="mallory"), everybody()
    assert refusal(client, "RevokeSession", sessionId=alice.sid) == (NOT_FOUND, {"sessionId": alice.sid})
    assert refusal(client, "RevokeSession", sessionId=alice.sid, reason="logout")[0] == NOT_FOUND
    assert refusal(client, "RevokeAll", user="alice") == (DENIED, {})
    assert refusal(client, "RevokeOthers")[0] == "org.sessjwt.NoSession"
    assert everybody() == before


def test_revoke_all_of_an_ordinary_user_ends_his_own_and_no_others():
    before = everybody()
    PamLogin(host, "mallory", rhost="192.0.2.30")
    PamLogin(host, "mallory", rhost="192.0.2.31")
    victims = everybody() - before | {mallory.sid}
    keeper = Varlink(daemon, user=54321)
    assert keeper.call("RevokeAll") == {"sessions": [], "revokedCount": 0}
    reply = Varlink(daemon, user="mallory").call("RevokeAll", user="mallory")
    assert sids(reply) == victims and reply["revokedCount"] == 3
    eventually(lambda: everybody() == before - {mallory.sid}, what="only the others' sessions")


def test_an_admin_lists_and_shows_and_ends_for_others():
    for who in ("bob", ADMIN_GID):
        client = Varlink(daemon, user=who)
        victim = PamLogin(host, "alice", rhost="192.0.2.40")
        assert sids(client.call("ListSessions", all=True)) >= {alice.sid, victim.sid}
        assert sids(client.call("ListSessions", user="alice")) == {alice.sid, victim.sid}
        assert client.call("ListSessions", all=True, realm="web")["sessions"] == []
        assert client.call("GetSession", sessionId=alice.sid)["session"]["user"] == "alice"
        assert client.call("RevokeSession", sessionId=victim.sid)["revokedCount"] == 1
        assert client.call("GetHealth")["problems"] == []
        eventually(lambda sid=victim.sid: sid not in everybody(), what="the session gone")


def test_an_admin_ends_all_sessions_of_a_user():
    host.add_user("carol")
    carol = {PamLogin(host, "carol", rhost=f"192.0.2.{last}").sid for last in (50, 51)}
    reply = Varlink(daemon, user="bob").call("RevokeAll", user="carol")
    assert reply["revokedCount"] == 2 and sids(reply) == carol
    assert {session["endReason"] for session in reply["sessions"]} == {"account-reset"}
    assert {alice.sid, root.sid} <= everybody()


def test_an_admin_who_says_logout_of_anothers_session_has_revoked_it():
    victim = PamLogin(host, "alice", rhost="192.0.2.41")
    reply = Varlink(daemon, user="bob").call("RevokeSession", sessionId=victim.sid, reason="logout")
    assert reply["session"]["endReason"] == "revoked"


def test_an_admin_without_a_name_speaks_of_himself():
    assert sids(Varlink(daemon, user="bob").call("ListSessions")) == set()
    assert Varlink(daemon, user="bob").call("RevokeAll")["revokedCount"] == 0
    assert alice.sid in everybody()


def test_nobody_mints_for_another():
    for who in ("bob", ADMIN_GID, None):
        assert refusal(Varlink(daemon, user=who), "MintToken", sessionId=alice.sid) == (DENIED, {}), who
    for who in ("mallory", 54321):
        assert refusal(Varlink(daemon, user=who), "MintToken", sessionId=alice.sid)[0] == NOT_FOUND, who
    assert Varlink(daemon, user="alice").call("MintToken", sessionId=alice.sid)["sessionId"] == alice.sid


def test_an_admin_neither_sees_nor_touches_roots_sessions():
    for who in ("bob", ADMIN_GID):
        client, stranger = Varlink(daemon, user=who), unknown_sid()
        assert root.sid not in sids(client.call("ListSessions", all=True))
        assert root.sid not in {row["session"]["sessionId"]
                                for row in client.call_more("ListSessions", all=True)}
        assert raw_reply(client, "ListSessions", user="root") == \
            raw_reply(client, "ListSessions", user="no-such-user")
        for method in OTHERS_METHODS:
            foreign = raw_reply(client, method, sessionId=root.sid)
            unknown = raw_reply(client, method, sessionId=stranger)
            assert foreign.replace(root.sid.encode(), stranger.encode()) == unknown, method
        assert client.call("RevokeAll", user="root")["revokedCount"] == 0
    assert root.sid in everybody()


def test_root_does_for_anybody_what_the_owner_may():
    client = Varlink(daemon)
    victim = PamLogin(host, "alice", rhost="192.0.2.42")
    assert {alice.sid, root.sid, victim.sid} <= everybody()
    assert sids(client.call("ListSessions", user="alice")) == {alice.sid, victim.sid}
    assert client.call("GetSession", sessionId=alice.sid)["session"]["user"] == "alice"
    assert client.call("RevokeSession", sessionId=victim.sid)["revokedCount"] == 1
    assert client.call("MintToken", sessionId=root.sid)["sessionId"] == root.sid


def test_only_root_reloads():
    for who in ("alice", 54321, "bob", ADMIN_GID):
        assert refusal(Varlink(daemon, user=who), "Reload") == (DENIED, {}), who
    end = daemon.log_end()
    assert Varlink(daemon).call("Reload") == {}
    daemon.wait_for_log("configuration reloaded", after=end)


def test_rights_are_checked_before_parameters():
    for garbage in ({"file": "/etc/shadow"}, {"": [[]]}, {"a": {"b": [1, None, True]}, "c": -1e300}):
        assert refusal(Varlink(daemon, user="alice"), "Reload", **garbage) == (DENIED, {}), garbage
        assert refusal(Varlink(daemon, user="bob"), "Reload", **garbage) == (DENIED, {}), garbage
        assert refusal(Varlink(daemon), "Reload", **garbage)[0] == "org.varlink.service.InvalidParameter"


def test_the_problems_are_told_to_admins_alone():
    assert "problems" not in Varlink(daemon, user="alice").call("GetHealth")
    assert "problems" in Varlink(daemon).call("GetHealth")


def test_membership_of_the_daemons_own_group_gives_nothing():
    with open("/etc/group", encoding="utf-8") as file:
        before = file.read()
    with open("/etc/group", "w", encoding="utf-8") as file:
        file.writelines(line for line in before.splitlines(True) if not line.startswith("sessjwt-admin:"))
    with contextlib.ExitStack() as stack:
        stack.callback(restore_groups, before)
        host.add_group("sessjwt-admin", ["alice"], gid=os.getegid())
        Varlink(daemon).call("Reload")
        client = Varlink(daemon, user="alice")
        assert refusal(client, "ListSessions", all=True) == (DENIED, {})
        assert refusal(client, "GetSession", sessionId=root.sid)[0] == NOT_FOUND
        assert refusal(Varlink(daemon, user="bob"), "ListSessions", all=True) == (DENIED, {})
    assert root.sid not in sids(Varlink(daemon, user="bob").call("ListSessions", all=True))


def restore_groups(text):
    """Puts /etc/group back, and tells the daemon."""
    with open("/etc/group", "w", encoding="utf-8") as file:
        file.write(text)
    Varlink(daemon).call("Reload")


def test_who_became_an_admin_is_one_on_his_next_connection_after_a_reload():
    early = Varlink(daemon, user="alice")
    assert refusal(early, "ListSessions", all=True) == (DENIED, {})
    with open("/etc/group", encoding="utf-8") as file:
        before = file.read()
    with contextlib.ExitStack() as stack:
        stack.callback(restore_groups, before)
        host.add_group("sessjwt-admin", ["alice"])
        assert refusal(early, "ListSessions", all=True) == (DENIED, {})
        assert alice.sid in sids(Varlink(daemon, user="alice").call("ListSessions", all=True))
    assert refusal(Varlink(daemon, user="alice"), "ListSessions", all=True) == (DENIED, {})


def test_the_sixty_fifth_connection_of_a_user_is_refused_while_others_still_get_in():
    mine = [Varlink(daemon, user=54321) for _ in range(64)]
    assert all(client.call("GetHealth")["ok"] for client in mine)
    late = Varlink(daemon, user=54321)
    assert late.read_reply() == {"error": "org.sessjwt.TooManyConnections", "parameters": {"limit": 64}}
    assert late.read_reply() is None
    assert Varlink(daemon, user=54322).call("GetHealth")["ok"]
    assert PamLogin(host, "alice", rhost="192.0.2.43").sid
    mine.pop().close()
    eventually(lambda: get_in(54321), what="a place for one more")


def get_in(user):
    """Whether this user gets a connection that answers."""
    client = Varlink(daemon, user=user)
    try:
        client.send_call("GetHealth")
        return "error" not in (client.read_reply() or {"error": "hung up"})
    except BrokenPipeError:
        return False
    finally:
        client.close()


def test_root_has_no_such_limit():
    sockets = []
    for _ in range(80):
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].connect(str(daemon.varlink_socket))
    assert Varlink(daemon).call("GetHealth")["ok"]
    for sock in sockets:
        sock.close()

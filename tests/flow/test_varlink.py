"""The public socket, byte for byte: how calls are framed and answered, and what of a peer's doing the others
feel."""
import array
import json
import os
import pathlib
import re
import socket

from harness import ROOT, Daemon, Host, PamApp, PamLogin, PamStack, Varlink, VarlinkError, eventually

SERVICE = "org.varlink.service"
GET_HEALTH = b'{"method":"org.sessjwt.GetHealth"}'
CALL_MAX = 65536
MANY = 400

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host).start()


def log_in_many(user, count):
    """Sessions of one user, all in one process."""
    app = PamApp(host)
    for handle in range(count):
        assert app.begin(handle, "sshd", user).rc == 0
        app.item(handle, "RHOST", f"192.0.{2 + handle // 250}.{1 + handle % 250}")
        assert app.open(handle).rc == 0
    return app


crowd = log_in_many("mallory", MANY)
bob = PamLogin(host, "bob", rhost="192.0.2.9")


def call_text(method, parameters=None, **flags):
    """A call's bytes with their NUL."""
    method = method if "." in method else f"org.sessjwt.{method}"
    return json.dumps({"method": method, "parameters": parameters or {}, **flags}).encode() + b"\0"


def lives():
    """Whether the daemon answers a newcomer, and is the one that was started."""
    client = Varlink(daemon)
    try:
        return client.call("GetHealth")["ok"] and daemon.is_running()
    finally:
        client.close()


def is_dropped(data):
    """Whether these bytes end the connection without a reply, and the daemon goes on."""
    client = Varlink(daemon)
    try:
        client.send_raw(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    reply = client.read_raw()
    client.close()
    return reply is None and lives()


# ---- framing -----------------------------------------------------------------------------------------------

def test_a_call_may_come_in_pieces():
    client = Varlink(daemon)
    for byte in GET_HEALTH + b"\0":
        client.send_raw(bytes([byte]))
    assert client.read_reply()["parameters"]["ok"]
    text = GET_HEALTH + b"\0"
    for cut in range(1, len(text)):
        client.send_raw(text[:cut])
        Varlink(daemon).call("GetHealth")  # the piece has been read by now, and waits
        client.send_raw(text[cut:])
        assert client.read_reply()["parameters"]["ok"]


def test_a_call_and_the_beginning_of_the_next_may_come_together():
    client = Varlink(daemon)
    client.send_raw(GET_HEALTH + b"\0" + GET_HEALTH[:7])
    assert client.read_reply()["parameters"]["ok"]
    client.send_raw(GET_HEALTH[7:] + b"\0")
    assert client.read_reply()["parameters"]["ok"]


def test_pipelined_calls_are_answered_in_their_order():
    client = Varlink(daemon)
    for count in (2, 20, 60):
        methods = [("GetHealth", "Nothing", "GetKeys", "ListSessions")[i % 4] for i in range(count)]
        parameters = {"ListSessions": {"user": "bob"}}
        client.send_raw(b"".join(call_text(method, parameters.get(method)) for method in methods))
        expected = {"GetHealth": "version", "GetKeys": "keys", "ListSessions": "sessions",
                    "Nothing": "method"}
        for method in methods:
            assert expected[method] in client.read_reply()["parameters"], method


def test_reads_and_changes_in_one_pipeline_see_what_came_before_them():
    logins = [PamLogin(host, "alice", rhost=f"192.0.2.{last}") for last in range(31, 36)]
    client = Varlink(daemon)
    text = b""
    for login in logins:
        text += call_text("GetSession", {"sessionId": login.sid})
        text += call_text("RevokeSession", {"sessionId": login.sid})
        text += call_text("GetHealth") + call_text("ListSessions", {"user": "alice"})
    client.send_raw(text)
    for number, login in enumerate(logins):
        assert client.read_reply()["parameters"]["session"]["state"] == "live"
        assert client.read_reply()["parameters"]["revokedCount"] == 1
        assert client.read_reply()["parameters"]["ok"]
        live = [session["sessionId"] for session in client.read_reply()["parameters"]["sessions"]
                if session["state"] == "live"]
        assert live == [other.sid for other in logins[number + 1:]], login.sid


def test_a_oneway_call_is_done_and_not_answered():
    login = PamLogin(host, "alice", rhost="192.0.2.41")
    client = Varlink(daemon, user="alice")
    client.send_call("RevokeSession", {"sessionId": login.sid}, oneway=True)
    client.send_call("GetHealth", oneway=True)
    client.send_call("ListSessions", oneway=True)
    for wrong in (("Nothing", {}), ("GetSession", {"sessionId": login.sid}), ("GetSession", {"x": 1}),
                  ("Reload", {}), ("RevokeAll", {"user": "bob"}), ("RevokeOthers", {}),
                  ("no.such.Thing", {})):
        client.send_call(*wrong, oneway=True)
    client.send_call("org.varlink.service.GetInfo")
    assert client.read_reply()["parameters"]["product"] == "sessjwtd"
    daemon.wait_for_log(f"session ended, revoked: alice {login.sid}")


def test_a_oneway_list_that_takes_several_rounds_is_not_answered():
    client = Varlink(daemon)
    client.send_call("ListSessions", {"all": True}, oneway=True)
    client.send_call("GetHealth")
    assert "version" in client.read_reply()["parameters"]


# ---- lists -------------------------------------------------------------------------------------------------

def test_a_list_with_more_continues_on_all_replies_but_the_last():
    client = Varlink(daemon)
    client.send_call("ListSessions", {"user": "mallory"}, more=True)
    replies = [client.read_reply() for _ in range(MANY)]
    assert [reply.get("continues", False) for reply in replies] == [True] * (MANY - 1) + [False]
    assert all(set(reply["parameters"]) == {"session"} for reply in replies)
    sids = [reply["parameters"]["session"]["sessionId"] for reply in replies]
    assert sids == sorted(sids) and len(set(sids)) == MANY
    assert client.call("GetHealth")["ok"]


def test_a_list_of_one_and_an_empty_one_are_one_reply():
    client = Varlink(daemon)
    for user, parameters in (("bob", {"session"}), ("nobody-at-all", set())):
        client.send_call("ListSessions", {"user": user}, more=True)
        reply = client.read_reply()
        assert set(reply["parameters"]) == parameters and not reply.get("continues"), reply
    assert client.call("ListSessions", user="nobody-at-all") == {"sessions": []}


def test_a_plain_list_is_one_reply():
    client = Varlink(daemon, user="mallory")
    reply = client.call("ListSessions")
    assert set(reply) == {"sessions"} and len(reply["sessions"]) == MANY
    rows = [row["session"] for row in client.call_more("ListSessions")]
    assert rows == reply["sessions"]


def test_lists_may_be_pipelined_with_other_calls():
    client = Varlink(daemon)
    for _ in range(3):
        client.send_call("ListSessions", {"user": "mallory"}, more=True)
        client.send_call("GetKeys")
        client.send_call("ListSessions", {"user": "mallory"})
    for _ in range(3):
        rows = 1
        while client.read_reply().get("continues"):
            rows += 1
        assert rows == MANY
        assert "keys" in client.read_reply()["parameters"]
        assert len(client.read_reply()["parameters"]["sessions"]) == MANY


def test_more_with_any_other_call_is_one_reply():
    client = Varlink(daemon)
    for method, parameters in (("GetHealth", {}), ("GetSession", {"sessionId": bob.sid}), ("GetKeys", {}),
                               ("RevokeAll", {"user": "nobody-at-all"})):
        client.send_call(method, parameters, more=True)
        assert "continues" not in client.read_reply()
    assert client.call("GetHealth")["ok"]


# ---- what is wrong -----------------------------------------------------------------------------------------

def test_what_is_no_call_ends_the_connection():
    for text in (b"", b" ", b"null", b"[]", b"1", b'"org.sessjwt.GetHealth"', b"{}", b'{"parameters":{}}',
                 b'{"method":""}', b'{"method":null}', b'{"method":7}',
                 b'{"method":["org.sessjwt.GetHealth"]}',
                 GET_HEALTH[:-1], GET_HEALTH + b"}", GET_HEALTH + b"x", GET_HEALTH + GET_HEALTH,
                 b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff\xfe\x00"):
        assert is_dropped(text + b"\0"), text


def test_unknown_and_repeated_members_end_the_connection():
    for more in (b'"extra":1', b'"upgrade":true', b'"Method":"x"', b'"method":"org.sessjwt.GetHealth"',
                 b'"parameters":{},"parameters":{}', b'"more":true,"more":true', b'"":0',
                 b'"parameters":{"a":1,"a":1}', b'"parameters":{"a":1,"\\u0061":1}',
                 b'"m\\u0065thod":"org.sessjwt.GetKeys"'):
        assert is_dropped(GET_HEALTH[:-1] + b"," + more + b"}\0"), more


def test_flags_of_the_wrong_type_and_more_with_oneway_end_the_connection():
    for more in (b'"more":1', b'"more":"true"', b'"more":null', b'"oneway":0',
                 b'"oneway":null', b'"oneway":{}',
                 b'"more":true,"oneway":true', b'"parameters":[]', b'"parameters":"x"', b'"parameters":1'):
        assert is_dropped(GET_HEALTH[:-1] + b"," + more + b"}\0"), more
    client = Varlink(daemon)
    client.send_raw(GET_HEALTH[:-1] + b',"parameters":null,"more":false,"oneway":false}\0')
    assert client.read_reply()["parameters"]["ok"]


def test_deep_and_numerous_json_ends_the_connection():
    for depth in (9, 100, 30000):
        deep = b"[" * depth + b"]" * depth
        assert is_dropped(b'{"method":"org.sessjwt.GetHealth","parameters":{"a":' + deep + b"}}\0"), depth
        assert is_dropped(deep + b"\0"), depth
        assert is_dropped(b'{"a":' * depth + b"0" + b"}" * depth + b"\0"), depth
    for count in (64, 5000):
        many = b",".join(b'"a%d":0' % number for number in range(count))
        assert is_dropped(b'{"method":"org.sessjwt.GetHealth","parameters":{' + many + b"}}\0"), count
    assert is_dropped(b'{"method":"org.sessjwt.GetHealth","parameters":{"a":[' + b"0," * 9000 + b"0]}}\0")


def test_text_that_is_no_utf8_ends_the_connection():
    for text in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"caf\xe9", b"\xe2\x98", b"\x01",
                 b"\\ud800", b"\\udc00\\ud800", b"\\x41", b"\\u12", b"\n"):
        head = b'{"method":"org.sessjwt.GetSession","parameters":{"sessionId":"'
        assert is_dropped(head + text + b'"}}\0'), text


def test_a_call_of_64_kib_is_read_and_one_byte_more_ends_the_connection():
    def padded(size):
        return GET_HEALTH + b" " * (size - len(GET_HEALTH)) + b"\0"
    client = Varlink(daemon)
    for size in (4096, 8191, 8192, CALL_MAX - 1, CALL_MAX):
        client.send_raw(padded(size))
        assert client.read_reply()["parameters"]["ok"], size
    client.send_raw(padded(CALL_MAX) + padded(CALL_MAX) + padded(100))
    assert all(client.read_reply()["parameters"]["ok"] for _ in range(3))
    assert is_dropped(padded(CALL_MAX + 1))
    assert is_dropped(b" " * 1000000)
    assert is_dropped(b'{"method":"' + b"x" * 200000)


def test_the_calls_before_a_broken_one_are_answered():
    client = Varlink(daemon)
    client.send_raw(GET_HEALTH + b"\0" + GET_HEALTH + b"\0" + b"broken\0" + GET_HEALTH + b"\0")
    assert client.read_reply()["parameters"]["ok"] and client.read_reply()["parameters"]["ok"]
    assert client.read_raw() is None and lives()


def error_of(method, **parameters):
    """(error, its parameters) of a call by root."""
    client = Varlink(daemon)
    try:
        raise AssertionError(client.call(method, **parameters))
    except VarlinkError as error:
        return error.name, error.parameters
    finally:
        client.close()


def test_what_is_unknown_is_named():
    assert error_of("Nothing") == (f"{SERVICE}.MethodNotFound", {"method": "Nothing"})
    assert error_of("getHealth")[1] == {"method": "getHealth"}
    assert error_of("org.sessjwt.")[1] == {"method": ""}
    assert error_of("org.varlink.service.Nothing") == (f"{SERVICE}.MethodNotFound", {"method": "Nothing"})
    for name in ("org.example", "org.sessjwtX", "org", "org.sessjwt.x"):
        assert error_of(f"{name}.Get") == (f"{SERVICE}.InterfaceNotFound", {"interface": name})
    client = Varlink(daemon)
    client.send_raw(b'{"method":"GetHealth"}\0')
    assert client.read_reply() == {"error": f"{SERVICE}.InterfaceNotFound",
                                   "parameters": {"interface": "GetHealth"}}


def test_a_wrong_parameter_is_named():
    sid = "019ab000-0000-7000-8000-00001a2b3c4d"
    for method, parameters, name in (
            ("GetSession", {}, "sessionId"), ("GetSession", {"sessionId": None}, "sessionId"),
            ("GetSession", {"sessionId": 7}, "sessionId"), ("GetSession", {"sessionId": "x"}, "sessionId"),
            ("GetSession", {"sessionId": sid.upper()}, "sessionId"),
            ("GetSession", {"sessionId": sid + "0"}, "sessionId"),
            ("GetSession", {"sessionId": ""}, "sessionId"),
            ("GetSession", {"sessionId": sid, "more": 1}, "more"), ("GetSession", {"": sid}, ""),
            ("ListSessions", {"all": "yes"}, "all"), ("ListSessions", {"all": 1}, "all"),
            ("ListSessions", {"user": "u" * 257}, "user"), ("ListSessions", {"user": ["alice"]}, "user"),
            ("ListSessions", {"user": "a\nb"}, "user"), ("ListSessions", {"user": "a\u009bb"}, "user"),
            ("ListSessions", {"user": "a\0b"}, "user"), ("ListSessions", {"realm": "r" * 65}, "realm"),
            ("RevokeSession", {"sessionId": sid, "reason": "r" * 201}, "reason"),
            ("RevokeSession", {"sessionId": sid, "reason": "\x1b[31m"}, "reason"),
            ("RevokeAll", {"all": True}, "all"), ("RevokeOthers", {"user": "bob"}, "user"),
            ("MintToken", {"audience": "a" * 257}, "audience"), ("Introspect", {}, "token"),
            ("Introspect", {"token": "t" * 8193}, "token"), ("Introspect", {"token": 1.5}, "token"),
            ("GetHealth", {"x": None}, "x"), ("GetKeys", {"y": {}}, "y"),
            ("GetHealth", {"n" * 3000: 1}, "(too long)"),
            (f"{SERVICE}.GetInterfaceDescription", {}, "interface")):
        expected = (f"{SERVICE}.InvalidParameter", {"parameter": name})
        assert error_of(method, **parameters) == expected, parameters


# ---- what it says of itself --------------------------------------------------------------------------------

def test_it_says_what_it_is():
    header = (ROOT / "client" / "protocol.h").read_text("utf-8")
    version = re.search(r'define SESSJWT_VERSION +"(.*)"', header)[1]
    url = re.search(r'define SESSJWT_URL +"(.*)"', header)[1]
    assert Varlink(daemon, user=54321).call(f"{SERVICE}.GetInfo") == {
        "vendor": "sessjwt", "product": "sessjwtd", "version": version, "url": url,
        "interfaces": [SERVICE, "org.sessjwt"]}


def test_its_interface_is_described_to_the_letter():
    client = Varlink(daemon, user=54321)
    text = client.call(f"{SERVICE}.GetInterfaceDescription", interface="org.sessjwt")["description"]
    assert text == (ROOT / "client" / "org.sessjwt.varlink").read_text("utf-8")
    text = client.call(f"{SERVICE}.GetInterfaceDescription", interface=SERVICE)["description"]
    assert "interface org.varlink.service\n" in text
    assert error_of(f"{SERVICE}.GetInterfaceDescription", interface="org.example") == (
        f"{SERVICE}.InterfaceNotFound", {"interface": "org.example"})


def test_every_method_that_is_described_exists():
    text = Varlink(daemon).call(f"{SERVICE}.GetInterfaceDescription", interface="org.sessjwt")["description"]
    for method in re.findall(r"^method (\w+)", text, re.M):
        expected = f"{SERVICE}.InvalidParameter", {"parameter": "no_such_parameter"}
        if method == "Subscribe":
            expected = f"{SERVICE}.ExpectedMore", {}
        assert error_of(method, no_such_parameter=1) == expected, method


# ---- peers -------------------------------------------------------------------------------------------------

def test_who_has_said_all_still_gets_all_replies():
    login = PamLogin(host, "alice", rhost="192.0.2.51")
    for calls in ([("GetHealth", {})] * 30, [("RevokeSession", {"sessionId": login.sid}), ("GetHealth", {})],
                  [("ListSessions", {"user": "mallory"})],
                  [("GetHealth", {}), ("ListSessions", {"all": True})]):
        client = Varlink(daemon)
        client.send_raw(b"".join(call_text(*call) for call in calls))
        client._sock.shutdown(socket.SHUT_WR)
        for _ in calls:
            assert "error" not in client.read_reply()
        assert client.read_raw() is None
    client = Varlink(daemon)
    client.send_raw(call_text("ListSessions", {"user": "mallory"}, more=True) + GET_HEALTH[:20])
    client._sock.shutdown(socket.SHUT_WR)
    replies = 1
    while client.read_reply().get("continues"):
        replies += 1
    assert replies == MANY and client.read_raw() is None


def test_a_peer_that_does_not_read_blocks_nobody_and_costs_little():
    before = daemon.memory_kib()
    lazy = [Varlink(daemon, user="mallory") for _ in range(20)]
    for client in lazy:
        for _ in range(20):
            client.send_call("ListSessions", more=True)
            client.send_call("ListSessions")
    for _ in range(50):
        assert lives()
    assert PamLogin(host, "alice", rhost="192.0.2.52").sid
    grown = daemon.memory_kib() - before
    assert grown < 40 * 1024 or daemon.is_sanitized(), grown
    for _ in range(20):
        assert sum(1 for _row in take_list(lazy[0])) == MANY
        assert len(lazy[0].read_reply()["parameters"]["sessions"]) == MANY


def take_list(client):
    """The replies of a list that was asked for."""
    while True:
        reply = client.read_reply()
        yield reply
        if not reply.get("continues"):
            return


def test_descriptors_that_are_sent_along_are_closed():
    assert lives()
    client = Varlink(daemon)
    client.call("GetHealth")
    fds = daemon.count_fds()
    with open("/dev/null", "rb") as null:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null.fileno()] * 50))
        for _ in range(20):
            client._sock.sendmsg([GET_HEALTH + b"\0"], [rights])
            assert client.read_reply()["parameters"]["ok"]
        client._sock.sendmsg([b"{"], [rights])  # one that is never read to its end
    other = Varlink(daemon)
    other.call("GetHealth")
    assert daemon.count_fds() == fds + 1


def test_a_thousand_connections_leave_nothing_open():
    assert lives()
    client = Varlink(daemon)
    client.call("GetHealth")
    fds = daemon.count_fds()
    for number in range(1000):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(daemon.varlink_socket))
        if number % 4 == 1:
            sock.sendall(GET_HEALTH[:number % 30])
        elif number % 4 == 2:
            sock.sendall(call_text("ListSessions", {"all": True}, more=True) * 3)
        elif number % 4 == 3:
            nobody = {"sessionId": "019ab000-0000-7000-8000-00001a2b3c4d"}
            sock.sendall(call_text("RevokeSession", nobody, oneway=number % 8 == 3) * (number % 5))
        sock.close()
    eventually(lambda: client.call("GetHealth")["ok"] and daemon.count_fds() == fds, what="all are closed")


def test_a_call_whose_caller_has_gone_is_done():
    login = PamLogin(host, "alice", rhost="192.0.2.61")
    client = Varlink(daemon, user="alice")
    client.send_call("RevokeSession", {"sessionId": login.sid})
    client.close()
    daemon.wait_for_log(f"session ended, revoked: alice {login.sid}")
    assert lives()


def test_oneway_calls_are_done_though_their_caller_has_left_at_once():
    witness = Varlink(daemon)

    def live():
        return [session for session in witness.call("ListSessions", user="alice")["sessions"]
                if session["state"] == "live"]
    logins = [PamLogin(host, "alice", rhost=f"192.0.2.{last}") for last in range(71, 81)]
    between = call_text("GetHealth", oneway=True) * 100
    text = between.join(call_text("RevokeSession", {"sessionId": login.sid}, oneway=True) for login in logins)
    client = Varlink(daemon, user="alice")
    client.send_raw(text)
    client.close()
    eventually(lambda: not live(), what="all are revoked")


def test_the_socket_is_there_for_everybody():
    assert os.stat(daemon.varlink_socket).st_mode & 0o777 == 0o666
    assert pathlib.Path(daemon.runtime_dir).stat().st_mode & 0o022 == 0
    assert Varlink(daemon, user=54321).call("GetHealth")["ok"]

"""What is malformed on the login socket is refused by name, and the daemon lives; what is only unusual
works."""
import os
import random
import struct
import subprocess

from harness import Clock, Daemon, Host, PamApp, PamLogin, PamStack, Varlink, eventually, frame, later
from harness.passing import pass_time

BAD = "bad frame from a login module: "

host = Host()
PamStack(host, "sshd", like="bare")
daemon = Daemon(host, "[policy default]\nterminate = none\n", clock=Clock(host.dir / "clock")).start()
root = Varlink(daemon)
witness = PamLogin(host, "bob", rhost="192.0.2.99")


def leader():
    """A pidfd of a process that lives as long as the test."""
    process = subprocess.Popen(["sleep", "1000"])
    pidfd = os.pidfd_open(process.pid)
    later(lambda: (os.close(pidfd), process.kill(), process.wait()))
    return pidfd


def sessions(**parameters):
    """All that root sees."""
    return root.call("ListSessions", **(parameters or {"all": True}))["sessions"]


def settled_fds():
    """How many descriptors the daemon has when the witness's session is the only one."""
    eventually(lambda: [session["sessionId"] for session in sessions()] == [witness.sid], what="one session")
    folder = f"/proc/{daemon.pid}/fd"

    def leaders():
        return sum("pidfd" in os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder))
    eventually(lambda: leaders() == 1, what="one leader")
    assert root.call("GetHealth")["ok"]  # who hung up before is gone by then
    return daemon.count_fds()


def session_of(sid):
    """One session, as root sees it."""
    return root.call("GetSession", sessionId=sid)["session"]


def refused(packet, *words, outcome=frame.FAILED):
    """Fails unless the packet is answered with this outcome, one line of the log has the words, and nothing
    was opened."""
    before, end = len(sessions()), daemon.log_end()
    reply = frame.ask(daemon, packet, leader())
    assert reply and reply.outcome == outcome and reply.session_id == "", (reply, packet[:80])
    assert reply.text
    line = daemon.wait_for_log(words[0], after=end)
    assert all(word in line for word in words), line
    news = [line for line in daemon.log(end).splitlines() if not line.startswith("session ended, killed: ")]
    assert len(news) == 1, news
    assert len(sessions()) <= before


def test_a_frame_as_the_module_writes_it_opens_a_session():
    reply = frame.ask(daemon, frame.request(rhost="192.0.2.44"), leader())
    assert reply.outcome == frame.OK and session_of(reply.session_id)["ip"] == "192.0.2.44"


def test_the_wrong_magic_is_refused():
    body = b"".join(part for _name, part in frame.fields())
    for magic in (b"SJWR", b"sjwt", b"\0\0\0\0", b"GET "):
        refused(frame.pack(body, magic=magic), BAD + "magic")
    for packet in (b"S", b"SJW"):
        refused(packet, BAD + "magic")


def test_another_version_is_answered_as_unsupported():
    body = b"".join(part for _name, part in frame.fields())
    for version in (0, 2, 65535):
        for packet in (frame.pack(body, version=version), frame.pack(b"", version=version, size=7),
                       b"SJWT" + struct.pack("<H", version)):
            refused(packet, f"speaks version {version}", "this daemon speaks 1", outcome=frame.UNSUPPORTED)


def test_a_size_that_is_not_the_packets_is_refused():
    packet = frame.request()
    body = packet[12:]
    for size in (0, 12, len(packet) - 1, len(packet) + 1, 0xffffffff):
        refused(frame.pack(body, size=size), BAD + "size")
    refused(packet[:-1], BAD + "size")
    refused(packet + b"\0", BAD + "size")
    refused(packet + packet, BAD + "size")
    refused(b"SJWT\1", BAD + "version")
    refused(b"SJWT\1\0\2", BAD + "size")


def test_a_frame_cut_anywhere_names_the_field_that_is_not_whole():
    parts = frame.fields(groups=(1, 2), user="alice", tty="ssh", session_id="x")
    at = b""
    for name, part in parts:
        for length in range(len(part)):
            end = daemon.log_end()
            reply = frame.ask(daemon, frame.pack(at + part[:length]))
            assert reply.outcome == frame.FAILED, (name, length, reply)
            assert daemon.wait_for_log(BAD, after=end).endswith(BAD + name), (name, length)
        at += part
    assert frame.ask(daemon, frame.pack(at, phase=frame.ACCOUNT)).outcome == frame.OK


def test_trailing_bytes_are_refused():
    body = b"".join(part for _name, part in frame.fields(groups=(1, 2)))
    for more in (b"\0", b"\0\0\0\0", b"more"):
        refused(frame.pack(body + more), BAD + "groups")


def test_an_unknown_phase_or_flag_is_refused():
    for phase in (0, 9, 65535):
        refused(frame.request(phase=phase), BAD + "phase")
    for flags in (1 << 30, 1 << 31, 0xffffffff):
        refused(frame.request(flags=flags), BAD + "flags")


def test_an_overlong_text_is_refused_and_one_at_its_limit_is_not():
    for name, limit in frame.LIMITS.items():
        refused(frame.request(**{name: "x" * (limit + 1)}), BAD + name)
        reply = frame.ask(daemon, frame.request(phase=frame.ACCOUNT, **{name: "x" * limit}))
        assert reply.outcome == (frame.FAILED if name == "realm" else frame.OK), name
    refused(frame.request(user="x" * 60000), "bad frame")
    refused(frame.request(auth_info="x" * 65535), "bad frame")


def test_too_many_groups_are_refused_and_as_many_as_there_may_be_are_not():
    refused(frame.request(groups=range(frame.GROUPS_MAX + 1)), BAD + "groups")
    reply = frame.ask(daemon, frame.request(groups=range(frame.GROUPS_MAX)), leader())
    assert reply.outcome == frame.OK
    short = b"".join(part for name, part in frame.fields() if name != "groups")
    refused(frame.pack(short + struct.pack("<HI", 2, 1)), BAD + "groups")
    refused(frame.pack(short + struct.pack("<H", 65535)), BAD + "groups")


def test_all_fields_at_their_limits_at_once_fit():
    values = {name: name[0] * limit for name, limit in frame.LIMITS.items()}
    reply = frame.ask(daemon, frame.request(**(values | {"realm": "default"}),
                                            groups=range(frame.GROUPS_MAX)), leader())
    assert reply.outcome == frame.OK, reply
    session = session_of(reply.session_id)
    assert session["user"] == "u" * 256 and session["service"] == "s" * 64 and session["tty"] == "t" * 128


def test_control_characters_are_refused_and_none_reaches_the_log():
    for name in frame.LIMITS:
        for character in ("\n", "\x1b", "\x7f", "\0", "\r", "\t"):
            if name == "auth_info" and character != "\0":
                continue
            refused(frame.request(**{name: f"a{character}[31msessjwtd: root is in"}), BAD + name)
    assert "root is in" not in daemon.log() and "\x1b" not in daemon.log()


def test_a_text_without_its_nul_is_refused():
    for name in frame.STRINGS:
        body = b"".join(part[:-1] + b"x" if field == name else part for field, part in frame.fields())
        refused(frame.pack(body), BAD + name)


def test_an_empty_user_or_service_is_refused():
    for name in ("user", "service"):
        refused(frame.request(**{name: ""}), BAD + name)


def test_an_unknown_realm_is_refused_by_name():
    reply = frame.ask(daemon, frame.request(realm="nowhere"), leader())
    assert reply.outcome == frame.FAILED and "'nowhere'" in reply.text


def test_a_packet_larger_than_any_frame_is_refused():
    refused(frame.pack(bytes(100000)), "bad frame")


def test_an_empty_packet_is_the_end_of_the_conversation():
    module = frame.Module(daemon)
    module.send(b"")
    assert module.read() is None
    module.close()


def test_of_two_frames_the_first_counts_and_the_second_is_not_looked_at():
    before = len(sessions())
    module, pidfd = frame.Module(daemon), leader()
    module.send(frame.request(rhost="192.0.2.51"), pidfd)
    try:
        module.send(frame.request(rhost="192.0.2.52"), pidfd)
    except BrokenPipeError:
        pass
    # Hung up on with its second frame unread, the sender is told that first, then given its reply.
    assert (module.read() or module.read()).outcome == frame.OK
    assert module.read() is None
    module.close()
    assert len(sessions()) == before + 1
    assert "192.0.2.52" not in daemon.log()


def test_without_a_pidfd_the_peer_is_the_leader():
    reply = frame.ask(daemon, frame.request(rhost="192.0.2.53"))
    assert reply.outcome == frame.OK
    assert session_of(reply.session_id)["leader"] == os.getpid()
    frame.ask(daemon, frame.request(phase=frame.CLOSE, session_id=reply.session_id))
    assert reply.session_id not in {session["sessionId"] for session in sessions()}


def test_of_several_descriptors_the_first_is_the_leader_and_none_is_kept():
    fds = settled_fds()
    process = subprocess.Popen(["sleep", "1000"])
    first, second = os.pidfd_open(process.pid), leader()
    for others in ([second], [second] * 3, [second] * 20):
        reply = frame.ask(daemon, frame.request(rhost="192.0.2.54"), first, *others)
        assert reply.outcome == frame.OK and session_of(reply.session_id)["leader"] == process.pid
    process.kill()
    process.wait()
    os.close(first)
    assert settled_fds() == fds


def test_a_descriptor_that_is_no_pidfd_opens_nothing():
    fds = settled_fds()
    ends = os.pipe()
    null = os.open("/dev/null", os.O_RDONLY)
    for fd in (null, *ends):
        reply = frame.ask(daemon, frame.request(), fd)
        assert reply.outcome == frame.FAILED and "cannot be identified" in reply.text, reply
        assert frame.ask(daemon, frame.request(phase=frame.CLOSE), fd).outcome == frame.OK
    for fd in (null, *ends):
        os.close(fd)
    assert len(sessions()) == 1 and settled_fds() == fds


def test_a_leader_that_has_died_opens_nothing():
    process = subprocess.Popen(["true"])
    pidfd = os.pidfd_open(process.pid)
    os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    zombie = frame.ask(daemon, frame.request(), pidfd)
    process.wait()
    gone = frame.ask(daemon, frame.request(), pidfd)
    os.close(pidfd)
    assert zombie.outcome == gone.outcome == frame.FAILED


def test_who_connects_and_says_nothing_is_hung_up_on():
    silent = frame.Module(daemon)
    assert root.call("GetHealth")["ok"]
    pass_time(daemon, 16)
    assert silent.read() is None
    silent.close()


def test_three_thousand_altered_frames_end_nothing():
    chance = random.Random(7)
    good = frame.request(phase=frame.CLOSE, session_id=witness.sid, groups=(1, 2, 3))
    pidfd = leader()
    for _ in range(3000):
        packet = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            byte = chance.choice((0, 1, 0x7f, 0x80, 0xff, chance.randrange(256)))
            packet[chance.randrange(len(packet))] = byte
        if chance.random() < 0.3:
            packet = packet[:chance.randrange(1, len(packet))]
            packet[8:12] = struct.pack("<I", len(packet))[:len(packet[8:12])]
        reply = frame.ask(daemon, bytes(packet), pidfd)
        assert reply and reply.outcome in (frame.OK, frame.IGNORED, frame.FAILED, frame.UNSUPPORTED), packet
    assert witness.sid in {session["sessionId"] for session in sessions()}
    assert root.call("GetHealth")["ok"]


# ---- unusual, and right ------------------------------------------------------------------------------------

def test_addresses_of_ipv6_and_none_at_all_work():
    for rhost, ip, device in (("2001:db8::77", "2001:db8::77", "2001:db8::/64"),
                              ("2001:0DB8:0:0:0:0:0:0078", "2001:db8::78", "2001:db8::/64"),
                              ("::ffff:192.0.2.61", "192.0.2.61", "192.0.2.61"),
                              ("fe80::1%eth0", "fe80::1", "fe80::/64"),
                              ("192.0.2.62", "192.0.2.62", "192.0.2.62"),
                              ("", None, "unknown:sshd"), ("::1", "::1", "unknown:sshd"),
                              ("127.0.0.1", "127.0.0.1", "unknown:sshd"),
                              ("some.name.example", None, "unknown:sshd")):
        session = session_of(PamLogin(host, "alice", rhost=rhost).sid)
        assert (session.get("ip"), session["deviceName"]) == (ip, device), rhost
    assert session_of(PamLogin(host, "alice", rhost=None).sid)["deviceName"] == "unknown:sshd"


def test_a_far_host_that_cannot_be_carried_is_a_question_mark_and_the_login_works():
    for rhost in ("x" * 257, "line\nbreak", "\x1b[2J", "tab\there"):
        session = session_of(PamLogin(host, "alice", rhost=rhost, TTY="y" * 129).sid)
        assert session["deviceName"] == "unknown:sshd" and session["tty"] == "?" and "ip" not in session
    assert "\x1b" not in daemon.log()


def test_a_user_who_is_unknown_has_no_session_and_no_trouble():
    app = PamApp(host)
    app.begin(1, "sshd", "no-such-user")
    assert app.account(1).rc == app.open(1).rc == app.close_session(1).rc == 0
    assert sessions(user="no-such-user") == [] and "no-such-user" not in daemon.log()


def test_names_of_digits_and_of_256_bytes_work():
    host.add_user("12345", uid=2345)
    session = session_of(PamLogin(host, "12345").sid)
    assert (session["user"], session["uid"]) == ("12345", 2345)
    assert root.call("ListSessions", user="12345")["sessions"][0]["uid"] == 2345
    assert root.call("ListSessions", user="2345")["sessions"] == []
    long = "n" * 256
    with open("/etc/passwd", "a", encoding="utf-8") as file:  # its home cannot be made, but it needs none
        file.write(f"{long}:x:60001:60001::/:/bin/sh\n")
    reply = frame.ask(daemon, frame.request(user=long, uid=60001), leader())
    mine = Varlink(daemon, user=60001)
    assert mine.call("ListSessions", user=long)["sessions"][0]["sessionId"] == reply.session_id
    token = mine.call("MintToken", sessionId=reply.session_id)["accessToken"]
    assert root.call("Introspect", token=token)["sub"] == long
    assert root.call("RevokeAll", user=long)["revokedCount"] == 1
    assert not root.call("Introspect", token=token)["active"]


def test_text_that_is_no_utf8_is_refused_and_spoils_nobody_elses_list():
    for values in ({"tty": b"\xff\xfe"}, {"service": b"caf\xe9"}, {"user": b"jos\xe9"}, {"rhost": b"\x80"},
                   {"tty": b"\xc2\x9b31m"}):
        refused(frame.request(**values), BAD + next(iter(values)))
    odd = PamLogin(host, "alice", TTY="\x9b1m")  # as UTF-8: a control character for all that
    assert session_of(odd.sid)["tty"] == "?"
    rows = list(root.call_more("ListSessions", all=True))
    assert {witness.sid, odd.sid} == {row["session"]["sessionId"] for row in rows}


def test_a_name_of_another_script_is_shown_as_it_is():
    host.add_user("j\u00f6rg")
    session = session_of(PamLogin(host, "j\u00f6rg", TTY="\u2603").sid)
    assert (session["user"], session["tty"]) == ("j\u00f6rg", "\u2603")
    token = Varlink(daemon, user="j\u00f6rg").call("MintToken", sessionId=session["sessionId"])["accessToken"]
    assert root.call("Introspect", token=token)["sub"] == "j\u00f6rg"

"""Somebody or something else in the daemon's place, before a real sshd: it is told nothing, or is heard no
longer than the budget; logins go on as without us, and where errors deny they are refused."""
import contextlib
import os
import pathlib
import pwd
import socket
import struct
import threading
import time

from harness import Host, PamStack, Ssh, Sshd, later

BUDGET = 0.25
SLACK = 3.0  # of a busy machine; what hangs, hangs until ssh is given up
SOCKET = pathlib.Path("/run/sessjwt/login")
FORGED = "019ab000-0000-7000-8000-00001a2b3c4d"

host = Host()
MALLORY = pwd.getpwnam("mallory").pw_uid
PamStack(host, "sshd")
PamStack(host, "strict", options="on_error=deny")
ssh = Ssh(Sshd(host))
strict = Ssh(Sshd(host, "strict"))
host.write_file("alice", ".ssh/authorized_keys", ssh.public_key("laptop") + strict.public_key("laptop"))


@contextlib.contextmanager
def as_mallory():
    """This process is mallory to whoever asks the kernel."""
    os.seteuid(MALLORY)
    try:
        yield
    finally:
        os.seteuid(0)


class Rogue:
    """A server in the daemon's place, until the test's end. behave(connection, ended): what it does to each;
    ended is set when it is to end."""

    def __init__(self, behave, kind=socket.SOCK_SEQPACKET, path=SOCKET, listens_as=contextlib.nullcontext,
                 owner=-1):
        self.heard = []
        self.behave = behave
        self.listener = socket.socket(socket.AF_UNIX, kind)
        self.listener.bind(str(path))
        os.chmod(path, 0o666)
        os.chown(path, owner, -1)  # before anybody can connect: an earlier login may be closing yet
        with listens_as():
            self.listener.listen(64)
        self.path = path
        self.open = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        later(self.close)

    def _run(self):
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            if packet := connection.recv(65536):
                self.heard.append(packet)
                self.behave(connection, self.ended)

    def close(self):
        """Hangs up on everybody."""
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        for sock in (*self.open, self.listener):
            sock.close()
        self.path.unlink()


def reply(text=b"", session_id=FORGED.encode(), magic=b"SJWR", version=1, outcome=1, size=None):
    """As a daemon would answer, but for what is said."""
    body = b"".join(struct.pack("<H", len(part)) + part + b"\0" for part in (session_id, text, b""))
    return struct.pack("<4sHHI", magic, version, outcome, 12 + len(body) if size is None else size) + body


def log_in(client=ssh):
    """(what a command of alice's showed of her session, or None if she was not let in; how long it took)"""
    before = time.monotonic()
    done = client.run("alice", "echo [$SESSJWT_SESSION_ID$BEARER_TOKEN_FILE]", key="laptop")
    return done.out.strip() or None, time.monotonic() - before


assert log_in()[0] == "[]", "without anybody there"
usual = min(log_in()[1] for _ in range(3))


def assert_as_without_us():
    """No session, hardly a delay (unless the machine has more to do than us); refused where errors deny."""
    for _ in range(5):
        shown, seconds = log_in()
        assert shown == "[]"
        if seconds <= usual + BUDGET + SLACK:
            break
    assert seconds <= usual + BUDGET + SLACK, seconds
    assert log_in(strict)[0] is None


def answering(*packets, pause=0.0):
    """A behaviour: these packets, one after the other."""
    def behave(connection, ended):
        for packet in packets:
            connection.send(packet)
            ended.wait(pause)
    return behave


def test_a_right_answer_of_such_a_server_would_be_taken():
    """So what the others lack is what makes the difference."""
    rogue = Rogue(answering(reply()))
    assert log_in()[0] == f"[{FORGED}]" and log_in(strict)[0] == f"[{FORGED}]"
    assert rogue.heard and all(packet.startswith(b"SJWT") for packet in rogue.heard)


def test_a_socket_of_mallorys_is_told_nothing():
    rogue = Rogue(answering(reply()), owner=MALLORY)
    assert_as_without_us()
    assert rogue.heard == []


def test_a_server_of_mallorys_on_a_socket_of_roots_is_told_nothing():
    rogue = Rogue(answering(reply()), listens_as=as_mallory)
    assert os.stat(SOCKET).st_uid == 0
    assert_as_without_us()
    assert rogue.heard == []


def test_a_folder_of_mallorys_and_one_that_she_may_write_to_are_not_trusted():
    rogue = Rogue(answering(reply()))
    later(lambda: (os.chown(SOCKET.parent, 0, 0), os.chmod(SOCKET.parent, 0o755)))
    os.chown(SOCKET.parent, MALLORY, -1)
    assert_as_without_us()
    os.chown(SOCKET.parent, 0, -1)
    for mode in (0o777, 0o1777, 0o775):
        os.chmod(SOCKET.parent, mode)
        assert_as_without_us()
    assert rogue.heard == []


def test_a_link_to_another_socket_of_roots_is_not_followed():
    other = host.dir / "another"
    rogue = Rogue(answering(reply()), path=other)
    SOCKET.symlink_to(other)
    later(SOCKET.unlink)
    assert_as_without_us()
    assert rogue.heard == []


def test_a_stream_is_told_nothing():
    rogue = Rogue(answering(reply()), kind=socket.SOCK_STREAM)
    assert_as_without_us()
    assert rogue.heard == []


def test_silence_costs_the_budget_and_no_more():
    rogue = Rogue(lambda connection, ended: connection.recv(1))
    assert_as_without_us()
    assert rogue.heard


def test_hanging_up_costs_nothing():
    Rogue(lambda connection, ended: connection.close())
    assert_as_without_us()


def test_nonsense_is_no_answer():
    said = []
    rogue = Rogue(lambda connection, ended: connection.send(said[0]))
    for packet in (b"\0", b"SJWR", b"x" * 1024, reply(magic=b"SJWT"), reply(outcome=0), reply(outcome=7),
                   reply(outcome=65535), reply(size=0), reply(size=0xffffffff), reply() + b"\0", reply()[:-1],
                   reply(session_id=b"x" * 37), reply(session_id=b"\n"), reply(session_id=b"\xff"),
                   reply(text=b"\x1b[2J"), reply(text=b"x" * 501), reply(session_id=b"")):
        said[:] = [packet]
        assert_as_without_us()
        assert rogue.heard.pop(), packet


def test_too_much_is_no_answer():
    def flood(connection, ended):
        while not ended.is_set():
            connection.send(b"x" * 60000)
    Rogue(flood)
    assert_as_without_us()


def test_a_byte_a_second_is_no_answer_at_the_first_byte():
    Rogue(answering(*(bytes([byte]) for byte in reply()), pause=1.0))
    assert_as_without_us()


def test_another_version_is_ignored_even_where_errors_deny():
    Rogue(answering(reply(version=2)))
    assert log_in()[0] == "[]" and log_in(strict)[0] == "[]"

"""frame: what the module and the daemon say to each other, written anew from pam/frame.h, so that tests can
say it wrong."""
import array
import dataclasses
import socket
import struct

ACCOUNT, OPEN, CLOSE = 1, 2, 3
PREAUTH, AUTHFAIL, AUTHSUCC, CHOOSE = 5, 6, 7, 8
OK, IGNORED, DENIED, FAILED, UNSUPPORTED, ASKS = 1, 2, 3, 4, 5, 6
CAN_ASK = 1 << 5  # a flag
OLDEST, OTHERS, GIVE_UP = 1, 2, 3  # choices
NEVER = 1 << 62  # a deadline
STRINGS = ("user", "service", "realm", "tty", "rhost", "ruser", "ssh_connection", "auth_info", "session_id")
LIMITS = {"user": 256, "service": 64, "realm": 64, "tty": 128, "rhost": 256, "ruser": 256,
          "ssh_connection": 128, "auth_info": 32768, "session_id": 36}
GROUPS_MAX = 4096


def text(value):
    """u16 length, bytes, NUL."""
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<H", len(value)) + value + b"\0"


def fields(*, flags=0, deadline=NEVER, uid=2000, choice=0, groups=(), **strings):
    """All that stands behind the first twelve bytes, as a list of (name, bytes)."""
    given = {"user": "alice", "service": "sshd", "realm": "default", "rhost": "192.0.2.10"} | strings
    parts = [("flags", struct.pack("<I", flags)), ("deadline", struct.pack("<Q", deadline)),
             ("uid", struct.pack("<I", uid)), ("choice", struct.pack("<I", choice))]
    parts += [(name, text(given.get(name, ""))) for name in STRINGS]
    return parts + [("groups", struct.pack(f"<H{len(groups)}I", len(groups), *groups))]


def pack(body, *, phase=OPEN, magic=b"SJWT", version=1, size=None):
    """The frame around a body."""
    return magic + struct.pack("<HHI", version, phase, 12 + len(body) if size is None else size) + body


def request(phase=OPEN, **values):
    """A frame as the module would write it."""
    return pack(b"".join(part for _name, part in fields(**values)), phase=phase)


@dataclasses.dataclass
class Reply:
    """What the daemon answered."""
    outcome: int
    session_id: str
    text: str
    token_file: str


def read_reply(packet):
    """A reply's fields; it must be well-formed to the byte."""
    magic, version, outcome, size = struct.unpack_from("<4sHHI", packet)
    assert (magic, version, size) == (b"SJWR", 1, len(packet)), packet
    at, strings = 12, []
    for _ in range(3):
        length, = struct.unpack_from("<H", packet, at)
        strings.append(packet[at + 2:at + 2 + length].decode())
        assert packet[at + 2 + length] == 0
        at += length + 3
    assert at == len(packet), packet
    return Reply(outcome, *strings)


class Module:
    """One connection to the login socket, as the module makes it; a root of ours is the peer."""

    def __init__(self, daemon, seconds=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(seconds)
        self.socket.connect(str(daemon.login_socket))

    def send(self, packet, *descriptors):
        """One packet, with descriptors."""
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        self.socket.sendmsg([packet], [rights] if descriptors else [])

    def read(self):
        """The reply; None when the daemon hung up without one."""
        try:
            packet = self.socket.recv(4096)
        except ConnectionResetError:
            return None
        return read_reply(packet) if packet else None

    def close(self):
        """Hangs up."""
        self.socket.close()


def ask(daemon, packet, *descriptors):
    """One packet out, one reply in."""
    module = Module(daemon)
    try:
        module.send(packet, *descriptors)
        return module.read()
    finally:
        module.close()

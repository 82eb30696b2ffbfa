"""varlink: a client for sessjwtd's public socket, in plain Python, as any user.

The kernel keeps who called connect(). So for another user a child takes that identity, connects, hands the
descriptor back and stays alive, an ordinary process of that user, until the connection is closed."""
import contextlib
import json
import os
import pwd
import socket

from . import lifetime, sanitizers

INTERFACE = "org.sessjwt"


class VarlinkError(Exception):
    """An error reply: name ("org.sessjwt.…" or "org.varlink.service.…") and parameters."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {json.dumps(parameters)}")
        self.name = name
        self.parameters = parameters


class ConnectionLost(Exception):
    """The daemon hung up in the middle of a call."""


def become(user):
    """Takes a user's identity for good: supplementary groups, gid, uid. A number is a uid that has no
    name."""
    if isinstance(user, int):
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        return
    entry = pwd.getpwnam(user)
    os.setgroups(os.getgrouplist(user, entry.pw_gid))
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def _connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.connect(path)
    return sock


class Varlink:
    """One connection. place: a Daemon, or the path of the socket. user: a name or a uid; None: as we are."""

    def __init__(self, place, user=None, timeout=10.0):
        self.path = str(getattr(place, "varlink_socket", place))
        self.pid = os.getpid()
        self._child_end = None
        self._sock = _connect(self.path) if user is None else self._connect_as(user)
        self._sock.settimeout(timeout * sanitizers.slowness())
        self._buffer = b""
        lifetime.own(self)

    def _connect_as(self, user):
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._live_as(user, theirs)
        theirs.close()
        self._child_end = ours
        report, fds, _flags, _address = socket.recv_fds(ours, 256, 1)
        if not fds:
            self.close()
            raise ConnectionError(f"connecting to {self.path} as {user}: {report.decode()}")
        return socket.socket(fileno=fds[0])

    def _live_as(self, user, theirs):
        """The child: connects as user, hands the descriptor over, waits until nobody wants it any more."""
        with contextlib.suppress(BaseException):
            os.closerange(3, theirs.fileno())  # else we would keep other connections open
            os.closerange(theirs.fileno() + 1, 4096)
            try:
                become(user)
                sock = _connect(self.path)
                socket.send_fds(theirs, [b"ok"], [sock.fileno()])
                sock.close()
            except (OSError, KeyError) as error:
                theirs.send(str(error).encode())
            theirs.recv(1)
        os._exit(0)  # nothing of the parent's is ours to clean up

    def is_open(self):
        """Whether close() was not called yet."""
        return self._sock.fileno() >= 0

    def close(self):
        """Hangs up; the child that lent its identity ends too."""
        if getattr(self, "_sock", None):
            self._sock.close()
        if self._child_end:
            self._child_end.close()
            self._child_end = None
            os.waitpid(self.pid, 0)

    def send_raw(self, data):
        """Sends bytes as they are; the NUL is the caller's."""
        self._sock.sendall(data)

    def send_call(self, method, parameters=None, **flags):
        """Sends a call without waiting for its reply: for pipelining, more=True, oneway=True."""
        if "." not in method:
            method = f"{INTERFACE}.{method}"
        call = {"method": method, "parameters": parameters or {}, **flags}
        self.send_raw(json.dumps(call).encode() + b"\0")

    def read_raw(self):
        """The next reply's bytes without their NUL, or None when the daemon has hung up."""
        while b"\0" not in self._buffer:
            try:
                data = self._sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._buffer += data
        text, _nul, self._buffer = self._buffer.partition(b"\0")
        return text

    def read_reply(self):
        """The next reply as a dict, or None when the daemon has hung up."""
        text = self.read_raw()
        return None if text is None else json.loads(text)

    def _result(self):
        reply = self.read_reply()
        if reply is None:
            raise ConnectionLost(self.path)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters") or {})
        return reply

    def call(self, method, **parameters):
        """Calls a method ("GetHealth", or "org.varlink.service.GetInfo") and returns the reply's
        parameters."""
        self.send_call(method, parameters)
        return self._result().get("parameters") or {}

    def call_more(self, method, **parameters):
        """Calls with `more`; yields the parameters of each reply until the last."""
        self.send_call(method, parameters, more=True)
        while True:
            reply = self._result()
            yield reply.get("parameters") or {}
            if not reply.get("continues"):
                return

"""calling: connections to a daemon that may be gone at any moment, cheap enough for thousands, from threads.

The kernel keeps who called connect(): a thread takes another user's identity for that one call. (glibc would
change all threads; the system call changes its own.)"""
import array
import contextlib
import ctypes
import json
import os
import platform
import socket

from harness import frame

_SETRESUID = {"x86_64": 117, "aarch64": 147}[platform.machine()]
_LIBC = ctypes.CDLL(None, use_errno=True)
_KEEP = ctypes.c_long(-1)


class Gone(Exception):
    """The daemon hung up, or does not listen: what was asked has happened, or has not."""


class Refused(Exception):
    """An error reply; its name without the interface."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name = name


def _take_effective_uid(uid):
    if _LIBC.syscall(_SETRESUID, _KEEP, ctypes.c_long(uid), _KEEP) < 0:
        raise OSError(ctypes.get_errno(), f"cannot become {uid}")


@contextlib.contextmanager
def _gone():
    """Whatever a socket says when the other side has died."""
    try:
        yield
    except OSError as error:
        raise Gone(str(error)) from error


class Client:
    """One connection to the public socket, as root or as a uid."""

    def __init__(self, daemon, uid=0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(20)
        self._buffer = b""
        _take_effective_uid(uid)
        try:
            with _gone():
                self._socket.connect(str(daemon.varlink_socket))
        except Gone:
            self._socket.close()
            raise
        finally:
            _take_effective_uid(0)

    def call(self, method, **parameters):
        """The reply's parameters; Refused or Gone."""
        self._send({"method": f"org.sessjwt.{method}", "parameters": parameters})
        return self._receive().get("parameters") or {}

    def call_more(self, method, **parameters):
        """The parameters of each reply, as they come."""
        self._send({"method": f"org.sessjwt.{method}", "parameters": parameters, "more": True})
        continues = True
        while continues:
            reply = self._receive()
            continues = reply.get("continues", False)
            yield reply.get("parameters") or {}

    def _send(self, call):
        with _gone():
            self._socket.sendall(json.dumps(call).encode() + b"\0")

    def _receive(self):
        with _gone():
            while b"\0" not in self._buffer:
                data = self._socket.recv(1 << 18)
                if not data:
                    raise Gone("it hung up")
                self._buffer += data
        line, _nul, self._buffer = self._buffer.partition(b"\0")
        reply = json.loads(line)
        if "error" in reply:
            raise Refused(reply["error"].rpartition(".")[2], reply.get("parameters"))
        return reply

    def close(self):
        """Hangs up."""
        self._socket.close()


class Question:
    """A frame of the module that is on its way, in the name of a process."""

    def __init__(self, daemon, packet, pidfd):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(20)
        try:
            with _gone():
                self._socket.connect(str(daemon.login_socket))
                self._socket.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                                 array.array("i", [pidfd]))])
        except Gone:
            self._socket.close()
            raise

    def answer(self):
        """The reply, or Gone."""
        try:
            with _gone():
                packet = self._socket.recv(4096)
        finally:
            self._socket.close()
        if not packet:
            raise Gone("it hung up")
        return frame.read_reply(packet)


class Leader:
    """A process that does nothing but live, as that of a login."""

    def __init__(self):
        self.pid = os.posix_spawn("/bin/sleep", ["sleep", "infinity"], {}, setpgroup=0)
        self.pidfd = os.pidfd_open(self.pid)
        self.ended = False

    def has_ended(self):
        """Whether it is gone; then nothing of it is left."""
        if not self.ended and os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG):
            self.ended = True
            os.close(self.pidfd)
        return self.ended

    def kill(self, number):
        """A signal, which it dies of; returns when it is gone."""
        if not self.has_ended():
            os.kill(self.pid, number)
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            self.ended = True
            os.close(self.pidfd)

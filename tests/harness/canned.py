"""canned: a daemon that answers from a table, and the command that asks it."""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

from .lifetime import later
from .paths import COMMAND

SID = "019ab000-0000-7000-8000-00001a2b3c4d"
OTHER = "019ab000-0000-7000-8000-00005e6f7a8b"
DEVICE = "7a1f6c02" + "0" * 16 + "1b2c3d4e"
FOLDER = pathlib.Path(tempfile.mkdtemp())


def session(sid=SID, **changes):
    """A Session object."""
    return {"sessionId": sid, "realm": "default", "user": "alice", "uid": 2000, "service": "sshd",
            "class": "counted", "policy": "default", "deviceId": "d1", "deviceName": "laptop",
            "ip": "192.0.2.7", "tty": "pts/0", "methods": ["key", "pwd"], "leader": 77, "auditSession": None,
            "createdAt": "2026-01-02T03:04:05.678Z", "lastSeen": "2026-01-02T03:05:00.000Z",
            "expiresAt": None, "state": "live", "endReason": None, "current": sid == SID, **changes}


def rows(*objects, name="session"):
    """What a list answers to a caller that wants more."""
    return [{"parameters": {name: one}, "continues": one is not objects[-1]} for one in objects] or [{}]


def device(device_id=DEVICE, **changes):
    """A Device object."""
    return {"deviceId": device_id, "realm": "default", "user": "alice", "uid": 2000, "name": "laptop",
            "kind": "network", "identity": "192.0.2.7", "firstSeen": "2026-01-01T03:04:05.678Z",
            "lastSeen": "2026-01-02T03:04:05.678Z", "ip": "192.0.2.7", "logins": 3, "state": "known",
            "sessions": 2, "current": device_id == DEVICE, **changes}


def error(name, **parameters):
    """An error reply."""
    return {"error": name if "." in name else f"org.sessjwt.{name}", "parameters": parameters}


class Canned:
    """A daemon: method -> reply, list of replies, or function of the parameters; notes its calls."""

    def __init__(self, **answers):
        self.answers, self.calls = answers, []
        self.path = tempfile.mktemp(dir=FOLDER)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()
        later(self._close)

    def _close(self):
        """Only when nobody accepts any more: a thread on its way into accept() would take the clients of the
        next Canned, whose socket gets the number of this one."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._server.join(10)
        assert not self._server.is_alive(), "somebody is still being answered"
        self._listener.close()

    def _serve(self):
        while True:
            try:
                peer, _address = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), peer, peer.makefile("rb") as file:
                self._answer_all(peer, file)  # until the other side has heard enough

    def _answer_all(self, peer, file):
        call = b""
        while byte := file.read(1):
            call += byte
            if byte != b"\0":
                continue
            request, call = json.loads(call[:-1]), b""
            method, parameters = request["method"].rpartition(".")[2], request.get("parameters") or {}
            self.calls.append((method, parameters))
            answer = self.answers[method]
            answer = answer(parameters) if callable(answer) else answer
            for reply in answer if isinstance(answer, list) else [answer]:
                peer.sendall(json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode() + b"\0")

    def run(self, *arguments, stdin="", **environment):
        """Runs the command. Returns its CompletedProcess."""
        return sessjwt("--socket", self.path, *arguments, stdin=stdin, **environment)


def sessjwt(*arguments, stdin="", stdout=subprocess.PIPE, **environment):
    """Runs the command in UTC and UTF-8."""
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", **environment}
    return subprocess.run([str(COMMAND), *arguments], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          text=True, timeout=30, env=environment, check=False)


def says(result, status, out=None, err=None):
    """Checks status and output; out and err: the whole text, None: not looked at."""
    assert result.returncode == status, result
    assert out is None or result.stdout == out, result
    assert err is None or result.stderr == err, result
    return result

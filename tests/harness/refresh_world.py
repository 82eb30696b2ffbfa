"""refresh_world: a daemon with a clock, a login, and the refresh tokens of its session."""
import base64
import os
import re

from .clock import Clock
from .daemon import Daemon
from .pam_login import PamLogin
from .session_list import SessionList
from .varlink import Varlink, VarlinkError

GRACE = 30  # refresh_grace
TOKEN = re.compile(r"sjr1_[A-Za-z0-9_-]{80}")


class RefreshWorld:
    """A daemon of the test's own with a clock, and a login of alice."""

    def __init__(self, host, config="", **arguments):
        self.clock = Clock(host.dir / f"clock-{os.urandom(4).hex()}")
        self.daemon = Daemon(host, config, clock=self.clock, **arguments).start()
        self.sessions = SessionList(self.daemon)
        self.login = PamLogin(host, "alice")
        self.sid = self.login.sid
        assert self.sid, self.login.answer

    def ask(self, method, user="mallory", **parameters):
        """One call on a connection of its own; nobody in particular asks."""
        client = Varlink(self.daemon, user=user)
        try:
            return client.call(method, **parameters)
        finally:
            client.close()

    def issue(self):
        """The owner's IssueRefreshToken."""
        return self.ask("IssueRefreshToken", "alice", sessionId=self.sid)

    def refresh(self, token):
        """Refresh, by a stranger who has the token."""
        return self.ask("Refresh", refreshToken=token)

    def error(self, method="Refresh", user="mallory", **parameters):
        """(name, parameters) of a call that must be refused."""
        try:
            reply = self.ask(method, user, **parameters)
        except VarlinkError as error:
            return error.name.rpartition(".")[2], error.parameters
        raise AssertionError(f"{method} was answered: {reply}")

    def refused(self, token):
        """The name of the error that a refresh with this token meets."""
        return self.error(refreshToken=token)[0]

    def is_active(self, reply):
        """Whether the reply's access token is good now."""
        return self.sessions.call("Introspect", token=reply["accessToken"])["active"]

    def rotate(self, token):
        """Time passes, and the token is replaced. Returns the next one."""
        self.clock.advance(GRACE + 1)
        reply = self.refresh(token)
        assert reply["refreshToken"] != token
        return reply["refreshToken"]


def parts(token):
    """(sid, chain, counter, MAC) of a token."""
    assert TOKEN.fullmatch(token), token
    data = base64.urlsafe_b64decode(token[5:])
    return data[:16].hex(), int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:28], "big"), data[28:]

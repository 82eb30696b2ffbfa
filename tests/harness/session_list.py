"""session_list: the sessions of one daemon: root's list of them, and what its log says of them."""
import re

from .varlink import Varlink
from .waiting import eventually

_OPENED = re.compile(r"^session opened: (\S+) (\S+) by ", re.M)
_ENDED = re.compile(r"^session ended, (\S+): (\S+) (\S+) by ", re.M)


class SessionList:
    """Each question is a connection of its own, so that the daemon may be restarted between two."""

    def __init__(self, daemon):
        self.daemon = daemon

    def call(self, method, **parameters):
        """Any method, as root."""
        varlink = Varlink(self.daemon)
        try:
            return varlink.call(method, **parameters)
        finally:
            varlink.close()

    def of(self, user=None):
        """Session objects of a user, of everybody if none is named, oldest first."""
        return self.call("ListSessions", **({"user": user} if user else {"all": True}))["sessions"]

    def one(self, user):
        """The user's session, which must be the only one. Waits for it: sshd lets a client know that it is in
        before it opens the session, so that with -N nothing else says when."""
        found = eventually(lambda: self.of(user), what=f"a session of {user}")
        assert len(found) == 1, f"{user} has {len(found)} sessions: {found}"
        return found[0]

    def ids(self, user=None):
        """The ids of all rows, or of a user's."""
        return [session["sessionId"] for session in self.of(user)]

    def opened(self, user, after=0):
        """Ids of the sessions that the user was given, by the log from offset `after` on."""
        return [sid for name, sid in _OPENED.findall(self.daemon.log(after)) if name == user]

    def ends(self, sid):
        """The reasons that the log gives for this session's end: one, or none while it lives."""
        return [reason for reason, _user, of in _ENDED.findall(self.daemon.log()) if of == sid]

    def wait_end(self, sid, seconds=1.0):
        """Waits until the session has ended and its row is gone; returns the only reason for it."""
        eventually(lambda: self.ends(sid), seconds, f"the end of session {sid}")
        eventually(lambda: sid not in self.ids(), seconds, f"no row of session {sid}")
        reason, = self.ends(sid)
        return reason

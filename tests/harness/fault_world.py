"""fault_world: a daemon whose calls fail on purpose, and what must hold whichever of them did: it answers or
refuses, it lives or ends as it has said that it would, what it acknowledged is kept, and the next call
works."""
from .daemon import Daemon
from .faults import Faults
from .pam_app import PamApp
from .varlink import ConnectionLost, Varlink, VarlinkError
from .waiting import eventually

CLEAR_ERRORS = ("org.sessjwt.StoreUnavailable", "org.sessjwt.SessionEnded", "org.sessjwt.NotPublished",
                "org.sessjwt.NamesUnavailable", "org.sessjwt.ConfigurationInvalid",
                "org.sessjwt.BackupFailed")
COMMIT_FAILED = "the store failed to commit"
N_MAX = 30000
KINDS_AT_WORK = ("memory", "read", "write", "sync", "store", "commit", "descriptor", "random", "name", "room")
SLACK_FDS = 2  # connections that were made anew
MEMORY_KIB = 24 * 1024


class Refused(Exception):
    """A call was answered by one of CLEAR_ERRORS, or by nothing at all: the connection was dropped."""


class FaultWorld:
    """One daemon, one PAM application, and a model of what was acknowledged."""

    def __init__(self, host, config="", **arguments):
        self.faults = Faults(host.dir / "faults")
        self.daemon = Daemon(host, config, environment=self.faults.environment, **arguments).start()
        self.app = PamApp(host)
        self.handle = 1
        self.live = set()  # acknowledged: opened, and nobody has asked for their end
        self.ended = set()  # acknowledged: their end
        self._clients = {}

    # ---- callers -------------------------------------------------------------------------------------------

    def client(self, user=None):
        """A connection that is kept as long as it holds, and its test lasts."""
        if user not in self._clients or not self._clients[user].is_open():
            self._clients[user] = Varlink(self.daemon, user)
        return self._clients[user]

    def drop_clients(self):
        """They are made anew when they are wanted."""
        for client in self._clients.values():
            client.close()
        self._clients = {}

    def call(self, method, by=None, **parameters):
        """A call that may be refused; only clearly."""
        try:
            return self.client(by).call(method, **parameters)
        except VarlinkError as error:
            if error.name not in CLEAR_ERRORS:
                raise
            raise Refused(error.name) from error
        except (ConnectionLost, BrokenPipeError, ConnectionRefusedError, FileNotFoundError) as error:
            self.drop_clients()
            raise Refused("dropped") from error

    # ---- logins --------------------------------------------------------------------------------------------

    def log_in(self, user="alice", service="sshd", rhost="192.0.2.10"):
        """Account and open; the sid, or "" when the daemon kept nothing of it that it would say."""
        self.app.end(self.handle)  # of the one before, if it was not closed
        assert self.app.begin(self.handle, service, user).rc == 0
        self.app.item(self.handle, "RHOST", rhost)
        assert self.app.account(self.handle).name in ("PAM_SUCCESS", "PAM_IGNORE", "PAM_AUTHINFO_UNAVAIL")
        assert self.app.open(self.handle).rc == 0, "nobody is locked out by a fault"
        sid = self.app.getenv(self.handle, "SESSJWT_SESSION_ID")
        if sid:
            self.live.add(sid)
        return sid

    def log_out(self, sid):
        """Close, as the module does: it never fails, so it acknowledges nothing."""
        self.live.discard(sid)
        assert self.app.close_session(self.handle).rc == 0
        self.app.end(self.handle)

    def revoke(self, sid):
        """What is answered is kept."""
        self.live.discard(sid)
        self.call("RevokeSession", sessionId=sid)
        self.ended.add(sid)

    # ---- what must hold ------------------------------------------------------------------------------------

    def restart(self):
        """Another one, on the same state. A daemon ends by itself only when it cannot know whether a commit
        is on the disk."""
        self.drop_clients()
        if self.daemon.is_running():
            self.daemon.kill()
        else:
            assert COMMIT_FAILED in self.daemon.log()[-500:], self.daemon.log()[-1000:]
            assert "store_commit" in self.faults.where(), self.faults.where()
        self.daemon.start()

    def sessions(self):
        """All rows: sid -> state."""
        try:
            rows = self.call("ListSessions", all=True)["sessions"]
        except Refused:  # it was ending, or had ended the connection before
            eventually(lambda: not self.daemon.is_running() or self._answers(), 5,
                       "it answers, or has ended")
            if not self.daemon.is_running():
                self.restart()
            rows = self.call("ListSessions", all=True)["sessions"]
        return {row["sessionId"]: row["state"] for row in rows}

    def _answers(self):
        try:
            return self.call("GetHealth")
        except Refused:
            return None

    def check(self):
        """Nothing is armed any more: it answers, and has told no lie."""
        rows = self.sessions()
        lost = {sid for sid in self.live if rows.get(sid) != "live"}
        assert not lost, f"acknowledged and lost: {lost}\n{self.daemon.log()[-1000:]}"
        alive = {sid for sid in self.ended if rows.get(sid) == "live"}
        assert not alive, f"acknowledged ends that live: {alive}"

    def clear(self):
        """Ends what nobody was told of: the rows of logins whose open or close was not answered. The policy
        has `terminate = none`, since all logins are our application's."""
        for sid in self.sessions():
            if sid in self.live:
                continue
            try:
                self.call("RevokeSession", sessionId=sid)
            except VarlinkError as error:  # its leader has gone meanwhile
                if error.name != "org.sessjwt.SessionNotFound":
                    raise

    def _try(self, act, what):
        try:
            act()
        except Refused:
            pass
        except Exception as error:
            self.faults.disarm()
            raise AssertionError(f"{what}: {error!r}\n{self.faults.where()}\n"
                                 f"{self.daemon.log()[-1000:]}") from error
        failed = self.faults.disarm()
        try:
            self.check()
            self.clear()
        except Exception as error:
            raise AssertionError(f"after {what}: {error!r}\n{self.faults.where()}") from error
        return failed

    def each(self, kind, act, step=1, **arguments):
        """The 1st, 2nd, … call of a kind fails while act runs, until there are no more of them; returns how
        many there were."""
        for nth in range(1, N_MAX, step):
            self.faults.arm(kind, nth, **arguments)
            if not self._try(act, f"{kind} {nth}"):
                return nth - 1
        raise AssertionError(f"more than {N_MAX} calls of kind {kind}")

    def all_kinds(self, act, steps=None, kinds=KINDS_AT_WORK):
        """Each call of each kind. steps: kind -> not each, but every so many. Afterwards the next call works
        as ever, nothing is left over, and what was acknowledged is there when the daemon was killed."""
        act()
        self.check()
        fds = self.daemon.count_fds()
        counts = {kind: self.each(kind, act, (steps or {}).get(kind, 1)) for kind in kinds}
        act()
        self.check()
        eventually(lambda: self.daemon.count_fds() <= fds + SLACK_FDS,
                   what=lambda: f"no descriptors left over: {self.daemon.count_fds()}, {fds} before")
        if not self.daemon.is_sanitized():
            assert self.daemon.memory_kib() < MEMORY_KIB
        self.restart()
        self.check()
        return counts

"""crowd: a daemon with very many live sessions, and what things cost there. Sessions are made as modules make
them, through the login socket, by users with ten each; alice has 64 of them."""
import re
import time

from harness import Daemon, Varlink, eventually, paths
from harness.skip import need

from .load import Counted, Logins, calls
from .program import bench_program

SESSIONS_A_USER = 10
ALICE_HAS = 64
LEADERS = 1000   # processes that lead the sessions: each costs the daemon a descriptor
AT_ONCE = 512    # logins, while the crowd is made
GUESTS = 5_000_000  # users from here on are only there to be measured


class Crowd:
    """One daemon. n: how many sessions it has."""

    def __init__(self, host, name, state_dir):
        self.host = host
        self.daemon = Daemon(host, hooked=False, state_dir=state_dir, runtime_dir=host.dir / name)
        self.daemon.runtime_dir.mkdir()
        self.daemon.start()
        self._logins = Logins(self.daemon, LEADERS)
        self.n = 0
        self._logins.open(ALICE_HAS, at_once=ALICE_HAS, uid=2000, user="alice")

    def grow(self, n, seconds):
        """Makes so many more sessions, or as many as can be made in that time; logins a second."""
        users = max(1, n // SESSIONS_A_USER)
        made = self._logins.open(n, at_once=AT_ONCE, users=users, first=self.n // SESSIONS_A_USER,
                                 seconds=seconds)
        self.n = self._live() - ALICE_HAS
        return made["rate"]

    def _client(self, user=None):
        return Varlink(self.daemon, user=user)

    def _live(self):
        client = self._client()
        sessions = client.call("GetHealth")["sessions"]
        client.close()
        return sessions

    # ---- what is measured: each returns microseconds, but where it says otherwise --------------------------

    def log_in(self, n, at_once=1):
        """Logins whose processes then die: percentiles. There are as many sessions afterwards as before."""
        before = self._live()
        guests = Logins(self.daemon, 16)
        times = guests.open(n, at_once=at_once, users=n // SESSIONS_A_USER, first=GUESTS)
        guests.close()
        eventually(lambda: self._live() == before, 60.0, "the guests are gone")
        return times

    def mint(self):
        """Tokens of all of alice's sessions."""
        client = self._client("alice")
        sids = [session["sessionId"] for session in client.call("ListSessions")["sessions"]]
        assert len(sids) == ALICE_HAS
        tokens = [client.call("MintToken", sessionId=sid)["accessToken"] for sid in sids]
        client.close()
        return tokens

    def verifier(self, tokens):
        """Who verifies them in his own process."""
        need(paths.LIBRARY)
        path = self.host.dir / f"tokens-{self.daemon.runtime_dir.name}-{self.n}"
        path.write_text("".join(f"{token}\n" for token in tokens), "ascii")
        issuer = "sessjwt://" + open("/proc/sys/kernel/hostname", encoding="ascii").read().strip()
        return Counted(bench_program("load_verify"), self.daemon.runtime_dir / "public", issuer, path)

    def introspecter(self, tokens):
        """Who asks the daemon for them, one after the other."""
        texts = [{"method": "org.sessjwt.Introspect", "parameters": {"token": token}} for token in tokens]
        return calls(self.daemon, self.host.dir, texts)

    def lister(self):
        """Who lists users' sessions, one user after the other."""
        users = range(min(1000, self.n // SESSIONS_A_USER))
        texts = [{"method": "org.sessjwt.ListSessions", "parameters": {"user": f"u{user:07}"}}
                 for user in users]
        return calls(self.daemon, self.host.dir, texts)

    def revoke(self, users=8):
        """Ends all sessions of a user, one user after the other: the median."""
        self._logins.open(users * SESSIONS_A_USER, at_once=64, users=users, first=GUESTS)
        texts = [{"method": "org.sessjwt.RevokeAll", "parameters": {"user": f"u{GUESTS + user:07}"}}
                 for user in range(users)]
        revoker = calls(self.daemon, self.host.dir, texts)
        times = revoker.run(users)
        revoker.close()
        return times["p50"]

    def restart(self):
        """Seconds from the start of the process to READY=1, after a stop in order."""
        self.daemon.stop()
        begun = time.monotonic()
        self.daemon.start(seconds=60.0)
        return time.monotonic() - begun

    def memory_mib(self):
        """Resident memory without the store's map."""
        kib, is_map = 0, False
        with open(f"/proc/{self.daemon.pid}/smaps", encoding="utf-8") as file:
            for line in file:
                if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                    is_map = line.rstrip().endswith("/data.mdb")
                elif line.startswith("Rss:") and not is_map:
                    kib += int(line.split()[1])
        return kib / 1024

    def page_mib(self):
        """The status page."""
        return (self.daemon.runtime_dir / "public" / "status").stat().st_size / 2**20

    def store_mib(self):
        """The store on its disk."""
        return (self.daemon.state_dir / "data.mdb").stat().st_blocks * 512 / 2**20

"""crash: a crowd on a daemon that is killed with -9, again and again, at random instants and at named points;
what was acknowledged before must hold after each restart."""
import collections
import pwd
import random
import shutil
import signal
import threading
import time

from harness import Clock, Daemon, DaemonFailed, NotInTime, eventually, processes
from . import power
from .calling import Client, Gone, Refused
from .crowd import Login, Person
from .facts import Facts
from .looking import ENDS, Checker, StoreLook

ISSUER = "https://soak.example"
LIMITS = {"anna": 1, "bert": 1, "cleo": 2, "dora": 2, "emil": 3, "finn": 0}
CONFIG = f"""\
[token]
issuer = {ISSUER}
[history]
history_size = 20000
""" + "".join(f"[policy {name}]\nusers = {name}\nmax_devices = {limit}\naccess_ttl = 1d\n"
              for name, limit in LIMITS.items())
POINTS = {
    "commit": ("login-taken", "before-commit", "after-commit"),
    "byte": ("before-status", "after-status"),
    "reply": ("before-reply", "after-reply"),
    "signal": ("before-signal", "before-terminal"),
    "random": None,
    "start": None,
}
POINTS_RECORDED = ("random", "commit", "sync", "reply", "sync", "start")


def _uid_of(host, name):
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return host.add_user(name).pw_uid


class CrashLoop:
    """The daemon, the crowd, and what they were told. seed: all that is chosen by chance, but for the time
    that things take. log: its writes and what was told are recorded there, for power.PowerLoss."""

    def __init__(self, host, seed, log=None):
        self.host, self.seed, self.rng = host, seed, random.Random(seed)
        self.clock = Clock(host.dir / f"soak-clock-{seed}")
        shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
        self.daemon = Daemon(host, CONFIG, clock=self.clock)
        self.daemon.environment = {"SESSJWT_TEST_STATUS_ROOM": "16"}  # the page grows under it
        if log:
            self.daemon.environment |= power.environment(log, self.daemon.state_dir)
        self.facts, self._is_recorded = Facts(power.journal(log) if log else None), bool(log)
        self.violations, self.operations, self.kills = [], collections.Counter(), collections.Counter()
        self.longest_start = 0.0
        self.round = 0
        self._lock = threading.Lock()
        self._fresh = []             # sids that were answered since the last look at history
        self._events = {}            # sid -> the kinds of its events that end it
        self._events_seen = set()
        self._since = None
        self._leaving = []           # (sid, process) of those that were told to go
        self.daemon.start()
        self.look = StoreLook()
        self.checker = Checker(self.daemon, ISSUER)
        self.people = [Person(self, name, _uid_of(host, name), limit, random.Random(f"{seed} {name}"))
                       for name, limit in LIMITS.items()]

    # ---- what people tell ----------------------------------------------------------------------------------

    def count(self, what):
        """One more answer."""
        with self._lock:
            self.operations[what] += 1

    def violation(self, text):
        """Something that must not be."""
        with self._lock:
            self.violations.append(f"round {self.round} of seed {self.seed}: {text}")

    def check_new(self, sid):
        """It was answered that this is a session."""
        with self._lock:
            self._fresh.append(sid)

    def check_refused(self, login):
        """From the answer on no verifier accepts its tokens."""
        with self._lock:
            answers = self.checker.answers(login.tokens)
        if 0 in answers:
            self.violation(f"a token of {login.sid} is good, and its end was answered")

    # ---- a round -------------------------------------------------------------------------------------------

    def run(self, kills, points=tuple(POINTS)):
        """So many kills, at each of the points in its turn."""
        for _ in range(kills):
            self.round += 1
            point = points[self.round % len(points)]
            self._live_until_killed(point)
            self.kills[point] += 1
            self.check_while_down()
            self._start()
            self.check()
            self.clock.advance(31)  # refresh_grace: the next use of a refresh token rotates it
        self.daemon.stop()

    def _live_until_killed(self, point):
        if point == "sync":
            self.daemon.stop()
            self._start(RECORD_DIE=str(self.rng.randint(1, 40)))
        elif POINTS[point]:
            name = self.rng.choice(POINTS[point])
            self.daemon.stop()
            self._start(hooks=f"{name}:{self.rng.randint(1, 40)}=kill")
        parked = threading.Event()
        threads = [threading.Thread(target=person.live, args=(parked.is_set,)) for person in self.people]
        threads.append(threading.Thread(target=self._observe, args=(parked.is_set,)))
        for thread in threads:
            thread.start()
        try:
            self._kill(point)
        finally:
            parked.set()
            for thread in threads:
                thread.join()

    def _kill(self, point):
        if point in ("random", "start"):
            time.sleep(self.rng.uniform(0.01, 0.2))  # the instant is what is chosen: nothing is waited for
        else:
            try:
                processes.wait_gone(self.daemon.pid, 3.0)
            except NotInTime:
                self.kills[f"{point}, not reached"] += 1
        self.daemon.kill()
        if point == "start":
            for _ in range(self.rng.randint(1, 3)):
                self.daemon.start(ready=False)
                time.sleep(self.rng.uniform(0, 0.06))
                self.daemon.kill()

    def _start(self, **how):
        """What is to kill it may do so before it is ready; then it is started once more, without."""
        begin = time.monotonic()
        try:
            self.daemon.start(**how)
        except DaemonFailed:
            if not how:
                raise
            self.daemon.start()
        self.longest_start = max(self.longest_start, time.monotonic() - begin)

    def _observe(self, is_over):
        """At every moment: no more devices than allowed, and nothing that has ended."""
        try:
            root = Client(self.daemon)
            for number in range(1 << 30):
                if is_over():
                    break
                person = self.people[number % len(self.people)]
                ended = {key[1] for key, _values in self.facts.items()
                         if key[0] == "session" and self.facts.is_surely(key, None)}
                self._check_list(person, root.call("ListSessions", user=person.name)["sessions"], ended)
            root.close()
        except Gone:
            pass

    def _check_list(self, person, rows, ended):
        live = [row for row in rows if row["state"] == "live"]
        devices = {row["deviceId"] for row in live}
        if person.max_devices and len(devices) > person.max_devices:
            self.violation(f"{person.name} has {len(devices)} devices, {person.max_devices} are allowed")
        for row in live:
            if row["sessionId"] in ended:
                self.violation(f"{row['sessionId']} of {person.name} lives, and its end was answered")

    # ---- after a kill --------------------------------------------------------------------------------------

    def _check_tokens(self, when):
        for person in self.people:
            for login in person.logins + person.over:
                key = ("session", login.sid)
                for answer in self.checker.answers(login.tokens):
                    if answer == 0 and self.facts.is_surely(key, None):
                        self.violation(f"{when}, a token of {login.sid} is good, and its end was answered")
                    if answer != 0 and self.facts.is_surely(key, "live"):
                        self.violation(f"{when}, a token of {login.sid} is refused ({answer}), and it lives")

    def check_while_down(self):
        """Before the restart: what verifiers say, and whether the store agrees with itself."""
        self._check_tokens("before the restart")
        view = self.look.at_copy(self.daemon.state_dir, self.host.dir / "looked-at")
        if view.problem:
            self.violation(f"the store after the kill: {view.problem}")

    def _look(self):
        """What the store and the page say when nothing goes on any more."""
        views = []

        def is_quiet():
            views.append(self.look.at_copy(self.daemon.state_dir, self.host.dir / "looked-at",
                                           self.daemon.runtime_dir / "public" / "status"))
            return not views[-1].problem and not views[-1].page
        try:
            eventually(is_quiet, 5.0)
        except NotInTime:
            self.violation(f"the store after the restart: {views[-1].problem or views[-1].page}")
        return views[-1]

    def check(self):
        """All that was acknowledged, against what there is; nothing else may go on meanwhile."""
        root = Client(self.daemon)
        for person in self.people:
            self._find_logins_on_their_way(person, root)
        view = self._look()
        if view.seen() == "behind":
            self.violation("the store is taken for an older copy")
        self._check_facts(view, root)
        if self._is_recorded:
            self._back_up(root)
        self._check_tokens("after the restart")
        self._check_history(root)
        self._check_leaders()
        root.close()

    def _check_leaders(self):
        """Whose session had ended before the last kill is disconnected: by now the signals were due, and the
        daemon that had to send them may have died twice."""
        for sid, leader in self._leaving:
            try:
                eventually(leader.has_ended, 5.0)
            except NotInTime:
                self.violation(f"the process of {sid} still runs")
                leader.kill(signal.SIGKILL)
        over = [login for person in self.people for login in person.over]
        self._leaving = [(login.sid, login.leader) for login in over if not login.leaves]
        for login in over:
            if login.leaves:
                login.leader.kill(signal.SIGTERM)
        for person in self.people:
            person.over.clear()

    def _find_logins_on_their_way(self, person, root):
        """An open that was not answered has come to a session, or not; a session that nobody asked for is
        one too many."""
        rows = root.call("ListSessions", user=person.name)["sessions"]
        ended = {key[1] for key, _values in self.facts.items()
                 if key[0] == "session" and self.facts.is_surely(key, None)}
        self._check_list(person, rows, ended)
        known = {login.sid: login for login in person.logins + person.over}
        opening = {leader.pid: (device, leader) for device, leader in person.opening}
        for row in rows:
            if row["sessionId"] in known:
                person.ids[known[row["sessionId"]].device] = row["deviceId"]
            if row["sessionId"] in known or row["state"] != "live":
                continue
            if row["leader"] not in opening:
                self.violation(f"{row['sessionId']} of {person.name} lives, and nobody asked for it")
                continue
            device, leader = opening.pop(row["leader"])
            person.adopt(Login(row["sessionId"], device, leader))
            person.ids[device] = row["deviceId"]
        for _device, leader in opening.values():
            leader.kill(signal.SIGKILL)
        person.opening.clear()

    def _check_facts(self, view, root):
        actual = view.facts()
        rows = root.call("ListDevices", all=True)
        actual |= {("backup", path.name): "whole" for path in self.daemon.state_dir.glob("backups/*")}
        actual |= {("device", row["deviceId"]): row["state"] for row in rows["devices"]}
        actual |= {("name", row["deviceId"]): row["name"] for row in rows["devices"]}
        for text in self.facts.broken(actual):
            self.violation(text)
        self.facts.settle(actual)
        for person in self.people:
            self._settle(person, actual)

    def _back_up(self, root):
        name = f"round-{self.round}"
        root.call("Backup", name=name)
        self.facts.set(("backup", name), "whole")

    def _settle(self, person, actual):
        """Person and daemon agree again on what has happened."""
        for login in list(person.logins):
            if actual.get(("session", login.sid)) is None:
                person.have_ended([login])
        order = sorted(person.logins, key=lambda login: login.sid)
        person.logins[:] = order
        states = {device: actual.get(("device", device_id)) for device, device_id in person.ids.items()}
        for device, device_id in person.ids.items():
            self.facts.set(("device", device_id), states[device])
        person.blocked = {device for device, state in states.items() if state == "blocked"}
        person.is_locked = actual.get(("lock", person.name)) == "admin"
        for login in person.logins:
            if login.is_refreshing:
                self._ask_again(person, login)

    def _ask_again(self, person, login):
        """The answer to a refresh was lost: the same token is answered with the current one."""
        login.is_refreshing = False
        if login.refresh:
            try:
                person.trade(login)
            except Refused as error:
                self.violation(f"a refresh of {login.sid} that was lost cannot be tried again: {error}")
        person.hang_up()

    # ---- history -------------------------------------------------------------------------------------------

    def _check_history(self, root):
        events = self._read_history(root)
        missing = [sid for sid in self._fresh if ("login", sid) not in events]
        for sid in missing:
            self.violation(f"history has no login of {sid}")
        self._fresh.clear()
        for person in self.people:
            for login in person.over:
                kinds = self._events.pop(login.sid, [])
                if len(kinds) != 1 or kinds[0] not in person.ends[login.sid]:
                    self.violation(f"history has {kinds} of the end of {login.sid}, "
                                   f"must be one of {sorted(person.ends[login.sid])}")
                del person.ends[login.sid]
                for key in ("session", "login", "end"):
                    self.facts.forget((key, login.sid))

    def _read_history(self, root):
        found, since = set(), {"since": self._since} if self._since else {}
        replies = list(root.call_more("ListHistory", all=True, limit=10_000, **since))
        for event in reversed([reply["event"] for reply in replies if "event" in reply]):
            sid = event.get("sessionId")
            found.add((event["kind"], sid))
            mark = (event["time"], event["kind"], sid)
            if sid and event["kind"] in ENDS and mark not in self._events_seen:
                self._events.setdefault(sid, []).append(event["kind"])
            self._events_seen.add(mark)
            self._since = event["time"]
        self._events_seen = {mark for mark in self._events_seen if mark[0] >= self._since}
        return found

    def figures(self):
        """What was done, as lines."""
        points = ", ".join(f"{name} {n}" for name, n in sorted(self.kills.items()))
        operations = ", ".join(f"{name} {n}" for name, n in sorted(self.operations.items()))
        return [f"seed         {self.seed}", f"kills        {self.round}: {points}",
                f"operations   {sum(self.operations.values())}: {operations}",
                f"restart      {self.longest_start * 1000:.0f} ms at most",
                f"violations   {len(self.violations)}", *self.violations[:20]]

"""A crowd: 10^3, 10^4, 10^5, 10^6 live sessions, made as modules make them. At each size everything is
measured in turns with a second daemon that has 10^3 all the while. Both keep their state in memory, so that
what is measured is the work and not the disk. Plots are drawn into build/bench."""
import os

from harness import Host, Skip
from bench import note, plot, row
from bench.crowd import AT_ONCE, LEADERS, Crowd

FIRST = 1000
LAST = int(os.environ.get("BENCH_SESSIONS", 1_000_000))
FILL_SECONDS = 200.0  # a slower machine stops with fewer
RUNS = 5

host = Host(users=("alice",))


def state(name):
    """A folder in memory."""
    folder = host.dir / name
    folder.mkdir(mode=0o700)
    return folder


class Scale:
    """What was measured: of each size {what: [(at this size, at 10^3), …]}, and what has no peer."""

    def __init__(self):
        self.small, self.large = (Crowd(host, name, state(f"{name}-state")) for name in ("small", "large"))
        self.small.grow(FIRST, FILL_SECONDS)
        self.points = []
        left = FILL_SECONDS
        while left > 0 and self.large.n < LAST:
            wanted = max(FIRST, self.large.n * 10) - self.large.n
            rate = self.large.grow(wanted, left)
            left -= wanted / rate
            if left > 0:
                self.points.append(self._look(rate))
        plot.draw(self.points)

    def _look(self, rate):
        point = {"sessions": self.large.n, "fill": rate, "one by one": self.large.log_in(500),
                 "64 at once": self.large.log_in(2000, at_once=64)}
        point |= self._look_in_turns()
        point["start"] = [self.large.restart() for _ in range(RUNS)]
        point["memory"] = self.large.memory_mib()
        point["page"] = self.large.page_mib()
        point["store"] = self.large.store_mib()
        return point

    def _look_in_turns(self):
        both = (self.large, self.small)
        tokens = [crowd.mint() for crowd in both]
        verify = [crowd.verifier(own) for crowd, own in zip(both, tokens)]
        introspect = [crowd.introspecter(own) for crowd, own in zip(both, tokens)]
        lists = [crowd.lister() for crowd in both]
        found = {
            "login": [[crowd.log_in(150)["p50"] for crowd in both] for _ in range(RUNS)],
            "verify": [[1e9 / one.run(2_000_000)["rate"] for one in verify] for _ in range(RUNS)],
            "introspect": [[one.run(4000)["p50"] for one in introspect] for _ in range(RUNS)],
            "list": [[one.run(1000)["p50"] for one in lists] for _ in range(RUNS)],
            "revoke": [[crowd.revoke() for crowd in both] for _ in range(RUNS)],
        }
        for program in verify + introspect + lists:
            program.close()
        return found


_scale = []


def last():
    """The largest size that was measured; measures all of them once."""
    if not _scale:
        _scale.append(Scale())
    point = _scale[0].points[-1]
    if point["sessions"] < 1_000_000:
        raise Skip(f"a crowd of {point['sessions']:,} and no more, in at most {FILL_SECONDS:.0f} s")
    return point


@row("10^6 sessions: a login alone", unit="µs", against="the same with 10^3 sessions", goal="≤ 1.3 ×")
def login():
    """Medians of 150."""
    point = last()
    yield from point["login"]
    note(f"made {AT_ONCE} at once, {point['fill']:,.0f} a second in the last step, by {LEADERS} processes; "
         f"the store has {point['store']:,.0f} MiB")


@row("10^6 sessions: verify in process, 64 tokens", unit="ns", against="the same with 10^3 sessions",
     goal="≤ 1.3 ×")
def verify():
    """Seen before."""
    yield from last()["verify"]


@row("10^6 sessions: Introspect, one connection, p50", unit="µs", against="the same with 10^3 sessions",
     goal="≤ 1.3 ×")
def introspect():
    """Of 64 tokens in turn."""
    yield from last()["introspect"]


@row("10^6 sessions: ListSessions of a user with 10", unit="µs", against="the same with 10^3 sessions",
     goal="≤ 1.3 ×")
def lists():
    """Of 1000 users in turn."""
    yield from last()["list"]


@row("10^6 sessions: RevokeAll of a user with 10", unit="µs", against="the same with 10^3 sessions")
def revoke():
    """Of 8 users in turn."""
    yield from last()["revoke"]


@row("10^6 sessions: start, until it answers", unit="s", goal="≤ 1 s")
def start():
    """After a stop in order."""
    for seconds in last()["start"]:
        yield seconds, None


@row("10^6 sessions: resident memory without the map", unit="MiB", goal="≤ 64 MiB")
def memory():
    """One look."""
    point = last()
    for _ in range(RUNS):
        yield point["memory"], None
    note(f"the status page, mapped too, has {point['page']:.1f} MiB")

"""row: one line of the table: what is measured, beside what, and what it should be. Pure but for the list of
rows."""
import ast
import re
import statistics

RUNS = 5  # at least so many pairs, ours and the peer's in turns

_GOAL = re.compile(r"([≤≥]) ([0-9.]+) (\S+)")
_rows = []
_notes = []


class Goal:
    """"≤ 1.3 ×": of the ratio; "≥ 15 M/s": of our own figure, in the row's unit."""

    def __init__(self, text, unit):
        match = _GOAL.fullmatch(text)
        if not match or match[3] not in ("×", unit):
            raise ValueError(f"goal {text!r}: wants '≤ 1.3 ×', or '≥ 15 {unit}' in the row's unit")
        self.text = text
        self.is_ratio = match[3] == "×"
        self._limit = float(match[2])
        self._is_most = match[1] == "≤"

    def is_met(self, ours, ratio):
        """By the medians of our figure and of the ratio (None where there is no peer)."""
        value = ratio if self.is_ratio else ours
        return value <= self._limit if self._is_most else value >= self._limit


class Row:
    """What @row makes of a function."""

    def __init__(self, function, name, unit, against, goal):
        self.name = name
        self.unit = unit
        self.against = against
        self.goal = Goal(goal, unit) if goal else None
        self._function = function

    def _blank(self):
        return {"bench": self.name, "unit": self.unit, "ours": None, "against": self.against, "peer": None,
                "ratio": None, "goal": self.goal.text if self.goal else None, "ok": None}

    def measure(self):
        """Runs it. Returns the object that is written as JSON."""
        _notes.clear()
        measured = [(float(ours), None if peer is None else float(peer)) for ours, peer in self._function()]
        assert len(measured) >= RUNS, f"{self.name}: {len(measured)} pairs, {RUNS} are wanted"
        return self._blank() | self._summary(measured) | ({"notes": list(_notes)} if _notes else {})

    def _summary(self, measured):
        ours = [pair[0] for pair in measured]
        peers = [pair[1] for pair in measured if pair[1] is not None]
        summary = {"ours": statistics.median(ours), "ours_min": min(ours), "ours_max": max(ours),
                   "runs": len(measured)}
        if peers:
            assert len(peers) == len(ours), f"{self.name}: a peer's figure in each pair, or in none"
            ratios = [mine / theirs for mine, theirs in measured]
            for what, values in (("peer", peers), ("ratio", ratios)):
                summary |= {what: statistics.median(values), f"{what}_min": min(values),
                            f"{what}_max": max(values)}
        assert peers or not (self.goal and self.goal.is_ratio), f"{self.name}: a ratio needs a peer"
        if self.goal:
            summary["ok"] = self.goal.is_met(summary["ours"], summary.get("ratio"))
        return summary

    def skipped(self, reason):
        """The object of a row that could not run here."""
        return self._blank() | {"skipped": reason}

    def broken(self, text):
        """The object of a row that failed."""
        return self._blank() | {"ok": False, "broken": text}


def row(name, *, unit, against=None, goal=None):
    """Makes a row of a function that gives pairs (ours, peer) in `unit`, at least RUNS of them, measured in
    turns; peer is None throughout where there is only a limit. `against` says what the peer is. A function
    that raises Skip(reason) makes a skipped row."""
    def register(function):
        _rows.append(Row(function, name, unit, against, goal))
        return function
    return register


def rows():
    """All that were registered, in their order."""
    return list(_rows)


def listed(source):
    """Names and goals (None: none) of the rows in a file's text, which is not run; so both are written out
    there."""
    decorators = [call for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)
                  for call in node.decorator_list if isinstance(call, ast.Call) and call.func.id == "row"]
    for call in decorators:
        goals = [ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "goal"]
        yield ast.literal_eval(call.args[0]), goals[0] if goals else None


def note(text):
    """A sentence that the table shows under the row that is being measured."""
    _notes.append(text)


def pairs(ours, peer, runs=RUNS):
    """Calls both in turns, each once before it counts; yields what they return. Which goes first changes, so
    that neither always comes to a warm or a tired machine."""
    ours(), peer()
    for number in range(runs):
        if number % 2 == 0:
            mine = ours()
            yield mine, peer()
        else:
            theirs = peer()
            yield ours(), theirs

"""facts: what a daemon has acknowledged, and so must be true from then on, whatever it dies of.

A fact is a key with the values that it may have: one, once an answer has come; more while a call is on its
way, because a call that was not answered has happened or has not. Whoever calls says so before he calls."""
import threading


class Facts:
    """journal: is told each of them, in order, as (word, key, value): may, is or forget."""

    def __init__(self, journal=None):
        self._values = {}
        self._lock = threading.Lock()
        self._journal = journal or (lambda word, key, value: None)

    def may(self, key, value):
        """A call is on its way that would make it so."""
        with self._lock:
            self._values[key] = self._values.get(key, frozenset([None])) | {value}
            self._journal("may", key, value)

    def set(self, key, value):
        """It was answered: it is so."""
        self.set_any(key, [value])

    def set_any(self, key, values):
        """It was answered: it is one of these (others were asked at the same time)."""
        with self._lock:
            self._values[key] = frozenset(values)
            self._journal("is", key, list(values))

    def forget(self, key):
        """Nothing is promised of it any more."""
        with self._lock:
            self._values.pop(key, None)
            self._journal("forget", key, None)

    def apply(self, word, key, value):
        """One line of a journal."""
        if word == "forget":
            self.forget(key)
        else:
            (self.may if word == "may" else self.set_any)(key, value)

    def allowed(self, key):
        """The values that it may have; None: any."""
        return self._values.get(key)

    def is_surely(self, key, value):
        """Whether it can have no other."""
        return self._values.get(key) == frozenset([value])

    def items(self):
        """All of them, as they are now."""
        with self._lock:
            return list(self._values.items())

    def broken(self, actual):
        """What is not as it must be, as sentences. actual: key -> value; what is not in it is None."""
        return [f"{' '.join(key)} is {actual.get(key)!r}, must be {' or '.join(sorted(map(repr, values)))}"
                for key, values in self.items() if actual.get(key) not in values]

    def settle(self, actual):
        """What was on its way has happened or not: from now on it is as it is."""
        for key, values in self.items():
            if len(values) > 1 and actual.get(key) in values:
                self.set(key, actual.get(key))

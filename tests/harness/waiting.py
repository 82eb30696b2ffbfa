"""waiting: for effects that other processes show. No fixed sleeps: short looks until a deadline."""
import time

LOOK_SEC = 0.01


class NotInTime(AssertionError):
    """What was waited for did not happen."""


def eventually(predicate, seconds=5.0, what=None):
    """Calls predicate until it is true and returns what it returned; NotInTime after the seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what or predicate.__name__
            raise NotInTime(f"not within {seconds} s: {text}; last seen {value!r}")
        time.sleep(LOOK_SEC)


def never(predicate, seconds):
    """Fails as soon as predicate is true; for effects that must not come. It costs the seconds: keep them
    few."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = predicate()
        assert not value, f"within {seconds} s came what must not: {value!r}"
        time.sleep(LOOK_SEC)

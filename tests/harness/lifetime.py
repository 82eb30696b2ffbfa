"""lifetime: what a test has started, and that it ends with the test.

Whatever is registered while a test runs is closed after it, the last one first; what a file registers while
it is loaded lives until the file's last test. On failure each is asked for its diagnosis() before it is
closed."""
import traceback

_owned = []


def own(thing):
    """Registers something with close(), and perhaps diagnosis() -> text; returns it."""
    _owned.append(thing)
    return thing


def mark():
    """How much there is now: what unwind(mark) will leave."""
    return len(_owned)


def unwind(to=0):
    """Closes what was registered since mark() was `to`. Returns the errors that this met, as text."""
    errors = []
    while len(_owned) > to:
        thing = _owned.pop()
        try:
            thing.close()
        except Exception:  # the others must be closed all the same
            errors.append(traceback.format_exc())
    return errors


def diagnoses():
    """What everything that is registered has to say, for the report of a failure."""
    texts = []
    for thing in _owned:
        if hasattr(thing, "diagnosis"):
            texts.append(thing.diagnosis())
    return [text for text in texts if text]


class _Action:
    def __init__(self, action):
        self.close = action


def later(action):
    """Calls action when the test (or the file) is over."""
    own(_Action(action))

"""skip: a test that needs what the machine lacks says so and is listed, never passed over in silence."""
import os
import shutil


class Skip(Exception):
    """Raised by a test, or by a file while it is loaded; its text is the reason."""


def need(*things):
    """Skips unless each is there: a path if it has a slash, else a program in PATH."""
    for thing in things:
        thing = str(thing)
        there = os.path.exists(thing) if "/" in thing else shutil.which(thing)
        if not there:
            raise Skip(f"{os.path.relpath(thing) if '/' in thing else thing} is missing")

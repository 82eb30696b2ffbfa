"""What `make soak` runs: KILLS kills, and the figures into the file FIGURES."""
# timeout: 3600
import os
import pathlib

from harness import Host
from soak.crash import CrashLoop

KILLS = int(os.environ.get("KILLS", "500"))
SEED = os.environ.get("SEED") or os.urandom(4).hex()

host = Host(users=())


def report(title, lines):
    """For the end of the run."""
    if "FIGURES" in os.environ:
        with pathlib.Path(os.environ["FIGURES"]).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in [title, *lines]))


def test_kills_lose_nothing_that_was_acknowledged():
    loop = CrashLoop(host, SEED)
    try:
        loop.run(KILLS)
    finally:
        report("crash loop", loop.figures())
    assert not loop.violations, "\n" + "\n".join(loop.figures())

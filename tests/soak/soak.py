"""What `make soak` runs: KILLS kills, and ten times as many losses of power; the figures go into the file
FIGURES."""
# timeout: 3600
import os
import pathlib

from harness import Host
from soak.crash import CONFIG, ISSUER, POINTS_RECORDED, CrashLoop
from soak.power import PowerLoss

KILLS = int(os.environ.get("KILLS") or "500")
SEED = os.environ.get("SEED") or os.urandom(4).hex()
LOSSES_PER_LOG = 1000

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


def test_losses_of_power_lose_nothing_that_was_acknowledged():
    for number in range(max(1, KILLS * 10 // LOSSES_PER_LOG)):
        log = host.dir / f"record-{number}"
        loop = CrashLoop(host, f"{SEED}-{number}", log)
        loop.run(len(POINTS_RECORDED), POINTS_RECORDED)
        assert not loop.violations, "\n" + "\n".join(loop.figures())
        power = PowerLoss(host, log, os.stat(loop.daemon.state_dir).st_ino, loop.seed)
        power.issuer = ISSUER
        power.tokens = [token for person in loop.people for login in person.logins for token in login.tokens]
        power.run(LOSSES_PER_LOG, 20, CONFIG)
        report("loss of power", power.figures())
        assert not power.violations, "\n" + "\n".join(power.figures())

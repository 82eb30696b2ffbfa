"""The power is lost at any point of what was written under a crowd: what was acknowledged is there when it is
back, and nothing lives that had ended. `make soak` does it thousands of times."""
# timeout: 240
import os

from harness import Host, Skip, sanitizers
from soak.crash import CONFIG, ISSUER, POINTS_RECORDED, CrashLoop
from soak.power import DURABLE, PowerLoss

POINTS, STARTS = 400, 6
SEED = os.environ.get("SEED") or os.urandom(4).hex()

if sanitizers.kind():
    raise Skip("what records its writes cannot be preloaded into a daemon with sanitizers")
host = Host(users=())
log = host.dir / "record"
loop = CrashLoop(host, SEED, log)


def lose_power():
    """What was recorded, to be played again."""
    power = PowerLoss(host, log, os.stat(loop.daemon.state_dir).st_ino, SEED)
    power.issuer = ISSUER
    power.tokens = [token for person in loop.people for login in person.logins for token in login.tokens]
    return power


def test_400_losses_of_power_lose_nothing_that_was_acknowledged():
    loop.run(len(POINTS_RECORDED), POINTS_RECORDED)
    assert not loop.violations, "\n" + "\n".join(loop.figures())
    power = lose_power()
    power.run(POINTS, STARTS, CONFIG)
    assert not power.violations, "\n" + "\n".join(power.figures())
    assert power.tokens and power.starts == STARTS


def test_a_disk_that_says_too_early_that_it_has_written_would_be_found():
    power = lose_power()
    power.records = [record for record in power.records if record[0] != DURABLE]
    power.run(POINTS // 2)
    assert power.violations

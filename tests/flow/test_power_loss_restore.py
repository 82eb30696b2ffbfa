"""The power is lost at any point of a restore: there is one whole store, the one of before or the one that
was restored."""
# timeout: 240
import os
import random
import subprocess

from harness import Host, Skip, sanitizers
from soak.crash import CrashLoop
from soak.looking import StoreLook
from soak.power import Disk, environment, read

SEED = os.environ.get("SEED") or os.urandom(4).hex()
AGAIN = 8

if sanitizers.kind():
    raise Skip("what records its writes cannot be preloaded into a daemon with sanitizers")
host = Host(users=())
rng = random.Random(SEED)
loop = CrashLoop(host, SEED, host.dir / "record")
look = StoreLook()
target = host.dir / "after-loss"


def devices(view):
    """What tells one store from the other."""
    assert not view.problem, f"seed {SEED}: {view.problem}"
    return sorted(map(tuple, view.rows.get("device", [])))


def restore(log):
    """sessjwtd --restore, its writes recorded; the disk as it was before."""
    disk = Disk.load(loop.daemon.state_dir)
    command = [*loop.daemon.command_line, "--restore", str(loop.daemon.state_dir / "backups" / "round-1")]
    recorded = environment(log, loop.daemon.state_dir)
    subprocess.run(command, env={"PATH": "/usr/bin:/bin"} | recorded, check=True, capture_output=True)
    return disk


def test_a_loss_of_power_in_a_restore_leaves_one_whole_store():
    loop.run(3, ("random",))
    assert not loop.violations, "\n" + "\n".join(loop.figures())
    former = devices(look.at_copy(loop.daemon.state_dir, host.dir / "looked-at"))
    log = host.dir / "record-of-restore"
    disk = restore(log)
    restored = devices(look.at_copy(loop.daemon.state_dir, host.dir / "looked-at"))
    assert former != restored
    found = []
    for record in [None, *read(log)]:
        if record:
            disk.apply(record)
        for mode in ("all", "none", *["some"] * AGAIN):
            disk.write_to(target, rng, mode)
            found.append(devices(look.at(target)))
            assert found[-1] in (former, restored), f"record {record}, seed {SEED}"
    assert found[0] == former and found[-1] == restored
    kept = [path for path in (target / "backups").iterdir() if not path.name.startswith("round-")]
    assert len(kept) == 1, "the former store has another name now"

"""The n-th call fails, n = 1, 2, …, while the daemon starts: it says why it does not, or it serves;
and the next start has all that was kept."""
import pathlib

from harness import Host, PamStack
from harness.daemon import DaemonFailed
from harness.fault_world import FaultWorld, N_MAX

# OpenSSL 3.0 does not live through every failure of its own first steps, and without READY=1 we would wait.
OURS = "sessjwtd|liblmdb|libjwt|libjansson"

host = Host()
PamStack(host, "sshd", like="bare")
world = FaultWorld(host, "[token]\ntoken_file = yes\n[policy default]\nmax_devices = 3\nterminate = none\n")
kept = {world.log_in()}
world.drop_clients()
world.daemon.stop()


def start(kind, nth, only=""):
    """Whether the call was reached. One that fails is not the end of what was kept."""
    if world.daemon.is_running():  # of a test that failed
        world.daemon.kill()
    end = world.daemon.log_end()
    world.faults.arm(kind, nth, only=only)
    try:
        world.daemon.start()
    except DaemonFailed:
        assert world.daemon.process.returncode == 1, (
            f"{kind} {nth}: status {world.daemon.process.returncode}\n{world.faults.where()}\n"
            f"{world.daemon.log(end)[-600:]}")
        assert world.daemon.log(end).strip(), f"{kind} {nth}: it says why\n{world.faults.where()}"
        return world.faults.disarm()
    failed = world.faults.disarm()
    rows = world.sessions()
    assert kept <= {sid for sid, state in rows.items() if state == "live"}, (
        f"{kind} {nth}: {rows}\n{world.faults.where()}\n{world.daemon.log(end)[-600:]}")
    world.drop_clients()
    assert world.daemon.stop() == 0
    return failed


def each(kind, step=1, only=""):
    """All of them; how many there were."""
    for nth in range(1, N_MAX, step):
        if not start(kind, nth, only):
            return nth - 1
    raise AssertionError(f"more than {N_MAX} calls of kind {kind}")


def test_each_allocation_of_a_start_may_fail():
    assert each("memory", 5, OURS) > 100


def test_each_call_to_the_store_may_fail():
    assert each("store", 3) > 20
    assert each("commit") >= 1


def test_each_descriptor_may_be_missing():
    assert each("descriptor", only=OURS) > 10
    assert each("thread") >= 3


def test_each_read_write_and_sync_may_fail():
    assert each("read", only=OURS) > 5
    assert each("write", only=OURS) > 2
    assert each("sync") >= 1


def test_each_name_and_each_room_may_be_missing():
    assert each("name") >= 2
    assert each("room") >= 2


def test_a_first_start_on_nothing_may_fail_anywhere_too():
    for kind, nth in [(kind, nth) for kind in ("write", "sync", "store", "commit", "name", "room", "random")
                      for nth in (1, 2, 4)]:
        for file in pathlib.Path(world.daemon.state_dir).iterdir():
            if file.is_file():
                file.unlink()
        kept.clear()
        start(kind, nth)
        start("memory", N_MAX)

"""The n-th sync fails, n = 1, 2, …, while a backup is put in the place of the store: what is said of it is
so."""
import shutil

from harness import Host, PamStack
from harness.backups import backup, log_in, restore, start
from harness.faults import Faults

host = Host()
PamStack(host, "sshd", like="bare")
faults = Faults(host.dir / "faults")


def test_nothing_was_changed_is_said_only_where_that_is_so():
    daemon = start(host)
    log_in(host)
    shutil.copy(backup(daemon)["path"], file := host.dir / "backup")
    daemon.stop()
    store, said = daemon.state_dir / "data.mdb", []
    while not said or said[-1]:
        shutil.rmtree(daemon.state_dir / "backups", ignore_errors=True)
        before = store.stat().st_ino
        faults.arm("sync", nth=len(said) + 1)
        done = restore(daemon, file, **faults.environment)
        failed = faults.disarm()
        is_new = store.stat().st_ino != before
        assert (done.returncode == 0) == (failed == 0), (done, faults.where())
        assert ("nothing was changed" in done.stderr) == (not is_new), (done, faults.where())
        assert any((daemon.state_dir / "backups").glob("replaced-*")) == is_new, faults.where()
        assert ("is in its place" in done.stderr) == bool(failed and is_new), (done, faults.where())
        said.append(failed)
    assert len(said) > 3, said

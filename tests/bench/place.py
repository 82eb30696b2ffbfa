"""place: where a file of rows may write on a real disk: a folder in the build folder, gone when its world
is."""
import pathlib
import shutil
import tempfile

from harness import paths

_folder = None


def make():
    """For run.py: the folder of the world that begins."""
    global _folder
    (paths.BUILD / "bench").mkdir(parents=True, exist_ok=True)
    _folder = pathlib.Path(tempfile.mkdtemp(prefix="world-", dir=paths.BUILD / "bench"))
    _folder.chmod(0o755)


def remove():
    """For run.py: the world has ended."""
    shutil.rmtree(_folder, ignore_errors=True)


def on_disk(name, mode=0o700):
    """A new folder on the disk of the build folder: Daemon(host, state_dir=on_disk("state"))."""
    path = _folder / name
    path.mkdir()
    path.chmod(mode)
    return path

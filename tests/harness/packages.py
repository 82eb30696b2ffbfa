"""packages: the Debian packages of what is here, built anew when a source of theirs has changed."""
import fcntl
import pathlib
import re
import subprocess
import tempfile

from . import paths
from .skip import need

FOLDER = paths.BUILD / "deb"
NAMES = ("libpam-sessjwt", "libsessjwt-dev", "libsessjwt0", "sessjwt")


def _run(*command):
    done = subprocess.run([str(word) for word in command], cwd=paths.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def built():
    """Their files."""
    need("dpkg-buildpackage", "dh", "dpkg-deb")
    with open(paths.BUILD / "deb.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run("make", "-s", f"B={paths.BUILD}", FOLDER / "built")
    return sorted(FOLDER.glob("*.deb"))


def changes():
    """The file that lists them, for who judges them."""
    built()
    file, = FOLDER.glob("*.changes")
    return file


def field(file, name):
    """A field of a package."""
    return _run("dpkg-deb", "-f", file, name).strip()


def with_version(files, version):
    """The same packages under another version, in a folder that the tests' end removes."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="deb-"))
    for file in files:
        old, tree = field(file, "Version"), folder / file.stem
        _run("dpkg-deb", "-R", file, tree)
        control = tree / "DEBIAN/control"
        text = control.read_text("utf-8").replace(f"(= {old})", f"(= {version})")
        control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", text), "utf-8")
        _run("dpkg-deb", "--root-owner-group", "-b", tree, folder / file.name.replace(old, version))
    return sorted(folder.glob("*.deb"))

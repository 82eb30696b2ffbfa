"""The module that is loaded into other people's programs: how large it is, and what it brings along."""
import shutil
import subprocess

from harness import Host, need
from harness.paths import MODULE

from bench import row

LIBRARIES = {"libc.so.6", "libpam.so.0"}

host = Host(users=())


@row("module, stripped", unit="KiB", goal="≤ 64 KiB")
def size():
    """As a package has it."""
    need("strip", MODULE)
    copy = host.dir / MODULE.name
    shutil.copy(MODULE, copy)
    subprocess.run(["strip", "--strip-unneeded", copy], check=True)
    yield from [(copy.stat().st_size / 1024, None)] * 5


@row("module, libraries other than libc and libpam", unit="libraries", goal="≤ 0 libraries")
def libraries():
    """By its dynamic section."""
    need("objdump", MODULE)
    text = subprocess.run(["objdump", "-p", MODULE], check=True, capture_output=True, text=True).stdout
    needed = {words[1] for words in map(str.split, text.splitlines()) if words[:1] == ["NEEDED"]}
    assert needed & LIBRARIES, text
    yield from [(len(needed - LIBRARIES), None)] * 5

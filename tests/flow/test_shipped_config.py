"""The configuration file that packages put into /etc: it changes nothing, and has every key and default."""
import re
import subprocess
import tempfile

from harness import ROOT, paths

SHIPPED = ROOT / "daemon/sessjwtd.conf"


def checked(text):
    """What applies with this text: {section: lines}; what has the host's name in it reads HOST."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([paths.DAEMON, "--check-config", "--config", file.name], capture_output=True,
                              text=True, check=False)
    assert done.returncode == 0, done.stderr
    sections, section = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("["):
            section = line
            sections[section] = []
        elif line and not line.startswith("#"):
            key = line.split(" =")[0]
            sections[section].append(f"{key} = HOST" if key in ("issuer", "audience") else line)
    return sections


def shipped(uncommented):
    """Its text; uncommented: with every key, as one takes the `#` away."""
    lines = SHIPPED.read_text("utf-8").splitlines()
    if uncommented:
        lines = [line[1:] if re.match(r"#[a-z_]+ =", line) else line for line in lines]
    return "\n".join(lines) + "\n"


def test_it_changes_nothing():
    assert checked(shipped(uncommented=False)) == checked("")


def test_its_defaults_are_those_of_the_daemon():
    assert checked(shipped(uncommented=True)) == checked("")


def test_it_has_every_key_in_its_section():
    section, there = None, set()
    for line in shipped(uncommented=True).splitlines():
        if line.startswith("["):
            section = line
        elif " =" in line and not line.startswith("#"):
            there.add((section, line.split(" =")[0]))
    keys = {(section, line.split(" =")[0]) for section, lines in checked("").items() for line in lines}
    lacking = sorted(key for key in keys - there if not key[0].startswith("[realm "))
    assert not lacking, f"{SHIPPED.name} lacks {lacking}"

"""make demo: it tells its story with real parts, ends by itself, and leaves nothing behind."""
import glob
import os
import re
import signal
import subprocess

from harness import ROOT, Skip, Terminal, eventually, need, processes
from harness.paths import COMMAND, DAEMON, MODULE

DEMO = ROOT / "tests/harness/demo"
need(COMMAND, DAEMON, MODULE)


def leftovers():
    """Folders of demos."""
    return glob.glob(os.path.join(os.environ.get("TMPDIR", "/tmp"), "sessjwt-demo-*"))


def test_it_shows_a_login_become_a_session_and_end():
    done = subprocess.run([DEMO], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ('"alg": "ES256"', '"sub": "alice"', "closed by remote host", "inactive: revoked", "evicted",
                 "logout"):
        assert text in done.stdout, f"{text!r} in:\n{done.stdout}"
    assert re.findall(r"^(\d)\. ", done.stdout, re.M) == list("12345678")
    assert "\033" not in done.stdout, "colour, and no terminal"
    assert not leftovers()
    assert not processes.find_descendant(os.getppid(), "sessjwt-demo-")


def test_it_goes_on_until_interrupted_when_asked():
    terminal = Terminal([DEMO, "--shell"], env=os.environ | {"TERM": "xterm"})
    terminal.expect("Over to you", 30)
    terminal.expect("alice@127.0.0.1\n", 10, after=terminal.expect("/phone", 10))
    command = eventually(lambda: re.search(r"^ +(ssh -F none .*/phone .*)$", terminal.text(), re.M), 5)[1]
    words = [*command.split(), "sessjwt list --json=short"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 and '"alice"' in done.stdout, done
    assert "\033[1m" in terminal.text(), "no colour on a terminal"
    os.killpg(terminal.pid, signal.SIGINT)
    assert terminal.wait_closed() == 0
    assert not leftovers()
    assert not processes.find_descendant(os.getppid(), "sessjwt-demo-")


def test_without_root_it_says_why_it_cannot():
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    if subprocess.run([*nobody, "test", "-x", DEMO], check=False).returncode != 0:
        raise Skip("an ordinary user may not look into this checkout")
    done = subprocess.run([*nobody, DEMO], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "needs root" in done.stderr, done.stderr

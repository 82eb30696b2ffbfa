"""doctor_world: a host on which nothing is wrong, and what a doctor finds when a test has changed that."""
import json
import shutil

from . import namespaces, paths
from .clock import Clock
from .daemon import Daemon
from .host import Host
from .lifetime import later
from .pam_stack import PamStack
from .ssh import Ssh
from .sshd import Sshd

host = Host()
host.install_command()
host.add_group("sessjwt-admin", ["bob"])
clock = Clock(host.dir / "clock")
daemon = Daemon(host, clock=clock).start()
COUNTED = ("sshd", "login")
for service in COUNTED:
    PamStack(host, service)
sshd = Sshd(host)
ssh = Ssh(sshd)
ssh.trust("alice", "laptop")
sbin = host.dir / "sbin"
sbin.mkdir()
shutil.copy(paths.DAEMON, sbin / "sessjwtd")
namespaces.bind(sbin, "/usr/local/sbin")
namespaces.bind(sshd.config_file, "/etc/ssh/sshd_config")


def doctor(user="root", rc=None):
    """What it found, as its JSON has it."""
    done = host.run_as(user, "sessjwt", "doctor", "--json=short")
    assert not done.stderr, done
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer["ok"] else 1), done
    assert rc is None or done.returncode == rc, done
    return answer


def is_well():
    """Fails with what is not; notes too."""
    answer = doctor(rc=0)
    assert answer["findings"] == [] and answer["skipped"] == [], answer


def finds(check, *words, grade="wrong"):
    """Exactly one finding, by this check; with words of its text or its advice."""
    answer = doctor(rc=1 if grade == "wrong" else 0)
    finding, = answer["findings"]
    assert (finding["check"], finding["grade"]) == (check, grade), finding
    for word in words:
        assert word in f"{finding['text']} | {finding['mend']}", (word, finding)
    return finding


def stack(service="sshd", text=None, **arguments):
    """Gives a service another stack until the test ends."""
    if text is None:
        text = PamStack(host, service, **arguments).text
    (host.pam_dir / service).write_text(text, "utf-8")
    later(lambda: PamStack(host, service))
    return text


GOOD = PamStack(host, "sshd").text
SESSION = next(line for line in GOOD.splitlines(True) if line.startswith("-session"))
ACCOUNT = next(line for line in GOOD.splitlines(True) if line.startswith("-account"))


def configure(text):
    """Gives the daemon another configuration until the test ends."""
    def take(wanted):
        daemon.write_config(wanted)
        after = daemon.log_end()
        daemon.reload()
        daemon.wait_for_log("configuration", after=after)
    take(text)
    later(lambda: take(""))

"""backup: a daemon with a public folder of its own, its backups, and sessjwtd --restore."""
import itertools
import shutil
import subprocess

from . import sanitizers
from .clock import Clock
from .daemon import Daemon
from .pam_login import PamLogin
from .signing_keys import call
from .varlink import Varlink, VarlinkError

CALM = "[policy default]\nterminate = none\n"

_numbers = itertools.count()


def number():
    """Another one each time."""
    return next(_numbers)


def start(host, config=CALM, **arguments):
    """A daemon of the test's own, with a public folder that nobody has written to."""
    shutil.rmtree(host.runtime_dir / "public", ignore_errors=True)
    return daemon_of(host, config, **arguments).start()


def daemon_of(host, config=CALM, **arguments):
    """The same, not started."""
    return Daemon(host, config, clock=Clock(host.dir / f"clock-{number()}"), **arguments)


def log_in(host, user="alice", rhost=None):
    """A session, from an address of its own."""
    return PamLogin(host, user, rhost=rhost or f"192.0.2.{number() % 200 + 20}")


def backup(daemon, name="one"):
    """Its reply."""
    return call(daemon, "Backup", name=name)


def backups(daemon):
    """What is in the folder."""
    folder = daemon.state_dir / "backups"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def error_of(function, *arguments, **parameters):
    """The name and parameters of the error that a call meets."""
    try:
        function(*arguments, **parameters)
    except VarlinkError as error:
        return error.name.rpartition(".")[2], error.parameters
    raise AssertionError("it was done")


def restore(daemon, file, hooks=None, **more):
    """sessjwtd --restore, and what became of it."""
    environment = {"PATH": "/usr/bin:/bin"} | ({"SESSJWT_TEST_HOOKS": hooks} if hooks else {})
    environment |= sanitizers.environment() | more
    return subprocess.run([*daemon.command_line, "--restore", str(file)], capture_output=True, text=True,
                          env=environment, timeout=60, check=False)


def elsewhere(host, file):
    """A daemon in whose new state the file was restored; it is to be started."""
    daemon = daemon_of(host)
    done = restore(daemon, file)
    assert done.returncode == 0, done
    return daemon


def live_sessions(daemon):
    """Ids of those that live."""
    return {row["sessionId"] for row in Varlink(daemon).call("ListSessions", all=True)["sessions"]
            if row["state"] == "live"}

"""program: peers and load generators: started here, pinned, ended by their pid."""
import json
import os
import subprocess

from harness import lifetime, paths, processes
from harness.skip import need


def bench_program(name):
    """Path of build/tests/bench/NAME, from tests/bench/NAME.c."""
    path = paths.BUILD / "tests" / "bench" / name
    need(path)
    return str(path)


def _command(command, cpu, user):
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] if user else []
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
    return pinned + become + [str(word) for word in command]


def run(*command, cpu=None, user=None, environment=None, text_in=None, seconds=120):
    """Runs a load generator to its end; what it writes is JSON, and is returned."""
    done = subprocess.run(_command(command, cpu, user), input=text_in, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, text=True, timeout=seconds,
                          env=os.environ | (environment or {}))
    assert done.returncode == 0, f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()}"
    return json.loads(done.stdout)


class Program:
    """Something that goes on running until the row's file, or the row, is over."""

    def __init__(self, *command, cpu=None, user=None, environment=None, **popen):
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | popen
        self.process = subprocess.Popen(_command(command, cpu, user), **popen,
                                        env=os.environ | (environment or {}))
        self.pid = self.process.pid
        lifetime.own(self)

    def is_running(self):
        """Whether it lives."""
        return self.process.poll() is None

    def close(self):
        """SIGTERM, then SIGKILL."""
        if self.is_running():
            processes.end_all([self.pid], 5.0)
        self.process.wait()

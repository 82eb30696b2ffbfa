"""What a login costs: module and daemon, beside a real ssh login and beside pam_systemd."""
import shutil
import time

from harness import Daemon, Host, PamStack, Ssh, Sshd
from harness.booted import Booted
from bench import bench_program, on_disk, pairs, row
from bench.load import pam_logins

LOGINS = 40   # through PAM, in each of the runs
SSH_LOGINS = 8

host = Host(users=("alice",))


@row("module and daemon in a login", unit="ms", against="a whole ssh login, by key", goal="≤ 0.03 ×")
def beside_ssh():
    """By a stack of our two lines alone, since a login's own time spreads wider than our part of it: PAM
    begins, account, open, close, PAM ends. The ssh login is one with our lines in Debian's stack."""
    Daemon(host, hooked=False, state_dir=on_disk("ssh")).start()
    alone = host.dir / "alone"
    alone.mkdir()
    PamStack(alone, "sshd", like="bare")
    PamStack(host, "sshd")
    ssh = Ssh(Sshd(host))
    ssh.trust("alice", "laptop")
    ours = pam_logins(alone, "sshd", "alice", [bench_program("load_pam")])

    def log_in():
        begun = time.monotonic()
        for _ in range(SSH_LOGINS):
            result = ssh.run("alice", "true", key="laptop")
            assert result.rc == 0, result.text
        return (time.monotonic() - begun) / SSH_LOGINS * 1e3
    yield from pairs(lambda: ours.run(LOGINS)["p50"] / 1e3, log_in)


@row("our lines in a login", unit="ms", against="pam_systemd's line, in a booted container", goal="≤ 1 ×")
def beside_systemd():
    """Each alone in its stack; the user's manager runs already: for that pam_systemd waits longest."""
    booted = Booted()
    shutil.copy(bench_program("load_pam"), booted.root / "usr/bin")  # /tmp and /run are its own
    folder = booted.root / "etc/pam.bench"
    folder.mkdir()
    PamStack(folder, "sshd", module="pam_sessjwt.so", like="bare")
    PamStack(folder, "systemd", module=None, like="bare")
    with open(folder / "systemd", "a", encoding="ascii") as file:
        file.write("session required pam_systemd.so\n")
    booted.must("loginctl enable-linger alice")
    ours = pam_logins("/etc/pam.bench", "sshd", "alice", [*booted.enter(), "load_pam"])
    systemd = pam_logins("/etc/pam.bench", "systemd", "alice", [*booted.enter(), "load_pam"])
    yield from pairs(lambda: ours.run(LOGINS)["p50"] / 1e3, lambda: systemd.run(LOGINS)["p50"] / 1e3)

"""processes: what /proc and pidfds say of processes and TCP connections. Ends processes by recorded pid,
never by name."""
import os
import select
import signal
import time

from .waiting import NotInTime


def _stat(pid):
    """Fields of /proc/PID/stat behind the name, so that [0] is field 3; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def state(pid):
    """R, S, D, T, Z, …; None when there is no such process."""
    fields = _stat(pid)
    return fields[0] if fields else None


def is_alive(pid):
    """Neither gone nor a zombie."""
    return state(pid) not in (None, "Z", "X")


def start_time(pid):
    """Clock ticks since boot (field 22): with the pid and the boot, who a process is."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def parent(pid):
    """Pid of the parent, None when it is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def command_line(pid):
    """argv joined by blanks (what sshd writes of itself: "sshd: alice [priv]"); "" when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(pid):
    """Pids of the children, oldest first."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return sorted(found)


def descendants(pid):
    """Pids of all that descend from it, parents before children."""
    found = []
    for child in children(pid):
        found.append(child)
        found += descendants(child)
    return found


def find_descendant(pid, text):
    """The first descendant whose command line has the text, or None."""
    for child in descendants(pid):
        if text in command_line(child):
            return child
    return None


def wait_gone(pid, seconds=5.0):
    """Waits until the process has ended (a zombie has); NotInTime otherwise."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise NotInTime(f"process {pid} ({command_line(pid)}) still runs after {seconds} s")
    finally:
        os.close(pidfd)


def send(pid, number):
    """Sends a signal; False when the process is gone."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def end_all(pids, seconds=3.0):
    """SIGTERM to these pids, SIGKILL to those that have not gone by then."""
    pids = [pid for pid in pids if is_alive(pid)]
    for pid in pids:
        send(pid, signal.SIGTERM)
        send(pid, signal.SIGCONT)
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            wait_gone(pid, max(0.0, deadline - time.monotonic()))
        except NotInTime:
            send(pid, signal.SIGKILL)
            wait_gone(pid, 5.0)


def catches(pid, number):
    """Whether it has a handler for this signal: sshd's monitor has one for SIGTERM once its child is
    there."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            mask = next(line.split()[1] for line in file if line.startswith("SigCgt:"))
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return False
    return bool(int(mask, 16) >> (number - 1) & 1)


def count_fds(pid):
    """How many descriptors it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_kib(pid):
    """VmRSS in KiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def tcp_connections(port):
    """How many established connections this network namespace has whose local (server's) port is `port`."""
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as file:
            for line in file.readlines()[1:]:
                local, _remote, status = line.split()[1:4]
                count += status == "01" and int(local.rpartition(":")[2], 16) == port
    return count

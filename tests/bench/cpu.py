"""cpu: which processors a row measures on."""
import os
import resource

_CPUS = sorted(os.sched_getaffinity(0))
FIRST_CPU = _CPUS[0]
SECOND_CPU = _CPUS[1] if len(_CPUS) > 1 else FIRST_CPU  # the same where there is only one


def pin(pid, *cpus):
    """Every thread that a process has now runs on these processors only; those that they start, too."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cpus)


def pin_all(*cpus):
    """This process, and what it starts from now on."""
    os.sched_setaffinity(0, cpus)


def seconds_used(pid):
    """Processor time of all its threads."""
    threads = [f"/proc/{pid}/task/{thread}/schedstat" for thread in os.listdir(f"/proc/{pid}/task")]
    return sum(int(open(thread, encoding="ascii").read().split()[0]) for thread in threads) / 1e9


def rate_on_one_core(pid, calls, ask):
    """How many calls a second a core that both ends share would do: by the processor time of the server and
    of what ask() runs to its end, so that what else the machine does is not counted."""
    def used():
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return seconds_used(pid) + ended.ru_utime + ended.ru_stime
    before = used()
    ask()
    return calls / (used() - before)


def model():
    """What the machine calls its processor."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "an unknown processor"

"""hardening: what a built file lacks of that which makes a mistake in it hard to use."""
import pathlib
import platform
import re
import subprocess

from .skip import Skip, need

# Calls that know no bound, run a shell, or name files that others may guess.
UNWELCOME = {"gets", "strcpy", "strcat", "sprintf", "vsprintf", "scanf", "strtok", "system",
             "popen", "wordexp", "mktemp", "tempnam", "tmpnam", "rand", "random", "drand48"}


def built(path):
    """The path, if it is there and is as it is installed: nothing looks on in it while it runs."""
    need("nm", "readelf", "strip", path)
    code = path.read_bytes()
    if b"__asan_init" in code or b"__tsan_init" in code or b"__ubsan_handle" in code:
        raise Skip("a build with sanitizers is not hardened")
    if b"profiling:" in code:
        raise Skip("a build that counts lines is not hardened")
    return path


def output(*argv):
    """Standard output of a command."""
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=True).stdout


def imported(path):
    """Names of the functions that a file has others do for it; __NAME_chk, fortify's, as they are."""
    rows = output("nm", "-D", "--undefined-only", path).splitlines()
    return {row.split()[-1].split("@")[0] for row in rows}


def has_cet(path):
    """Whether each of its parts, and so the whole, says that it can do with both of x86's control-flow
    protections."""
    features = re.search(r"x86 feature: (.*)", output("readelf", "-nW", path))
    return bool(features) and {"IBT", "SHSTK"} <= set(features[1].replace(",", " ").split())


def startup_has_cet():
    """Whether the C library's own part of every program does; else the linker drops the mark. It has no
    meaning but on x86-64."""
    crti = output("gcc", "-print-file-name=crti.o").strip()
    return platform.machine() == "x86_64" and has_cet(crti)


def _of_header(path, dynamic):
    kind = re.search(r"Type:\s+(\w+)", output("readelf", "-hW", path))[1]
    is_shared = ".so" in pathlib.Path(path).name
    found = [] if kind == "DYN" else ["it is not position-independent"]
    return found if is_shared or re.search(r"Flags:.*\bPIE\b", dynamic) else found + ["it is no PIE"]


def _of_segments(path):
    rows = [line.split() for line in output("readelf", "-lW", path).splitlines()]
    flags = [(row[0], "".join(row[6:-1])) for row in rows if len(row) > 7 and row[1].startswith("0x")]
    found = [] if any(name == "GNU_RELRO" for name, _flags in flags) else ["it has no RELRO"]
    stacks = [flag for name, flag in flags if name == "GNU_STACK"] or ["RWE"]
    found += ["its stack can be executed"] if any("E" in flag for flag in stacks) else []
    both = [flag for name, flag in flags if name == "LOAD" and {"W", "E"} <= set(flag)]
    return found + (["memory is both written and executed"] if both else [])


def _of_dynamic(dynamic):
    found = [] if re.search(r"BIND_NOW|\bNOW\b", dynamic) else ["it binds lazily"]
    found += ["it has text relocations"] if "TEXTREL" in dynamic else []
    return found + (["it brings its own library path"] if re.search(r"\(R(UN)?PATH\)", dynamic) else [])


def _of_calls(path):
    calls = imported(path)
    found = [] if "__stack_chk_fail" in calls else ["its stack is not protected"]
    found += [] if any(re.fullmatch(r"__\w+_chk", name) for name in calls) else ["it is not fortified"]
    plain = {re.sub(r"^__(?:isoc99_)?(\w+?)(?:_chk)?$", r"\1", name) for name in calls}
    return found + [f"it calls {name}" for name in sorted(plain & UNWELCOME)]


def weaknesses(path):
    """What is missing of: PIE, full RELRO, no executable stack or written code, no path to libraries of its
    own, stack protector, fortify, CET where this machine's C library has it, no unwelcome call."""
    dynamic = output("readelf", "-dW", path)
    found = _of_header(path, dynamic) + _of_segments(path) + _of_dynamic(dynamic) + _of_calls(path)
    if startup_has_cet() and not has_cet(path):
        found.append("it has no CET")
    return [f"{pathlib.Path(path).name}: {words}" for words in found]

"""The built files are as hard to misuse as compiler and linker can make them, and call nothing that is not
fit for where they run."""
import platform
import re
import subprocess
import tempfile
import pathlib

from harness import BUILD, Skip, hardening, need
from harness.hardening import built
from harness.paths import COMMAND, DAEMON, LIBRARY, MODULE

# What a PAM module must not do inside of somebody else's process: read the environment, have children or
# threads, sleep, touch signals or the process's own state, end it, write where its output may go, use select,
# whose sets end at descriptor 1023. Descriptors it makes by socket, syscall (pidfd_open) and fcntl alone.
NOT_IN_A_MODULE = re.compile(
    r"(secure_)?getenv|environ|__environ|(un)?setenv|putenv|clearenv|v?fork|posix_spawnp?|exec\w+|wait\w*|"
    r"pthread_\w+|thrd_\w+|u?sleep|nanosleep|clock_nanosleep|signal|sig\w+|alarm|setitimer|raise|kill|"
    r"abort|_?exit|_Exit|__assert_fail|set[re]?[ug]id|setres[ug]id|setgroups|umask|chdir|chroot|setlocale|"
    r"v?f?d?printf|__v?f?d?printf_chk|puts|putchar|fputs|perror|v?syslog|openlog|closelog|p?select|"
    r"__fdelt_chk|"
    r"getpw\w+|getgr(nam|gid)\w*|getlogin|ttyname|localtime|open(at)?(64)?|creat|fopen(64)?|unlink\w*|"
    r"dl(open|sym)|getaddrinfo|gethostby\w+|alloca|pam_(start|end|authenticate|open_session|set_item)")

PLANTED = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
char room[9];
int f(const char *s) { strcpy(room, s); return sprintf(room, s) + system(s) + (getenv(s) != 0); }
"""


def test_what_is_installed_is_hardened():
    files = [built(path) for path in (MODULE, LIBRARY, DAEMON, BUILD / "installed/sessjwt")]
    found = [words for path in files for words in hardening.weaknesses(path)]
    assert not found, found


def test_the_command_that_tests_run_differs_in_its_path_to_the_library_alone():
    assert hardening.weaknesses(built(COMMAND)) == ["sessjwt: it brings its own library path"]


def test_each_object_is_marked_for_cet():
    if platform.machine() != "x86_64":
        raise Skip("CET is x86-64's")
    built(MODULE)
    objects = [path for folder in ("pam", "client", "daemon") for path in (BUILD / folder).glob("*.o")]
    assert len(objects) > 50
    assert [path.name for path in objects if not hardening.has_cet(path)] == []


def test_each_entry_of_the_module_begins_where_an_indirect_call_may_land():
    if platform.machine() != "x86_64":
        raise Skip("CET is x86-64's")
    need("objdump")
    text = hardening.output("objdump", "-d", "--no-show-raw-insn", built(MODULE))
    entries = re.findall(r"<(pam_sm_\w+)>:\n\s+\w+:\s+(\w+)", text)
    assert len(entries) == 6 and {first for _name, first in entries} == {"endbr64"}, entries


def test_the_module_calls_nothing_that_is_not_fit_for_another_program_s_process():
    calls = hardening.imported(built(MODULE))
    assert "pam_get_user" in calls
    assert [name for name in sorted(calls) if NOT_IN_A_MODULE.fullmatch(name)] == []


def test_the_module_has_no_variables():
    """What stays writable is the eight bytes each that the compiler's own start puts there; tables with
    pointers in them are relocated, and read-only from then on."""
    rows = re.findall(r"\] (\.\S+) +\w+ +\w+ \w+ (\w+) ", hardening.output("readelf", "-SW", built(MODULE)))
    sizes = {name: int(size, 16) for name, size in rows}
    assert ".text" in sizes and sizes.get(".data", 0) <= 8 and sizes.get(".bss", 0) <= 8, sizes


def test_what_is_not_hardened_would_be_seen():
    need("gcc", "nm", "readelf")
    with tempfile.TemporaryDirectory() as folder:
        source, weak = pathlib.Path(folder) / "weak.c", pathlib.Path(folder) / "weak.so"
        source.write_text(PLANTED, "ascii")
        flags = ("-w -shared -fPIC -O0 -fcf-protection=none -fno-stack-protector -U_FORTIFY_SOURCE "
                 "-Wl,-z,lazy -Wl,-z,norelro -Wl,-z,execstack -Wl,-rpath,/tmp")
        subprocess.run(["gcc", *flags.split(), "-o", weak, source], check=True)
        found = {words.partition(": ")[2] for words in hardening.weaknesses(weak)}
        assert found >= {"it has no RELRO", "its stack can be executed", "it binds lazily",
                         "it brings its own library path", "its stack is not protected",
                         "it is not fortified", "it calls sprintf", "it calls strcpy",
                         "it calls system"}, found
        calls = hardening.imported(weak)
        assert [name for name in calls if NOT_IN_A_MODULE.fullmatch(name)] == ["getenv"]
        source.write_text("int main(void) { return 0; }", "ascii")
        subprocess.run(["gcc", "-no-pie", "-o", f"{folder}/fixed", source], check=True)
        assert {"fixed: it is not position-independent", "fixed: it is no PIE"} <= set(
            hardening.weaknesses(f"{folder}/fixed"))

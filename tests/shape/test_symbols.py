"""What the built objects show to others: nothing but what is promised."""
import os
import re
import subprocess
import tempfile

from harness import BUILD, ROOT, need
from harness.hardening import built
from harness.paths import LIBRARY, MODULE

MODULE_BYTES_MAX = 64 * 1024
PAM_ENTRIES = {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt", "pam_sm_open_session",
               "pam_sm_close_session", "pam_sm_chauthtok"}


PLANTED = """
#include <math.h>
int pam_sm_setcred(void) { return 0; }
int extra(void) { return 1; }
char room[70000] = {1};
double f(double x) { return pow(x, x); }
"""


def output(*argv):
    """Standard output of a command."""
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=True).stdout


def exported(path):
    """Names of the symbols that a shared object defines for others."""
    rows = [line.split() for line in output("nm", "-D", "--defined-only", path).splitlines()]
    return {row[-1].split("@")[0] for row in rows if row[-2] != "A"}


def needed(path):
    """Its DT_NEEDED."""
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", path)))


def stripped_size(path):
    """How large the file is without its symbols for debuggers."""
    with tempfile.TemporaryDirectory() as folder:
        output("strip", "-o", f"{folder}/stripped", path)
        return os.path.getsize(f"{folder}/stripped")


def map_symbols():
    """What client/libsessjwt.map lets out."""
    text = (ROOT / "client/libsessjwt.map").read_text("ascii").partition("local:")[0]
    return set(re.findall(r"\b(\w+);", text))


def declared(text):
    """Functions that a header declares, comments aside."""
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", text, flags=re.S | re.M)
    return set(re.findall(r"\b(\w+)\s*\([^;{}]*\)\s*;", text))


def test_the_module_exports_pam_entries_only():
    names = exported(built(MODULE))
    assert {"pam_sm_acct_mgmt", "pam_sm_open_session", "pam_sm_close_session"} <= names
    assert names <= PAM_ENTRIES, names - PAM_ENTRIES


def test_the_module_needs_libc_and_libpam_only():
    assert needed(built(MODULE)) == {"libpam.so.0", "libc.so.6"}


def test_the_module_is_at_most_64_kib():
    size = stripped_size(built(MODULE))
    assert size <= MODULE_BYTES_MAX, size


def test_the_library_exports_its_map_and_the_map_is_the_header():
    in_header = declared((ROOT / "client/sessjwt.h").read_text("utf-8"))
    assert map_symbols() == in_header, map_symbols() ^ in_header
    assert all(name.startswith("sessjwt_") for name in in_header)
    names = exported(built(LIBRARY))
    assert names == in_header, names ^ in_header


def test_the_product_has_no_hooks():
    text = built(BUILD / "sessjwtd").read_bytes()
    assert b"SESSJWT_TEST" not in text
    need(BUILD / "hooked/sessjwtd")
    assert b"SESSJWT_TEST_HOOKS" in (BUILD / "hooked/sessjwtd").read_bytes()


def test_a_symbol_too_many_would_be_seen():
    need("gcc", "nm", "readelf", "strip")
    with tempfile.TemporaryDirectory() as folder:
        source, shared = f"{folder}/planted.c", BUILD.__class__(f"{folder}/planted.so")
        with open(source, "w", encoding="ascii") as file:
            file.write(PLANTED)
        output("gcc", "-shared", "-fPIC", "-o", shared, source, "-lm")
        assert exported(shared) - PAM_ENTRIES == {"extra", "room", "f"}
        assert "libm.so.6" in needed(shared)
        assert stripped_size(shared) > MODULE_BYTES_MAX


def test_a_declaration_too_many_would_be_seen():
    assert declared("/* int not_this(void); */\n#define nor(x) this(x);\nint one(int a,\n        int b);\n"
                    "const char *two(void);\n") == {"one", "two"}

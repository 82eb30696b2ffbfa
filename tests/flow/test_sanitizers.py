"""What a sanitizer finds in any program of a test makes that test fail, however the program ended."""
import os
import pathlib
import subprocess
import sys
import tempfile

from harness import ROOT

FOLDER = pathlib.Path(tempfile.mkdtemp())

LEAK = "static char *kept; int main(void) { kept = malloc(77); kept = NULL; return 0; }"
OVERFLOW = "int main(int argc, char **argv) { char *p = malloc(8); p[argc + 7] = 1; return free(p), 0; }"
UNDEFINED = "int main(int argc, char **argv) { volatile int n = 0x7fffffff; n += argc; return 0; }"
RACE = """static int n;
static void *add(void *arg) { for (int i = 0; i < 100000; i++) n++; return arg; }
int main(void) {
    pthread_t one, other;
    pthread_create(&one, NULL, add, NULL);
    pthread_create(&other, NULL, add, NULL);
    pthread_join(one, NULL);
    pthread_join(other, NULL);
    return 0;
}"""
FINE = "int main(void) { return 0; }"

PLANTED = """
import subprocess
from harness import paths, sanitizers
def test_it():
    subprocess.run([paths.DAEMON], env=sanitizers.environment(), check=False)
def test_fine():
    pass
"""


def run_with(code, kind):
    """Runs PLANTED on a build whose daemon is this program, with this sanitizer in it. Returns its TAP."""
    build = FOLDER / f"build-{len(os.listdir(FOLDER))}"
    build.mkdir()
    source = "#include <pthread.h>\n#include <stdlib.h>\n" + code
    subprocess.run(["gcc", "-O0", "-g", f"-fsanitize={kind}", "-fno-sanitize-recover=all",
                    "-static-libubsan", "-pthread", "-x", "c", "-o", build / "sessjwtd", "-"],
                   input=source, text=True, check=True)
    (build / "test_planted.py").write_text(PLANTED, "ascii")
    ours = {name: text for name, text in os.environ.items() if not name.endswith("SAN_OPTIONS")}
    done = subprocess.run([sys.executable, ROOT / "tests/harness/run_file.py", build / "test_planted.py"],
                          env={**ours, "SESSJWT_BUILD": str(build)}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert (done.returncode != 0) == ("\nnot ok" in done.stdout), done
    return done.stdout


def finds(code, kind, words):
    """The test in which it happened fails with these words, and no other."""
    text = run_with(code, kind)
    assert "not ok 1 - it" in text and words in text and "\nok 2 - fine" in text, text


def test_a_leak_of_a_program_that_ends_well_is_a_failure():
    finds(LEAK, "address,undefined", "77 byte(s) leaked")


def test_a_write_past_the_end_is_a_failure():
    finds(OVERFLOW, "address,undefined", "heap-buffer-overflow")


def test_undefined_behaviour_is_a_failure():
    finds(UNDEFINED, "address,undefined", "signed integer overflow")


def test_a_race_is_a_failure():
    finds(RACE, "thread", "data race")


def test_a_program_in_which_nothing_is_found_is_none():
    for kind in ("address,undefined", "thread"):
        assert "not ok" not in run_with(FINE, kind)

"""Each fuzzer of tests/fuzz for some seconds, with clang's sanitizers; `make fuzz-short FUZZ_SEC=600` is for
longer ones."""
# timeout: 600
import os
import re
import subprocess

from harness import ROOT, Skip
from harness.paths import BUILD

FUZZ = BUILD / "fuzz"
CORPUS = ROOT / "tests/fuzz/corpus"
NAMES = sorted(path.stem.removeprefix("fuzz_") for path in (ROOT / "tests/fuzz").glob("fuzz_*.c"))
SEC = 5
BROKEN = """#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        if (size > 1 && data[0] == 'x' && data[1] == 'y')
                abort();
        return 0;
}
"""


def make(*words):
    """Whether all went well, and what make said."""
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    result = subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", check=False)
    return result.returncode == 0, result.stdout


def need_fuzzers():
    """Builds them where they can be; they bring sanitizers of their own."""
    if BUILD != ROOT / "build":
        raise Skip(f"the fuzzers run in build, not in {BUILD.name}")
    ok, text = make("-j2", "fuzz-build")
    if "not there" in text:
        raise Skip(text.strip())
    assert ok, text


def executions(name):
    """How many the fuzzer's last run had."""
    text = (FUZZ / f"{name}.log").read_text("utf-8", "replace")
    found = re.search(r"number_of_executed_units: (\d+)", text)
    return int(found[1]) if found else 0


def test_every_fuzzer_runs_for_some_seconds_and_breaks_nothing():
    need_fuzzers()
    ok, text = make("fuzz-short", f"FUZZ_SEC={SEC}")
    assert ok, text
    counts = {name: executions(name) for name in NAMES}
    assert all(counts.values()), counts


def test_what_a_fuzzer_breaks_is_a_failure_that_names_the_input():
    need_fuzzers()
    program = FUZZ / "fuzz_broken"
    source = program.with_suffix(".c")
    source.write_text(BROKEN, "ascii")
    subprocess.run(["clang", "-fsanitize=fuzzer", "-o", program, source], check=True)
    try:
        ok, text = make("run-fuzz_broken", "FUZZ_RUNS=run-fuzz_broken", "FUZZ_SEC=60")
    finally:
        program.unlink()
        source.unlink()
    assert not ok and "deadly signal" in text and f"{FUZZ.name}/broken-" in text, text


def test_every_fuzzer_begins_with_a_small_corpus_of_small_inputs():
    sizes = {name: [path.stat().st_size for path in (CORPUS / name).iterdir()] for name in NAMES}
    assert all(sizes.values()), sizes
    assert max(max(of_one) for of_one in sizes.values()) <= 4096
    assert sum(sum(of_one) for of_one in sizes.values()) <= 200 * 1024


def test_what_comes_from_outside_is_fuzzed():
    wanted = {"api", "config", "frame", "json", "jwks", "message", "options", "record", "refresh", "status",
              "token"}
    assert wanted <= set(NAMES)

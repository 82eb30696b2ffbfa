"""Every C source is as the formatter has it."""
import pathlib
import subprocess
import tempfile

from harness import ROOT, need

STYLE = ROOT / ".clang-format"


def unformatted(paths):
    """Where clang-format would write otherwise: the first place of each file."""
    command = ["clang-format", "--dry-run", "-Werror", f"--style=file:{STYLE}", *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    first = {}
    for line in result.stderr.splitlines():
        if ": error: " in line:
            first.setdefault(line.partition(":")[0], line)
    assert result.returncode == 0 or first, result.stderr
    return list(first.values())


def test_every_source_is_formatted():
    need("clang-format")
    folders = ("client", "pam", "daemon", "tests", "tests/*")
    errors = unformatted(sorted(path for folder in folders for path in ROOT.glob(f"{folder}/*.[ch]")))
    assert not errors, "\n" + "\n".join([*errors, "make format mends it"])


def test_what_is_not_formatted_would_be_seen():
    need("clang-format")
    with tempfile.TemporaryDirectory() as folder:
        good, bad = pathlib.Path(folder, "good.c"), pathlib.Path(folder, "bad.c")
        good.write_text("int f(void) {\n        return (int) 1;\n}\n", "ascii")
        bad.write_text("int f(void)\n{\n  return (int)1;\n}\n", "ascii")
        assert len(unformatted([good, bad])) == 1

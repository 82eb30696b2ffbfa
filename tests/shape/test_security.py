"""SECURITY.md: each attack that it tells of is tried by a test that there is."""
import re
import subprocess

from harness import ROOT, need

PAGE = "SECURITY.md"
ATTACK = re.compile(r"hostile|fault|rogue|crash|power_loss|forger|storm|races|rights|fuzz_|sanitize|valgrind")
REFERENCE = re.compile(r"\[(\w+/\w+)(?:: ([^\]]+))?\]")


def read():
    """The page's text."""
    return (ROOT / PAGE).read_text("utf-8")


def references(text):
    """(folder/file, sentence or "") of each test that is named."""
    return [(name, " ".join(words.split())) for name, words in REFERENCE.findall(text)]


def sentences(name):
    """Those that the test file has: the names of its functions, as they are printed. None: no such file."""
    for ending in (".py", ".c"):
        path = ROOT / "tests" / (name + ending)
        if path.exists():
            found = re.findall(r"^(?:def|static void) test_(\w+)\(", path.read_text("utf-8"), re.M)
            return {words.replace("_", " ") for words in found}
    return None


def errors(text):
    """What is named and not there."""
    found = []
    for name, words in references(text):
        there = sentences(name)
        if there is None:
            found.append(f"there is no tests/{name}")
        elif words and words not in there:
            found.append(f"tests/{name} has no test {words!r}")
    return found


def attacks(text):
    """The items of the list of attacks."""
    text = text.partition("\n## Attacks")[2].partition("\n## ")[0]
    return re.split(r"^- ", text, flags=re.M)[1:]


def test_each_test_that_is_named_is_there():
    assert len(references(read())) > 80
    assert not errors(read()), "\n" + "\n".join(errors(read()))


def test_each_attack_names_a_test():
    assert len(attacks(read())) > 30
    assert not [item for item in attacks(read()) if not references(item)]


def unnamed(text):
    """Files of attacks that the page does not tell of."""
    named = {name for name, _words in references(text)}
    tests = ROOT / "tests"
    files = [path.relative_to(tests).with_suffix("").as_posix()
             for pattern in ("fuzz/fuzz_*.c", "*/test_*.c", "*/test_*.py") for path in tests.glob(pattern)]
    return sorted(name for name in files if ATTACK.search(name) and name not in named)


def test_each_file_of_attacks_is_told_of():
    assert not unnamed(read()), unnamed(read())
    assert "flow/test_hostile" in unnamed("[flow/test_rights]") and "fuzz/fuzz_api" in unnamed("")


def test_it_is_linked_from_the_readme_and_installed():
    need("make")
    assert f"({PAGE})" in (ROOT / "README.md").read_text("utf-8")
    steps = subprocess.run(["make", "-n", "-C", ROOT, "install", "DESTDIR=/staged"], capture_output=True,
                           text=True, check=True).stdout
    assert f"/staged/usr/share/doc/sessjwt/{PAGE}" in steps
    assert "debian/tmp/usr/share/doc/sessjwt" in (ROOT / "debian/sessjwt.install").read_text("utf-8")


def test_a_test_that_is_not_there_would_be_seen():
    assert errors("[flow/test_rights: nobody\n  mints for another] [shape/test_security]") == []
    assert errors("[flow/test_rights: nobody mints]") == ["tests/flow/test_rights has no test 'nobody mints'"]
    assert errors("[flow/test_nothing]") == ["there is no tests/flow/test_nothing"]
    assert [references(item) for item in attacks("\n## Attacks\n- one\n- two [flow/test_rights]\n## End\n- 3")
            ] == [[], [("flow/test_rights", "")]]

"""Both completions offer every verb, with the options that it takes, and nothing else."""
import json
import pathlib
import re
import shlex
import subprocess
import tempfile

from harness import ROOT, need
from harness.canned import OTHER, SID
from harness.lifetime import later
from shape.test_manual import options_in, read, told, usages

BASH = ROOT / "client/sessjwt.bash"
ZSH = ROOT / "client/sessjwt.zsh"
GLOBAL = ["-h", "--help", "--version", "--socket", "--json", "-j", "--no-legend", "--no-pager"]


def own_options(usage):
    """Options that a usage shows."""
    return re.findall(r"--[a-z-]+", usage)


def argument(usage):
    """SID, DEVICE, FILE, USER or nothing: what a usage takes that can be completed."""
    return next(iter(re.findall(r"^\[?(SID|DEVICE|FILE|USER)\b", usage)), "")


def in_code():
    """{verb: what the completions' tables have to say of it}"""
    return {verb: " ".join([argument(usage), *own_options(usage)]).strip()
            for verb, (usage, _sentence) in usages().items()}


def first_words():
    """Of the verbs: `device` is of four."""
    return sorted({verb.split()[0] for verb in in_code()})


def rows(path, pattern):
    """{verb: the rest} of a completion's table."""
    return dict(re.findall(pattern, path.read_text("utf-8"), re.M))


def same_tables(path, pattern):
    """Fails where a completion's table is not the command's."""
    table, expected = rows(path, pattern), in_code()
    told(path, "verb", expected, list(table))
    wrong = [f"{path.name}: {verb} is “{words}”, in sessjwt.c “{expected[verb]}”"
             for verb, words in table.items() if sorted(words.split()) != sorted(expected[verb].split())]
    assert not wrong, "\n" + "\n".join(wrong)


def test_bash_has_every_verb_with_its_options():
    same_tables(BASH, r'^ +\["?([\w -]+)"?\]="(.*)"$')


def test_zsh_has_every_verb_with_its_options():
    same_tables(ZSH, r'^                "?([\w -]+?)"? "(.*)"$')
    told(ZSH, "sentence of", first_words(), re.findall(r"^ +'([a-z-]+):.*'$", read(ZSH), re.M))


def test_what_takes_a_value_is_known_to_bash():
    with_value = re.findall(r'"([\w-]+)", required_argument', read("client/sessjwt.c"))
    line = re.search(r'with_value="(.*)"', read(BASH))[1]
    assert sorted(line.split()) == sorted(f"--{name}" for name in with_value)


def test_both_files_are_installed():
    need("make")
    steps = subprocess.run(["make", "-n", "-C", ROOT, "install", "DESTDIR=/staged"], capture_output=True,
                           text=True, check=True).stdout
    assert "/staged/usr/share/bash-completion/completions/sessjwt\n" in steps
    assert "/staged/usr/share/zsh/vendor-completions/_sessjwt\n" in steps


# ---- bash, asked -------------------------------------------------------------------------------------------

FOLDER = pathlib.Path(tempfile.mkdtemp())
later(lambda: subprocess.run(["rm", "-rf", FOLDER], check=True))


def fake_command():
    """A sessjwt that shows two sessions to an administrator, one to others, and notes how it was called."""
    lists = {"all": [SID, OTHER], "own": [SID]}
    for name, sids in lists.items():
        sessions = [{"sessionId": sid, "deviceName": 'a,"sessionId":"x'} for sid in sids]
        devices = [{"deviceId": sid.replace("-", ""), "name": 'a,"deviceId":"x'} for sid in sids]
        text = json.dumps({"sessions": sessions, "devices": devices}, separators=(",", ":"))
        (FOLDER / name).write_text(text, "ascii")
    path = FOLDER / "sessjwt"
    path.write_text(f"""#!/bin/sh
echo "$@" >> {FOLDER}/calls
case "$*" in
*--all*) [ -e {FOLDER}/admin ] && exec cat {FOLDER}/all; exit 1 ;;
*) exec cat {FOLDER}/own ;;
esac
""", "ascii")
    path.chmod(0o755)
    return str(path)


def complete(*words):
    """What bash offers for the last of these words, which are split as readline splits them."""
    need("bash")
    words = [fake_command(), *words]
    script = f"""
set -u
source {shlex.quote(str(BASH))}
COMP_WORDS=({' '.join(map(shlex.quote, words))}) COMP_CWORD={len(words) - 1}
_sessjwt
[ ${{#COMPREPLY[@]}} -eq 0 ] || printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    result = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True,
                            cwd=FOLDER)
    assert not result.stderr, result.stderr
    return sorted(result.stdout.split("\n")[:-1])


def test_bash_offers_the_verbs_first():
    assert complete("") == first_words()
    assert complete("device", "") == ["block", "forget", "rename", "unblock"]
    assert complete("logout") == ["logout", "logout-all", "logout-others"]
    assert complete("--no-legend", "stat") == ["status"]
    assert complete("--json", "=", "short", "stat") == ["status"]


def test_bash_offers_the_options_of_the_verb():
    for verb, (usage, _sentence) in usages().items():
        assert complete(*verb.split(), "-") == sorted(GLOBAL + own_options(usage)), verb
    assert complete("-") == sorted(GLOBAL + ["--user", "--realm", "--all"])
    assert complete("verify", "--ro") == ["--role"]


def test_bash_offers_session_ids_that_the_caller_may_see():
    ends = sorted([SID[-8:], OTHER[-8:]])
    (FOLDER / "admin").touch()
    assert complete("revoke", "") == sorted([*ends, "self"])
    (FOLDER / "admin").unlink()
    assert complete("revoke", "") == sorted([SID[-8:], "self"])
    assert complete("token", "--audience", "x", SID[-8:][:3]) == [SID[-8:]]
    assert complete("show", "self", "") == []
    assert complete("logout", "") == []


def test_bash_offers_devices_that_the_caller_may_see():
    (FOLDER / "admin").touch()
    assert complete("device", "block", "") == sorted([SID[-8:], OTHER[-8:]])
    (FOLDER / "admin").unlink()
    assert complete("device", "rename", "") == [SID[-8:]]
    assert complete("device", "rename", SID[-8:], "") == complete("devices", "") == []
    assert complete("device", "nonsense", "") == []


def test_bash_asks_the_daemon_that_the_line_names():
    complete("--socket", "/other", "revoke", "")
    assert (FOLDER / "calls").read_text("ascii").splitlines()[-1] == "--socket /other list --json=short"


def test_bash_offers_values_and_files():
    assert complete("--json", "") == complete("list", "--json", "=") == ["off", "pretty", "short"]
    assert complete("list", "--json", "=", "p") == ["pretty"]
    assert complete("list", "--user", "roo") == ["root"]
    assert complete("revoke", SID, "--reason", "") == []
    assert complete("verify", "adm") == [] and complete("verify", "ow") == ["own"]
    assert complete("--socket", "ow") == ["own"]


def test_what_bash_does_not_know_is_no_error():
    assert complete("nosuchverb", "") == []
    assert complete("nosuchverb", "--no-l") == ["--no-legend"]


# ---- zsh, asked --------------------------------------------------------------------------------------------

def zsh_specs(*words):
    """What zsh's _arguments would be given for this line."""
    need("zsh")
    script = f"""
_arguments() {{ print -rl -- "$@" }}
words=({' '.join(map(shlex.quote, ('sessjwt', *words)))}) CURRENT={len(words) + 1}
source {shlex.quote(str(ZSH))}
"""
    result = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, check=True)
    assert not result.stderr, result.stderr
    return result.stdout.splitlines()


def test_zsh_offers_the_options_of_the_verb():
    for verb, (usage, _sentence) in usages().items():
        specs = zsh_specs("--socket", "/x", *verb.split(), "")
        options = re.findall(r"^(?:\(.*?\)|\*)?(--?[a-z-]+)", "\n".join(specs), re.M)
        assert sorted(options) == sorted(GLOBAL + own_options(usage)), (verb, specs)
        place = f"{len(verb.split()) + 1}:"
        assert any(spec.startswith(place) for spec in specs) == bool(argument(usage)), (verb, specs)


def test_zsh_offers_what_may_become_of_a_device():
    assert "2:what:(rename block unblock forget)" in zsh_specs("device", "")
    assert not any(spec.startswith("2:") for spec in zsh_specs("devices", ""))


def test_the_options_that_completions_know_are_those_of_the_command():
    names = {f"-{option}" for option in options_in(read("client/sessjwt.c"))}
    own = {option for words in in_code().values() for option in words.split() if option.startswith("-")}
    assert names == own | set(GLOBAL), names ^ (own | set(GLOBAL))

"""The examples of the manual pages do what the pages say."""
import json
import os
import pathlib
import re
import shlex
import subprocess

from harness import (Daemon, Host, PamLogin, PamStack, SessionList, Skip, Varlink, eventually, later, need,
                     party)
from harness.manual import displays, examples
from harness.paths import DAEMON, LIBRARY, ROOT

LOGIN_LASTS = "[token]\nissuer = https://login.example\n[policy default]\nterminate = none\n"

host = Host()
host.install_command()
daemon = Daemon(host, LOGIN_LASTS).start()
sessions = SessionList(daemon)
PamStack(host, "sshd", like="bare")
UID = 2000
HOME = host.home("alice")


def in_session(login, line):
    """What a line of sh prints, typed by alice in her session, in her home."""
    answer = login.run(UID, f"cd {shlex.quote(str(HOME))} && {{ {line}\n}} 2>&1")
    assert answer.rc == 0, (line, answer)
    return answer.text


# ---- sessjwt(1) --------------------------------------------------------------------------------------------

def lines_of(page, prompt):
    """Lines that are typed at this prompt, display by display."""
    blocks = [[line[2:] for line in block.splitlines() if line.startswith(f"{prompt} ")]
              for block in examples(page)]
    return [lines for lines in blocks if lines]


def test_a_user_s_examples_of_the_command():
    login, other = PamLogin(host, "alice"), PamLogin(host, "alice", rhost="192.0.2.11")
    show, token, pair, logout, devices = lines_of("client/sessjwt.1", "$")
    table, objects = (in_session(login, line) for line in show)
    assert f"* {login.sid[-8:]} alice" in table and other.sid[-8:] in table
    assert [one["sessionId"] for one in json.loads(objects)["sessions"]] == [login.sid, other.sid]

    nothing, verdict, members = (in_session(login, line) for line in token)
    assert not nothing and verdict.startswith("active\n") and json.loads(members)["sid"] == login.sid

    assert not in_session(login, "\n".join(pair))
    access, refresh = (HOME / "pair").read_text("ascii").splitlines()
    assert access.count(".") == 2 and refresh.startswith("sjr1_")
    assert (HOME / "pair").stat().st_mode & 0o077 == 0

    lost = PamLogin(host, "alice", rhost="192.0.2.12")
    lost_id = next(one["deviceId"] for one in Varlink(daemon, user="alice").call("ListDevices")["devices"]
                   if one["identity"] == "192.0.2.12")
    table, renamed, blocked = (in_session(login, line.replace("7a1f6c02", lost_id[:8])) for line in devices)
    assert lost_id[-8:] in table and renamed == f"Renamed device {lost_id[-8:]} (alice, laptop).\n"
    assert blocked == f"Blocked device {lost_id[-8:]} (alice, laptop); ended 1 session.\n"
    assert sessions.ends(lost.sid) == ["device-removed"]

    others, own = (in_session(login, line) for line in logout)
    assert others == "Ended 1 session.\n" and own.startswith(f"Ended session {login.sid[-8:]} (alice, ")
    assert sessions.ends(other.sid) == ["revoked"] and sessions.ends(login.sid) == ["logout"]


def as_root(line):
    """What a line of sh prints, typed by root."""
    return subprocess.run(line, shell=True, text=True, capture_output=True, check=True).stdout


def test_root_s_examples_of_the_command():
    login = PamLogin(host, "alice")
    (show, end), (policy, rotate, keys) = lines_of("client/sessjwt.1", "#")
    assert login.sid[-8:] in as_root(show)
    assert "8d5747bc" in end and as_root(end.replace("8d5747bc", login.sid[-8:])).startswith("Ended session")
    assert sessions.ends(login.sid) == ["revoked"]
    daemon.wait_for_log("lost laptop")
    assert "default" in as_root(policy)
    signs = as_root(rotate).removeprefix("Tokens are signed by ").split()[0]
    assert any(line.split()[:2] == [signs, "active"] for line in as_root(keys).splitlines())


# ---- libsessjwt(3) -----------------------------------------------------------------------------------------

_programs = 0


def compiled(text):
    """A program, built as a reader would."""
    global _programs
    need("gcc", LIBRARY)
    if b"libasan" in LIBRARY.read_bytes():
        raise Skip("a program of the page has no sanitizers")
    _programs += 1
    source, program = host.dir / f"example-{_programs}.c", host.dir / f"example-{_programs}"
    source.write_text(text, "utf-8")
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/client", "-o", program,
                    source, f"-L{LIBRARY.parent}", "-lsessjwt", "-Wl,-rpath,/usr/local/bin"], check=True)
    return program


def test_the_library_s_example_of_a_verifier():
    login = PamLogin(host, "alice")
    token = in_session(login, "sessjwt token").strip()
    program = examples("client/libsessjwt.3")[0]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([compiled(program)], text=True, **pipes) as verifier:
        def judge(text):
            verifier.stdin.write(f"{text}\n")
            verifier.stdin.flush()
            return verifier.stdout.readline()
        assert judge(token) == f"good: alice, uid {UID}\n"
        assert judge(token[:-8] + "AAAAAAAA").startswith("refused: ")
        assert judge("no token").startswith("refused: ")
        sessions.call("RevokeSession", sessionId=login.sid)
        assert judge(token) == "refused: Its session has ended\n"
        verifier.stdin.close()
        assert verifier.wait() == 0


def test_the_library_s_example_of_a_client():
    login, program = PamLogin(host, "alice"), compiled(examples("client/libsessjwt.3")[1])
    other = PamLogin(host, "alice", rhost="192.0.2.11")
    token, *shown = in_session(login, str(program)).splitlines()
    assert token.count(".") == 2
    assert [line.split()[0] for line in shown] == [login.sid, other.sid]
    outside = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (outside.returncode, outside.stdout) == (1, "") and "in no session" in outside.stderr


# ---- sessjwtd.conf(5), sessjwtd(8) -------------------------------------------------------------------------

def policies(text):
    """The names of the policies of a configuration, which must be valid."""
    need(DAEMON)
    file = host.dir / "example.conf"
    file.write_text(text, "utf-8")
    result = subprocess.run([DAEMON, "--check-config", "--config", file], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr
    return re.findall(r"^\[policy (.*)\]$", result.stdout, re.M)


def test_the_configuration_s_examples_are_valid():
    classes, tenant = examples("daemon/sessjwtd.conf.5")
    assert policies(classes) == ["partner", "owner", "customer", "default"]
    assert policies(tenant) == ["shop", "default"]


def test_the_daemon_can_be_tried_as_an_ordinary_user():
    need(DAEMON)
    *before, start, ask = examples("daemon/sessjwtd.8")[1].splitlines()
    assert start.startswith("sessjwtd ") and start.endswith(" &") and ask.startswith("sessjwt ")
    folder = host.dir / "trial"
    folder.mkdir()
    os.chown(folder, UID, UID)
    for line in before:
        assert host.run_as("alice", "sh", "-c", f"cd {folder} && {line}").returncode == 0
    program = [str(DAEMON), *start.split()[1:-1]]
    running = subprocess.Popen(["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *program],
                               cwd=folder, stderr=subprocess.DEVNULL)
    later(lambda: (running.terminate(), running.wait()))
    eventually(lambda: " is well, " in host.run_as("alice", "sh", "-c", f"cd {folder} && {ask}").stdout,
               what="the daemon of the example answers")


# ---- README ------------------------------------------------------------------------------------------------

def test_the_readme_s_configurations_are_valid():
    blocks = [block for block in displays("README.md") if re.match(r"(#.*\n)*\[", block)]
    assert blocks
    for block in blocks:
        assert policies(block)


def test_the_readme_s_programs_compile():
    blocks = [block for block in displays("README.md") if "struct sessjwt" in block]
    assert blocks
    for block in blocks:
        body = "\n".join(line for line in block.splitlines() if not line.startswith("#include"))
        assert compiled("#include <stdio.h>\n#include <string.h>\n#include <sessjwt.h>\n"
                        "static void run(const char *token)\n{\n" + body + "\n}\n"
                        'int main(void)\n{\n        run("");\n        return 0;\n}\n')


def shown(word):
    """The only display of the README that has this word."""
    block, = (block for block in displays("README.md") if word in block)
    return block


def refuses_at_once(command):
    """A program that judges tokens line by line takes one until the end of its session is answered."""
    login = PamLogin(host, "alice")
    token = in_session(login, "sessjwt token").strip()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as program:
        def judge(text):
            program.stdin.write(f"{text}\n")
            program.stdin.flush()
            return program.stdout.readline()
        assert judge(token) == "good: alice\n"
        assert judge(token[:-8] + "AAAAAAAA") == judge("no token") == "refused\n"
        sessions.call("RevokeSession", sessionId=login.sid)
        assert judge(token) == "refused\n"
        program.stdin.close()
        assert program.wait() == 0


def test_the_readme_s_python_refuses_a_revoked_token_at_once():
    refuses_at_once(["python3", "-c", shown("import json, socket")])


def test_the_readme_s_node_refuses_a_revoked_token_at_once():
    party.JOSE.need()
    with party.node_folder() as folder:
        pathlib.Path(folder, "readme.mjs").write_text(shown("jwtVerify"), "utf-8")
        refuses_at_once(["node", f"{folder}/readme.mjs"])


def test_the_readme_s_shell_refuses_a_revoked_token_at_once():
    line, = (line[2:] for line in shown("&& echo good").splitlines())
    login = PamLogin(host, "alice")
    in_session(login, "sessjwt token > token")
    assert in_session(login, line).endswith("\ngood\n")
    sessions.call("RevokeSession", sessionId=login.sid)
    assert "good" not in host.run_as("alice", "sh", "-c", f"cd {HOME} && {line}").stdout

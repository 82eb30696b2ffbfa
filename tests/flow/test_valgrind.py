"""The module in a program under valgrind, through all phases twice, loaded and unloaded each time: no error,
and no memory that is lost."""
# timeout: 300
import subprocess

from harness import Daemon, Host, SessionList, Skip, need, paths, sanitizers
from harness.host import PASSWORD

NEW = "new Staple 8 correct"
FOUND = 99  # what valgrind exits with when it has something to say
VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible", "--keep-debuginfo=yes",
            "--child-silent-after-fork=yes", f"--error-exitcode={FOUND}", "--num-callers=30"]

need("valgrind", paths.MODULE, paths.PAM_APP)
if sanitizers.kind():
    raise Skip("sanitizers and valgrind do not go together")

host = Host()
OURS = f"{paths.MODULE} socket=/run/sessjwt/login timeout=1s"
SERVICE = f"""\
auth     [auth_err=die default=ignore]                  {OURS} preauth
auth     [success=2 default=ignore]                     pam_unix.so
auth     [default=ignore]                               {OURS} authfail
auth     requisite                                      pam_deny.so
auth     [default=ignore]                               {OURS} authsucc
auth     required                                       pam_permit.so
account  [success=ok perm_denied=die default=ignore]    {OURS}
account  required                                       pam_permit.so
session  [success=ok session_err=die default=ignore]    {OURS} debug
session  required                                       pam_permit.so
password [success=ok default=bad]                       pam_unix.so sha512 rounds=1000
password [success=ok default=ignore]                    {OURS}
"""


host.copy_etc()
(host.pam_dir / "sshd").write_text(SERVICE, "ascii")
daemon = Daemon(host).start()
sessions = SessionList(daemon)


def run(*lines):
    """The lines by the PAM application under valgrind, which has nothing to say (but that it does not know
    pidfd_open). Returns what PAM answered: names of constants, with the text that came along."""
    done = subprocess.run([*VALGRIND, str(paths.PAM_APP), str(host.pam_dir)], text=True, capture_output=True,
                          input="".join(f"{line}\n" for line in (*lines, "quit")), timeout=200, check=False)
    assert done.returncode == 0 and "==" not in done.stderr, done.stderr
    return [line.partition(" ")[2] for line in done.stdout.splitlines()]


def log_in(handle, user="alice", password=PASSWORD, tty="pts/7"):
    """A whole login, up to the open session."""
    return [f"start {handle} sshd {user}", f"item {handle} RHOST 192.0.2.7", f"item {handle} TTY {tty}",
            f"type {handle} {password}", f"authenticate {handle}", f"account {handle}", f"open {handle}"]


def configure(text):
    """For the next login."""
    daemon.write_config(text)
    sessions.call("Reload")


def test_all_phases_twice_over_leave_nothing():
    before = daemon.log_end()
    lines = [*log_in(1), "open 1", "fork-close 1", "close 1", "close 1", "close 1", "type 1 " + NEW,
             "password 1", "end 1"]
    again = [line.replace(PASSWORD, NEW) for line in lines]
    answers = run(*lines, *again)
    assert answers == ["PAM_SUCCESS"] * len(answers), answers
    assert sessions.of() == [] and len(sessions.opened("alice", before)) == 4
    assert daemon.log(before).count("reset") == 2, daemon.log(before)
    subprocess.run(["chpasswd"], input=f"alice:{PASSWORD}\n", text=True, check=True)


def test_a_wrong_password_and_a_lock_leave_nothing():
    configure("[lock]\nmax_failures_per_source = 2\nlock_messages = verbose\n")
    lines = ["start 1 sshd {}", "item 1 RHOST 203.0.113.7", "type 1 wrong", *["authenticate 1"] * 4, "end 1"]
    for user in ("bob", "nobody-at-all"):
        answers = run(*(line.format(user) for line in lines))
        assert [answer.partition(" ")[0] for answer in answers[3:7]] == ["PAM_AUTH_ERR"] * 4, answers
        assert "text=" in answers[5]


def test_a_denial_an_eviction_and_a_question_leave_nothing():
    for limit, last in (("on_limit = deny", "PAM_SESSION_ERR"), ("on_limit = evict-oldest", "PAM_SUCCESS")):
        configure(f"[policy default]\nmax_devices = 1\nterminate = none\n{limit}\n")
        second = [line.replace("192.0.2.7", "192.0.2.8") for line in log_in(2)]
        answers = run(*log_in(1), *second, "close 2", "end 2", "close 1", "end 1")
        assert answers[13].partition(" ")[0] == last, answers
    configure("[policy default]\nmax_sessions = 1\nterminate = none\non_limit = ask\n")
    for choice, last in (("1", "PAM_SUCCESS"), ("3", "PAM_PERM_DENIED")):
        lines = log_in(2, tty="ssh")
        answers = run(*log_in(1), *lines[:-2], f"type 2 {choice}", *lines[-2:], "end 2", "close 1", "end 1")
        assert answers[13].partition(" ")[0] == last, answers


def test_an_end_without_a_close_and_a_program_that_simply_ends_leave_nothing_of_ours():
    answers = run(*log_in(1), "open 1", "end 1 data-silent", *log_in(2), "end 2")
    assert answers == ["PAM_SUCCESS"] * len(answers), answers


def test_trouble_leaves_nothing():
    configure("")
    daemon.pause()
    answers = run(*log_in(1), "close 1", "end 1")
    daemon.kill()
    answers += run(*log_in(1), "close 1", "end 1")
    daemon.start()
    assert answers == ["PAM_SUCCESS"] * len(answers), answers


def test_what_is_lost_would_be_seen():
    source, program = host.dir / "planted.c", host.dir / "planted"
    source.write_text("#include <stdlib.h>\n#include <stdio.h>\n"
                      "int main(int n, char **v) {\n"
                      "        char *p = malloc(8);\n        if (p[n]) puts(\"?\");\n        p = 0;\n}\n")
    subprocess.run(["gcc", "-O0", "-g", "-o", program, source], check=True)
    done = subprocess.run([*VALGRIND, program], capture_output=True, text=True, check=False)
    assert done.returncode == FOUND
    assert "uninitialised" in done.stderr and "definitely lost" in done.stderr, done.stderr

"""The module with AddressSanitizer and UBSan in it, inside of a real sshd, through all that a login can meet:
nothing is reported."""
# timeout: 300
import os
import pathlib
import re
import subprocess

from harness import (BUILD, Daemon, Host, PamStack, SessionList, Skip, Ssh, Sshd, eventually, later, need,
                     processes)
from harness.hardening import output
from harness.host import PASSWORD

KBD = "keyboard-interactive"
MODULE = BUILD / "watched/pam_sessjwt.so"
QUESTION = "3 give up:"
REPORT = re.compile("runtime error:|Sanitizer")
NEW = "new Staple 8 correct"
FLAGS = ("-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all",
         "-static-libubsan")

need(MODULE, "gcc")
RUNTIME = output("gcc", "-print-file-name=libasan.so").strip()
need(RUNTIME)

host = Host()
reports = host.dir / "reports"
reports.mkdir()
reports.chmod(0o1777)
LOCKS = """\
auth [auth_err=die default=ignore]  {module} preauth
auth [success=2 default=ignore]     pam_unix.so nullok
auth [default=ignore]               {module} authfail
auth requisite                      pam_deny.so
auth [default=ignore]               {module} authsucc
auth required                       pam_permit.so
"""


host.copy_etc()
LINE = f"{MODULE} socket=/run/sessjwt/login timeout=1s"
(host.pam_dir / "common-auth").write_text(LOCKS.format(module=LINE))
PamStack(host, "sshd", module=MODULE, options="timeout=1s")
with open(host.pam_dir / "sshd", "a", encoding="ascii") as stack:
    stack.write(f"password [success=ok default=ignore] {LINE}\n")
daemon = Daemon(host).start()
sessions = SessionList(daemon)


def watched_sshd(service="sshd", **options):
    """An sshd whose processes report to our folder. Leaks are its own business: it ends without freeing."""
    where = f"log_path={reports}/{service}"
    return Sshd(host, service, environment={
        "LD_PRELOAD": RUNTIME, "ASAN_OPTIONS": f"detect_leaks=0:{where}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:{where}"}, **options)


sshd = watched_sshd()
ssh = Ssh(sshd)
ssh.trust("alice", "laptop", "phone")
ssh.trust("bob", "laptop", "phone")


def reported(server):
    """What the sanitizers wrote so far, to their files and (before they knew of those) into sshd's log."""
    text = "".join(path.read_text("utf-8", errors="replace") for path in sorted(reports.iterdir()))
    return text + "".join(line + "\n" for line in server.log().splitlines() if REPORT.search(line))


def begin(config=""):
    """Nobody is signed in, and this is the configuration."""
    eventually(lambda: not sessions.of(), what="no session of an earlier test")
    daemon.write_config(config)
    sessions.call("Reload")
    later(lambda: eventually(lambda: not sshd.monitors(), what="no login of this test"))


def assert_nothing_was_reported():
    """After all processes of its logins have ended."""
    eventually(lambda: not processes.children(sshd.pid), what="the end of sshd's children")
    assert not reported(sshd), reported(sshd)


def test_a_login_by_every_method_is_a_session_and_reports_nothing():
    begin()
    for how in ({"key": "laptop"}, {"password": True}, {"password": True, "method": KBD}):
        before = daemon.log_end()
        assert ssh.run("alice", "id", "-un", **how).out == "alice\n", how
        sid, = sessions.opened("alice", before)
        assert sessions.wait_end(sid) == "logout"
    assert_nothing_was_reported()


def test_the_sanitizers_are_in_the_process_that_opens_the_session():
    begin()
    login = ssh.start("alice", key="laptop").wait_open()
    monitor, = sshd.monitors("alice")
    maps = pathlib.Path(f"/proc/{monitor}/maps").read_text("ascii")
    assert str(MODULE) in maps and os.path.realpath(RUNTIME) in maps
    assert login.log_out() == 0
    assert_nothing_was_reported()


def test_a_wrong_password_a_lock_and_its_end_report_nothing():
    begin("[lock]\nmax_failures_per_source = 2\nlock_messages = verbose\n")
    for method in ("password", KBD):
        source = {"password": "203.0.113.8", KBD: "203.0.113.9"}[method]
        for password in ("wrong", "x" * 500, PASSWORD):
            assert ssh.run("bob", "true", password=password, method=method, source=source).rc != 0
        for name in ("nobody-at-all", "%s%n"):
            assert ssh.run(name, "true", password="wrong", method=method, source=source).rc != 0
    assert ssh.run("bob", "id", "-un", password=True).out == "bob\n"
    assert_nothing_was_reported()


def test_a_denial_in_account_and_one_at_open_report_nothing():
    for limit, rcs in (("max_sessions", (255,)), ("max_devices", (254,))):
        begin(f"[policy default]\n{limit} = 1\non_limit = deny\n")
        login = ssh.start("alice", key="laptop").wait_open()
        for how in ({"key": "phone"}, {"key": "phone", "options": {"RequestTTY": "force"}}):
            assert ssh.run("alice", "true", **how).rc in rcs, (limit, how)
        assert login.log_out() == 0
    assert_nothing_was_reported()


def test_an_eviction_reports_nothing():
    begin("[policy default]\nmax_devices = 1\n")
    laptop = ssh.start("alice", key="laptop", tty=True).wait_open()
    phone = ssh.start("alice", key="phone").wait_open()
    assert laptop.wait_closed() == 255
    assert phone.log_out() == 0
    assert_nothing_was_reported()


def test_a_question_and_each_of_its_answers_report_nothing():
    for answer in ("1", "2", "3", "", "x" * 100 + "\n4\n5"):
        begin("[policy default]\nmax_sessions = 1\non_limit = ask\n")
        login = ssh.start("alice", key="laptop").wait_open()
        asked = ssh.start("alice", tty=True, method=KBD, source="192.0.2.30", options={"BatchMode": "no"})
        asked.expect("Password:")
        asked.say(PASSWORD)
        asked.expect(QUESTION)
        for line in answer.split("\n"):
            count = asked.text().count(QUESTION)
            asked.say(line)
            if line == "4" or len(line) > 1:
                eventually(lambda: asked.text().count(QUESTION) > count, what="asked again")
        if answer in ("1", "2"):
            asked.wait_open()
            assert login.wait_closed() == 255 and asked.log_out() == 0
        else:
            assert asked.wait_closed() == 255 and login.log_out() == 0
    assert_nothing_was_reported()


def test_a_password_that_is_changed_at_a_login_reports_nothing():
    begin()
    subprocess.run(["chage", "-d", "0", "bob"], check=True)
    asked = host.dir / "askpass"
    asked.write_text(f"#!/bin/sh\ncase $1 in *ew*) echo '{NEW}' ;; *) echo '{PASSWORD}' ;; esac\n")
    asked.chmod(0o755)
    words = ssh.arguments("ssh", "bob", method=KBD,
                          options={"BatchMode": "no", "NumberOfPasswordPrompts": "6"})
    before = daemon.log_end()
    done = subprocess.run([*words, "id -un"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False,
                          env=os.environ | {"SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"})
    assert (done.returncode, done.stdout) == (0, "bob\n"), done
    assert "reset" in daemon.log(before), daemon.log(before)
    assert_nothing_was_reported()


def test_a_daemon_that_is_stopped_or_gone_reports_nothing():
    begin()
    daemon.pause()
    for how in ({"key": "laptop"}, {"password": True, "method": KBD}):
        assert ssh.run("alice", "id", "-un", **how).out == "alice\n"
    daemon.kill()
    assert ssh.run("alice", "id", "-un", key="laptop").out == "alice\n"
    daemon.start()
    assert_nothing_was_reported()


PLANTED = """
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <security/pam_modules.h>
int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        char *room = malloc(8);
        volatile int n = INT_MAX;
        if (strcmp(argv[0], "overflow") == 0)
                return n + argc > 0 ? PAM_SUCCESS : PAM_IGNORE;
        memset(room, 'x', 8 + (size_t) argc);
        pam_putenv(pamh, room);
        free(room);
        return PAM_SUCCESS;
}
int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv) { return PAM_SUCCESS; }
"""


def test_a_module_with_faults_would_be_seen():
    source, module = host.dir / "planted.c", host.dir / "planted.so"
    source.write_text(PLANTED, "ascii")
    subprocess.run(["gcc", *FLAGS, "-g", "-fPIC", "-shared", "-o", module, source, "-lpam"], check=True)
    for fault, words in (("overflow", "signed integer overflow"), ("heap", "heap-buffer-overflow")):
        service = f"planted-{fault}"
        PamStack(host, service, like="bare", module=None)
        with open(host.pam_dir / service, "a", encoding="ascii") as lines:
            lines.write(f"session optional {module} {fault}\n")
        client = Ssh(watched_sshd(service))
        client.trust("alice", "laptop")
        client.run("alice", "true", key="laptop")
        eventually(lambda: words in reported(client.sshd) and "planted.c:" in reported(client.sshd),
                   what="a report")
    for path in reports.iterdir():
        path.unlink()
    ssh.trust("alice", "laptop", "phone")

"""sessjwt doctor and the stacks of PAM: what is wrong in them is found, what stands there rightly is not."""
# timeout: 300
import re
import shutil

from harness import PamStack, paths
from harness.doctor_world import (ACCOUNT, COUNTED, GOOD, SESSION, configure, doctor, finds, host, is_well,
                                  stack)
from harness.lifetime import later

# ---- PAM ---------------------------------------------------------------------------------------------------

def test_a_stack_with_one_of_our_lines_lacks_the_other():
    stack(session=False)
    answer = doctor(rc=1)
    assert [finding["text"] for finding in answer["findings"]] == [
        "sshd has our account line, but no session line: its logins have no session",
        "sshd does not have our session line: its logins are no sessions"]


def test_a_host_without_our_lines_has_no_sessions():
    for service in COUNTED:
        stack(service, module=None)
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert texts == ["no service in /etc/pam.d has our session line: no login has a session"], texts


def test_a_counted_service_without_our_lines_is_worth_a_note():
    stack("login", module=None)
    finds("pam", "login does not have our session line", grade="note")


def test_a_pam_env_that_reads_users_files_before_our_line_is_found_wherever_it_stands():
    stack(position="after")
    finds("pam", "pam.d/sshd:", "pam_env reads users' files before our session line", "Move our session line")
    stack(text=GOOD.replace(SESSION, f"session include late\n{SESSION}"))
    (host.pam_dir / "late").write_text("session optional pam_env.so envfile=/x user_readenv=1\n", "ascii")
    later((host.pam_dir / "late").unlink)
    finds("pam", "pam.d/late:1: pam_env reads users' files")
    stack(text="auth optional pam_env.so user_readenv=1\n" + GOOD)
    finds("pam", "pam.d/sshd:1: pam_env", "Take user_readenv=1 away")


def test_a_control_that_lets_a_refused_login_pass_is_found():
    stack(session_control="optional")
    finds("pam", "a login that is refused goes on", "session_err")
    stack(account_control="optional")
    finds("pam", "a login that is refused goes on", "perm_denied")
    stack(session_control="[success=ok session_err=bad default=ignore]")
    finds("pam", "the lines behind still run", grade="note")


def test_a_control_that_locks_everybody_out_without_the_module_is_found():
    for control in ("required", "requisite", "[success=ok ignore=ignore default=bad]"):
        stack(session_control=control)
        texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
        assert "without the module's file nobody can log in" in texts[0], texts


def test_a_line_of_ours_that_skips_others_is_found():
    stack(session_control="[success=done session_err=die default=ignore]")
    finds("pam", "goes past the lines behind it")


def test_a_line_that_goes_past_ours_is_found():
    stack(text=GOOD.replace(SESSION, f"session sufficient pam_permit.so\n{SESSION}"))
    finds("pam", "is not reached when pam.d/sshd:", "(pam_permit.so) succeeds")
    stack(text=GOOD.replace(ACCOUNT, f"account [success=1 default=ignore] pam_permit.so\n{ACCOUNT}"))
    finds("pam", "is not reached when")


def test_options_that_the_module_refuses_are_found():
    for arguments, words in (
            ({"options": "timeout=9s"}, "the option timeout=9s is unknown, repeated or out of its bounds"),
            ({"options": "realm=shop"}, "the configuration has no realm shop: such a login has no session"),
            ({"socket": "/run/other/login"},
             "asks another daemon, at /run/other/login in place of /run/sessjwt/login")):
        stack(**arguments)
        texts = [finding["text"].partition(": ") for finding in doctor(rc=1)["findings"]]
        assert len(texts) == 2 and all(text[2] == words for text in texts), texts  # both lines of ours


def test_on_error_deny_without_break_glass_is_worth_a_note():
    stack(options="on_error=deny")
    texts = {finding["text"] for finding in doctor(rc=0)["findings"]}
    assert len(texts) == 2 and all("nobody but root can log in" in text for text in texts), texts
    stack(options="on_error=deny break_glass=wheel")
    is_well()


def test_lines_that_stand_twice_or_cannot_be_read_are_found():
    stack(text=GOOD.replace(SESSION, SESSION + SESSION))
    finds("pam", "has our session line a second time")
    stack(text=GOOD + "sesion required pam_permit.so\n")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert any("sshd cannot be read as PAM reads it: sshd:" in text for text in texts), texts


def test_our_line_belongs_behind_pam_loginuid():
    text = GOOD.replace(SESSION, "").replace("session  required  pam_loginuid.so\n",
                                             f"{SESSION}session  required  pam_loginuid.so\n")
    stack(text=text)
    finds("pam", "stands before pam_loginuid")


def test_the_lines_of_the_lock_are_three():
    module = next(word for word in SESSION.split() if word.endswith(".so"))
    line = f"auth [default=ignore] {module} socket=/run/sessjwt/login"
    dies = line.replace("[", "[auth_err=die ")
    stack(text=f"{dies} preauth\n{GOOD}")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert texts == ["sshd has auth lines of ours, but none with authfail: the lock is not complete",
                     "sshd has auth lines of ours, but none with authsucc: the lock is not complete"], texts
    stack(text=f"{dies} preauth\n{line} authfail\n{dies} authsucc\n{GOOD}")
    is_well()
    stack(text=f"{line} preauth\n{line} authfail\n{dies} authsucc\n{GOOD}")
    finds("pam", "pam.d/sshd:1: a login that is refused goes on", "auth_err")
    stack(text=f"{line} authfail\n{dies} preauth\n{dies} authsucc\n{GOOD}")
    finds("pam", "in another order than preauth, authfail, authsucc")
    stack(text=f"{dies} preauth\n{line} authfail\nauth sufficient pam_permit.so\n{dies} authsucc\n{GOOD}")
    finds("pam", "pam.d/sshd:4: is not reached when pam.d/sshd:3 (pam_permit.so) succeeds")
    stack(text=f"{line}\n{GOOD}")
    finds("pam", "an auth line of ours that does nothing")


def test_the_stacks_that_the_manual_prints_are_well():
    page = (paths.ROOT / "pam/pam_sessjwt.8").read_text("utf-8").partition(".Sh AUTH STACKS")[2]
    printed = [text for text in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.S | re.M)
               if text.count("pam_sessjwt.so") == 3]
    assert len(printed) == 2, printed  # Debian's and Fedora's
    for text in printed:
        text = text.replace("pam_sessjwt.so", str(paths.MODULE))
        stack(text=GOOD.replace("@include common-auth\n", text))
        is_well()


def test_terminate_scope_needs_pam_systemd_before_our_line():
    configure("[policy default]\nterminate = scope\n")
    texts = [finding["text"] for finding in doctor(rc=1)["findings"]]
    assert len(texts) == 2 and all("pam_systemd makes no scope here" in text for text in texts), texts
    for service in COUNTED:
        text = PamStack(host, service).text
        stack(service, text=text.replace(SESSION, f"session optional pam_systemd.so\n{SESSION}"))
    is_well()
    stack(text=GOOD + "session optional pam_systemd.so\n")
    finds("pam", "stands before pam_systemd", grade="note")


# ---- the module's file -------------------------------------------------------------------------------------

def test_a_module_that_is_not_there_is_found():
    for service in COUNTED:
        stack(service, module="pam_sessjwt.so")
    texts = {finding["text"].partition(": ")[2] for finding in doctor(rc=1)["findings"]}
    assert texts == {"the module pam_sessjwt.so is not there: logins go on without a session"}, texts


def test_a_module_of_another_version_or_that_others_can_write_is_found():
    path = host.dir / "pam_sessjwt.so"
    path.write_bytes(paths.MODULE.read_bytes().replace(b"pam_sessjwt version ", b"pam_sessjwt version 9"))
    path.chmod(0o755)
    stack(module=path)
    finds("pam", f"{path} is not of version")
    shutil.copy(paths.MODULE, path)
    path.chmod(0o777)
    finds("pam", f"{path} belongs to uid 0 and has mode 0777")
    path.chmod(0o755)
    is_well()

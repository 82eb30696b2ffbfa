"""pam_stack: service files for /etc/pam.d, modelled on Debian 12's, with our two lines where a test wants
them."""
import pathlib

from . import paths, sanitizers

ACCOUNT_CONTROL = "[success=ok perm_denied=die default=ignore]"
SESSION_CONTROL = "[success=ok session_err=die default=ignore]"

# Debian's common-* as pam-auth-update writes them, without what a single machine adds (systemd, LDAP,
# capabilities).
_COMMON = {
    "common-auth": """\
auth    [success=1 default=ignore]  pam_unix.so nullok
auth    requisite                   pam_deny.so
auth    required                    pam_permit.so
""",
    "common-account": """\
account [success=1 new_authtok_reqd=done default=ignore]  pam_unix.so
account requisite                                         pam_deny.so
account required                                          pam_permit.so
""",
    "common-session": """\
session [default=1]  pam_permit.so
session requisite    pam_deny.so
session required     pam_permit.so
session required     pam_unix.so
""",
    "common-password": """\
password [success=1 default=ignore]  pam_unix.so obscure yescrypt
password requisite                   pam_deny.so
password required                    pam_permit.so
""",
}
_COMMON["common-session-noninteractive"] = _COMMON["common-session"]

# @ACCOUNT@, @BEFORE@ and @AFTER@ are where our lines go: BEFORE stands before any pam_env, AFTER behind the
# last one.
_SERVICES = {
    "bare": """\
auth     required pam_permit.so
@ACCOUNT@
account  required pam_permit.so
@BEFORE@
session  required pam_permit.so
@AFTER@
""",
    "sshd": """\
@include common-auth
account  required  pam_nologin.so
@include common-account
@ACCOUNT@
session  required  pam_loginuid.so
session  optional  pam_keyinit.so force revoke
@include common-session
@BEFORE@
session  optional  pam_motd.so motd=/run/motd.dynamic
session  optional  pam_motd.so noupdate
session  optional  pam_mail.so standard noenv
session  required  pam_limits.so
session  required  pam_env.so
session  required  pam_env.so user_readenv=1 envfile=/etc/default/locale
@AFTER@
@include common-password
""",
    "login": """\
auth     requisite pam_nologin.so
session  required  pam_loginuid.so
session  optional  pam_keyinit.so force revoke
@include common-auth
@include common-account
@ACCOUNT@
@include common-session
@BEFORE@
session  required  pam_env.so readenv=1
session  required  pam_limits.so
session  optional  pam_lastlog.so
@AFTER@
@include common-password
""",
    "su": """\
auth     sufficient pam_rootok.so
session  required   pam_env.so readenv=1
session  required   pam_limits.so
@include common-auth
@include common-account
@ACCOUNT@
@include common-session
@BEFORE@
@AFTER@
""",
    "su-l": """\
auth     sufficient pam_rootok.so
session  optional   pam_keyinit.so force revoke
@include su
""",
    "sudo": """\
session  required  pam_limits.so
@include common-auth
@include common-account
@ACCOUNT@
@include common-session-noninteractive
@BEFORE@
@AFTER@
""",
    "sudo-i": """\
session  optional  pam_keyinit.so force revoke
@include sudo
""",
}


def write_common(folder):
    """Writes the common-* files: what /etc/pam.d of a test's world begins with."""
    for name, text in _COMMON.items():
        _write(folder, name, text)
    for name in _SERVICES:
        PamStack(folder, name, module=None)


def _write(folder, name, text):
    path = pathlib.Path(folder) / name
    path.write_text(text, "utf-8")
    path.chmod(0o644)


class PamStack:
    """One service file. folder: a Host, or where service files are. service: one of sshd, login, su, sudo, …,
    or a new name, which then has sshd's stack. like: another service's stack; "bare" is our lines and
    pam_permit. position: our session line `before` or `after` pam_env user_readenv=1.

    module: path of pam_sessjwt.so; None leaves our lines out. options: the module's, as text. socket: None
    leaves the option out. session, account: False leaves that line out. *_control: what stands in
    brackets."""

    patient = True  # a file that looks at what waiting costs sets it to False

    def __init__(self, folder, service="sshd", *, module=paths.MODULE, options="",
                 socket="/run/sessjwt/login", position="before", account=True, session=True,
                 account_control=ACCOUNT_CONTROL, session_control=SESSION_CONTROL, like=None):
        assert position in ("before", "after"), position
        options = sanitizers.patience(options) if self.patient else options
        arguments = " ".join(filter(None, [str(module), socket and f"socket={socket}", options]))
        account_line = f"-account {account_control} {arguments}" if module and account else ""
        session_line = f"-session {session_control} {arguments}" if module and session else ""
        text = _SERVICES[like or (service if service in _SERVICES else "sshd")]
        text = text.replace("@ACCOUNT@", account_line)
        text = text.replace("@BEFORE@", session_line if position == "before" else "")
        self.text = text.replace("@AFTER@", session_line if position == "after" else "")
        _write(getattr(folder, "pam_dir", folder), service, self.text)

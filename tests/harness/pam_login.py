"""pam_login: a session of its own, opened through the real module by a PAM application: a login without its
sshd."""
import os
import signal

from . import lifetime, processes
from .pam_app import PamApp
from .waiting import eventually

HANDLE = 1


class PamLogin:
    """One open session, by a program that is its leader. environment: PAM's (SSH_AUTH_INFO_0, …); items:
    the other PAM items (TTY=…). rhost: tells devices apart. The service's stack must be there:
    PamStack(host, "sshd", like="bare")."""

    def __init__(self, host, user, service="sshd", rhost="192.0.2.10", environment=None, **items):
        self.app = PamApp(host)
        self.pid = self.app.pid
        self.user = user
        assert self.app.begin(HANDLE, service, user).rc == 0
        for name, value in {"RHOST": rhost, **items}.items():
            if value is not None:
                assert self.app.item(HANDLE, name, value).rc == 0
        for name, value in (environment or {}).items():
            assert self.app.putenv(HANDLE, name, value).rc == 0
        self.answer = self.app.open(HANDLE)
        self.sid = self.app.getenv(HANDLE, "SESSJWT_SESSION_ID")
        lifetime.own(self)

    def run(self, uid, command):
        """A command of sh as this uid inside the session; see PamApp.run."""
        return self.app.run(HANDLE, uid, command)

    def log_out(self):
        """pam_close_session, pam_end, and the program goes on to its end."""
        answer = self.app.close_session(HANDLE)
        self.app.end(HANDLE)
        self.app.quit()
        return answer

    def pause(self):
        """The leader stops, and cannot follow a SIGTERM: its session stays `ending`. (Signals that wait
        together are taken by number, so the stop must have come before.)"""
        os.kill(self.pid, signal.SIGSTOP)
        eventually(lambda: processes.state(self.pid) == "T", what="the leader stopped")

    def resume(self):
        """It goes on, and takes what it was sent."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """The leader dies: no close."""
        self.app.kill()

    def close(self):
        """Ends the program (which its application does too)."""
        self.app.close()

    def diagnosis(self):
        """What its open was answered."""
        return f"---- login of {self.user}: {self.answer}, session {self.sid}"

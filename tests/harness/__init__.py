"""harness: real parts in a world of their own. README.md beside this file has an example.

What tests need is named here, so that a test says `from harness import Host, Daemon, Sshd, Ssh`."""
from .waiting import NotInTime, eventually, never
from .skip import Skip, need
from .lifetime import later, own
from .paths import BUILD, ROOT
from .host import PASSWORD, Host
from .clock import Clock
from .daemon import Daemon, DaemonFailed
from .varlink import Varlink, VarlinkError
from .session_list import SessionList
from .pam_stack import PamStack
from .sshd import Sshd
from .ssh import Ssh
from .terminal import Terminal
from .pam_app import PamApp, log_in_often
from .pam_login import PamLogin
from . import frame, jose, processes

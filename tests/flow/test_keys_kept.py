"""The signing keys as they are kept: in the clear, or wrapped with a credential of systemd's, without which
the daemon does not start."""
import os

from harness import Clock, Daemon, Host, PamLogin, PamStack
from harness.signing_keys import is_active, keys, mint, rotate

host = Host()
PamStack(host, "sshd", like="bare")


def start(**arguments):
    """A daemon of the test's own, with a clock."""
    return Daemon(host, clock=Clock(host.dir / f"clock-{os.urandom(4).hex()}"), **arguments).start()


def credentials(content, name="sessjwt-wrapping-key"):
    """A folder as systemd makes it."""
    folder = host.dir / f"credentials-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o700)
    (folder / name).write_bytes(content)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def refuses_to_start(daemon, sentence, **environment):
    """Fails unless it ends with this in its log."""
    before = daemon.log_end()
    daemon.start(ready=False, **environment)
    assert daemon.wait_ended() == 1
    assert sentence in daemon.log(before), daemon.log(before)


def test_a_wrapped_store_is_the_same_store_with_its_credential_and_none_without():
    raw = os.urandom(32)
    credential = credentials(raw)
    daemon = start(environment=credential)
    before = keys(daemon)
    daemon.stop()
    daemon.environment = {}
    refuses_to_start(daemon, "are wrapped and there is no credential sessjwt-wrapping-key")
    refuses_to_start(daemon, "wrapped with another sessjwt-wrapping-key", **credentials(os.urandom(32)))
    refuses_to_start(daemon, "are wrapped and there is no credential", **credentials(raw, name="another"))
    daemon.start(**credentials(raw.hex().encode() + b"\n"))
    assert keys(daemon) == before
    rotate(daemon)
    after = keys(daemon)
    daemon.stop()
    refuses_to_start(daemon, "are wrapped")
    daemon.start(**credential)
    assert keys(daemon) == after


def test_keys_that_were_kept_in_the_clear_are_wrapped_at_the_first_start_with_a_credential():
    daemon = start()
    login = PamLogin(host, "alice")
    before, token = keys(daemon), mint(daemon, login)
    daemon.stop()
    credential = credentials(os.urandom(32))
    daemon.start(**credential)
    assert keys(daemon) == before and is_active(daemon, token)
    daemon.stop()
    refuses_to_start(daemon, "are wrapped")


def test_a_credential_that_is_no_key_is_refused_with_what_would_be_right():
    daemon = start()
    daemon.stop()
    for content in (b"", os.urandom(31), os.urandom(33), b"z" * 64, b"a" * 63, b"a" * 66, os.urandom(5000)):
        refuses_to_start(daemon, "right are exactly 32 bytes, or 64 hexadecimal digits",
                         **credentials(content))
    daemon.start()

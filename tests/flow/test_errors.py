"""Every error that the interface lists is answered by the daemon through its socket, with the members that it
lists: a case each, and a case for each."""
# timeout: 300
import os
import pathlib
import re
import signal

from harness import (Clock, Daemon, Host, PamApp, PamLogin, PamStack, Varlink, VarlinkError, frame, later,
                     namespaces)

IDL = pathlib.Path(__file__).resolve().parents[2] / "client/org.sessjwt.varlink"
CONFIG = "[lock]\nmax_failures_per_source = 0\nmax_failures_per_user = 0\n"
CONFIG += "[policy default]\nrefresh_ttl = 1h\n"
NOBODYS_SID = "019ab000-0000-7000-8000-0123456789ab"

host = Host()
PamStack(host, "sshd", like="bare")
clock = Clock(host.dir / "clock")
daemon = Daemon(host, CONFIG, clock=clock).start()
alice = PamLogin(host, "alice", rhost="192.0.2.7")
CASES = {}


def listed():
    """The errors of the interface, each with the names and types of its members."""
    text = IDL.read_text("utf-8")
    return {name: dict(re.findall(r"(\w+): (\w+)", members))
            for name, members in re.findall(r"^error (\w+) \((.*)\)$", text, re.M)}


def case(function):
    """Makes the error of its name; returns its members."""
    CASES[function.__name__] = function
    return function


def refusal(name, method, /, caller=None, client=None, **parameters):
    """The members of this error, which the call must meet."""
    client = client or Varlink(daemon, user=caller)
    try:
        reply = client.call(method, **parameters)
    except VarlinkError as error:
        assert error.name == f"org.sessjwt.{name}", error
        return error.parameters
    raise AssertionError(f"{method}({parameters}) was answered: {reply}")


def issue(login):
    """A refresh token of the login's session."""
    return Varlink(daemon, user=login.user).call("IssueRefreshToken", sessionId=login.sid)["refreshToken"]


def refresh(token):
    """The refresh token that comes for this one."""
    return Varlink(daemon, user="mallory").call("Refresh", refreshToken=token)["refreshToken"]


@case
def SessionNotFound():
    return refusal("SessionNotFound", "GetSession", sessionId=NOBODYS_SID)


@case
def DeviceNotFound():
    return refusal("DeviceNotFound", "ForgetDevice", deviceId="0123456789abcdef" * 2)


@case
def SessionEnded():
    login = PamLogin(host, "alice", rhost="192.0.2.8")
    os.kill(login.pid, signal.SIGSTOP)  # it cannot go yet, so its session is ending
    later(lambda: os.kill(login.pid, signal.SIGCONT))
    Varlink(daemon).call("RevokeSession", sessionId=login.sid)
    return refusal("SessionEnded", "MintToken", caller="alice", sessionId=login.sid)


@case
def InvalidRefreshToken():
    return refusal("InvalidRefreshToken", "Refresh", refreshToken="sjr1_" + "A" * 80)


@case
def RefreshTokenReused():
    login = PamLogin(host, "alice", rhost="192.0.2.9")
    first = issue(login)
    clock.advance(40)
    second = refresh(first)
    clock.advance(40)
    assert refresh(second) not in (first, second)
    return refusal("RefreshTokenReused", "Refresh", refreshToken=first)


@case
def RefreshTokenExpired():
    login = PamLogin(host, "alice", rhost="192.0.2.10")
    token = issue(login)
    clock.advance(3601)
    return refusal("RefreshTokenExpired", "Refresh", refreshToken=token)


@case
def NoSession():
    return refusal("NoSession", "RevokeOthers", caller="mallory")


@case
def RealmNotFound():
    return refusal("RealmNotFound", "ListSessions", realm="nowhere")


@case
def UserNotFound():
    return refusal("UserNotFound", "ResetUser", user="nobody-at-all")


@case
def TooManySubscriptions():
    for number in range(32):
        subscriber = Varlink(daemon, user=54300)
        subscriber.send_call("Subscribe", more=True)
        reply = subscriber.read_reply()
        if "error" in reply:
            assert number == 16 and reply["error"] == "org.sessjwt.TooManySubscriptions", reply
            return reply["parameters"]
    raise AssertionError("32 subscriptions of one uid")


def fail_often(count):
    """So many failed attempts to sign in, 64 at once."""
    packet = frame.request(frame.AUTHFAIL)
    for _ in range(count // 64):
        modules = [frame.Module(daemon) for _ in range(64)]
        for module in modules:
            module.send(packet)
        for module in modules:
            assert module.read().outcome == frame.DENIED
            module.close()


@case
def EventsLost():
    subscriber = Varlink(daemon)
    subscriber.send_call("Subscribe", {"all": True}, more=True)
    assert "error" not in subscriber.read_reply()
    fail_often(12800)
    while True:
        reply = subscriber.read_reply()
        if "error" in reply:
            assert reply["error"] == "org.sessjwt.EventsLost", reply
            return reply["parameters"]


@case
def NamesUnavailable():
    """Whoever asks for a name waits: /etc/passwd is a pipe that nobody writes to."""
    login = PamLogin(host, "bob", rhost="192.0.2.11")
    client = Varlink(daemon, user="bob")
    pipe = host.dir / "passwd-pipe"
    os.mkfifo(pipe)
    namespaces.bind(pipe, "/etc/passwd")

    def over():
        namespaces.unmount("/etc/passwd")
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))

    later(over)
    return refusal("NamesUnavailable", "MintToken", client=client, sessionId=login.sid)


@case
def TooManyConnections():
    clients = [Varlink(daemon, user=54301) for _ in range(64)]
    reply = Varlink(daemon, user=54301).read_reply()
    assert len(clients) == 64 and reply["error"] == "org.sessjwt.TooManyConnections"
    return reply["parameters"]


def log_in_often(user, count):
    """So many sessions of the user, each from another address."""
    for first in range(0, count, 600):
        app = PamApp(host)
        for handle in range(600):
            assert app.begin(handle, "sshd", user).rc == 0
            app.item(handle, "RHOST", f"198.51.{(first + handle) // 200}.{1 + handle % 200}")
            assert app.open(handle).rc == 0


@case
def TooManyChanges():
    client = Varlink(daemon, user=54302)
    client.send_raw(b'{"method":"org.sessjwt.RevokeAll"}\0' * 600)
    replies = [client.read_reply() for _ in range(600)]
    assert [reply.get("error") for reply in replies[:500]] == [None] * 500
    reply = next(reply for reply in replies if "error" in reply)
    assert reply["error"] == "org.sessjwt.TooManyChanges", reply
    return reply["parameters"]


@case
def TooMuchUnread():
    """60 long lists at once, of which none is read before all were asked for."""
    log_in_often("mallory", 1200)
    readers = [Varlink(daemon, user="mallory") for _ in range(60)]
    daemon.pause()
    later(daemon.resume)
    for reader in readers:
        reader.send_call("ListSessions")
    daemon.resume()
    replies = [reader.read_reply() for reader in readers]
    reply = next(reply for reply in replies if "error" in reply)
    assert reply["error"] == "org.sessjwt.TooMuchUnread", reply
    return reply["parameters"]


@case
def ConfigurationInvalid():
    daemon.write_config("[policy default]\nmax_devices = many\n")
    later(lambda: daemon.write_config(CONFIG))
    return refusal("ConfigurationInvalid", "Reload")


@case
def TooManyKeys():
    client = Varlink(daemon)
    for _ in range(64):
        try:
            client.call("RotateKey")
        except VarlinkError as error:
            assert error.name == "org.sessjwt.TooManyKeys", error
            return error.parameters
    raise AssertionError("64 keys")


@case
def NotPublished():
    blocker = daemon.runtime_dir / "public" / ".publish-jwks.json"
    blocker.mkdir()
    later(blocker.rmdir)
    return refusal("NotPublished", "RotateKey", compromised=True)


@case
def BackupExists():
    call = Varlink(daemon).call
    call("Backup", name="taken")
    return refusal("BackupExists", "Backup", name="taken")


@case
def BackupUnderWay():
    """Eight that the daemon reads in one round: it makes one at a time."""
    clients = [Varlink(daemon) for _ in range(8)]
    daemon.pause()
    for number, client in enumerate(clients):
        client.send_call("Backup", {"name": f"at-once-{number}"})
    daemon.resume()
    errors = [reply for reply in [client.read_reply() for client in clients] if "error" in reply]
    assert errors and {reply["error"] for reply in errors} == {"org.sessjwt.BackupUnderWay"}, errors
    return errors[0].get("parameters", {})


@case
def BackupFailed():
    """The folder is somebody else's."""
    folder = daemon.state_dir / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, 2000, 2000)
    later(lambda: os.chown(folder, 0, 0))
    return refusal("BackupFailed", "Backup", name="failed")


def fill(folder):
    """Nothing fits in there any more."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


@case
def StoreUnavailable():
    """On a file system that is full; a daemon of its own, since no change fits any more."""
    daemon.stop()
    state = host.dir / "small"
    state.mkdir()
    namespaces.mount("tmpfs", state, "tmpfs", 0, "size=1024k,mode=0700")
    small = Daemon(host, CONFIG, state_dir=state).start()
    later(daemon.start)
    later(lambda: namespaces.unmount(state))
    later(small.stop)
    fill(state)
    client = Varlink(small)
    for number in range(200):  # the pages that earlier changes freed may serve a few
        try:
            client.call("LockUser", user=f"user{number}", reason="x" * 200)
        except VarlinkError as error:
            if error.name == "org.sessjwt.UserNotFound":
                raise
            assert error.name == "org.sessjwt.StoreUnavailable", error
            return error.parameters
    raise AssertionError("200 changes on a full disk")


def test_every_error_of_the_interface_has_its_case_here():
    assert set(CASES) == set(listed()), set(CASES) ^ set(listed())


def check(name):
    """The error is answered, and its members are those that the interface lists, of their types."""
    types = {"string": str, "int": int}
    members = CASES[name]()
    assert {key: type(value) for key, value in members.items()} == {
        key: types[kind] for key, kind in listed()[name].items()}, members


def test_the_socket_answers_SessionNotFound():
    check("SessionNotFound")


def test_the_socket_answers_DeviceNotFound():
    check("DeviceNotFound")


def test_the_socket_answers_SessionEnded():
    check("SessionEnded")


def test_the_socket_answers_InvalidRefreshToken():
    check("InvalidRefreshToken")


def test_the_socket_answers_RefreshTokenReused():
    check("RefreshTokenReused")


def test_the_socket_answers_RefreshTokenExpired():
    check("RefreshTokenExpired")


def test_the_socket_answers_NoSession():
    check("NoSession")


def test_the_socket_answers_RealmNotFound():
    check("RealmNotFound")


def test_the_socket_answers_UserNotFound():
    check("UserNotFound")


def test_the_socket_answers_TooManySubscriptions():
    check("TooManySubscriptions")


def test_the_socket_answers_EventsLost():
    check("EventsLost")


def test_the_socket_answers_NamesUnavailable():
    check("NamesUnavailable")


def test_the_socket_answers_TooManyConnections():
    check("TooManyConnections")


def test_the_socket_answers_TooManyChanges():
    check("TooManyChanges")


def test_the_socket_answers_TooMuchUnread():
    check("TooMuchUnread")


def test_the_socket_answers_ConfigurationInvalid():
    check("ConfigurationInvalid")


def test_the_socket_answers_TooManyKeys():
    check("TooManyKeys")


def test_the_socket_answers_NotPublished():
    check("NotPublished")


def test_the_socket_answers_BackupExists():
    check("BackupExists")


def test_the_socket_answers_BackupUnderWay():
    check("BackupUnderWay")


def test_the_socket_answers_BackupFailed():
    check("BackupFailed")


def test_the_socket_answers_StoreUnavailable():
    check("StoreUnavailable")

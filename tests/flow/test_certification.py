"""org.varlink.certification, which implementations of Varlink test each other with, by our rooms for
connections and messages and by a client and a server that we did not write."""
import json
import re
import socket
import subprocess

from harness import Host, later, need
from harness.paths import BUILD
from harness.waiting import eventually

OURS = BUILD / "tests" / "interop" / "certification"
THEIRS = "varlink-go-certification"  # Debian's varlink-go
INTERFACE = "org.varlink.certification"
STEPS = ["Start", *(f"Test{number:02}" for number in range(1, 12)), "End"]
_worlds = 0

host = Host()


def serve():
    """Our server; the path of its socket."""
    global _worlds
    need(OURS)
    _worlds += 1
    folder = host.dir / f"certification-{_worlds}"
    start([OURS, "serve", folder])
    wait_for(folder / "org.sessjwt")
    return folder / "org.sessjwt"


def start(command):
    """A server, until the test is over."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    later(lambda: (process.kill(), process.wait()))


def wait_for(path):
    """Returns when somebody accepts there."""
    def is_answered():
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(str(path)) == 0
    eventually(is_answered, what=f"a server at {path}")


def output(*command):
    """What a client says that ends well."""
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


def test_varlink_go_certifies_our_server():
    need(THEIRS)
    said = output(THEIRS, "-client", "-varlink", f"unix:{serve()}")
    assert "failed" not in said, said
    assert re.findall(r"^(\w+): ", said, re.M) == STEPS, said
    assert said.count("  Receive: 'Reply number ") == 10 and said.endswith("Test11: ''\nEnd: 'true'\n"), said


def test_our_client_certifies_varlink_go_s_server():
    need(OURS, THEIRS)
    path = host.dir / "theirs"
    start([THEIRS, "-varlink", f"unix:{path}"])
    wait_for(path)
    assert output(OURS, "call", path) == "certified\n"


def test_our_client_certifies_our_server():
    assert output(OURS, "call", serve()) == "certified\n"


# ---- what the client above does not try --------------------------------------------------------------------

class Wire:
    """A client in plain Python: bytes of its own making."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(serve()))
        self.bytes = self.socket.makefile("rb")
        later(lambda: (self.bytes.close(), self.socket.close()))

    def send(self, *calls):
        """All in one write."""
        self.socket.sendall(b"".join(json.dumps(call).encode() + b"\0" for call in calls))

    def receive(self):
        """The next reply; None: the server has hung up."""
        text = b""
        while not text.endswith(b"\0"):
            byte = self.bytes.read(1)
            if not byte:
                return None
            text += byte
        return json.loads(text[:-1])


def call(name, **parameters):
    """A call of the client that our server knows."""
    return {"method": f"{INTERFACE}.{name}", "parameters": {"client_id": "certified", **parameters}}


LIST = [f"Reply number {number}" for number in range(1, 11)]


def test_calls_in_one_write_are_answered_in_their_order_and_oneway_ones_not_at_all():
    wire = Wire()
    wire.send(call("Test01"), call("Test11", last_more_replies=LIST) | {"oneway": True},
              call("Test04", float=1), call("Test11", last_more_replies=LIST) | {"oneway": True}, call("End"))
    assert [wire.receive() for _ in range(3)] == [
        {"parameters": {"bool": True}}, {"parameters": {"string": "ping"}}, {"parameters": {"all_ok": True}}]


def test_a_call_that_comes_byte_by_byte_is_answered_once():
    wire = Wire()
    for byte in json.dumps(call("Test02", bool=True)).encode():
        wire.socket.sendall(bytes([byte]))
    wire.socket.sendall(b"\0")
    wire.send(call("End"))
    assert [wire.receive(), wire.receive()] == [{"parameters": {"int": 1}}, {"parameters": {"all_ok": True}}]


def test_the_server_tells_wrong_values_a_wrong_client_and_an_unknown_method():
    wire = Wire()
    wrong = [call("Test02", bool=False), call("Test02", bool=1), call("Test02"),
             call("Test02", bool=True, x=1), call("Test10", mytype={}),
             call("Test11", last_more_replies=LIST)]
    for one in wrong:
        wire.send(one)
        reply = wire.receive()
        assert reply["error"] == f"{INTERFACE}.CertificationError", reply
        assert reply["parameters"]["got"] == one["parameters"]
    wire.send(call("Test01") | {"parameters": {"client_id": "somebody"}}, call("Test12"))
    assert wire.receive() == {"error": f"{INTERFACE}.ClientIdError", "parameters": {}}
    assert wire.receive()["error"] == "org.varlink.service.MethodNotFound"


def test_a_call_that_is_none_ends_the_connection():
    for more in ({"upgrade": True}, {"more": True, "oneway": True}, {"more": 1}, {"extra": 1}):
        wire = Wire()
        wire.send(call("Test01") | more)
        assert wire.receive() is None, more

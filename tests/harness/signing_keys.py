"""signing_keys: the keys of a daemon, as ListKeys and public/ tell of them, and what is signed with them."""
import json

from . import jose
from .varlink import Varlink
from .waiting import eventually


def call(daemon, method, user=None, **parameters):
    """One call on a connection of its own."""
    client = Varlink(daemon, user=user)
    try:
        return client.call(method, **parameters)
    finally:
        client.close()


def rotate(daemon, **parameters):
    """RotateKey by root."""
    return call(daemon, "RotateKey", **parameters)


def keys(daemon):
    """{state: [kid, …]} in the order of making."""
    states = {"next": [], "active": [], "retiring": []}
    for key in call(daemon, "ListKeys")["keys"]:
        states[key["state"]].append(key["kid"])
    return states


def published(daemon):
    """The kids of jwks.json; fails if GetKeys says anything else."""
    jwks = json.loads((daemon.runtime_dir / "public" / "jwks.json").read_text("utf-8"))
    assert jwks == call(daemon, "GetKeys", user=54321)
    return [key["kid"] for key in jwks["keys"]]


def mint(daemon, login):
    """A token for a login."""
    return call(daemon, "MintToken", user=login.user, sessionId=login.sid)["accessToken"]


def kid_of(token):
    """What signed it, as it says."""
    return jose.split(token)[0]["kid"]


def is_active(daemon, token):
    """Whether it counts."""
    return call(daemon, "Introspect", token=token)["active"]


def wait_active(daemon, kid):
    """Returns when this one signs."""
    eventually(lambda: keys(daemon)["active"] == kid, what="the next key signs")


def wait_no_retiring(daemon):
    """Returns when the retiring keys have gone, from public/ too."""
    eventually(lambda: len(call(daemon, "GetKeys")["keys"]) == 2, what="no retiring key")
    assert not keys(daemon)["retiring"] and len(published(daemon)) == 2

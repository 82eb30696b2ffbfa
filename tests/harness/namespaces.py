"""namespaces: a mount and network namespace of our own, and mounts in it. Root only; the machine sees none of
it."""
import ctypes
import os
import struct
import fcntl
import socket

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_entered = {"mount": False, "network": False, "why_not": "run_file.py was not asked to"}


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2), with text for all that is text."""
    encode = lambda text: None if text is None else os.fsencode(text)
    _check(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)),
           f"mount {source} on {target}")


def unmount(target):
    """umount2(2), lazily: whoever still uses it may finish."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def bind(source, target):
    """Makes source (a file or a folder) appear at target, which must exist."""
    mount(source, target, None, MS_BIND)


def tmpfs(target, mode="0755"):
    """An empty file system of our own at target."""
    mount("tmpfs", target, "tmpfs", 0, f"mode={mode}")


def _loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS


def enter(network=True):
    """unshare --mount [--net] --propagation private for this process. False, with the reason kept, where that
    cannot be."""
    if os.geteuid() != 0:
        _entered["why_not"] = "needs root for private mount and network namespaces"
        return False
    try:
        _check(_libc.unshare(CLONE_NEWNS | (CLONE_NEWNET if network else 0)), "unshare")
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        if network:
            _loopback_up()
    except OSError as error:
        _entered["why_not"] = f"needs private mount and network namespaces: {error.strerror}"
        return False
    _entered.update(mount=True, network=network)
    return True


def has_mounts():
    """Whether this process has a mount namespace of its own."""
    return _entered["mount"]


def has_network():
    """Whether this process has a network namespace of its own."""
    return _entered["network"]


def why_not():
    """Why it has none."""
    return _entered["why_not"]

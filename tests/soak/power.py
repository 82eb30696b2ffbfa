"""power: what record.c wrote down, played again up to any point, and there the power is lost: what was synced
is on the disk, of what was not any part may be, torn at blocks. Then the store must open, agree with itself
and hold what was acknowledged up to there."""
import collections
import json
import pathlib
import random
import shutil
import struct
import tempfile
import uuid

from harness import Daemon, lifetime, paths
from .calling import Client
from .facts import Facts
from .looking import Checker, StoreLook

RECORD = paths.BUILD / "tests" / "soak" / "record.so"
_HEADER = struct.Struct("=BBHIQQQ")  # struct record
WRITE, SYNC, DURABLE, TRUNCATE, NAME, UNNAME, FACT = b"wsdtnuf"
BLOCKS = (512, 4096)
FIRST, AGAIN = 25, 8  # so many records of the first start are a point each, so often
KEPT_FOR_EVER = ("session", "login", "end")


def environment(log, state_dir):
    """For a daemon whose writes are to be recorded."""
    log.touch()
    return {"LD_PRELOAD": str(RECORD), "RECORD_LOG": str(log), "RECORD_DIR": str(state_dir)}


def journal(log):
    """For Facts: what is acknowledged stands between the writes."""
    file = lifetime.own(open(log, "ab", buffering=0))

    def write(word, key, value):
        text = json.dumps([word, key, value]).encode()
        file.write(_HEADER.pack(FACT, 0, 0, len(text), 0, 0, 0) + text)
    return write


def read(log):
    """Its records, as (kind, is_folder, file, other, offset, bytes)."""
    data, at, records = log.read_bytes(), 0, []
    while at < len(data):
        kind, is_folder, _reserved, size, file, other, offset = _HEADER.unpack_from(data, at)
        at += _HEADER.size + size
        records.append((kind, is_folder, file, other, offset, data[at - size:at]))
    return records


class _File:
    """Bytes that are durable, and what was done since: (offset, bytes), or (size, None) for a truncation."""

    def __init__(self):
        self.durable, self.pending = bytearray(), []

    @staticmethod
    def change(content, offset, data):
        """Makes one change."""
        if data is None:
            del content[offset:]
            content.extend(bytes(offset - len(content)))
        else:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset:offset + len(data)] = data

    def sync(self):
        """All of it is on the disk."""
        for change in self.pending:
            self.change(self.durable, *change)
        self.pending.clear()

    def sync_last(self, offset):
        """The last write at this offset is, whatever came before."""
        at = max(at for at, change in enumerate(self.pending) if change[0] == offset)
        self.change(self.durable, *self.pending.pop(at))

    def after_loss(self, rng, mode):
        """What is found there when the power is back."""
        content = bytearray(self.durable)
        block = rng.choice(BLOCKS)
        for offset, data in self.pending:
            if mode == "all" or (mode == "some" and (data is None or rng.random() < 0.4)):
                self.change(content, offset, data)
            elif mode == "some" and rng.random() < 0.5:
                self._tear(content, offset, data, block, rng)
        longest = max([offset + len(data) for offset, data in self.pending if data] + [0])
        if mode == "some" and rng.random() < 0.5:  # the new size has come to the disk, the bytes have not
            content.extend(bytes(max(0, longest - len(content))))
        return content

    def _tear(self, content, offset, data, block, rng):
        end = offset + len(data)
        for begin in range(offset - offset % block, end, block):
            low, high = max(begin, offset), min(begin + block, end)
            if rng.random() < 0.5:
                self.change(content, low, data[low - offset:high - offset])


class _Folder:
    """Names that are durable, and what was done to them since: (name, file or None)."""

    def __init__(self):
        self.durable, self.pending = {}, []

    def names(self, n_pending):
        """With so many of the changes, in their order."""
        names = dict(self.durable)
        for name, file in self.pending[:n_pending]:
            names[name] = file
        return {name: file for name, file in names.items() if file is not None}

    def sync(self):
        """All of it is on the disk."""
        self.durable, self.pending = self.names(len(self.pending)), []


class Disk:
    """A folder as it comes to the disk. root: its inode."""

    def __init__(self, root):
        self.root = root
        self.files, self.folders = {}, collections.defaultdict(_Folder)

    @classmethod
    def load(cls, folder):
        """As a folder is now, all of it durable."""
        disk = cls(folder.stat().st_ino)
        for path in folder.rglob("*"):
            number = path.stat().st_ino
            disk.folders[path.parent.stat().st_ino].durable[path.name] = number
            if path.is_file():
                disk.files.setdefault(number, _File()).durable[:] = path.read_bytes()
        return disk

    def _file(self, number):
        return self.files.setdefault(number, _File())

    def apply(self, record):
        """One record."""
        kind, is_folder, number, other, offset, data = record
        if kind == WRITE:
            self._file(number).pending.append((offset, data))
        elif kind == TRUNCATE:
            self._file(number).pending.append((offset, None))
        elif kind == DURABLE:
            self._file(number).sync_last(offset)
        elif kind == SYNC and number in self.files:
            self.files[number].sync()
        elif kind == SYNC:
            self.folders[number].sync()
        elif kind == NAME:
            self.folders[other].pending.append((data.decode(), number))
            _known = self.folders[number] if is_folder else self._file(number)
        elif kind == UNNAME:
            self.folders[other].pending.append((data.decode(), None))

    def write_to(self, target, rng, mode, folder=None):
        """What is left after a loss of power, into this folder."""
        folder = self.folders[folder or self.root]
        n_pending = {"all": len(folder.pending), "none": 0}.get(mode, rng.randint(0, len(folder.pending)))
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o700)
        for name, number in folder.names(n_pending).items():
            if number in self.files:
                content = self.files[number].after_loss(rng, mode)
                if name == "lock.mdb":  # it is mapped: nobody knows what of it was written back
                    content = rng.randbytes(8192)
                (target / name).write_bytes(content)
            else:
                self.write_to(target / name, rng, mode, number)


class PowerLoss:
    """A log, and what may be lost of it. figures() after run()."""

    def __init__(self, host, log, root, seed):
        self.host, self.seed, self.rng = host, seed, random.Random(f"power {seed}")
        self.records = read(log)
        self.disk, self.facts = Disk(root), Facts()
        self.look = StoreLook()
        self.target = host.dir / "after-loss"
        self.violations, self.points, self.starts = [], collections.Counter(), 0
        self.tokens, self.issuer = [], None

    def run(self, points, starts=0, config=""):
        """So many points at which the power is lost; after `starts` of them the daemon itself starts."""
        first = [*range(min(FIRST, len(self.records)))] * AGAIN
        chosen = collections.Counter([*first, *(self.rng.randrange(len(self.records) + 1)
                                                for _ in range(points - len(first)))])
        with_start = set(self.rng.sample(sorted(chosen), starts)) if starts else set()
        for number in range(len(self.records) + 1):
            for _ in range(chosen[number]):
                self._lose_power(number)
            if number in with_start:
                self._start_daemon(number, config)
            if number < len(self.records):
                self._go_on(self.records[number])

    def _go_on(self, record):
        if record[0] != FACT:
            self.disk.apply(record)
            return
        word, key, value = json.loads(record[-1])
        if not (word == "forget" and key[0] in KEPT_FOR_EVER):
            self.facts.apply(word, tuple(key), value)

    def _say(self, number, mode, text):
        self.violations.append(f"record {number} of {len(self.records)}, {mode}, seed {self.seed}: {text}")

    def _lose_power(self, number):
        mode = self.rng.choice(("all", "none", "some", "some", "some"))
        self.disk.write_to(self.target, self.rng, mode)
        self.points[mode] += 1
        view = self.look.at(self.target)
        if view.problem:
            self._say(number, mode, view.problem)
            return
        if view.seen() == "behind":
            self._say(number, mode, "the store is taken for an older copy")
        for text in self.facts.broken(view.facts() | self._backups(number, mode)):
            self._say(number, mode, text)

    def _backups(self, number, mode):
        """Those that were acknowledged are there, and whole."""
        actual = {}
        for kind, name in [key for key, values in self.facts.items() if key[0] == "backup"]:
            copy = self.host.dir / "after-loss-backup"
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir(mode=0o700)
            if (self.target / "backups" / name).exists():
                shutil.copy(self.target / "backups" / name, copy / "data.mdb")
                view = self.look.at(copy)
                actual[kind, name] = "whole"
                if view.problem:
                    self._say(number, mode, f"backup {name}: {view.problem}")
        return actual

    def _start_daemon(self, number, config):
        """The machine is on again: every session is of an earlier boot, and no token of before counts."""
        self.disk.write_to(self.target, self.rng, "some")
        runtime_dir = pathlib.Path(tempfile.mkdtemp(prefix="runtime-", dir=self.host.dir))
        daemon = Daemon(self.host, config, state_dir=self.target, runtime_dir=runtime_dir,
                        boot_id=str(uuid.uuid4()))
        daemon.start()
        self.starts += 1
        root = Client(daemon)
        if root.call("ListSessions", all=True)["sessions"]:
            self._say(number, "start", "a session of before lives")
        if "what was here last" in daemon.log():
            self._say(number, "start", "the store is taken for an older copy")
        if self.tokens and 0 in Checker(daemon, self.issuer).answers(self.tokens):
            self._say(number, "start", "a token of before is good")
        devices = {("device", row["deviceId"]): row["state"]
                   for row in root.call("ListDevices", all=True)["devices"]}
        for key, values in self.facts.items():
            if key[0] == "device" and devices.get(key) not in values:
                self._say(number, "start", f"device {key[1]} is {devices.get(key)}")
        root.close()
        daemon.stop()

    def figures(self):
        """What was done, as lines."""
        modes = ", ".join(f"{mode} {n}" for mode, n in sorted(self.points.items()))
        return [f"seed         {self.seed}", f"records      {len(self.records)}",
                f"points       {sum(self.points.values())} (of what was not synced is there: {modes})",
                f"starts       {self.starts}", f"violations   {len(self.violations)}",
                *self.violations[:20]]

"""house: the sources as rooms, and the arrows between them. A room is a .h and a .c, with NAME_*.c and
NAME_private.h as its parts. `python3 tests/shape/house.py` prints every room and the rooms that it names."""
import collections
import pathlib
import re

FOLDERS = ("client", "pam", "daemon")
_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
# The command's main file is called like the library's public header, which is a room of its own.
_ODD_ROOMS = {"client/sessjwt.c": "client/command"}
_GENERATED = (".i", ".inc")


class House:
    """The sources under one root."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(path.relative_to(root).as_posix() for folder in FOLDERS
                            for path in self.root.glob(f"{folder}/*.[ch]"))
        self._headers = {name[:-2] for name in self.files if name.endswith(".h")}

    def read(self, name):
        """Text of one file."""
        return (self.root / name).read_text("utf-8")

    def room(self, name):
        """Which room a file belongs to: its own header's, else that of the longest NAME it begins with."""
        if name in _ODD_ROOMS:
            return _ODD_ROOMS[name]
        stem = name[:-2].removesuffix("_private")
        parts = stem.split("_")
        for length in range(len(parts), 0, -1):
            if "_".join(parts[:length]) in self._headers:
                return "_".join(parts[:length])
        return "client/command" if stem.startswith("client/command") else stem

    def rooms(self):
        """Names of all rooms."""
        return sorted({self.room(name) for name in self.files})

    def arrows(self):
        """{room: {room it names: [files that do]}}"""
        found = collections.defaultdict(lambda: collections.defaultdict(list))
        for name in self.files:
            found[self.room(name)]  # a room without arrows is a room
            for ours, _outside in _INCLUDE.findall(self.read(name)):
                if ours and not ours.endswith(_GENERATED) and self.room(ours) != self.room(name):
                    found[self.room(name)][self.room(ours)].append(name)
        return found

    def bare_includes(self):
        """(file, header) where an include of ours does not carry its folder."""
        return [(name, ours) for name in self.files for ours, _outside in _INCLUDE.findall(self.read(name))
                if ours and not ours.endswith(_GENERATED) and ours.split("/")[0] not in FOLDERS]

    def outside(self):
        """(file, header) of every <header>."""
        return [(name, outside) for name in self.files
                for _ours, outside in _INCLUDE.findall(self.read(name)) if outside]


_FUNCTION = re.compile(r"^(?P<head>[A-Za-z_][^;{}#=]*?\([^;{}=]*\)[^;{}=()]*)\{\n.*?^\}", re.M | re.S)


def functions(text):
    """(name, first line, number of lines) of every function that a source file defines."""
    for match in _FUNCTION.finditer(text):
        name = re.search(r"(\w+)\s*\(", match["head"])[1]
        yield name, text.count("\n", 0, match.start()) + 1, match[0].count("\n") + 1


if __name__ == "__main__":
    for place, names in sorted(House(pathlib.Path(__file__).resolve().parent.parent.parent).arrows().items()):
        print(f"{place}:", *sorted(names))

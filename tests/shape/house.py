"""house: the sources as rooms, and the arrows between them.

A room is NAME.h and NAME.c; NAME_*.c are its parts, and so is a header NAME_*.h that nobody else includes.
`python3 tests/shape/house.py` prints every room and the rooms that it names."""
import collections
import pathlib
import re

FOLDERS = ("client", "pam", "daemon")
_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
# The command's main file is called like the library's public header, which is a room of its own.
_ODD_ROOMS = {"client/sessjwt.c": "client/command"}
_GENERATED = (".i", ".inc")


def _longest(stem, names):
    """The longest NAME of names that the stem is, or begins with as NAME_; None if there is none."""
    found = [name for name in names if f"{stem}_".startswith(f"{name}_")]
    return max(found, key=len, default=None)


class House:
    """The sources under one root."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(path.relative_to(root).as_posix() for folder in FOLDERS
                            for path in self.root.glob(f"{folder}/*.[ch]"))
        self._includes = {name: _INCLUDE.findall(self.read(name)) for name in self.files}
        headers = {name[:-2] for name in self.files if name.endswith(".h")}
        self._doors = {stem for stem in headers if not self._is_part(stem, headers)}

    def _is_part(self, stem, headers):
        """Whether NAME_x.h belongs to NAME alone."""
        owner = _longest(stem.rpartition("_")[0], headers)
        includers = [name[:-2] for name in self.files if (f"{stem}.h", "") in self._includes[name]]
        return owner is not None and all(f"{name}_".startswith(f"{owner}_") for name in includers)

    def read(self, name):
        """Text of one file."""
        return (self.root / name).read_text("utf-8")

    def room(self, name):
        """Which room a file belongs to: the longest NAME it begins with."""
        if name in _ODD_ROOMS:
            return _ODD_ROOMS[name]
        return _longest(name[:-2], self._doors) or name[:-2]

    def rooms(self):
        """Names of all rooms."""
        return sorted({self.room(name) for name in self.files})

    def arrows(self):
        """{room: {room it names: [files that do]}}"""
        found = collections.defaultdict(lambda: collections.defaultdict(list))
        for name in self.files:
            found[self.room(name)]  # a room without arrows is a room
            for ours, _outside in self._includes[name]:
                if ours and not ours.endswith(_GENERATED) and self.room(ours) != self.room(name):
                    found[self.room(name)][self.room(ours)].append(name)
        return found

    def bare_includes(self):
        """(file, header) where an include of ours does not carry its folder."""
        return [(name, ours) for name in self.files for ours, _outside in self._includes[name]
                if ours and not ours.endswith(_GENERATED) and ours.split("/")[0] not in FOLDERS]

    def outside(self):
        """(file, header) of every <header>."""
        return [(name, outside) for name in self.files
                for _ours, outside in self._includes[name] if outside]


_FUNCTION = re.compile(r"^(?P<head>[A-Za-z_][^;{}#=]*?\([^;{}=]*\)[^;{}=()]*)\{\n.*?^\}", re.M | re.S)


def functions(text):
    """(name, first line, number of lines) of every function that a source file defines."""
    for match in _FUNCTION.finditer(text):
        name = re.search(r"(\w+)\s*\(", match["head"])[1]
        yield name, text.count("\n", 0, match.start()) + 1, match[0].count("\n") + 1


if __name__ == "__main__":
    for place, names in sorted(House(pathlib.Path(__file__).resolve().parent.parent.parent).arrows().items()):
        print(f"{place}:", *sorted(names))

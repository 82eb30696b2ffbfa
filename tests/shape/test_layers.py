"""The code's arrows are those of the plan, and every library has its doors."""
import fnmatch
import pathlib
import shutil
import tempfile

from harness import ROOT
from shape.house import FOLDERS, House

HERE = pathlib.Path(__file__).resolve().parent


def rows(name):
    """[(words before the colon, words behind it)] of a plan."""
    lines = [line.split("#")[0].strip() for line in (HERE / name).read_text("utf-8").splitlines()]
    return [(line.partition(":")[0].split(), line.partition(":")[2].split()) for line in lines if line]


def plan_errors(plan):
    """What is wrong with layers.txt itself: a line that names a room of a later line, or a room twice."""
    seen, errors = set(), []
    for (room,), may_name in plan:
        errors += [f"{room} names {other}, which is not on an earlier line"
                   for other in may_name if other not in seen]
        errors += [f"{room} has two lines"] if room in seen else []
        seen.add(room)
    return errors


def layer_errors(house, plan):
    """Where code and plan differ."""
    allowed = {room: set(may_name) for (room,), may_name in plan}
    errors = [f"{room} has no line in layers.txt" for room in house.rooms() if room not in allowed]
    errors += [f"layers.txt has a line for {room}, which does not exist"
               for room in allowed if room not in house.rooms()]
    for room, others in house.arrows().items():
        errors += [f"{room} names {other} (in {', '.join(sorted(set(files)))}) and may not"
                   for other, files in others.items() if room in allowed and other not in allowed[room]]
    return sorted(errors)


def door_errors(house, doors):
    """Headers of the outside that are included elsewhere than at their doors."""
    errors = []
    for name, header in house.outside():
        rules = [rooms for patterns, rooms in doors
                 if any(fnmatch.fnmatch(header, pattern) for pattern in patterns)]
        if not rules:
            errors.append(f"{name}: <{header}> has no door in doors.txt")
        elif not any(rooms == ["*"] or house.room(name) in rooms for rooms in rules):
            errors.append(f"{name}: <{header}> is behind the doors {' '.join(rules[0])}")
    return errors


def planted(changes):
    """A house with these additions: {file: text}."""
    folder = pathlib.Path(tempfile.mkdtemp())
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    for name, text in changes.items():
        path = folder / name
        path.write_text((path.read_text("utf-8") if path.exists() else "") + text, "utf-8")
    return House(folder)


def show(errors):
    """One a line, for an assertion's text."""
    return "\n" + "\n".join(errors)


def test_the_plan_has_no_cycle():
    errors = plan_errors(rows("layers.txt"))
    assert not errors, show(errors)


def test_a_cycle_in_the_plan_would_be_seen():
    assert plan_errors([(["a"], ["b"]), (["b"], ["a"])]) == ["a names b, which is not on an earlier line"]
    assert plan_errors([(["a"], ["a"])])


def test_every_arrow_of_the_code_is_in_the_plan():
    errors = layer_errors(House(ROOT), rows("layers.txt"))
    assert not errors, show(errors)


def test_an_arrow_that_is_not_in_the_plan_would_be_seen():
    before = layer_errors(House(ROOT), rows("layers.txt"))
    house = planted({"daemon/clock.c": '#include "daemon/store.h"\n', "client/stranger.c": "\n"})
    assert [error for error in layer_errors(house, rows("layers.txt")) if error not in before] == [
        "client/stranger has no line in layers.txt",
        "daemon/clock names daemon/store (in daemon/clock.c) and may not"]


def test_every_include_of_ours_carries_its_folder():
    assert not House(ROOT).bare_includes()
    house = planted({"daemon/clock.c": '#include "store.h"\n'})
    assert house.bare_includes() == [("daemon/clock.c", "store.h")]


def test_every_outside_header_is_included_at_its_door():
    errors = door_errors(House(ROOT), rows("doors.txt"))
    assert not errors, show(errors)


def test_a_header_past_its_door_would_be_seen():
    before = door_errors(House(ROOT), rows("doors.txt"))
    house = planted({"daemon/clock.c": "#include <lmdb.h>\n", "client/json.c": "#include <jansson.h>\n"})
    assert [error for error in door_errors(house, rows("doors.txt")) if error not in before] == [
        "client/json.c: <jansson.h> has no door in doors.txt",
        "daemon/clock.c: <lmdb.h> is behind the doors daemon/store"]


def test_the_parts_of_a_room_are_found():
    house = House(ROOT)
    assert house.room("client/libsessjwt_wire.c") == "client/libsessjwt_wire"
    assert house.room("daemon/store_private.h") == house.room("daemon/store_index.c") == "daemon/store"
    assert house.room("client/command_list.c") == house.room("client/sessjwt.c") == "client/command"

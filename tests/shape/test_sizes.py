"""Files, functions and lines stay small enough to be read."""
from harness import ROOT
from shape.house import House, functions

FILE_LINES_MAX = 450
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 110


def sources():
    """Names of all files that are written by hand: those of the house, those of its tests, the Makefile."""
    patterns = ("client/*.[ch]", "pam/*.[ch]", "daemon/*.[ch]", "tests/*.[ch]", "tests/*/*.[ch]",
                "tests/*/*.py", "tests/run", "tests/harness/demo", "Makefile",
                "tests/fuzz/fuzz.mk")
    return sorted(path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern))


def size_errors(name, text):
    """What in one file is too long."""
    lines = text.expandtabs().splitlines()
    errors = [f"{name}: {len(lines)} lines, {FILE_LINES_MAX} at most"] if len(lines) > FILE_LINES_MAX else []
    errors += [f"{name}:{number}: {len(line)} columns, {COLUMNS_MAX} at most"
               for number, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
    errors += [f"{name}:{first}: {function} has {length} lines, {FUNCTION_LINES_MAX} at most"
               for function, first, length in functions(text) if length > FUNCTION_LINES_MAX]
    return errors


def middle(numbers):
    """The median."""
    return sorted(numbers)[len(numbers) // 2] if numbers else 0


def report(house):
    """The sizes, as text."""
    files = {name: len(house.read(name).splitlines()) for name in house.files if name.endswith(".c")}
    sizes = [length for name in files for _function, _first, length in functions(house.read(name))]
    return "; ".join(f"{len(lengths)} {what}: median {middle(lengths)}, most {max(lengths, default=0)} lines"
                     for what, lengths in (("files", list(files.values())), ("functions", sizes)))


def test_files_functions_and_lines_are_short():
    house = House(ROOT)
    errors = [error for name in sources() for error in size_errors(name, house.read(name))]
    assert not errors, "\n" + "\n".join([report(house), *errors])


def test_what_is_too_long_would_be_seen():
    body = "        call();\n" * FUNCTION_LINES_MAX
    text = "static int first(void) {\n        return 0;\n}\n\n"
    text += f"int second(int a,\n        int b) {{\n{body}}}\n"
    assert list(functions(text)) == [("first", 1, 3), ("second", 5, FUNCTION_LINES_MAX + 3)]
    assert size_errors("x.c", text) == ["x.c:5: second has 73 lines, 70 at most"]
    assert size_errors("x.c", "x" * (COLUMNS_MAX + 1)) == ["x.c:1: 111 columns, 110 at most"]
    assert size_errors("Makefile", "\t" + "x" * (COLUMNS_MAX - 7)) == ["Makefile:1: 111 columns, 110 at most"]
    assert size_errors("x.c", "\n" * (FILE_LINES_MAX + 1)) == ["x.c: 451 lines, 450 at most"]


def test_tables_and_types_are_not_functions():
    assert not list(functions("static const struct row rows[] = {\n        { 1, call(2) },\n};\n\n"
                              "struct a {\n        int b;\n};\nint declared(void);\nint x = f(1);\n"))

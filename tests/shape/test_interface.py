"""The interface is one: description = method table = library, and its errors = the library's table."""
import re

from harness import ROOT, need

INTERFACE = "org.sessjwt"
IDL = ROOT / "client/org.sessjwt.varlink"
API = ROOT / "daemon/api.c"
ERRORS = ROOT / "client/libsessjwt_error.c"
HEADER = ROOT / "client/sessjwt.h"


def members(idl, kind):
    """Names of the methods, types or errors of a description."""
    return re.findall(rf"^{kind} (\w+)", idl, re.M)


def without_comment(idl):
    """Members that have no comment on the line before them."""
    lines = idl.splitlines()
    return [line.split("(")[0].strip() for before, line in zip(["", *lines], lines)
            if re.match(r"(interface|method|type|error) ", line) and not before.startswith("#")]


def table_rows(source, table):
    """The text of a C table, `table[] = {` to `};`."""
    return re.search(rf"\b{table}\[\] = \{{\n(.*?)^\}};", source, re.M | re.S)[1]


def table_methods(source):
    """Names in methods[] that are of our interface."""
    return re.findall(rf'"{re.escape(INTERFACE)}\.(\w+)"', table_rows(source, "methods"))


def table_errors(source):
    """Names in errors[] that are of our interface."""
    return re.findall(r'\bOURS\("(\w+)"\)', table_rows(source, "errors"))


def function_of(method):
    """MintToken -> sessjwt_mint_token"""
    return "sessjwt" + re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), method)


def lacking_functions(idl, header):
    """Methods that the library does not offer."""
    return [method for method in members(idl, "method")
            if not re.search(rf"\bint {function_of(method)}\(", header)]


def read(path):
    """Its text; skips while it does not exist."""
    need(path)
    return path.read_text("utf-8")


def same(some, others):
    """Fails with what is in only one of them, and with what is there twice."""
    assert set(some) == set(others), set(some) ^ set(others)
    assert len(some) == len(set(some)) and len(others) == len(set(others)), (some, others)


def test_every_method_is_a_row_and_every_row_a_method():
    same(members(read(IDL), "method"), table_methods(read(API)))


def test_every_method_is_a_function_of_the_library():
    assert not lacking_functions(read(IDL), read(HEADER))


def test_every_error_is_in_the_library_s_table():
    same(members(read(IDL), "error"), table_errors(read(ERRORS)))


def test_every_error_of_the_table_has_its_number():
    numbers = re.findall(r"\b(SESSJWT_E_\w+)", re.sub(r"/\*.*?\*/", "", read(HEADER), flags=re.S))
    used = re.findall(r"\b(SESSJWT_E_\w+)", table_rows(read(ERRORS), "errors"))
    same(used, [number for number in numbers if number != "SESSJWT_E_OTHER"])


def test_every_member_has_its_sentence():
    assert not without_comment(read(IDL))


def test_every_member_has_a_name_of_its_own():
    names = [name for kind in ("method", "type", "error") for name in members(read(IDL), kind)]
    assert len(names) == len(set(names)) and all(name[0].isupper() for name in names), names


PLANTED = """# It is.
interface org.sessjwt

# Does.
method DoIt(a: ?int) -> ()

method DoThat() -> ()

# No.
error NotThat ()
"""


def test_what_differs_would_be_seen():
    assert members(PLANTED, "method") == ["DoIt", "DoThat"] and members(PLANTED, "error") == ["NotThat"]
    assert without_comment(PLANTED) == ["method DoThat"]
    assert lacking_functions(PLANTED, "int sessjwt_do_it(struct sessjwt *c);") == ["DoThat"]
    source = 'static const struct method methods[] = {\n        { "org.varlink.service.GetInfo", X },\n' \
             '        { "org.sessjwt.DoIt", ANYONE },\n};\n'
    assert table_methods(source) == ["DoIt"]
    source = '} errors[] = {\n        { VARLINK("No"), 1 },\n        { OURS("NotThat"), 2 },\n};\n'
    assert table_errors(source) == ["NotThat"]
    try:
        same(["a"], ["a", "b"])
    except AssertionError:
        return
    raise AssertionError("a difference went unseen")

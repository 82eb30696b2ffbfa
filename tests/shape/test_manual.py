"""The manual has words for every verb, option, key, function and number that there is, and for no others."""
import re
import subprocess
import tempfile

from harness import ROOT, need
from harness.paths import COMMAND, DAEMON
from shape.test_interface import table_rows
from shape.test_symbols import map_symbols

COMMAND_PAGE = ROOT / "client/sessjwt.1"
LIBRARY_PAGE = ROOT / "client/libsessjwt.3"
DAEMON_PAGE = ROOT / "daemon/sessjwtd.8"
CONFIG_PAGE = ROOT / "daemon/sessjwtd.conf.5"
MODULE_PAGE = ROOT / "pam/pam_sessjwt.8"
PAGES = (COMMAND_PAGE, LIBRARY_PAGE, DAEMON_PAGE, CONFIG_PAGE, MODULE_PAGE)


def read(path):
    """Its text."""
    return (ROOT / path).read_text("utf-8")


def unquoted(source):
    """What a C source's neighbouring string literals say: "a" "b" is one."""
    return re.sub(r'"\s*"', "", source)


def differences(page, what, in_code, in_page):
    """What is in one of them only, one a line."""
    lines = [f"{page.name} has no words for {what} {name}" for name in sorted(set(in_code) - set(in_page))]
    lines += [f"{page.name} has words for {what} {name}, which there is not"
              for name in sorted(set(in_page) - set(in_code))]
    return lines + [f"{page.name} has {what} {name} twice"
                    for name in sorted({name for name in in_page if list(in_page).count(name) > 1})]


def told(page, what, in_code, in_page):
    """Fails unless they are the same; and unless something was found at all."""
    assert in_code, f"no {what} was found in the code: this test reads it wrong"
    lines = differences(page, what, in_code, in_page)
    assert not lines, "\n" + "\n".join(lines)


# ---- how pages are written ---------------------------------------------------------------------------------

def lint(*paths):
    """What mandoc has to say."""
    return subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, paths)], capture_output=True,
                          text=True, check=False).stdout


def test_every_page_lints():
    need("mandoc")
    assert not lint(*PAGES), "\n" + lint(*PAGES)


def test_a_page_that_does_not_lint_would_be_seen():
    need("mandoc")
    with tempfile.NamedTemporaryFile("w", suffix=".1", encoding="ascii") as planted:
        planted.write(COMMAND_PAGE.read_text("ascii") + ".Bl -tag\n.It planted\n")
        planted.flush()
        assert planted.name in lint(planted.name)


def test_every_page_is_installed():
    need("make")
    steps = subprocess.run(["make", "-n", "-C", ROOT, "install", "DESTDIR=/staged"], capture_output=True,
                           text=True, check=True).stdout
    missing = [page.name for page in PAGES
               if f"/staged/usr/share/man/man{page.suffix[1:]}/{page.name}" not in steps]
    assert not missing, missing


def test_every_page_that_is_named_is_there():
    ours = {f"{page.stem} {page.suffix[1:]}" for page in PAGES}
    for page in PAGES:
        named = re.findall(r"\bXr (\S*sessjwt\S*) (\d)", page.read_text("utf-8"))
        assert {" ".join(name) for name in named} <= ours, (page.name, named)


# ---- the limits of sessjwtd(8) ----------------------------------------------------------------------------

LIMITS = {  # a row of the table: its constant
    "connections of one user": "CONNECTIONS_PER_UID_MAX", "connections of all": "CONNECTIONS_MAX",
    "\\(em of them for root alone": "CONNECTIONS_FOR_ROOT", "silence of a connection": "IDLE_CONNECTION_SEC",
    "a call": "MESSAGE_MAX", "its nesting": "MESSAGE_DEPTH_MAX", "its keys and values": "MESSAGE_TOKENS_MAX",
    "a reply": "REPLY_MAX", "long replies that wait to be read, of one user": "HELD_PER_UID_MAX",
    "the same, of all": "HELD_MAX", "changes of one user, at once": "CHANGES_AT_ONCE_PER_UID",
    "changes of one user, in the long run": "CHANGES_PER_SEC_PER_UID",
    "changes of all in one turn": "PUBLIC_CHANGES_PER_TURN",
    "subscriptions of one user": "SUBSCRIPTIONS_PER_UID_MAX", "subscriptions of all": "SUBSCRIPTIONS_MAX",
    "events that a subscriber may lag behind": "FEED_EVENTS_MAX"}


def limits_of_page():
    """{row: (number, what is answered beyond)} of the table."""
    table = read("daemon/sessjwtd.8").partition(".Ss Limits")[2].partition(".El")[0]
    rows = re.findall(r'^\.It "([^"]+)" Ta "?(\d+)[^"\n]*?"? Ta (.*)$', table, re.M)
    return {name: (int(number), beyond) for name, number, beyond in rows}


def test_every_limit_of_the_public_socket_is_told_with_its_number():
    constants = dict(re.findall(r"^#define (\w+) +(\d+)\b", read("client/protocol.h"), re.M))
    expected = {name: int(constants[constant]) for name, constant in LIMITS.items()}
    told_there = {name: number for name, (number, _beyond) in limits_of_page().items()}
    assert told_there == expected | {"calls in flight on a connection": 1}


def test_every_error_that_has_a_limit_is_told_in_the_table_and_no_other():
    errors = set(re.findall(r"^error (TooM\w+) \(limit: int\)$", read("client/org.sessjwt.varlink"), re.M))
    told_there = set(re.findall(r"Li (TooM\w+)", read("daemon/sessjwtd.8")))
    assert errors - {"TooManyKeys"} == told_there


# ---- sessjwt(1) --------------------------------------------------------------------------------------------

def options_in(source):
    """Long and short options of a getopt table and its string of letters."""
    rows = table_rows(source, "long_options") if "long_options[] = {\n" in source else source
    names = re.findall(r'\{ "([\w-]+)", (?:no|required)_argument', rows)
    letters = re.search(r'getopt_long\(\w+, \w+, "([a-z:]*)"', source)[1]
    return [f"-{name}" for name in names] + [letter for letter in letters if letter != ":"]


def options_of_page(page):
    """Options that have an item of their own."""
    heads = re.findall(r"^\.It (Fl .*)$", page.read_text("utf-8"), re.M)
    return [option for head in heads for option in re.findall(r"(?:^Fl |, )(-?[\w-]+)", head)]


def test_every_option_of_the_command_is_told():
    told(COMMAND_PAGE, "option", options_in(read("client/sessjwt.c")), options_of_page(COMMAND_PAGE))


def usages():
    """{verb: (usage without it, sentence)}, as sessjwt --help has them."""
    need(COMMAND)
    text = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    verbs = re.search(r"\nVerbs:\n(.*?)\n\n", text, re.S)[1]
    found = re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)(.*)\n +(\S.*)$", verbs, re.M)
    return {verb: (usage.strip(), sentence) for verb, usage, sentence in found}


def heads_of_page():
    """[(verb, how it is called)] of the page."""
    text = read(COMMAND_PAGE).partition(".Sh OPTIONS")[0]
    heads = re.findall(r"^\.It Cm ([a-z-]+(?: [a-z-]+)?)(.*)$", text, re.M)
    return [(verb, usage_of_mdoc(rest)) for verb, rest in heads]


def usage_of_mdoc(macros):
    """'Ar SID Ns | Ns Cm self Op Fl -reason Ar TEXT' -> 'SID|self [--reason TEXT]'"""
    text = f" {macros} " + "Oc " * len(re.findall(r"\bOp\b", macros))  # Op lasts to the end of its line
    for macro, printed in ((r"\b(?:Ar|Cm) ", ""), (r"\bFl ", "-"), (r"\b(?:Op|Oo) ", "["), (r" Oc\b", "]"),
                           (r" Ns ", "")):
        text = re.sub(macro, printed, text)
    return text.strip()


def test_every_verb_is_told_as_help_has_it():
    in_code = usages()
    told(COMMAND_PAGE, "verb", in_code, [verb for verb, _usage in heads_of_page()])
    for verb, usage in heads_of_page():
        assert usage == in_code[verb][0], f"{verb}: the page has “{usage}”, --help “{in_code[verb][0]}”"


def test_the_help_of_a_verb_is_that_of_all():
    for verb, (usage, sentence) in usages().items():
        text = subprocess.run([COMMAND, *verb.split(), "--help"], capture_output=True, text=True,
                              check=True).stdout
        assert text == f"Usage: sessjwt [OPTION...] {verb} {usage}".rstrip() + f"\n\n{sentence}.\n", text


def test_a_verb_takes_the_options_that_its_usage_shows():
    source = read("client/sessjwt.c")
    rows = re.findall(r'\{ "([\w-]+)", (no|required)_argument, NULL, LONG_OWN', source)
    assert rows
    for verb, (usage, _sentence) in usages().items():
        arguments = ["x" * 8 for word in usage.partition(" [")[0].split() if not word.startswith("[")]
        for option, kind in rows:
            words = [f"--{option}=1" if kind == "required" else f"--{option}"]
            said = subprocess.run([COMMAND, "--socket", "/nonexistent", *verb.split(), *arguments, *words],
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  check=False).stderr
            refused = f"takes no --{option}" in said
            assert refused != bool(re.search(rf"--{option}\b(?!-)", usage)), (verb, option, usage, said)


# ---- sessjwtd(8) -------------------------------------------------------------------------------------------

def test_every_option_of_the_daemon_is_told():
    told(DAEMON_PAGE, "option", options_in(read("daemon/main.c")), options_of_page(DAEMON_PAGE))


def test_every_option_of_the_daemon_is_in_its_help():
    need(DAEMON)
    text = subprocess.run([DAEMON, "--help"], capture_output=True, text=True, check=True).stdout
    told(DAEMON_PAGE, "option", re.findall(r"^  -(-[\w-]+)", text, re.M),
         [option for option in options_of_page(DAEMON_PAGE) if len(option) > 1])


def test_every_field_of_the_journal_is_told():
    sources = [path.read_text("utf-8") for path in sorted(ROOT.glob("daemon/*.c"))]
    fields = {name for source in sources if "struct log_field" in source
              for name in re.findall(r'\{ "([A-Z_]+)", ', source)}
    page = read(DAEMON_PAGE)
    told(DAEMON_PAGE, "field", {"EVENT", *fields}, sorted(set(re.findall(r"Va SESSJWT_(\w+)", page))))


def test_every_event_of_the_journal_is_told():
    rows = table_rows(read("daemon/event.c"), "event_kinds")
    events = re.findall(r'\{ EFFECT_\w+, END_\w+, "([a-z-]+)",', rows)
    assert events
    words = set(re.findall(r"^\.Cm ([a-z-]+)", read(DAEMON_PAGE), re.M))
    missing = sorted(set(events) - words)
    assert not missing, missing


def test_every_signal_of_the_daemon_is_told():
    signals = set(re.findall(r"sigaddset\(&\w+, (SIG\w+)\)", read("daemon/server.c")))
    heads = re.findall(r"^\.It Dv (SIG.*)$", read(DAEMON_PAGE), re.M)
    told(DAEMON_PAGE, "signal", signals, re.findall(r"SIG\w+", " ".join(heads)))


def test_every_reason_of_an_end_is_told():
    names = re.findall(r'\[END_\w+\] = "([\w-]+)"', read("daemon/session.c"))
    part = read(DAEMON_PAGE).partition(".Ss How a session ends")[2].partition("\n.Ss ")[0]
    told(DAEMON_PAGE, "reason", names, re.findall(r"^\.It Cm ([\w-]+)", part, re.M))


def test_every_setting_of_the_unit_that_is_told_is_there():
    settings = set(re.findall(r"^#?(\w+=)", read("systemd/sessjwtd.service.in"), re.M))
    part = read(DAEMON_PAGE).partition(".Ss With systemd")[2].partition("\n.Ss ")[0]
    named = re.findall(r"\b([A-Z]\w+=)", " ".join(re.findall(r"^\.It (.*)$", part, re.M)))
    assert len(named) >= 8 and set(named) <= settings, set(named) - settings


# ---- sessjwtd.conf(5) --------------------------------------------------------------------------------------

def config_in(source):
    """{section: {key: its value before anything is read, or None}}"""
    source = unquoted(source)
    sections = {}
    for name, kind, table in re.findall(r'SECTION\("(\w+)", (\w+), (\w+)\)', source):
        name = f"[{name}]" if kind == "CONFIG_ONE" else f"[{name} NAME]"
        rows = re.findall(r'\{ "(\w+)", CONFIG_(.*?)\}', table_rows(source, table), re.S)
        initial = [re.search(r'\.initial =\s*"([^"]*)"', rest) for _key, rest in rows]
        sections[name] = {key: value and value[1] for (key, _rest), value in zip(rows, initial)}
    return sections


def config_of_page():
    """[(section, [(key, its words)])] of the page."""
    parts = re.split(r"^\.Ss (\[.*\])$", read(CONFIG_PAGE).partition(".Sh FILES")[0], flags=re.M)[1:]
    return [(name, re.findall(r"^\.It Ic (\w+) Li = .*\n((?:(?!\.It |\.El).*\n)*)", text, re.M))
            for name, text in zip(parts[::2], parts[1::2])]


def test_every_section_and_key_is_told():
    in_code = config_in(read("daemon/config_table.c"))
    told(CONFIG_PAGE, "section", in_code, [name for name, _items in config_of_page()])
    for name, items in config_of_page():
        told(CONFIG_PAGE, f"{name} key", in_code[name], [key for key, _text in items])


def test_every_default_is_told():
    in_code = config_in(read("daemon/config_table.c"))
    for name, items in config_of_page():
        for key, text in items:
            initial = in_code[name][key]
            if initial is None:
                continue
            default = re.search(r"^The default is\n\.Cm (.*) \.$", text, re.M)
            assert default and default[1] == initial, f"{key}: default {initial!r}; the page: {default}"


# ---- pam_sessjwt(8) ----------------------------------------------------------------------------------------

def options_of_module(text):
    """`realm=`, `quiet`, … of the rows of a table."""
    return re.findall(r'\{ "(\w+=?)", \w+ \}', text)


def test_every_option_of_the_module_is_told():
    known = options_of_module(table_rows(read("pam/options.c"), "known"))
    page = read(MODULE_PAGE)
    items = re.findall(r"^\.It Cm (\w+=?)", page.partition(".Ss Options")[2].partition("\n.Ss ")[0], re.M)
    told(MODULE_PAGE, "option", known, items)
    synopsis = page.partition(".Sh SYNOPSIS")[2].partition(".Sh ")[0]
    told(MODULE_PAGE, "synopsis of", known, re.findall(r"Op Cm (\w+=?)", synopsis))


def test_every_return_value_of_the_module_is_told():
    source = re.sub(r"/\*.*?\*/", "", read("pam/pam_sessjwt.c"), flags=re.S)
    returned = {code for line in re.findall(r"\breturn ([^;]*);", source)
                for code in re.findall(r"PAM_[A-Z_]+", line)}
    part = read(MODULE_PAGE).partition(".Ss Return values")[2].partition("\n.Sh ")[0]
    told(MODULE_PAGE, "return value", returned, re.findall(r"^\.It Dv (PAM_\w+)", part, re.M))


def test_every_variable_of_the_module_is_told():
    set_there = re.findall(r'^#define \w+_NAME +"([A-Z_]+)"', read("pam/pam_sessjwt.c"), re.M)
    part = read(MODULE_PAGE).partition("\n.Sh ENVIRONMENT")[2].partition("\n.Sh ")[0]
    told(MODULE_PAGE, "variable", set_there, re.findall(r"^\.It Ev (\w+)", part, re.M))


def test_the_lines_are_those_that_are_installed():
    controls = re.findall(r"\[(.*?)\]\s+pam_sessjwt\.so", read("systemd/sessjwt.pam-config"))
    page = read(MODULE_PAGE)
    assert controls
    for control in controls:
        assert f"[{control}]" in page, f"{MODULE_PAGE.name} has no line with [{control}]"


# ---- libsessjwt(3) -----------------------------------------------------------------------------------------

def spaceless(prototype):
    """A prototype whose white space says nothing any more."""
    return re.sub(r"\s*([*(),])\s*", r"\1", " ".join(prototype.split()))


def prototypes_of_header(text):
    """{function: prototype}"""
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", text, flags=re.S | re.M)
    text = re.sub(r'extern "C" \{', "", text)
    found = re.findall(r"^((?:const )?\w[\w ]*[ *]+(sessjwt_\w+)\([^;{}]*\));", text, re.M)
    return {name: spaceless(prototype) for prototype, name in found}


def prototypes_of_page(text):
    """{function: prototype} of the synopsis."""
    found = re.findall(r"^\.Ft (.*)\n\.Fn (\w+)(.*)$", text.partition(".Sh DESCRIPTION")[0], re.M)
    return {name: spaceless(f"{kind} {name}(" + ",".join(re.findall('"(.*?)"', arguments)) + ")")
            for kind, name, arguments in ((kind.strip('"'), *rest) for kind, *rest in found)}


def test_every_function_is_told_as_the_header_has_it():
    in_header = prototypes_of_header(read("client/sessjwt.h"))
    in_page = prototypes_of_page(read(LIBRARY_PAGE))
    told(LIBRARY_PAGE, "function", map_symbols(), list(in_page))
    wrong = [(in_page[name], in_header[name]) for name in in_page if in_page[name] != in_header[name]]
    assert not wrong, wrong


def test_every_function_has_a_word_beyond_its_prototype():
    text = read(LIBRARY_PAGE).partition(".Sh DESCRIPTION")[2].partition(".Sh EXAMPLES")[0]
    missing = sorted(name for name in map_symbols()
                     if not name.endswith("_close") and not re.search(rf"Fn {name}\b", text))
    assert not missing, missing


def test_every_number_of_the_library_is_told():
    header = re.sub(r"/\*.*?\*/", "", read("client/sessjwt.h"), flags=re.S)
    page = read(LIBRARY_PAGE)
    for prefix in ("SESSJWT_E_", "SESSJWT_TOKEN_"):
        numbers = list(dict.fromkeys(re.findall(rf"\b{prefix}\w+", header)))
        told(LIBRARY_PAGE, "number", numbers, re.findall(rf"^\.It Dv ({prefix}\w+)", page, re.M))


def test_every_claim_of_the_library_is_told():
    claims = re.search(r"^struct sessjwt_claims \{(.*?)^\};", read("client/sessjwt.h"), re.M | re.S)[1]
    names = re.findall(r"(\w+);", re.sub(r"/\*.*?\*/", "", claims, flags=re.S))
    words = set(re.findall(r"\w+", " ".join(re.findall(r"^\.Va (.*)$", read(LIBRARY_PAGE), re.M))))
    assert names and set(names) <= words, set(names) - words


# ---- what would be seen ------------------------------------------------------------------------------------

PLANTED = """x_keys[] = {
        { "one", CONFIG_BOOL, 1, .initial = "a"
                "b" },
        { "two", CONFIG_X },
};
SECTION("x", CONFIG_POLICY, x_keys),
getopt_long(argc, argv, "hj:", x)
{ "user", required_argument, NULL
int sessjwt_f(
        int a, char **b);
"""


def test_a_difference_would_be_seen():
    assert differences(CONFIG_PAGE, "key", ["a", "b"], ["b", "c", "c"]) == [
        "sessjwtd.conf.5 has no words for key a", "sessjwtd.conf.5 has words for key c, which there is not",
        "sessjwtd.conf.5 has key c twice"]
    assert config_in(PLANTED) == {"[x NAME]": {"one": "ab", "two": None}}
    assert options_in(PLANTED) == ["-user", "h", "j"]
    assert prototypes_of_header(PLANTED) == {"sessjwt_f": "int sessjwt_f(int a,char**b)"}
    page = '.Ft "const char *"\n.Fn f "int a" "char **b"\n'
    assert prototypes_of_page(page) == {"f": spaceless("const char *f(int a, char **b)")}
    usage = " Oo Ar FILE Ns | Ns Cm - Oc Oo Fl -a Ar A | Fl -b Oc Oo Fl -role Ar R Oc Ns ... Op Fl -z"
    assert usage_of_mdoc(usage) == "[FILE|-] [--a A | --b] [--role R]... [--z]"

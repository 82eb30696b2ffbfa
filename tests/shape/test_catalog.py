"""The catalog of the journal: an entry for each kind of event, in the words that journalctl reads."""
import re
import subprocess
import tempfile

from harness import ROOT, need

CATALOG = ROOT / "systemd/sessjwt.catalog"
EVENTS = ROOT / "daemon/event.c"
TELL = ROOT / "daemon/tell.c"
REQUIRED = ("Subject", "Defined-By", "Support")


def table_ids(source):
    """MESSAGE_IDs of event_kinds[]."""
    rows = re.search(r"\bevent_kinds\[\] = \{\n(.*?)^\};", source, re.M | re.S)[1]
    return re.findall(r'"([0-9a-f]{32})"', rows)


def entries(catalog):
    """{MESSAGE_ID: (headers, text)} of a catalog; fails for one that is there twice."""
    found = {}
    for entry in re.split(r"^-- ", catalog, flags=re.M)[1:]:
        head, _, text = entry.partition("\n\n")
        message_id, *headers = head.splitlines()
        assert message_id not in found, message_id
        found[message_id] = (dict(header.split(": ", 1) for header in headers), text.strip())
    return found


def test_every_kind_of_event_has_its_entry_and_every_entry_its_kind():
    ids = table_ids(EVENTS.read_text("utf-8"))
    assert ids and len(set(ids)) == len(ids)
    assert set(ids) == set(entries(CATALOG.read_text("utf-8")))


def test_every_entry_has_its_headers_and_a_text():
    for message_id, (headers, text) in entries(CATALOG.read_text("utf-8")).items():
        assert all(headers.get(name) for name in REQUIRED), message_id
        assert text, message_id


def test_entries_name_only_fields_that_events_have():
    fields = {f"SESSJWT_{name}" for name in re.findall(r'\{ "([A-Z_]+)", ', TELL.read_text("utf-8"))}
    named = set(re.findall(r"@(\w+)@", CATALOG.read_text("utf-8")))
    assert named and not named - fields, named - fields


def test_journalctl_takes_it():
    need("journalctl")
    with tempfile.TemporaryDirectory() as root:
        folder = f"{root}/usr/lib/systemd/catalog"
        subprocess.run(["mkdir", "-p", folder, f"{root}/var/lib/systemd/catalog"], check=True)
        subprocess.run(["cp", CATALOG, folder], check=True)
        subprocess.run(["journalctl", f"--root={root}", "--update-catalog"], check=True, timeout=60)
        listed = subprocess.run(["journalctl", f"--root={root}", "--list-catalog"], check=True, timeout=60,
                                capture_output=True, text=True).stdout
    assert {line.split()[0] for line in listed.splitlines()} == set(table_ids(EVENTS.read_text("utf-8")))


def test_what_differs_would_be_seen():
    table = 'const struct event_kind event_kinds[] = {\n { "' + "ab" * 16 + '" },\n};\n'
    assert table_ids(table) == ["ab" * 16]
    assert entries("# x\n\n-- " + "cd" * 16 + "\nSubject: It is\n\nText.\n") == {
        "cd" * 16: ({"Subject": "It is"}, "Text.")}

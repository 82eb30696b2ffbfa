"""sessjwt cat-config: the files that count, in their order, whether a daemon runs or not."""
import os
import pathlib
import subprocess

from harness import Host, need
from harness.canned import says, sessjwt
from harness.paths import COMMAND

need(COMMAND)
host = Host()
host.copy_etc()
ETC = pathlib.Path("/etc/sessjwt")


def lay_out(**files):
    """Only these, by their names in /etc/sessjwt: main, and drop-ins."""
    subprocess.run(["rm", "-rf", str(ETC)], check=True)
    (ETC / "sessjwtd.conf.d").mkdir(parents=True)
    for name, text in files.items():
        path = ETC / "sessjwtd.conf" if name == "main" else ETC / "sessjwtd.conf.d" / f"{name}.conf"
        path.write_text(text, "utf-8")


def test_files_are_shown_as_they_are_each_behind_its_name():
    lay_out(main="[token]\nissuer = host\n", b="# second\n", a="[lock]\nfailures = 3")
    says(sessjwt("cat-config"), 0, f"# {ETC}/sessjwtd.conf\n[token]\nissuer = host\n\n"
         f"# {ETC}/sessjwtd.conf.d/a.conf\n[lock]\nfailures = 3\n"
         f"# {ETC}/sessjwtd.conf.d/b.conf\n# second\n", "")


def test_a_large_file_is_whole():
    text = "".join(f"# line {number}\n" for number in range(5000))
    lay_out(main=text)
    says(sessjwt("cat-config"), 0, f"# {ETC}/sessjwtd.conf\n{text}", "")


def test_without_a_file_there_is_nothing_and_no_error():
    lay_out()
    says(sessjwt("cat-config"), 0, "", "")


def test_what_cannot_be_read_is_said_and_the_others_are_shown():
    lay_out(main="[token]\n", z="# last\n")
    (ETC / "sessjwtd.conf.d/folder.conf").mkdir()
    os.mkfifo(ETC / "sessjwtd.conf.d/pipe.conf")
    (ETC / "sessjwtd.conf.d/nowhere.conf").symlink_to("/no/such/file")
    result = says(sessjwt("cat-config"), 1)
    assert result.stdout.startswith(f"# {ETC}/sessjwtd.conf\n[token]\n")
    assert result.stdout.endswith(f"# {ETC}/sessjwtd.conf.d/z.conf\n# last\n")
    for name, why in (("folder", "Is a directory"), ("pipe", "Invalid argument"),
                      ("nowhere", "No such file or directory")):
        assert f"sessjwt: Cannot read {ETC}/sessjwtd.conf.d/{name}.conf: {why}\n" in result.stderr


def test_places_that_cannot_be_looked_into_are_said():
    lay_out(main="[token]\n")
    (ETC / "sessjwtd.conf.d").rmdir()
    (ETC / "sessjwtd.conf.d").write_text("no folder", "ascii")
    result = says(sessjwt("cat-config"), 1, "")
    assert result.stderr.startswith("sessjwt: Cannot look for /etc/sessjwt/sessjwtd.conf, "), result
    assert result.stderr.endswith(": Not a directory\n"), result

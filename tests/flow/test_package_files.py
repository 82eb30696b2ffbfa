"""The Debian packages as files: what Debian's own judge says of them, what is in each, what it stands on."""
import pathlib
import re
import subprocess
import tempfile

from harness import hardening, need, packages

built = {file.name.partition("_")[0]: file for file in packages.built()}


def output(*argv):
    """What a command says."""
    return subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False).stdout


def files(name):
    """Paths in a package, without folders."""
    rows = [line.split(None, 5) for line in output("dpkg-deb", "-c", built[name]).splitlines()]
    return {row[5].split(" -> ")[0].lstrip(".") for row in rows if not row[0].startswith("d")}


def depends(name):
    """Names of the packages that a package needs."""
    return set(re.findall(r"(?:^|, |\| )([a-z0-9.+-]+)", packages.field(built[name], "Depends")))


def test_there_are_four():
    assert sorted(built) == list(packages.NAMES)


def test_lintian_has_no_errors_and_no_warnings():
    need("lintian")
    said = output("lintian", "--allow-root", "--fail-on", "none", packages.changes())
    assert not re.findall(r"(?m)^[EW]: .*", said), said


def test_the_module_stands_on_libc_and_pam_alone():
    assert depends("libpam-sessjwt") == {"libc6", "libpam0g", "libpam-runtime"}


def test_the_library_stands_on_libc_and_openssl_alone():
    assert depends("libsessjwt0") == {"libc6", "libssl3"}


def test_the_module_is_where_pam_looks_with_its_profile():
    module, = (path for path in files("libpam-sessjwt") if path.endswith(".so"))
    assert re.fullmatch(r"/usr/lib/[^/]+/security/pam_sessjwt\.so", module)
    assert "/usr/share/pam-configs/sessjwt" in files("libpam-sessjwt")


def test_services_are_where_systemd_says_and_nothing_is_in_local_folders():
    folder = output("pkg-config", "systemd", "--variable=systemdsystemunitdir").strip()
    assert {f"{folder}/sessjwtd.service", f"{folder}/sessjwtd.socket"} <= files("sessjwt")
    paths = [path for name in built for path in files(name)]
    assert not [path for path in paths if "/local/" in path or path.startswith(("/var", "/run", "/home"))]


def test_each_file_is_in_one_package():
    paths = [path for name in built for path in files(name)]
    assert len(paths) == len(set(paths))


def test_what_the_packages_hold_is_hardened():
    need("nm", "readelf")
    found, programs = [], 0
    for name in built:
        with tempfile.TemporaryDirectory() as folder:
            output("dpkg-deb", "-x", built[name], folder)
            for path in filter(pathlib.Path.is_file, pathlib.Path(folder).rglob("*")):
                if not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
                    programs += 1
                    found += hardening.weaknesses(path)
    assert programs == 4 and not found, (programs, found)

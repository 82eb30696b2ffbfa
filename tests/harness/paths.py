"""paths: where the project and what was built of it are. SESSJWT_BUILD names another build (make B=…)."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("SESSJWT_BUILD") or ROOT / "build").resolve()
MODULE = BUILD / "pam_sessjwt.so"
COMMAND = BUILD / "sessjwt"
LIBRARY = BUILD / "libsessjwt.so.0"
DAEMON = BUILD / "sessjwtd"
HOOKED_DAEMON = BUILD / "hooked" / "sessjwtd"
PAM_APP = BUILD / "tests" / "harness" / "pam_app"

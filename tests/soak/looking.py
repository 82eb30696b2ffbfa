"""looking: two programs of the soak, each in a process of its own: what is in a store, and what libsessjwt
says of tokens."""
import pathlib
import shutil
import subprocess

from harness import lifetime, need, paths

STORE_LOOK = paths.BUILD / "tests" / "soak" / "store_look"
VERIFY_LINES = paths.BUILD / "tests" / "soak" / "verify_lines"
ENDS = {"logout", "evicted", "revoked", "device-removed", "expired", "idle", "reuse", "account-reset",
        "user-gone", "denied-late", "killed", "reboot", "lost"}


class View:
    """What store_look saw. rows: kind -> lists of words. problem: what is wrong by itself, or None."""

    def __init__(self, lines, status):
        self.rows = {}
        for line in lines:
            kind, _blank, words = line.partition(" ")
            self.rows.setdefault(kind, []).append(words.split(" "))
        said = [" ".join(words) for words in self.rows.get("check", [["says nothing"]])]
        problems = [text for text in said if text != "ok"] + [f"ended by signal {status}"] * bool(status)
        pages = [" ".join(words) for words in self.rows.get("page", [])]
        self.page = next((text for text in pages if text != "ok"), None)
        self.problem = "; ".join(problems) or None

    def seen(self):
        """Whether the file beside the store says that there was a later one: ok, behind or nothing."""
        return self.rows["seen"][0][0]

    def facts(self):
        """As facts that may be compared with those of Facts."""
        actual = {("session", row[0]): "live" if row[1] == "live" else None
                  for row in self.rows.get("session", [])}
        actual |= {("refresh", row[0]): row[4] for row in self.rows.get("session", [])}
        for row in self.rows.get("device", []):
            actual["device", row[0]] = row[1]
            actual["name", row[0]] = " ".join(row[3:])
        actual |= {("lock", row[0]): row[1] for row in self.rows.get("lock", []) if row[1] == "admin"}
        actual |= {("account", row[0]): "reset" for row in self.rows.get("account", []) if row[1] != "0"}
        actual |= {("key", row[0]): "kept" for row in self.rows.get("key", [])}
        for kind, sid, *_user in self.rows.get("event", []):
            if kind == "login" or kind in ENDS:
                actual["login" if kind == "login" else "end", sid] = "kept"
        return actual


class StoreLook:
    """One process for many looks."""

    def __init__(self):
        need(STORE_LOOK)
        self.process = subprocess.Popen([str(STORE_LOOK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, process_group=0)
        lifetime.own(self)

    def at(self, state_dir, page=None):
        """A View of the store in a folder that nobody else uses."""
        self.process.stdin.write(f"{state_dir} {page or ''}\n")
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            assert line, f"store_look ended with status {self.process.wait()}"
            if line.startswith("end "):
                return View(lines, int(line.split()[1]))
            lines.append(line.rstrip("\n"))

    def at_copy(self, state_dir, folder, page=None):
        """The same of a store that may be in use, by a copy in this folder."""
        copy = pathlib.Path(folder)
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o700)
        for name in ("seen", "data.mdb"):  # what was seen is never ahead of the store
            shutil.copy(pathlib.Path(state_dir) / name, copy / name)
        return self.at(copy, page)

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Checker:
    """libsessjwt in an application that lives on while the daemon dies and comes back."""

    def __init__(self, daemon, issuer):
        need(VERIFY_LINES)
        self.process = subprocess.Popen([str(VERIFY_LINES), str(daemon.runtime_dir / "public"), issuer],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        process_group=0)
        lifetime.own(self)

    def answers(self, tokens):
        """What sessjwt_check answers to each, in their order."""
        found = []
        for at in range(0, len(tokens), 16):  # fewer bytes than a pipe holds
            self.process.stdin.write("".join(token + "\n" for token in tokens[at:at + 16]) + "\n")
            self.process.stdin.flush()
            while (line := self.process.stdout.readline()) not in ("", "\n"):
                found.append(int(line))
        assert len(found) == len(tokens), f"verify_lines ended with status {self.process.poll()}"
        return found

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

"""What fuzz_api begins with, from the interface: each method with all its parameters, asked by those who may
and those who may not, amid some logins; and courses of events that take several steps. Run by itself it
prints the words that the fuzzer puts together (a dictionary of libFuzzer)."""
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
INTERFACE = ROOT / "client/org.sessjwt.varlink"

# What may stand in a parameter, the first one in the seeds. $1 …: see fuzz_api.c.
VALUES = {
    "sessionId": ["$1", "$3", ""], "deviceId": ["$a", "$b"], "token": ["$t"], "refreshToken": ["$r"],
    "user": ["alice", "bob", "root", "ghost"], "realm": ["default", "shop"], "service": ["sshd", "su"],
    "audience": ["sessjwt://vm"], "roles": [["user"], []], "kinds": [["login", "revoked"], ["denied"]],
    "reason": ["lost"], "name": ["laptop", "../x"], "source": ["192.0.2.1"],
    "since": ["2027-01-15T08:00:00Z"], "until": ["2027-02-01T00:00:00.5Z"],
}
BY_TYPE = {"bool": [True, False], "int": [1, -1], "string": ["x"], "[]string": [["x"]]}
HEAD = ["L2100000", "L2110150", "L2200000", "L2220142", "L2300000"]
SERVICE = [("org.varlink.service.GetInfo", {}),
           ("org.varlink.service.GetInterfaceDescription", {"interface": "org.sessjwt"})]

COURSES = [
    # limits: evicted, denied, asked
    ["c1", "L2100000", "L2100111", "Pr@ExplainPolicy", "L2100222", "Pa@ListSessions", "L2200001", "L2200122",
     "+5", "x0", "+1", "L2100333"],
    ["c2", "L2100000", "L2100111", "Pr@ExplainPolicy", "c3", "L2100222", "L2100333", "Pr@ExplainPolicy",
     "L2310000", "Pc@GetSession", 'Pr{"method":"org.sessjwt.ExplainPolicy","parameters":{"user":"carol"}}'],
    ["c2", "L2100000", "L11002206", "L810022001", "L2100220", "L11003316", "L810033102", "+5",
     "L2100331", "L2100442"],
    ["c3", "L6100002|192.0.2.9", "L6100002|192.0.2.9", "L6100002|192.0.2.9", "L5100002|192.0.2.9",
     "Pr@ListLocks", "Pc@UnlockUser", "L7100002", "+5"],
    # a token's life, keys
    ["L2100000", "Pa@IssueRefreshToken", "Pa@Refresh", "+4", "Pa@Refresh", "Pb@ReuseOfIt", "+4",
     "Pb@ReuseOfIt", "Pa@Refresh"],
    ["c2", "L2100000", "Pa@IssueRefreshToken", "+7", "Pa@Refresh"],
    ["L2100000", "Pa@IssueRefreshToken", "Pa@Refresh", "+4", "Pa@Refresh", "Pr@RotateKey", "Pa@MintToken",
     "Pz@Introspect", "Pr@ListKeys", "+9", "+9", "Pr@GetStatusList"],
    ["L2100000", "n10", "Pa@MintToken", "+2", "Pa@MintToken", "n12", "Pa@MintToken", "Pa@ListSessions"],
    ["L2100000", "n13", "Pa@IssueRefreshToken", "n10", ",Pa@MintToken", "ha", "n11"],
    # ends
    ["L2100000", "L3100000|||||$1", "Pa@ListSessions", "L2100100", "x1", "+1", "L4100000", "L2100300", "+8",
     "+8"],
    [",L2100000", ",L2100110", ",L2200220", ",Pr@RevokeAll", "L2100330", "Pr@ListSessions"],
    ["c1", "L2200000", "L2100100", "+7", "+6", "+7", "Pr@ListHistory", "-7", "Pr@ListHistory", "+8"],
    ["L2100000", "L2100111", "L2110112", "L41000005", "Pa@ListSessions", "L2100222", "L4100200", "+2"],
    ["L2100000", "Pa@BlockDevice", "L2100000", "+5", "Pa@UnblockDevice", "L2100000", "Pa@RenameDevice",
     "L2100000", "Pa@ForgetDevice", "L2100000"],
    ["L2100000101", "+1", "L2100000201", "Pa@ListSessions", "L2100000002", "+3", "L2100007", "L2100008"],
    ["c2", "L2100000", "n12", "+5", "+5", "Pr@ListSessions"],
    # subscribers
    ["Pa@Subscribe", "Pr@Subscribe", "L2100000", "L2200100", "Pc@LockUser", "L2100110", "Pc@UnlockUser", "ha",
     "Pr@RevokeSession"],
    # token files, realms, configurations
    ["c2", "L2100000", "L2101100", "Pe@ListSessions", "+4", "+3", "C0", "Pr@Reload", "+3", "C9", "Pr@Reload",
     "Pr@GetHealth"],
    ["L2100000", "Pr@Backup", "Pr@Backup", "c3", "+6", "+6"],
    ["S"] + ["L2100000", "L2200110", "L2100220", "Pa@ListSessions"] * 6 + ["Pr@RevokeAll", "+3",
     "Pr@PurgeUser", "+3"],
    ["FSJWT", "L2100000||pts/1|bob|192.0.2.1 1 192.0.2.2 22|password", "L21000002", "L2100000001",
     "L21000000000"],
]


def methods():
    """(name, [(parameter, type, is optional)]) of each."""
    text = re.sub(r"#.*", "", INTERFACE.read_text("utf-8"))
    for name, inside in re.findall(r"^method (\w+)\(([^)]*)\)", text, re.M):
        yield name, re.findall(r"(\w+): (\??)([\[\]\w]+)", inside)


def parameters(fields, required_only=False):
    """Right ones."""
    return {name: VALUES.get(name, BY_TYPE.get(kind, ["x"]))[0]
            for name, optional, kind in fields if not (required_only and optional)}


def call(name, params, **more):
    """As one line."""
    return json.dumps({"method": name, "parameters": params} | more, separators=(",", ":"))


def calls():
    """The least that each method takes, by its short name."""
    return {name: call(f"org.sessjwt.{name}", parameters(fields, required_only=True),
                       **({"more": True} if name in ("Subscribe", "ListHistory") else {}))
            for name, fields in methods()}


def seeds():
    """Inputs."""
    known = calls()
    known["ReuseOfIt"] = call("org.sessjwt.Refresh", {"refreshToken": "$q"})
    for name, fields in methods():
        full = call(f"org.sessjwt.{name}", parameters(fields))
        lines = ["Pa" + call("org.sessjwt.IssueRefreshToken", {"sessionId": "$1"})]
        lines += [who + known[name] for who in ("Pr", "Pa", "Pb")] + ["Pc" + full, "Pe" + full, "Pr" + full]
        lines += ["Pr" + call(f"org.sessjwt.{name}", parameters(fields), more=True)]
        yield "\n".join(HEAD + lines).encode()
    yield "\n".join("Pa" + call(name, params) for name, params in SERVICE).encode()
    for course in COURSES:
        yield "\n".join(re.sub(r"@(\w+)", lambda match: known[match[1]], line) for line in course).encode()


def words():
    """Methods, parameters, values."""
    found = {'"more":true', '"oneway":true', "\nPa", "\nPb", "\nPr", "\n,P", "\nL2100000", "\n+", "$1", "$a",
             "$t", "$r", "$q"}
    for name, fields in methods():
        found.add(f'{{"method":"org.sessjwt.{name}","parameters":{{')
        for field, _, kind in fields:
            found |= {f'"{field}":{json.dumps(value)}' for value in VALUES.get(field, BY_TYPE.get(kind, []))}
    return sorted(found)


if __name__ == "__main__":
    for word in words():
        print('"' + re.sub(r'[\\"\n]', lambda match: f"\\x{ord(match[0]):02x}", word) + '"')

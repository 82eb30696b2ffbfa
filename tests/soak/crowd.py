"""crowd: people who log in, out and about, each in a thread, one call after the other (or several logins at
once), and note what they were answered.

What an answer promises is in Facts:
  session SID    "live", or None: it has ended (or is ending)
  device ID, name ID, lock USER, account USER, refresh SID, login SID, end SID    as in looking.View"""
import base64
import json
import signal
import time

from harness import frame
from .calling import Client, Gone, Leader, Question, Refused

DEVICES = 5
SESSIONS_MAX = 7


class Violation(AssertionError):
    """An answer that is wrong by itself."""


class Login:
    """One session that was answered, or found after a crash."""

    def __init__(self, sid, device, leader):
        self.sid, self.device, self.leader = sid, device, leader
        self.tokens = []
        self.refresh = None
        self.is_refreshing = False
        self.leaves = False  # it has said that it goes: nobody tells it to

    def note(self, reply):
        """What came with a mint, an issue or a refresh."""
        self.tokens = [*self.tokens[-1:], reply["accessToken"]]
        self.refresh = reply.get("refreshToken", self.refresh)


def claims(token):
    """The payload of a token, unchecked."""
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


class Person:
    """A user and all that is his. max_devices as in his policy, 0 is no limit."""

    def __init__(self, crowd, name, uid, max_devices, rng):
        self.crowd, self.name, self.uid, self.max_devices, self.rng = crowd, name, uid, max_devices, rng
        self.facts = crowd.facts
        self.logins = []       # those that live, the one that logged in last behind
        self.over = []         # those that have ended, until they were looked at
        self.ids = {}          # device -> its id
        self.blocked = set()   # devices
        self.is_locked = False
        self.is_reset = False
        self.opening = []      # (device, leader) of logins that are on their way
        self.ends = {}         # sid -> the kinds of event that its end may be
        self._own = self._root = None

    # ---- calls -------------------------------------------------------------------------------------------

    def as_himself(self, method, **parameters):
        """A call of his own; a change too many a second, which changed nothing, is asked for again."""
        self._own = self._own or Client(self.crowd.daemon, self.uid)
        while True:
            try:
                return self._count(method, self._own.call(method, **parameters))
            except Refused as error:
                if error.name != "TooManyChanges":
                    raise
                time.sleep(0.02)  # his share of a second

    def as_root(self, method, **parameters):
        """A call of the administrator's."""
        self._root = self._root or Client(self.crowd.daemon)
        return self._count(method, self._root.call(method, **parameters))

    def as_either(self, method, **parameters):
        """A call that both may make."""
        return self.rng.choice((self.as_himself, self.as_root))(method, **parameters)

    def _count(self, method, reply):
        self.crowd.count(method)
        return reply

    def hang_up(self):
        """The daemon is gone."""
        for client in (self._own, self._root):
            if client:
                client.close()
        self._own = self._root = None

    # ---- ends --------------------------------------------------------------------------------------------

    def may_end(self, logins, *kinds):
        """A call is on its way that would end these."""
        for login in logins:
            self.ends.setdefault(login.sid, set()).update(kinds)
            self.facts.may(("session", login.sid), None)
            self.facts.may(("end", login.sid), "kept")
            if self.facts.allowed(("refresh", login.sid)):
                self.facts.may(("refresh", login.sid), None)

    def have_ended(self, logins):
        """It was answered."""
        for login in list(logins):
            self.facts.set(("session", login.sid), None)
            self.facts.set(("end", login.sid), "kept")
            self.facts.forget(("refresh", login.sid))
            self.logins.remove(login)
            self.over.append(login)
            self.crowd.check_refused(login)

    def of_device(self, device):
        """The logins from it."""
        return [login for login in self.logins if login.device == device]

    def victims(self, device):
        """Who has to go for a login from this device: all of the devices that logged in longest ago."""
        newest = {login.device: at for at, login in enumerate(self.logins)}
        if not self.max_devices or device in newest:
            return []
        oldest = sorted(newest, key=newest.get)[:max(0, len(newest) - self.max_devices + 1)]
        return [login for login in self.logins if login.device in oldest]

    # ---- logins ------------------------------------------------------------------------------------------

    def _ask(self, device, leader, phase=frame.OPEN, **values):
        packet = frame.request(phase, user=self.name, uid=self.uid, groups=(self.uid,),
                               rhost=f"192.0.2.{100 + device}", **values)
        return Question(self.crowd.daemon, packet, leader.pidfd)

    def _begin(self, device):
        leader = Leader()
        self.opening.append((device, leader))
        if device in self.ids:
            self.facts.may(("device", self.ids[device]), "blocked" if device in self.blocked else "known")
        return leader

    def _is_in(self, device, leader, reply, may_be_over=False):
        """What the answer to an open means; the login, or None if it was denied as it had to be."""
        self.opening.remove((device, leader))
        self.crowd.count("open" if reply.outcome == frame.OK else "denied")
        if reply.outcome != frame.OK:
            if reply.outcome != frame.DENIED or not (self.is_locked or device in self.blocked):
                raise Violation(f"{self.name} is refused: {reply}")
            leader.kill(signal.SIGKILL)
            return None
        if self.is_locked or device in self.blocked:
            raise Violation(f"{self.name} is let in, and is locked or his device is blocked")
        return self.adopt(Login(reply.session_id, device, leader), may_be_over)

    def adopt(self, login, may_be_over=False):
        """It is a session, or was one: the login behind it may have been answered first."""
        self.logins.append(login)
        self.ends[login.sid] = {"killed", "lost"} | {"evicted"} if may_be_over else {"killed", "lost"}
        self.facts.set_any(("session", login.sid), ["live", None] if may_be_over else ["live"])
        if may_be_over:
            self.facts.may(("end", login.sid), "kept")
        self.facts.set(("login", login.sid), "kept")
        self.crowd.check_new(login.sid)
        return login

    def _learn(self, login):
        """The id of its device."""
        if login.device not in self.ids:
            session = self.as_root("GetSession", sessionId=login.sid)["session"]
            self.ids[login.device] = session["deviceId"]
        self.facts.set(("device", self.ids[login.device]), "known")

    def log_in(self):
        """One login; the reply tells of those who had to go, too."""
        device = self.rng.randrange(DEVICES)
        victims = [] if self.is_locked or device in self.blocked else self.victims(device)
        leader = self._begin(device)
        self.may_end(victims, "evicted")
        login = self._is_in(device, leader, self._ask(device, leader).answer())
        if login:
            self.have_ended(victims)
            self._learn(login)

    def log_in_often(self):
        """Several logins at once."""
        if self.is_locked:
            return
        devices = [device for device in range(DEVICES) if device not in self.blocked]
        chosen = [self.rng.choice(devices) for _ in range(self.rng.randint(2, 4))] if devices else []
        asked = []
        if self.max_devices:
            self.may_end(self.logins, "evicted")
        for device in chosen:
            leader = self._begin(device)
            asked.append((device, leader, self._ask(device, leader)))
        for device, leader, question in asked:
            self._is_in(device, leader, question.answer(), may_be_over=bool(self.max_devices))
        self._see_who_is_left()
        for login in self.logins:
            self._learn(login)

    def _see_who_is_left(self):
        rows = self.as_root("ListSessions", user=self.name)["sessions"]
        order = [row["sessionId"] for row in rows if row["state"] == "live"]
        gone = [login for login in self.logins if login.sid not in order]
        for login in gone:
            if not None in self.facts.allowed(("session", login.sid)):
                raise Violation(f"{login.sid} of {self.name} is not listed, and nothing has ended it")
        self.have_ended(gone)
        self.logins.sort(key=lambda login: order.index(login.sid))
        for login in self.logins:
            self.facts.set(("session", login.sid), "live")
            self.facts.forget(("end", login.sid))

    def log_out(self, login):
        """The module's close."""
        self.may_end([login], "logout")
        login.leaves = True
        question = self._ask(login.device, login.leader, frame.CLOSE, session_id=login.sid)
        if question.answer().outcome != frame.OK:
            raise Violation(f"close of {login.sid}")
        self.crowd.count("close")
        self.have_ended([login])
        login.leader.kill(signal.SIGTERM)

    def die(self, login):
        """The process of the login is killed; that the session ends is seen, not answered."""
        self.may_end([login])
        login.leader.kill(signal.SIGKILL)
        self.crowd.count("kill")
        while True:
            try:
                self.as_root("GetSession", sessionId=login.sid)
            except Refused:
                return self.have_ended([login])

    # ---- sessions ----------------------------------------------------------------------------------------

    def revoke(self, login):
        """RevokeSession."""
        self.may_end([login], "revoked")
        self.as_either("RevokeSession", sessionId=login.sid)
        self.have_ended([login])

    def mint(self, login):
        """MintToken."""
        login.note(self.as_himself("MintToken", sessionId=login.sid))
        if self.is_reset and not claims(login.tokens[-1]).get("reset"):
            raise Violation(f"a token of {login.sid} knows of no reset")

    def issue(self, login):
        """IssueRefreshToken."""
        self._trade(login, "IssueRefreshToken", sessionId=login.sid)

    def trade(self, login):
        """Refresh, by the token that was answered last."""
        if login.refresh:
            self._trade(login, "Refresh", refreshToken=login.refresh)

    def _trade(self, login, method, **parameters):
        login.is_refreshing = True
        self.facts.forget(("refresh", login.sid))
        login.note(self.as_himself(method, **parameters))
        login.is_refreshing = False
        counter = int.from_bytes(base64.urlsafe_b64decode(login.refresh[5:])[20:28], "big")
        self.facts.set(("refresh", login.sid), str(counter))

    # ---- devices, locks, resets --------------------------------------------------------------------------

    def rename(self, login):
        """RenameDevice."""
        device_id, name = self.ids[login.device], f"desk {self.rng.randrange(1000)}"
        if self.facts.allowed(("name", device_id)):  # what it is called by itself is not ours to say
            self.facts.may(("name", device_id), name)
        self.as_either("RenameDevice", deviceId=device_id, name=name)
        self.facts.set(("name", device_id), name)

    def block(self, login):
        """BlockDevice."""
        device, device_id = login.device, self.ids[login.device]
        victims = self.of_device(device)
        self.may_end(victims, "device-removed")
        self.facts.may(("device", device_id), "blocked")
        self.as_either("BlockDevice", deviceId=device_id)
        self.facts.set(("device", device_id), "blocked")
        self.blocked.add(device)
        self.have_ended(victims)

    def unblock(self):
        """UnblockDevice."""
        device = self.rng.choice(sorted(self.blocked))
        self.facts.may(("device", self.ids[device]), "known")
        self.as_either("UnblockDevice", deviceId=self.ids[device])
        self.facts.set(("device", self.ids[device]), "known")
        self.blocked.discard(device)

    def forget(self, login):
        """ForgetDevice."""
        device, device_id = login.device, self.ids[login.device]
        victims = self.of_device(device)
        self.may_end(victims, "device-removed")
        self.facts.may(("device", device_id), None)
        self.facts.forget(("name", device_id))
        self.as_either("ForgetDevice", deviceId=device_id)
        self.facts.set(("device", device_id), None)
        self.have_ended(victims)

    def lock(self):
        """LockUser, sometimes with the end of all his sessions."""
        ends = self.rng.random() < 0.3
        victims = list(self.logins) if ends else []
        self.may_end(victims, "revoked")
        self.facts.may(("lock", self.name), "admin")
        self.as_root("LockUser", user=self.name, reason="soak", endSessions=ends)
        self.facts.set(("lock", self.name), "admin")
        self.is_locked = True
        self.have_ended(victims)

    def unlock(self):
        """UnlockUser."""
        self.facts.may(("lock", self.name), None)
        self.as_root("UnlockUser", user=self.name)
        self.facts.set(("lock", self.name), None)
        self.is_locked = False

    def reset(self):
        """RevokeAll of his own, or ResetUser."""
        victims = list(self.logins)
        self.may_end(victims, "account-reset")
        self.facts.may(("account", self.name), "reset")
        if self.rng.random() < 0.5 and victims:
            self.as_himself("RevokeAll")
        else:
            self.as_root("ResetUser", user=self.name)
        self.facts.set(("account", self.name), "reset")
        self.is_reset = True
        self.have_ended(victims)

    def rotate_keys(self):
        """RotateKey: what was signed before goes on being good."""
        try:
            reply = self.as_root("RotateKey")
        except Refused as error:
            if error.name != "TooManyKeys":
                raise
            return
        for kid in (reply["kid"], reply["nextKid"]):
            self.facts.set(("key", kid), "kept")

    # ---- life --------------------------------------------------------------------------------------------

    def _wishes(self):
        """What he can do now, and how often he wants it."""
        for wish, weight in ((self.mint, 8), (self.issue, 4), (self.trade, 12), (self.log_out, 4),
                             (self.revoke, 4), (self.die, 2), (self.rename, 3), (self.block, 1),
                             (self.forget, 1)):
            if self.logins:
                yield weight, lambda wish=wish: wish(self.rng.choice(self.logins))
        yield 3 if self.is_locked else 20, self.log_in
        if len(self.logins) < SESSIONS_MAX:
            yield 4, self.log_in_often
        if self.blocked:
            yield 8, self.unblock
        yield (20, self.unlock) if self.is_locked else (1, self.lock)
        if self.ids:
            yield 1, self.reset
        yield 0.1, self.rotate_keys

    def step(self):
        """One thing that he does."""
        weights, wishes = zip(*self._wishes())
        if len(self.logins) > SESSIONS_MAX:
            self.log_out(self.logins[0])
        else:
            self.rng.choices(wishes, weights)[0]()

    def live(self, is_over):
        """Steps until the daemon is gone, or is_over()."""
        try:
            while not is_over():
                self.step()
        except Gone:
            pass
        except (Refused, Violation) as error:
            self.crowd.violation(f"{self.name}: {type(error).__name__} {error}")
        finally:
            self.hang_up()

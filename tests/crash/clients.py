"""Clients that talk to a service which dies: they retry, give up, and keep a book of it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.crash.served import HEADERS

_WORDS = (
    "my parcel order refund invoice lamp kettle late broken Straße größer 订单 delivery street "
    "number please today tomorrow agent promised receipt card address colour blue ✉️ twice"
).split()
_OPEN = 2  # a client leaves no more than so many turns unanswered before it takes them up again


@dataclass
class Sent:
    """A turn as its client knows it; times are the machine's, in seconds."""

    customer: str
    session: str
    code: str  # stands in its text and in no other
    text: str
    stream: bool
    hang_up: bool
    at: float  # when it was sent first
    tries: int = 0
    cuts: int = 0  # how often its connection broke
    turn: str | None = None  # once it is known that the question is stored
    known: float | None = None  # since when
    ends: str | None = None  # with what the answer ends, of a model of which that is known
    reply: str | None = None  # once the answer is acknowledged
    answered: float | None = None
    passed: bool = False  # the session had gone on
    busy_since: float | None = None
    busy: float = 0.0  # the longest that its session was refused to it while the service was up

    @property
    def open(self) -> bool:
        """Whether its client still wants an answer."""
        return self.reply is None and not self.passed and not (self.hang_up and self.turn)


class Client:
    """One thread of customers, in sessions that others use too."""

    def __init__(
        self, name: str, address: str, seed: int, up: threading.Event, sessions: int, *,
        echo: bool = True, outages: bool = False, leaves: bool = False,
    ) -> None:  # fmt: skip
        self.name = name
        self.sent: list[Sent] = []
        self.unexpected: list[str] = []
        self.replays = 0
        self.round = 0
        self._random = random.Random(f"{seed} {name}")
        self._up = up
        self._sessions = sessions
        self._echo = echo  # whether the model repeats what was said
        self._outages = outages  # whether the database may be away while the service is there
        self._leaves = leaves  # whether it may be ending while it still answers
        self._http = httpx.Client(base_url=address, headers=HEADERS, timeout=60)

    def run(self, ended: Callable[[], bool]) -> None:
        """Talk until it is over."""
        while not ended():
            if not self._up.wait(0.2):
                for sent in self.sent:  # it is not known whether it would still be refused
                    sent.busy_since = None
                continue
            waiting = [sent for sent in self.sent[-50:] if sent.open]
            if len(waiting) > _OPEN or (waiting and self._random.random() < 0.4):
                self.say(self._random.choice(waiting))
            elif self.sent and self._random.random() < 0.08:
                self.say(self._random.choice(self.sent[-20:]), again=True)
            else:
                self.sent.append(self.new())
                self.say(self.sent[-1])
            if self._random.random() < 0.3:
                time.sleep(self._random.random() * 0.05)

    def finish(self, until: float) -> None:
        """Take up again whatever was not answered."""
        while time.monotonic() < until and (waiting := [s for s in self.sent if s.open]):
            for sent in waiting:
                self.say(sent)
            time.sleep(0.1)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def say(self, sent: Sent, *, again: bool = False) -> None:
        """Send a turn, or send it again."""
        if again and sent.reply is None:
            return
        body = {
            "customer": sent.customer, "session": sent.session, "message": sent.text,
            "stream": sent.stream, "idempotency_key": sent.code,
        }  # fmt: skip
        sent.tries += 1
        try:
            with self._http.stream("POST", "/v1/chat", json=body) as answer:
                if answer.status_code != 200:
                    answer.read()
                    self._refused(sent, answer)
                elif sent.stream:
                    self._streamed(sent, answer)
                else:
                    answer.read()
                    self._answered(sent, answer.json())
        except httpx.TransportError:
            self._cut(sent)

    def _cut(self, sent: Sent) -> None:
        sent.cuts += 1
        sent.busy_since = None
        self._up.wait(1)
        time.sleep(0.02)

    def _streamed(self, sent: Sent, answer: httpx.Response) -> None:
        event = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
                if event == "recalled":
                    sent.turn = data["turn"]
                    sent.known = sent.known or time.monotonic()
                elif event == "token" and sent.hang_up and sent.reply is None:
                    return
                elif event == "done":
                    self._answered(sent, data)
                elif event == "error" and self._excused(data["type"].rpartition(":")[2]):
                    self._cut(sent)
                elif event == "error":
                    self.unexpected.append(f"{sent.code}: {data}")

    def _answered(self, sent: Sent, data: dict[str, str]) -> None:
        told = (data["turn"], data["reply"])
        if sent.reply is not None:
            self.replays += 1
            if told != (sent.turn, sent.reply):
                self.unexpected.append(f"{sent.code} was answered anew: {told}")
            return
        if data["status"] != "complete":
            self.unexpected.append(f"{sent.code} was answered as {data['status']}")
        if sent.turn not in (None, told[0]):
            self.unexpected.append(f"{sent.code} is another turn after a retry")
        if not told[1].endswith(sent.ends or ""):
            self.unexpected.append(f"{sent.code} has another answer: {told[1][-80:]!r}")
        sent.answered = time.monotonic()
        sent.known = sent.known or sent.answered
        sent.turn, sent.reply = told
        sent.busy_since = None

    def _excused(self, problem: str) -> bool:
        """Whether a turn may break off for that."""
        return (self._outages and "database" in problem) or (self._leaves and problem == "leaving")

    def _refused(self, sent: Sent, answer: httpx.Response) -> None:
        kind = answer.json().get("type", "").rpartition(":")[2]
        now = time.monotonic()
        if kind == "turn-passed" and sent.reply is None:
            sent.passed = True
        elif kind == "session-busy" and sent.reply is None:
            sent.busy_since = sent.busy_since or now
            sent.busy = max(sent.busy, now - sent.busy_since)
            time.sleep(0.05)
        elif answer.status_code == 503 and (self._outages or self._excused(kind)):
            self._cut(sent)
        else:
            self.unexpected.append(f"{sent.code}: {answer.status_code} {answer.text[:300]}")

    def new(self) -> Sent:
        """A turn that was not said yet."""
        chance = self._random
        code = f"{self.name}-{len(self.sent)}"
        words = chance.choices(_WORDS, k=300 if chance.random() < 0.15 else chance.randint(2, 12))
        text = f"Order {code.upper()}: {' '.join(words)}" + chance.choice(["", "?", "\nThanks."])
        stream = chance.random() < 0.6
        number = chance.randrange(self._sessions)
        era = self.round // 5  # a session that lives through some kills, and not through all
        return Sent(
            f"c{number % 3}-{era}", f"s{number}", code, text, stream,
            stream and chance.random() < 0.15, time.monotonic(),
            ends=text if self._echo else None,
        )  # fmt: skip

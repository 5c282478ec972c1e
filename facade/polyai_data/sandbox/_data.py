"""Conversations computed on demand: each one follows from the seed and its position alone.

Position 0 is the newest. Nothing is stored, so a billion conversations cost no memory.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeVar
from uuid import UUID

from ._dialogues import DAYS, NAMES, OPENING, PLACES, SCENARIOS, TIMES, Line, Scenario

T = TypeVar("T")
Json = dict[str, Any]

MAX_CONVERSATIONS = 10**9
VOICE = "VOICE-SIP"
_NEWEST = datetime(2026, 6, 3, 13, 18, 6, 370000, tzinfo=UTC)
_STEP_MS = 23 * 60_000
_SPAN_MS = 3 * 365 * 86_400_000

# (prefix of the ID, whether the rest is written as a UUID, channel)
_CALL = ("CA", False, VOICE)
_CHAT = ("AS_CHAT_", True, "chat.polyai")
_KINDS = (*[_CALL] * 9, ("KA-", False, VOICE), ("LOCAL-", True, "WEBCHAT"), _CHAT)
_OPENING_KINDS = {0: _CALL, 1: _CALL, 2: _CHAT, 3: _CALL, 4: _KINDS[9], 5: _CALL, 7: _KINDS[10]}
_ID = re.compile(r"(?:CA|KA-|LOCAL-|AS_CHAT_)([0-9a-f-]{32,36})")

# What every conversation carries, in the order of the answers; null where there is nothing.
BLANK: Json = {
    "conversationId": "",
    "accountId": "ACCOUNT-DEMO",
    "projectId": "",
    "createdAt": "",
    "startedAt": "",
    "finishedAt": "",
    "channel": "",
    "fromNumber": "polyai",
    "toNumber": "polyai",
    "language": None,
    "variantId": None,
    "clientEnv": "live",
    "totalDuration": 0,
    "polyaiDuration": 0,
    "duration": 0,
    "inProgress": False,
    "handoff": False,
    "handoffDestination": None,
    "handoffReason": None,
    "direction": "inbound",
    "tags": [],
    "polyScore": None,
    "shortSummary": None,
    "deploymentId": None,
    "note": None,
    "audioUrl": None,
}


class Draw:
    """Choices that depend on nothing but the given key (and not on the Python version)."""

    def __init__(self, *key: object) -> None:
        self._left = int.from_bytes(blake2b(repr(key).encode(), digest_size=32).digest())

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1."""
        self._left, value = divmod(self._left, n)
        return value

    def pick(self, options: tuple[T, ...]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))]


def moment(ms: int) -> datetime:
    """Return the time that many milliseconds after the start of the newest conversation."""
    return _NEWEST + timedelta(milliseconds=ms)


def iso(when: datetime) -> str:
    """Write a time as the API does, with microseconds and offset."""
    return when.isoformat(timespec="microseconds")


@dataclass(slots=True)
class Conversation:
    """One conversation: `pace` is the length of each turn in seconds."""

    k: int
    id: str
    agent_id: str
    channel: str
    scenario: Scenario
    slots: dict[str, str]
    started: datetime
    pace: int
    duration: int
    in_progress: bool

    @property
    def lines(self) -> tuple[Line, ...]:
        """The turns so far."""
        return self.scenario.lines[:3] if self.in_progress else self.scenario.lines

    @property
    def recorded(self) -> bool:
        """Whether there is a recording: chats have none, and a running call not yet."""
        return self.channel == VOICE and not self.in_progress

    @property
    def transcribed(self) -> bool:
        """Whether the transcript may be read."""
        return self.k != 9 and self.k % 41 != 40

    def fill(self, text: str) -> str:
        """Put this conversation's names, days and so on into a text."""
        return text.format_map(self.slots)

    def speech(self) -> str:
        """Return who speaks in each second: `u`(ser), `a`(gent) or `-` (nobody)."""
        heard = ""
        for line in self.lines:
            half = self.pace // 2
            heard += ("u" if line.caller else "-") * half + "a" * (self.pace - half - 1) + "-"
        return heard.ljust(self.duration, "-")

    def summary(self) -> Json:
        """Return the 26 fields of a list answer."""
        draw, scenario = Draw(self.id, "summary"), self.scenario
        voice = self.channel == VOICE
        number = f"+1415555{100 + draw.below(100):04d}"
        sip = f"sip:{self.slots['code'].lower()}@pbx.example.com"
        destination, reason = (
            scenario.handoff if scenario.handoff and not self.in_progress else (None, None)
        )
        person = 40 + draw.below(300) if destination else 0
        return {
            **BLANK,
            "conversationId": self.id,
            "projectId": self.agent_id,
            "createdAt": iso(self.started - timedelta(milliseconds=85)),
            "startedAt": iso(self.started),
            "finishedAt": iso(self.started + timedelta(seconds=self.duration + person)),
            "channel": self.channel,
            "fromNumber": draw.pick((*[number] * 6, "REDACTED", sip)) if voice else "polyai",
            "toNumber": "+18005550142" if voice else "polyai",
            "language": None if self.k % 12 == 10 else scenario.language,
            "variantId": None if self.k % 5 == 3 else self.slots["place"],
            "clientEnv": draw.pick(("live", "live", "live", "sandbox", "pre-release")),
            "totalDuration": self.duration + person,
            "polyaiDuration": self.duration,
            "duration": self.duration,
            "inProgress": self.in_progress,
            "handoff": destination is not None,
            "handoffDestination": destination,
            "handoffReason": reason,
            "direction": "outbound" if voice and self.k % 25 == 24 else "inbound",
            "tags": [] if self.in_progress else list(scenario.tags),
            "polyScore": None if self.in_progress else scenario.score,
            "shortSummary": self._short_summary(),
            "deploymentId": None
            if self.k % 7 == 4
            else draw.pick(("dep-7f3a91c2", "dep-52be08d4")),
            "note": "Asked to be called back." if self.k % 9 == 3 else None,
            "audioUrl": f"conversations/{self.id}/audio" if self.recorded else None,
        }

    def _short_summary(self) -> Json | str | None:
        if self.in_progress or not self.scenario.heading:
            return None
        summary = {
            "heading": self.fill(self.scenario.heading),
            "content": self.fill(self.scenario.content),
        }
        # Summaries were stored as text in earlier days, and some as JSON in text.
        if self.k >= 60 and self.k % 4 == 1:
            return summary["content"]
        if self.k >= 60 and self.k % 4 == 3:
            return json.dumps(summary, ensure_ascii=False)
        return summary


class Conversations:
    """The generated conversations of one agent."""

    def __init__(self, agent_id: str, count: int, seed: int) -> None:
        self.count = count
        self._agent_id = agent_id
        self._seed = seed
        # Within three years: the more conversations, the busier the agent.
        self._step = min(_STEP_MS, _SPAN_MS // max(count, 1))
        draw = Draw(seed, "ids")
        self._factor = draw.below(2**127) * 2 + 1  # odd, so that it has an inverse
        self._shift = draw.below(2**128)

    def __getitem__(self, k: int) -> Conversation:
        """Compute the conversation at a position."""
        draw = Draw(self._seed, k)
        prefix, dashed, channel = _OPENING_KINDS.get(k) or draw.pick(_KINDS)
        scenario = OPENING[k] if k < len(OPENING) else draw.pick(SCENARIOS)
        number = (k * self._factor + self._shift) % 2**128
        number ^= number >> 64  # undoes itself when done twice
        pace = 6 + draw.below(8)
        in_progress = k == 0
        turns = 3 if in_progress else len(scenario.lines)
        return Conversation(
            k=k,
            id=prefix + (str(UUID(int=number)) if dashed else f"{number:032x}"),
            agent_id=self._agent_id,
            channel=channel,
            scenario=scenario,
            slots={
                "name": draw.pick(NAMES),
                "day": draw.pick(DAYS),
                "time": draw.pick(TIMES),
                "place": draw.pick(PLACES),
                "code": f"{draw.pick(('LK', 'QT', 'ZX', 'MN'))}{draw.below(90000) + 10000}",
            },
            started=moment(-k * self._step - (draw.below(self._step) if k else 0)),
            pace=pace,
            duration=turns * pace + draw.below(pace),
            in_progress=in_progress,
        )

    def find(self, conversation_id: str) -> Conversation | None:
        """Return the conversation that has this ID."""
        match = _ID.fullmatch(conversation_id)
        if match is None:
            return None
        number = int("0" + match[1].replace("-", ""), 16)
        number ^= number >> 64
        k = (number - self._shift) * pow(self._factor, -1, 2**128) % 2**128
        if k >= self.count:
            return None
        found = self[k]
        return found if found.id == conversation_id else None

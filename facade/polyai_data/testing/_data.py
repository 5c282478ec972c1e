"""Conversations generated on demand from the seed and their index. Index 0 is the newest.

Nothing is stored, so even a billion conversations take no memory.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, TypeVar
from uuid import UUID

from ._dialogues import DAYS, FIRST_SCENARIOS, NAMES, PLACES, SCENARIOS, TIMES, Line, Scenario

T = TypeVar("T")
Json = dict[str, Any]

MAX_CONVERSATIONS = 10**9
ACCOUNT_ID = "ACCOUNT-DEMO"
VOICE = "VOICE-SIP"
_NEWEST_AGE = timedelta(minutes=1)
SHOWCASE_ID = "CA22d437f4405070690f8906b76c8ea4ed"
"""The conversation that the documentation shows. It is there whatever the seed and the count."""
_SHOWCASE_INDEX = 1
_STEP_MS = 23 * 60_000
_SPAN_MS = 3 * 365 * 86_400_000

# (ID prefix, whether a dashed UUID follows, channel)
_CALL = ("CA", False, VOICE)
_OTHER_CALL = ("KA-", False, VOICE)
_WEBCHAT = ("LOCAL-", True, "WEBCHAT")
_CHAT = ("AS_CHAT_", True, "chat.polyai")
_KINDS = (*[_CALL] * 9, _OTHER_CALL, _WEBCHAT, _CHAT)
_FIRST_KINDS = {0: _CALL, 1: _CALL, 2: _CHAT, 3: _CALL, 4: _OTHER_CALL, 5: _CALL, 7: _WEBCHAT}
_ID = re.compile(r"(?:CA|KA-|LOCAL-|AS_CHAT_)([0-9a-f-]{32,36})")

# The fields of every conversation, in the order of the responses, with their empty values.
EMPTY_SUMMARY: Json = {
    "conversationId": "",
    "accountId": ACCOUNT_ID,
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


class StableRandom:
    """Random numbers that depend on the seed alone, in every Python version."""

    def __init__(self, *seed: object) -> None:
        self._entropy = int.from_bytes(blake2b(repr(seed).encode(), digest_size=32).digest())

    def randbelow(self, n: int) -> int:
        """Return an integer from 0 to n - 1."""
        self._entropy, value = divmod(self._entropy, n)
        return value

    def choice(self, options: tuple[T, ...]) -> T:
        """Return one of the options."""
        return options[self.randbelow(len(options))]


class Clock:
    """The time of the sandbox: the current time, or a fixed one.

    Attributes:
        start: The time at which the sandbox was created. The generated conversations end there.
    """

    def __init__(self, fixed: datetime | None) -> None:
        self._is_fixed = fixed is not None
        self.start = fixed.astimezone(UTC) if fixed is not None else datetime.now(UTC)

    def read(self, seconds: float) -> datetime:
        """Return the time; with a fixed clock, the time `seconds` after it."""
        return self.start + timedelta(seconds=seconds) if self._is_fixed else datetime.now(UTC)


def isoformat(time: datetime) -> str:
    """Format a time as the API does, with microseconds and UTC offset."""
    return time.isoformat(timespec="microseconds")


@dataclass(slots=True)
class Conversation:
    """A generated conversation."""

    index: int
    id: str
    agent_id: str
    channel: str
    scenario: Scenario
    slots: dict[str, str]
    started: datetime
    turn_seconds: int
    duration: int
    in_progress: bool

    @property
    def lines(self) -> tuple[Line, ...]:
        """The turns so far."""
        return self.scenario.lines[:3] if self.in_progress else self.scenario.lines

    @property
    def has_recording(self) -> bool:
        """Whether there is a recording. Chats and calls in progress have none."""
        return self.channel == VOICE and not self.in_progress

    @property
    def has_transcript(self) -> bool:
        """Whether the transcript is available."""
        return self.index != 9 and self.index % 41 != 40

    def fill(self, template: str) -> str:
        """Fill in the slots of a template with this conversation's values."""
        return template.format_map(self.slots)

    def speakers(self) -> str:
        """Return the speaker in each second: `u`(ser), `a`(gent) or `-` (silence)."""
        speakers = ""
        for line in self.lines:
            half = self.turn_seconds // 2
            speakers += ("u" if line.caller else "-") * half
            speakers += "a" * (self.turn_seconds - half - 1) + "-"
        return speakers.ljust(self.duration, "-")

    def summary(self) -> Json:
        """Return the 26 fields of a listed conversation."""
        rng, scenario = StableRandom(self.id, "summary"), self.scenario
        voice = self.channel == VOICE
        number = f"+1415555{100 + rng.randbelow(100):04d}"
        sip = f"sip:{self.slots['code'].lower()}@pbx.example.com"
        destination, reason = (
            scenario.handoff if scenario.handoff and not self.in_progress else (None, None)
        )
        after_handoff = 40 + rng.randbelow(300) if destination else 0
        total = self.duration + after_handoff
        return {
            **EMPTY_SUMMARY,
            "conversationId": self.id,
            "projectId": self.agent_id,
            "createdAt": isoformat(self.started - timedelta(milliseconds=85)),
            "startedAt": isoformat(self.started),
            "finishedAt": isoformat(self.started + timedelta(seconds=total)),
            "channel": self.channel,
            "fromNumber": rng.choice((*[number] * 6, "REDACTED", sip)) if voice else "polyai",
            "toNumber": "+18005550142" if voice else "polyai",
            "language": None if self.index % 12 == 10 else scenario.language,
            "variantId": None if self.index % 5 == 3 else self.slots["place"],
            "clientEnv": rng.choice(("live", "live", "live", "sandbox", "pre-release")),
            "totalDuration": total,
            "polyaiDuration": self.duration,
            "duration": self.duration,
            "inProgress": self.in_progress,
            "handoff": destination is not None,
            "handoffDestination": destination,
            "handoffReason": reason,
            "direction": "outbound" if voice and self.index % 25 == 24 else "inbound",
            "tags": [] if self.in_progress else list(scenario.tags),
            "polyScore": None if self.in_progress else scenario.score,
            "shortSummary": self._short_summary(),
            "deploymentId": None
            if self.index % 7 == 4
            else rng.choice(("dep-7f3a91c2", "dep-52be08d4")),
            "note": "Asked to be called back." if self.index % 9 == 3 else None,
            "audioUrl": f"conversations/{self.id}/audio" if self.has_recording else None,
        }

    def _short_summary(self) -> Json | str | None:
        if self.in_progress or not self.scenario.heading:
            return None
        summary = {
            "heading": self.fill(self.scenario.heading),
            "content": self.fill(self.scenario.content),
        }
        # Older summaries are strings, and some of these contain JSON.
        if self.index >= 60 and self.index % 4 == 1:
            return summary["content"]
        if self.index >= 60 and self.index % 4 == 3:
            return json.dumps(summary, ensure_ascii=False)
        return summary


class Conversations:
    """The generated conversations of one agent."""

    def __init__(self, agent_id: str, count: int, seed: int, now: datetime) -> None:
        self.count = count
        self._newest = now - _NEWEST_AGE
        self._agent_id = agent_id
        self._seed = seed
        # All conversations are from three years, so more of them are closer together.
        self._step_ms = min(_STEP_MS, _SPAN_MS // max(count, 1))
        rng = StableRandom(seed, "ids")
        self._id_factor = rng.randbelow(2**127) * 2 + 1  # odd, so that it has an inverse
        self._id_offset = rng.randbelow(2**128)

    def __getitem__(self, index: int) -> Conversation:
        """Generate the conversation at an index."""
        is_showcase = index == _SHOWCASE_INDEX
        rng = StableRandom(0 if is_showcase else self._seed, index)
        prefix, dashed, channel = _FIRST_KINDS.get(index) or rng.choice(_KINDS)
        is_first = index < len(FIRST_SCENARIOS)
        scenario = FIRST_SCENARIOS[index] if is_first else rng.choice(SCENARIOS)
        number = (index * self._id_factor + self._id_offset) % 2**128
        number ^= number >> 64  # its own inverse
        turn_seconds = 6 + rng.randbelow(8)
        in_progress = index == 0
        turns = 3 if in_progress else len(scenario.lines)
        return Conversation(
            index=index,
            id=SHOWCASE_ID
            if is_showcase
            else prefix + (str(UUID(int=number)) if dashed else f"{number:032x}"),
            agent_id=self._agent_id,
            channel=channel,
            scenario=scenario,
            slots={
                "name": rng.choice(NAMES),
                "day": rng.choice(DAYS),
                "time": rng.choice(TIMES),
                "place": rng.choice(PLACES),
                "code": f"{rng.choice(('LK', 'QT', 'ZX', 'MN'))}{rng.randbelow(90000) + 10000}",
            },
            started=self._newest
            - timedelta(
                milliseconds=index * self._step_ms + (rng.randbelow(self._step_ms) if index else 0)
            ),
            turn_seconds=turn_seconds,
            duration=turns * turn_seconds + rng.randbelow(turn_seconds),
            in_progress=in_progress,
        )

    def within(self, start: datetime | None, end: datetime | None, first: int) -> range:
        """Return the indexes from `first` of all that began in a period, and perhaps a few more."""
        last = self.count
        if end is not None:  # a conversation began at most one step before that of its index
            first = max(
                first, int((self._newest - end).total_seconds() * 1000 // self._step_ms) - 1
            )
        if start is not None:
            oldest = int((self._newest - start).total_seconds() * 1000 // self._step_ms) + 1
            last = min(last, max(oldest, 0))
        return range(first, last)

    def find(self, conversation_id: str) -> Conversation | None:
        """Return the conversation with this ID."""
        if conversation_id == SHOWCASE_ID:
            return self[_SHOWCASE_INDEX]
        match = _ID.fullmatch(conversation_id)
        if match is None:
            return None
        number = int("0" + match[1].replace("-", ""), 16)
        number ^= number >> 64
        index = (number - self._id_offset) * pow(self._id_factor, -1, 2**128) % 2**128
        if index >= self.count:
            return None
        conversation = self[index]
        return conversation if conversation.id == conversation_id else None

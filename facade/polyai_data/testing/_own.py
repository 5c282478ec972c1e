"""Conversations with fields that a test chooses."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from ._data import EMPTY_SUMMARY, VOICE, Json, isoformat
from ._turns import make_turn

DETAILS = ("turns", "metrics", "functionEvents")
"""The fields that listed conversations do not have."""
_TURN_SECONDS = 7


class OwnConversation:
    """A conversation with fields of its own; the others have the values of a short call.

    Args:
        fields: The fields, as in the API. A turn may be a pair: what the user said, and the agent.
        agent_id: The ID of the agent.
        now: When the call ended, if the fields do not say.
    """

    def __init__(self, fields: Mapping[str, Any], agent_id: str, now: datetime) -> None:
        turns = fields.get("turns", ())
        seconds = max(len(turns), 1) * _TURN_SECONDS if isinstance(turns, list | tuple) else 0
        started = now - timedelta(seconds=seconds)
        times = {"createdAt": started, "startedAt": started, "finishedAt": now}
        self._content: Json = {
            **EMPTY_SUMMARY,
            "projectId": agent_id,
            "channel": VOICE,
            **{name: isoformat(time) for name, time in times.items()},
            **dict.fromkeys(("duration", "polyaiDuration", "totalDuration"), seconds),
            "turns": [],
            "metrics": {},
            "functionEvents": {},
            **deepcopy(dict(fields)),
        }
        self._content["turns"] = make_turns(self._content["turns"], started)

    @property
    def has_recording(self) -> bool:
        """Whether there is a recording."""
        return bool(self._content["audioUrl"])

    def speakers(self) -> str:
        """Return the speaker in each second of the recording."""
        return "ua" * 5

    def summary(self) -> Json:
        """Return the fields of a listed conversation."""
        return {name: value for name, value in self.detail().items() if name not in DETAILS}

    def detail(self) -> Json:
        """Return all fields, as a copy: the store adds reviews."""
        return deepcopy(self._content)


def make_turns(turns: Any, started: datetime) -> Any:
    """Return turns as the API has them. Only pairs, of what the user and the agent said, change."""
    if not isinstance(turns, list | tuple):
        return turns
    return [
        _turn(turn, index, started + timedelta(seconds=index * _TURN_SECONDS))
        for index, turn in enumerate(turns)
    ]


def _turn(turn: Any, index: int, time: datetime) -> Any:
    if isinstance(turn, tuple) and len(turn) == 2:
        return make_turn(int(time.timestamp()) * 10**9 + index, time, *turn)
    return turn

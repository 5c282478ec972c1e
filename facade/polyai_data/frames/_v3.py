"""Conversations of the Conversations API v3, as the tables expect them."""

from __future__ import annotations

from typing import Any

from polyai_data_generated.wire_names import WIRE_NAMES

_KEYS = {
    key: WIRE_NAMES["Conversation"][field]
    for field, key in WIRE_NAMES["FoundConversation"].items()
    if field in WIRE_NAMES["Conversation"]
} | {"id": "conversationId", "environment": "clientEnv"}


def is_v3(raw: Any) -> bool:
    """Whether a record is JSON of v3: its ID has another key."""
    return type(raw) is dict and "id" in raw and "conversationId" not in raw


def from_v3(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a record with the keys of the Data API. Keys that only v3 has stay as they are."""
    record = {_KEYS.get(key, key): value for key, value in raw.items()}
    turns, metrics = raw.get("turns"), raw.get("metrics")
    if isinstance(turns, list):
        record["turns"] = [_turn(turn) for turn in turns]
    if isinstance(metrics, dict):
        record["metrics"] = {name: _logged(value) for name, value in metrics.items()}
    return record


def _turn(turn: Any) -> Any:
    if isinstance(turn, dict) and type(turn.get("latency")) in (int, float):
        return {**turn, "latency": {"perceived_latency": turn["latency"]}}
    return turn


def _logged(value: Any) -> list[dict[str, Any]]:
    return [{"value": each} for each in (value if isinstance(value, list) else [value])]

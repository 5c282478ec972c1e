"""The Conversations API v3: filters, both searches, random samples, and cursors.

A `transcript` search finds conversations in which a turn contains the query, ignoring case. A
`semantic` search finds those that have every word of the query in what was said, in the summary or
in the tags, ignoring case and all but the first four letters of each word. Neither is how the real
API searches.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from polyai_data.testing._data import Json, StableRandom

from ._errors import APIError
from ._store import Store

CODE = "GET_CONVERSATIONS_FILTER_PARSE_ERROR"
MAX_LIMIT = 1000
_MAX_SCANNED = 5000
"""Conversations that one request looks at. If few match, a page is short, or even empty."""
_NAMES = {
    *("start_time", "end_time", "client_env", "limit", "offset", "cursor", "query", "query_type"),
    *("turn_type", "sample", "channel", "variant_id", "variant_name", "in_progress"),
    "include_latency",
}
_CHOICES = {
    "client_env": ("sandbox", "pre-release", "live"),
    "query_type": ("transcript", "semantic"),
    "turn_type": ("user", "agent"),
    "sample": ("random",),
    "in_progress": ("true", "false"),
    "include_latency": ("true", "false"),
}
_EXCLUDING = (("query_type", "sample"), ("variant_id", "variant_name"))
_TURN_TEXTS = {"user": ("user_input",), "agent": ("agent_response",)}
_TURN_FIELDS = (
    *("user_input", "user_input_dtmf", "user_input_datetime", "agent_response"),
    *("agent_response_datetime", "translated_user_input", "english_agent_response"),
)
_ALL_TEXTS = ("user_input", "agent_response")


def _invalid(message: str) -> APIError:
    return APIError(400, CODE, message)


@dataclass(frozen=True)
class Query:
    """The parameters of a search, checked."""

    texts: Json
    channels: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    limit: int
    offset: int
    position: int | None

    @classmethod
    def of(cls, request: Request) -> "Query":
        """Return the parameters of a request.

        Raises:
            APIError: one is invalid, or two conflict.
        """
        params = request.query_params
        for name in params:
            if name not in _NAMES:
                raise _invalid(f"{name}: unknown parameter")
            if name != "channel" and len(params.getlist(name)) > 1:
                raise _invalid(f"{name}: given more than once")
        texts: Json = {name: params[name] for name in params if name != "channel"}
        for name, choices in _CHOICES.items():
            if texts.get(name, choices[0]) not in choices:
                raise _invalid(f"{name}: must be one of {', '.join(choices)}")
        for one, other in _EXCLUDING:
            if one in texts and other in texts:
                raise _invalid(f"{one} excludes {other}")
        if ("query_type" in texts) != ("query" in texts):
            raise _invalid("query and query_type need each other")
        if "turn_type" in texts and texts.get("query_type") != "transcript":
            raise _invalid("turn_type: needs query_type=transcript")
        start, end = _time(texts, "start_time"), _time(texts, "end_time")
        if ("query_type" in texts or "sample" in texts) and None in (start, end):
            raise _invalid("start_time and end_time are required with query_type and sample")
        return cls(
            texts,
            tuple(params.getlist("channel")),
            start,
            end,
            _integer(texts, "limit", MAX_LIMIT, 1, MAX_LIMIT),
            _integer(texts, "offset", 0, 0, 10**12),
            _position(texts["cursor"]) if "cursor" in texts else None,
        )

    @property
    def include_latency(self) -> bool:
        """Whether turns have their latency."""
        return self.texts.get("include_latency") == "true"

    def matches(self, found: Json) -> bool:
        """Return whether a conversation of the Data API passes the filters."""
        texts = self.texts
        started = _parsed(found.get("startedAt"))
        if self.start is not None and (started is None or started < self.start):
            return False
        if self.end is not None and (started is None or started > self.end):
            return False
        return (
            found.get("clientEnv") == texts.get("client_env", "live")
            and (not self.channels or found.get("channel") in self.channels)
            and texts.get("variant_id") in (None, found.get("variantId"))
            and texts.get("variant_name") in (None, _variant_name(found))
            and texts.get("in_progress") in (None, str(bool(found.get("inProgress"))).lower())
            and self._is_found(found)
        )

    def _is_found(self, found: Json) -> bool:
        query = self.texts.get("query", "").casefold()
        names = _TURN_TEXTS.get(self.texts.get("turn_type", ""), _ALL_TEXTS)
        turns = [turn for turn in found.get("turns") or () if isinstance(turn, dict)]
        said = [str(turn.get(name) or "").casefold() for turn in turns for name in names]
        if self.texts.get("query_type") != "semantic":
            return not query or any(query in text for text in said)
        everything = " ".join([*said, str(found.get("shortSummary")), str(found.get("tags"))])
        return all(word[:4] in everything.casefold() for word in query.split())


def search(store: Store, query: Query, seed: int) -> Json:
    """Return a page of the Conversations API v3."""
    if "sample" in query.texts:
        return _sample(store, query, seed)
    found: list[Json] = []
    skip = query.offset if query.position is None else 0
    last = None
    for scanned, (position, conversation) in enumerate(_scan(store, query)):
        # One more than the page shows whether there is another page.
        if len(found) == query.limit or scanned == _MAX_SCANNED:
            page: Json = {"conversations": found, "cursor": _cursor(last)}
            if query.position is None:
                page["next_offset"] = query.offset + len(found)
            return page
        last = position
        if query.matches(conversation):
            if skip:
                skip -= 1
            else:
                found.append(_record(conversation, query))
    return {"conversations": found, "cursor": None}


def _scan(store: Store, query: Query) -> Iterator[tuple[int, Json]]:
    return store.scan(query.position, query.start, query.end)


def _sample(store: Store, query: Query, seed: int) -> Json:
    """Return a sample that depends on the seed alone, so that it is the same in every run."""
    found = []
    for scanned, (_, conversation) in enumerate(_scan(store, query)):
        if scanned == _MAX_SCANNED:
            break
        if query.matches(conversation):
            rank = StableRandom(seed, "sample", conversation["conversationId"]).randbelow(2**64)
            found.append((rank, scanned, conversation))
    chosen = sorted(found, key=lambda each: each[:2])[: query.limit]
    return {"conversations": [_record(each, query) for _, _, each in chosen], "cursor": None}


def _record(found: Json, query: Query) -> Json:
    """Return a conversation of the Data API as v3 returns it."""
    turns = [
        _turn(turn, query) if isinstance(turn, dict) else turn for turn in found.get("turns") or ()
    ]
    dicts = [turn for turn in turns if isinstance(turn, dict)]
    return {
        "id": found["conversationId"],
        "account_id": found.get("accountId"),
        "project_id": found.get("projectId"),
        "variant_id": found.get("variantId") or "",
        "variant_name": _variant_name(found),
        "environment": found.get("clientEnv"),
        "started_at": found.get("startedAt"),
        "channel": found.get("channel"),
        "from_number": found.get("fromNumber") or "",
        "to_number": found.get("toNumber") or "",
        "in_progress": found.get("inProgress"),
        "num_turns": len(turns),
        "total_duration": found.get("totalDuration"),
        "polyai_duration": found.get("polyaiDuration"),
        "handoff": found.get("handoff"),
        "handoff_reason": found.get("handoffReason") or "",
        "handoff_destination": found.get("handoffDestination") or "",
        "num_silences": sum(turn.get("is_silence") is True for turn in dicts),
        "num_ood": sum(turn.get("is_ood") is True for turn in dicts),
        "metrics": _metrics(found.get("metrics")),
        "state": {"language": found.get("language"), "finished": not found.get("inProgress")},
        "turns": turns,
    }


def _variant_name(found: Json) -> str:
    variant = found.get("variantId")
    return f"{variant} branch" if variant else ""


def _metrics(metrics: Any) -> Json:
    if not isinstance(metrics, dict):
        return {}
    values = {
        name: [str(each["value"]) for each in logged if isinstance(each, dict) and "value" in each]
        for name, logged in metrics.items()
        if isinstance(logged, list)
    }
    return {name: each if len(each) > 1 else each[0] for name, each in values.items() if each}


def _turn(turn: Json, query: Query) -> Json:
    result: Json = {name: turn[name] for name in _TURN_FIELDS if turn.get(name) is not None}
    seconds = (turn.get("latency") or {}).get("perceived_latency")
    if query.include_latency and seconds is not None:
        result["latency"] = seconds
    intents, entities = turn.get("intents") or [], turn.get("entities") or []
    return {
        **result,
        "intents": [each["name"] for each in intents if isinstance(each, dict)],
        "entities": [
            {each["name"]: each["value"]}
            for each in entities
            if isinstance(each, dict) and {"name", "value"} <= each.keys()
        ],
        "is_ood": turn.get("is_ood") is True,
        "is_silence": turn.get("is_silence") is True,
        "barge_in": turn.get("barge_in") is True,
    }


def _cursor(position: int | None) -> str:
    return urlsafe_b64encode(f"before {position}".encode()).decode()


def _position(cursor: str) -> int:
    with suppress(ValueError, binascii.Error):
        word, _, number = urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        if word == "before" and number.isdecimal() and _cursor(int(number)) == cursor:
            return int(number)
    raise _invalid("cursor: malformed")


def _integer(texts: Json, name: str, default: int, low: int, high: int) -> int:
    text = texts.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
        raise _invalid(f"{name}: must be an integer from {low} to {high}")
    return int(text)


def _time(texts: Json, name: str) -> datetime | None:
    if name not in texts:
        return None
    time = _parsed(texts[name])
    if time is None:
        raise _invalid(f"{name}: must be an ISO 8601 date and time")
    return time


def _parsed(text: object) -> datetime | None:
    with suppress(ValueError, TypeError, OverflowError):
        time = datetime.fromisoformat(str(text))
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return None

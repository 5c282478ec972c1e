"""The calls in the cassettes: each operation with each of its outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cassettes
from attrs import frozen
from polyai_data import Annotation, AsyncDataClient, DataClient
from polyai_data.sandbox import Fault
from scrub import AGENT_ID, CORRELATION_ID

CONVERSATION_ID = "CA22d437f4405070690f8906b76c8ea4ed"
CHAT_ID = "AS_CHAT_cassettes"
NOW = datetime(2026, 6, 3, 13, 19, 6, 370000, tzinfo=UTC)
"""The time of the sandbox in cassettes and pictures, which are the same in every run."""
RECORDING_BYTES = 76  # a WAV file with 32 bytes of audio
_NO_SUCH_ID = "CA" + "0" * 32


@frozen
class Step:
    """A call of the client.

    Attributes:
        operation: Its operationId.
        arguments: Its positional arguments.
        options: Its keyword arguments.
    """

    operation: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})

    def take(self, client: DataClient) -> Any:
        """Make the call and return all of its result."""
        match self.operation:
            case "list_conversations":
                return list(client.list_conversations(**self.options))
            case "search_conversations":
                return list(client.search_conversations(**self.options))
            case "get_recording":
                with client.open_recording(*self.arguments, **self.options) as recording:
                    return recording.read()
            case "start_chat":
                return client.start_chat(*self.arguments, **self.options).greeting
            case "send_chat_message":
                chat_id, message = self.arguments
                return client.resume_chat(chat_id, "sandbox").send(message, **self.options)
        return getattr(client, self.operation)(*self.arguments, **self.options)

    async def take_asynchronously(self, client: AsyncDataClient) -> Any:
        """Make the call and return all of its result."""
        match self.operation:
            case "list_conversations":
                return [found async for found in client.list_conversations(**self.options)]
            case "search_conversations":
                return [found async for found in client.search_conversations(**self.options)]
            case "get_recording":
                async with client.open_recording(*self.arguments, **self.options) as recording:
                    return await recording.read()
            case "start_chat":
                return (await client.start_chat(*self.arguments, **self.options)).greeting
            case "send_chat_message":
                chat_id, message = self.arguments
                return await client.resume_chat(chat_id, "sandbox").send(message, **self.options)
        return await getattr(client, self.operation)(*self.arguments, **self.options)


@frozen
class Scenario:
    """A call of the client, and the conditions under which it is made.

    Attributes:
        outcome: The status code and, if that is ambiguous, the case.
        step: The call.
        region: The region.
        agent_id: The agent ID.
        api_key: The API key, of either API; "sandbox" is the valid one.
        before: Earlier calls, which are not recorded.
        faults: The faults of the sandbox.
        from_real_api: Whether the real API can reproduce this outcome.
    """

    outcome: str
    step: Step
    region: str = "us"
    agent_id: str = AGENT_ID
    api_key: str = "sandbox"
    before: tuple[Step, ...] = ()
    faults: tuple[Fault, ...] = ()
    from_real_api: bool = False

    @property
    def name(self) -> str:
        """The name of the cassette."""
        return f"{self.step.operation}.{self.outcome}"

    @property
    def path(self) -> Path:
        """The cassette's file."""
        return cassettes.DIRECTORY / f"{self.name}.yaml"


def _fails(status: int, message: str, code: str | None = None, **headers: str) -> tuple[Fault, ...]:
    texts = {"error": message, "error_id": CORRELATION_ID, "error_message": message}
    envelope = {"success": False, **texts, "error_code": code, "data": None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (Fault(status, envelope, named),)


def _get(conversation_id: str = CONVERSATION_ID) -> Step:
    return Step("get_conversation", (conversation_id,))


_HTML = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
_BROKEN = '{"conversationId": "CA22d437f4405070690f8906b76c8ea4ed", "turns": [{"us'
_JSON = {"Content-Type": "application/json"}

_LIST = Step("list_conversations", (), {"page_size": 2, "max_items": 5})
_WEEK = {"since": NOW - timedelta(days=7), "until": NOW}
_SEARCH = Step("search_conversations", (), {"page_size": 2, "max_items": 5})
_RECORDING = Step("get_recording", (CONVERSATION_ID,), {"direction": "user", "redacted": True})
_ANNOTATE = Step(
    "add_annotations",
    (CONVERSATION_ID, [Annotation(turn=1, role="agent", type="wrong_info")]),
)
_NOTE = Step("set_note", (CONVERSATION_ID, "Called back; all is well. Grüße"))
_START = Step(
    "start_chat",
    ("sandbox",),
    {"conversation_id": CHAT_ID, "language": "en-US", "attributes": {"name": "Ada"}},
)
_SEND = Step("send_chat_message", (CHAT_ID, "May I bring my dog?"))


def _elsewhere(step: Step, conversation_id: str = _NO_SUCH_ID) -> Step:
    """Return the step for an ID that does not exist."""
    return Step(step.operation, (conversation_id, *step.arguments[1:]), step.options)


def _search(**options: Any) -> Step:
    return Step("search_conversations", (), options)


def _refused(step: Step) -> tuple[Scenario, ...]:
    """Return the outcomes that every operation has: an invalid API key, another agent."""
    real = step.operation == "get_conversation"
    return (
        Scenario("401", step, api_key="wrong-key", from_real_api=real),
        Scenario("403", step, agent_id="PROJECT-OTHER"),
    )


SCENARIOS = (
    Scenario("200.us", _get(), from_real_api=True),
    Scenario("200.eu", _get("KA-ad0362aebf84c4da37567d90912f0447"), region="eu"),
    Scenario("200.uk", _get("AS_CHAT_fb8e9b87-c00c-8c8e-07d4-1b11182fafb9"), region="uk"),
    Scenario("200.studio", _get("LOCAL-37328d69-3eb9-194c-307f-80500ec1b5fa"), region="studio"),
    *_refused(_get()),
    Scenario("404", _get(_NO_SUCH_ID), from_real_api=True),
    Scenario("429", _get(), faults=_fails(429, "Too many requests.", Retry_After="7")),
    Scenario("500", _get(), faults=_fails(500, "Internal server error.")),
    Scenario("502-html", _get(), faults=(Fault(502, _HTML),)),
    Scenario("200-broken", _get(), faults=(Fault(200, _BROKEN, _JSON),)),
    Scenario("200", _LIST),
    Scenario("400", _LIST, faults=_fails(400, "Bad filter.", "CONVERSATIONS_VALIDATION_FAILED")),
    *_refused(_LIST),
    Scenario("200", _SEARCH),
    Scenario("200-transcript", _search(**_WEEK, query="dog", turn_type="user", max_items=2)),
    Scenario(
        "200-semantic",
        _search(
            **_WEEK, query="late dog", query_type="semantic", include_latency=True, max_items=2
        ),
    ),
    Scenario("200-sample", _search(**_WEEK, sample=True, page_size=3)),
    Scenario("400", _search(cursor="malformed")),
    Scenario("401", _SEARCH, api_key="wrong-key"),
    Scenario("403", _search(account_id="ACCOUNT-OTHER")),
    Scenario("404", _SEARCH, agent_id="PROJECT-OTHER"),
    Scenario("500", _SEARCH, faults=_fails(500, "Internal server error.")),
    Scenario("200", _RECORDING),
    Scenario("400", _RECORDING, faults=_fails(400, "Bad query.", "SCHEMA_VALIDATION_FAILED")),
    *_refused(_RECORDING),
    Scenario("404", _elsewhere(_RECORDING, "AS_CHAT_fb8e9b87-c00c-8c8e-07d4-1b11182fafb9")),
    Scenario("201", _ANNOTATE),
    Scenario(
        "400",
        Step(
            "add_annotations",
            (CONVERSATION_ID, [Annotation(turn=99, role="user", type="missing_topic")]),
        ),
    ),
    *_refused(_ANNOTATE),
    Scenario("404", _elsewhere(_ANNOTATE)),
    Scenario("201", _NOTE),
    Scenario("400", _NOTE, faults=_fails(400, "Note too long.", "SCHEMA_VALIDATION_FAILED")),
    *_refused(_NOTE),
    Scenario("404", _elsewhere(_NOTE)),
    Scenario("201", _START),
    Scenario("400", _START, faults=_fails(400, "No draft.", "CHAT_DRAFT_NOT_EXIST")),
    *_refused(_START),
    Scenario("200", _SEND, before=(_START,)),
    Scenario("400", _SEND, faults=_fails(400, "The chat timed out.", "CHAT_TIMEOUT")),
    *_refused(_SEND),
    Scenario("404", _elsewhere(_SEND)),
    Scenario("410", _SEND, before=(_START, Step("send_chat_message", (CHAT_ID, "bye")))),
)

"""The generated low-level client works without the facade."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from impact import wrapped_operations
from polyai_data.sandbox import serve
from polyai_data_generated import AuthenticatedClient, models
from polyai_data_generated.models import (
    AddAnnotationsBody,
    Annotation,
    AnnotationRole,
    AnnotationType,
    ChatReply,
    Conversation,
    ConversationPage,
    ConversationSummary,
    ErrorEnvelope,
    FoundConversation,
    FoundPage,
    RecordingDirection,
    SendChatMessageBody,
    SetNoteBody,
    StartChatBody,
    Turn,
    V3Error,
    WriteResult,
)
from polyai_data_generated.types import File, Response
from polyai_data_generated.wire_names import WIRE_NAMES

CONVERSATION_ID = "CA22d437f4405070690f8906b76c8ea4ed"
CHAT_ID = "AS_CHAT_generated"

# The arguments of each operation. The last one needs the chat that the one before it starts.
CALLS: dict[str, dict[str, Any]] = {
    "list_conversations": {"limit": 2, "offset": 1},
    "get_conversation": {"conversation_id": CONVERSATION_ID},
    "get_recording": {
        "conversation_id": CONVERSATION_ID,
        "direction": RecordingDirection.USER,
        "redacted": True,
    },
    "add_annotations": {
        "conversation_id": CONVERSATION_ID,
        "body": AddAnnotationsBody(
            [Annotation(1, AnnotationRole.AGENT, AnnotationType.WRONG_INFO)]
        ),
    },
    "set_note": {"conversation_id": CONVERSATION_ID, "body": SetNoteBody("Called back.")},
    "start_chat": {"body": StartChatBody("sandbox", conversation_id=CHAT_ID)},
    "send_chat_message": {
        "conversation_id": CHAT_ID,
        "body": SendChatMessageBody("sandbox", message="Hello."),
    },
}


@pytest.fixture(autouse=True)
def fields_of_a_newer_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sandbox omit what is optional in the spec, such as a field that a newer one adds."""

    def read(model: Any) -> Any:
        names, original = WIRE_NAMES[model.__name__], model.from_dict
        hints = {field.name: str(field.type) for field in attrs.fields(model)}
        absent = {key: None for name, key in names.items() if "None" in hints[name]}
        return lambda data: original(absent | data)

    for name in WIRE_NAMES:
        model = getattr(models, name)
        monkeypatch.setattr(model, "from_dict", read(model))


def function(operation: str, name: str) -> Callable[..., Any]:
    """Return one of the functions that the generator writes for an operation."""
    module = importlib.import_module(f"polyai_data_generated.api.operations.{operation}")
    found: Callable[..., Any] = getattr(module, name)
    return found


def call_sync(client: AuthenticatedClient, agent_id: str) -> list[Response[Any]]:
    with client:
        return [
            function(name, "sync_detailed")(agent_id, client=client, **arguments)
            for name, arguments in CALLS.items()
        ]


def call_async(client: AuthenticatedClient, agent_id: str) -> list[Response[Any]]:
    async def call() -> list[Response[Any]]:
        async with client:
            return [
                await function(name, "asyncio_detailed")(agent_id, client=client, **arguments)
                for name, arguments in CALLS.items()
            ]

    return asyncio.run(call())


CallAll = Callable[[AuthenticatedClient, str], list[Response[Any]]]
both = pytest.mark.parametrize("call_all", [call_sync, call_async], ids=["sync", "async"])


def responses(call_all: CallAll, agent_id: str) -> dict[str, Response[Any]]:
    """Return the response of a new sandbox to each call."""
    with serve(recording_bytes=100) as base_url:
        client = AuthenticatedClient(
            base_url,
            "sandbox",
            prefix="",
            auth_header_name="X-API-KEY",
            raise_on_unexpected_status=True,
        )
        return dict(zip(CALLS, call_all(client, agent_id), strict=True))


def test_every_operation_that_the_facade_wraps_is_called() -> None:
    assert {*CALLS, "search_conversations"} == wrapped_operations()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("key", "account_id", "status", "kind"),
    [
        ("sandbox-v3", "ACCOUNT-DEMO", 200, FoundPage),
        ("sandbox", "ACCOUNT-DEMO", 401, V3Error),
        ("sandbox-v3", "ACCOUNT-OTHER", 403, V3Error),
    ],
)
def test_the_search_has_a_key_of_its_own(
    is_async: bool, key: str, account_id: str, status: int, kind: type
) -> None:
    ids = (account_id, "PROJECT-DEMO")
    with serve() as base_url:
        client = AuthenticatedClient(base_url, key, prefix="", auth_header_name="X-API-KEY")

        async def call() -> Any:
            async with client:
                search = function("search_conversations", "asyncio_detailed")
                return await search(*ids, client=client, limit=2)

        if is_async:
            response = asyncio.run(call())
        else:
            with client:
                search = function("search_conversations", "sync_detailed")
                response = search(*ids, client=client, limit=2)
    assert (response.status_code, type(response.parsed)) == (status, kind)
    if status == 200:
        assert {type(one) for one in response.parsed.conversations} == {FoundConversation}


@both
def test_each_operation_returns_its_model(call_all: CallAll) -> None:
    found = responses(call_all, "PROJECT-DEMO")
    assert {
        name: (response.status_code, type(response.parsed)) for name, response in found.items()
    } == {
        "list_conversations": (200, ConversationPage),
        "get_conversation": (200, Conversation),
        "get_recording": (200, File),
        "add_annotations": (201, WriteResult),
        "set_note": (201, WriteResult),
        "start_chat": (201, ChatReply),
        "send_chat_message": (200, ChatReply),
    }
    parsed: Any = {name: response.parsed for name, response in found.items()}
    page, conversation = parsed["list_conversations"], parsed["get_conversation"]
    assert (page.limit, page.offset) == (2, 1)
    assert [type(one) for one in page.conversations] == [ConversationSummary] * 2
    assert conversation.conversation_id == CONVERSATION_ID
    assert {type(turn) for turn in conversation.turns} == {Turn}
    assert parsed["get_recording"].payload.read(4) == b"RIFF"
    assert parsed["add_annotations"].success is parsed["set_note"].success is True
    assert parsed["start_chat"].conversation_id == CHAT_ID
    assert parsed["send_chat_message"].user_input == "Hello."


@both
def test_each_operation_returns_the_error_of_the_spec(call_all: CallAll) -> None:
    for name, response in responses(call_all, "PROJECT-OTHER").items():
        assert response.status_code == 403, name
        assert type(response.parsed) is ErrorEnvelope
        assert response.parsed.error_message

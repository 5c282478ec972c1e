# pyright: strict
"""What a user of the package writes; type checkers must know the types, and find no fault."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, assert_type

from polyai_data import (
    Annotation,
    AnnotationRole,
    AnnotationType,
    APIStatusError,
    AsyncChat,
    AsyncDataClient,
    AsyncRecording,
    Chat,
    ChatMetadata,
    ChatReply,
    Conversation,
    ConversationList,
    ConversationNotFoundError,
    ConversationPage,
    ConversationSearch,
    ConversationSummary,
    DataClient,
    FieldProblem,
    FoundConversation,
    FoundPage,
    FoundTurn,
    FunctionCall,
    FunctionEvent,
    FunctionHandoff,
    Latency,
    MetricValue,
    PolyAIError,
    Recording,
    Region,
    ResponseMeta,
    Retry,
    StateChanges,
    Summary,
    Transcript,
    Turn,
    TurnMetadata,
    UnreadableRecord,
    WriteResult,
)


def with_a_client() -> Conversation:
    with DataClient(region="us", agent_id="PROJECT-1", timeout=(5, 60)) as client:
        assert_type(client, DataClient)
        patient = client.with_options(timeout=90)
        assert_type(patient, DataClient)
        return patient.get_conversation("CA1", agent_id="PROJECT-2")


def with_limits() -> None:
    def tell(retry: Retry) -> None:
        assert_type(retry.operation, str)
        assert_type(retry.attempt, int)
        assert_type(retry.delay, float)
        assert_type(retry.cause, PolyAIError)

    with DataClient(max_retries=5, deadline=60, max_response_bytes=1_000, on_retry=tell) as client:
        try:
            client.with_options(max_retries=0, deadline=1.5, on_retry=tell).set_note("CA1", "done")
        except PolyAIError as error:
            assert_type(error.attempts, int)
            assert_type(error.outcome_unknown, bool)


def searches() -> str | None:
    with DataClient(account_id="ws-1", conversations_api_key="key") as client:
        search = client.search_conversations(environment="live", query_type="semantic")
        assert_type(search, ConversationSearch)
        for page in search.pages():
            assert_type(page, FoundPage)
            assert_type(page.cursor, str | None)
        for found in search:
            assert_type(found, FoundConversation)
            assert_type(found.id, str)
            assert_type(found.transcript, Transcript)
            for turn in found.turns or []:
                assert_type(turn, FoundTurn)
                assert_type(turn.latency, float | None)
            return str(found.transcript)
    return None


async def with_an_async_client() -> None:
    async with AsyncDataClient(region=Region.EU, api_key="key") as client:
        assert_type(client, AsyncDataClient)
        assert_type(client.with_options(timeout=(5, 90)), AsyncDataClient)
        assert_type(await client.get_conversation("CA1"), Conversation)


def reads() -> None:
    with DataClient() as client:
        listed = client.list_conversations(page_size=100, max_items=3, strict=True, prefetch=0)
        assert_type(listed, ConversationList)
        assert_type(listed.total, int | None)
        client.list_conversations(since=date(2026, 6, 1), until=datetime(2026, 6, 2, tzinfo=UTC))
        for conversation in listed:
            assert_type(conversation, ConversationSummary)
            if isinstance(conversation, UnreadableRecord):
                assert_type(conversation.reason, str)
        for page in listed.pages():
            assert_type(page, ConversationPage)
            assert_type(page.conversations, list[ConversationSummary])
            assert_type(page.total, int | None)
        assert_type(client.get_page(limit=5, offset=5).meta, ResponseMeta | None)
        with client.open_recording("CA1", direction="user", redacted=True) as recording:
            assert_type(recording, Recording)
            assert_type(recording.meta, ResponseMeta)
            for chunk in recording.iter_bytes():
                assert_type(chunk, bytes)
        assert_type(client.download_recording("CA1", "a.wav", progress=print), Path)
        for read in client.get_conversations(["CA1"], concurrency=2):
            assert_type(read.value, Conversation)
            assert_type(read.error, Exception | None)
        for saved in client.download_recordings(["CA1"], "calls"):
            assert_type(saved.value, Path)


async def reads_async() -> None:
    async with AsyncDataClient() as client:
        async for conversation in client.list_conversations():
            assert_type(conversation, ConversationSummary)
        async for page in client.list_conversations().pages():
            assert_type(page, ConversationPage)
        async with client.open_recording("CA1") as recording:
            assert_type(recording, AsyncRecording)
            async for chunk in recording.iter_bytes():
                assert_type(chunk, bytes)
            assert_type(await recording.save(Path("a.wav")), Path)


def writes(client: DataClient) -> None:
    marks = (
        Annotation(turn=0, role="agent", type="wrong_info"),
        Annotation(turn=1, role=AnnotationRole.USER, type=AnnotationType.MISSING_TOPIC),
    )
    assert_type(client.add_annotations("CA1", marks), WriteResult)
    assert_type(client.set_note("CA1", "x").success, bool | None)


def chats(client: DataClient) -> None:
    chat = client.start_chat("sandbox", language="en-US", attributes={"name": "Ada"})
    assert_type(chat, Chat)
    assert_type(chat.greeting, ChatReply)
    assert_type(chat.history, Transcript)
    while not chat.ended:
        reply = chat.send("Hi.", metadata={"n": 1})
        assert_type(reply, ChatReply)
        assert_type(reply.topics, list[str])
        assert_type(reply.metadata, ChatMetadata | None)
        assert_type((reply.text, reply.delayed), tuple[str, bool])
    assert_type(client.resume_chat("x", "live"), Chat)


async def chats_async(client: AsyncDataClient) -> None:
    chat = await client.start_chat("sandbox")
    assert_type(chat, AsyncChat)
    assert_type(await chat.send("Hi."), ChatReply)
    assert_type(client.resume_chat("x", "live"), AsyncChat)


def from_studio() -> None:
    url = "https://studio.us.poly.ai/acme/PROJECT-1"
    assert_type(DataClient.from_studio_url(url, timeout=60), DataClient)
    assert_type(AsyncDataClient.from_studio_url(url), AsyncDataClient)


def fields(conversation: Conversation) -> None:
    assert_type(conversation.conversation_id, str)
    assert_type(conversation.started_at, datetime | None)
    assert_type(conversation.finished_at, datetime | None)
    assert_type(conversation.duration, int | None)
    assert_type(conversation.poly_score, float | None)
    assert_type(conversation.in_progress, bool | None)
    assert_type(conversation.note, str | None)
    assert_type(conversation.tags, list[str] | None)
    assert_type(conversation.short_summary, Summary | str | None)
    assert_type(conversation.heading, str | None)
    assert_type(conversation.summary_text, str | None)
    assert_type(conversation.turns, list[Turn] | None)
    assert_type(conversation.metrics, dict[str, list[MetricValue]] | None)
    assert_type(conversation.function_events, dict[str, list[FunctionEvent]] | None)
    assert_type(conversation.raw, dict[str, Any])
    assert_type(conversation.additional_properties, dict[str, Any])
    assert_type(conversation.problems, tuple[FieldProblem, ...])
    assert_type(conversation.to_dict(), dict[str, Any])
    assert_type(Conversation.from_dict({"conversationId": "CA1"}), Conversation)


def parts(turn: Turn, event: FunctionEvent, value: MetricValue) -> None:
    assert_type(turn.user_input, str | None)
    assert_type(turn.user_input_datetime, datetime | None)
    assert_type(turn.latency, Latency | None)
    assert_type(turn.metadata, TurnMetadata | None)
    assert_type(event.start_time, datetime | None)
    assert_type(event.handoff, FunctionHandoff | None)
    assert_type(event.state_changes, StateChanges | None)
    assert_type(value.timestamp, datetime | None)
    assert_type(value.value, str | None)


def transcript(conversation: Conversation) -> None:
    assert_type(conversation.transcript, Transcript)
    for said in conversation.transcript:
        assert_type(said.role, Literal["user", "agent"])
        assert_type(said.text, str)
        assert_type(said.at, datetime | None)
        assert_type(said.turn, int)


def reading(conversation: Conversation, turn: Turn) -> None:
    for called in conversation.function_calls:
        assert_type(called, FunctionCall)
        assert_type(called.duration, timedelta | None)
        assert_type(called.started_at, datetime | None)
        assert_type(called.arguments, dict[str, Any])
        assert_type(called.to_record(), dict[str, Any])
    assert_type(conversation.to_record(), dict[str, Any])
    assert_type(conversation.metric("CALL_DURATION"), str | None)
    assert_type(turn.perceived_latency, float | None)
    if conversation.meta is not None:
        assert_type(conversation.meta.elapsed, timedelta)
        assert_type(conversation.meta.headers, Mapping[str, str])


def errors() -> None:
    try:
        with_a_client()
    except ConversationNotFoundError as error:
        assert_type(error.correlation_id, str | None)
    except APIStatusError as error:
        assert_type(error.status_code, int | None)
        assert_type(error.retry_after, float | None)
    except PolyAIError as error:
        assert_type(error.message, str)
        assert_type(error.code, str | None)

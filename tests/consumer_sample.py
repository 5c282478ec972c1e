# pyright: strict
"""What a user of the package writes; type checkers must know the types, and find no fault."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, assert_type

from polyai_data import (
    APIStatusError,
    AsyncDataClient,
    Conversation,
    ConversationNotFoundError,
    DataClient,
    FieldProblem,
    FunctionEvent,
    FunctionHandoff,
    Latency,
    MetricValue,
    PolyAIError,
    Region,
    StateChanges,
    Summary,
    Transcript,
    Turn,
    TurnMetadata,
)


def with_a_client() -> Conversation:
    with DataClient(region="us", agent_id="PROJECT-1", timeout=(5, 60)) as client:
        assert_type(client, DataClient)
        return client.get_conversation("CA1", agent_id="PROJECT-2", timeout=90)


async def with_an_async_client() -> None:
    async with AsyncDataClient(region=Region.EU, api_key="key") as client:
        assert_type(client, AsyncDataClient)
        assert_type(await client.get_conversation("CA1"), Conversation)


def from_studio() -> None:
    url = "https://studio.us.poly.ai/acme/PROJECT-1"
    assert_type(DataClient.from_studio_url(url), DataClient)
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

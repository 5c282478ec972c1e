"""Each cassette, replayed by both clients, and what a cassette may hold."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import cassettes
import httpx
import polyai_data
import pytest
import record
import scrub
import vcr.request
import yaml
from cassettes import DIRECTORY, LOADER, recorder
from generate import corrected_document
from impact import wrapped_operations
from openapi import operations
from polyai_data import AsyncDataClient, DataClient, PolyAIError
from polyai_data._http import aiohttp_transport
from polyai_data._http.aiohttp_transport import AiohttpTransport
from polyai_data.sandbox import serve
from scenarios import CONVERSATION_ID, SCENARIOS, Scenario, Step
from scrub import AGENT_ID, Scrubber, scrubbed
from vcr.errors import CannotOverwriteExistingCassetteException

ERRORS: dict[str, type[PolyAIError]] = {
    "400": polyai_data.BadRequestError,
    "401": polyai_data.AuthenticationError,
    "403": polyai_data.PermissionDeniedError,
    "404": polyai_data.ConversationNotFoundError,
    "410": polyai_data.ChatEndedError,
    "429": polyai_data.RateLimitError,
    "500": polyai_data.ServerError,
    "502-html": polyai_data.ServerError,
    "200-broken": polyai_data.ResponseDecodeError,
    "search_conversations.404": polyai_data.NotFoundError,
    "get_recording.404": polyai_data.RecordingNotFoundError,
}

BOTH_CLIENTS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def call(scenario: Scenario, *, asynchronous: bool) -> Any:
    """Make the scenario's call; return its result, or the error that it raised."""
    options: Any = {
        "api_key": "any",
        "conversations_api_key": "other",
        "account_id": scrub.ACCOUNT_ID,
        "region": scenario.region,
        "agent_id": scenario.agent_id,
        "max_retries": 0,  # a cassette holds one attempt
    }

    async def call_asynchronously() -> Any:
        async with AsyncDataClient(**options) as client:
            return await scenario.step.take_asynchronously(client)

    try:
        if asynchronous:
            return asyncio.run(call_asynchronously())
        with DataClient(**options) as client:
            return scenario.step.take(client)
    except PolyAIError as error:
        return error


@pytest.mark.usefixtures("socket_disabled")
@BOTH_CLIENTS
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_cassette_replays(scenario: Scenario, asynchronous: bool) -> None:
    with recorder("none").use_cassette(scenario.path.name) as cassette:
        result = call(scenario, asynchronous=asynchronous)
    assert cassette.all_played
    recorded = yaml.load(scenario.path.read_text(), Loader=LOADER)["interactions"]
    answers = [interaction["response"] for interaction in recorded]
    error = ERRORS.get(scenario.name) or ERRORS.get(scenario.outcome)
    if error is None:
        CHECKS[scenario.step.operation](result, scenario, [a["body"] for a in answers])
        return
    (answer,) = answers
    assert type(result) is error
    assert result.status_code == answer["status"]["code"]
    assert result.body == answer["body"].get("json", answer["body"].get("text"))
    header = answer["headers"].get("x-polyai-correlation-id", [result.correlation_id])
    assert result.correlation_id == header[0]
    assert result.retry_after == (7.0 if scenario.outcome == "429" else None)


Bodies = list[dict[str, Any]]


def check_conversation(result: Any, scenario: Scenario, bodies: Bodies) -> None:
    assert type(result) is polyai_data.Conversation
    assert result.conversation_id == scenario.step.arguments[0]
    assert [result.raw] == [body["json"] for body in bodies]
    assert result.problems == ()
    assert result.transcript


def check_list(result: Any, scenario: Scenario, bodies: Bodies) -> None:
    assert len(bodies) > 1
    records = [record for body in bodies for record in body["json"]["conversations"]]
    distinct = {record["conversationId"]: record for record in records}
    assert [found.raw for found in result] == list(distinct.values())
    assert len(result) == scenario.step.options["max_items"]


def check_search(result: Any, scenario: Scenario, bodies: Bodies) -> None:
    records = [record for body in bodies for record in body["json"]["conversations"]]
    assert [found.raw for found in result] == records
    assert result
    assert {type(found) for found in result} == {polyai_data.FoundConversation}
    assert not [found for found in result if found.problems]
    assert len(bodies) > 1 or scenario.outcome != "200"
    assert len(result) == scenario.step.options.get("max_items", len(result))


def check_recording(result: Any, _: Scenario, bodies: Bodies) -> None:
    assert [result] == [body["bytes"] for body in bodies]


def check_write(result: Any, _: Scenario, bodies: Bodies) -> None:
    assert result.success is True
    assert [result.raw] == [body["json"] for body in bodies]


def check_reply(result: Any, _: Scenario, bodies: Bodies) -> None:
    assert type(result) is polyai_data.ChatReply
    assert [result.raw] == [body["json"] for body in bodies]
    assert result.problems == ()
    assert result.text == result.raw["response"]


CHECKS: dict[str, Callable[[Any, Scenario, Bodies], None]] = {
    "list_conversations": check_list,
    "get_conversation": check_conversation,
    "search_conversations": check_search,
    "get_recording": check_recording,
    "add_annotations": check_write,
    "set_note": check_write,
    "start_chat": check_reply,
    "send_chat_message": check_reply,
}


def test_every_documented_status_of_every_wrapped_operation_has_its_cassette() -> None:
    wrapped = wrapped_operations()
    documented = {
        f"{operation['operationId']}.{status}"
        for _, operation in operations(corrected_document())
        if operation.get("operationId") in wrapped
        for status in operation["responses"]
    }
    assert documented
    recorded = {scenario.name.removesuffix(".us") for scenario in SCENARIOS}
    assert documented - recorded == set()


@BOTH_CLIENTS
@pytest.mark.usefixtures("socket_disabled")
@pytest.mark.parametrize(
    "note", ["Called back; all is well. Grüße!", ""], ids=["another text", "no text"]
)
def test_replay_matches_the_body(note: str, asynchronous: bool) -> None:
    step = Step("set_note", (CONVERSATION_ID, note))
    with (
        recorder("none").use_cassette("set_note.201.yaml"),
        pytest.raises(CannotOverwriteExistingCassetteException),
    ):
        call(Scenario("201", step), asynchronous=asynchronous)


@BOTH_CLIENTS
@pytest.mark.usefixtures("socket_disabled")
@pytest.mark.parametrize(
    "options", [{"direction": "agent", "redacted": True}, {"direction": "user"}], ids=str
)
def test_replay_matches_the_query(options: dict[str, Any], asynchronous: bool) -> None:
    step = Step("get_recording", (CONVERSATION_ID,), options)
    with (
        recorder("none").use_cassette("get_recording.200.yaml"),
        pytest.raises(CannotOverwriteExistingCassetteException),
    ):
        call(Scenario("200", step), asynchronous=asynchronous)


@BOTH_CLIENTS
@pytest.mark.usefixtures("socket_disabled")
@pytest.mark.parametrize(
    ("region", "agent_id", "conversation_id"),
    [
        ("eu", AGENT_ID, CONVERSATION_ID),
        ("us", "PROJECT-OTHER", CONVERSATION_ID),
        ("us", AGENT_ID, "CA1"),
    ],
    ids=["host", "agent", "conversation"],
)
def test_replay_matches_host_and_path(
    region: str, agent_id: str, conversation_id: str, asynchronous: bool
) -> None:
    step = Step("get_conversation", (conversation_id,))
    scenario = Scenario("200.us", step, region, agent_id)
    with (
        recorder("none").use_cassette("get_conversation.200.us.yaml"),
        pytest.raises(CannotOverwriteExistingCassetteException),
    ):
        call(scenario, asynchronous=asynchronous)


def production_transport(*, asynchronous: bool) -> tuple[Any, str]:
    """Return the transport class of a client that uses no cassette, and its method."""
    kind = AsyncDataClient if asynchronous else DataClient
    client = kind(api_key="any", region="us")
    method = "handle_async_request" if asynchronous else "handle_request"
    return type(client._connection._transports()[0]), method


def test_clients_without_a_cassette_use_these_transports() -> None:
    assert production_transport(asynchronous=False)[0] is httpx.HTTPTransport
    assert production_transport(asynchronous=True)[0] is AiohttpTransport


@BOTH_CLIENTS
@pytest.mark.usefixtures("socket_disabled")
def test_replay_passes_through_the_transport_of_production(
    monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    kind, method = production_transport(asynchronous=asynchronous)
    seen: list[vcr.request.Request] = []

    def see(request: vcr.request.Request) -> vcr.request.Request:
        seen.append(request)
        return request

    machine = recorder("none", before_record_request=see)
    with (
        machine.use_cassette("get_conversation.200.us.yaml") as cassette,
        monkeypatch.context() as m,
    ):
        handle = getattr(kind, method)

        def handle_with_header(self: Any, request: httpx.Request) -> Any:
            request.headers["X-Set-By-Transport"] = "yes"
            return handle(self, request)

        m.setattr(kind, method, handle_with_header)
        result = call(SCENARIOS[0], asynchronous=asynchronous)
    assert type(result) is polyai_data.Conversation
    assert cassette.all_played
    assert "X-Set-By-Transport" in seen[-1].headers


@BOTH_CLIENTS
@pytest.mark.usefixtures("socket_disabled")
def test_a_broken_transport_fails_in_replay(
    monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    kind, method = production_transport(asynchronous=asynchronous)

    def fail(_: Any, request: httpx.Request) -> Any:
        raise httpx.ReadError("broken", request=request)

    machine = recorder("none")
    with (
        machine.use_cassette("get_conversation.200.us.yaml") as cassette,
        monkeypatch.context() as m,
    ):
        m.setattr(kind, method, fail)
        result = call(SCENARIOS[0], asynchronous=asynchronous)
    assert type(result) is polyai_data.APIConnectionError
    assert result.message == "ReadError: broken"
    assert cassette.play_count == 0


@pytest.mark.usefixtures("socket_disabled")
def test_a_broken_body_of_the_aiohttp_transport_fails_in_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(_: Any) -> AsyncIterator[bytes]:
        return
        yield  # makes it a generator

    monkeypatch.setattr(aiohttp_transport._Body, "__aiter__", nothing)
    with recorder("none").use_cassette("get_conversation.200.us.yaml"):
        result = call(SCENARIOS[0], asynchronous=True)
    assert type(result) is polyai_data.ResponseDecodeError
    assert result.message == "The response body is empty"


def test_every_cassette_has_its_scenario() -> None:
    assert {path.name for path in DIRECTORY.glob("*.yaml")} == {s.path.name for s in SCENARIOS}


def test_recording_again_gives_the_same_cassettes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassettes, "DIRECTORY", tmp_path)
    monkeypatch.setattr(record, "DIRECTORY", tmp_path)
    (tmp_path / "of_no_scenario.yaml").touch()
    assert record.main() == 0
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    ours = {path.name: path.read_text() for path in DIRECTORY.glob("*.yaml")}
    from_sandbox = {name for name, text in ours.items() if "from the sandbox" in text[:200]}
    assert from_sandbox
    assert set(fresh) == set(ours)
    assert {n: fresh[n] for n in from_sandbox} == {n: ours[n] for n in from_sandbox}


def test_recording_from_the_real_api_needs_to_know_of_what(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POLYAI_API_KEY", "secret")
    assert record.main() == 2
    assert "set POLYAI_AGENT_ID and POLYAI_CONVERSATION_ID as well" in capsys.readouterr().out


SECRETS = {
    "an API key header": r"(?i)x-api-key|authorization",
    "a cookie": r"(?i)cookie",
    "the sandbox's key": r"\bsandbox-key\b|wrong-key",
    "a number outside the fictional ranges": r"\+(?!1\d{3}555)\d{8,}",
    "an address of this machine": r"127\.0\.0\.1|localhost|testserver",
}


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.yaml")), ids=lambda path: path.name)
def test_no_cassette_holds_a_secret(path: Path) -> None:
    found = {what: re.findall(pattern, path.read_text()) for what, pattern in SECRETS.items()}
    assert {what: hits for what, hits in found.items() if hits} == {}


def test_what_the_real_api_answers_is_scrubbed() -> None:
    real = {
        "conversationId": "CA1",
        "accountId": "acme",
        "projectId": "PROJECT-SECRET",
        "fromNumber": "+4930123456",
        "createdAt": "2026-06-03T13:18:06.370000+00:00",
        "duration": 73,
        "note": None,
        "shortSummary": {"heading": "Ms Miller called", "content": ""},
        "tags": ["miller"],
        "turns": [{"turn_id": 12, "user_input": "I am Ada Miller", "metadata": {"x": "Ada"}}],
        "metrics": {"ADA_MILLER": [{"timestamp": "2026-06-03T13:19:19.757917", "value": "Ada"}]},
        "functionEvents": {"1": [{"arguments": {"miller": "Ada"}, "name": "find_ada"}]},
    }
    assert scrubbed(real) == {
        "conversationId": "(conversationId)",
        "accountId": "ACCOUNT-DEMO",
        "projectId": "PROJECT-DEMO",
        "fromNumber": "+14155550100",
        "createdAt": "2026-06-03T13:18:06.370000+00:00",
        "duration": 73,
        "note": None,
        "shortSummary": {"heading": "(heading)", "content": ""},
        "tags": ["(tags)"],
        "turns": [{"turn_id": 12, "user_input": "(user_input)", "metadata": {"key_0": "(text)"}}],
        "metrics": {"key_0": [{"timestamp": "2026-06-03T13:19:19.757917", "value": "(value)"}]},
        "functionEvents": {"key_0": [{"arguments": {"key_0": "(text)"}, "name": "(name)"}]},
    }


def test_what_is_recorded_of_the_real_api_has_no_key_cookie_or_real_id() -> None:
    scrubber = Scrubber({"PROJECT-SECRET": AGENT_ID, "CA1": CONVERSATION_ID})
    request = scrubber.request(
        vcr.request.Request(
            "GET",
            "https://api.us.poly.ai/v1/agents/PROJECT-SECRET/conversations/CA1",
            b"",
            {"X-API-KEY": "key", "Cookie": "session", "Accept": "application/json"},
        )
    )
    assert request.url == (
        "https://api.us.poly.ai/v1/agents/PROJECT-DEMO/conversations/CA22d437f4405070690f8906b76c8ea4ed"
    )
    assert request.headers == {"Accept": "application/json"}
    response = scrubber.response(
        {
            "status": {"code": 404, "message": "Not Found"},
            "headers": {
                "Set-Cookie": ["session=1"],
                "Content-Type": ["application/json"],
                "X-PolyAI-Correlation-Id": ["real-id"],
            },
            "body": {"string": b'{"error": "No conversation CA1.", "error_id": "real-id"}'},
        }
    )
    assert response["headers"] == {
        "content-type": ["application/json"],
        "x-polyai-correlation-id": [scrub.CORRELATION_ID],
    }
    assert json.loads(response["body"]["string"]) == {
        "error": f"No conversation {CONVERSATION_ID}.",
        "error_id": scrub.CORRELATION_ID,
    }


def test_what_is_not_json_is_not_kept_of_the_real_api() -> None:
    page = {"status": {"code": 502}, "headers": {}, "body": {"string": b"<html>Ada"}}
    assert Scrubber().response(page)["body"]["string"] == b"null"


def test_a_recording_of_the_real_api_holds_nothing_of_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox plays the real API, with another key, agent and other conversations."""
    owner: Any = {"api_key": "key-of-its-owner-0123456789", "agent_id": "PROJECT-OWNER"}
    monkeypatch.setattr(cassettes, "DIRECTORY", tmp_path)
    monkeypatch.setattr(record, "DIRECTORY", tmp_path)
    with serve(**owner, seed=5) as base_url:
        with DataClient(**owner, base_url=base_url) as client:
            real = client.get_page(limit=4).conversations[3]
            conversation = client.get_conversation(real.conversation_id)
        monkeypatch.setenv("POLYAI_BASE_URL", base_url)
        monkeypatch.setenv("POLYAI_API_KEY", owner["api_key"])
        monkeypatch.setenv("POLYAI_AGENT_ID", owner["agent_id"])
        monkeypatch.setenv("POLYAI_CONVERSATION_ID", real.conversation_id)
        assert asyncio.run(record_all("get_conversation.200.us", "get_conversation.404")) == 2
    recorded = (tmp_path / "get_conversation.200.us.yaml").read_text()
    assert recorded.startswith("# Recorded by `make record` from the real API, scrubbed.")
    body = yaml.safe_load(recorded)["interactions"][0]["response"]["body"]["json"]
    assert polyai_data.Conversation.from_dict(body).problems == ()
    assert body["conversationId"] == CONVERSATION_ID
    assert body["duration"] == conversation.duration
    everything = "".join(path.read_text() for path in tmp_path.iterdir())
    personal = [*owner.values(), conversation.conversation_id, conversation.from_number]
    personal += [conversation.heading, *(said.text for said in conversation.transcript)]
    assert {text for text in personal if text and text in everything} == set()


async def record_all(*names: str) -> int:
    for scenario in SCENARIOS:
        if scenario.name in names:
            await record.record(scenario, real=True)
    return len(names)


def test_a_compressed_answer_is_recorded_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cassettes, "DIRECTORY", tmp_path)
    body = gzip.compress(b'{"error": "No.", "note": "Ada"}')
    transport = httpx.MockTransport(
        lambda _: httpx.Response(404, content=body, headers={"Content-Encoding": "gzip"})
    )
    machine = recorder("all", before_record_response=Scrubber().response)
    with (
        DataClient(api_key="k", region="us", agent_id="A", transport=transport) as client,
        machine.use_cassette("compressed.yaml"),
        pytest.raises(polyai_data.NotFoundError, match="No"),
    ):
        client.get_conversation("CA1")
    recorded = yaml.safe_load((tmp_path / "compressed.yaml").read_text())["interactions"][0]
    assert recorded["response"]["body"] == {"json": {"error": "No.", "note": "(note)"}}

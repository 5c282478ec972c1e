"""What the tests share: a clean environment, made-up responses, and calls on both clients."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import inspect
import json
import os
import pkgutil
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import httpx
import polyai_data
import pytest
from hypothesis import settings
from polyai_data import (
    Annotation,
    AsyncDataClient,
    Conversation,
    DataClient,
    PolyAIError,
)
from polyai_data._async import io as async_io
from polyai_data._http import clock, transports
from polyai_data._sync import io as sync_io

pytest_plugins = ["pytester"]

settings.register_profile(
    "polyai-data", max_examples=30, deadline=None, derandomize=True, database=None
)
settings.register_profile("fast", settings.get_profile("polyai-data"), max_examples=10)
settings.load_profile("polyai-data")

SETTINGS: dict[str, Any] = {
    "api_key": "made-up-key-8f3a61",
    "region": "us",
    "agent_id": "PROJECT-1",
    "account_id": "ws-1",
    "conversations_api_key": "made-up-key-2c9e57",
    "max_retries": 0,  # so that each failure shows; test_retries.py has the rest
}

CONVERSATION: dict[str, Any] = {
    "conversationId": "CA1",
    "accountId": "ACCOUNT-1",
    "projectId": "PROJECT-1",
    "createdAt": "2026-06-03T13:18:06.370000+00:00",
    "startedAt": "2026-06-03T13:18:06.370000+00:00",
    "finishedAt": "2026-06-03T15:19:19+02:00",
    "channel": "VOICE-SIP",
    "fromNumber": "+14155550101",
    "toNumber": "+14155550102",
    "language": "en-US",
    "variantId": "Main",
    "clientEnv": "live",
    "totalDuration": 73,
    "polyaiDuration": 70,
    "duration": 72,
    "inProgress": False,
    "handoff": True,
    "handoffDestination": "front-desk",
    "handoffReason": "asked for it",
    "direction": "inbound",
    "tags": ["booking"],
    "polyScore": 4.5,
    "shortSummary": {"heading": "Booking", "content": "Ada Example booked a table."},
    "deploymentId": "DEPLOYMENT-1",
    "note": "call back",
    "audioUrl": "conversations/CA1/audio",
    "turns": [
        {
            "turn_id": 9007199254740993,
            "user_input": "",
            "agent_response": "Hello, how can I help?",
            "agent_response_datetime": "2026-06-03T13:18:07.100000+00:00",
            "barge_in": False,
            "entities": None,
            "latency": None,
            "llm_requests": [],
        },
        {
            "turn_id": 9007199254740994,
            "user_input": "A table for two.",
            "user_input_datetime": "2026-06-03T13:18:12.000000+00:00",
            "user_input_dtmf": "12",
            "agent_response": "It is booked.",
            "agent_response_datetime": "2026-06-03T13:18:14.000000+00:00",
            "barge_in": True,
            "entities": {"party": 2},
            "latency": {"label": "good", "perceived_latency": 1.25},
            "llm_requests": [{"model": "m"}],
            "reviews": [],
            "metadata": {"current_node": "book", "safety": None},
        },
    ],
    "metrics": {"ENGAGED": [{"timestamp": "2026-06-03T13:19:19.757917", "value": "73"}]},
    "functionEvents": {
        "1": [
            {
                "id": "fe-1",
                "name": "book",
                "turn_id": 1,
                "start_time": "Wed, 03 Jun 2026 13:18:13 GMT",
                "duration": 12.5,
                "arguments": {"party": 2},
                "handoff": {"reason": "done", "type": "sip"},
                "state_changes": {"added": {"table": 4}, "removed": None, "updated": None},
            }
        ]
    },
}

Handler = Callable[[httpx.Request], httpx.Response]
Do = Callable[[Any], Any]
Play = Callable[[Any], Generator[Any, Any, Any]]


def get_conversation(client: Any) -> Any:
    return client.get_conversation("CA1")


class FakeServer:
    """Sends the same response to every request, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.respond(200, json=CONVERSATION)

    def respond(self, status: int, **content: Any) -> None:
        self.status, self.content = status, content

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, **self.content)


class Caller:
    """Runs calls on one kind of client, and closes it."""

    def __init__(self, kind: type[DataClient] | type[AsyncDataClient]) -> None:
        self.kind = kind

    def client(self, answer: Handler | None = None, **options: Any) -> Any:
        """Return a client; without `answer`, one that uses real sockets."""
        if answer is not None:
            options["transport"] = httpx.MockTransport(answer)
        return self.kind(**options)

    def use(self, client: DataClient | AsyncDataClient, *steps: Do) -> list[Any]:
        """Return the result of each step, with a client that stays open."""
        if isinstance(client, DataClient):
            return [step(client) for step in steps]

        async def use() -> list[Any]:
            return [await step(client) for step in steps]

        return asyncio.run(use())

    def run(self, client: DataClient | AsyncDataClient, *steps: Do) -> list[Any]:
        """Return the result of each step, with a client in a with statement."""
        if isinstance(client, DataClient):
            with client:
                return [step(client) for step in steps]

        async def run() -> list[Any]:
            async with client:
                return [await step(client) for step in steps]

        return asyncio.run(run())

    def __call__(
        self, answer: Handler | None = None, do: Do = get_conversation, **options: Any
    ) -> Any:
        """Return the result of one call on a client; settings that are not given are made up."""
        return self.run(self.client(answer, **{**SETTINGS, **options}), do)[0]

    def play(self, client: Any, script: Play) -> Any:
        """Return the result of a script, which yields each call and gets the call's result back."""
        if isinstance(client, DataClient):
            with client:
                steps, result = script(client), None
                while True:
                    try:
                        result = steps.send(result)
                    except StopIteration as end:
                        return end.value

        async def play() -> Any:
            async with client:
                steps = script(client)
                advance: Callable[[Any], Any] = steps.send
                result: Any = None
                while True:
                    try:
                        result = advance(result)
                    except StopIteration as end:
                        return end.value
                    try:
                        result = await result if inspect.isawaitable(result) else result
                        advance = steps.send
                    except Exception as error:
                        result, advance = error, steps.throw

        return asyncio.run(play())

    def fails(
        self, answer: Handler | None = None, do: Do = get_conversation, **options: Any
    ) -> PolyAIError:
        """Return the error that the call raises."""
        with pytest.raises(PolyAIError) as caught:
            self(answer, do, **options)
        return caught.value

    def close(self, client: Any) -> None:
        self.use(client, lambda client: client.close())


class Operation:
    """An operation of the API: a call for it, and a server's response to that."""

    def __init__(self, status: int, play: Play, **content: Any) -> None:
        self.status, self.play, self.content = status, play, content

    def __call__(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, **self.content)


def read_recording(client: Any) -> Generator[Any, Any, Any]:
    opened = client.open_recording("CA1")
    recording = yield opened.__aenter__() if hasattr(opened, "__aenter__") else opened.__enter__()
    yield recording.read()
    leave = getattr(opened, "__aexit__", None) or opened.__exit__
    yield leave(None, None, None)
    return recording


def search(client: Any) -> Generator[Any, Any, Any]:
    pages = client.search_conversations(account_id="ws-1").pages()
    page = yield anext(pages) if hasattr(pages, "aclose") else next(pages)
    yield pages.aclose() if hasattr(pages, "aclose") else pages.close()
    return page


def start_chat(client: Any) -> Generator[Any, Any, Any]:
    chat = yield client.start_chat("sandbox")
    return chat.greeting


def annotate(client: Any) -> Generator[Any, Any, Any]:
    wrong = Annotation(turn=0, role="agent", type="wrong_info")
    return (yield client.add_annotations("CA1", [wrong]))


def once(do: Do) -> Play:
    def play(client: Any) -> Generator[Any, Any, Any]:
        return (yield do(client))

    return play


FOUND: dict[str, Any] = {
    "id": "CA1",
    "account_id": "ws-1",
    "project_id": "PROJECT-1",
    "variant_id": "VARIANT-1",
    "variant_name": "Main",
    "environment": "live",
    "started_at": "2026-06-03T13:18:06.370000+00:00",
    "channel": "VOICE-SIP",
    "from_number": "+14155550101",
    "to_number": "+14155550102",
    "in_progress": False,
    "num_turns": 2,
    "total_duration": 73,
    "polyai_duration": 70,
    "handoff": True,
    "handoff_reason": "asked for it",
    "handoff_destination": "front-desk",
    "num_silences": 0,
    "num_ood": 1,
    "metrics": {"ENGAGED": "73", "STEP": ["greet", "book"]},
    "state": {"party": 2},
    "turns": [
        {
            "user_input": "",
            "user_input_dtmf": "",
            "user_input_datetime": "",
            "agent_response": "Hello, how can I help?",
            "agent_response_datetime": "2026-06-03T13:18:07.100000+00:00",
            "translated_user_input": "",
            "english_agent_response": "",
            "intents": [],
            "entities": [],
            "is_ood": False,
            "is_silence": False,
        },
        {
            "user_input": "A table for two.",
            "user_input_dtmf": "12",
            "user_input_datetime": "2026-06-03T13:18:12.000000+00:00",
            "agent_response": "It is booked.",
            "agent_response_datetime": "2026-06-03T13:18:14.000000+00:00",
            "latency": 1.25,
            "intents": ["book"],
            "entities": [{"party": "2"}],
            "is_ood": True,
            "is_silence": False,
            "barge_in": True,
        },
    ],
}
PAGE = {"conversations": [CONVERSATION], "count": 1, "limit": 50, "offset": 0}
CHAT = {"conversationId": "AS_CHAT_1", "userInput": "", "response": "Hello, Ada.", "metadata": {}}

OPERATIONS = {
    "list_conversations": Operation(200, once(lambda client: client.get_page()), json=PAGE),
    "get_conversation": Operation(200, once(get_conversation), json=CONVERSATION),
    "search_conversations": Operation(200, search, json={"conversations": [FOUND], "cursor": None}),
    "get_recording": Operation(
        200, read_recording, content=b"RIFF-", headers={"Content-Type": "audio/wav"}
    ),
    "add_annotations": Operation(201, annotate, json={"success": True}),
    "set_note": Operation(
        201, once(lambda client: client.set_note("CA1", "x")), json={"success": True}
    ),
    "start_chat": Operation(201, start_chat, json=CHAT),
    "send_chat_message": Operation(
        200,
        once(lambda client: client.resume_chat("AS_CHAT_1", "sandbox").send("Hi.")),
        json={**CHAT, "userInput": "Hi."},
    ),
}


WITHOUT_COVERAGE = {
    "test_adapt.py",
    "test_api.py",
    "test_arguments.py",
    "test_bumps.py",
    "test_cassettes.py",
    "test_cli_docs.py",
    "test_cli_pictures.py",
    "test_cli_terminal.py",
    "test_contract.py",
    "test_docs.py",
    "test_documents.py",
    "test_faults.py",
    "test_fuzz.py",
    "test_generate.py",
    "test_generated.py",
    "test_overlay.py",
    "test_sandbox_contract.py",
    "test_soak.py",
    "test_sources.py",
    "test_typing.py",
}
"""Tests that try many things at once, or test the scripts. They take three times as long when
coverage is measured; each line of the package is covered by a test that is about it."""
ONLY_EXAMPLES_COVER = {"test_pagination.py"}
COVERING_CASES = 8
"""This many cases of a test, spread evenly, cover the lines that it is about."""
EVERY_CASE_COVERS = {
    "test_a_value_that_drifted_is_null_and_kept",
    "test_an_invalid_option_is_refused_at_the_call",
    "test_bad_body",
    "test_both_clients_reject_the_response_for_the_same_reason",
    "test_decompression_gives_what_was_compressed",
    "test_invalid_filters",
    "test_times_are_read_as_the_models_read_them",
    "test_what_cannot_be_asked_is_refused_before_anything_is_sent",
    "test_what_no_chat_can_be_started_with_is_refused_and_nothing_is_sent",
}
"""Tests whose cases have lines of their own, mostly refusals. If a line that has a test is not
covered, add the test here."""
TOO_MANY_STEPS = {"test_a_body_in_tiny_chunks_needs_no_more_memory"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Do not measure coverage where many examples are tried."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for name, of_test in cases.items():
        is_measured = (
            of_test[0].path.parent.name == "data" or name.rpartition(":")[2] in EVERY_CASE_COVERS
        )
        if not is_measured:
            step = max(1, len(of_test) // COVERING_CASES)
            for number, item in enumerate(of_test):
                if number % step:
                    item.add_marker("no_cover")
    for item in items:
        is_hypothesis_test = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if (
            (is_hypothesis_test and item.path.name not in ONLY_EXAMPLES_COVER)
            or item.path.name in WITHOUT_COVERAGE
            or getattr(item, "originalname", None) in TOO_MANY_STEPS
        ):
            item.add_marker("no_cover")
    if config.pluginmanager.hasplugin("_cov"):
        # A module's lines count, whichever test is the first to import it.
        for module in pkgutil.walk_packages(polyai_data.__path__, "polyai_data."):
            # dlt and Spark are not installed everywhere.
            if not module.name.endswith(("__main__", ".dlt", ".spark")):
                importlib.import_module(module.name)


def pytest_collection_finish() -> None:
    """Exclude imported modules from garbage collection: each collection would take 0.3 s."""
    gc.collect()
    gc.freeze()


@contextmanager
def listen(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on loopback and pass each connection to `behave`; yield the address."""
    stopping = False
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not stopping:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        host, port = listener.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            stopping = True
            socket.create_connection((host, port)).close()  # wakes the thread
            thread.join()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("POLYAI_", "SSL_CERT_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def quick_certificates() -> Iterator[None]:
    """Loads each set of CA certificates once: it takes 30 ms, and hundreds of clients need one."""
    load = transports._ssl_context
    load_once = functools.cache(lambda url, *_: load(url))

    def cached(url: str) -> Any:
        return load_once(url, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "_ssl_context", cached)
        yield


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the clients wanted to wait between attempts; no test really waits."""
    waited: list[float] = []
    monotonic = clock.monotonic

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + sum(waited))
    monkeypatch.setattr(sync_io, "_sleep", lambda _, seconds: waited.append(seconds))
    monkeypatch.setattr(async_io, "_sleep", sleep)
    return waited


@pytest.fixture(scope="session", params=[DataClient, AsyncDataClient], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Caller:
    """Calls of one client, then of the other."""
    return Caller(request.param)


@pytest.fixture(scope="session")
def operations() -> dict[str, Operation]:
    """Every operation of the API, by its name in the corrected spec."""
    return OPERATIONS


@pytest.fixture(params=OPERATIONS)
def operation(request: pytest.FixtureRequest) -> Operation:
    """Each operation of the API in turn."""
    return OPERATIONS[request.param]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture(scope="session")
def listening() -> Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]]:
    return listen


@pytest.fixture(scope="session")
def sample() -> Callable[..., dict[str, Any]]:
    """Returns made-up JSON of a conversation, with other values for the fields that are named."""

    def sample(**changes: Any) -> dict[str, Any]:
        return {**json.loads(json.dumps(CONVERSATION)), **changes}

    return sample


@pytest.fixture(scope="session")
def found() -> Callable[..., dict[str, Any]]:
    """Returns made-up JSON of a found conversation, with other values for fields that are named."""

    def found(**changes: Any) -> dict[str, Any]:
        return {**json.loads(json.dumps(FOUND)), **changes}

    return found


@pytest.fixture(scope="session")
def conversation(sample: Callable[..., dict[str, Any]]) -> Callable[..., Conversation]:
    """Returns the conversation of `sample`, with other values for the fields that are named."""
    return lambda **changes: Conversation.from_dict(sample(**changes))

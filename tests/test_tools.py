"""Each row of the tables of tools in docs/how-to, tried with the real tool."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx
import vcr
from aioresponses import aioresponses
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from polyai_data import APIConnectionError, AsyncDataClient, DataClient
from polyai_data.sandbox import serve

from tests.pages import ROOT, read

if TYPE_CHECKING:
    from pytest_httpx import HTTPXMock

PAGE = read("how-to/mocking.md") + read("how-to/observability.md")
CLOSED = "http://127.0.0.1:9"  # nothing listens there, so a request that a mock misses fails
PATH = "/v1/agents/PROJECT-1/conversations/CA1"
RESPONSE = {"conversationId": "CA1", "note": "mocked"}
Settings = dict[str, Any]


def settings(url: str, **options: Any) -> Settings:
    return {
        "base_url": url,
        "api_key": "sandbox",
        "agent_id": "PROJECT-1",
        "max_retries": 0,
        **options,
    }


def get(**options: Any) -> str | None:
    with DataClient(**options) as client:
        return client.get_conversation("CA1").note


def get_in_bulk(**options: Any) -> str | None:
    with DataClient(**options) as client:
        (result,) = client.get_conversations(["CA1"])
        return result.value.note


def get_asynchronously(**options: Any) -> str | None:
    async def run() -> str | None:
        async with AsyncDataClient(**options) as client:
            return (await client.get_conversation("CA1")).note

    return asyncio.run(run())


Get = Callable[..., str | None]
COLUMNS: dict[str, tuple[Get, Callable[[], Any]]] = {
    "sync": (get, httpx.HTTPTransport),
    "bulk": (get_in_bulk, httpx.HTTPTransport),
    "async": (get_asynchronously, httpx.AsyncHTTPTransport),
}


def row(tool: str) -> dict[str, str]:
    """Return a row of the table, by column: yes, with a transport, or no."""
    line = next(line for line in PAGE.splitlines() if line.startswith("|") and tool in line)
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    return dict(zip(COLUMNS, cells, strict=True))


def sees(tool: str, column: str, requests: Callable[[Settings], int]) -> None:
    """Check what the table says of a tool: with the default transport, and with httpx's."""
    says = row(tool)[column]
    assert requests({}) == (says == "yes")
    if says.startswith("with `transport=httpx."):
        transport = COLUMNS[column][1]
        assert f"`transport=httpx.{transport.__name__}()`" in says
        assert requests({"transport": transport()}) == 1


@pytest.mark.parametrize("column", COLUMNS)
def test_respx(column: str) -> None:
    def requests(options: Settings) -> int:
        with respx.mock(base_url=CLOSED, assert_all_called=False) as router:
            route = router.get(PATH).respond(json=RESPONSE)
            try:
                assert COLUMNS[column][0](**settings(CLOSED, **options)) == "mocked"
            except APIConnectionError:
                assert not route.called
            return route.call_count

    sees("respx]", column, requests)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.httpx_mock(assert_all_responses_were_requested=False)
def test_pytest_httpx(column: str, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{CLOSED}{PATH}", json=RESPONSE, is_reusable=True)

    def requests(options: Settings) -> int:
        httpx_mock.reset()
        httpx_mock.add_response(url=f"{CLOSED}{PATH}", json=RESPONSE, is_reusable=True)
        with contextlib.suppress(APIConnectionError):
            assert COLUMNS[column][0](**settings(CLOSED, **options)) == "mocked"
        return len(httpx_mock.get_requests())

    sees("pytest-httpx]", column, requests)


@pytest.mark.filterwarnings("ignore")  # its own
def test_aioresponses_does_not_support_this_aiohttp() -> None:
    assert row("aioresponses]")["async"].startswith("no: version 0.7.9")
    with aioresponses() as mock:
        mock.get(f"{CLOSED}{PATH}", payload=RESPONSE)
        with pytest.raises(TypeError, match="stream_writer"):
            get_asynchronously(**settings(CLOSED))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(conversations=1) as url:
        yield url


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("tool", "instrumentor"),
    [
        ("OpenTelemetry](https://opentelemetry.io) httpx", HTTPXClientInstrumentor),
        ("OpenTelemetry aiohttp-client", AioHttpClientInstrumentor),
    ],
    ids=["httpx", "aiohttp"],
)
def test_opentelemetry(tool: str, instrumentor: Any, column: str) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")

    def requests(options: Settings) -> int:
        exporter.clear()
        with tracer.start_as_current_span("parent") as parent, pytest.raises(APIConnectionError):
            COLUMNS[column][0](**settings(CLOSED, **options))
        spans = [span for span in exporter.get_finished_spans() if span.name != "parent"]
        for span in spans:  # the trace continues, also in the threads of bulk methods
            assert span.context.trace_id == parent.get_span_context().trace_id
        return len(spans)

    instrumentor().instrument(tracer_provider=provider)
    try:
        sees(tool, column, requests)
    finally:
        instrumentor().uninstrument()


def test_sentry(sandbox: str) -> None:
    command = [sys.executable, "-m", "tests.sentry_sample", sandbox]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    seen = json.loads(done.stdout)
    assert seen.pop("ClientTransport") == 1
    says = row("Sentry]")
    assert says["sync"].startswith("with a transport that uses `httpx.Client`")
    assert seen == {column: int(cell == "yes") for column, cell in says.items()}


@pytest.mark.parametrize("column", COLUMNS)
def test_vcrpy(column: str, tmp_path: Path) -> None:
    assert row("vcrpy]")[column] == "yes"
    recorder = vcr.VCR(filter_headers=["X-API-KEY"], match_on=["method", "uri"])
    played = []
    with serve(conversations=1) as url:
        with DataClient(**settings(url, agent_id="PROJECT-DEMO")) as client:
            (summary,) = client.list_conversations()
        call = {
            "sync": lambda client: client.get_conversation(summary.conversation_id),
            "bulk": lambda client: next(client.get_conversations([summary.conversation_id])).value,
            "async": None,
        }[column]
        found = []
        for _ in range(2):
            with recorder.use_cassette(str(tmp_path / "cassette.yaml")) as cassette:
                options = settings(url, agent_id="PROJECT-DEMO")
                if call is None:

                    async def read(options: Settings = options) -> Any:
                        async with AsyncDataClient(**options) as client:
                            return await client.get_conversation(summary.conversation_id)

                    found.append(asyncio.run(read()))
                else:
                    with DataClient(**options) as client:
                        found.append(call(client))
            played.append(cassette.play_count)
    assert played == [0, 1]
    assert found[0] == found[1]
    assert "sandbox" not in re.sub(r"127\S+", "", (tmp_path / "cassette.yaml").read_text())


@pytest.mark.parametrize("column", COLUMNS)
def test_mock_transport(column: str) -> None:
    assert "MockTransport" in PAGE
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=RESPONSE))
    assert COLUMNS[column][0](**settings(CLOSED, transport=transport)) == "mocked"

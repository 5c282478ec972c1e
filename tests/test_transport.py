"""How requests are spread over connections: few transports with few connections each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import APITimeoutError, DataClient, _transport
from polyai_data.sandbox import Fault, serve

if TYPE_CHECKING:
    from tests.conftest import Caller

LATE = Fault(kind="late", delay=0.2, path="*/conversations/*")


@pytest.fixture
def url() -> Iterator[str]:
    """A sandbox whose conversations come late, so that many requests are on their way."""
    with serve(faults=[LATE], recording_bytes=100_000) as url:
        yield url


@pytest.fixture
def client(call: Caller, url: str) -> Any:
    return call.client(
        None, api_key="sandbox", agent_id="PROJECT-DEMO", base_url=url, max_retries=0
    )


def many(client: Any, count: int, **options: Any) -> Any:
    """Get as many conversations at once; none of them is there."""
    results = client.get_conversations(["CA1"] * count, concurrency=count, **options)

    async def collect() -> list[Any]:
        return [type(result.error).__name__ async for result in results]

    if isinstance(client, DataClient):
        return [type(result.error).__name__ for result in results]
    return collect()


def made(client: Any) -> list[int]:
    """Return how many requests each transport has now."""
    requests: list[int] = client._http._transports._requests
    return requests


def connections(client: Any) -> int:
    return sum(len(one._pool.connections) for one in client._http._transports.made)


def test_one_after_the_other_shares_one_connection(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        for _ in range(5):
            yield client.get_page(limit=1)
        return made(client), connections(client)

    assert call.play(client, script) == ([0], 1)


def test_many_at_once_are_spread(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        found = yield many(client, 9)
        return found, made(client), connections(client)

    found, requests, count = call.play(client, script)
    assert found == ["ConversationNotFoundError"] * 9
    assert requests == [0, 0, 0]
    assert count == 9


def test_there_are_no_more_connections_than_allowed(
    call: Caller, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transport, "CONNECTIONS", 8)

    def script(client: Any) -> Any:
        found = yield many(client, 20)
        return found, made(client), connections(client)

    found, requests, count = call.play(client, script)
    assert found == ["ConversationNotFoundError"] * 20  # some waited for a connection
    assert requests == [0, 0]
    assert count == 8


def test_a_request_that_fails_gives_its_place_back(call: Caller, client: Any) -> None:
    def script(client: Any) -> Any:
        with pytest.raises(APITimeoutError):
            yield client.get_conversation("CA1", timeout=0.02)
        return made(client)

    assert call.play(client, script) == [0]


def test_an_open_recording_has_its_place_until_it_is_closed_once_or_twice(call: Caller) -> None:
    with serve(recording_bytes=3_000_000) as url:
        settings = {"api_key": "sandbox", "agent_id": "PROJECT-DEMO", "base_url": url}
        client = call.client(None, **settings)

        def use(client: Any) -> Any:
            async def asynchronously() -> Any:
                page = await client.get_page(limit=9)
                wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
                async with client.open_recording(wanted) as recording:
                    during = list(made(client))
                    for _ in range(2):
                        await recording._response.stream.aclose()
                return during, list(made(client))

            if not isinstance(client, DataClient):
                return asynchronously()
            page = client.get_page(limit=9)
            wanted = next(one.conversation_id for one in page.conversations if one.audio_url)
            with client.open_recording(wanted) as recording:
                during = list(made(client))
                for _ in range(2):
                    stream: Any = recording._response.stream
                    stream.close()
            return during, list(made(client))

        assert call.run(client, use)[0] == ([1], [0])


def test_a_task_that_is_cancelled_gives_its_place_back(url: str) -> None:
    from polyai_data import AsyncDataClient

    async def main() -> None:
        async with AsyncDataClient(
            api_key="sandbox", agent_id="PROJECT-DEMO", base_url=url
        ) as client:
            task = asyncio.create_task(client.get_conversation("CA1"))
            while made(client) != [1]:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert made(client) == [0]

    asyncio.run(main())

"""Fixtures for the tests of the sandbox."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from polyai_data.sandbox import create_app

NOW = datetime(2026, 6, 3, 13, 19, 6, 370000, tzinfo=UTC)


class InProcess(httpx.BaseTransport):
    """Calls an ASGI application without a server."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the application's response."""
        return asyncio.run(self._respond(request))

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@pytest.fixture
def connect() -> Callable[..., httpx.Client]:
    """Return a function that creates a client of a new sandbox with the given options."""

    def connect(*, key: str | None = "sandbox", **options: Any) -> httpx.Client:
        options = {"now": NOW} | options
        return httpx.Client(
            base_url="http://sandbox",
            headers={"X-API-KEY": key} if key is not None else {},
            transport=InProcess(create_app(**options)),
        )

    return connect


@pytest.fixture
def api(connect: Callable[..., httpx.Client]) -> httpx.Client:
    """A client of a sandbox with the default options."""
    return connect()

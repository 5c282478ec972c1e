"""Serves the sandbox in a background thread."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Unpack

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from ._app import SandboxOptions, create_app
from ._fault_injection import TRANSPORT
from ._running import Sandbox


class _Server(uvicorn.Server):
    """A server that says when it is ready, and stops at once: uvicorn polls ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self.ready.set()

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):  # updates the Date header
            tick += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), 0.1)

    def stop(self) -> None:
        """Stop the server, from another thread."""
        self.ready.wait()  # an interrupt may come before it is
        self._loop.call_soon_threadsafe(self._exit)

    def _exit(self) -> None:
        self.should_exit = True
        self._stopped.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002
        for server in self.servers:
            server.close()
        # The `with` block has ended, so nobody reads the rest of any response.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
        await self.lifespan.shutdown()


class _TransportMiddleware:
    """Adds the connection to the ASGI scope of each request, for faults that break it."""

    def __init__(self, app: ASGIApp, connections: Callable[[], Iterable[Any]]) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            transports = [connection.transport for connection in self._connections()]
            matches = (t for t in transports if t.get_extra_info("peername")[:2] == scope["client"])
            scope.setdefault("extensions", {})[TRANSPORT] = next(matches, None)
        await self._app(scope, receive, send)


@contextmanager
def serve(
    *, host: str = "127.0.0.1", port: int = 0, **options: Unpack[SandboxOptions]
) -> Iterator[Sandbox]:
    """Serve the sandbox from a background thread while the `with` block runs.

    Args:
        host: the address to listen on.
        port: the port to listen on. 0 picks a free port.
        **options: the options of `create_app`, such as `conversations=3000` and `seed=3`.

    Yields:
        The running sandbox. It is a string, the base URL, such as `http://127.0.0.1:49152`. The
        server is ready.

    Raises:
        ValueError: an option is out of range.
        OSError: the server cannot listen on the address, for example because the port is in use.

    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be from 0 to 65535, not {port}")
    app = create_app(**options)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Listen before the server starts, so that no other process can take the port.
    with socket.create_server((host, port), family=family) as listener:
        # Connections inherit this. Without it, responses wait 40 ms for a delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            _TransportMiddleware(app, lambda: server.server_state.connections),
            log_config=None,  # leave the logging of this process alone
            access_log=False,
            ws="none",
            proxy_headers=False,  # there is no proxy in front
        )
        server = _Server(config)
        thread = threading.Thread(
            target=server.run, args=([listener],), name="polyai-data-sandbox", daemon=True
        )
        thread.start()
        try:
            server.ready.wait()
            name = f"[{host}]" if family == socket.AF_INET6 else host
            yield Sandbox(f"http://{name}:{listener.getsockname()[1]}", app)
        finally:
            server.stop()
            thread.join()

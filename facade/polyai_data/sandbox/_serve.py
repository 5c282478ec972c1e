"""The sandbox in a thread of its own."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from ._app import Received, create_app
from ._damage import TRANSPORT
from ._faults import Fault


class _Server(uvicorn.Server):
    """A server that tells when it answers, so that nobody has to poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Whoever could read the rest of an answer is gone, or has left the block.
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


class _WithTransport:
    """Hands each request its connection, so that an answer can be broken."""

    def __init__(self, app: ASGIApp, connections: Callable[[], Iterable[Any]]) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            transports = [connection.transport for connection in self._connections()]
            mine = (t for t in transports if t.get_extra_info("peername")[:2] == scope["client"])
            scope.setdefault("extensions", {})[TRANSPORT] = next(mine, None)
        await self._app(scope, receive, send)


@contextmanager
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    api_key: str = "sandbox",
    agent_id: str = "PROJECT-DEMO",
    conversations: int = 200,
    seed: int = 0,
    faults: Iterable[Fault] = (),
    received: list[Received] | None = None,
    max_page_size: int | None = None,
    recording_bytes: int | None = None,
    ranges: bool = True,
) -> Iterator[str]:
    """Serve the sandbox from a background thread while the `with` block runs.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.
        api_key: the key that requests must carry in `X-API-KEY`.
        agent_id: the only agent that the key may read.
        conversations: how many conversations there are, up to a billion. They are computed when
            they are asked for, so any number costs the same memory.
        seed: another seed gives other conversations; the same one, the same bytes again.
        faults: failures to answer with. A request can ask for one too, with the header
            `X-Sandbox-Fault` and a `Fault` as JSON: `{"kind": "late", "delay": 2}`.
        received: a list to add each request to, when it arrives.
        max_page_size: the most conversations in a list answer; None for as many as are asked for.
        recording_bytes: the size of every recording in bytes, from 44 (rounded down to an even
            number); None for the length that the conversation has.
        ranges: whether a part of a recording can be asked for.

    Yields:
        The base URL, such as `http://127.0.0.1:49152`; it answers from now on.

    Raises:
        ValueError: an option is out of range; the text names it.
        OSError: the address cannot be listened on; the port is taken, for example.

    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be from 0 to 65535, not {port}")
    app = create_app(
        api_key=api_key,
        agent_id=agent_id,
        conversations=conversations,
        seed=seed,
        faults=faults,
        received=received,
        max_page_size=max_page_size,
        recording_bytes=recording_bytes,
        ranges=ranges,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Bound here, not by the server: nobody else can take the port in between.
    with socket.create_server((host, port), family=family) as listener:
        # Connections inherit this; without it, answers wait 40 ms for a delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            _WithTransport(app, lambda: server.server_state.connections),
            log_config=None,  # the logging of this process is its owner's
            access_log=False,
            ws="none",
            proxy_headers=False,  # nothing stands in front of it
        )
        server = _Server(config)
        thread = threading.Thread(
            target=server.run, args=([listener],), name="polyai-data-sandbox", daemon=True
        )
        thread.start()
        try:
            server.ready.wait()
            name = f"[{host}]" if family == socket.AF_INET6 else host
            yield f"http://{name}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()

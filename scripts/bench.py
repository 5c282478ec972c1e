"""Benchmarks the client against other clients and against the floor, the minimum cost.

`python scripts/bench.py [--quick] [--walk N] [--profile]` serves files with nginx, or with uvicorn
if nginx is not installed. It reads them with the floor (http.client or aiohttp, with orjson), with
plain httpx, the generated client and this client. Their rounds are interleaved, so that other load
on the machine affects all of them. Figures and ratios are medians. Compare the ratios.

It prints a table, writes build/bench.json and build/bench.png, and exits with 1 if a figure is
above its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import itertools
import json
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from attrs import define, field, frozen
from polyai_data import AsyncDataClient, DataClient
from polyai_data._auth import ApiKey
from polyai_data._config import resolve_config
from polyai_data._data.operations import list_conversations
from polyai_data._http.response import RawResponse, parse_response
from polyai_data.sandbox import serve
from polyai_data_generated import AuthenticatedClient
from polyai_data_generated.api.operations import get_conversation as generated_get
from polyai_data_generated.models import ConversationPage as GeneratedPage
from polyai_data_generated.wire_names import WIRE_NAMES

try:
    import orjson
except ModuleNotFoundError:
    sys.exit("This needs orjson: see `make bench`.")

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

KEY = "sandbox"
AGENT = "PROJECT-DEMO"
CONVERSATIONS = f"/v1/agents/{AGENT}/conversations"
CONVERSATION_BYTES = 11_000
ONE = f"size-{CONVERSATION_BYTES}"
"""The ID of a conversation. Its file is served as it is, so the ID must be the one in it."""
PAGE_SIZE = 1000
RECORDING_BYTES = 2**26
CONCURRENCY = 32
CONVERSATION_SIZES = (1_000, 11_000, 100_000, 1_000_000, 5_000_000)
PAGE_SIZES = (1, 10, 100, 1000, 5000)
FLAT_FIELDS = tuple(name for name in WIRE_NAMES["ConversationSummary"] if name != "short_summary")
CONCURRENCIES = (1, 4, 16, 64, 256)
MAX_GROWTH = 4
"""MiB by which the peak memory may grow during a download."""

# --- The server --------------------------------------------------------------------------------

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; tcp_nodelay on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
    root {folder}/files;
    location ~ /audio$ {{ default_type audio/wav; rewrite ^ /recording break; }}
    location ~ /conversations/(?<named>size-[0-9]+)$ {{ rewrite ^ /$named break; }}
    location ~ /conversations$ {{ rewrite ^ /page-$arg_limit break; }}
  }}
}}
"""

UVICORN = """
import pathlib, sys, uvicorn
root = pathlib.Path({files!r})
small = {{p.name: p.read_bytes() for p in root.iterdir() if p.name != "recording"}}
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    last = scope["path"].rpartition("/")[2]
    kind = b"audio/wav" if last == "audio" else b"application/json"
    if last == "audio":
        size = (root / "recording").stat().st_size
    else:
        query = dict(p.split("=") for p in scope["query_string"].decode().split("&") if p)
        name = last if last in small else "page-" + query.get("limit", "50")
        body = small[name]
        size = len(body)
    headers = [(b"content-type", kind), (b"content-length", str(size).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    if last == "audio":
        with (root / "recording").open("rb") as file:
            while chunk := file.read(2**18):
                await send({{"type": "http.response.body", "body": chunk, "more_body": True}})
        body = b""
    await send({{"type": "http.response.body", "body": body}})
tls = {{}}
if sys.argv[2] == "tls":
    tls = {{"ssl_certfile": {pem!r}, "ssl_keyfile": {pem!r}}}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, **tls)
"""


def make_files(folder: Path) -> None:
    """Write the files to serve: conversations and pages of several sizes, and a recording."""
    files = folder / "files"
    files.mkdir()
    with (
        serve(conversations=max(PAGE_SIZES)) as base_url,
        httpx.Client(base_url=base_url, headers={"X-API-KEY": KEY}) as client,
    ):
        for size in PAGE_SIZES:
            page = client.get(CONVERSATIONS, params={"limit": size, "offset": 0})
            (files / f"page-{size}").write_bytes(page.content)
        listed = client.get(CONVERSATIONS, params={"limit": 20}).json()["conversations"]
        conversation = client.get(f"{CONVERSATIONS}/{listed[1]['conversationId']}").json()
    turns = conversation["turns"]
    for size in CONVERSATION_SIZES:
        conversation |= {"conversationId": f"size-{size}", "turns": []}
        length, turn = len(json.dumps(conversation)), 0
        while length < size:
            conversation["turns"].append(turns[turn % len(turns)])
            length += len(json.dumps(conversation["turns"][-1])) + 2
            turn += 1
        (files / f"size-{size}").write_text(json.dumps(conversation), encoding="utf-8")
    (files / "recording").write_bytes(
        b"RIFF" + os.urandom(2**20 - 4) + bytes(RECORDING_BYTES - 2**20)
    )


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@frozen
class Server:
    """A running server.

    Attributes:
        url: The base URL.
        tls_url: The base URL for TLS.
        certificate: The path of the CA certificate for TLS.
        software: The name of the server software.
    """

    url: str
    tls_url: str
    certificate: str
    software: str


@contextmanager
def serve_files() -> Iterator[Server]:
    """Serve the files from another process."""
    import trustme

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # nginx may run as another user
        make_files(folder)
        authority = trustme.CA()
        pem, trusted = folder / "server.pem", folder / "ca.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
        authority.cert_pem.write_to_path(str(trusted))
        port, tls_port = free_port(), free_port()
        nginx = shutil.which("nginx")
        if nginx:
            text = NGINX.format(folder=folder, port=port, tls_port=tls_port)
            (folder / "conf").write_text(text, encoding="utf-8")
            commands = [[nginx, "-p", str(folder), "-c", str(folder / "conf")]]
        else:
            text = UVICORN.format(files=str(folder / "files"), pem=str(pem))
            commands = [
                [sys.executable, "-c", text, str(port), "plain"],
                [sys.executable, "-c", text, str(tls_port), "tls"],
            ]
        for command in commands:
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        for each in (port, tls_port):
            _wait_for_server(each)
        yield Server(
            f"http://127.0.0.1:{port}",
            f"https://127.0.0.1:{tls_port}",
            str(trusted),
            "nginx" if nginx else "uvicorn (nginx is not installed, so the floor is higher)",
        )


def _wait_for_server(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not start")


# --- The benchmarks ----------------------------------------------------------------------------


@define
class Benchmark:
    """A task that several clients perform.

    Attributes:
        name: The task.
        unit: The unit of the figures.
        floor: The client with the minimum cost.
        max_ratios: The limits of ratios to the floor, by client.
        max_figures: The limits of figures, by client.
        turns: The figures of each client, one per round.
    """

    name: str
    unit: str
    floor: str
    max_ratios: dict[str, float] = field(factory=dict)
    max_figures: dict[str, float] = field(factory=dict)
    turns: dict[str, list[float]] = field(factory=dict)

    @property
    def figures(self) -> dict[str, float]:
        """The median figure of each client."""
        return medians(self.turns)

    def ratio(self, client: str) -> float:
        """Return the median of a client's ratios to the floor, one for each round.

        The speed of a machine changes from second to second, but less within a round.
        """
        pairs = zip(self.turns[client], self.turns[self.floor], strict=True)
        return statistics.median(figure / floor for figure, floor in pairs)

    def limit(self, client: str) -> str:
        """Return a client's limit as text."""
        if client in self.max_ratios:
            return f"{self.max_ratios[client]:.1f}×"
        if client in self.max_figures:
            return f"{self.max_figures[client]:g} {self.unit.split()[0]}"
        return ""

    def above_limit(self) -> list[str]:
        """Return the clients that are above their limits."""
        above = [name for name, limit in self.max_ratios.items() if self.ratio(name) > limit]
        return above + [n for n, limit in self.max_figures.items() if self.figures[n] > limit]


Runs = dict[str, Callable[[], float]]


def interleave(runs: Runs, rounds: int, per: int = 1) -> dict[str, list[float]]:
    """Run all functions in turn, and return their figures, divided by `per`.

    The first round is a warm-up and is not counted. Each round has an order of its own, so that no
    function always runs after the same one.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in random.Random(number).sample(list(runs), len(runs)):  # noqa: S311
            gc.collect()  # so that no run pays for the garbage of another
            figure = runs[name]()
            if number > 0:
                times[name].append(figure / per)
    return times


def medians(turns: dict[str, list[float]]) -> dict[str, float]:
    """Return the median figure of each client."""
    return {name: statistics.median(figures) for name, figures in turns.items()}


def timed(task: Callable[[], object], count: int) -> Callable[[], float]:
    """Return a function that runs a task `count` times, and returns microseconds per run."""

    def run() -> float:
        started = time.perf_counter()
        for _ in range(count):
            task()
        return (time.perf_counter() - started) / count * 1e6

    return run


def settings(url: str) -> dict[str, Any]:
    """Return the settings of this client."""
    return {"base_url": url, "api_key": KEY, "agent_id": AGENT}


def w1(server: Server, count: int, rounds: int) -> Benchmark:
    """Get one conversation after another."""
    benchmark = Benchmark(
        "W1 get one, sync", "µs per call", "http.client + orjson", {"polyai_data": 2.1}
    )
    with ExitStack() as stack:
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        stack.callback(connection.close)
        bare = stack.enter_context(httpx.Client(headers={"X-API-KEY": KEY}))
        client = stack.enter_context(DataClient(**settings(server.url)))
        generated = stack.enter_context(
            AuthenticatedClient(server.url, KEY, prefix="", auth_header_name="X-API-KEY")
        )

        def floor() -> Any:
            connection.request("GET", f"{CONVERSATIONS}/{ONE}", headers={"X-API-KEY": KEY})
            return orjson.loads(connection.getresponse().read())["duration"]

        runs: Runs = {
            benchmark.floor: timed(floor, count),
            "polyai_data": timed(lambda: client.get_conversation(ONE).duration, count),
            "polyai_data, with turns": timed(lambda: client.get_conversation(ONE).turns, count),
            "httpx": timed(
                lambda: bare.get(f"{server.url}{CONVERSATIONS}/{ONE}").json()["duration"], count
            ),
            "generated": timed(lambda: generated_get.sync(AGENT, ONE, client=generated), count),
        }
        benchmark.turns = interleave(runs, rounds)
    return benchmark


def w2(server: Server, count: int, rounds: int) -> Benchmark:
    """Decode a page."""
    benchmark = Benchmark(
        "W2 decode a page of 1,000",
        "µs per conversation",
        "orjson",
        max_ratios={"polyai_data": 1.8, "polyai_data, ID and start": 3.1},
        max_figures={"polyai_data, all flat fields": 10},
    )
    content = httpx.get(f"{server.url}{CONVERSATIONS}", params={"limit": PAGE_SIZE}).content
    config = resolve_config(api_key=ApiKey(KEY), region="us", agent_id=AGENT, base_url=None)
    request = list_conversations(config, limit=PAGE_SIZE, offset=0, agent_id=None)

    def conversations() -> Any:
        return parse_response(RawResponse(request, 200, {}, content)).conversations

    def floor() -> Any:
        return [each["conversationId"] for each in orjson.loads(content)["conversations"]]

    runs: Runs = {
        benchmark.floor: timed(floor, count),
        "polyai_data": timed(lambda: [each.conversation_id for each in conversations()], count),
        "polyai_data, ID and start": timed(
            lambda: [(each.conversation_id, each.started_at) for each in conversations()], count
        ),
        "polyai_data, all flat fields": timed(
            lambda: [[getattr(each, name) for name in FLAT_FIELDS] for each in conversations()],
            count,
        ),
        "json": timed(lambda: json.loads(content), count),
        "generated": timed(lambda: GeneratedPage.from_dict(json.loads(content)), count),
    }
    benchmark.turns = interleave(runs, rounds, per=PAGE_SIZE)
    return benchmark


def cpu_time(task: Callable[[], Awaitable[Any]], count: int) -> Callable[[], float]:
    """Return a function that runs a task, and returns this process's CPU microseconds per call."""

    def run() -> float:
        started = time.process_time()
        asyncio.run(task())  # type: ignore[arg-type]
        return (time.process_time() - started) / count * 1e6

    return run


async def _get_many(get: Callable[[str], Awaitable[Any]], count: int, concurrency: int) -> None:
    ids = iter([ONE] * count)

    async def worker() -> None:
        for conversation_id in ids:
            await get(conversation_id)

    await asyncio.gather(*(worker() for _ in range(concurrency)))


def w3_runs(url: str, count: int, concurrency: int) -> Runs:
    """Return the functions that get many conversations concurrently."""

    async def floor() -> None:
        async with aiohttp.ClientSession(headers={"X-API-KEY": KEY}) as session:

            async def get(conversation_id: str) -> Any:
                async with session.get(f"{url}{CONVERSATIONS}/{conversation_id}") as response:
                    return orjson.loads(await response.read())["duration"]

            await _get_many(get, count, concurrency)

    async def ours() -> None:
        async with AsyncDataClient(**settings(url)) as client:

            async def get(conversation_id: str) -> Any:
                return (await client.get_conversation(conversation_id)).duration

            await _get_many(get, count, concurrency)

    async def bulk() -> None:
        async with AsyncDataClient(**settings(url)) as client:
            ids = itertools.repeat(ONE, count)
            async for result in client.get_conversations(ids, concurrency=concurrency):
                _ = result.value.duration

    async def sync_bulk() -> None:
        with DataClient(**settings(url)) as client:
            ids = itertools.repeat(ONE, count)
            for result in client.get_conversations(ids, concurrency=min(concurrency, 16)):
                _ = result.value.duration

    async def bare() -> None:
        async with httpx.AsyncClient(headers={"X-API-KEY": KEY}) as client:

            async def get(conversation_id: str) -> Any:
                return (await client.get(f"{url}{CONVERSATIONS}/{conversation_id}")).json()[
                    "duration"
                ]

            await _get_many(get, count, concurrency)

    async def generated() -> None:
        async with AuthenticatedClient(url, KEY, prefix="", auth_header_name="X-API-KEY") as client:
            await _get_many(
                lambda conversation_id: generated_get.asyncio(
                    AGENT, conversation_id, client=client
                ),
                count,
                concurrency,
            )

    return {
        "aiohttp + orjson": cpu_time(floor, count),
        "polyai_data": cpu_time(ours, count),
        "polyai_data, get_conversations": cpu_time(bulk, count),
        "polyai_data, sync get_conversations": cpu_time(sync_bulk, count),
        "httpx": cpu_time(bare, count),
        "generated": cpu_time(generated, count),
    }


def w3(server: Server, count: int, rounds: int) -> Benchmark:
    """Get many conversations concurrently."""
    benchmark = Benchmark(
        f"W3 get many, {CONCURRENCY} concurrent",
        "µs CPU per call",
        "aiohttp + orjson",
        {"polyai_data": 2.2, "polyai_data, sync get_conversations": 3},
    )
    benchmark.turns = interleave(w3_runs(server.url, count, CONCURRENCY), rounds)
    return benchmark


def w4(server: Server, rounds: int) -> Benchmark:
    """Save a recording."""
    benchmark = Benchmark("W4 recording of 64 MiB", "ms", "http.client", {"polyai_data": 1.6})
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        target = Path(name) / "call.wav"
        client = stack.enter_context(DataClient(**settings(server.url)))
        bare = stack.enter_context(httpx.Client(headers={"X-API-KEY": KEY}))

        def floor() -> None:
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
            connection.request("GET", f"{CONVERSATIONS}/{ONE}/audio", headers={"X-API-KEY": KEY})
            with target.open("wb") as file:
                shutil.copyfileobj(connection.getresponse(), file, 2**16)
                file.flush()
                os.fsync(file.fileno())  # so that a power failure leaves no incomplete recording
            connection.close()

        def plain_httpx() -> None:
            url = f"{server.url}{CONVERSATIONS}/{ONE}/audio"
            with bare.stream("GET", url) as response, target.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)

        async def download_async() -> None:
            async with AsyncDataClient(**settings(server.url)) as client:
                await client.download_recording(ONE, target)

        def saving(task: Callable[[], object]) -> Callable[[], float]:
            def run() -> float:
                target.unlink(missing_ok=True)  # replacing a file can cost more than the download
                return timed(task, 1)()

            return run

        runs: Runs = {
            benchmark.floor: saving(floor),
            "polyai_data": saving(lambda: client.download_recording(ONE, target)),
            "polyai_data, async": saving(lambda: asyncio.run(download_async())),
            "httpx": saving(plain_httpx),
        }
        benchmark.turns = interleave(runs, rounds, per=1000)
    return benchmark


def recording_memory(server: Server) -> dict[str, float]:
    """Return by how many MiB the peak memory of a process grows during a download."""
    code = """
import asyncio, resource, sys, tempfile
from polyai_data import AsyncDataClient, DataClient
options = dict(base_url=sys.argv[1], api_key="k", agent_id="PROJECT-DEMO")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with tempfile.TemporaryDirectory() as folder:
    if sys.argv[2] == "sync":
        with DataClient(**options) as client:
            client.get_conversation(sys.argv[3]).duration
            before = peak()
            client.download_recording(sys.argv[3], folder)
    else:
        async def main():
            global before
            async with AsyncDataClient(**options) as client:
                (await client.get_conversation(sys.argv[3])).duration
                before = peak()
                await client.download_recording(sys.argv[3], folder)
        asyncio.run(main())
    print(peak() - before)
"""
    return {kind: float(_python(code, server.url, kind, ONE).stdout) for kind in ("sync", "async")}


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )


def startup(server: Server, rounds: int) -> tuple[Benchmark, Benchmark]:
    """Import the client, and make the first call in a new process."""
    imports = Benchmark(
        "import, without the interpreter's start", "ms", "httpx", {"polyai_data": 2}
    )
    first = Benchmark("first call of a process", "ms", "httpx", {"polyai_data": 1.5})

    def process(code: str) -> Callable[[], float]:
        def run() -> float:
            started = time.perf_counter()
            _python(code, server.url)
            return (time.perf_counter() - started) * 1000

        return run

    times = interleave(
        {
            "nothing": process("pass"),
            "httpx": process("import httpx"),
            "polyai_data": process("from polyai_data import DataClient"),
        },
        rounds,
    )
    for name in ("httpx", "polyai_data"):
        pairs = zip(times[name], times["nothing"], strict=True)
        imports.turns[name] = [figure - start for figure, start in pairs]
    first.turns = interleave(
        {
            "httpx": process(
                "import httpx, sys\n"
                "with httpx.Client(headers={'X-API-KEY': 'k'}) as client:\n"
                f"    client.get(sys.argv[1] + '{CONVERSATIONS}/{ONE}').json()['duration']"
            ),
            "polyai_data": process(
                "import polyai_data, sys\n"
                "options = dict(base_url=sys.argv[1], api_key='k', agent_id='PROJECT-DEMO')\n"
                "with polyai_data.DataClient(**options) as client:\n"
                f"    client.get_conversation('{ONE}').duration"
            ),
        },
        rounds,
    )
    return imports, first


# --- Scaling -----------------------------------------------------------------------------------


def scaling(server: Server, *, quick: bool) -> dict[str, dict[str, float]]:
    """Return the cost by page size, conversation size and concurrency, and that of TLS."""
    costs: dict[str, dict[str, float]] = {}
    with DataClient(**settings(server.url)) as client:
        pages = PAGE_SIZES[:-1] if quick else PAGE_SIZES
        costs["µs per conversation, by page size"] = {
            f"{size:,}": timed(
                lambda size=size: [
                    c.conversation_id for c in client.get_page(limit=size).conversations
                ],  # type: ignore[misc]
                max(2, 300 // size),
            )()
            / size
            for size in (pages[0], *pages)
        }
        sizes = CONVERSATION_SIZES[:-1] if quick else CONVERSATION_SIZES
        costs["µs per KB, by size of the conversation"] = {
            f"{size / 1000:,.0f} KB": timed(
                lambda size=size: client.get_conversation(f"size-{size}").duration,  # type: ignore[misc]
                max(3, 1_000_000 // size // 5),
            )()
            / (size / 1000)
            for size in (sizes[0], *sizes)
        }
    count = 300 if quick else 2000
    costs["µs CPU per call, by concurrency"] = {
        str(number): statistics.median(
            w3_runs(server.url, count, number)["polyai_data"]() for _ in range(3)
        )
        for number in CONCURRENCIES
    }
    costs["µs per call, plain and TLS"] = tls(server, count)
    return costs


def tls(server: Server, count: int) -> dict[str, float]:
    """Return the cost of a call without and with TLS."""
    previous = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = server.certificate
    try:
        with (
            DataClient(**settings(server.url)) as plain,
            DataClient(**settings(server.tls_url)) as secure,
        ):
            turns = interleave(
                {
                    "plain": timed(lambda: plain.get_conversation(ONE).duration, count),
                    "TLS": timed(lambda: secure.get_conversation(ONE).duration, count),
                },
                3,
            )
            return medians(turns)
    finally:
        del os.environ["SSL_CERT_FILE"]
        if previous is not None:
            os.environ["SSL_CERT_FILE"] = previous


def walk(count: int) -> dict[str, list[float]]:
    """List the conversations of a sandbox; return seconds and MiB at each tenth of the list."""
    code = """
import sys, time
from polyai_data import DataClient
count, started = int(sys.argv[2]), time.perf_counter()
with DataClient(base_url=sys.argv[1], api_key="sandbox", agent_id="PROJECT-DEMO") as client:
    for number, _ in enumerate(client.list_conversations(page_size=1000), start=1):
        if number % (count // 10) == 0:
            with open("/proc/self/statm") as file:
                memory = int(file.read().split()[1]) * 4096 / 2**20
            print(time.perf_counter() - started, memory)
"""
    with serve(conversations=count) as base_url:
        lines = _python(code, base_url, str(count)).stdout.split("\n")
    rows = [tuple(map(float, line.split())) for line in lines if line]
    return {"seconds": [row[0] for row in rows], "MiB": [row[1] for row in rows]}


# --- The profile -------------------------------------------------------------------------------


def profile(server: Server, count: int) -> None:
    """Print the time per library for W1 and W3."""
    import cProfile
    import pstats

    with DataClient(**settings(server.url)) as client:
        runs = {
            "W1": timed(lambda: client.get_conversation(ONE).duration, count),
            "W3": w3_runs(server.url, count, CONCURRENCY)["polyai_data"],
        }
        for name, run in runs.items():
            run()
            profiler = cProfile.Profile()
            profiler.runcall(run)
            times: dict[str, float] = {}
            profile_stats: Any = pstats.Stats(profiler)
            for (file, _, function), row in profile_stats.stats.items():
                library = _library(file, function)
                times[library] = times.get(library, 0.0) + row[2]
            total = sum(times.values())
            print(f"\n{name}: {total / count * 1e6:.0f} µs per call, with the profiler")
            for library, seconds in sorted(times.items(), key=lambda item: -item[1])[:12]:
                print(f"  {seconds / total:6.1%}  {library}")


def _library(file: str, function: str) -> str:
    if file == "~":
        words = function.strip("<>").replace("method '", "").replace("built-in ", "").split()
        return f"C: {words[-2] if 'objects' in words[-1] else words[-1]}"[:40]
    parts = Path(file).parts
    for root in ("facade", "generated", "site-packages", f"python3.{sys.version_info.minor}"):
        if root in parts:
            return parts[len(parts) - parts[::-1].index(root)].removesuffix(".py")
    return Path(file).name


# --- The report --------------------------------------------------------------------------------


def table(benchmarks: list[Benchmark]) -> str:
    """Return the figures as a table."""
    lines = [f"{'':44}{'figure':>10}  {'ratio':>6}   limit"]
    for benchmark in benchmarks:
        lines.append(f"{benchmark.name} ({benchmark.unit})")
        for name, figure in benchmark.figures.items():
            ratio, limit = benchmark.ratio(name), benchmark.limit(name)
            lines.append(f"  {name:42}{figure:>10,.1f}  {ratio:>6.2f}   {limit}".rstrip())
    return "\n".join(lines)


def plot(
    benchmarks: list[Benchmark], costs: dict[str, dict[str, float]], walked: dict[str, list[float]]
) -> None:
    """Draw the figures into build/bench.png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ours, others, floor = "#1f6feb", "#b8c0cc", "#57606a"
    figure, axes = pyplot.subplots(3, 3, figsize=(15, 12), layout="constrained")
    cells = iter(axes.flat)
    for benchmark in benchmarks[:4]:
        cell = next(cells)
        names = list(benchmark.figures)[::-1]
        ratios = [benchmark.ratio(name) for name in names]
        colours = [
            ours if "polyai" in name else floor if name == benchmark.floor else others
            for name in names
        ]
        bars = cell.barh(names, ratios, color=colours)
        cell.bar_label(bars, [f"{ratio:.2f}×" for ratio in ratios], padding=3, fontsize=9)
        if "polyai_data" in benchmark.max_ratios:
            cell.axvline(
                benchmark.max_ratios["polyai_data"], color="#cf222e", linewidth=1, linestyle="--"
            )
        cell.set_xlim(0, max(ratios) * 1.2)
        cell.set_title(f"{benchmark.name}\n{benchmark.unit}, ratio to the floor", fontsize=10)
    for title, points in costs.items():
        cell = next(cells)
        cell.bar(list(points), list(points.values()), color=ours, width=0.6)
        cell.set_title(title, fontsize=10)
        if max(points.values()) > 20 * min(points.values()):
            cell.set_yscale("log")
        else:
            cell.set_ylim(bottom=0)
    cell = next(cells)
    if walked["MiB"]:
        percentages = [(number + 1) * 10 for number in range(len(walked["MiB"]))]
        cell.plot(percentages, walked["MiB"], color=ours, marker="o")
        cell.set_ylim(0, max(walked["MiB"]) * 1.3)
        cell.set_title("MiB of memory, by percentage of the list", fontsize=10)
    for cell in axes.flat:
        cell.spines[["top", "right"]].set_visible(False)
        cell.tick_params(labelsize=8)
    figure.savefig(BUILD / "bench.png", dpi=110)


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks, and return the exit code: 1 if a figure is above its limit."""
    parser = argparse.ArgumentParser(description="Benchmark the client.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, rough figures")
    parser.add_argument("--walk", type=int, metavar="N", help="number of conversations to list")
    parser.add_argument("--profile", action="store_true", help="print the time per library instead")
    options = parser.parse_args(argv)
    quick = options.quick
    rounds, count = (3, 200) if quick else (25, 200)  # short turns: see Benchmark.ratio
    with serve_files() as server:
        cores, python = os.cpu_count(), platform.python_version()
        print(f"Served by {server.software}; {cores} cores; Python {python}.\n")
        if options.profile:
            profile(server, count)
            return 0
        imports, first = startup(server, rounds)
        benchmarks = [
            w1(server, count, rounds),
            w2(server, 3, rounds),
            w3(server, 400, 3 if quick else 9),
            w4(server, 3 if quick else 9),
            imports,
            first,
        ]
        memory = recording_memory(server)
        costs = scaling(server, quick=quick)
    walked = walk(options.walk or (20_000 if quick else 100_000))
    print(table(benchmarks))
    print()
    for kind, growth in memory.items():
        print(
            f"Memory grows by {growth:.1f} MiB during a download, {kind} (limit {MAX_GROWTH} MiB)."
        )
    for title, points in costs.items():
        print(f"{title}: " + ", ".join(f"{name}: {value:,.1f}" for name, value in points.items()))
    late = walked["MiB"][1:]
    print(
        f"List: {walked['seconds'][-1]:.1f} s, memory from {min(late):.1f} to {max(late):.1f} MiB."
    )
    BUILD.mkdir(exist_ok=True)
    figures = {
        "machine": {"cores": cores, "python": python},
        "server": server.software,
        "benchmarks": {benchmark.name: benchmark.figures for benchmark in benchmarks},
        "ratios": {
            each.name: {name: each.ratio(name) for name in each.turns} for each in benchmarks
        },
        "recording_mib": memory,
        "scaling": costs,
        "walk": walked,
    }
    (BUILD / "bench.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    plot(benchmarks, costs, walked)
    print("Written: build/bench.json, build/bench.png")
    above = [
        f"{benchmark.name}: {name}" for benchmark in benchmarks for name in benchmark.above_limit()
    ]
    above += [f"memory, {kind}" for kind, growth in memory.items() if growth > MAX_GROWTH]
    for each in above:
        print(f"Above the limit: {each}")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())

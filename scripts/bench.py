"""Measures what the client costs, against the least that it could cost and against others.

`python scripts/bench.py [--quick] [--walk N] [--profile]` serves files with nginx, or where that is
missing with uvicorn, and reads them in turn with: the floor (http.client or aiohttp, with orjson),
httpx alone, the generated client, and this one. The rounds are interleaved, so that what else the
machine does hits all alike; the figures are medians, and what counts are the ratios. It prints a
table, and writes build/bench.json and build/bench.png.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import http.client
import json
import os
import platform
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
from polyai_data import AsyncDataClient, DataClient, _operations
from polyai_data._answer import Answer, read_answer
from polyai_data._auth import ApiKey
from polyai_data._config import Limits, settle
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
PLACE = f"/v1/agents/{AGENT}/conversations"
ONE_BYTES = 11_000
PAGE = 1000
RECORDING_BYTES = 2**26
IN_FLIGHT = 32
SIZES = (1_000, 11_000, 100_000, 1_000_000, 5_000_000)
PAGES = (1, 10, 100, 1000, 5000)
FIELDS = tuple(WIRE_NAMES["ConversationSummary"])
CONCURRENCIES = (1, 4, 16, 64, 256)

# --- What is served ----------------------------------------------------------------------------

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
    location ~ /conversations/ {{ rewrite ^ /size-{one} break; }}
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
        body = small.get(name if last == "conversations" or last in small else "size-{one}")
        size = len(body)
    headers = [(b"content-type", kind), (b"content-length", str(size).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    if last == "audio":
        with (root / "recording").open("rb") as file:
            while piece := file.read(2**18):
                await send({{"type": "http.response.body", "body": piece, "more_body": True}})
        body = b""
    await send({{"type": "http.response.body", "body": body}})
tls = {{}}
if sys.argv[2] == "tls":
    tls = {{"ssl_certfile": {pem!r}, "ssl_keyfile": {pem!r}}}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, **tls)
"""


def make_files(folder: Path) -> None:
    """Write what is served: conversations and pages of several sizes, and a recording."""
    files = folder / "files"
    files.mkdir()
    with (
        serve(conversations=max(PAGES)) as base_url,
        httpx.Client(base_url=base_url, headers={"X-API-KEY": KEY}) as client,
    ):
        for size in PAGES:
            page = client.get(PLACE, params={"limit": size, "offset": 0})
            (files / f"page-{size}").write_bytes(page.content)
        listed = client.get(PLACE, params={"limit": 20}).json()["conversations"]
        whole = client.get(f"{PLACE}/{listed[1]['conversationId']}").json()
    turns = whole["turns"]
    for size in SIZES:
        whole["turns"] = []
        length, turn = len(json.dumps(whole)), 0
        while length < size:
            whole["turns"].append(turns[turn % len(turns)])
            length += len(json.dumps(whole["turns"][-1])) + 2
            turn += 1
        (files / f"size-{size}").write_text(json.dumps(whole), encoding="utf-8")
    (files / "recording").write_bytes(
        b"RIFF" + os.urandom(2**20 - 4) + bytes(RECORDING_BYTES - 2**20)
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@frozen
class Server:
    """Where files are served.

    Attributes:
        url: Its address, and `tls_url` that over TLS.
        certificate: Whom to trust for the latter.
        kind: What serves.
    """

    url: str
    tls_url: str
    certificate: str
    kind: str


@contextmanager
def server() -> Iterator[Server]:
    """Serve the files, in a process of its own."""
    import trustme

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # nginx may read as somebody else
        make_files(folder)
        authority = trustme.CA()
        pem, trusted = folder / "server.pem", folder / "ca.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
        authority.cert_pem.write_to_path(str(trusted))
        port, tls_port = free_port(), free_port()
        nginx = shutil.which("nginx")
        if nginx:
            text = NGINX.format(folder=folder, port=port, tls_port=tls_port, one=ONE_BYTES)
            (folder / "conf").write_text(text, encoding="utf-8")
            commands = [[nginx, "-p", str(folder), "-c", str(folder / "conf")]]
        else:
            text = UVICORN.format(files=str(folder / "files"), pem=str(pem), one=ONE_BYTES)
            commands = [
                [sys.executable, "-c", text, str(port), "plain"],
                [sys.executable, "-c", text, str(tls_port), "tls"],
            ]
        for command in commands:
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        for waiting in (port, tls_port):
            _wait_for(waiting)
        yield Server(
            f"http://127.0.0.1:{port}",
            f"https://127.0.0.1:{tls_port}",
            str(trusted),
            "nginx" if nginx else "uvicorn (nginx is not installed: its own cost is in the floor)",
        )


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not start")


# --- How it is measured ------------------------------------------------------------------------


@define
class Work:
    """A piece of work that several do.

    Attributes:
        name: What is done.
        unit: What a figure is of.
        floor: Who does it with the least effort.
        target: The ratio to the floor that this client must not exceed, if there is one.
        figures: The median of each who does it.
    """

    name: str
    unit: str
    floor: str
    target: float | None
    figures: dict[str, float] = field(factory=dict)

    def ratio(self, who: str) -> float:
        """Return how many times the floor somebody needs."""
        return self.figures[who] / self.figures[self.floor]


Runs = dict[str, Callable[[], float]]


def interleave(runs: Runs, rounds: int) -> dict[str, float]:
    """Return the median of each one's runs, done in turn; the first round does not count."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            gc.collect()  # so that nobody pays for what another left behind
            figure = run()
            if number:
                times[name].append(figure)
    return {name: statistics.median(figures) for name, figures in times.items()}


def timed(work: Callable[[], object], count: int) -> Callable[[], float]:
    """Return what measures the microseconds that one of `count` repetitions takes."""

    def run() -> float:
        started = time.perf_counter()
        for _ in range(count):
            work()
        return (time.perf_counter() - started) / count * 1e6

    return run


def settings(url: str) -> dict[str, Any]:
    """Return the settings of this client for a server."""
    return {"base_url": url, "api_key": KEY, "agent_id": AGENT}


def w1(at: Server, count: int, rounds: int) -> Work:
    """Get one conversation after the other."""
    work = Work("W1 get one, sync", "µs a call", "http.client + orjson", 2.0)
    with ExitStack() as stack:
        connection = http.client.HTTPConnection(urlsplit(at.url).netloc)
        stack.callback(connection.close)
        bare = stack.enter_context(httpx.Client(headers={"X-API-KEY": KEY}))
        client = stack.enter_context(DataClient(**settings(at.url)))
        generated = stack.enter_context(
            AuthenticatedClient(at.url, KEY, prefix="", auth_header_name="X-API-KEY")
        )

        def floor() -> Any:
            connection.request("GET", f"{PLACE}/CA1", headers={"X-API-KEY": KEY})
            return orjson.loads(connection.getresponse().read())["duration"]

        runs: Runs = {
            work.floor: timed(floor, count),
            "polyai_data": timed(lambda: client.get_conversation("CA1").duration, count),
            "polyai_data, with the turns": timed(
                lambda: client.get_conversation("CA1").turns, count
            ),
            "httpx": timed(lambda: bare.get(f"{at.url}{PLACE}/CA1").json()["duration"], count),
            "generated": timed(lambda: generated_get.sync(AGENT, "CA1", client=generated), count),
        }
        work.figures = interleave(runs, rounds)
    return work


def w2(at: Server, count: int, rounds: int) -> Work:
    """Decode a page."""
    work = Work("W2 one of a page of 1,000", "µs a conversation", "orjson", 2.0)
    content = httpx.get(f"{at.url}{PLACE}", params={"limit": PAGE}).content
    config = settle(api_key=ApiKey(KEY), region="us", agent_id=AGENT, base_url=None, timeout=None)
    call = _operations.list_conversations(
        config, limit=PAGE, offset=0, agent_id=None, limits=Limits()
    )

    def ours(*, whole: bool) -> Any:
        page: Any = read_answer(call, Answer(200, httpx.Headers(), content, 0.0, 1))
        if whole:
            return [[getattr(found, name) for name in FIELDS] for found in page.conversations]
        return [found.conversation_id for found in page.conversations]

    def floor() -> Any:
        return [found["conversationId"] for found in orjson.loads(content)["conversations"]]

    runs: Runs = {
        work.floor: timed(floor, count),
        "polyai_data": timed(lambda: ours(whole=False), count),
        "polyai_data, every field": timed(lambda: ours(whole=True), count),
        "json": timed(lambda: json.loads(content), count),
        "generated": timed(lambda: GeneratedPage.from_dict(json.loads(content)), count),
    }
    work.figures = {name: figure / PAGE for name, figure in interleave(runs, rounds).items()}
    return work


def cpu(work: Callable[[], Awaitable[Any]], count: int) -> Callable[[], float]:
    """Return what measures the microseconds of this process's CPU that a call takes."""

    def run() -> float:
        started = time.process_time()
        asyncio.run(work())  # type: ignore[arg-type]
        return (time.process_time() - started) / count * 1e6

    return run


async def _at_once(get: Callable[[str], Awaitable[Any]], count: int, at_once: int) -> None:
    ids = iter([f"CA{number}" for number in range(count)])

    async def worker() -> None:
        for wanted in ids:
            await get(wanted)

    await asyncio.gather(*(worker() for _ in range(at_once)))


def w3_runs(url: str, count: int, at_once: int) -> Runs:
    """Return who gets many conversations at once, and how."""

    async def floor() -> None:
        async with aiohttp.ClientSession(headers={"X-API-KEY": KEY}) as session:

            async def get(wanted: str) -> Any:
                async with session.get(f"{url}{PLACE}/{wanted}") as answer:
                    return orjson.loads(await answer.read())["duration"]

            await _at_once(get, count, at_once)

    async def ours() -> None:
        async with AsyncDataClient(**settings(url)) as client:

            async def get(wanted: str) -> Any:
                return (await client.get_conversation(wanted)).duration

            await _at_once(get, count, at_once)

    async def bulk() -> None:
        async with AsyncDataClient(**settings(url)) as client:
            ids = (f"CA{number}" for number in range(count))
            async for result in client.get_conversations(ids, concurrency=at_once):
                _ = result.value.duration

    async def threads() -> None:
        with DataClient(**settings(url)) as client:
            ids = (f"CA{number}" for number in range(count))
            for result in client.get_conversations(ids, concurrency=min(at_once, 16)):
                _ = result.value.duration

    async def bare() -> None:
        async with httpx.AsyncClient(headers={"X-API-KEY": KEY}) as client:

            async def get(wanted: str) -> Any:
                return (await client.get(f"{url}{PLACE}/{wanted}")).json()["duration"]

            await _at_once(get, count, at_once)

    async def generated() -> None:
        async with AuthenticatedClient(url, KEY, prefix="", auth_header_name="X-API-KEY") as client:
            await _at_once(
                lambda wanted: generated_get.asyncio(AGENT, wanted, client=client), count, at_once
            )

    return {
        "aiohttp + orjson": cpu(floor, count),
        "polyai_data": cpu(ours, count),
        "polyai_data, get_conversations": cpu(bulk, count),
        "polyai_data, get_conversations in threads": cpu(threads, count),
        "httpx": cpu(bare, count),
        "generated": cpu(generated, count),
    }


def w3(at: Server, count: int, rounds: int) -> Work:
    """Get many conversations at once."""
    work = Work(f"W3 get {count:,}, {IN_FLIGHT} at once", "µs CPU a call", "aiohttp + orjson", 2.2)
    work.figures = interleave(w3_runs(at.url, count, IN_FLIGHT), rounds)
    return work


def w4(at: Server, rounds: int) -> Work:
    """Save a recording."""
    work = Work("W4 recording of 64 MiB", "ms", "http.client", 1.6)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        target = Path(name) / "call.wav"
        client = stack.enter_context(DataClient(**settings(at.url)))
        bare = stack.enter_context(httpx.Client(headers={"X-API-KEY": KEY}))

        def floor() -> None:
            connection = http.client.HTTPConnection(urlsplit(at.url).netloc)
            connection.request("GET", f"{PLACE}/CA1/audio", headers={"X-API-KEY": KEY})
            with target.open("wb") as file:
                shutil.copyfileobj(connection.getresponse(), file, 2**16)
            connection.close()

        def streamed() -> None:
            with bare.stream("GET", f"{at.url}{PLACE}/CA1/audio") as answer, target.open("wb") as f:
                for piece in answer.iter_bytes():
                    f.write(piece)

        async def asynchronous() -> None:
            async with AsyncDataClient(**settings(at.url)) as client:
                await client.download_recording("CA1", target)

        def saving(work: Callable[[], object]) -> Callable[[], float]:
            def run() -> float:
                target.unlink(missing_ok=True)  # to replace a file costs a system more than all
                return timed(work, 1)()

            return run

        runs: Runs = {
            work.floor: saving(floor),
            "polyai_data": saving(lambda: client.download_recording("CA1", target)),
            "polyai_data, async": saving(lambda: asyncio.run(asynchronous())),
            "httpx": saving(streamed),
        }
        work.figures = {who: figure / 1000 for who, figure in interleave(runs, rounds).items()}
    return work


def memory_of_a_recording(at: Server) -> dict[str, float]:
    """Return the MiB by which the peak of a process grows while it saves the recording."""
    code = """
import asyncio, resource, sys, tempfile
from polyai_data import AsyncDataClient, DataClient
options = dict(base_url=sys.argv[1], api_key="k", agent_id="PROJECT-DEMO")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with tempfile.TemporaryDirectory() as folder:
    if sys.argv[2] == "sync":
        with DataClient(**options) as client:
            client.get_conversation("CA1").duration
            before = peak()
            client.download_recording("CA1", folder)
    else:
        async def main():
            global before
            async with AsyncDataClient(**options) as client:
                (await client.get_conversation("CA1")).duration
                before = peak()
                await client.download_recording("CA1", folder)
        asyncio.run(main())
    print(peak() - before)
"""
    return {kind: float(_python(code, at.url, kind).stdout) for kind in ("sync", "async")}


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )


def start(at: Server, rounds: int) -> tuple[Work, Work]:
    """Import the package, and make the first call of a fresh process."""
    imports = Work("import", "ms", "httpx", None)
    first = Work("first call of a process", "ms", "httpx", 1.3)

    def process(code: str) -> Callable[[], float]:
        def run() -> float:
            started = time.perf_counter()
            _python(code, at.url)
            return (time.perf_counter() - started) * 1000

        return run

    imports.figures = interleave(
        {
            "nothing": process("pass"),
            "httpx": process("import httpx"),
            "polyai_data": process("import polyai_data"),
        },
        rounds,
    )
    first.figures = interleave(
        {
            "httpx": process(
                "import httpx, sys\n"
                "with httpx.Client(headers={'X-API-KEY': 'k'}) as client:\n"
                f"    client.get(sys.argv[1] + '{PLACE}/CA1').json()['duration']"
            ),
            "polyai_data": process(
                "import polyai_data, sys\n"
                "options = dict(base_url=sys.argv[1], api_key='k', agent_id='PROJECT-DEMO')\n"
                "with polyai_data.DataClient(**options) as client:\n"
                "    client.get_conversation('CA1').duration"
            ),
        },
        rounds,
    )
    return imports, first


# --- How the cost grows ------------------------------------------------------------------------


def series(at: Server, *, quick: bool) -> dict[str, dict[str, float]]:
    """Return how the cost grows: by page size, conversation size, concurrency; and with TLS."""
    found: dict[str, dict[str, float]] = {}
    with DataClient(**settings(at.url)) as client:
        pages = PAGES[:-1] if quick else PAGES
        found["µs a conversation, by page size"] = {
            f"{size:,}": timed(
                lambda size=size: [
                    c.conversation_id for c in client.get_page(limit=size).conversations
                ],  # type: ignore[misc]
                max(2, 300 // size),
            )()
            / size
            for size in (pages[0], *pages)
        }
        sizes = SIZES[:-1] if quick else SIZES
        found["µs a KB, by size of the conversation"] = {
            f"{size / 1000:,.0f} KB": timed(
                lambda size=size: client.get_conversation(f"size-{size}").duration,  # type: ignore[misc]
                max(3, 1_000_000 // size // 5),
            )()
            / (size / 1000)
            for size in (sizes[0], *sizes)
        }
    count = 300 if quick else 2000
    found["µs CPU a call, by calls at once"] = {
        str(number): statistics.median(
            w3_runs(at.url, count, number)["polyai_data"]() for _ in range(3)
        )
        for number in CONCURRENCIES
    }
    found["µs a call, plain and TLS"] = tls(at, count)
    return found


def tls(at: Server, count: int) -> dict[str, float]:
    """Return what a call costs in plain text and over TLS."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = at.certificate
    try:
        with DataClient(**settings(at.url)) as plain, DataClient(**settings(at.tls_url)) as sealed:
            return interleave(
                {
                    "plain": timed(lambda: plain.get_conversation("CA1").duration, count),
                    "TLS": timed(lambda: sealed.get_conversation("CA1").duration, count),
                },
                3,
            )
    finally:
        del os.environ["SSL_CERT_FILE"]
        if before is not None:
            os.environ["SSL_CERT_FILE"] = before


def walk(count: int) -> dict[str, list[float]]:
    """Walk over a sandbox; return seconds and MiB of memory at each tenth of the way."""
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


# --- Where the time goes -----------------------------------------------------------------------


def profile(at: Server, count: int) -> None:
    """Print in which library W1's and W3's time is spent."""
    import cProfile
    import pstats

    with DataClient(**settings(at.url)) as client:
        runs = {
            "W1": timed(lambda: client.get_conversation("CA1").duration, count),
            "W3": w3_runs(at.url, count, IN_FLIGHT)["polyai_data"],
        }
        for name, run in runs.items():
            run()
            profiler = cProfile.Profile()
            profiler.runcall(run)
            spent: dict[str, float] = {}
            statistics_of: Any = pstats.Stats(profiler)
            for (file, _, function), row in statistics_of.stats.items():
                library = _library(file, function)
                spent[library] = spent.get(library, 0.0) + row[2]
            whole = sum(spent.values())
            print(f"\n{name}: {whole / count * 1e6:.0f} µs a call under the profiler")
            for library, seconds in sorted(spent.items(), key=lambda item: -item[1])[:12]:
                print(f"  {seconds / whole:6.1%}  {library}")


def _library(file: str, function: str) -> str:
    if file == "~":
        words = function.strip("<>").replace("method '", "").replace("built-in ", "").split()
        return f"C: {words[-2] if 'objects' in words[-1] else words[-1]}"[:40]
    parts = Path(file).parts
    for root in ("facade", "generated", "site-packages", f"python3.{sys.version_info.minor}"):
        if root in parts:
            return parts[len(parts) - parts[::-1].index(root)].removesuffix(".py")
    return Path(file).name


# --- What is shown -----------------------------------------------------------------------------


def table(works: list[Work]) -> str:
    """Return the figures as a table."""
    lines = [f"{'':34}{'figure':>10}  {'ratio':>6}   at most"]
    for work in works:
        lines.append(f"{work.name} ({work.unit})")
        for who in work.figures:
            target = f"{work.target:.1f}" if work.target and who == "polyai_data" else ""
            lines.append(
                f"  {who:42}{work.figures[who]:>10,.1f}  {work.ratio(who):>6.2f}   {target}"
            )
    return "\n".join(lines)


def plot(
    works: list[Work], grown: dict[str, dict[str, float]], walked: dict[str, list[float]]
) -> None:
    """Draw the figures into build/bench.png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ours, others, floor = "#1f6feb", "#b8c0cc", "#57606a"
    figure, axes = pyplot.subplots(3, 3, figsize=(15, 12), layout="constrained")
    cells = iter(axes.flat)
    for work in works[:4]:
        cell = next(cells)
        names = list(work.figures)[::-1]
        ratios = [work.ratio(name) for name in names]
        colours = [
            ours if "polyai" in name else floor if name == work.floor else others for name in names
        ]
        bars = cell.barh(names, ratios, color=colours)
        cell.bar_label(bars, [f"{ratio:.2f}×" for ratio in ratios], padding=3, fontsize=9)
        if work.target:
            cell.axvline(work.target, color="#cf222e", linewidth=1, linestyle="--")
        cell.set_xlim(0, max(ratios) * 1.2)
        cell.set_title(f"{work.name}\n{work.unit}, times the floor", fontsize=10)
    for title, points in grown.items():
        cell = next(cells)
        cell.bar(list(points), list(points.values()), color=ours, width=0.6)
        cell.set_title(title, fontsize=10)
        if max(points.values()) > 20 * min(points.values()):
            cell.set_yscale("log")
        else:
            cell.set_ylim(bottom=0)
    cell = next(cells)
    if walked["MiB"]:
        share = [(number + 1) * 10 for number in range(len(walked["MiB"]))]
        cell.plot(share, walked["MiB"], color=ours, marker="o")
        cell.set_ylim(0, max(walked["MiB"]) * 1.3)
        cell.set_title("MiB of memory, by per cent of a walk", fontsize=10)
    for cell in axes.flat:
        cell.spines[["top", "right"]].set_visible(False)
        cell.tick_params(labelsize=8)
    figure.savefig(BUILD / "bench.png", dpi=110)


def main(argv: list[str] | None = None) -> int:
    """Measure, and show the figures; return 1 if a ratio is above its target."""
    parser = argparse.ArgumentParser(description="Measure what the client costs.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: rough figures")
    parser.add_argument("--walk", type=int, help="how many conversations to walk over")
    parser.add_argument("--profile", action="store_true", help="show where the time goes instead")
    options = parser.parse_args(argv)
    quick = options.quick
    rounds, count = (3, 200) if quick else (9, 1000)
    with server() as at:
        print(f"Served by {at.kind}; {os.cpu_count()} cores; Python {platform.python_version()}.\n")
        if options.profile:
            profile(at, count)
            return 0
        imports, first = start(at, rounds)
        works = [
            w1(at, count, rounds),
            w2(at, 3 if quick else 10, rounds),
            w3(at, 500 if quick else 3000, 3 if quick else 5),
            w4(at, rounds),
            imports,
            first,
        ]
        memory = memory_of_a_recording(at)
        grown = series(at, quick=quick)
    walked = walk(options.walk or (20_000 if quick else 100_000))
    print(table(works))
    extra = imports.figures["polyai_data"] - imports.figures["httpx"]
    print(f"\nThe import costs {extra:.0f} ms more than that of httpx (at most 15).")
    for kind, grew in memory.items():
        print(f"Memory grows by {grew:.1f} MiB for the recording, {kind} (at most 4).")
    for title, points in grown.items():
        print(f"{title}: " + ", ".join(f"{name}: {value:,.1f}" for name, value in points.items()))
    late = walked["MiB"][1:]
    print(
        f"Walk: {walked['seconds'][-1]:.1f} s, memory from {min(late):.1f} to {max(late):.1f} MiB."
    )
    BUILD.mkdir(exist_ok=True)
    figures = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "server": at.kind,
        "works": {work.name: work.figures for work in works},
        "recording_mib": memory,
        "series": grown,
        "walk": walked,
    }
    (BUILD / "bench.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    plot(works, grown, walked)
    print("Written: build/bench.json, build/bench.png")
    return int(any(work.target and work.ratio("polyai_data") > work.target for work in works))


if __name__ == "__main__":
    sys.exit(main())

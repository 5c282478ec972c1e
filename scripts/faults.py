"""Tests how the clients handle every fault of the sandbox.

`python scripts/faults.py [--only NAME]` injects every fault into every operation of both clients,
into one request and into all of them. It writes a table to build/faults.md, and exits with 1 if a
guarantee is violated: the error or recovery, the number of requests, the effects of a write, the
time it takes, and that no connection, task, thread, file or unclosed socket is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import ssl
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import httpx
from attrs import frozen
from polyai_data import (
    Annotation,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncDataClient,
    BadRequestError,
    DataClient,
    NotFoundError,
    PolyAIError,
    RateLimitError,
    ResponseDecodeError,
    ServerError,
)
from polyai_data._async import io as async_io
from polyai_data._http.transports import LIMITS
from polyai_data._sync import io as sync_io
from polyai_data.sandbox import Fault, Received, serve

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "faults.md"

KEY = "sandbox-key-8f3a61c2"
CHAT = "CHAT"
LIST_PATH = "/v1/*/conversations"
SEARCH_PATH = "/v3/*/conversations"
RECORDING_BYTES = 300_044
PAGE_SIZE = 3
CONVERSATIONS = 8
RETRIES = 2
READ_TIMEOUT = 0.25
"""Seconds, for faults that cause timeouts. Other cases use a long timeout, for slow machines."""
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP. It loads no certificates, which would take longer than a case."""
MAX_SECONDS = 15.0
"""The maximum duration of a case with all its attempts, on a busy machine."""

ClientClass = type[DataClient] | type[AsyncDataClient]
Mode = Literal["once", "always"]
MODES: tuple[Mode, ...] = ("once", "always")


@frozen
class FaultCase:
    """A fault, and how the clients must handle it.

    Attributes:
        name: A description of the fault.
        fault: The attributes of the sandbox's fault.
        error: The exception to raise if the call fails. None if it succeeds.
        retryable: Whether reads are retried.
        rejected: Whether the response says that the request had no effect.
        recording_error: The exception for recordings if it differs. None if the download succeeds.
        times_out: Whether the client only notices the fault by a timeout.
    """

    name: str
    fault: dict[str, Any]
    error: type[PolyAIError] | None
    retryable: bool = False
    rejected: bool = False
    recording_error: type[PolyAIError] | None = PolyAIError
    times_out: bool = False

    def error_for(self, operation: str) -> type[PolyAIError] | None:
        """Return the exception for an operation."""
        if operation == "get_recording" and self.recording_error is not PolyAIError:
            return self.recording_error
        return self.error


def response(status: int, body: Any = b"", **headers: str) -> dict[str, Any]:
    """Return a fault that replaces the response."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "body": body, "headers": fields}


ENVELOPE = {"success": False, "error_message": "It is broken.", "error_code": "BROKEN"}
HTML = "<html><body>Bad gateway</body></html>"
JSON = {"Content_Type": "application/json"}


def fault_cases(other_url: str) -> list[FaultCase]:
    """Return all faults. Redirects lead to another host, at `other_url`."""
    return [
        FaultCase("500 with an envelope", response(500, ENVELOPE), ServerError, retryable=True),
        FaultCase("502 with HTML", response(502, HTML), ServerError, retryable=True),
        FaultCase("504 empty", response(504), ServerError, retryable=True),
        FaultCase("520 with text", response(520, "What?"), ServerError, retryable=True),
        FaultCase("408", response(408, ENVELOPE), APIStatusError, retryable=True),
        FaultCase(
            "503 after performing",
            {**response(503, HTML), "performed": True},
            ServerError,
            retryable=True,
        ),
        FaultCase(
            "503 with Retry-After",
            response(503, ENVELOPE, Retry_After="1"),
            ServerError,
            retryable=True,
            rejected=True,
        ),
        FaultCase(
            "429",
            response(429, ENVELOPE, Retry_After="0"),
            RateLimitError,
            retryable=True,
            rejected=True,
        ),
        FaultCase(
            "429 for an hour",
            response(429, ENVELOPE, Retry_After="3600"),
            RateLimitError,
            rejected=True,
        ),
        FaultCase("400", response(400, ENVELOPE), BadRequestError, rejected=True),
        FaultCase("404 with HTML", response(404, HTML), NotFoundError, rejected=True),
        FaultCase(
            "redirect to another host",
            response(307, Location=other_url),
            APIStatusError,
            rejected=True,
        ),
        FaultCase("200 empty", response(200, **JSON), ResponseDecodeError),
        FaultCase("200 with HTML", response(200, HTML), ResponseDecodeError),
        FaultCase("200 with HTML as JSON", response(200, HTML, **JSON), ResponseDecodeError),
        FaultCase("200 with JSON as text", response(200, '{"turns": 5'), ResponseDecodeError),
        FaultCase(
            "200 with success: false",
            response(200, {"success": False}),
            APIStatusError,
            rejected=True,
        ),
        FaultCase(
            "invalid UTF-8",
            response(200, b'"\xff"', **JSON),
            ResponseDecodeError,
        ),
        FaultCase(
            "JSON nested 100,000 deep",
            response(200, b"[" * 100_000 + b"]" * 100_000, **JSON),
            ResponseDecodeError,
        ),
        FaultCase("a body of 1 GiB", {"kind": "huge"}, ResponseDecodeError),
        FaultCase(
            "late", {"kind": "late", "delay": 60}, APITimeoutError, retryable=True, times_out=True
        ),
        FaultCase(
            "stall in the body",
            {"kind": "stall-in-body", "delay": 60},
            APITimeoutError,
            retryable=True,
            times_out=True,
        ),
        *(
            FaultCase(
                f"{end} {position}",
                {"kind": f"{end}-{position.replace(' ', '-')}"},
                APIConnectionError,
                retryable=True,
            )
            for position in ("before headers", "in headers", "in body")
            for end in ("close", "reset")
        ),
        FaultCase(
            "close before headers, after performing",
            {"kind": "close-before-headers", "performed": True},
            APIConnectionError,
            retryable=True,
        ),
        FaultCase("wrong length", {"kind": "wrong-length"}, APIConnectionError, retryable=True),
        FaultCase(
            "broken chunking", {"kind": "broken-chunking"}, APIConnectionError, retryable=True
        ),
        FaultCase(  # nothing but the JSON, or the WAV header, shows that it is cut off
            "close without a length",
            {"kind": "close-without-length"},
            ResponseDecodeError,
            recording_error=APIConnectionError,
        ),
        FaultCase("broken gzip", {"kind": "broken-gzip"}, ResponseDecodeError),
        FaultCase("surplus", {"kind": "surplus"}, None, recording_error=None),
        # According to its Content-Length, such a recording is complete.
        FaultCase("over-long", {"kind": "over-long"}, ResponseDecodeError, recording_error=None),
    ]


@frozen
class Operation:
    """An operation, and the request of it that fails.

    Attributes:
        name: The name of the operation.
        path: The pattern of the path that fails.
        call: Calls the operation, with a client and the directory for files.
        first_failing: The number of the first request to this path that fails.
        is_write: Whether repeating the request would have another effect.
        count_effects: Returns how often a write took effect, using a client of the sandbox.
    """

    name: str
    path: str
    call: Callable[[Any, Path], Any]
    first_failing: int = 1
    is_write: bool = False
    count_effects: Callable[[httpx.Client], int] | None = None


def operations(recorded_id: str) -> list[Operation]:
    """Return all operations.

    Args:
        recorded_id: The ID of a conversation that has a recording.
    """
    wrong = Annotation(turn=0, role="agent", type="wrong_info")

    def listed(http: httpx.Client) -> Any:
        return http.get("conversations", params={"limit": 100}).json()

    def turns(http: httpx.Client, conversation_id: str) -> Any:
        return http.get(f"conversations/{conversation_id}").json()["turns"]

    def list_all(client: Any, _: Path) -> Any:
        conversations = client.list_conversations(page_size=PAGE_SIZE)
        if isinstance(client, DataClient):
            return len({conversation.conversation_id for conversation in conversations})

        async def count() -> int:
            return len({conversation.conversation_id async for conversation in conversations})

        return count()

    def search_all(client: Any, _: Path) -> Any:
        search = client.search_conversations(page_size=PAGE_SIZE)
        if isinstance(client, DataClient):
            return len({found.id for found in search})

        async def count() -> int:
            return len({found.id async for found in search})

        return count()

    return [
        Operation("search_conversations", SEARCH_PATH, search_all, first_failing=2),
        Operation("list_conversations", LIST_PATH, lambda client, _: client.get_page()),
        Operation("list_conversations, second page", LIST_PATH, list_all, first_failing=2),
        Operation(
            "get_conversation",
            f"*/{recorded_id}",
            lambda client, _: client.get_conversation(recorded_id),
        ),
        Operation(
            "get_recording",
            "*/audio",
            lambda client, folder: client.download_recording(recorded_id, folder / "call.wav"),
        ),
        Operation(
            "add_annotations",
            "*/annotation",
            lambda client, _: client.add_annotations(recorded_id, [wrong]),
            is_write=True,
            count_effects=lambda http: len(turns(http, recorded_id)[0]["reviews"]),
        ),
        Operation(
            "set_note",
            "*/note",
            lambda client, _: client.set_note(recorded_id, "Listened to."),
            count_effects=lambda http: sum(
                each["note"] == "Listened to." for each in listed(http)["conversations"]
            ),
        ),
        Operation(
            "start_chat",
            "*/debug-chat",
            lambda client, _: client.start_chat("sandbox"),
            first_failing=2,  # every case starts one chat
            is_write=True,
            count_effects=lambda http: listed(http)["count"] - CONVERSATIONS - 1,
        ),
        Operation(
            "send_chat_message",
            "*/debug-chat/*",
            lambda client, _: client.resume_chat(CHAT, "sandbox").send("A table, please."),
            is_write=True,
            count_effects=lambda http: len(turns(http, CHAT)) - 1,
        ),
    ]


@frozen
class Outcome:
    """The outcome of a case.

    Attributes:
        result: The return value of the call, or its exception.
        requests: The number of requests to the path, from the first failing one on.
        effects: How often a write took effect.
        files: The names and sizes of the written files.
        leaks: The resources that were left behind.
        seconds: The duration of the call.
    """

    result: Any
    requests: int
    effects: int
    files: dict[str, int]
    leaks: list[str]
    seconds: float


@contextmanager
def sandbox(faults: list[Fault], received: list[Received]) -> Iterator[tuple[str, httpx.Client]]:
    """Serve a sandbox with one chat. Yield its base URL and a plain HTTP client."""
    with (
        serve(
            api_key=KEY,
            conversations_api_key=KEY,
            conversations=CONVERSATIONS,
            faults=faults,
            received=received,
            recording_bytes=RECORDING_BYTES,
        ) as base_url,
        httpx.Client(
            base_url=f"{base_url}/v1/agents/PROJECT-DEMO/",
            headers={"X-API-KEY": KEY},
            trust_env=False,
            verify=NO_TLS,
        ) as http,
    ):
        http.post("debug-chat", json={"clientEnv": "sandbox", "conversationId": CHAT})
        yield base_url, http


def find_recorded() -> str:
    """Return the ID of a conversation that has a recording."""
    with sandbox([], []) as (_, http):
        conversations = http.get("conversations").json()["conversations"]
    return str(next(each["conversationId"] for each in conversations if each["audioUrl"]))


def run_case(
    client_class: ClientClass, operation: Operation, case: FaultCase | None, mode: Mode
) -> Outcome:
    """Call an operation of a sandbox with a fault, or without one."""
    first = operation.first_failing
    failing = range(first, first + (1 if mode == "once" else RETRIES + 1))
    faults = [Fault(**case.fault, path=operation.path, nth=nth) for nth in failing] if case else []
    received: list[Received] = []
    leaks: list[str] = []
    threads = set(threading.enumerate())
    with ExitStack() as stack:
        stack.enter_context(record_unclosed(leaks))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base_url, http = stack.enter_context(sandbox(faults, received))
        settings: dict[str, Any] = {
            "api_key": KEY,
            "conversations_api_key": KEY,
            "account_id": "ACCOUNT-DEMO",
            "agent_id": "PROJECT-DEMO",
            "base_url": base_url,
            "timeout": READ_TIMEOUT if case and case.times_out else 10,
            "max_retries": RETRIES,
            "max_response_bytes": 2**20,
        }
        run = run_sync if client_class is DataClient else run_async
        started = time.monotonic()
        result = run(settings, operation, folder, leaks)
        seconds = time.monotonic() - started
        requests = sum(fnmatchcase(each.path, operation.path) for each in received) - first + 1
        effects = operation.count_effects(http) if operation.count_effects else 0
        files = {path.name: path.stat().st_size for path in folder.iterdir()}
    leaks += [f"thread {thread.name}" for thread in set(threading.enumerate()) - threads]
    return Outcome(result, requests, effects, files, leaks, seconds)


def run_sync(settings: dict[str, Any], operation: Operation, folder: Path, leaks: list[str]) -> Any:
    """Return the result or exception of a call, and record its leaks."""
    with DataClient(**settings) as client:
        try:
            result = operation.call(client, folder)
        except BaseException as error:
            result = error
        leaks += in_use(client)
        client.get_conversation(CHAT)  # the client is still usable
    return result


def run_async(
    settings: dict[str, Any], operation: Operation, folder: Path, leaks: list[str]
) -> Any:
    """Return the same as `run_sync`, with the asynchronous client."""

    async def run() -> Any:
        async with AsyncDataClient(**settings) as client:
            try:
                result = await operation.call(client, folder)
            except BaseException as error:
                result = error
            leaks.extend(in_use(client))
            for _ in range(100):  # lets abandoned generators of httpx finish
                await asyncio.sleep(0)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            leaks.extend(f"task {task.get_coro()}" for task in tasks)
            await client.get_conversation(CHAT)
        return result

    return asyncio.run(run())


def in_use(client: Any) -> list[str]:
    """Return the connections and connection slots that were not released."""
    transport = client._connection._transports()[0]
    if isinstance(client, AsyncDataClient):
        found = [repr(each) for each in transport._session.connector._acquired]
        count = (LIMITS.max_connections or 0) - transport._slots._value
    else:
        pool = transport._pool
        opened = pool.connections
        found = [repr(each) for each in opened if not (each.is_idle() or each.is_closed())]
        count = len(pool._requests)
    return [*found, f"{count} unfinished requests"] if count else found


@contextmanager
def record_unclosed(leaks: list[str]) -> Iterator[None]:
    """Record resources that are garbage-collected without being closed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    leaks += [str(warning.message) for warning in caught]


def violations(
    operation: Operation, case: FaultCase, mode: Mode, outcome: Outcome, baseline: Outcome
) -> Iterator[str]:
    """Yield the guarantees that an outcome violates.

    Args:
        operation: The operation.
        case: The fault.
        mode: How often the fault was injected.
        outcome: The outcome with the fault.
        baseline: The outcome without the fault.
    """
    error = case.error_for(operation.name)
    retryable = case.retryable or error is APIConnectionError
    retries = retryable and (case.rejected or not operation.is_write)
    recovers = error is None or (retries and mode == "once")
    attempts = 1 if error is None or not retries else 2 if mode == "once" else RETRIES + 1
    performed = attempts - 1 if recovers else attempts
    performed *= Fault(**case.fault).is_performed
    effects = performed + recovers if operation.count_effects else 0
    if operation.name == "set_note":
        effects = min(effects, 1)
    requests = baseline.requests + attempts - 1 if recovers else attempts
    result = outcome.result
    if recovers:
        if type(result) is not type(baseline.result):
            yield f"{result!r} instead of a result"
        elif isinstance(result, int) and result != baseline.result:
            yield f"{result} conversations instead of {baseline.result}"
    elif type(result) is not error:
        yield f"{result!r} instead of {error.__name__ if error else 'a result'}"
    else:
        unknown = bool(operation.count_effects) and not case.rejected
        if result.outcome_unknown is not unknown:
            yield f"outcome_unknown={result.outcome_unknown}"
        if result.attempts != attempts:
            yield f"{result.attempts} attempts instead of {attempts}"
        if KEY in f"{result} {result!r} {result.__dict__}":
            yield "the key is in the error"
    if outcome.requests != requests:
        yield f"{outcome.requests} requests instead of {requests}"
    if outcome.effects != effects:
        yield f"{outcome.effects} effects instead of {effects}"
    if sorted(outcome.files) != sorted(baseline.files if recovers else {}):
        yield f"files {outcome.files}"
    if outcome.files != baseline.files and recovers and error is not None:
        yield f"files {outcome.files}"
    if outcome.seconds > MAX_SECONDS:
        yield f"took {outcome.seconds:.1f} s"
    for leak in outcome.leaks:
        yield f"leaked {leak}"


def summarize(once: Outcome, always: Outcome) -> str:
    """Return the table cell for the outcomes of a fault."""
    if not isinstance(always.result, BaseException):
        return "no failure"
    final = type(always.result).__name__
    if isinstance(once.result, BaseException):
        unknown = ", outcome unknown" if getattr(once.result, "outcome_unknown", False) else ""
        return f"{final}{unknown}"
    return f"recovers; {final} after {always.requests}"


def main(argv: list[str] | None = None) -> int:
    """Test all faults, and return the exit code: 1 if a guarantee was violated."""
    parser = argparse.ArgumentParser(description="Test every fault with every operation.")
    parser.add_argument(
        "--only", default="", metavar="NAME", help="test only faults with this in their name"
    )
    only = parser.parse_args(argv).only
    skip_backoff()
    redirected: list[Received] = []
    violated: list[str] = []
    rows: list[list[str]] = []
    all_operations = operations(find_recorded())
    client_classes: tuple[ClientClass, ...] = (DataClient, AsyncDataClient)
    baselines = {
        (client_class, operation.name): run_case(client_class, operation, None, "once")
        for client_class in client_classes
        for operation in all_operations
    }
    count = 0
    with serve(received=redirected) as other_url:
        for case in fault_cases(other_url):
            if only not in case.name:
                continue
            row = [case.name]
            for operation in all_operations:
                cells = []
                for client_class in client_classes:
                    baseline = baselines[client_class, operation.name]
                    outcomes = []
                    for mode in MODES:
                        outcome = run_case(client_class, operation, case, mode)
                        where = f"{case.name}, {mode}: {client_class.__name__}, {operation.name}"
                        for violation in violations(operation, case, mode, outcome, baseline):
                            violated.append(f"{where}: {violation}")
                        outcomes.append(outcome)
                        count += 1
                    cells.append(summarize(*outcomes))
                row.append(" / ".join(dict.fromkeys(cells)))
            rows.append(row)
            print(f"{case.name}: {row[1]}", flush=True)
    violated += [f"the other host received {each.method} {each.path}" for each in redirected]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(as_markdown(all_operations, rows, count, violated), encoding="utf-8")
    print(*violated, sep="\n")
    print(f"{count} cases, {len(violated)} violations: {REPORT.relative_to(ROOT)}")
    return 1 if violated or not count else 0


def skip_backoff() -> None:
    """Make the clients retry without delay."""

    async def pause(seconds: float) -> None:
        await asyncio.sleep(seconds * 0)

    sync_io._sleep = lambda *_: False
    async_io._sleep = pause  # type: ignore[assignment]  # asyncio.sleep is overloaded


def as_markdown(
    all_operations: list[Operation], rows: list[list[str]], count: int, violated: list[str]
) -> str:
    """Return the table as Markdown."""
    header = ["Fault", *(operation.name for operation in all_operations)]
    lines = [
        "# Fault handling",
        "",
        f"{count} cases: each fault in one request and in all of them, with both clients and "
        f"{RETRIES} retries. Violations: {len(violated)}.",
        "",
        "| " + " | ".join(header) + " |",
        "|" + " --- |" * len(header),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        *(f"- {violation}" for violation in violated),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""Holds the clients against a sandbox that fails in every way it can.

`python scripts/faults.py [--only TEXT]` tries every fault with every operation, with both clients,
on one request and on all of them, and between the pages of a walk. It writes a table to
build/faults.md, and fails if anything comes out otherwise than promised: the error or the recovery,
the number of requests, what a write did, the time it took, and what was left behind (connections,
tasks, threads, files, unclosed sockets).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
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
    _retry,
)
from polyai_data._transport import CONNECTIONS
from polyai_data.sandbox import Fault, Received, serve

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "faults.md"

KEY = "sandbox-key-8f3a61c2"
CHAT = "CHAT"
PAGES = "*/conversations"
RECORDING_BYTES = 300_044
PAGE = 3
CONVERSATIONS = 8
RETRIES = 2
READ_TIMEOUT = 0.25
"""Seconds, where a fault is one of time; much longer elsewhere, so that a slow machine is none."""
TIME_BOUND = 15.0
"""Seconds that a case may take, with all its attempts, on a machine that does other things too."""

Kind = type[DataClient] | type[AsyncDataClient]
Mode = Literal["once", "always"]
MODES: tuple[Mode, ...] = ("once", "always")


@frozen
class Trial:
    """A fault, and what is promised about it.

    Attributes:
        name: What goes wrong.
        fault: The attributes of the sandbox's fault.
        error: What is raised if it does not pass.
        passes: Whether what reads tries again.
        refused: Whether the server says that it did not perform the request.
        audio: What is raised for a recording where that differs; None if it passes for whole.
        slow: Whether it takes a time-out to notice.
    """

    name: str
    fault: dict[str, Any]
    error: type[PolyAIError]
    passes: bool = False
    refused: bool = False
    audio: type[PolyAIError] | None = PolyAIError
    slow: bool = False

    def error_for(self, operation: str) -> type[PolyAIError] | None:
        """Return what is promised for an operation."""
        if operation == "get_recording" and self.audio is not PolyAIError:
            return self.audio
        return self.error


def answer(status: int, body: Any = b"", **headers: str) -> dict[str, Any]:
    """Return the fault that is an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "body": body, "headers": named}


ENVELOPE = {"success": False, "error_message": "It is broken.", "error_code": "BROKEN"}
HTML = "<html><body>Bad gateway</body></html>"
JSON = {"Content_Type": "application/json"}


def trials(elsewhere: str) -> list[Trial]:
    """Return every fault; redirects lead elsewhere."""
    return [
        Trial("500 with an envelope", answer(500, ENVELOPE), ServerError, passes=True),
        Trial("502 with HTML", answer(502, HTML), ServerError, passes=True),
        Trial("504 empty", answer(504), ServerError, passes=True),
        Trial("520 with text", answer(520, "What?"), ServerError),
        Trial("408", answer(408, ENVELOPE), APIStatusError, passes=True),
        Trial("503, performed", {**answer(503, HTML), "performed": True}, ServerError, passes=True),
        Trial(
            "503 with Retry-After",
            answer(503, ENVELOPE, Retry_After="1"),
            ServerError,
            passes=True,
            refused=True,
        ),
        Trial(
            "429", answer(429, ENVELOPE, Retry_After="0"), RateLimitError, passes=True, refused=True
        ),
        Trial(
            "429 for an hour",
            answer(429, ENVELOPE, Retry_After="3600"),
            RateLimitError,
            refused=True,
        ),
        Trial("400", answer(400, ENVELOPE), BadRequestError, refused=True),
        Trial("404 with HTML", answer(404, HTML), NotFoundError, refused=True),
        Trial(
            "redirect to another host",
            answer(307, Location=elsewhere),
            APIStatusError,
            refused=True,
        ),
        Trial("200 empty", answer(200, **JSON), ResponseDecodeError),
        Trial("200 with HTML", answer(200, HTML), ResponseDecodeError),
        Trial("200 with HTML called JSON", answer(200, HTML, **JSON), ResponseDecodeError),
        Trial("200 with JSON called text", answer(200, '{"turns": 5'), ResponseDecodeError),
        Trial("200 that failed", answer(200, {"success": False}), APIStatusError, refused=True),
        Trial(
            "invalid UTF-8", answer(200, b'{"conversations": "\xff"}', **JSON), ResponseDecodeError
        ),
        Trial(
            "JSON nested 100,000 deep",
            answer(200, b"[" * 100_000 + b"]" * 100_000, **JSON),
            ResponseDecodeError,
        ),
        Trial("a body of 1 GiB", {"kind": "huge"}, ResponseDecodeError),
        Trial("late", {"kind": "late", "delay": 60}, APITimeoutError, passes=True, slow=True),
        Trial(
            "stall in the body",
            {"kind": "stall-in-body", "delay": 60},
            APITimeoutError,
            passes=True,
            slow=True,
        ),
        *(
            Trial(
                f"{end} {place}",
                {"kind": f"{end}-{place.replace(' ', '-')}"},
                APIConnectionError,
                passes=True,
            )
            for place in ("before headers", "in headers", "in body")
            for end in ("close", "reset")
        ),
        Trial(
            "close before headers, performed",
            {"kind": "close-before-headers", "performed": True},
            APIConnectionError,
            passes=True,
        ),
        Trial("wrong length", {"kind": "wrong-length"}, APIConnectionError, passes=True),
        Trial(  # slow, since aiohttp tells nobody of it
            "broken chunking",
            {"kind": "broken-chunking"},
            APIConnectionError,
            passes=True,
            slow=True,
        ),
        Trial("broken gzip", {"kind": "broken-gzip"}, ResponseDecodeError),
        # By its Content-Length such a recording is whole.
        Trial("over-long", {"kind": "over-long"}, ResponseDecodeError, audio=None),
    ]


@frozen
class Place:
    """A call, and where in it the fault strikes.

    Attributes:
        name: The operation.
        path: The path that fails, as a pattern.
        call: Makes the call, with a client and the directory for files.
        at: Which request for that path fails first.
        is_write: Whether repeating it would change more than doing it once.
        effects: Counts how often a write took effect, with a client of the sandbox.
    """

    name: str
    path: str
    call: Callable[[Any, Path], Any]
    at: int = 1
    is_write: bool = False
    effects: Callable[[httpx.Client], int] | None = None


def places(recorded: str) -> list[Place]:
    """Return every operation.

    Args:
        recorded: The ID of a conversation that has a recording.
    """
    wrong = Annotation(turn=0, role="agent", type="wrong_info")

    def listed(http: httpx.Client) -> Any:
        return http.get("conversations", params={"limit": 100}).json()

    def turns(http: httpx.Client, found: str) -> Any:
        return http.get(f"conversations/{found}").json()["turns"]

    def walk(client: Any, _: Path) -> Any:
        found = client.list_conversations(page_size=PAGE)
        if isinstance(client, DataClient):
            return len({conversation.conversation_id for conversation in found})

        async def count() -> int:
            return len({conversation.conversation_id async for conversation in found})

        return count()

    return [
        Place("list_conversations", PAGES, lambda client, _: client.get_page()),
        Place("walk, second page", PAGES, walk, at=2),
        Place(
            "get_conversation", f"*/{recorded}", lambda client, _: client.get_conversation(recorded)
        ),
        Place(
            "get_recording",
            "*/audio",
            lambda client, folder: client.download_recording(recorded, folder / "call.wav"),
        ),
        Place(
            "add_annotations",
            "*/annotation",
            lambda client, _: client.add_annotations(recorded, [wrong]),
            is_write=True,
            effects=lambda http: len(turns(http, recorded)[0]["reviews"]),
        ),
        Place(
            "set_note",
            "*/note",
            lambda client, _: client.set_note(recorded, "Listened to."),
            effects=lambda http: sum(
                found["note"] == "Listened to." for found in listed(http)["conversations"]
            ),
        ),
        Place(
            "start_chat",
            "*/debug-chat",
            lambda client, _: client.start_chat("sandbox"),
            at=2,  # after the one that every case has
            is_write=True,
            effects=lambda http: listed(http)["count"] - CONVERSATIONS - 1,
        ),
        Place(
            "send_chat_message",
            "*/debug-chat/*",
            lambda client, _: client.resume_chat(CHAT, "sandbox").send("A table, please."),
            is_write=True,
            effects=lambda http: len(turns(http, CHAT)) - 1,
        ),
    ]


@frozen
class Outcome:
    """What came of a case.

    Attributes:
        result: What the call returned, or the error that it raised.
        requests: How many requests for the path arrived, from the one that fails first on.
        effects: How often a write took effect.
        files: The names and sizes of what was written.
        left: What was left behind.
        seconds: How long the call took.
    """

    result: Any
    requests: int
    effects: int
    files: dict[str, int]
    left: list[str]
    seconds: float


@contextmanager
def sandbox(faults: list[Fault], received: list[Received]) -> Iterator[tuple[str, httpx.Client]]:
    """Serve a sandbox with a chat; yield its address, and a client that knows no retries."""
    with (
        serve(
            api_key=KEY,
            conversations=CONVERSATIONS,
            faults=faults,
            received=received,
            recording_bytes=RECORDING_BYTES,
        ) as base_url,
        httpx.Client(
            base_url=f"{base_url}/v1/agents/PROJECT-DEMO/",
            headers={"X-API-KEY": KEY},
            trust_env=False,
        ) as http,
    ):
        http.post("debug-chat", json={"clientEnv": "sandbox", "conversationId": CHAT})
        yield base_url, http


def find_recorded() -> str:
    """Return the ID of a conversation that has a recording."""
    with sandbox([], []) as (_, http):
        found = http.get("conversations").json()["conversations"]
    return str(next(one["conversationId"] for one in found if one["audioUrl"]))


def try_out(kind: Kind, place: Place, trial: Trial | None, mode: Mode) -> Outcome:
    """Make a call against a sandbox that fails, or that does not."""
    failing = range(place.at, place.at + (1 if mode == "once" else RETRIES + 1))
    faults = [Fault(**trial.fault, path=place.path, nth=nth) for nth in failing] if trial else []
    received: list[Received] = []
    left: list[str] = []
    threads = set(threading.enumerate())
    with ExitStack() as stack:
        stack.enter_context(unclosed(left))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        base_url, http = stack.enter_context(sandbox(faults, received))
        settings: dict[str, Any] = {
            "api_key": KEY,
            "agent_id": "PROJECT-DEMO",
            "base_url": base_url,
            "timeout": READ_TIMEOUT if trial and trial.slow else 10,
            "max_retries": RETRIES,
            "max_response_bytes": 2**20,
        }
        run = run_sync if kind is DataClient else run_async
        started = time.monotonic()
        result = run(settings, place, folder, left)
        seconds = time.monotonic() - started
        requests = sum(fnmatchcase(one.path, place.path) for one in received) - place.at + 1
        effects = place.effects(http) if place.effects else 0
        files = {path.name: path.stat().st_size for path in folder.iterdir()}
    left += [f"the thread {thread.name}" for thread in set(threading.enumerate()) - threads]
    return Outcome(result, requests, effects, files, left, seconds)


def run_sync(settings: dict[str, Any], place: Place, folder: Path, left: list[str]) -> Any:
    """Return what a call returns or raises, and note what it leaves behind."""
    with DataClient(**settings) as client:
        try:
            result = place.call(client, folder)
        except BaseException as error:
            result = error
        left += busy(client)
        client.get_conversation(CHAT)  # the client is as good as before
    return result


def run_async(settings: dict[str, Any], place: Place, folder: Path, left: list[str]) -> Any:
    """Do what `run_sync` does."""

    async def run() -> Any:
        async with AsyncDataClient(**settings) as client:
            try:
                result = await place.call(client, folder)
            except BaseException as error:
                result = error
            left.extend(busy(client))
            for _ in range(100):  # httpx's generators that were left early end one by one
                await asyncio.sleep(0)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            left.extend(f"the task {task.get_coro()}" for task in tasks)
            await client.get_conversation(CHAT)
        return result

    return asyncio.run(run())


def busy(client: Any) -> list[str]:
    """Return the connections and the places for them that nobody gave back."""
    http = client._http
    if isinstance(client, AsyncDataClient):
        found = [repr(one) for one in http._session.connector._acquired]
        counts = [CONNECTIONS - http._places._value]
    else:
        made = [one for pool in http._pools for one in pool.connections]
        found = [repr(one) for one in made if not (one.is_idle() or one.is_closed())]
        counts = http._requests
    return found + [f"{count} requests that go on" for count in counts if count]


@contextmanager
def unclosed(left: list[str]) -> Iterator[None]:
    """Note what is collected without having been closed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    left += [str(warning.message) for warning in caught]


def broken_promises(
    place: Place, trial: Trial, mode: Mode, outcome: Outcome, whole: Outcome
) -> Iterator[str]:
    """Yield what came out otherwise than promised.

    Args:
        place: The call.
        trial: What went wrong.
        mode: How often it did.
        outcome: What came of it.
        whole: What comes of it when nothing fails.
    """
    error = trial.error_for(place.name)
    repeats = trial.passes and (trial.refused or not place.is_write)
    recovers = error is None or (repeats and mode == "once")
    attempts = 1 if error is None or not repeats else 2 if mode == "once" else RETRIES + 1
    performed = attempts - 1 if recovers and error else attempts
    performed *= Fault(**trial.fault).is_performed
    effects = performed + recovers if place.effects else 0
    if place.name == "set_note":
        effects = min(effects, 1)
    requests = whole.requests + attempts - 1 if recovers else attempts
    result = outcome.result
    if recovers:
        if type(result) is not type(whole.result):
            yield f"{result!r} instead of a result"
        elif isinstance(result, int) and result != whole.result:
            yield f"{result} conversations instead of {whole.result}"
    elif type(result) is not error:
        yield f"{result!r} instead of {error.__name__ if error else 'a result'}"
    else:
        unknown = bool(place.effects) and not trial.refused
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
    if sorted(outcome.files) != sorted(whole.files if recovers else {}):
        yield f"the files {outcome.files}"
    if outcome.files != whole.files and recovers and error is not None:
        yield f"the files {outcome.files}"
    if outcome.seconds > TIME_BOUND:
        yield f"{outcome.seconds:.1f} s"
    for one in outcome.left:
        yield f"left behind: {one}"


def describe(once: Outcome, always: Outcome) -> str:
    """Return what a reader of the table wants to know of a case."""
    if not isinstance(always.result, BaseException):
        return "no failure"
    final = type(always.result).__name__
    if isinstance(once.result, BaseException):
        unknown = ", outcome unknown" if getattr(once.result, "outcome_unknown", False) else ""
        return f"{final}{unknown}"
    return f"recovers; {final} after {always.requests}"


def main(argv: list[str] | None = None) -> int:
    """Try everything, and write the table; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="Try every fault with every operation.")
    parser.add_argument("--only", default="", help="try the faults whose name has this in it")
    only = parser.parse_args(argv).only
    spare_pauses()
    strays: list[Received] = []
    broken: list[str] = []
    rows: list[list[str]] = []
    everywhere = places(find_recorded())
    kinds: tuple[Kind, ...] = (DataClient, AsyncDataClient)
    wholes = {
        (kind, place.name): try_out(kind, place, None, "once")
        for kind in kinds
        for place in everywhere
    }
    cases = 0
    with serve(received=strays) as elsewhere:
        for trial in trials(elsewhere):
            if only not in trial.name:
                continue
            row = [trial.name]
            for place in everywhere:
                cells = []
                for kind in kinds:
                    outcomes = []
                    for mode in MODES:
                        outcome = try_out(kind, place, trial, mode)
                        whole = wholes[kind, place.name]
                        case = f"{trial.name}, {mode}: {place.name} of {kind.__name__}"
                        for promise in broken_promises(place, trial, mode, outcome, whole):
                            broken.append(f"{case}: {promise}")
                        outcomes.append(outcome)
                        cases += 1
                    cells.append(describe(*outcomes))
                row.append(" / ".join(dict.fromkeys(cells)))
            rows.append(row)
            print(f"{trial.name}: {row[1]}", flush=True)
    broken += [f"the other host received {stray.method} {stray.path}" for stray in strays]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(report(everywhere, rows, cases, broken), encoding="utf-8")
    print(*broken, sep="\n")
    print(f"{cases} cases, {len(broken)} broken promises: {REPORT.relative_to(ROOT)}")
    return 1 if broken or not cases else 0


def spare_pauses() -> None:
    """Have the clients try again at once."""

    async def pause(seconds: float) -> None:
        await asyncio.sleep(seconds * 0)

    _retry.sleep = lambda _: None
    _retry.sleep_asynchronously = pause


def report(everywhere: list[Place], rows: list[list[str]], cases: int, broken: list[str]) -> str:
    """Return the table as Markdown."""
    header = ["Fault", *(place.name for place in everywhere)]
    lines = [
        "# What becomes of every fault",
        "",
        f"{cases} cases: each fault once and on every request, with both clients; "
        f"{RETRIES} retries. Broken promises: {len(broken)}.",
        "",
        "| " + " | ".join(header) + " |",
        "|" + " --- |" * len(header),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        *(f"- {one}" for one in broken),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())

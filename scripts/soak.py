"""Soak test: reads all data from a sandbox that fails one request in five.

`python scripts/soak.py [--conversations N] [--recordings N]` lists all conversations, gets each of
them and downloads some recordings, with concurrent threads in the synchronous client and with
concurrent tasks in the asynchronous client. It fails if a conversation is missing, duplicated or
different, if a recording is incomplete, or if memory, connections, threads or files leak.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from faults import skip_backoff
from polyai_data import AsyncDataClient, DataClient
from polyai_data.sandbox import Fault, serve

RATE = 0.2
RETRIES = 10
"""With this many retries, one call in 50 million fails."""
THREADS = 8
TASKS = 32
RECORDING_BYTES = 100_000
MAX_GROWTH = 8.0
"""MiB after the first third of the run, to allow for memory fragmentation."""

_HTML = "<html><body>Bad gateway</body></html>"
FAULTS = (
    {"status": 502, "body": _HTML},
    {"status": 429, "headers": {"Retry-After": "0"}},
    {"status": 500, "body": {"success": False, "error_message": "It is broken."}},
    {"kind": "close-before-headers"},
    {"kind": "reset-before-headers"},
    {"kind": "close-in-headers"},
    {"kind": "close-in-body"},
    {"kind": "reset-in-body"},
    {"kind": "broken-chunking"},
    {"kind": "surplus"},
    {"kind": "stall-in-body", "delay": 60},
)


def serve_failing(ready: Connection, conversations: int) -> None:
    """Serve a failing sandbox until a message arrives, as the main function of a process."""
    # A fault applies only if none of the faults before it does.
    rates = [RATE / len(FAULTS) / (1 - RATE * n / len(FAULTS)) for n in range(len(FAULTS))]
    # Stalls take time, so they are rarer.
    rates[-1] /= 20
    faults = [Fault(**fault, rate=rate) for fault, rate in zip(FAULTS, rates, strict=True)]  # type: ignore[arg-type]
    with serve(
        conversations=conversations, faults=faults, recording_bytes=RECORDING_BYTES
    ) as base_url:
        ready.send(base_url)
        ready.recv()


@contextmanager
def failing_sandbox(conversations: int) -> Iterator[str]:
    """Run a failing sandbox in another process, and yield its base URL."""
    parent, child = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve_failing, args=(child, conversations))
    process.start()
    try:
        yield parent.recv()
    finally:
        parent.send("stop")
        process.join()


class Monitor:
    """Samples the resources of this process, and counts retries."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int, int]] = []
        self.retries = 0
        self._lock = threading.Lock()

    def on_retry(self, _: Any) -> None:
        """Count a retry."""
        with self._lock:
            self.retries += 1

    def sample(self) -> None:
        """Record the memory in MiB, the open files and sockets, and the threads."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        files = len(list(Path("/proc/self/fd").iterdir()))
        self.samples.append((pages * 4096 / 2**20, files, threading.active_count()))

    def growth(self) -> tuple[float, int, int]:
        """Return the growth of each since the first third."""
        third = len(self.samples) // 3
        early, late = self.samples[third : 2 * third], self.samples[2 * third :]
        memory, files, threads = (
            max(sample[index] for sample in late) - max(sample[index] for sample in early)
            for index in range(3)
        )
        return memory, int(files), int(threads)


def digest(content: bytes) -> str:
    """Return a hash of a recording."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_sync(settings: dict[str, Any], recordings: int, folder: Path, monitor: Monitor) -> Any:
    """Return the listed IDs, and the ID and recording hash of each conversation."""
    results: list[tuple[str, str | None]] = []

    with DataClient(**settings) as client:
        listed = [str(each.conversation_id) for each in client.list_conversations(page_size=200)]

        def read(item: tuple[int, str]) -> tuple[str, str | None]:
            index, conversation_id = item
            conversation = client.get_conversation(conversation_id)
            recording = None
            if index < recordings and conversation.audio_url:
                path = client.download_recording(conversation_id, folder)
                recording = digest(path.read_bytes())
                path.unlink()
            return str(conversation.conversation_id), recording

        with ThreadPoolExecutor(THREADS) as executor:
            for index, result in enumerate(executor.map(read, enumerate(listed))):
                results.append(result)
                if index % 50 == 0:
                    monitor.sample()
    return listed, results


async def read_async(
    settings: dict[str, Any], recordings: int, folder: Path, monitor: Monitor
) -> Any:
    """Return the same as `read_sync`, with the asynchronous client."""
    semaphore = asyncio.Semaphore(TASKS)

    async with AsyncDataClient(**settings) as client:
        conversations = client.list_conversations(page_size=200)
        listed = [str(each.conversation_id) async for each in conversations]

        async def read(index: int, conversation_id: str) -> tuple[str, str | None]:
            async with semaphore:
                if index % 50 == 0:
                    monitor.sample()
                conversation = await client.get_conversation(conversation_id)
                recording = None
                if index < recordings and conversation.audio_url:
                    path = await client.download_recording(conversation_id, folder)
                    recording = digest(path.read_bytes())
                    path.unlink()
                return str(conversation.conversation_id), recording

        results = await asyncio.gather(*(read(*item) for item in enumerate(listed)))
    return listed, results


def main(argv: list[str] | None = None) -> int:
    """Run the soak test, and return the exit code: 1 if data was lost or resources leaked."""
    parser = argparse.ArgumentParser(description="Read all data from a sandbox that fails.")
    parser.add_argument(
        "--conversations", type=int, default=20_000, help="number of conversations to read"
    )
    parser.add_argument(
        "--recordings", type=int, default=6000, help="how many of them to look for recordings in"
    )
    options = parser.parse_args(argv)
    skip_backoff()
    problems: list[str] = []
    started = time.monotonic()
    with failing_sandbox(options.conversations) as base_url:
        settings: dict[str, Any] = {
            "base_url": base_url,
            "api_key": "sandbox",
            "agent_id": "PROJECT-DEMO",
            "max_retries": RETRIES,
            "timeout": (10, 1),
        }
        results = {}
        for name in ("DataClient", "AsyncDataClient"):
            monitor = Monitor()
            settings["on_retry"] = monitor.on_retry
            with tempfile.TemporaryDirectory() as folder:
                arguments = (settings, options.recordings, Path(folder), monitor)
                if name == "DataClient":
                    listed, read = read_sync(*arguments)
                else:
                    listed, read = asyncio.run(read_async(*arguments))
                leftovers = [path.name for path in Path(folder).iterdir()]
            results[name] = read
            memory, files, threads = monitor.growth()
            print(
                f"{name}: {len(read)} conversations, {sum(sound is not None for _, sound in read)} "
                f"recordings, {monitor.retries} retries; growth: {memory:.1f} MiB, {files} files "
                f"and sockets, {threads} threads",
                flush=True,
            )
            if [conversation_id for conversation_id, _ in read] != listed:
                problems.append(f"{name}: got a different conversation than requested")
            duplicates = [each for each, count in Counter(listed).items() if count > 1]
            if len(listed) != options.conversations or duplicates:
                problems.append(f"{name}: {len(listed)} listed, {len(duplicates)} duplicated")
            if not monitor.retries:
                problems.append(f"{name}: no request failed")
            if memory > MAX_GROWTH or files > TASKS or threads > 0:
                problems.append(f"{name}: resources leak")
            if leftovers:
                problems.append(f"{name}: files left behind: {leftovers}")
    if results["DataClient"] != results["AsyncDataClient"]:
        problems.append("the clients read different data")
    print(*problems, sep="\n")
    print(f"{time.monotonic() - started:.0f} s, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

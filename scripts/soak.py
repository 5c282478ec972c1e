"""Reads everything from a sandbox that fails one request in five, and sees whether it all arrives.

`python scripts/soak.py [--conversations N] [--recordings N]` walks the list, and gets each
conversation and the recordings of some, with both clients at once: threads on the one, tasks on the
other. It fails if a conversation is missing, comes twice or differs, if a recording is not whole,
or if memory, connections, threads or files grow on the way.
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

from faults import spare_pauses
from polyai_data import AsyncDataClient, DataClient
from polyai_data.sandbox import Fault, serve

RATE = 0.2
RETRIES = 10
"""With this many, one call in 50 million fails for good."""
THREADS = 8
TASKS = 32
RECORDING_BYTES = 100_000
MAX_GROWTH = 8.0
"""MiB from the first third on, as much as the allocator may scatter."""

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
    {"kind": "stall-in-body", "delay": 60},
)


def serve_failing(ready: Connection, conversations: int) -> None:
    """Serve a sandbox that fails, in a process of its own, until told to stop."""
    # Each is drawn where the ones before it were not.
    rates = [RATE / len(FAULTS) / (1 - RATE * n / len(FAULTS)) for n in range(len(FAULTS))]
    # One that stalls is dear in time, so it is rarer.
    rates[-1] /= 20
    faults = [Fault(**fault, rate=rate) for fault, rate in zip(FAULTS, rates, strict=True)]  # type: ignore[arg-type]
    with serve(
        conversations=conversations, faults=faults, recording_bytes=RECORDING_BYTES
    ) as base_url:
        ready.send(base_url)
        ready.recv()


@contextmanager
def failing_sandbox(conversations: int) -> Iterator[str]:
    """Yield the address of a sandbox that fails."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve_failing, args=(there, conversations))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("stop")
        process.join()


class Watch:
    """Notes what the process holds while it goes on."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int, int]] = []
        self.retries = 0
        self._lock = threading.Lock()

    def retried(self, _: Any) -> None:
        """Count a retry."""
        with self._lock:
            self.retries += 1

    def sample(self) -> None:
        """Note memory in MiB, files and sockets, and threads."""
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        files = len(list(Path("/proc/self/fd").iterdir()))
        self.samples.append((pages * 4096 / 2**20, files, threading.active_count()))

    def growth(self) -> tuple[float, int, int]:
        """Return by how much each grew since the first third."""
        third = len(self.samples) // 3
        early, late = self.samples[third : 2 * third], self.samples[2 * third :]
        memory, files, threads = (
            max(sample[at] for sample in late) - max(sample[at] for sample in early)
            for at in range(3)
        )
        return memory, int(files), int(threads)


def digest(content: bytes) -> str:
    """Return what tells two recordings apart."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read_sync(settings: dict[str, Any], recordings: int, folder: Path, watch: Watch) -> Any:
    """Return the IDs that the walk gave, and what each conversation and recording was."""
    got: list[tuple[str, str | None]] = []

    with DataClient(**settings) as client:
        listed = [str(found.conversation_id) for found in client.list_conversations(page_size=200)]

        def read(place: tuple[int, str]) -> tuple[str, str | None]:
            at, wanted = place
            conversation = client.get_conversation(wanted)
            sound = None
            if at < recordings and conversation.audio_url:
                path = client.download_recording(wanted, folder)
                sound = digest(path.read_bytes())
                path.unlink()
            return str(conversation.conversation_id), sound

        with ThreadPoolExecutor(THREADS) as executor:
            for at, result in enumerate(executor.map(read, enumerate(listed))):
                got.append(result)
                if at % 50 == 0:
                    watch.sample()
    return listed, got


async def read_async(settings: dict[str, Any], recordings: int, folder: Path, watch: Watch) -> Any:
    """Do what `read_sync` does."""
    limit = asyncio.Semaphore(TASKS)

    async with AsyncDataClient(**settings) as client:
        walk = client.list_conversations(page_size=200)
        listed = [str(found.conversation_id) async for found in walk]

        async def read(at: int, wanted: str) -> tuple[str, str | None]:
            async with limit:
                if at % 50 == 0:
                    watch.sample()
                conversation = await client.get_conversation(wanted)
                sound = None
                if at < recordings and conversation.audio_url:
                    path = await client.download_recording(wanted, folder)
                    sound = digest(path.read_bytes())
                    path.unlink()
                return str(conversation.conversation_id), sound

        got = await asyncio.gather(*(read(at, one) for at, one in enumerate(listed)))
    return listed, got


def main(argv: list[str] | None = None) -> int:
    """Read everything, and report; return 1 if anything was lost or kept."""
    parser = argparse.ArgumentParser(description="Read everything from a sandbox that fails.")
    parser.add_argument("--conversations", type=int, default=20_000)
    parser.add_argument("--recordings", type=int, default=6000)
    options = parser.parse_args(argv)
    spare_pauses()
    wrong: list[str] = []
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
            watch = Watch()
            settings["on_retry"] = watch.retried
            with tempfile.TemporaryDirectory() as folder:
                arguments = (settings, options.recordings, Path(folder), watch)
                if name == "DataClient":
                    listed, got = read_sync(*arguments)
                else:
                    listed, got = asyncio.run(read_async(*arguments))
                left = [path.name for path in Path(folder).iterdir()]
            results[name] = got
            memory, files, threads = watch.growth()
            print(
                f"{name}: {len(got)} conversations, {sum(sound is not None for _, sound in got)} "
                f"recordings, {watch.retries} retries; grew by {memory:.1f} MiB, {files} files "
                f"and sockets, {threads} threads",
                flush=True,
            )
            if [one for one, _ in got] != listed:
                wrong.append(f"{name}: another conversation than the one asked for")
            twice = [one for one, count in Counter(listed).items() if count > 1]
            if len(listed) != options.conversations or twice:
                wrong.append(f"{name}: {len(listed)} listed, {len(twice)} of them twice")
            if not watch.retries:
                wrong.append(f"{name}: nothing failed")
            if memory > MAX_GROWTH or files > TASKS or threads > 0:
                wrong.append(f"{name}: it grows")
            if left:
                wrong.append(f"{name}: left the files {left}")
    if results["DataClient"] != results["AsyncDataClient"]:
        wrong.append("the clients read different things")
    print(*wrong, sep="\n")
    print(f"{time.monotonic() - started:.0f} s, {len(wrong)} things wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

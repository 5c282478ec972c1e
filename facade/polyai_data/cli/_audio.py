"""`polyai-data audio`."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from polyai_data import BulkResult, DataClient

from ._command import Refused
from ._connect import Setup
from ._errors import message_of
from ._failures import Failures
from ._format import count
from ._options import Connection, Recordings
from ._terminal import Terminal
from ._text import clean


def run(
    connection: Connection,
    recordings: Recordings,
    ids: list[str],
    *,
    output: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Save recordings."""
    terminal = Terminal()
    options: dict[str, Any] = {
        "direction": recordings.direction,
        "redacted": recordings.redacted,
        "overwrite": overwrite,
    }
    failures = Failures()
    with Setup.of(connection).client(terminal) as client:
        if len(ids) == 1 and ids != ["-"]:
            results = _one(client, terminal, ids[0], output, options)
        else:
            _make_directory(output)
            results = _many(client, terminal, _each_once(ids), output, recordings.at_once | options)
        with closing(results):
            for result in results:
                _tell(terminal, result, failures, as_json=as_json)
    if code := failures.tell(terminal):
        raise typer.Exit(code)


def _one(
    client: DataClient, terminal: Terminal, name: str, output: Path, options: dict[str, Any]
) -> Generator[BulkResult[Path], None, None]:
    """Save a recording, and show how much of it came so far."""
    with terminal.downloading() as progress:
        task = progress.add_task(clean(name), total=None)

        def note(received: int, total: int | None) -> None:
            progress.update(task, completed=received, total=total)

        try:
            saved = client.download_recording(name, output, progress=note, **options)
        except Exception as error:
            result = BulkResult[Path](name, error)
        else:
            result = BulkResult(name, None, saved)
    yield result


def _many(
    client: DataClient,
    terminal: Terminal,
    ids: Iterator[str],
    output: Path,
    options: dict[str, Any],
) -> Generator[BulkResult[Path], None, None]:
    """Save several recordings, and show how many bytes came so far."""
    with (
        terminal.downloading() as progress,
        closing(client.download_recordings(ids, output, **options)) as results,
    ):
        task = progress.add_task("recordings", total=None)
        for number, result in enumerate(results, 1):
            size = result.value.stat().st_size if result.error is None else 0
            progress.update(task, description=count(number, "recording"), advance=size)
            yield result


def _make_directory(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise Refused(
            f"{output} is a file, and several recordings need a directory.", "Name one with -o."
        ) from None


def _each_once(ids: Iterable[str]) -> Iterator[str]:
    """Yield the IDs, those of stdin in place of `-`, and none twice."""
    seen = set()
    for name in _named(ids):
        if name not in seen:
            seen.add(name)
            yield name


def _named(ids: Iterable[str]) -> Iterator[str]:
    for name in ids:
        if name == "-":
            yield from filter(None, map(str.strip, sys.stdin))
        else:
            yield name


def _tell(
    terminal: Terminal, result: BulkResult[Path], failures: Failures, *, as_json: bool
) -> None:
    """Print the path of a recording, or why there is none."""
    error = result.error
    if error is None:
        failures.passed()
        outcome = {"status": "saved", "path": str(result.value)}
    elif isinstance(error, FileExistsError):
        failures.passed()
        outcome = {"status": "exists"}
        terminal.say(f"skipped {result.id}: its file is there; --overwrite replaces it")
    else:
        failures.add(result.id, error)
        outcome = {"status": "failed", "error": message_of(error)}
    if as_json:
        terminal.show_json({"conversationId": result.id, **outcome})
    elif error is None:
        terminal.show_plain(str(result.value))

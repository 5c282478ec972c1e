"""Implements `polyai-data audio`."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from polyai_data import BulkResult, DataClient

from ._command import CommandError
from ._connect import ResolvedSettings
from ._errors import error_message
from ._failures import Failures
from ._format import pluralize
from ._options import ConnectionOptions, RecordingOptions
from ._streams import input_lines
from ._terminal import Terminal
from ._text import clean


def run(
    connection: ConnectionOptions,
    recordings: RecordingOptions,
    ids: list[str],
    *,
    output: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Download recordings."""
    terminal = Terminal()
    options: dict[str, Any] = {
        "direction": recordings.direction,
        "redacted": recordings.redacted,
        "overwrite": overwrite,
    }
    failures = Failures()
    with ResolvedSettings.from_options(connection).client(terminal) as client:
        if len(ids) == 1 and ids != ["-"]:
            results = _save_one(client, terminal, ids[0], output, options)
        else:
            _make_directory(output)
            results = _save_many(
                client, terminal, _unique_ids(ids), output, recordings.concurrency_option | options
            )
        with closing(results):
            for result in results:
                _print_result(terminal, result, failures, as_json=as_json)
    if code := failures.report(terminal):
        raise typer.Exit(code)


def _save_one(
    client: DataClient,
    terminal: Terminal,
    conversation_id: str,
    output: Path,
    options: dict[str, Any],
) -> Generator[BulkResult[Path], None, None]:
    """Download one recording, with a progress bar of its bytes."""
    with terminal.byte_progress() as progress:
        task = progress.add_task(clean(conversation_id), total=None)

        def update(received: int, total: int | None) -> None:
            progress.update(task, completed=received, total=total)

        try:
            saved = client.download_recording(conversation_id, output, progress=update, **options)
        except Exception as error:
            result = BulkResult[Path](conversation_id, error)
        else:
            result = BulkResult(conversation_id, None, saved)
    yield result


def _save_many(
    client: DataClient,
    terminal: Terminal,
    ids: Iterator[str],
    output: Path,
    options: dict[str, Any],
) -> Generator[BulkResult[Path], None, None]:
    """Download several recordings, with a progress bar of their bytes."""
    with (
        terminal.byte_progress() as progress,
        closing(client.download_recordings(ids, output, **options)) as results,
    ):
        task = progress.add_task("recordings", total=None)
        for number, result in enumerate(results, 1):
            size = result.value.stat().st_size if result.error is None else 0
            progress.update(task, description=pluralize(number, "recording"), advance=size)
            yield result


def _make_directory(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise CommandError(
            f"{output} is a file. Several recordings need a directory.", "Pass a directory to -o."
        ) from None


def _unique_ids(ids: Iterable[str]) -> Iterator[str]:
    """Yield each ID once, replacing `-` with the IDs from stdin."""
    seen = set()
    for conversation_id in _expand_stdin(ids):
        if conversation_id not in seen:
            seen.add(conversation_id)
            yield conversation_id


def _expand_stdin(ids: Iterable[str]) -> Iterator[str]:
    for argument in ids:
        if argument == "-":
            yield from map(str.strip, input_lines())
        else:
            yield argument


def _print_result(
    terminal: Terminal, result: BulkResult[Path], failures: Failures, *, as_json: bool
) -> None:
    """Print the path of a recording, or why it was not saved."""
    error = result.error
    if error is None:
        failures.succeeded()
        outcome = {"status": "saved", "path": str(result.value)}
    elif isinstance(error, FileExistsError):
        failures.succeeded()
        outcome = {"status": "exists"}
        terminal.info(f"Skipped {result.id}: the file exists. Use --overwrite to replace it.")
    else:
        failures.add(result.id, error)
        outcome = {"status": "failed", "error": error_message(error)}
    if as_json:
        terminal.show_json({"conversationId": result.id, **outcome})
    elif error is None:
        terminal.show_plain(str(result.value))

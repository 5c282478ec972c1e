"""Implements `polyai-data audio`."""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from polyai_data import BulkResult, DataClient

from ._command import CommandError
from ._connect import ResolvedSettings
from ._errors import error_message, has_no_recording
from ._failures import Failures
from ._format import pluralize
from ._options import ConnectionOptions, RecordingOptions
from ._part import make_directory
from ._streams import input_lines
from ._terminal import Terminal
from ._text import clean


def run(
    connection: ConnectionOptions,
    recordings: RecordingOptions,
    ids: list[str],
    *,
    output: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Download recordings."""
    terminal = Terminal()
    is_one = len(ids) == 1 and ids != ["-"]
    if output == "-":
        _check_stdout(terminal, is_one=is_one, as_json=as_json)
    sides = {"direction": recordings.direction, "redacted": recordings.redacted}
    options: dict[str, Any] = {**sides, "overwrite": overwrite}
    failures = Failures()
    with ResolvedSettings.from_options(connection).client(terminal) as client:
        if output == "-":
            _print(client, terminal, ids[0], sides)
            return
        target = Path(output)
        if is_one:
            if output.endswith(("/", os.sep)):
                make_directory(target, "-o")
            results = _save_one(client, terminal, ids[0], target, options)
        else:
            _check_directory(output)
            make_directory(target, "-o")
            options |= recordings.concurrency_option
            results = _save_many(client, terminal, _unique_ids(ids), target, options)
        with closing(results):
            for result in results:
                _print_result(terminal, result, failures, as_json=as_json, is_one=is_one)
    if code := failures.report(terminal):
        raise typer.Exit(code)


def _check_stdout(terminal: Terminal, *, is_one: bool, as_json: bool) -> None:
    if not is_one or as_json:
        raise CommandError(
            "Only one recording can go to stdout, without --json.", "Pass a directory to -o."
        )
    if not terminal.is_piped:
        raise CommandError(
            "A terminal cannot show a recording.", "Redirect stdout, or pass a file to -o."
        )


def _check_directory(output: str) -> None:
    if output.lower().endswith(".wav") and not Path(output).is_dir():
        raise CommandError(
            f"{output} looks like a file. Several recordings need a directory.",
            f"Pass a directory to -o; {output}/ creates one of this name.",
        )


def _print(
    client: DataClient, terminal: Terminal, conversation_id: str, options: dict[str, Any]
) -> None:
    """Write one recording to stdout while it arrives."""
    with client.open_recording(conversation_id, **options) as recording:
        for chunk in recording.iter_bytes():
            terminal.write_bytes(chunk)


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
    terminal: Terminal,
    result: BulkResult[Path],
    failures: Failures,
    *,
    as_json: bool,
    is_one: bool,
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
    elif has_no_recording(error) and not is_one:
        failures.succeeded()
        outcome = {"status": "no recording"}
        terminal.info(f"Skipped {result.id}: it has no recording.")
    else:
        failures.add(result.id, error)
        outcome = {"status": "failed", "error": error_message(error)}
    if as_json:
        terminal.show_json({"conversationId": result.id, **outcome})
    elif error is None:
        terminal.show_plain(str(result.value))

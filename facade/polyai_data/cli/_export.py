"""Implements `polyai-data export`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer
from rich.progress import Progress

from polyai_data import DataClient, RecordingNotFoundError

from . import _search
from ._command import CommandError
from ._connect import ResolvedSettings
from ._csv import CsvFile, CsvOutput
from ._failures import Failures
from ._filtered_list import FilteredList
from ._format import pluralize
from ._options import FilterOptions, RecordingOptions, SearchConnectionOptions
from ._part import JsonLinesFile, StandardOutput, make_directory
from ._terminal import Terminal

Lines = JsonLinesFile | StandardOutput

_EXPECTED_ERRORS = (FileExistsError, RecordingNotFoundError)


def run(
    connection: SearchConnectionOptions,
    filters: FilterOptions,
    recordings: RecordingOptions,
    *,
    output: str,
    limit: int | None,
    with_details: bool,
    directory: Path | None,
    resume: bool,
    overwrite: bool,
    from_v3: bool,
    as_csv: bool,
) -> None:
    """Export the matching conversations to a file or to stdout."""
    terminal = Terminal()
    failures = Failures()
    settings = ResolvedSettings.from_options(connection)
    options: dict[str, Any] = {"--agent": settings.agent_id, **filters.selecting}
    options |= {"--limit": limit} if limit is not None else {}
    options |= {"--details": True} if with_details else {}
    if from_v3:
        _check_v3(filters, with_details=with_details, directory=directory)
        options |= {"--source": "v3"}
    if as_csv:
        if with_details:
            raise CommandError(
                "--details cannot be combined with --format csv, which has no transcripts.",
                "For tables of turns, use `polyai-data sync` and `polyai-data query`.",
            )
        options |= {"--format": "csv"}
    destination: Lines
    if output != "-":
        file = CsvFile if as_csv else JsonLinesFile
        destination = file(Path(output), options, resume=resume, overwrite=overwrite)
    elif resume or directory is not None:
        raise CommandError(
            f"{'--resume' if resume else '--recordings'} needs an output file.",
            "Pass a file to -o instead of -.",
        )
    else:
        destination = CsvOutput(terminal) if as_csv else StandardOutput(terminal)
    connect = settings.search_client if from_v3 else settings.client
    with connect(terminal) as client, destination as lines:
        filtered = FilteredList(client, filters.as_of(lines.started), limit)
        writer = _Writer(client, lines, failures, recordings)
        try:
            if directory is not None:  # fail early if it cannot be created
                make_directory(directory, "--recordings")
            with terminal.item_progress() as progress:
                if from_v3:
                    writer.copy(
                        _search.matches(client, filters.as_of(lines.started), limit), progress
                    )
                else:
                    writer.write(filtered, progress, with_details=with_details)
                if directory is not None:
                    writer.save_recordings(directory, progress)
        except BaseException as error:
            error.add_note(lines.kept)
            raise
        if code := failures.report(terminal):
            terminal.error(f"{len(failures)} failed.", lines.kept)
            raise typer.Exit(code)
        lines.complete()
    terminal.info(f"Wrote {lines.name}: {', '.join(writer.summary())}.")


def _check_v3(filters: FilterOptions, *, with_details: bool, directory: Path | None) -> None:
    """Reject what the Conversations API v3 does not have.

    Raises:
        CommandError: if an option does not apply.
    """
    for option, is_set, reason in (
        ("--details", with_details, "Its conversations have their transcripts already."),
        ("--recordings", directory is not None, "Use `polyai-data audio`."),
        ("--min-score", filters.min_score is not None, "It has no scores."),
    ):
        if is_set:
            raise CommandError(f"{option} cannot be combined with --source v3.", reason)
    unknown = set(filters.env or ()) - set(_search.ENVIRONMENTS)
    if unknown:
        expected = ", ".join(_search.ENVIRONMENTS)
        raise CommandError(f"Unknown environment {min(unknown)!r}.", f"Use one of {expected}.")


class _Writer:
    """Fetches conversations and recordings, and records each result."""

    def __init__(
        self,
        client: DataClient,
        lines: Lines,
        failures: Failures,
        recordings: RecordingOptions,
    ) -> None:
        self._in_progress = 0
        self._client = client
        self._lines = lines
        self._failures = failures
        self._recordings = recordings
        self._saved_recordings: int | None = None
        self._without_id = 0

    def write(self, filtered: FilteredList, progress: Progress, *, with_details: bool) -> None:
        """Write each matching conversation that is not in the file yet."""
        ids = self._ids_to_fetch(filtered, progress, with_details=with_details)
        options = self._recordings.concurrency_option
        with closing(self._client.get_conversations(ids, in_order=True, **options)) as results:
            for result in results:
                if result.error is not None:
                    self._failures.add(result.id, result.error)
                else:
                    self._failures.succeeded()
                    self._add(result.value.raw)

    def _ids_to_fetch(
        self, filtered: FilteredList, progress: Progress, *, with_details: bool
    ) -> Iterator[str]:
        """Yield the IDs to fetch details for; write all other conversations as they are listed."""
        task = progress.add_task("conversations", total=None)
        for conversation in filtered.matches():
            progress.update(task, completed=filtered.scanned, total=filtered.total)
            if self._lines.has(conversation.raw):
                continue
            conversation_id: Any = conversation.conversation_id
            has_id = isinstance(conversation_id, str) and bool(conversation_id)
            self._without_id += not has_id
            if with_details and has_id:
                yield conversation_id
            else:
                self._add(conversation.raw)

    def copy(self, found: Iterator[Any], progress: Progress) -> None:
        """Write each found conversation that is not in the file yet."""
        task = progress.add_task("conversations", total=None)
        for one in found:
            progress.advance(task)
            if not self._lines.has(one.raw):
                self._without_id += not one.id
                self._add(one.raw)

    def _add(self, raw: Any) -> None:
        self._lines.add(raw)
        if isinstance(raw, dict):
            self._in_progress += True in (raw.get("inProgress"), raw.get("in_progress"))

    def save_recordings(self, directory: Path, progress: Progress) -> None:
        """Save the recordings of all conversations in the file, except existing ones."""
        self._saved_recordings = 0
        options = {
            "direction": self._recordings.direction,
            "redacted": self._recordings.redacted,
            **self._recordings.concurrency_option,
        }
        ids = self._ids_with_recording(progress)
        with closing(self._client.download_recordings(ids, directory, **options)) as results:
            for result in results:
                error = result.error
                if error is None or isinstance(error, _EXPECTED_ERRORS):
                    self._failures.succeeded()
                    self._saved_recordings += error is None
                else:
                    self._failures.add(f"recording of {result.id}", error)

    def _ids_with_recording(self, progress: Progress) -> Iterator[str]:
        """Yield the IDs of conversations that have a recording."""
        task = progress.add_task("recordings", total=self._lines.count)
        for value in self._lines:
            progress.advance(task)
            conversation_id = value.get("conversationId") if isinstance(value, dict) else None
            if isinstance(conversation_id, str) and conversation_id and value.get("audioUrl"):
                yield conversation_id

    def summary(self) -> Iterator[str]:
        """Yield the parts of the closing message."""
        yield pluralize(self._lines.count, "conversation")
        if self._in_progress:
            yield f"{self._in_progress:,} still in progress"
        if self._without_id:
            yield f"{self._without_id:,} without an ID"
        if self._saved_recordings is not None:
            yield f"{pluralize(self._saved_recordings, 'recording')} saved"

"""`polyai-data export`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import typer
from rich.progress import Progress

from polyai_data import DataClient, RecordingNotFoundError

from ._command import Refused
from ._connect import Setup
from ._failures import Failures
from ._format import count
from ._options import Connection, Filters, Recordings
from ._part import Lines
from ._search import Search
from ._terminal import Terminal

_NO_FAILURES = (FileExistsError, RecordingNotFoundError)


def run(
    connection: Connection,
    filters: Filters,
    recordings: Recordings,
    *,
    target: Path,
    with_details: bool,
    directory: Path | None,
    resume: bool,
    overwrite: bool,
) -> None:
    """Write all that match to a file."""
    terminal = Terminal()
    failures = Failures()
    with (
        Setup.of(connection).client(terminal) as client,
        Lines(target, resume=resume, overwrite=overwrite) as lines,
    ):
        _check_same_kind(lines, with_details)
        writer = _Writer(client, lines, failures, recordings)
        try:
            if directory is not None:  # before the work, not after it
                directory.mkdir(parents=True, exist_ok=True)
            with terminal.counting() as progress:
                writer.write(Search(client, filters), progress, with_details=with_details)
                if directory is not None:
                    writer.save_recordings(directory, progress)
        except BaseException as error:
            error.add_note(f"{_kept(lines)}: --resume goes on.")
            raise
        if code := failures.tell(terminal):
            terminal.fail(f"{len(failures)} failed.", f"{_kept(lines)}: --resume tries the rest.")
            raise typer.Exit(code)
        lines.complete()
    terminal.say(f"Wrote {target}: {', '.join(writer.counts())}.")


def _kept(lines: Lines) -> str:
    return f"{lines.part} keeps {count(lines.count, 'conversation')}"


def _check_same_kind(lines: Lines, with_details: bool) -> None:
    """Refuse to mix conversations with and without details in one file."""
    first = lines.first
    if isinstance(first, dict) and "conversationId" in first:
        had_details = "turns" in first
        if had_details is not with_details:
            raise Refused(
                f"{lines.part} was begun {'with' if had_details else 'without'} --details.",
                "Go on with it as it was begun, or delete it.",
            )


class _Writer:
    """Fetches conversations and recordings, and notes what comes of each."""

    def __init__(
        self, client: DataClient, lines: Lines, failures: Failures, recordings: Recordings
    ) -> None:
        self._in_progress = 0
        self._client = client
        self._lines = lines
        self._failures = failures
        self._recordings = recordings
        self._saved: int | None = None
        self._without_id = 0

    def write(self, search: Search, progress: Progress, *, with_details: bool) -> None:
        """Write every conversation that matches and is not there yet."""
        wanted = self._wanted(search, progress, with_details=with_details)
        at_once = self._recordings.at_once
        with closing(self._client.get_conversations(wanted, in_order=True, **at_once)) as results:
            for result in results:
                if result.error is not None:
                    self._failures.add(result.id, result.error)
                else:
                    self._failures.passed()
                    self._add(result.value.raw)

    def _wanted(self, search: Search, progress: Progress, *, with_details: bool) -> Iterator[str]:
        """Yield the IDs to get details of; write what needs none, or can have none."""
        task = progress.add_task("conversations", total=None)
        for conversation in search.matches():
            progress.update(task, completed=search.looked_at, total=search.total)
            if self._lines.has(conversation.raw):
                continue
            name: Any = conversation.conversation_id
            has_id = isinstance(name, str) and bool(name)
            self._without_id += not has_id
            if with_details and has_id:
                yield name
            else:
                self._add(conversation.raw)

    def _add(self, raw: Any) -> None:
        self._lines.add(raw)
        self._in_progress += isinstance(raw, dict) and raw.get("inProgress") is True

    def save_recordings(self, directory: Path, progress: Progress) -> None:
        """Save the recordings of all conversations in the file; those that are there stay."""
        self._saved = 0
        options = {
            "direction": self._recordings.direction,
            "redacted": self._recordings.redacted,
            **self._recordings.at_once,
        }
        names = self._recorded(progress)
        with closing(self._client.download_recordings(names, directory, **options)) as results:
            for result in results:
                error = result.error
                if error is None or isinstance(error, _NO_FAILURES):
                    self._failures.passed()
                    self._saved += error is None
                else:
                    self._failures.add(f"recording of {result.id}", error)

    def _recorded(self, progress: Progress) -> Iterator[str]:
        """Yield the IDs of the conversations that have a recording."""
        task = progress.add_task("recordings", total=self._lines.count)
        for value in self._lines:
            progress.advance(task)
            name = value.get("conversationId") if isinstance(value, dict) else None
            if isinstance(name, str) and name and value.get("audioUrl"):
                yield name

    def counts(self) -> Iterator[str]:
        """Yield what there is to say of what was done."""
        yield count(self._lines.count, "conversation")
        if self._in_progress:
            yield f"{self._in_progress:,} of them still in progress"
        if self._without_id:
            yield f"{self._without_id:,} of them without an ID, as the server sent them"
        if self._saved is not None:
            yield f"{count(self._saved, 'recording')} saved"

"""Saves the recordings of a copy's conversations in a directory, and checks the files."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath

from polyai_data import DataClient, RecordingNotFoundError

from ._copy import Copy

NO_RECORDING = "no recording"
"""The reason for conversations that the API has no recording of."""
_CONCURRENCY = 4
_MAX_PART_AGE = 3600
"""Seconds since the last write to a file."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_PENDING = """
CREATE OR REPLACE TEMP TABLE pending_recordings AS
SELECT conversation_id, coalesce(project_id, '') AS agent, started_at::DATE AS day
FROM conversations LEFT JOIN recordings USING (conversation_id)
WHERE vanished_at IS NULL AND in_progress IS NOT true
    AND (audio_url IS NOT NULL OR list_contains(problems, 'audioUrl'))
    AND CASE WHEN reason = ?
        THEN epoch(asked_at) < epoch(least(coalesce(finished_at, started_at), fetched_at)) + ?
        ELSE reason IS NOT NULL OR recordings.conversation_id IS NULL END
"""
"""The recordings to request. A recording appears some time after its call has ended, so one that
the API does not have is requested again until that time is over."""


class Recordings:
    """The recordings of one run.

    Args:
        client: The client.
        copy: The copy, which knows the files.
        directory: Where the files are. It is created if it does not exist.
        redacted: Whether to save recordings with personal data removed.

    Raises:
        NotADirectoryError: if there is a file with that name.
    """

    def __init__(self, client: DataClient, copy: Copy, directory: Path, *, redacted: bool) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(f"{directory} is a file, not a directory.") from None
        self._client = client
        self._copy = copy
        self._directory = directory
        self._redacted = redacted

    def verify(self) -> int:
        """Read every file, mark those that differ or are missing, and return their number.

        They are saved again, in this run or, if it is interrupted, in the next one.
        """
        damaged = 0
        for conversation_id, path, size, digest in self._copy.all(
            "SELECT conversation_id, path, size, sha256 FROM recordings WHERE sha256 IS NOT NULL"
        ):
            problem = _problem(self._directory / path, size, digest)
            if problem:
                self._copy.execute(
                    "UPDATE recordings SET reason = ?, asked_at = ? WHERE conversation_id = ?",
                    problem,
                    datetime.now(UTC),
                    conversation_id,
                )
                damaged += 1
        return damaged

    def save(
        self,
        lookback: timedelta,
        concurrency: int,
        agent_id: str | None,
        check: Callable[[Exception | None], None],
    ) -> Generator[bool, None, None]:
        """Save the missing recordings; yield for each one requested whether it is there.

        Args:
            lookback: How long after the end of a call to ask again.
            concurrency: Number of calls at a time.
            agent_id: The agent, if not the client's.
            check: Called with the error of each call, or None. Raises if continuing is pointless.
        """
        self._copy.execute(_PENDING, NO_RECORDING, lookback.total_seconds())
        for agent, day in self._copy.all(
            "SELECT DISTINCT agent, day FROM pending_recordings ORDER BY day DESC NULLS LAST, agent"
        ):
            ids = self._copy.all(
                "SELECT conversation_id FROM pending_recordings "
                "WHERE agent = ? AND day IS NOT DISTINCT FROM ? ORDER BY conversation_id",
                agent,
                day,
            )
            place = _place(agent, day)
            self._delete_parts(place)
            results = self._client.download_recordings(
                [each for (each,) in ids],
                self._directory / place,
                concurrency=min(concurrency, _CONCURRENCY),
                redacted=self._redacted,
                overwrite=True,
                agent_id=agent_id,
            )
            with closing(results):
                for result in results:
                    is_missing = isinstance(result.error, RecordingNotFoundError)
                    check(None if is_missing else result.error)
                    if result.error is None:
                        self._record(result.id, place / result.value.name)
                    else:
                        reason = NO_RECORDING if is_missing else str(result.error)
                        self._record_failure(result.id, reason)
                    yield result.error is None

    def _delete_parts(self, place: PurePosixPath) -> None:
        """Delete what a killed download left behind. Running downloads write to their files."""
        for part in (self._directory / place).glob("*.wav.*.part"):
            if time.time() - part.stat().st_mtime > _MAX_PART_AGE:
                part.unlink()

    def _record(self, conversation_id: str, path: PurePosixPath) -> None:
        size, digest = _fingerprint(self._directory / path)
        self._copy.execute(
            "INSERT INTO recordings VALUES (?, ?, ?, ?, NULL, 1, ?) ON CONFLICT DO UPDATE SET "
            "path = excluded.path, size = excluded.size, sha256 = excluded.sha256, reason = NULL, "
            "attempts = attempts + 1, asked_at = excluded.asked_at",
            conversation_id,
            path.as_posix(),
            size,
            digest,
            datetime.now(UTC),
        )

    def _record_failure(self, conversation_id: str, reason: str) -> None:
        self._copy.execute(
            "INSERT INTO recordings VALUES (?, NULL, NULL, NULL, ?, 1, ?) ON CONFLICT DO UPDATE "
            "SET reason = excluded.reason, attempts = attempts + 1, asked_at = excluded.asked_at",
            conversation_id,
            reason,
            datetime.now(UTC),
        )

    def failed(self, since: datetime) -> int:
        """Return how many recordings of a run are missing, or damaged, and could not be saved."""
        found: int = self._copy.one(
            "SELECT count(*) FROM recordings WHERE asked_at >= ? AND reason IS NOT NULL "
            "AND (reason <> ? OR sha256 IS NOT NULL)",
            since,
            NO_RECORDING,
        )
        return found

    def delete_orphans(self) -> None:
        """Delete the files of conversations that were deleted from the copy."""
        for conversation_id, path in self._copy.all(
            "SELECT conversation_id, path FROM recordings ANTI JOIN conversations "
            "USING (conversation_id)"
        ):
            if path is not None:
                (self._directory / path).unlink(missing_ok=True)
            self._copy.execute("DELETE FROM recordings WHERE conversation_id = ?", conversation_id)


def _place(agent: str, day: date | None) -> PurePosixPath:
    """Return the directory of a day's recordings, with a name that is safe on every system."""
    if not _SAFE_NAME.fullmatch(agent):
        start = re.sub(r"[^A-Za-z0-9]", "_", agent)[:50]
        agent = f"agent_{start}_{hashlib.sha256(agent.encode()).hexdigest()[:16]}"
    return PurePosixPath(agent, *(day.isoformat().split("-") if day else ["undated"]))


def _fingerprint(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return os.fstat(file.fileno()).st_size, digest


def _problem(path: Path, size: int, digest: str) -> str:
    """Return what is wrong with a file; empty if nothing is."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return "The file is not a regular file."
        if path.stat().st_size != size or _fingerprint(path) != (size, digest):
            return "The file differs."
    except FileNotFoundError:
        return "The file is missing."
    except OSError as error:
        return f"The file cannot be read: {error.strerror}."
    return ""

"""The local copy: a DuckDB file with the data, and the state of its syncs."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args

import duckdb
import pyarrow as pa

from polyai_data._files import link_new
from polyai_data.frames import SCHEMAS, TableName

_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.list_(pa.string()): "VARCHAR[]",
}
_TEXT, _NUMBER, _TIME = "VARCHAR", "BIGINT", "TIMESTAMPTZ"
_STATE = {
    "recordings": {
        "conversation_id": f"{_TEXT} PRIMARY KEY",
        "path": _TEXT,
        "size": _NUMBER,
        "sha256": _TEXT,
        "reason": _TEXT,
        "attempts": _NUMBER,
        "asked_at": _TIME,
    },
    "sync_runs": {
        "run": f"{_NUMBER} PRIMARY KEY",
        "started_at": _TIME,
        "finished_at": _TIME,
        "covered_until": _TIME,
        "details": "BOOLEAN",
        "redacted": "BOOLEAN",
        "source": _TEXT,
        "looked_at": _NUMBER,
        "fetched": _NUMBER,
        "unchanged": _NUMBER,
        "failed": _NUMBER,
        "vanished": _NUMBER,
        "ended_early": "BOOLEAN",
        "recordings_saved": _NUMBER,
        "recordings_failed": _NUMBER,
        "recordings_damaged": _NUMBER,
    },
    "sync_seen": {
        "conversation_id": f"{_TEXT} PRIMARY KEY",
        "digest": _TEXT,
        "in_progress": "BOOLEAN",
        "fetched_at": _TIME,
    },
    "sync_failed": {
        "conversation_id": f"{_TEXT} PRIMARY KEY",
        "reason": _TEXT,
        "attempts": _NUMBER,
        "failed_at": _TIME,
    },
}
WITHOUT_DETAILS = "list:"
"""The prefix of the digests of conversations whose details were not fetched."""
PARTS: tuple[TableName, ...] = get_args(TableName)[1:]
"""The tables with the parts of conversations."""

_in_use: set[str] = set()
_lock = threading.Lock()


class CopyError(Exception):
    """The local copy cannot be used: it is in use, is not a copy, or holds other conversations."""


def tables() -> dict[str, dict[str, str]]:
    """Return the SQL type of each column of each table."""
    data: dict[str, dict[str, str]] = {
        name: {field.name: _TYPES[field.type] for field in schema}
        for name, schema in SCHEMAS.items()
    }
    data["conversations"]["conversation_id"] += " PRIMARY KEY"
    data["conversations"] |= {"raw": _TEXT, "fetched_at": _TIME, "vanished_at": _TIME}
    return data | _STATE


def _create_table(name: str, columns: Mapping[str, str]) -> str:
    listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    return f"CREATE TABLE {name} ({listed})"


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the file of a copy.

    Raises:
        CopyError: if another process uses it, or it is not a DuckDB file.
    """
    config: dict[str, Any] = {"memory_limit": "192MB", "threads": 2}
    if read_only:  # no statement can read or write other files, or load extensions
        config |= {"enable_external_access": False}
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.ConnectionException:  # open in this process
        raise _is_in_use(path) from None
    except duckdb.Error as error:
        if "lock" in str(error):
            raise _is_in_use(path) from None
        raise CopyError(f"Cannot open {path}: {error}") from None
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _is_in_use(path: Path) -> CopyError:
    return CopyError(f"{path} is in use: another sync or program has it open. Try again later.")


@contextmanager
def _private_files() -> Iterator[None]:
    """Make new files readable only by their owner. DuckDB creates several."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


class Copy:
    """A copy that is open for a sync. Only one sync at a time can open it.

    Args:
        path: The file. It is created if it does not exist.

    Raises:
        CopyError: if it is in use, or not a copy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = os.path.realpath(path)

    def __enter__(self) -> Self:
        with _lock:
            if self._name in _in_use:
                raise _is_in_use(self._path)
            _in_use.add(self._name)
        self._private = _private_files()
        self._private.__enter__()
        try:
            if not self._path.exists():
                self._create()
            self._connection = connect(self._path)
            self._check()
            self._connection.execute("CREATE TEMP TABLE run_seen (conversation_id VARCHAR)")
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._release()

    def _release(self) -> None:
        self._private.__exit__(None, None, None)
        with _lock:
            _in_use.discard(self._name)

    def _create(self) -> None:
        """Create the file with its tables. It gets its name when it is complete."""
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.new")
        try:
            with connect(new) as connection:
                for name, columns in tables().items():
                    connection.execute(_create_table(name, columns))
            with suppress(FileExistsError):  # another sync was faster
                link_new(new, self._path)
        finally:
            new.unlink(missing_ok=True)

    def _check(self) -> None:
        """Add the tables and columns that a newer version has.

        Raises:
            CopyError: if the file is not a copy.
        """
        for name, columns in tables().items():
            found = self.all(
                "SELECT column_name FROM information_schema.columns WHERE table_name = ?", name
            )
            if not found and name == "conversations":
                self._connection.close()
                raise CopyError(f"{self._path} is not a copy: it has no table {name}.")
            if not found:
                self._connection.execute(_create_table(name, columns))
                continue
            for column in columns.keys() - {each for (each,) in found}:
                self._connection.execute(
                    f'ALTER TABLE {name} ADD COLUMN "{column}" {columns[column]}'
                )

    def execute(self, query: str, *values: Any) -> None:
        """Run a statement."""
        self._connection.execute(query, values)

    def all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        rows: list[tuple[Any, ...]] = self._connection.execute(query, values).fetchall()
        return rows

    def one(self, query: str, *values: Any) -> Any:
        """Return the first value of a query; None if there is no row."""
        rows = self.all(query, *values)
        return rows[0][0] if rows else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    # --- Runs ------------------------------------------------------------------------------

    def start(self, started_at: datetime, *, details: bool, redacted: bool, source: str) -> int:
        """Record that a run started, and return its number.

        Raises:
            CopyError: if earlier runs differ from this one in --redact or in the source.
        """
        for was_redacted, before in self.all(
            "SELECT redacted, coalesce(source, 'data') FROM sync_runs ORDER BY run LIMIT 1"
        ):
            if was_redacted != redacted:
                how = "with" if was_redacted else "without"
                raise CopyError(
                    f"{self._path} was made {how} redaction. Sync {how} it, or to another file."
                )
            if before != source:
                raise CopyError(
                    f"{self._path} was made from the source {before}. Sync from it, or to another "
                    "file."
                )
        run: int = self.one("SELECT coalesce(max(run), 0) + 1 FROM sync_runs")
        self._connection.execute(
            "INSERT INTO sync_runs (run, started_at, details, redacted, source) "
            "VALUES (?, ?, ?, ?, ?)",
            [run, started_at, details, redacted, source],
        )
        return run

    def finish(self, run: int, values: Mapping[str, Any]) -> None:
        """Record that a run is complete."""
        changes = ", ".join(f"{column} = ?" for column in values)
        self._connection.execute(
            f"UPDATE sync_runs SET {changes} WHERE run = ?",  # noqa: S608  # our own names
            [*values.values(), run],
        )

    def covered_until(self, *, details: bool) -> datetime | None:
        """Return the time up to which the last complete run has everything; None without one."""
        moment: datetime | None = self.one(
            "SELECT covered_until FROM sync_runs WHERE finished_at IS NOT NULL "
            "AND (details OR NOT ?) ORDER BY run DESC LIMIT 1",
            details,
        )
        return moment

    # --- Conversations -----------------------------------------------------------------------

    def project_id(self) -> str | None:
        """Return the agent whose conversations the copy holds."""
        found: str | None = self.one(
            "SELECT project_id FROM conversations WHERE project_id IS NOT NULL LIMIT 1"
        )
        return found

    def known(self, ids: Iterable[str]) -> dict[str, tuple[str, bool]]:
        """Record that a run saw these IDs; return the digests of those that are complete.

        The second value says whether the conversation was still in progress.
        """
        page = pa.table({"conversation_id": pa.array(ids, pa.string())})
        self._connection.register("page", page)
        self._connection.execute("INSERT INTO run_seen SELECT * FROM page")
        rows = self.all(
            "SELECT conversation_id, digest, in_progress FROM sync_seen SEMI JOIN page "
            "USING (conversation_id) ANTI JOIN sync_failed USING (conversation_id)"
        )
        return {each: (digest, in_progress) for each, digest, in_progress in rows}

    def unfinished(self, *, details: bool) -> list[str]:
        """Return the IDs that a run has to fetch although it did not see them.

        They were in progress, or failed, or an earlier run saw that they changed, but did not fetch
        their details.
        """
        rows = self.all(
            "SELECT conversation_id FROM (SELECT conversation_id FROM sync_seen WHERE in_progress "
            "OR ? AND starts_with(digest, ?) "
            "UNION SELECT conversation_id FROM sync_failed WHERE NOT starts_with(conversation_id, "
            "'unreadable:')) ANTI JOIN run_seen USING (conversation_id) ORDER BY conversation_id",
            details,
            WITHOUT_DETAILS,
        )
        return [each for (each,) in rows]

    def places(self, ids: list[str]) -> list[tuple[str, datetime, str | None]]:
        """Return when and in which environment conversations started, if known."""
        return self.all(
            "SELECT conversation_id, started_at, client_env FROM conversations "
            "WHERE list_contains(?, conversation_id) AND started_at IS NOT NULL ORDER BY ALL",
            ids,
        )

    def store(
        self,
        data: Mapping[str, pa.Table],
        seen: pa.Table,
        failed: pa.Table,
        gone: pa.Table,
        *,
        at: datetime,
    ) -> None:
        """Replace conversations and their parts, together with the state, or change nothing."""
        run = self._connection
        run.register("seen", seen)
        run.register("failed", failed)
        run.register("gone", gone)
        with self._transaction():
            for name, table in data.items():
                run.register("data", table)
                if name == "conversations":
                    run.execute("INSERT OR REPLACE INTO conversations BY NAME SELECT * FROM data")
                    continue
                run.execute(
                    f"DELETE FROM {name} USING seen WHERE {name}.conversation_id = "  # noqa: S608
                    "seen.conversation_id"
                )
                run.execute(f"INSERT INTO {name} BY NAME SELECT * FROM data")  # noqa: S608
            run.execute("INSERT OR REPLACE INTO sync_seen BY NAME SELECT * FROM seen")
            run.execute(
                "DELETE FROM sync_failed WHERE conversation_id IN (FROM seen SELECT "
                "conversation_id UNION FROM gone)"
            )
            run.execute(
                "INSERT INTO sync_failed SELECT conversation_id, reason, 1, ? FROM failed "
                "ON CONFLICT DO UPDATE SET reason = excluded.reason, attempts = attempts + 1, "
                "failed_at = excluded.failed_at",
                [at],
            )
            run.execute(
                "UPDATE conversations SET vanished_at = ? WHERE vanished_at IS NULL AND "
                "conversation_id IN (FROM gone)",
                [at],
            )
            run.execute(
                "UPDATE sync_seen SET in_progress = false WHERE conversation_id IN (FROM gone)"
            )

    def forget_unreadable(self, before: datetime) -> None:
        """Forget the unreadable records that a full walk did not see again."""
        self._connection.execute(
            "DELETE FROM sync_failed WHERE starts_with(conversation_id, 'unreadable:') "
            "AND failed_at < ?",
            [before],
        )

    def counts_agree(self, total: int | None, without_id: int) -> bool:
        """Whether a full walk saw as many conversations as the server counts.

        An empty list proves nothing: it may be another agent's.
        """
        seen: int = self.one("SELECT count(DISTINCT conversation_id) FROM run_seen")
        return seen > 0 and seen + without_id == total

    def sweep(self, at: datetime, *, delete: bool) -> int:
        """Mark or delete what a full walk did not see, and return how many there were."""
        missing = "conversation_id NOT IN (FROM run_seen)"
        with self._transaction():
            if not delete:
                return len(
                    self.all(
                        f"UPDATE conversations SET vanished_at = ? WHERE vanished_at IS NULL AND "  # noqa: S608
                        f"{missing} RETURNING conversation_id",
                        at,
                    )
                )
            for name in (*PARTS, "sync_seen", "sync_failed"):
                self._connection.execute(f"DELETE FROM {name} WHERE {missing}")  # noqa: S608
            return len(
                self.all(
                    f"DELETE FROM conversations WHERE {missing} RETURNING conversation_id"  # noqa: S608
                )
            )

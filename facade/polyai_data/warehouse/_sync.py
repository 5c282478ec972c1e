"""What a sync does: which conversations it looks at, which it fetches, and when it stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyai_data import DataClient
from polyai_data.frames import to_arrow
from polyai_data.frames._build import json_text
from polyai_data.frames._redact import redact as without_personal_data
from polyai_data.frames._walk import (
    Listed,
    Source,
    Walk,
    digest,
    id_of,
    is_in_progress,
    start_of,
    unreadable,
)

from ._copy import PARTS, WITHOUT_DETAILS, Copy, CopyError
from ._recordings import Recordings

_TIME = pa.timestamp("us", tz="UTC")


@dataclass
class SyncResult:
    """What a sync did.

    Attributes:
        looked_at: The number of conversations that it saw in the list.
        fetched: The number of conversations that it stored.
        unchanged: The number of conversations that were the same as in the copy.
        failed: The number of conversations that could not be fetched; they are tried again by the
            next sync, and the table `sync_failed` has the reasons.
        vanished: The number of conversations that the API no longer has.
        ended_early: Whether it stopped at the start of the last complete sync, less the lookback.
        recordings_saved: The number of recordings that it saved.
        recordings_failed: The number of recordings that could not be saved; they are tried again by
            the next sync, and the table `recordings` has the reasons.
        recordings_damaged: The number of files that differed or were missing.
    """

    looked_at: int = 0
    fetched: int = 0
    unchanged: int = 0
    failed: int = 0
    vanished: int = 0
    ended_early: bool = False
    recordings_saved: int = 0
    recordings_failed: int = 0
    recordings_damaged: int = 0


OnProgress = Callable[[SyncResult, int | None], None]
"""A callback that gets the result so far, and the total number of conversations or None."""


@dataclass(frozen=True)
class Options:
    """The options of a sync; `sync` documents them."""

    lookback: timedelta
    refresh: timedelta
    full: bool
    details: bool
    raw: bool
    redact: bool
    delete_vanished: bool
    recordings: Path | None
    verify: bool
    source: Source
    page_size: int
    batch_size: int
    concurrency: int
    agent_id: str | None
    on_progress: OnProgress


@dataclass
class _Batch:
    """Conversations to store together."""

    seen: dict[str, str] = field(default_factory=dict)
    raws: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


class Sync:
    """One run."""

    def __init__(self, client: DataClient, path: Path, options: Options) -> None:
        self._client = client
        self._path = path
        self._options = options
        self._started = _now()
        self._result = SyncResult()
        self._without_id = 0
        self._newest: datetime | None = None
        self._todo: dict[str, tuple[str, dict[str, Any]]] = {}
        self._agent_checked = False
        self._walk = Walk(
            client,
            source=options.source,
            page_size=options.page_size,
            concurrency=options.concurrency,
            agent_id=options.agent_id,
        )

    def run(self) -> SyncResult:
        """Update the copy."""
        options, result = self._options, self._result
        with Copy(self._path) as copy:
            recordings = None
            if options.recordings is not None:  # fail early if the directory cannot be created
                recordings = Recordings(
                    self._client, copy, options.recordings, redacted=options.redact
                )
            run = copy.start(
                self._started,
                details=options.details,
                redacted=options.redact,
                source=options.source,
            )
            covered = copy.covered_until(details=options.details)
            self._look(copy, self._oldest_needed(covered))
            self._fetch(copy)
            if options.source == "v3":
                self._find_unfinished(copy)
            else:
                self._fetch_unfinished(copy)
            if not result.ended_early and copy.counts_agree(self._walk.total, self._without_id):
                result.vanished += copy.sweep(self._started, delete=options.delete_vanished)
            if not result.ended_early:
                copy.forget_unreadable(self._started)
            # A time in the future would end the next walk too early.
            until = min(self._newest, self._started) if self._newest else covered
            copy.finish(run, {**vars(result), "covered_until": until, "finished_at": _now()})
            if recordings is not None:
                self._save_recordings(recordings)
                copy.finish(run, {**vars(result), "finished_at": _now()})
        return result

    def _save_recordings(self, recordings: Recordings) -> None:
        options, result = self._options, self._result
        if options.delete_vanished:
            recordings.delete_orphans()
        if options.verify:
            result.recordings_damaged = recordings.verify()
        results = recordings.save(
            options.lookback, options.concurrency, options.agent_id, self._walk.check_failure
        )
        with closing(results):
            for is_saved in results:
                result.recordings_saved += is_saved
                options.on_progress(result, self._walk.total)
        result.recordings_failed = recordings.failed(self._started)

    def _oldest_needed(self, covered: datetime | None) -> datetime | None:
        """Return the time from which conversations are needed; None for all."""
        if covered is None or self._options.full:
            return None
        return min(covered - self._options.lookback, self._started - self._options.refresh)

    def _look(self, copy: Copy, oldest_needed: datetime | None) -> None:
        """Look at all conversations that are needed, newest first, and fetch what changed."""
        with closing(self._walk.pages(oldest_needed)) as pages:
            for page in pages:
                self._check_agent(copy, page)
                self._look_at(copy, page)
                while len(self._todo) >= self._options.batch_size:
                    self._fetch(copy)
                self._options.on_progress(self._result, self._walk.total)
        self._result.ended_early = self._walk.ended_early

    def _check_agent(self, copy: Copy, conversations: Sequence[Listed]) -> None:
        """Make sure that the copy holds the conversations of one agent.

        Raises:
            CopyError: if it holds those of another one.
        """
        if self._agent_checked:
            return
        agents = [one.project_id for one in conversations if isinstance(one.project_id, str)]
        before = copy.project_id()
        if agents and before is not None and before not in agents:
            raise CopyError(
                f"{self._path} has the conversations of agent {before}, not of {agents[0]}. "
                "Sync to another file."
            )
        self._agent_checked = bool(agents)

    def _look_at(self, copy: Copy, conversations: Sequence[Listed]) -> None:
        """Decide which conversations of a page to fetch."""
        self._result.looked_at += len(conversations)
        without_id = _Batch()
        by_id: dict[str, Listed] = {}
        for one in conversations:
            conversation_id = id_of(one)
            if conversation_id is None:
                self._without_id += 1
                without_id.failed.update([unreadable(one)])
            else:
                by_id[conversation_id] = one
        known = copy.known(by_id)
        for conversation_id, one in by_id.items():
            moment = start_of(one)
            if moment is not None:
                self._newest = max(moment, self._newest or moment)
            with_details = digest(one.raw)
            marked = self._marked(with_details)
            before, was_in_progress = known.get(conversation_id, ("", True))
            is_unchanged = before in (marked, with_details) and not was_in_progress
            is_recent = moment is None or moment >= self._started - self._options.refresh
            needs_refresh = bool(self._options.refresh) and is_recent
            if is_unchanged and not needs_refresh:
                self._result.unchanged += 1
            else:
                self._todo[conversation_id] = marked, one.raw
        if without_id.failed:
            self._store(copy, without_id)

    def _fetch(self, copy: Copy) -> None:
        """Fetch and store a batch of the conversations that were found."""
        ids = list(self._todo)[: self._options.batch_size]
        wanted = {each: self._todo.pop(each) for each in ids}
        if not wanted:
            return
        digests = {each: marked for each, (marked, _) in wanted.items()}
        if self._options.details and self._options.source == "data":
            self._store(copy, self._get(digests))
        else:
            self._store(copy, _Batch(digests, {each: raw for each, (_, raw) in wanted.items()}))

    def _fetch_unfinished(self, copy: Copy) -> None:
        """Fetch by ID what was in progress, failed or lacks details, if the walk did not see it."""
        ids = copy.unfinished(details=self._options.details)
        for start in range(0, len(ids), self._options.batch_size):
            part = dict.fromkeys(ids[start : start + self._options.batch_size], "")
            self._store(copy, self._get(part, listed=False))

    def _find_unfinished(self, copy: Copy) -> None:
        """Look again at what was in progress or failed, if the search did not find it.

        There is no request for one conversation, so search where and when it started.
        """
        ids = copy.unfinished(details=self._options.details)
        for conversation_id, started_at, environment in copy.places(ids):
            batch = _Batch()
            one = self._walk.find(conversation_id, started_at, environment)
            if one is None:
                batch.gone.append(conversation_id)
            elif isinstance(one, Exception):
                batch.failed[conversation_id] = str(one)
            else:
                batch.seen[conversation_id] = self._marked(digest(one.raw))
                batch.raws[conversation_id] = one.raw
            self._store(copy, batch)

    def _get(self, digests: dict[str, str], *, listed: bool = True) -> _Batch:
        batch = _Batch()
        for conversation_id, found in self._walk.get(digests, listed=listed):
            if found is None:
                batch.gone.append(conversation_id)
            elif isinstance(found, Exception):
                batch.failed[conversation_id] = str(found)
            else:
                batch.seen[conversation_id] = digests[conversation_id]
                batch.raws[conversation_id] = found
        return batch

    def _store(self, copy: Copy, batch: _Batch) -> None:
        now = _now()
        ids, raws = list(batch.raws), list(batch.raws.values())
        data = {"conversations": self._conversations(raws, now)}
        if self._options.details:
            data |= {name: self._table(raws, name) for name in PARTS}
        seen = {
            "conversation_id": pa.array(ids, pa.string()),
            "digest": pa.array([batch.seen[each] for each in ids], pa.string()),
            "in_progress": pa.array([is_in_progress(raw) for raw in raws], pa.bool_()),
            "fetched_at": pa.array([now] * len(ids), _TIME),
        }
        failed = {
            "conversation_id": pa.array(batch.failed, pa.string()),
            "reason": pa.array(batch.failed.values(), pa.string()),
        }
        gone = {"conversation_id": pa.array(batch.gone, pa.string())}
        copy.store(data, pa.table(seen), pa.table(failed), pa.table(gone), at=now)
        self._result.fetched += len(ids)
        self._result.failed += len(batch.failed)
        self._result.vanished += len(batch.gone)
        self._options.on_progress(self._result, self._walk.total)

    def _table(self, raws: list[dict[str, Any]], name: Any) -> pa.Table:
        table = to_arrow(raws, name)
        return without_personal_data(name, table) if self._options.redact else table

    def _marked(self, text: str) -> str:
        """Return a digest that says whether this run stores details."""
        return text if self._options.details else f"{WITHOUT_DETAILS}{text}"

    def _conversations(self, raws: list[dict[str, Any]], now: datetime) -> pa.Table:
        keep_raw = self._options.raw and not self._options.redact
        texts = [json_text(raw) if keep_raw else None for raw in raws]
        table = self._table(raws, "conversations")
        table = table.append_column("raw", pa.array(texts, pa.string()))
        table = table.append_column("fetched_at", pa.array([now] * len(raws), _TIME))
        return table.append_column("vanished_at", pa.nulls(len(raws), _TIME))


def _now() -> datetime:
    return datetime.now(UTC)

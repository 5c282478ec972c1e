"""What a run loads: which conversations it fetches, and what it remembers for the next run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa

from polyai_data import DataClient
from polyai_data.frames import SCHEMAS, TableName, to_arrow
from polyai_data.frames._redact import redact
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

from ._tables import FAILED, PARTS, tables_for

_log = logging.getLogger("polyai_data")


@dataclass(frozen=True)
class Options:
    """The options of a source; `source` documents them."""

    client: DataClient
    source: Source
    lookback: timedelta
    refresh: timedelta
    details: bool
    redact: bool
    page_size: int
    batch_size: int
    concurrency: int
    agent_id: str | None


def load(options: Options) -> Iterator[Any]:
    """Yield the tables of what is new or changed, and then remember it.

    dlt stores the state together with the data. If this generator does not reach its end, the next
    run has the old state.

    Raises:
        PolyAIError: if the list cannot be read, or 100 conversations in a row cannot be fetched.
        ValueError: if the destination, or what it already has, does not fit.
    """
    tables = tables_for(dlt.current.pipeline(), dlt.current.resource())
    agents = dlt.current.resource_state()
    agent = options.agent_id or options.client._config.agent_id
    settings = {name: getattr(options, name) for name in ("source", "details", "redact")}
    state = agents.get(agent, {"settings": settings})
    if state["settings"] != settings:
        raise ValueError(
            f"This pipeline loaded agent {agent} with {state['settings']}, and not {settings}. Use "
            "another pipeline and dataset, or load everything again: "
            'pipeline.run(…, refresh="drop_resources").'
        )
    run = _Run(options, state)
    if not agents:  # all tables exist, even without conversations
        yield from tables.rows({name: to_arrow([], name) for name in SCHEMAS})
        yield from tables.failed(FAILED.empty_table())
    for raws in run.conversations():
        found: dict[TableName, pa.Table] = {"conversations": to_arrow(raws)}
        found |= {name: to_arrow(raws if options.details else [], name) for name in PARTS}
        if options.redact:
            found = {name: redact(name, table) for name, table in found.items()}
        yield from tables.rows(found)
    yield from tables.stale()
    if run.failed:
        _log.warning(
            "%d conversations could not be loaded; the table sync_failed has the reasons.",
            len(run.failed),
        )
        rows = [(*each, run.started) for each in run.failed.items()]
        columns = zip(*rows, strict=True)
        yield from tables.failed(pa.table(list(map(list, columns)), schema=FAILED))
    agents[agent] = {"settings": settings, **run.state()}


class _Run:
    """One run.

    Attributes:
        started: When it began.
        failed: The IDs of conversations that could not be loaded, with the reasons.
    """

    def __init__(self, options: Options, state: dict[str, Any]) -> None:
        self._options = options
        self._walk = Walk(
            options.client,
            source=options.source,
            page_size=options.page_size,
            concurrency=options.concurrency,
            agent_id=options.agent_id,
        )
        covered = state.get("covered_until")
        self.started = datetime.now(UTC)
        self._covered = datetime.fromisoformat(covered) if covered else None
        self._oldest_needed: datetime | None = None
        if self._covered:
            self._oldest_needed = min(
                self._covered - options.lookback, self.started - options.refresh
            )
        self._known = frozenset(state.get("known", ()))
        self._unfinished: dict[str, list[str | None]] = dict(state.get("unfinished", {}))
        self._newest: datetime | None = None
        self._todo: dict[str, Listed] = {}
        self._loaded: set[str] = set()
        self._now_known: list[tuple[datetime | None, str]] = []
        self._now_unfinished: dict[str, list[str | None]] = {}
        self.failed: dict[str, str] = {}

    def conversations(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the JSON of what is new or changed, in batches; no conversation twice."""
        options = self._options
        with closing(self._walk.pages(self._oldest_needed)) as pages:
            for page in pages:
                self._look_at(page)
                while len(self._todo) >= options.batch_size:
                    yield self._fetch()
        while self._todo:
            yield self._fetch()
        yield from self._search_unfinished() if options.source == "v3" else self._get_unfinished()

    def state(self) -> dict[str, Any]:
        """Return what the next run needs to know."""
        # A time in the future would end the next walk too early.
        until = min(self._newest, self.started) if self._newest else self._covered
        oldest = until - self._options.lookback if until else None
        known = [
            mark for start, mark in self._now_known if not (start and oldest and start < oldest)
        ]
        return {
            "covered_until": until and until.isoformat(),
            "known": known,
            "unfinished": self._now_unfinished,
        }

    def _look_at(self, page: Sequence[Listed]) -> None:
        """Decide which conversations of a page to fetch."""
        for one in page:
            conversation_id = id_of(one)
            if conversation_id is None:
                self.failed.update([unreadable(one)])
                continue
            moment = start_of(one)
            if moment is not None:
                self._newest = max(moment, self._newest or moment)
            was_unfinished = self._unfinished.pop(conversation_id, None)
            if (
                moment
                and self._oldest_needed
                and moment < self._oldest_needed
                and not was_unfinished
            ):
                continue  # anything that old is not remembered
            needs_refresh = bool(self._options.refresh) and (
                moment is None or moment >= self.started - self._options.refresh
            )
            if _mark(one) in self._known and not was_unfinished and not needs_refresh:
                self._now_known.append((moment, _mark(one)))
            elif conversation_id not in self._loaded:
                self._loaded.add(conversation_id)
                self._todo[conversation_id] = one

    def _fetch(self) -> list[dict[str, Any]]:
        """Return a batch of the conversations that were found."""
        ids = list(self._todo)[: self._options.batch_size]
        wanted = {each: self._todo.pop(each) for each in ids}
        if not self._options.details or self._options.source == "v3":
            return [self._keep(one, one.raw) for one in wanted.values()]
        raws = []
        for conversation_id, found in self._walk.get(wanted):
            one = wanted[conversation_id]
            if isinstance(found, dict):
                raws.append(self._keep(one, found))
            else:
                self._fail(conversation_id, str(found), _place(one))
        return raws

    def _get_unfinished(self) -> Iterator[list[dict[str, Any]]]:
        """Fetch by ID what was in progress or failed, if the walk did not see it."""
        ids = list(self._unfinished)
        for start in range(0, len(ids), self._options.batch_size):
            raws = []
            part = ids[start : start + self._options.batch_size]
            for conversation_id, found in self._walk.get(part, listed=False):
                place = self._unfinished[conversation_id]
                if isinstance(found, Exception):
                    self._fail(conversation_id, str(found), place)
                elif found is not None:
                    raws.append(found)
                    if is_in_progress(found):
                        self._now_unfinished[conversation_id] = place
            yield raws

    def _search_unfinished(self) -> Iterator[list[dict[str, Any]]]:
        """Look again at what was in progress or failed, if the search did not find it."""
        for conversation_id, place in self._unfinished.items():
            started_at, environment = place
            if started_at is None:  # look for it again if a search finds it
                self._now_unfinished[conversation_id] = place
                continue
            moment = datetime.fromisoformat(started_at)
            found = self._walk.find(conversation_id, moment, environment)
            if isinstance(found, Exception):
                self._fail(conversation_id, str(found), place)
            elif found is not None:
                yield [self._keep(found, found.raw)]

    def _keep(self, one: Listed, raw: dict[str, Any]) -> dict[str, Any]:
        """Remember that a conversation was loaded; return its JSON."""
        conversation_id = str(id_of(one))
        if is_in_progress(raw):
            self._now_unfinished[conversation_id] = _place(one)
        else:
            self._now_known.append((start_of(one), _mark(one)))
        return raw

    def _fail(self, conversation_id: str, reason: str, place: list[str | None]) -> None:
        self.failed[conversation_id] = reason
        self._now_unfinished[conversation_id] = place


def _place(one: Listed) -> list[str | None]:
    """Return where to find a conversation of v3 again: its start and its environment."""
    moment = start_of(one)
    environment = one.raw.get("environment")
    return [
        moment.isoformat() if moment else None,
        environment if isinstance(environment, str) else None,
    ]


def _mark(one: Listed) -> str:
    """Return a short digest of a listed conversation, ID included. The state holds many of them."""
    return digest(one.raw)[:16]

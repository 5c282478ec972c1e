"""A local copy of an agent's conversations, kept up to date: a DuckDB file for SQL.

    from polyai_data import DataClient, warehouse

    with DataClient() as client:
        result = warehouse.sync(client, "duckdb:polyai.duckdb")

The first sync fetches everything, later ones fetch what changed. A killed sync loses nothing: the
next one continues. The module needs the extra `sync`. docs/how-to/local-copy.md lists the tables.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

try:
    import duckdb  # noqa: F401
    import pyarrow  # noqa: F401
except ModuleNotFoundError as _error:
    from polyai_data.cli._install import install_command

    raise ImportError(
        f"polyai_data.warehouse needs DuckDB and pyarrow: {install_command('sync')}", name=__name__
    ) from _error

from polyai_data import DataClient
from polyai_data.frames._redact import REDACTED
from polyai_data.frames._walk import Source, check_options

from ._copy import CopyError, connect
from ._sync import OnProgress, Options, Sync, SyncResult

__all__ = ["REDACTED", "CopyError", "OnProgress", "Source", "SyncResult", "connect", "sync"]


def sync(
    client: DataClient,
    target: str = "duckdb:polyai.duckdb",
    *,
    source: Source = "data",
    lookback: timedelta = timedelta(days=3),
    refresh: timedelta = timedelta(0),
    full: bool = False,
    details: bool = True,
    raw: bool = True,
    redact: bool = False,
    delete_vanished: bool = False,
    recordings: str | os.PathLike[str] | None = None,
    verify: bool = False,
    page_size: int = 500,
    batch_size: int = 500,
    concurrency: int = 16,
    agent_id: str | None = None,
    on_progress: OnProgress | None = None,
) -> SyncResult:
    """Update a local copy of the conversations of an agent.

    While it runs, new files of this process are readable only by their owner.

    Args:
        client: The client.
        target: `duckdb:` and the path of the file, which is created if it does not exist.
        source: The Data API (`data`), or the Conversations API v3 (`v3`). Conversations of v3
            already have their turns, so nothing else is fetched. It does not count conversations,
            so vanished ones are not detected, and it has no recordings.
        lookback: How far before the last complete sync to look for conversations that changed.
        refresh: How far back to fetch the details of all conversations again. Annotations do not
            show in the list, so this is how they get into the copy.
        full: Whether to look at all conversations, not only at those since the last sync.
        details: Whether to fetch turns, function calls and metrics, with a request for each
            conversation that is new or changed.
        raw: Whether to keep the JSON of each conversation, in the column `raw`.
        redact: Whether to leave columns that may hold personal data empty: see `REDACTED`.
        delete_vanished: Whether to delete conversations that the API no longer has, after a walk
            through the whole list. Default: they stay, with `vanished_at` set.
        recordings: A directory to save recordings in, as `<agent>/<year>/<month>/<day>/<id>.wav`.
            With `redact`, personal data is removed from them. Default: none are saved.
        verify: Whether to read all saved recordings, and to fetch again those that are missing, or
            whose size or SHA-256 differs from the table `recordings`.
        page_size: The number of conversations to list with each request.
        batch_size: The number of conversations to fetch and store together.
        concurrency: Number of calls at a time.
        agent_id: The agent, if not the client's.
        on_progress: Called with the result so far, and the total number of conversations.

    Raises:
        CopyError: if the file is in use, is not a copy, or holds another agent's conversations.
        PolyAIError: if the list cannot be read, or 100 conversations in a row cannot be fetched.
        NotADirectoryError: if the directory for recordings is a file.
        ValueError: if an argument is out of range.
    """
    scheme, _, path = target.partition(":")
    if scheme != "duckdb" or not path:
        raise ValueError(f"target={target!r}: expected duckdb: and a path.")
    check_options(source, lookback, refresh, batch_size)
    if source == "v3" and (delete_vanished or recordings is not None):
        raise ValueError("delete_vanished and recordings need source='data'.")
    if verify and recordings is None:
        raise ValueError("verify needs recordings=, the directory of the files.")
    options = Options(
        lookback=lookback,
        refresh=refresh,
        full=full,
        details=details,
        raw=raw,
        redact=redact,
        delete_vanished=delete_vanished,
        recordings=None if recordings is None else Path(recordings),
        verify=verify,
        source=source,
        page_size=page_size,
        batch_size=batch_size,
        concurrency=concurrency,
        agent_id=agent_id,
        on_progress=on_progress or (lambda *_: None),
    )
    return Sync(client, Path(path), options).run()


def __dir__() -> list[str]:
    return sorted(__all__)

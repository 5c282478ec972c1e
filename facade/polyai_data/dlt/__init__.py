"""Conversations for dlt, which loads them into Postgres, Snowflake, BigQuery, S3 and others.

    import dlt
    import polyai_data.dlt
    from polyai_data import DataClient

    pipeline = dlt.pipeline("polyai", destination="postgres", dataset_name="polyai")
    pipeline.run()  # loads what a killed run left behind
    with DataClient() as client:
        pipeline.run(polyai_data.dlt.source(client))

The first run loads everything, later ones load what is new or changed. The tables are those of
`polyai_data.frames`. The module needs the extra `dlt`. docs/how-to/other-destinations.md has more.

dlt reports usage to its maker. Importing this module turns that off, unless your dlt configuration
has turned it on.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

try:
    import dlt
    import pyarrow  # noqa: F401
except ModuleNotFoundError as _error:
    from polyai_data.cli._install import install_command

    raise ImportError(
        f"polyai_data.dlt needs dlt and pyarrow: {install_command('dlt')}", name=__name__
    ) from _error

from dlt.common.runtime.telemetry import stop_telemetry

from polyai_data import DataClient
from polyai_data.frames._walk import Source, check_options

from ._load import Options, load

if TYPE_CHECKING:
    from dlt.sources import DltSource

__all__ = ["source"]


def source(
    client: DataClient,
    *,
    source: Source = "data",
    lookback: timedelta = timedelta(days=3),
    refresh: timedelta = timedelta(0),
    details: bool = True,
    redact: bool = False,
    page_size: int = 500,
    batch_size: int = 500,
    concurrency: int = 16,
    agent_id: str | None = None,
) -> DltSource:
    """Return a dlt source with the conversations of an agent that are new or changed.

    It has one resource, `conversations`, which also loads the tables `turns`, `function_calls`,
    `metrics` and `sync_failed`. What was loaded is remembered in the state of the pipeline.

    Args:
        client: The client. It must be open while the pipeline runs.
        source: The Data API (`data`), or the Conversations API v3 (`v3`). Conversations of v3
            already have their turns, so nothing else is fetched.
        lookback: How far before the last run to look for conversations that changed.
        refresh: How far back to fetch the details of all conversations again. Annotations do not
            show in the list, so this is how they get into the tables.
        details: Whether to fetch turns, function calls and metrics, with a request for each
            conversation that is new or changed.
        redact: Whether to leave columns that may hold personal data empty, as in a local copy.
        page_size: The number of conversations to list with each request.
        batch_size: The number of conversations to fetch together.
        concurrency: Number of calls at a time.
        agent_id: The agent, if not the client's.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_options(source, lookback, refresh, batch_size)
    options = Options(
        client=client,
        source=source,
        lookback=lookback,
        refresh=refresh,
        details=details,
        redact=redact,
        page_size=page_size,
        batch_size=batch_size,
        concurrency=concurrency,
        agent_id=agent_id,
    )
    conversations = dlt.resource(
        lambda: load(options),
        name="conversations",
        write_disposition="merge",
        primary_key="conversation_id",
    )
    return dlt.source(lambda: conversations, name="polyai")()


def _turn_telemetry_off() -> None:
    if dlt.config.get("runtime.dlthub_telemetry") is None:
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        stop_telemetry()


_turn_telemetry_off()


def __dir__() -> list[str]:
    return sorted(__all__)

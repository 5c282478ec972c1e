"""Prints how many requests Sentry sees, as JSON, for test_tools.py.

The keys are the columns of the table in docs/how-to/observability.md.

A process of its own, because Sentry's patches of httpx and aiohttp last as long as the process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import sentry_sdk
from polyai_data import NotFoundError

from tests.test_tools import CLOSED, COLUMNS, PAGE, settings

spans: list[str] = []


class Envelopes(sentry_sdk.transport.Transport):
    """Keeps the names of the spans."""

    def capture_envelope(self, envelope: Any) -> None:
        for item in envelope.items:
            spans.extend(span["op"] for span in item.payload.json["spans"])


def requests(column: str, url: str, **options: Any) -> int:
    spans.clear()
    with sentry_sdk.start_transaction(name="test"):
        try:
            COLUMNS[column][0](**settings(url, agent_id="PROJECT-DEMO", **options))
        except NotFoundError:
            sentry_sdk.flush()
    sentry_sdk.flush()
    return spans.count("http.client")


def main(url: str) -> None:
    scope: dict[str, Any] = {"httpx": httpx}
    start = PAGE.index("class ClientTransport")
    exec(PAGE[start : PAGE.index("with DataClient", start)], scope)
    sentry_sdk.init(
        f"{CLOSED.replace('//', '//key@')}/1", transport=Envelopes, traces_sample_rate=1.0
    )
    seen = {column: requests(column, url) for column in COLUMNS}
    seen["ClientTransport"] = requests("sync", url, transport=scope["ClientTransport"]())
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])

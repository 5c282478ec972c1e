"""The options that several commands share, and how a command takes them.

No module that a command's signature comes from may postpone its annotations: typer reads them.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ._times import begin_of, end_of

_CONNECTION = "Connection"
_FILTERS = "Filters, applied on this machine: the API has none"
_WHEN = "WHEN"


def _regions() -> list[str]:
    from polyai_data import Region  # here: it loads what no other completion needs

    return [region.value for region in Region]


@dataclass(frozen=True)
class Place:
    """The options that name a region."""

    region: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where the workspace lives: us, eu, uk or studio. Else POLYAI_REGION.",
            autocompletion=_regions,
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    studio_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The agent's address in Agent Studio, in place of region and agent.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None


@dataclass(frozen=True)
class Connection(Place):
    """The options of every command that reaches the API."""

    agent: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The agent, also known as project ID. Else POLYAI_AGENT_ID.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Another address of the API: a proxy of yours, or the sandbox. "
            "Else POLYAI_BASE_URL; it wins over the region.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with the API key. Else POLYAI_API_KEY_<REGION>, POLYAI_API_KEY, "
            "or what `polyai-data login` stored.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None


@dataclass(frozen=True)
class Filters:
    """The options that choose conversations."""

    since: Annotated[
        datetime | None,
        typer.Option(
            parser=begin_of,
            metavar=_WHEN,
            help="Begun then or later: 2026-06-01, 2026-06-01T09:30, 7d, 24h, 90m, today or "
            "yesterday, in this machine's time zone.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=end_of,
            metavar=_WHEN,
            help="Begun before then; a day counts to its end.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Of this channel, such as VOICE-SIP; several times for several.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Of this environment: live, pre-release, sandbox; several times for several.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    handoff: Annotated[
        bool | None,
        typer.Option(
            "--handoff/--no-handoff",
            help="Handed to a person, or not.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            help="Scored at least so high: 5 is high, 3 medium, 1 low.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    page_size: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="How many conversations to ask the server for at a time.",
            rich_help_panel=_FILTERS,
        ),
    ] = 1000


@dataclass(frozen=True)
class Recordings:
    """The options of what downloads recordings."""

    direction: Annotated[
        Literal["combined", "user", "agent"],
        typer.Option(
            metavar="SIDE", help="Which side of recordings to get: combined, user or agent."
        ),
    ] = "combined"
    redacted: Annotated[
        bool, typer.Option("--redacted", help="Get recordings without personal data.")
    ] = False
    concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            help="How many requests there are at once; 4 for recordings, 16 for conversations.",
        ),
    ] = None

    @property
    def at_once(self) -> dict[str, Any]:
        """The argument `concurrency` of the library, whose own number counts if none is given."""
        return {} if self.concurrency is None else {"concurrency": self.concurrency}


@dataclass(frozen=True)
class ChatOptions:
    """What a chat is started or resumed with."""

    env: Annotated[
        str, typer.Option(metavar="NAME", help="Where the agent runs: sandbox, pre-release, live.")
    ] = "sandbox"
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Such as en-US; else the server chooses.")
    ] = None
    variant: Annotated[str | None, typer.Option(metavar="ID", help="The variant of the agent.")] = (
        None
    )
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="The channel, such as chat.polyai.")
    ] = None
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What the agent's functions can read; several times."
        ),
    ] = None
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a chat that was begun before.")
    ] = None


AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON; one object a line where there are many.")
]
Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="The conversations' IDs; - reads them from stdin."),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The conversation's ID.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]

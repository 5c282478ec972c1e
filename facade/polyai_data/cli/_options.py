"""The options that several commands share.

Do not import `annotations` from `__future__` here: typer reads the annotations at run time.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ._command import CommandError
from ._times import When, parse_since, parse_until

_CONNECTION = "Connection"
_FILTERS = "Filters (applied on this machine; the API has none)"
_WHEN = "WHEN"


def _regions() -> list[str]:
    from polyai_data import Region  # imported here because it is slow

    return [region.value for region in Region]


def _environments() -> list[str]:
    return ["sandbox", "pre-release", "live"]


def _channels() -> list[str]:
    return ["VOICE-SIP", "WEBCHAT", "chat.polyai"]


@dataclass(frozen=True)
class RegionOptions:
    """The options that select a region."""

    region: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Region of your workspace: us, eu, uk or studio. Default: POLYAI_REGION.",
            autocompletion=_regions,
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    studio_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="URL of the agent in Agent Studio; replaces --region and --agent.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None


@dataclass(frozen=True)
class ConnectionOptions(RegionOptions):
    """The options of every command that calls the API."""

    agent: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Agent ID, also called project ID. Default: POLYAI_AGENT_ID.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="API URL, for a proxy or the sandbox; overrides the region. "
            "Default: POLYAI_BASE_URL.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File that contains the API key. Default: POLYAI_API_KEY_<REGION>, "
            "POLYAI_API_KEY, or the key that `polyai-data login` saved.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None


@dataclass(frozen=True)
class SearchConnectionOptions(ConnectionOptions):
    """The options of every command that uses the Conversations API v3."""

    account: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Account ID, also called workspace ID. Default: that of --studio-url, or "
            "POLYAI_ACCOUNT_ID. The API key is that of POLYAI_CONVERSATIONS_API_KEY_<REGION> or "
            "POLYAI_CONVERSATIONS_API_KEY.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None


@dataclass(frozen=True)
class SearchOptions:
    """The options of `search`."""

    since: Annotated[
        When | None,
        typer.Option(
            parser=parse_since,
            metavar=_WHEN,
            help="Started at or after this time, such as 2026-06-01, 7d, 24h or today.",
        ),
    ] = None
    until: Annotated[
        When | None,
        typer.Option(
            parser=parse_until,
            metavar=_WHEN,
            help="Started before this time. A date includes the whole day. Default: now.",
        ),
    ] = None
    environment: Annotated[
        Literal["live", "pre-release", "sandbox"] | None,
        typer.Option(
            metavar="NAME",
            help="Environment: live, pre-release or sandbox. Default: live; in a copy, all.",
        ),
    ] = None
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Channel, such as VOICE-SIP. Repeat for more than one.",
            autocompletion=_channels,
        ),
    ] = None
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the agent's variant.")
    ] = None
    in_progress: Annotated[
        bool | None,
        typer.Option("--in-progress/--finished", help="Whether the conversation is running."),
    ] = None
    meaning: Annotated[
        bool, typer.Option("--meaning", help="Search by meaning instead of by words.")
    ] = False
    said_by: Annotated[
        Literal["user", "agent"] | None,
        typer.Option("--said-by", metavar="SIDE", help="Whose words to search: user or agent."),
    ] = None
    sample: Annotated[bool, typer.Option("--sample", help="Return a random sample.")] = False


@dataclass(frozen=True)
class FilterOptions:
    """The options that filter conversations."""

    since: Annotated[
        When | None,
        typer.Option(
            parser=parse_since,
            metavar=_WHEN,
            help="Started at or after this time, such as 2026-06-01, 2026-06-01T09:30, 7d, 24h, "
            "90m, today or yesterday. Times without an offset are local.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    until: Annotated[
        When | None,
        typer.Option(
            parser=parse_until,
            metavar=_WHEN,
            help="Started before this time. A date includes the whole day.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Channel, such as VOICE-SIP. Repeat for more than one.",
            autocompletion=_channels,
            rich_help_panel=_FILTERS,
        ),
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Environment: live, pre-release or sandbox. Repeat for more than one.",
            autocompletion=_environments,
            rich_help_panel=_FILTERS,
        ),
    ] = None
    handoff: Annotated[
        bool | None,
        typer.Option(
            "--handoff/--no-handoff",
            help="Whether the conversation was handed off to a person.",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            help="Minimum score, up to 5 (5 high, 3 medium, 1 low).",
            rich_help_panel=_FILTERS,
        ),
    ] = None
    page_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Conversations per request. Default: 1000, or 250 with --since.",
            rich_help_panel=_FILTERS,
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.min_score is not None and not 0 <= self.min_score <= 5:  # NaN is not, either
            raise CommandError("--min-score must be a number from 0 to 5.")
        if self.since is not None and self.until is not None and self.since.at >= self.until.at:
            raise CommandError(
                "--since is not before --until, so nothing can match.", "Swap or correct them."
            )

    def as_of(self, moment: datetime) -> "FilterOptions":
        """Return the same options, with relative times as they were at another moment."""
        return replace(
            self,
            since=self.since and self.since.as_of(moment),
            until=self.until and self.until.as_of(moment),
        )

    @property
    def columns(self) -> set[str]:
        """The titles of the columns that show what is filtered by."""
        filters = {
            "Channel": bool(self.channel),
            "Handoff": self.handoff is True,
            "Score": self.min_score is not None,
        }
        return {title for title, is_set in filters.items() if is_set}

    @property
    def selecting(self) -> dict[str, Any]:
        """The options that are set and select conversations, by their names."""
        options = {
            "--since": self.since and self.since.text,
            "--until": self.until and self.until.text,
            "--channel": self.channel,
            "--env": self.env,
            "--handoff": self.handoff or None,
            "--no-handoff": (self.handoff is False) or None,
            "--min-score": self.min_score,
        }
        return {name: value for name, value in options.items() if value not in (None, [])}


@dataclass(frozen=True)
class RecordingOptions:
    """The options of commands that download recordings."""

    direction: Annotated[
        Literal["combined", "user", "agent"],
        typer.Option(
            metavar="SIDE", help="Side of the conversation to download: combined, user or agent."
        ),
    ] = "combined"
    redacted: Annotated[
        bool, typer.Option("--redacted", help="Download recordings with personal data removed.")
    ] = False
    concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=256,
            help="Maximum concurrent requests. Default: 4 for recordings, 16 for conversations.",
        ),
    ] = None

    @property
    def concurrency_option(self) -> dict[str, Any]:
        """The keyword argument `concurrency`, if it is set; otherwise the default applies."""
        return {} if self.concurrency is None else {"concurrency": self.concurrency}


@dataclass(frozen=True)
class SyncOptions:
    """The options of a sync."""

    to: Annotated[
        str, typer.Option("--to", metavar="TARGET", help="duckdb: and the path of the file.")
    ] = "duckdb:polyai.duckdb"
    source: Annotated[
        Literal["data", "v3"],
        typer.Option(
            metavar="API",
            help="data, or v3 for the Conversations API v3: 1,000 conversations with their turns "
            "for each request, without scores, summaries, tags, notes and function calls.",
        ),
    ] = "data"
    lookback: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Time before the last complete sync in which to look for changes, such as 3d, "
            "12h or 90m.",
        ),
    ] = "3d"
    refresh: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Fetch the details of conversations of this time again. Annotations do not show "
            "in the list, so this is how they get into the copy.",
        ),
    ] = "0"
    full: Annotated[
        bool, typer.Option("--full", help="Look at all conversations, not only at new ones.")
    ] = False
    no_details: Annotated[
        bool, typer.Option("--no-details", help="Without turns, function calls and metrics.")
    ] = False
    no_raw: Annotated[
        bool, typer.Option("--no-raw", help="Without the JSON of each conversation.")
    ] = False
    redact: Annotated[
        bool, typer.Option("--redact", help="Leave columns empty that may hold personal data.")
    ] = False
    delete_vanished: Annotated[
        bool,
        typer.Option(
            "--delete-vanished",
            help="Delete conversations that the API no longer has. Default: they are marked.",
        ),
    ] = False
    recordings: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Also save recordings in this directory: <agent>/<year>/<month>/<day>/<id>.wav.",
        ),
    ] = None
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read all saved recordings, and fetch those again that differ or are missing.",
        ),
    ] = False
    concurrency: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Maximum concurrent requests.")
    ] = 16


@dataclass(frozen=True)
class ChatOptions:
    """The options that start or resume a chat."""

    env: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Environment: sandbox, pre-release or live.",
            autocompletion=_environments,
        ),
    ] = "sandbox"
    language: Annotated[
        str | None,
        typer.Option(
            metavar="CODE", help="Language, such as en-US. Default: chosen by the server."
        ),
    ] = None
    variant: Annotated[str | None, typer.Option(metavar="ID", help="Variant of the agent.")] = None
    channel: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Channel, such as chat.polyai.", autocompletion=_channels
        ),
    ] = None
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Attribute that the agent's functions can read. Repeat for more than one.",
        ),
    ] = None
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Resume the chat with this conversation ID.")
    ] = None


Limit = Annotated[
    int | None,
    typer.Option("--limit", "-n", metavar="N", min=0, help="Maximum number of conversations."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="Conversation IDs; - reads IDs from stdin."),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Conversation ID.")]
Searches = Annotated[
    bool,
    typer.Option("--searches", help="The key for searches, of the Conversations API v3."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]

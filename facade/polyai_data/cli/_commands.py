"""Defines the commands, their arguments and their help.

Each command is implemented in its own module, which is imported when the command runs, so that
`--help` and shell completion are fast.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from ._command import Command, Group, RejectedKey, command
from ._options import (
    AsJson,
    ChatOptions,
    ConnectionOptions,
    FilterOptions,
    Id,
    Ids,
    Limit,
    Overwrite,
    RecordingOptions,
    RegionOptions,
    SearchConnectionOptions,
    Searches,
    SearchOptions,
    SyncOptions,
)

_EPILOG = (
    "Exit codes: 0 success, 1 other error, 2 usage or configuration, 3 authentication (401, 403), "
    "4 not found, 5 rate limit, 6 server or network, 130 interrupted, 141 output pipe closed."
)
_READ, _WRITE, _SET_UP = "Read", "Write", "Set up"

app = typer.Typer(
    cls=Group,
    help="Work with the conversations of your PolyAI agents.",
    epilog=_EPILOG,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)


def _command(name: str, panel: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a function to the app as a command."""
    add = app.command(name, cls=Command, rich_help_panel=panel)
    return lambda function: add(command(function))


def _print_version(requested: bool) -> None:
    if requested:
        from polyai_data import __spec_version__, __version__

        typer.echo(f"polyai-data {__version__} (Data API {__spec_version__})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
    api_key: RejectedKey = None,
) -> None:
    pass


@_command("list", _READ)
def _list(
    filters: FilterOptions,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=0,
            help="Maximum number of conversations. Default: 50 on a terminal, otherwise all.",
        ),
    ] = None,
    get_all: Annotated[
        bool, typer.Option("--all", help="List all matching conversations.")
    ] = False,
    as_json: AsJson = False,
    *,
    connection: ConnectionOptions,
) -> None:
    """List conversations, newest first.

    Pages through the results and stops at the first page older than --since.
    """
    from ._list import run

    run(connection, filters, limit=limit, get_all=get_all, as_json=as_json)


@_command("search", _READ)
def _search(
    options: SearchOptions,
    query: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="What to search for. Default: list all."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=0,
            help="Maximum number of conversations. Default: 50 on a terminal, otherwise all.",
        ),
    ] = None,
    get_all: Annotated[bool, typer.Option("--all", help="Show all that are found.")] = False,
    in_copy: Annotated[
        bool,
        typer.Option("--copy", help="Search the local copy that `sync` made, without the server."),
    ] = False,
    copy_file: Annotated[
        Path | None,
        typer.Option(
            "--copy-file", metavar="FILE", help="Search this copy instead of polyai.duckdb."
        ),
    ] = None,
    as_json: AsJson = False,
    *,
    connection: SearchConnectionOptions,
) -> None:
    """Search for conversations on the server, newest first.

    Uses the Conversations API v3, which has API keys of its own. With --copy, finds the text in the
    local copy, ignoring case: in what was said, headings, summaries and notes.
    """
    from ._search import run

    run(
        connection,
        options,
        query=query,
        limit=limit,
        get_all=get_all,
        as_json=as_json,
        copy=copy_file or (Path("polyai.duckdb") if in_copy else None),
    )


@_command("get", _READ)
def _get(
    conversation_id: Id,
    connection: ConnectionOptions,
    in_browser: Annotated[
        bool, typer.Option("--web", help="Open the conversation in Agent Studio instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a conversation and its transcript.

    Lists fields that differ from the API specification.
    """
    from ._get import run

    run(connection, conversation_id, in_browser=in_browser, as_json=as_json)


@_command("transcript", _READ)
def _transcript(
    conversation_id: Id,
    connection: ConnectionOptions,
    output_format: Annotated[
        Literal["text", "markdown", "json"], typer.Option("--format", help="Output format.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="Same as --format json.")] = False,
) -> None:
    """Show a transcript with function calls.

    Shows the number of each turn, for `annotate --turn`, the time since the start, and the latency
    of each reply.
    """
    from ._get import run_transcript

    run_transcript(connection, conversation_id, output_format="json" if as_json else output_format)


@_command("audio", _READ)
def _audio(
    ids: Ids,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Output file, or - for stdout; directory for several recordings. A path that "
            "ends in / is a directory, too.",
        ),
    ] = ".",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    *,
    recordings: RecordingOptions,
    connection: ConnectionOptions,
) -> None:
    """Download recordings.

    Prints the path of each file. Files in a directory are named after their conversations. Existing
    files are skipped unless you pass --overwrite, and conversations without a recording are
    skipped, too.
    """
    from ._audio import run

    run(connection, recordings, ids, output=output, overwrite=overwrite, as_json=as_json)


@_command("export", _READ)
def _export(
    filters: FilterOptions,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Output file; - for stdout.")
    ],
    limit: Limit = None,
    details: Annotated[
        bool, typer.Option("--details", help="Include transcripts, metrics and function events.")
    ] = False,
    recordings_to: Annotated[
        Path | None,
        typer.Option("--recordings", metavar="DIR", help="Also save recordings to this directory."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted export.")] = False,
    overwrite: Overwrite = False,
    output_format: Annotated[
        Literal["json", "csv"],
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="json (JSON Lines), or csv: a table with one row for each conversation.",
        ),
    ] = "json",
    source: Annotated[
        Literal["data", "v3"],
        typer.Option(
            metavar="API",
            help="data, or v3 for the Conversations API v3: it filters on the server, includes "
            "transcripts and metrics, and has no scores, summaries, tags and notes.",
        ),
    ] = "data",
    *,
    recordings: RecordingOptions,
    connection: SearchConnectionOptions,
) -> None:
    """Export conversations to a JSON Lines or CSV file.

    In JSON Lines, each line is a conversation as the server sent it. The export is written to
    FILE.part, which is renamed to FILE when it is complete. Resume an interrupted or partly failed
    export with --resume and the same options; nothing already saved is fetched again.
    """
    from ._export import run

    run(
        connection,
        filters,
        recordings,
        output=output,
        limit=limit,
        with_details=details,
        directory=recordings_to,
        resume=resume,
        overwrite=overwrite,
        from_v3=source == "v3",
        as_csv=output_format == "csv",
    )


@_command("sync", _READ)
def _sync(
    options: SyncOptions,
    as_json: AsJson = False,
    *,
    connection: SearchConnectionOptions,
) -> None:
    """Update a local copy of all conversations, for SQL.

    The first run fetches everything, the next ones what changed since. Run it as often as you like:
    after an interruption, it continues. Query the copy with `polyai-data query`.
    """
    from ._sync import run

    run(connection, options, as_json=as_json)


@_command("query", _READ)
def _query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="Query; - reads it from stdin.")],
    copy: Annotated[
        Path, typer.Option("--copy", metavar="FILE", help="The copy that `sync` made.")
    ] = Path("polyai.duckdb"),
    output_format: Annotated[
        Literal["table", "csv", "json"],
        typer.Option("--format", metavar="FORMAT", help="table, csv or json (JSON Lines)."),
    ] = "table",
) -> None:
    """Run a SQL query on the local copy.

    The query can read the tables of the copy, and nothing else. It cannot change anything.
    """
    from ._query import run

    run(sql, copy, output_format=output_format)


@_command("annotate", _WRITE)
def _annotate(
    conversation_id: Id,
    connection: ConnectionOptions,
    turn: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Turn number, as shown by `transcript`."),
    ],
    kind: Annotated[
        Literal["missing_topic", "wrong_transcript", "wrong_info"],
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Problem: missing_topic or wrong_transcript (what the user said), wrong_info "
            "(what the agent said).",
        ),
    ],
    role: Annotated[
        Literal["user", "agent"] | None,
        typer.Option("--role", metavar="ROLE", help="user or agent. Default: depends on --type."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report a problem with a turn of a conversation."""
    from ._write import annotate

    annotate(connection, conversation_id, turn=turn, kind=kind, role=role, as_json=as_json)


@_command("note", _WRITE)
def _note(
    conversation_id: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="New note; - reads it from stdin.")],
    connection: ConnectionOptions,
    as_json: AsJson = False,
) -> None:
    """Set the note of a conversation, replacing the old one."""
    from ._write import note

    note(connection, conversation_id, text, as_json=as_json)


@_command("chat", _WRITE)
def _chat(connection: ConnectionOptions, options: ChatOptions, as_json: AsJson = False) -> None:
    """Chat with an agent, for testing.

    If stdin is not a terminal, each of its lines is sent as a message.
    """
    from ._chat import run

    run(connection, options, as_json=as_json)


@_command("doctor", _SET_UP)
def _doctor(
    connection: ConnectionOptions,
    probe_regions: Annotated[
        bool,
        typer.Option(
            "--probe-regions",
            help="Try the API key in all four regions. This shows the key to each of them.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Diagnose connection problems.

    Checks the settings, the API key, the proxy, the connection, TLS, the agent and the clock.
    """
    from ._doctor import run

    run(connection, probe_regions=probe_regions, as_json=as_json)


@_command("regions", _SET_UP)
def _regions(as_json: AsJson = False) -> None:
    """List the regions and their URLs."""
    from ._regions import run

    run(as_json=as_json)


@_command("login", _SET_UP)
def _login(options: RegionOptions, searches: Searches = False) -> None:
    """Save the API key for a region in the system keyring.

    Prompts for the key without showing it. If stdin is not a terminal, reads the key from stdin.
    """
    from ._login import login

    login(options, searches=searches)


@_command("logout", _SET_UP)
def _logout(options: RegionOptions, searches: Searches = False) -> None:
    """Delete the API key for a region from the system keyring."""
    from ._login import logout

    logout(options, searches=searches)


@_command("sandbox", _SET_UP)
def _sandbox(
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="Port to listen on; 0 picks a free port.")
    ] = 8765,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on.")
    ] = "127.0.0.1",
    key: Annotated[
        str, typer.Option("--key", metavar="KEY", help="API key to accept.")
    ] = "sandbox",
    agent: Annotated[str, typer.Option(metavar="ID", help="ID of the agent.")] = "PROJECT-DEMO",
    conversations: Annotated[int, typer.Option(metavar="N", help="Number of conversations.")] = 200,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Seed for generating the conversations.")
    ] = 0,
) -> None:
    """Run a sandbox of the API, with made-up conversations."""
    from ._sandbox import run

    run(port=port, host=host, key=key, agent=agent, conversations=conversations, seed=seed)

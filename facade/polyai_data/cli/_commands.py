"""What users see of the command line: its commands, their arguments and their help.

What a command does stands in a module of its own, which is imported when it runs: `--help` and the
completion of a shell load neither the client nor what shows its answers.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ._command import RefusedKey, command
from ._options import (
    AsJson,
    ChatOptions,
    Connection,
    Filters,
    Id,
    Ids,
    Overwrite,
    Place,
    Recordings,
)

_EPILOG = (
    "Exit codes: 0 done, 1 anything else, 2 usage or configuration, 3 authentication (401, 403), "
    "4 not found, 5 rate limit, 6 server or network, 130 interrupted, 141 nobody reads the output "
    "any more."
)
_READ, _WRITE, _SET_UP = "Read", "Write", "Set up"

app = typer.Typer(
    help="The conversations of your PolyAI agents: list, read, export, annotate, chat.",
    epilog=_EPILOG,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from polyai_data import __spec_version__, __version__

        typer.echo(f"polyai-data {__version__} (Data API {__spec_version__})")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
    api_key: RefusedKey = None,
) -> None:
    pass


@app.command("list", rich_help_panel=_READ)
@command
def _list(
    filters: Filters,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=0,
            help="How many at most; 50 if they go to a terminal as a table, else all.",
        ),
    ] = None,
    get_all: Annotated[bool, typer.Option("--all", help="All that match.")] = False,
    as_json: AsJson = False,
    *,
    connection: Connection,
) -> None:
    """List conversations, newest first.

    The API cannot filter: this machine goes through the list, and stops where all the rest is
    older than --since.
    """
    from ._list import run

    run(connection, filters, limit=limit, get_all=get_all, as_json=as_json)


@app.command("get", rich_help_panel=_READ)
@command
def _get(
    conversation_id: Id,
    connection: Connection,
    in_browser: Annotated[
        bool, typer.Option("--web", help="Open it in Agent Studio instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a conversation and its transcript.

    What was not as the API's document has it is named.
    """
    from ._get import run

    run(connection, conversation_id, in_browser=in_browser, as_json=as_json)


@app.command("transcript", rich_help_panel=_READ)
@command
def _transcript(
    conversation_id: Id,
    connection: Connection,
    form: Annotated[
        Literal["text", "markdown", "json"], typer.Option("--format", help="How to write it.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Show what was said and what the functions did, turn by turn.

    Beside each stand the number of the turn, which `annotate --turn` takes, and the time from the
    start; after what the agent said, how long the user waited for it.
    """
    from ._get import run_transcript

    run_transcript(connection, conversation_id, form="json" if as_json else form)


@app.command("audio", rich_help_panel=_READ)
@command
def _audio(
    ids: Ids,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="PATH", help="The file, or the directory."),
    ] = Path(),
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    *,
    recordings: Recordings,
    connection: Connection,
) -> None:
    """Save recordings.

    The paths of the files are printed. In a directory, each is named after its conversation. A file
    that is there is left alone, unless --overwrite is given.
    """
    from ._audio import run

    run(connection, recordings, ids, output=output, overwrite=overwrite, as_json=as_json)


@app.command("export", rich_help_panel=_READ)
@command
def _export(
    filters: Filters,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ],
    details: Annotated[
        bool, typer.Option("--details", help="With transcripts, metrics and function events.")
    ] = False,
    recordings_to: Annotated[
        Path | None,
        typer.Option("--recordings", metavar="DIR", help="Save the recordings there as well."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an export that was interrupted.")
    ] = False,
    overwrite: Overwrite = False,
    *,
    recordings: Recordings,
    connection: Connection,
) -> None:
    """Write all that match to a file, a line of JSON each.

    The lines are what the server sent, with --details as `get --json` prints it. The file is
    written as FILE.part and takes its name when it is complete. What is interrupted, or where a
    conversation failed, goes on with --resume and the same options: nothing that is there is
    fetched again.
    """
    from ._export import run

    run(
        connection,
        filters,
        recordings,
        target=output,
        with_details=details,
        directory=recordings_to,
        resume=resume,
        overwrite=overwrite,
    )


@app.command("annotate", rich_help_panel=_WRITE)
@command
def _annotate(
    conversation_id: Id,
    connection: Connection,
    turn: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="The turn, by the number that transcript shows."),
    ],
    kind: Annotated[
        Literal["missing_topic", "wrong_transcript", "wrong_info"],
        typer.Option(
            "--type",
            metavar="TYPE",
            help="What is wrong: missing_topic or wrong_transcript with the user's side, "
            "wrong_info with the agent's.",
        ),
    ],
    role: Annotated[
        Literal["user", "agent"] | None,
        typer.Option(metavar="SIDE", help="user or agent, if it is not the type's usual side."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a turn of a conversation."""
    from ._write import annotate

    annotate(connection, conversation_id, turn=turn, kind=kind, role=role, as_json=as_json)


@app.command("note", rich_help_panel=_WRITE)
@command
def _note(
    conversation_id: Id,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The whole new note; - reads it from stdin.")
    ],
    connection: Connection,
    as_json: AsJson = False,
) -> None:
    """Set the note of a conversation, in place of the old one."""
    from ._write import note

    note(connection, conversation_id, text, as_json=as_json)


@app.command("chat", rich_help_panel=_WRITE)
@command
def _chat(connection: Connection, options: ChatOptions, as_json: AsJson = False) -> None:
    """Chat with the agent, to test it.

    Each line of stdin is a message, so that a script can chat as well.
    """
    from ._chat import run

    run(connection, options, as_json=as_json)


@app.command("doctor", rich_help_panel=_SET_UP)
@command
def _doctor(
    connection: Connection,
    probe_regions: Annotated[
        bool,
        typer.Option(
            "--probe-regions",
            help="Ask all four regions which of them accepts the key. All four get to see it.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find out why it does not work.

    It looks at the settings, the key, the proxy, the connection, TLS, the agent and the clock.
    """
    from ._doctor import run

    run(connection, probe_regions=probe_regions, as_json=as_json)


@app.command("regions", rich_help_panel=_SET_UP)
@command
def _regions(as_json: AsJson = False) -> None:
    """List the regions, with their addresses."""
    from ._regions import run

    run(as_json=as_json)


@app.command("login", rich_help_panel=_SET_UP)
@command
def _login(place: Place) -> None:
    """Store the API key of a region in the system's keyring.

    The key is asked for and not shown; where stdin is no terminal, it is read from there.
    """
    from ._login import login

    login(place)


@app.command("logout", rich_help_panel=_SET_UP)
@command
def _logout(place: Place) -> None:
    """Delete the API key of a region from the system's keyring."""
    from ._login import logout

    logout(place)


@app.command(
    "sandbox",
    rich_help_panel=_SET_UP,
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def _sandbox(context: typer.Context) -> None:
    """Serve a sandbox of the API, with invented conversations."""
    from ._errors import reporting

    with reporting(debug=False):
        from ._sandbox import run

        raise typer.Exit(run(context.args))

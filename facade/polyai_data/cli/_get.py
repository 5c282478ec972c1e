"""Implements `polyai-data get` and `polyai-data transcript`."""

import shlex
from collections.abc import Iterator
from typing import Any, Literal

from rich.style import Style
from rich.table import Table
from rich.text import Text

from polyai_data import Conversation

from . import _format, _transcript
from ._connect import ResolvedSettings
from ._options import ConnectionOptions
from ._terminal import Terminal
from ._text import clean, clean_lines

Format = Literal["text", "markdown", "json"]


def run(
    connection: ConnectionOptions, conversation_id: str, *, in_browser: bool, as_json: bool
) -> None:
    """Show a conversation or open it in Agent Studio."""
    terminal = Terminal()
    settings = ResolvedSettings.from_options(connection)
    with settings.client(terminal) as client:
        conversation = client.get_conversation(conversation_id)
    link = settings.studio_link(conversation.account_id, conversation.project_id, conversation_id)
    if in_browser:
        _open(terminal, link)
    elif as_json:
        terminal.show_json(conversation.raw)
    else:
        _show(terminal, conversation, link)


def run_transcript(
    connection: ConnectionOptions, conversation_id: str, *, output_format: Format
) -> None:
    """Show the transcript of a conversation."""
    terminal = Terminal()
    with ResolvedSettings.from_options(connection).client(terminal) as client:
        conversation = client.get_conversation(conversation_id)
    if output_format == "json":
        terminal.show_json(_transcript.as_json(conversation))
    elif output_format == "markdown":
        title = conversation.heading or f"Conversation {conversation.conversation_id}"
        terminal.show_plain(_transcript.as_markdown(title, _transcript.entries(conversation)))
    else:
        terminal.show(_transcript.as_table(_transcript.entries(conversation)))
    _explain_missing_turns(terminal, conversation)


def _explain_missing_turns(terminal: Terminal, conversation: Conversation) -> None:
    if not conversation.turns:
        terminal.hint(
            "No turns: transcripts may be disabled for this agent, or this one was deleted."
        )
    elif conversation.in_progress is True:
        terminal.hint("This conversation is still in progress.")


def _open(terminal: Terminal, link: str | None) -> None:
    import webbrowser

    from ._command import CommandError

    if link is None:
        raise CommandError(
            "The Agent Studio URL is not known.",
            "Set the region and remove the base URL.",
        )
    if webbrowser.open(link):
        terminal.info(f"Opened {link}")
    else:
        terminal.show_plain(link)
        terminal.hint("Could not open a browser. Open the URL above yourself.")


def _show(terminal: Terminal, conversation: Conversation, link: str | None) -> None:
    title = conversation.heading or f"Conversation {conversation.conversation_id}"
    parts: list[Any] = [Text(clean(title), "bold"), "", _fact_table(_details(conversation, link))]
    if metrics := list(_metrics(conversation)):
        parts += ["", Text("Metrics", "bold"), _fact_table(metrics)]
    if conversation.problems:
        problems = [
            (problem.field, Text(clean(problem.reason))) for problem in conversation.problems
        ]
        parts += [
            "",
            Text("Differs from the API specification", "bold yellow"),
            _fact_table(problems),
        ]
    if conversation.turns or conversation.function_calls:
        transcript = _transcript.as_table(_transcript.entries(conversation))
        parts += ["", Text("Transcript", "bold"), transcript]
    terminal.show(*parts)
    _explain_missing_turns(terminal, conversation)


def _details(conversation: Conversation, link: str | None) -> Iterator[tuple[str, Text]]:
    """Yield the labels and values of the known details."""
    total = conversation.total_duration
    parts = [_format.duration(conversation.duration)]
    if total is not None and total != conversation.duration:
        parts.append(f"{_format.duration(total)} including the handoff")
    handoff = conversation.handoff_destination or (conversation.handoff is True and "yes")
    values = {
        "ID": conversation.conversation_id,
        "Channel": conversation.channel,
        "Direction": conversation.direction,
        "From": conversation.from_number,
        "To": conversation.to_number,
        "Started": _format.timestamp(conversation.started_at, "%Y-%m-%d %H:%M:%S %Z"),
        "Finished": _format.timestamp(conversation.finished_at, "%Y-%m-%d %H:%M:%S %Z"),
        "Length": ", ".join(parts),
        "In progress": "yes" if conversation.in_progress is True else "",
        "Language": conversation.language,
        "Environment": conversation.client_env,
        "Variant": conversation.variant_id,
        "Deployment": conversation.deployment_id,
        "Handed off to": handoff,
        "Handoff reason": conversation.handoff_reason,
        "Tags": _format.joined(conversation.tags),
        "Score": _format.score(conversation.poly_score, with_band=True),
        "Summary": conversation.summary_text,
        "Note": conversation.note,
        "Recording": f"polyai-data audio {shlex.quote(conversation.conversation_id)}"
        if conversation.audio_url
        else "",
    }
    for label, value in values.items():
        if value:
            yield label, value if isinstance(value, Text) else Text(clean_lines(value))
    if link:
        yield "Studio", Text(link, Style(link=link))


def _metrics(conversation: Conversation) -> Iterator[tuple[str, Text]]:
    metrics: Any = conversation.metrics
    for name, values in metrics.items() if isinstance(metrics, dict) else ():
        if isinstance(values, list):
            values = [getattr(value, "value", value) for value in values]
        yield name, Text(_format.joined(values))


def _fact_table(facts: Any) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in facts:
        grid.add_row(f"{clean(label)}", value)
    return grid

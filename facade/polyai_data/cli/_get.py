"""`polyai-data get` and `polyai-data transcript`."""

import shlex
from collections.abc import Iterator
from typing import Any, Literal

from rich.style import Style
from rich.table import Table
from rich.text import Text

from polyai_data import Conversation

from . import _format, _transcript
from ._connect import Setup
from ._options import Connection
from ._terminal import Terminal
from ._text import clean, clean_lines

Format = Literal["text", "markdown", "json"]


def run(connection: Connection, conversation_id: str, *, in_browser: bool, as_json: bool) -> None:
    """Show a conversation, or open it in Agent Studio."""
    terminal = Terminal()
    setup = Setup.of(connection)
    with setup.client(terminal) as client:
        conversation = client.get_conversation(conversation_id)
    link = setup.studio_link(conversation.account_id, conversation.project_id, conversation_id)
    if in_browser:
        _open(terminal, link)
    elif as_json:
        terminal.show_json(conversation.raw)
    else:
        _show(terminal, conversation, link)


def run_transcript(connection: Connection, conversation_id: str, *, form: Format) -> None:
    """Show what was said in a conversation."""
    terminal = Terminal()
    with Setup.of(connection).client(terminal) as client:
        conversation = client.get_conversation(conversation_id)
    if form == "json":
        terminal.show_json(_transcript.as_json(conversation))
    elif form == "markdown":
        title = conversation.heading or f"Conversation {conversation.conversation_id}"
        terminal.show_plain(_transcript.as_markdown(title, _transcript.entries(conversation)))
    else:
        terminal.show(_transcript.as_table(_transcript.entries(conversation)))
    _explain_silence(terminal, conversation)


def _explain_silence(terminal: Terminal, conversation: Conversation) -> None:
    if not conversation.turns:
        terminal.hint(
            "There are no turns: the transcript may be switched off for this agent, or no longer "
            "kept."
        )
    elif conversation.in_progress is True:
        terminal.hint("It is still in progress: get it again later.")


def _open(terminal: Terminal, link: str | None) -> None:
    import webbrowser

    from ._command import Refused

    if link is None:
        raise Refused(
            "The address in Agent Studio is not known.",
            "It follows from the region: leave out the base URL and name the region.",
        )
    if webbrowser.open(link):
        terminal.say(f"Opened {link}")
    else:
        terminal.show_plain(link)
        terminal.hint("No browser could be opened; the address is above.")


def _show(terminal: Terminal, conversation: Conversation, link: str | None) -> None:
    title = conversation.heading or f"Conversation {conversation.conversation_id}"
    parts: list[Any] = [Text(clean(title), "bold"), "", _facts(_details(conversation, link))]
    if metrics := list(_metrics(conversation)):
        parts += ["", Text("Metrics", "bold"), _facts(metrics)]
    if conversation.problems:
        problems = [
            (problem.field, Text(clean(problem.reason))) for problem in conversation.problems
        ]
        parts += ["", Text("Not as documented", "bold yellow"), _facts(problems)]
    if conversation.turns or conversation.function_calls:
        said = _transcript.as_table(_transcript.entries(conversation))
        parts += ["", Text("Transcript", "bold"), said]
    terminal.show(*parts)
    _explain_silence(terminal, conversation)


def _details(conversation: Conversation, link: str | None) -> Iterator[tuple[str, Text]]:
    """Yield what is known of the conversation, label by label."""
    total = conversation.total_duration
    parts = [_format.length(conversation.duration)]
    if total is not None and total != conversation.duration:
        parts.append(f"{_format.length(total)} with the person it was handed to")
    handoff = conversation.handoff_destination or (conversation.handoff is True and "yes")
    values = {
        "ID": conversation.conversation_id,
        "Channel": conversation.channel,
        "Direction": conversation.direction,
        "From": conversation.from_number,
        "To": conversation.to_number,
        "Started": _format.when(conversation.started_at, "%Y-%m-%d %H:%M:%S %Z"),
        "Finished": _format.when(conversation.finished_at, "%Y-%m-%d %H:%M:%S %Z"),
        "Length": ", ".join(parts),
        "In progress": "yes" if conversation.in_progress is True else "",
        "Language": conversation.language,
        "Environment": conversation.client_env,
        "Variant": conversation.variant_id,
        "Deployment": conversation.deployment_id,
        "Handed to": handoff,
        "Because": conversation.handoff_reason,
        "Tags": _format.words(conversation.tags),
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
        yield name, Text(_format.words(values))


def _facts(facts: Any) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in facts:
        grid.add_row(f"{clean(label)}", value)
    return grid

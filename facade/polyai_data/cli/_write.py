"""`polyai-data annotate` and `polyai-data note`."""

import sys

from polyai_data import Annotation, WriteResult

from ._connect import Setup
from ._options import Connection
from ._terminal import Terminal

_ROLES = {"missing_topic": "user", "wrong_transcript": "user", "wrong_info": "agent"}
"""Which side each type of annotation is about, as PolyAI's docs have it."""


def annotate(
    connection: Connection,
    conversation_id: str,
    *,
    turn: int,
    kind: str,
    role: str | None,
    as_json: bool,
) -> None:
    """Say what is wrong with a turn."""
    terminal = Terminal()
    side = role or _ROLES[kind]
    annotation = Annotation(turn=turn, role=side, type=kind)
    with Setup.of(connection).client(terminal) as client:
        result = client.add_annotations(conversation_id, [annotation])
    _tell(terminal, result, f"Annotated turn {turn} ({side}): {kind}.", as_json=as_json)


def note(connection: Connection, conversation_id: str, text: str, *, as_json: bool) -> None:
    """Set the note of a conversation."""
    terminal = Terminal()
    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    with Setup.of(connection).client(terminal) as client:
        result = client.set_note(conversation_id, text)
    _tell(terminal, result, "The note is set.", as_json=as_json)


def _tell(terminal: Terminal, result: WriteResult, text: str, *, as_json: bool) -> None:
    if as_json:
        terminal.show_json(result.raw)
    else:
        terminal.say(text)

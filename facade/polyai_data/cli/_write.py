"""Implements `polyai-data annotate` and `polyai-data note`."""

from polyai_data import Annotation, AnnotationRole, AnnotationType, WriteResult

from ._connect import ResolvedSettings
from ._options import ConnectionOptions
from ._streams import input_text
from ._terminal import Terminal

_DEFAULT_ROLES = {"missing_topic": "user", "wrong_transcript": "user", "wrong_info": "agent"}
"""The role that each annotation type describes, according to PolyAI's documentation."""


def annotate(
    connection: ConnectionOptions,
    conversation_id: str,
    *,
    turn: int,
    kind: str,
    role: str | None,
    as_json: bool,
) -> None:
    """Report a problem with a turn."""
    terminal = Terminal()
    role = role or _DEFAULT_ROLES[kind]
    annotation = Annotation(turn=turn, role=AnnotationRole(role), type=AnnotationType(kind))
    with ResolvedSettings.from_options(connection).client(terminal) as client:
        result = client.add_annotations(conversation_id, [annotation])
    _print_result(terminal, result, f"Annotated turn {turn} ({role}): {kind}.", as_json=as_json)


def note(connection: ConnectionOptions, conversation_id: str, text: str, *, as_json: bool) -> None:
    """Set the note of a conversation."""
    terminal = Terminal()
    if text == "-":
        text = input_text()
    with ResolvedSettings.from_options(connection).client(terminal) as client:
        result = client.set_note(conversation_id, text)
    _print_result(terminal, result, "Note saved.", as_json=as_json)


def _print_result(terminal: Terminal, result: WriteResult, message: str, *, as_json: bool) -> None:
    if as_json:
        terminal.show_json(result.raw)
    else:
        terminal.info(message)

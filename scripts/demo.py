"""Demonstrates the client with the sandbox: all seven operations, and an error."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import textwrap
from itertools import islice
from pathlib import Path

from polyai_data import Annotation, Conversation, DataClient, PolyAIError
from polyai_data.sandbox import serve

WIDTH = min(shutil.get_terminal_size().columns, 96)
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BANDS = {5: "high", 4: "medium", 3: "medium", 2: "low", 1: "low"}
BOLD, FAINT, GREEN, CYAN = "1", "2", "32", "36"
STYLES = {"user": CYAN, "agent": GREEN}


def styled(text: str, style: str) -> str:
    """Return the text in an ANSI style if the output is a terminal."""
    return f"\033[{style}m{text}\033[0m" if COLOURS else text


def heading(text: str, call: str = "") -> None:
    """Print a heading and the call that it shows."""
    print(f"\n{styled(text, BOLD)}" + (f"  {styled(call, FAINT)}" if call else ""))


def entry(label: str, value: object, width: int = 12, style: str = FAINT) -> None:
    """Print a label and a wrapped value beside it. If the value is None, print nothing."""
    if value is None:
        return
    indent = " " * (width + 2)
    lines = textwrap.wrap(
        str(value), WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    lines[0] = f"  {styled(label.ljust(width), style)}{lines[0][width + 2 :]}"
    print("\n".join(lines))


def show_list(client: DataClient) -> None:
    """Print the newest conversations and the total count."""
    conversations = client.list_conversations()
    print()
    for conversation in islice(conversations, 6):
        started = f"{conversation.started_at:%d %b %H:%M}"
        entry(
            f"{started}  {conversation.duration:>4} s  {conversation.channel:<12}",
            conversation.heading or conversation.summary_text or "–",
            width=36,
        )
    print(f"  … and {(conversations.total or 6) - 6} more")


def show_conversation(conversation: Conversation) -> None:
    """Print a conversation."""
    print()
    started, seconds = conversation.started_at, conversation.duration
    entry("From", f"{conversation.from_number} to {conversation.to_number}")
    entry("When", started and f"{started:%A %d %B %Y, %H:%M:%S} UTC")
    entry("Duration", seconds and f"{seconds // 60} min {seconds % 60} s")
    entry("Channel", f"{conversation.channel}, {conversation.client_env}, {conversation.language}")
    score = conversation.poly_score
    entry("PolyScore", score and f"{score:g} ({BANDS.get(round(score), 'out of range')})")
    entry("Handoff to", conversation.handoff_destination)
    entry("Tags", ", ".join(conversation.tags or ()) or None)

    heading(conversation.heading or "Summary")
    entry("", conversation.summary_text, width=0)

    heading("Transcript")
    for utterance in conversation.transcript:
        label = f"{utterance.turn:>2} {utterance.role}"
        entry(label, utterance.text, style=STYLES[utterance.role])

    heading("Metrics")
    names = list(conversation.metrics or {})
    for name in names:
        entry(name, conversation.metric(name), width=max(map(len, names)) + 2)

    heading("Function calls")
    for call in conversation.function_calls:
        arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
        duration = f"{call.duration.total_seconds():.2f} s" if call.duration else "unknown time"
        entry(f"{call.turn:>2} {call.name}", f"({arguments}) took {duration}", width=26)


def main() -> None:
    """Run the demo."""
    with (
        tempfile.TemporaryDirectory() as directory,
        serve() as base_url,
        DataClient(api_key="sandbox", agent_id="PROJECT-DEMO", base_url=base_url) as client,
    ):
        print(f"The sandbox, a local server of PolyAI's Data API, is running at {base_url}.")

        heading("The newest conversations", "client.list_conversations()")
        show_list(client)

        newest = client.list_conversations(max_items=20)
        chosen = next(c for c in newest if c.poly_score == 5 and c.handoff is False)
        heading("One of them", f'client.get_conversation("{chosen.conversation_id}")')
        show_conversation(client.get_conversation(chosen.conversation_id))

        heading("Its recording", "client.download_recording(id, directory)")
        saved = client.download_recording(chosen.conversation_id, Path(directory))
        entry("", f"{saved.name}, {saved.stat().st_size:,} bytes", width=0)

        heading("Feedback on it", "client.add_annotations(…), client.set_note(…)")
        wrong = Annotation(turn=1, role="agent", type="wrong_info")
        client.add_annotations(chosen.conversation_id, [wrong])
        client.set_note(chosen.conversation_id, "The price was last year's.")
        note = client.get_conversation(chosen.conversation_id).note
        entry("", f"Annotated. The note is: {note}", width=0)

        heading("A chat with the agent", 'client.start_chat("sandbox"), chat.send(…)')
        chat = client.start_chat("sandbox", language="en-US")
        for message in ("I forgot my password", "May I bring my dog?", "Thanks, bye!"):
            chat.send(message)
        for utterance in chat.history:
            entry(utterance.role, utterance.text, style=STYLES[utterance.role])

        heading("A conversation that does not exist")
        try:
            client.get_conversation("CA00000000000000000000000000000000")
        except PolyAIError as error:
            for line in f"{type(error).__name__}: {error}".splitlines():
                entry("", line, width=0)
    print("\ndocs/how-to has the code for all of this. `make help` lists the other commands.")


if __name__ == "__main__":
    main()

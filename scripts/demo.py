"""Shows the client at work, against the sandbox: a conversation, then an error."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap

from polyai_data import Conversation, DataClient, PolyAIError
from polyai_data.sandbox import serve

CONVERSATION_ID = "CA22d437f4405070690f8906b76c8ea4ed"  # the sandbox is the same every time
WIDTH = min(shutil.get_terminal_size().columns, 92)
COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BANDS = {5: "high", 4: "medium", 3: "medium", 2: "low", 1: "low"}


def styled(text: str, style: str) -> str:
    """Return the text in an ANSI style, where the output is a terminal."""
    return f"\033[{style}m{text}\033[0m" if COLOURS else text


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{styled(text, '1')}")


def entry(label: str, text: object, width: int = 12, style: str = "2") -> None:
    """Print a label and a text beside it, wrapped; nothing for None."""
    if text is None:
        return
    indent = " " * (width + 2)
    lines = textwrap.wrap(
        str(text), WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    lines[0] = f"  {styled(label.ljust(width), style)}{lines[0][width + 2 :]}"
    print("\n".join(lines))


def show(conversation: Conversation) -> None:
    """Print a conversation for a person to read."""
    heading(f"Conversation {conversation.conversation_id}")
    started, seconds = conversation.started_at, conversation.duration
    entry("From", f"{conversation.from_number} to {conversation.to_number}")
    entry("When", started and f"{started:%A %d %B %Y, %H:%M:%S} UTC")
    entry("How long", seconds and f"{seconds // 60} min {seconds % 60} s")
    entry("Where", f"{conversation.channel}, {conversation.client_env}, {conversation.language}")
    score = conversation.poly_score
    entry("PolyScore", score and f"{score:g} ({BANDS.get(round(score), 'out of range')})")
    entry("Handed to", conversation.handoff_destination)
    entry("Tags", ", ".join(conversation.tags or ()) or None)

    heading(conversation.heading or "Summary")
    entry("", conversation.summary_text, width=0)

    heading("Transcript")
    for said in conversation.transcript:
        entry(f"{said.turn:>2} {said.role}", said.text, style="36" if said.role == "user" else "32")

    heading("Metrics")
    metrics = conversation.metrics or {}
    for name, values in metrics.items():
        label_width = max(map(len, metrics)) + 2
        entry(name, ", ".join(str(value.value) for value in values), width=label_width)

    heading("Function calls")
    for turn, events in (conversation.function_events or {}).items():
        for event in events:
            arguments = ", ".join(f"{name}={value!r}" for name, value in event.arguments.items())
            entry(f"{turn:>2} {event.name}", f"({arguments}) in {event.duration:g} ms", width=26)


def main() -> None:
    """Run the demonstration."""
    with (
        serve() as base_url,
        DataClient(api_key="sandbox", agent_id="PROJECT-DEMO", base_url=base_url) as client,
    ):
        print(f"The sandbox answers at {base_url}; this is client.get_conversation(…) of it.")
        show(client.get_conversation(CONVERSATION_ID))

        heading("And a conversation that is not there")
        try:
            client.get_conversation("CA00000000000000000000000000000000")
        except PolyAIError as error:
            for line in f"{type(error).__name__}: {error}".splitlines():
                entry("", line, width=0)
    print("\nNext: README.md has the same in ten lines, and `make help` what else there is.")


if __name__ == "__main__":
    main()

"""Implements `polyai-data chat`."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from polyai_data import Chat, ChatReply, PolyAIError

from ._command import CommandError
from ._connect import ResolvedSettings
from ._errors import report
from ._options import ChatOptions, ConnectionOptions
from ._reply import render_turn, reply_details
from ._streams import input_lines, is_interactive
from ._terminal import Terminal
from ._text import to_json
from ._transcript import Entry, as_markdown

_HELP = """
/end         leave the chat
/save FILE   save the chat, as JSON if FILE ends in .json, otherwise as Markdown
/topics      list the topics that the agent has used so far
/help        show this help
//...        send a message that starts with a slash
"""


def run(connection: ConnectionOptions, options: ChatOptions, *, as_json: bool) -> None:
    """Chat with the agent until the chat or the input ends."""
    terminal = Terminal()
    is_piped = not is_interactive()
    attributes = dict(map(_parse_attribute, options.attribute or ()))
    with ResolvedSettings.from_options(connection).client(terminal) as client:
        if options.resume is not None:
            chat = client.resume_chat(options.resume, options.env, language=options.language)
        else:
            with terminal.spinner("Starting…"):
                chat = client.start_chat(
                    options.env,
                    language=options.language,
                    variant_id=options.variant,
                    channel=options.channel,
                    attributes=attributes or None,
                )
        ChatSession(
            terminal,
            chat,
            as_json=as_json,
            is_new=options.resume is None,
            is_piped=is_piped,
        ).run()


def _parse_attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise CommandError("--attribute needs a name and a value.", "Example: --attribute name=Ada")
    return name, value


class ChatSession:
    """Passes messages and replies between the terminal and the chat."""

    def __init__(
        self, terminal: Terminal, chat: Chat, *, as_json: bool, is_new: bool, is_piped: bool
    ) -> None:
        self._terminal = terminal
        self._chat = chat
        self._as_json = as_json
        self._is_new = is_new
        self._is_interactive = not is_piped
        self._replies: list[ChatReply] = []
        self._commands: dict[str, Callable[[str], object]] = {
            "/help": lambda _: terminal.info_lines(_HELP.strip("\n")),
            "/save": self._save,
            "/topics": lambda _: self._show_topics(),
        }

    def run(self) -> None:
        """Send each line of the input, and print the replies."""
        chat, terminal = self._chat, self._terminal
        if self._is_interactive:
            terminal.hint(f"Chat {chat.conversation_id} in {chat.environment}.")
            terminal.hint("Type /end to leave, or /help for help.")
        try:
            if self._is_new:
                self._show_reply(chat.greeting)
            for line in _typed_lines(terminal) if self._is_interactive else input_lines():
                if not self._handle_line(line):
                    break
        except BaseException as error:
            if not chat.ended:
                error.add_note(self._resume_hint())
            raise
        if not chat.ended:
            terminal.hint(self._resume_hint())

    def _handle_line(self, line: str) -> bool:
        """Run a command or send a message; return whether to read another line."""
        if not line.startswith("/"):
            self._send(line)
        elif line.startswith("//"):
            self._send(line[1:])
        else:
            name, _, argument = line.partition(" ")
            if name == "/end":
                return False
            handler = self._commands.get(name)
            if handler is None:
                self._terminal.warning(f"Unknown command {name}. Type /help for a list.")
            else:
                handler(argument.strip())
        return True

    def _send(self, message: str) -> None:
        if not self._is_interactive and not self._as_json:
            self._terminal.show(render_turn("user", message))
        try:
            with self._terminal.spinner("…"):
                reply = self._chat.send(message)
        except PolyAIError as error:
            if not self._is_interactive:
                raise
            report(error)  # the user can try again
        else:
            self._show_reply(reply)

    def _show_reply(self, reply: ChatReply) -> None:
        self._replies.append(reply)
        if self._as_json:
            self._terminal.show_json(reply.raw)
            return
        self._terminal.show(render_turn("agent", reply.text, reply_details(reply)))
        if reply.ended:
            keys = " Type /save FILE to save it, or /end to leave." if self._is_interactive else ""
            self._terminal.hint(f"The agent ended the chat.{keys}")
        elif reply.delayed:
            self._terminal.hint(
                "The agent is still working; its reply comes with the next message."
            )

    def _save(self, path: str) -> None:
        if not path:
            self._terminal.warning("Missing file name. Example: /save chat.md")
            return
        entries = [Entry(one.role, one.text, one.turn) for one in self._chat.history]
        if path.endswith(".json"):
            text = to_json([reply.raw for reply in self._replies])
        else:
            text = as_markdown(f"Chat {self._chat.conversation_id}", entries)
        try:
            with Path(path).open("x", encoding="utf-8") as file:
                file.write(f"{text}\n")
        except OSError as error:
            self._terminal.warning(f"Could not save the chat: {error.strerror}: {path}")
        else:
            self._terminal.info(f"Saved as {path}.")

    def _show_topics(self) -> None:
        topics = dict.fromkeys(topic for reply in self._replies for topic in reply.topics)
        self._terminal.info(", ".join(topics) or "No topics so far.")

    def _resume_hint(self) -> str:
        command = ["polyai-data", "chat", "--resume", self._chat.conversation_id]
        return f"To resume: {shlex.join([*command, '--env', self._chat.environment])}"


def _typed_lines(terminal: Terminal) -> Iterator[str]:
    """Yield the lines that the user types, with the editing and history of readline."""
    try:
        import readline  # noqa: F401
    except ImportError:  # Windows has none; its console edits lines
        has_readline = False
    else:
        has_readline = True
    while True:
        try:
            line = input(terminal.prompt("you    ", for_readline=has_readline))
        except EOFError:
            terminal.info("")
            return
        if line.strip():
            yield line

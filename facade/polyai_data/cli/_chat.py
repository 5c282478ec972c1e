"""`polyai-data chat`."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from polyai_data import Chat, ChatReply, PolyAIError

from ._command import Refused
from ._connect import Setup
from ._errors import report
from ._options import ChatOptions, Connection
from ._reply import details_of, spoken
from ._terminal import Terminal
from ._text import to_json
from ._transcript import Entry, as_markdown

_HELP = """
/end         leave the chat; Ctrl-D does as well
/save FILE   write it to a file: as JSON if that ends in .json, else as Markdown
/topics      the topics that the agent has used so far
/help        this
//...        say something that begins with a slash
"""


def run(connection: Connection, options: ChatOptions, *, as_json: bool) -> None:
    """Chat with the agent until one of both ends it."""
    terminal = Terminal()
    attributes = dict(map(_attribute, options.attribute or ()))
    with Setup.of(connection).client(terminal) as client:
        if options.resume is not None:
            chat = client.resume_chat(options.resume, options.env, language=options.language)
        else:
            with terminal.waiting("starting …"):
                chat = client.start_chat(
                    options.env,
                    language=options.language,
                    variant_id=options.variant,
                    channel=options.channel,
                    attributes=attributes or None,
                )
        _Conversation(terminal, chat, as_json=as_json, is_new=options.resume is None).hold()


def _attribute(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise Refused("--attribute takes a name and a value.", "One reads --attribute name=Ada.")
    return name, value


class _Conversation:
    """What goes on between the terminal and the chat."""

    def __init__(self, terminal: Terminal, chat: Chat, *, as_json: bool, is_new: bool) -> None:
        self._terminal = terminal
        self._chat = chat
        self._as_json = as_json
        self._is_new = is_new
        self._is_typed = sys.stdin.isatty()
        self._replies: list[ChatReply] = []
        self._commands: dict[str, Callable[[str], object]] = {
            "/help": lambda _: terminal.say_lines(_HELP.strip("\n")),
            "/save": self._save,
            "/topics": lambda _: self._tell_topics(),
        }

    def hold(self) -> None:
        """Say what the person types, or what stdin holds, to its end."""
        chat, terminal = self._chat, self._terminal
        terminal.hint(f"{chat.conversation_id} in {chat.environment}. Ctrl-D ends, /help.")
        try:
            if self._is_new:
                self._take(chat.greeting)
            for line in _typed(terminal) if self._is_typed else _piped():
                if not self._heed(line):
                    break
        except BaseException as error:
            if not chat.ended:
                error.add_note(self._how_to_go_on())
            raise
        if not chat.ended:
            terminal.hint(self._how_to_go_on())

    def _heed(self, line: str) -> bool:
        """Say a line to the agent, or obey it; return whether the chat goes on."""
        if not line.startswith("/"):
            self._say(line)
        elif line.startswith("//"):
            self._say(line[1:])
        else:
            name, _, rest = line.partition(" ")
            if name == "/end":
                return False
            obey = self._commands.get(name)
            if obey is None:
                self._terminal.warn(f"There is no {name}: /help lists what there is.")
            else:
                obey(rest.strip())
        return True

    def _say(self, message: str) -> None:
        if not self._is_typed and not self._as_json:
            self._terminal.show(spoken("user", message))
        try:
            with self._terminal.waiting("…"):
                reply = self._chat.send(message)
        except PolyAIError as error:
            if not self._is_typed:
                raise
            report(error)  # a person can try again
        else:
            self._take(reply)

    def _take(self, reply: ChatReply) -> None:
        self._replies.append(reply)
        if self._as_json:
            self._terminal.show_json(reply.raw)
            return
        self._terminal.show(spoken("agent", reply.text, details_of(reply)))
        if reply.ended:
            self._terminal.hint("The agent has ended the chat. /save FILE keeps it, /end leaves.")
        elif reply.delayed:
            self._terminal.hint("The agent is still at it: the next message brings its reply.")

    def _save(self, name: str) -> None:
        if not name:
            self._terminal.warn("Name a file: /save chat.md")
            return
        said = [Entry(one.role, one.text, one.turn) for one in self._chat.history]
        if name.endswith(".json"):
            text = to_json([reply.raw for reply in self._replies])
        else:
            text = as_markdown(f"Chat {self._chat.conversation_id}", said)
        try:
            with Path(name).open("x", encoding="utf-8") as file:
                file.write(f"{text}\n")
        except OSError as error:
            self._terminal.warn(f"It is not saved: {error.strerror}: {name}")
        else:
            self._terminal.say(f"Saved as {name}.")

    def _tell_topics(self) -> None:
        topics = dict.fromkeys(topic for reply in self._replies for topic in reply.topics)
        self._terminal.say(", ".join(topics) or "None so far.")

    def _how_to_go_on(self) -> str:
        chat = self._chat
        name, env = shlex.quote(chat.conversation_id), shlex.quote(chat.environment)
        return f"To go on: polyai-data chat --resume {name} --env {env}"


def _typed(terminal: Terminal) -> Iterator[str]:
    """Yield the lines that a person types, with the editing and the history of readline."""
    with suppress(ImportError):  # Windows has none, and edits lines by itself
        import readline  # noqa: F401
    while True:
        try:
            line = input(terminal.prompt("you    "))
        except EOFError:
            terminal.say("")
            return
        if line.strip():
            yield line


def _piped() -> Iterator[str]:
    """Yield the lines of stdin."""
    for line in sys.stdin:
        if line.strip():
            yield line.rstrip("\n")

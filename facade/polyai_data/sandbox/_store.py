"""What the sandbox holds: generated conversations, debug chats, and what was written to them."""

from collections.abc import Mapping
from typing import Any

from ._audio import Wav
from ._chat import Chat, new_chat_id
from ._data import Conversation, Conversations, Json
from ._errors import Problem, invalid, not_found
from ._turns import detail


class Store:
    """The conversations of one agent, newest first: debug chats, then the generated ones."""

    def __init__(self, agent_id: str, conversations: int, seed: int) -> None:
        self._agent_id = agent_id
        self._seed = seed
        self._generated = Conversations(agent_id, conversations, seed)
        self._chats: dict[str, Chat] = {}
        self._started = 0
        self._notes: dict[str, str] = {}
        self._reviews: dict[str, list[tuple[int, Json]]] = {}

    def page(self, limit: int, offset: int) -> Json:
        """Return a list answer."""
        chats = len(self._chats)
        count = chats + self._generated.count
        end = min(offset + limit, count)
        newest = list(reversed(self._chats.values()))[offset:end]
        older = range(max(offset - chats, 0), end - chats)
        found = [chat.summary() for chat in newest] + [self._generated[k].summary() for k in older]
        for conversation in found:
            self._add_note(conversation)
        return {"conversations": found, "count": count, "limit": limit, "offset": offset}

    def get(self, conversation_id: str) -> Json:
        """Return a conversation with its turns, its note and the reviews of its turns."""
        conversation = self._find(conversation_id)
        found = conversation.detail() if isinstance(conversation, Chat) else detail(conversation)
        self._add_note(found)
        for index, review in self._reviews.get(conversation_id, ()):
            found["turns"][index]["reviews"].append(review)
        return found

    def recording(
        self, conversation_id: str, direction: str, redacted: bool, total_bytes: int | None
    ) -> Wav:
        """Return a recording."""
        conversation = self._find(conversation_id)
        if isinstance(conversation, Chat) or not conversation.recorded:
            raise Problem(
                404, "CONVERSATIONS_RECORDING_NOT_FOUND", "The conversation has no recording."
            )
        return Wav(conversation.speech(), direction, redacted, total_bytes)

    def annotate(self, conversation_id: str, annotations: list[Json]) -> None:
        """Add annotations, all or none of them."""
        turns = len(self.get(conversation_id)["turns"])
        reviews = []
        for at, annotation in enumerate(annotations):
            index = int(annotation["turnId"])
            if not 0 <= index < turns:
                raise invalid(
                    f"annotations[{at}].turnId: no turn {index} in a conversation of {turns} turns"
                )
            review = {"role": annotation["role"], "annotation_type": annotation["annotationType"]}
            reviews.append((index, review))
        self._reviews.setdefault(conversation_id, []).extend(reviews)

    def set_note(self, conversation_id: str, note: str) -> None:
        """Set the note, in place of the one before."""
        self._find(conversation_id)
        self._notes[conversation_id] = note

    def start_chat(self, body: Mapping[str, Any]) -> Json:
        """Start a debug chat; one of the same ID is forgotten."""
        self._started += 1
        chat_id = body.get("conversationId") or new_chat_id(self._seed, self._started)
        if self._generated.find(chat_id):
            raise Problem(
                400, "CONVERSATIONS_VALIDATION_FAILED", "conversationId: that ID is in use."
            )
        for old in (self._chats, self._notes, self._reviews):
            old.pop(chat_id, None)
        chat = self._chats[chat_id] = Chat(self._started, chat_id, self._agent_id, body)
        return chat.greet()

    def send(self, chat_id: str, body: Mapping[str, Any]) -> Json:
        """Send a message to a debug chat."""
        chat = self._chats.get(chat_id)
        if chat is None:
            raise not_found()
        return chat.reply(body.get("message", ""), body)

    def _find(self, conversation_id: str) -> Conversation | Chat:
        found = self._chats.get(conversation_id) or self._generated.find(conversation_id)
        if found is None:
            raise not_found()
        return found

    def _add_note(self, conversation: Json) -> None:
        note = self._notes.get(conversation["conversationId"])
        if note is not None:
            conversation["note"] = note

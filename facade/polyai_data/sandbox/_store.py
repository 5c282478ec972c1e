"""The state of the sandbox: conversations, debug chats, notes and annotations."""

from collections.abc import Mapping
from typing import Any

from ._audio import Wav
from ._chat import Chat, new_chat_id
from ._data import Conversation, Conversations, Json
from ._errors import APIError, invalid, not_found
from ._turns import detail


class Store:
    """The conversations of one agent, newest first: debug chats, then generated ones."""

    def __init__(self, agent_id: str, conversations: int, seed: int) -> None:
        self._agent_id = agent_id
        self._seed = seed
        self._generated = Conversations(agent_id, conversations, seed)
        self._chats: dict[str, Chat] = {}
        self._chats_started = 0
        self._notes: dict[str, str] = {}
        self._reviews: dict[str, list[tuple[int, Json]]] = {}

    def page(self, limit: int, offset: int) -> Json:
        """Return a page of conversations."""
        chat_count = len(self._chats)
        count = chat_count + self._generated.count
        end = min(offset + limit, count)
        chats = list(reversed(self._chats.values()))[offset:end]
        indexes = range(max(offset - chat_count, 0), end - chat_count)
        conversations = [chat.summary() for chat in chats]
        conversations += [self._generated[index].summary() for index in indexes]
        for conversation in conversations:
            self._add_note(conversation)
        return {"conversations": conversations, "count": count, "limit": limit, "offset": offset}

    def get(self, conversation_id: str) -> Json:
        """Return a conversation with its turns, reviews and note."""
        found = self._find(conversation_id)
        conversation = found.detail() if isinstance(found, Chat) else detail(found)
        self._add_note(conversation)
        for index, review in self._reviews.get(conversation_id, ()):
            conversation["turns"][index]["reviews"].append(review)
        return conversation

    def recording(
        self, conversation_id: str, direction: str, redacted: bool, total_bytes: int | None
    ) -> Wav:
        """Return a recording."""
        conversation = self._find(conversation_id)
        if isinstance(conversation, Chat) or not conversation.has_recording:
            raise APIError(
                404, "CONVERSATIONS_RECORDING_NOT_FOUND", "The conversation has no recording."
            )
        return Wav(conversation.speakers(), direction, redacted, total_bytes)

    def annotate(self, conversation_id: str, annotations: list[Json]) -> None:
        """Add all annotations, or none if one of them is invalid."""
        turns = len(self.get(conversation_id)["turns"])
        reviews = []
        for position, annotation in enumerate(annotations):
            index = int(annotation["turnId"])
            if not 0 <= index < turns:
                raise invalid(
                    f"annotations[{position}].turnId: "
                    f"no turn {index} in a conversation of {turns} turns"
                )
            review = {"role": annotation["role"], "annotation_type": annotation["annotationType"]}
            reviews.append((index, review))
        self._reviews.setdefault(conversation_id, []).extend(reviews)

    def set_note(self, conversation_id: str, note: str) -> None:
        """Set or replace the note."""
        self._find(conversation_id)
        self._notes[conversation_id] = note

    def start_chat(self, body: Mapping[str, Any]) -> Json:
        """Start a debug chat. An existing chat with the same ID is deleted."""
        self._chats_started += 1
        chat_id = body.get("conversationId") or new_chat_id(self._seed, self._chats_started)
        if self._generated.find(chat_id):
            raise APIError(
                400, "CONVERSATIONS_VALIDATION_FAILED", "conversationId: this ID is in use."
            )
        for data in (self._chats, self._notes, self._reviews):
            data.pop(chat_id, None)
        chat = Chat(self._chats_started, chat_id, self._agent_id, body)
        self._chats[chat_id] = chat
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

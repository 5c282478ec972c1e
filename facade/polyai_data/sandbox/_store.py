"""The state of the sandbox: conversations, debug chats, notes and annotations."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from polyai_data.testing._data import Clock, Conversation, Conversations, Json
from polyai_data.testing._own import OwnConversation
from polyai_data.testing._turns import detail

from ._audio import Wav
from ._chat import Chat, Reply, new_chat_id
from ._errors import APIError, invalid, not_found


class Store:
    """The conversations of one agent, newest first: added ones and chats, then generated ones.

    Attributes:
        scripted: The next replies in chats.
    """

    def __init__(self, agent_id: str, conversations: int, seed: int, now: datetime | None) -> None:
        self.scripted: deque[Reply] = deque()
        self._agent_id = agent_id
        self._seed = seed
        self._clock = Clock(now)
        self._generated = Conversations(agent_id, conversations, seed, self._clock.start)
        self._added: dict[str, Chat | OwnConversation] = {}
        self._positions: dict[str, int] = {}  # of the added ones, in the order of their beginning
        self._next_position = self._generated.count
        self._chats_started = 0
        self._notes: dict[str, str] = {}
        self._reviews: dict[str, list[tuple[int, Json]]] = {}

    def page(self, limit: int, offset: int) -> Json:
        """Return a page of conversations."""
        added = list(reversed(self._added.values()))
        count = len(added) + self._generated.count
        end = min(offset + limit, count)
        indexes = range(max(offset - len(added), 0), end - len(added))
        conversations = [conversation.summary() for conversation in added[offset:end]]
        conversations += [self._generated[index].summary() for index in indexes]
        for conversation in conversations:
            self._add_note(conversation)
        return {"conversations": conversations, "count": count, "limit": limit, "offset": offset}

    def scan(
        self, position: int | None, start: datetime | None, end: datetime | None
    ) -> Iterator[tuple[int, Json]]:
        """Yield the conversations before a position, newest first, each with its position.

        Positions count from the oldest conversation, so they do not change when new ones begin.
        Generated conversations that began outside a period are skipped.
        """
        before = self._next_position if position is None else position
        for conversation_id in reversed([*self._added]):
            at = self._positions[conversation_id]
            if at < before:
                yield at, self.get(conversation_id)
        count = self._generated.count
        for index in self._generated.within(start, end, max(count - before, 0)):
            yield count - 1 - index, self.get(self._generated[index].id)

    def get(self, conversation_id: str) -> Json:
        """Return a conversation with its turns, reviews and note."""
        found = self._find(conversation_id)
        conversation = detail(found) if isinstance(found, Conversation) else found.detail()
        self._add_note(conversation)
        for index, review in self._reviews.get(conversation_id, ()):
            conversation["turns"][index].setdefault("reviews", []).append(review)
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

    def add(self, conversation: Mapping[str, Any]) -> Json:
        """Add a conversation, or replace one that was added, and return it as the API does.

        Raises:
            ValueError: if the ID is missing, or belongs to another conversation.
        """
        conversation_id = conversation.get("conversationId")
        if not isinstance(conversation_id, str) or not conversation_id:
            raise ValueError("conversationId must be a string that is not empty")
        in_use = self._added.get(conversation_id) or self._generated.find(conversation_id)
        if in_use and not isinstance(in_use, OwnConversation):
            raise ValueError(f"the sandbox has a conversation {conversation_id} already")
        self._forget(conversation_id)
        own = OwnConversation(conversation, self._agent_id, self._clock.read(0))
        self._add(conversation_id, own)
        return own.detail()

    def _add(self, conversation_id: str, conversation: Chat | OwnConversation) -> None:
        self._added[conversation_id] = conversation
        self._positions[conversation_id] = self._next_position
        self._next_position += 1

    def _forget(self, conversation_id: str) -> None:
        for data in (self._added, self._notes, self._reviews):
            data.pop(conversation_id, None)

    def start_chat(self, body: Mapping[str, Any]) -> Json:
        """Start a debug chat. An existing chat with the same ID is deleted."""
        self._chats_started += 1
        chat_id = body.get("conversationId") or new_chat_id(self._seed, self._chats_started)
        in_use = self._added.get(chat_id) or self._generated.find(chat_id)
        if in_use and not isinstance(in_use, Chat):
            raise APIError(
                400, "CONVERSATIONS_VALIDATION_FAILED", "conversationId: this ID is in use."
            )
        self._forget(chat_id)
        chat = Chat(self._chats_started, chat_id, self._agent_id, body, self._clock, self.scripted)
        self._add(chat_id, chat)
        return chat.greet()

    def send(self, chat_id: str, body: Mapping[str, Any]) -> Json:
        """Send a message to a debug chat."""
        chat = self._added.get(chat_id)
        if not isinstance(chat, Chat):
            raise not_found()
        return chat.reply(body.get("message", ""), body)

    def _find(self, conversation_id: str) -> Conversation | Chat | OwnConversation:
        found = self._added.get(conversation_id) or self._generated.find(conversation_id)
        if found is None:
            raise not_found()
        return found

    def _add_note(self, conversation: Json) -> None:
        note = self._notes.get(conversation["conversationId"])
        if note is not None:
            conversation["note"] = note

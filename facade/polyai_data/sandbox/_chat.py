"""Debug chats with a simple agent that responds to keywords."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from polyai_data.testing._data import EMPTY_SUMMARY, Clock, Json, StableRandom, isoformat
from polyai_data.testing._turns import make_turn

from ._errors import APIError

# topic -> (regular expression for its keywords, response)
_TOPICS = {
    "Room booking": (
        r"book|room|reserv|night",
        "We have a garden double at 118 pounds a night. Which day would you arrive?",
    ),
    "Breakfast": (r"breakfast|eat|food", "Breakfast is from seven to ten, with fresh scones."),
    "Pets": (r"dog|cat|pet", "Dogs are very welcome, and so is any cat that can bear them."),
    "Check-in": (r"check|arriv|late|early", "Check-in is from three, check-out until eleven."),
    "Online account": (
        r"password|log ?in|account",
        "No harm done: I can send you a link to set a new password. Shall I text it to you?",
    ),
    "Parking": (r"park|car\b", "Parking is free, behind the house."),
    "Opening hours": (r"open|hours|when", "The front desk is open from six until midnight."),
}
_GREETINGS = {
    "de": "Hallo{name}, hier ist das Larkspur Hotel. Wie kann ich helfen?",
    "en": "Hello{name}, this is the Larkspur Hotel. How can I help?",
    "fr": "Bonjour{name}, ici l'hôtel Larkspur. Comment puis-je vous aider ?",
}
_TURN_SECONDS = 7

Reply = str | Mapping[str, Any]
"""A scripted reply: the text, or fields of the response."""


@dataclass
class Chat:
    """A debug chat. With a fixed clock, its times follow from `number`, which counts the chats."""

    number: int
    id: str
    agent_id: str
    start_body: Mapping[str, Any]
    clock: Clock
    scripted: deque[Reply]
    ended: bool = False
    turns: list[Json] = field(default_factory=list)
    _times: list[datetime] = field(default_factory=list)
    _node_trace: list[str] = field(default_factory=list)

    def greet(self) -> Json:
        """Return the response to the start of the chat."""
        name = self.start_body.get("integrationAttributes", {}).get("name")
        language = (self._language(self.start_body) or "en")[:2].lower()
        greeting = _GREETINGS.get(language, _GREETINGS["en"])
        text = greeting.format(name=f" {name}" if isinstance(name, str) and name else "")
        return self._respond("", text, "greeting", {})

    def reply(self, message: str, languages: Mapping[str, Any]) -> Json:
        """Return the agent's response to a message.

        The word "bye" or "goodbye" ends the chat, "slow" triggers a delayed response and "person"
        a handoff. Other messages are matched against the keywords of the topics.

        Raises:
            APIError: the chat has ended.
        """
        if self.ended:
            raise APIError(410, "ChatConversationEnded", "The conversation has already ended.")
        if self.scripted:
            return self._respond_with(self.scripted.popleft(), message, languages)
        lowered = message.lower()
        if re.search(r"\b(good)?bye\b", lowered):
            self.ended = True
            return self._respond(message, "Goodbye, and see you soon!", "farewell", languages)
        if "slow" in lowered:
            return self._respond(message, "One moment, please…", "waiting", languages, delayed=True)
        if re.search(r"\bperson\b", lowered):
            text = "Of course. I will ask the front desk to call you."
            return self._respond(
                message, text, "handoff", languages, handoffDestination="front-desk"
            )
        topics = [topic for topic, (words, _) in _TOPICS.items() if re.search(words, lowered)]
        if topics:
            return self._respond(
                message,
                _TOPICS[topics[0]][1],
                "answer",
                languages,
                retrievedTopics=topics,
                retrievedSources=["Guest handbook"],
                citedTopic=topics[0],
            )
        text = "I am afraid I don't know that. Ask me about rooms, breakfast, dogs or parking."
        return self._respond(
            message, text if lowered.strip() else "Are you there?", "ask", languages
        )

    def summary(self) -> Json:
        """Return the 26 fields of a listed conversation."""
        started = self._times[0]
        seconds = round((self._times[-1] - started).total_seconds()) + _TURN_SECONDS
        return {
            **EMPTY_SUMMARY,
            "conversationId": self.id,
            "projectId": self.agent_id,
            "createdAt": isoformat(started),
            "startedAt": isoformat(started),
            "finishedAt": isoformat(started + timedelta(seconds=seconds)),
            "channel": self.start_body.get("channel", "chat.polyai"),
            "language": self._language(self.start_body),
            "variantId": self.start_body.get("variantId"),
            "clientEnv": self.start_body["clientEnv"],
            "totalDuration": seconds,
            "polyaiDuration": seconds,
            "duration": seconds,
            "inProgress": not self.ended,
        }

    def detail(self) -> Json:
        """Return the summary plus the turns so far."""
        turns = [{**turn, "reviews": []} for turn in self.turns]  # copies: the store adds reviews
        return {**self.summary(), "turns": turns, "metrics": {}, "functionEvents": {}}

    def _respond_with(self, reply: Reply, message: str, languages: Mapping[str, Any]) -> Json:
        """Return a scripted response."""
        fields = {"response": reply} if isinstance(reply, str) else dict(reply)
        self.ended = fields.get("conversationEnded") is True
        text = fields.get("response", "")
        response = self._respond(
            message,
            text if isinstance(text, str) else "",
            "scripted",
            languages,
            delayed=fields.get("delayedResponse") is True,
        )
        metadata: Any = fields.pop("metadata", {})
        if isinstance(metadata, Mapping):
            metadata = {**response["metadata"], **metadata}
        return {**response, **fields, "metadata": metadata}

    @staticmethod
    def _language(body: Mapping[str, Any]) -> str | None:
        return body.get("asrLangCode") or body.get("ttsLangCode")

    def _respond(
        self,
        message: str,
        text: str,
        node: str,
        languages: Mapping[str, Any],
        delayed: bool = False,
        **extra: Any,
    ) -> Json:
        language_codes = {
            name: value
            for name in ("asrLangCode", "ttsLangCode")
            if (value := languages.get(name, self.start_body.get(name))) is not None
        }
        time = self.clock.read((self.number - 1) * 60 + len(self.turns) * _TURN_SECONDS)
        self._times.append(time)
        self.turns.append(
            make_turn(
                int(time.timestamp()) * 10**9 + 7,
                time,
                message,
                text,
                asr_lang_code=language_codes.get("asrLangCode", ""),
                tts_lang_code=language_codes.get("ttsLangCode", ""),
            )
        )
        self._node_trace.append(node)
        metadata: Json = {
            "state": dict(self.start_body.get("integrationAttributes", {})),
            "currentNode": node,
            "nodeTrace": list(self._node_trace),
            **language_codes,
            **extra,
        }
        if not delayed:  # a delayed response comes before its effects are known
            metadata |= {
                "metrics": {
                    "TURNS": [{"timestamp": isoformat(time)[:-6], "value": str(len(self.turns))}]
                },
                "functionEvents": [],
            }
        return {
            "conversationId": self.id,
            "userInput": message,
            "response": text,
            "metadata": metadata,
            "conversationEnded": self.ended,
            "delayedResponse": delayed,
        }


def new_chat_id(seed: int, number: int) -> str:
    """Return an ID for a chat that was started without one."""
    return f"AS_CHAT_{UUID(int=StableRandom(seed, 'chat', number).randbelow(2**128))}"

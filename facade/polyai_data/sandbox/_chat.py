"""Debug chats: a small agent that answers by keywords, with its own clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from ._data import BLANK, Draw, Json, iso, moment
from ._errors import Problem
from ._turns import make_turn

# topic -> (the words that lead to it, what the agent says)
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


@dataclass
class Chat:
    """One debug chat; `number` counts the chats of this sandbox and sets its time of day."""

    number: int
    id: str
    agent_id: str
    start: Mapping[str, Any]
    ended: bool = False
    turns: list[Json] = field(default_factory=list)
    _nodes: list[str] = field(default_factory=list)

    def greet(self) -> Json:
        """Return the answer to the start of the chat."""
        name = self.start.get("integrationAttributes", {}).get("name")
        language = (self._language(self.start) or "en")[:2].lower()
        greeting = _GREETINGS.get(language, _GREETINGS["en"])
        text = greeting.format(name=f" {name}" if isinstance(name, str) and name else "")
        return self._answer("", text, "greeting", {})

    def reply(self, message: str, languages: Mapping[str, Any]) -> Json:
        """Return the agent's answer to a message.

        A message with the word "bye" or "goodbye" ends the chat, one with "slow" gets a delayed
        answer, one with "person" is handed off, and the others are looked up by their words.

        Raises:
            Problem: the chat has ended.
        """
        if self.ended:
            raise Problem(410, "ChatConversationEnded", "The conversation has already ended.")
        said = message.lower()
        if re.search(r"\b(good)?bye\b", said):
            self.ended = True
            return self._answer(message, "Goodbye, and see you soon!", "farewell", languages)
        if "slow" in said:
            return self._answer(message, "One moment, please…", "waiting", languages, delayed=True)
        if re.search(r"\bperson\b", said):
            text = "Of course. I will ask the front desk to call you."
            return self._answer(
                *(message, text, "handoff", languages), handoffDestination="front-desk"
            )
        topics = [topic for topic, (words, _) in _TOPICS.items() if re.search(words, said)]
        if topics:
            return self._answer(
                *(message, _TOPICS[topics[0]][1], "answer", languages),
                retrievedTopics=topics,
                retrievedSources=["Guest handbook"],
                citedTopic=topics[0],
            )
        text = "I am afraid I don't know that. Ask me about rooms, breakfast, dogs or parking."
        return self._answer(message, text if said.strip() else "Are you there?", "ask", languages)

    def summary(self) -> Json:
        """Return the 26 fields of a list answer."""
        started = moment(self.number * 3_600_000)
        seconds = len(self.turns) * _TURN_SECONDS
        return {
            **BLANK,
            "conversationId": self.id,
            "projectId": self.agent_id,
            "createdAt": iso(started),
            "startedAt": iso(started),
            "finishedAt": iso(started + timedelta(seconds=seconds)),
            "channel": self.start.get("channel", "chat.polyai"),
            "language": self._language(self.start),
            "variantId": self.start.get("variantId"),
            "clientEnv": self.start["clientEnv"],
            "totalDuration": seconds,
            "polyaiDuration": seconds,
            "duration": seconds,
            "inProgress": not self.ended,
        }

    def detail(self) -> Json:
        """Return the summary with the turns so far."""
        turns = [{**turn, "reviews": []} for turn in self.turns]  # the caller fills in the reviews
        return {**self.summary(), "turns": turns, "metrics": {}, "functionEvents": {}}

    @staticmethod
    def _language(body: Mapping[str, Any]) -> str | None:
        return body.get("asrLangCode") or body.get("ttsLangCode")

    def _answer(
        self,
        message: str,
        text: str,
        node: str,
        languages: Mapping[str, Any],
        delayed: bool = False,
        **found: Any,
    ) -> Json:
        spoken = {
            name: value
            for name in ("asrLangCode", "ttsLangCode")
            if (value := languages.get(name, self.start.get(name))) is not None
        }
        when = moment(self.number * 3_600_000 + len(self.turns) * _TURN_SECONDS * 1000)
        self.turns.append(
            make_turn(
                *(int(when.timestamp()) * 10**9 + 7, when, message, text),
                asr_lang_code=spoken.get("asrLangCode", ""),
                tts_lang_code=spoken.get("ttsLangCode", ""),
            )
        )
        self._nodes.append(node)
        metadata: Json = {
            "state": dict(self.start.get("integrationAttributes", {})),
            "currentNode": node,
            "nodeTrace": list(self._nodes),
            **spoken,
            **found,
        }
        if not delayed:  # what a reply has caused is known when it is there
            metadata |= {
                "metrics": {
                    "TURNS": [{"timestamp": iso(when)[:-6], "value": str(len(self.turns))}]
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
    """Return the ID of a chat whose client asked for none."""
    return f"AS_CHAT_{UUID(int=Draw(seed, 'chat', number).below(2**128))}"

"""The turns, metrics and function events of a conversation."""

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from ._data import Conversation, Json, StableRandom, isoformat
from ._dialogues import Call


def make_turn(turn_id: int, time: datetime, user: str, agent: str, **fields: Any) -> Json:
    """Return a turn with all its fields. `fields` replaces the empty defaults."""
    return {
        "turn_id": turn_id,
        "user_input": user,
        "user_input_datetime": isoformat(time) if user else None,
        "user_input_dtmf": "",
        "user_input_dtmf_finish_key": "",
        "user_input_audio_url": "",
        "translated_user_input": "",
        "agent_response": agent,
        "agent_response_datetime": isoformat(time + timedelta(milliseconds=1900))
        if agent
        else None,
        "english_agent_response": agent,
        "asr_lang_code": "",
        "tts_lang_code": "",
        "barge_in": False,
        "entities": None,
        "intents": None,
        "is_ood": None,
        "is_silence": None,
        "latency": {
            "label": None,
            "perceived_latency": None,
            "perceived_latency_percentile_1d": None,
        },
        "llm_requests": [],
        "reviews": [],
        "metadata": {
            "asr_corrected_user_input": "",
            "current_node": "",
            "entities": [],
            "function_events": [],
            "retrieved_topics": [],
            "safety": None,
            "top_transcripts": [],
        },
        **fields,
    }


def detail(conversation: Conversation) -> Json:
    """Return the summary plus `turns`, `metrics` and `functionEvents`."""
    summary = conversation.summary()
    turns = _turns(conversation) if conversation.has_transcript else []
    return {
        **summary,
        "turns": turns,
        "metrics": _metrics(conversation),
        "functionEvents": _function_events(conversation),
    }


def _turn_time(conversation: Conversation, index: int) -> datetime:
    return conversation.started + timedelta(seconds=index * conversation.turn_seconds)


def _call_time(conversation: Conversation, call: Call) -> datetime:
    """Return when a function was called: between the words of the user and of the agent.

    The API gives this time in whole seconds, so it is rounded up. The agent replies 1.9 seconds
    after the user.
    """
    return (_turn_time(conversation, call.turn) + timedelta(microseconds=999_999)).replace(
        microsecond=0
    )


def _turn_id(conversation: Conversation, index: int) -> int:
    # Like real turn IDs, too large for a double to hold exactly.
    return int(conversation.started.timestamp() * 1000) * 1_000_000 + index * 4099 + 7


def _turns(conversation: Conversation) -> list[Json]:
    turns = []
    language = conversation.scenario.language
    for index, line in enumerate(conversation.lines):
        rng = StableRandom(conversation.id, "turn", index)
        user, agent = conversation.fill(line.caller), conversation.fill(line.agent)
        is_silence = index > 0 and not user and not line.keypad
        seconds = (350 + rng.randbelow(1900)) / 1000
        turn = make_turn(
            _turn_id(conversation, index),
            _turn_time(conversation, index),
            user,
            agent,
            user_input_dtmf=line.keypad,
            user_input_dtmf_finish_key="#" if line.keypad else "",
            translated_user_input=conversation.fill(line.caller_english),
            english_agent_response=conversation.fill(line.agent_english) or agent,
            asr_lang_code=language,
            tts_lang_code=language,
            barge_in=index > 1 and rng.randbelow(6) == 0,
        )
        if index > 0:
            day = conversation.slots["day"]
            turn["entities"] = [{"name": "day", "value": day}] if day in user else []
            turn["intents"] = [] if is_silence else [{"name": conversation.scenario.tags[0]}]
            turn["is_ood"] = False
            turn["is_silence"] = is_silence
            turn["latency"] = {
                "label": "fast" if seconds < 1.2 else "slow",
                "perceived_latency": seconds,
                "perceived_latency_percentile_1d": rng.choice((0.5, 0.75, 0.9, None)),
            }
            turn["llm_requests"] = [{"id": _llm_id(conversation, index), "model": "demo"}]
            turn["metadata"] |= {
                "asr_corrected_user_input": user,
                "current_node": "start" if index == 1 else "follow_up",
                "function_events": [
                    call.name for call in conversation.scenario.calls if call.turn == index
                ],
                "retrieved_topics": list(conversation.scenario.tags[:1]),
                "safety": {"flagged": "<script>" in user},
                "top_transcripts": [user] if user else [],
            }
        turns.append(turn)
    return turns


def _metrics(conversation: Conversation) -> Json:
    metrics: Json = {}
    for index, name, value in conversation.scenario.metrics:
        if index < len(conversation.lines):
            time = _turn_time(conversation, index) + timedelta(microseconds=757917)
            timestamp = time.replace(tzinfo=None).isoformat()
            metrics.setdefault(name, []).append({"timestamp": timestamp, "value": value})
    return metrics


def _function_events(conversation: Conversation) -> Json:
    events: Json = {}
    for call in conversation.scenario.calls:
        if call.turn < len(conversation.lines):
            events.setdefault(str(call.turn), []).append(_function_event(conversation, call))
    return events


def _function_event(conversation: Conversation, call: Call) -> Json:
    rng = StableRandom(conversation.id, "event", call.turn, call.name)
    handoff = conversation.scenario.handoff
    return {
        "id": f"{rng.randbelow(2**64):016x}",
        "name": call.name,
        "function_id": f"FUNCTION-{call.name}",
        "function_version": "3",
        "conversation_id": conversation.id,
        "turn_id": call.turn,
        "start_time": format_datetime(_call_time(conversation, call), usegmt=True),
        "duration": 20 + rng.randbelow(400),
        "arguments": {
            name: conversation.fill(value) if isinstance(value, str) else value
            for name, value in call.arguments.items()
        },
        "content": conversation.fill(call.content),
        "error": None,
        "handoff": {"reason": handoff[1], "type": "transfer"} if handoff else None,
        "hangup": False,
        "llm_request_id": _llm_id(conversation, call.turn),
        "logs": [],
        "state_changes": rng.choice(
            (None, {"added": {call.name: True}, "removed": {}, "updated": {}})
        ),
        "transition": None,
        "utterance": None,
        "variant_id_change": None,
    }


def _llm_id(conversation: Conversation, index: int) -> str:
    return f"llm-{StableRandom(conversation.id, 'llm', index).randbelow(2**48):012x}"

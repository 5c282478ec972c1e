"""Damaged answers: a sample of `make fuzz`, and that it would notice a broken promise."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fuzz
import pytest
from polyai_data import PolyAIError, ResponseDecodeError
from polyai_data._answer import read_answer


def test_damaged_answers_break_no_promise() -> None:
    outcomes = fuzz.run(4000, seed=0)
    assert {damage for damage, _ in outcomes} == {*fuzz.DAMAGES, *fuzz.TEXT_DAMAGES}
    results = {result for _, result in outcomes}
    assert {"Conversation", "ConversationPage", "ChatReply", "WriteResult"} < results
    assert {"ResponseDecodeError", "ServerError", "ConversationNotFoundError"} < results


def test_a_seed_gives_the_same_answers_again() -> None:
    assert fuzz.run(200, seed=5) == fuzz.run(200, seed=5) != fuzz.run(200, seed=6)


CONVERSATION = {"conversationId": "CA1", "fromNumber": fuzz.NUMBER, "note": fuzz.SAID}


def subject(name: str) -> fuzz.Subject:
    return next(each for each in fuzz.subjects() if each.name == name)


def raises(_: Any, __: Any) -> Any:
    raise KeyError("turns")


def loses(_: Any, __: Any) -> Any:
    return ResponseDecodeError("lost")


def talks(_: Any, __: Any) -> Any:
    return PolyAIError("\n".join(["too much"] * 9))


def tells(_: Any, __: Any) -> Any:
    return PolyAIError(f"{fuzz.NUMBER} said something")


def shows_the_key(_: Any, __: Any) -> Any:
    return PolyAIError("refused", body={"key": fuzz.KEY})


def changes_raw(call: Any, answer: Any) -> Any:
    result: Any = read_answer(call, answer)
    result.raw = {}
    return result


def drops_a_record(call: Any, answer: Any) -> Any:
    result: Any = read_answer(call, answer)
    result.conversations = result.conversations[1:]
    return result


@pytest.mark.parametrize(
    ("name", "data", "wrong", "told"),
    [
        ("get_conversation", CONVERSATION, raises, "KeyError came out"),
        ("get_conversation", CONVERSATION, loses, "a record that has its identity was lost"),
        ("get_conversation", {}, talks, "the error is too long"),
        ("get_conversation", {}, tells, "the error shows a caller's number"),
        ("get_conversation", {}, shows_the_key, "the error holds the key"),
        ("get_conversation", CONVERSATION, changes_raw, "raw is not what was sent"),
        (
            "list_conversations",
            {"conversations": [CONVERSATION]},
            drops_a_record,
            "a record was lost from the page",
        ),
    ],
)
def test_a_broken_promise_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: Any,
    wrong: Callable[[Any, Any], Any],
    told: str,
) -> None:
    content = json.dumps(data).encode()
    fuzz.check(subject(name), 200, content)
    monkeypatch.setattr(fuzz, "read_answer", wrong)
    with pytest.raises(fuzz.BrokenPromise, match=told):
        fuzz.check(subject(name), 200, content)

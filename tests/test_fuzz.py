"""A small run of `make fuzz`, and a test that it detects violations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fuzz
import pytest
from polyai_data import PolyAIError, ResponseDecodeError
from polyai_data._http.response import RawResponse, parse_response


def test_damaged_responses_violate_no_guarantee() -> None:
    outcomes = fuzz.run(2000, seed=0)
    assert {damage for damage, _ in outcomes} == {*fuzz.DAMAGES, *fuzz.TEXT_DAMAGES}
    results = {result for _, result in outcomes}
    assert {"Conversation", "ConversationPage", "FoundPage", "ChatReply", "WriteResult"} < results
    assert {"ResponseDecodeError", "ServerError", "ConversationNotFoundError"} < results


def test_a_seed_gives_the_same_responses_again() -> None:
    assert fuzz.run(200, seed=5) == fuzz.run(200, seed=5) != fuzz.run(200, seed=6)


CONVERSATION = {"conversationId": "CA1", "fromNumber": fuzz.PHONE_NUMBER, "note": fuzz.UTTERANCE}


def target(name: str) -> fuzz.Target:
    return next(each for each in fuzz.targets() if each.name == name)


def raises(_: RawResponse) -> Any:
    raise KeyError("turns")


def loses(_: RawResponse) -> Any:
    raise ResponseDecodeError("lost")


def is_too_long(_: RawResponse) -> Any:
    raise PolyAIError("\n".join(["too much"] * 9))


def shows_a_phone_number(_: RawResponse) -> Any:
    raise PolyAIError(f"{fuzz.PHONE_NUMBER} said something")


def shows_the_key(_: RawResponse) -> Any:
    raise PolyAIError("refused", body={"key": fuzz.KEY})


def changes_raw(response: RawResponse) -> Any:
    result: Any = parse_response(response)
    result.raw = {}
    return result


def drops_a_record(response: RawResponse) -> Any:
    result: Any = parse_response(response)
    result.conversations = result.conversations[1:]
    return result


def renames_a_record(response: RawResponse) -> Any:
    result: Any = parse_response(response)
    result.conversations[0].id = "CA2"
    return result


@pytest.mark.parametrize(
    ("name", "data", "wrong", "message"),
    [
        ("get_conversation", CONVERSATION, raises, "raised KeyError"),
        ("get_conversation", CONVERSATION, loses, "a record with an ID was lost"),
        ("get_conversation", {}, is_too_long, "the error is too long"),
        ("get_conversation", {}, shows_a_phone_number, "the error shows a phone number"),
        ("get_conversation", {}, shows_the_key, "the error contains the API key"),
        ("get_conversation", CONVERSATION, changes_raw, "raw differs from the response"),
        (
            "list_conversations",
            {"conversations": [CONVERSATION]},
            drops_a_record,
            "the page lost or reordered records",
        ),
        (
            "search_conversations",
            {"conversations": [{"id": "CA1"}], "cursor": None},
            drops_a_record,
            "the page lost or reordered records",
        ),
        (
            "search_conversations",
            {"conversations": [{"id": "CA1"}], "cursor": None},
            renames_a_record,
            "a record lost its ID",
        ),
    ],
)
def test_a_violation_is_detected(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: Any,
    wrong: Callable[[RawResponse], Any],
    message: str,
) -> None:
    content = json.dumps(data).encode()
    fuzz.check(target(name), 200, content)
    monkeypatch.setattr(fuzz, "parse_response", wrong)
    with pytest.raises(fuzz.Violation, match=message):
        fuzz.check(target(name), 200, content)

"""The body of a response, as a test needs it."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from ._data import Conversations, Json
from ._own import DETAILS, make_turns
from ._turns import detail

_ID = "CA0b5e1d47c2f94a86b3e7705d19c8f2aa"
"""An ID that no sandbox generates, so that the conversation can be added to one."""
_SAMPLES = Conversations("PROJECT-DEMO", 200, 0, datetime(2026, 6, 3, 13, 19, tzinfo=UTC))


def conversation(**fields: Any) -> dict[str, Any]:
    """Return the JSON of a made-up conversation, as in a response of `get_conversation`.

    It is a call with turns, metrics and function calls, and the same in every run.

    Args:
        fields: Fields to replace or add, with their names in the API, such as `polyScore=2.0`. A
            turn may also be a pair: what the user said, and what the agent said.
    """
    sample = replace(_SAMPLES[1], id=_ID)
    content = {**detail(sample), **deepcopy(fields)}
    # What repeats or refers to another field follows it.
    if "audioUrl" not in fields:
        content["audioUrl"] = f"conversations/{content['conversationId']}/audio"
    if "functionEvents" not in fields:
        content["functionEvents"] = {} if "turns" in fields else content["functionEvents"]
        for event in chain.from_iterable(content["functionEvents"].values()):
            event["conversation_id"] = content["conversationId"]
    content["turns"] = make_turns(content["turns"], sample.started)
    return content


def page(**fields: Any) -> dict[str, Any]:
    """Return the JSON of a made-up page of conversations, as in a response of `get_page`.

    It has three conversations, of which the first is still in progress.

    Args:
        fields: Fields to replace or add: `conversations`, `count`, `limit` and `offset`. The fields
            of `conversation()` that are not in lists, such as `turns`, are removed from
            `conversations`. `count` defaults to their number.
    """
    content = {
        "conversations": [_SAMPLES[index].summary() for index in range(3)],
        **deepcopy(fields),
    }
    content["conversations"] = [_summary(each) for each in content["conversations"]]
    return {"count": len(content["conversations"]), "limit": 50, "offset": 0, **content}


def _summary(content: Any) -> Json | Any:
    if not isinstance(content, Mapping):
        return content
    return {name: value for name, value in content.items() if name not in DETAILS}

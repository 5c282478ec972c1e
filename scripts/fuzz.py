"""Damages answers of the API, and holds what the client makes of them against what it promises.

`python scripts/fuzz.py [--count N] [--seed N]` makes answers from the schemas of the corrected
document, damages them, reads them as the clients do, writes a table to build/fuzz.md, and fails
with the first answer that breaks a promise.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen
from generate import corrected_document
from polyai_data import (
    Annotation,
    ChatReply,
    Conversation,
    ConversationPage,
    PolyAIError,
    WriteResult,
    _operations,
)
from polyai_data._answer import Answer, read_answer
from polyai_data._auth import ApiKey
from polyai_data._config import Limits, settle
from polyai_data._request import Call

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "fuzz.md"

KEY = "made-up-key-8f3a61c2"
NUMBER = "+14155550101"
SAID = "My card number is 4111 1111 1111 1111."
PRIVATE = (KEY, NUMBER, SAID)
STATUSES = (200, 200, 200, 200, 201, 204, 302, 400, 401, 404, 410, 429, 500, 503)
PRIVATE_FIELDS = {
    "fromNumber",
    "toNumber",
    "note",
    "user_input",
    "agent_response",
    "response",
    "userInput",
}
TEXTS = ("", " ", "x", "\u202e", "\ufeff", "\x00", "é\u0301", "<b>", "…" * 500)
NUMBERS = (0, -1, 1, 2**53, 2**63, 10**30, 0.5, -0.0, 1e300, 6.0)

Json = Any


class BrokenPromise(Exception):
    """The client did what it promises not to do."""


@frozen
class Subject:
    """An operation whose answers are damaged.

    Attributes:
        name: The operation.
        schema: The schema of its answer.
        call: The call, ready to be sent.
    """

    name: str
    schema: str
    call: Call[Any]


def subjects() -> list[Subject]:
    """Return the operations that answer with JSON."""
    config = settle(
        api_key=ApiKey(KEY), region="us", agent_id="PROJECT-1", base_url=None, timeout=None
    )
    about: Any = {"agent_id": None, "limits": Limits()}
    wrong = Annotation(turn=0, role="agent", type="wrong_info")
    chat: Any = {"asr_language": None, "tts_language": None, **about}
    return [
        Subject(
            "list_conversations",
            "GetConversationsResponse",
            _operations.list_conversations(config, limit=50, offset=0, **about),
        ),
        Subject(
            "get_conversation",
            "ConversationDetailResponse",
            _operations.get_conversation(config, "CA1", **about),
        ),
        Subject(
            "add_annotations",
            "OperationSuccessResponse",
            _operations.add_annotations(config, "CA1", [wrong], **about),
        ),
        Subject(
            "set_note",
            "OperationSuccessResponse",
            _operations.set_note(config, "CA1", "x", **about),
        ),
        Subject(
            "send_chat_message",
            "DebugChatResponse",
            _operations.send_chat_message(
                config, "CA1", "x", environment="sandbox", metadata=None, **chat
            ),
        ),
    ]


class Maker:
    """Makes answers that obey the schemas of the document, and then damages them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.schemas = corrected_document()["components"]["schemas"]

    def make(self, schema: Json, name: str = "") -> Json:
        """Return a value that the schema allows."""
        rng = self.rng
        if "$ref" in schema:
            return self.make(self.schemas[schema["$ref"].rpartition("/")[2]], name)
        if "anyOf" in schema:
            return self.make(rng.choice(schema["anyOf"]), name)
        if "enum" in schema:
            return rng.choice(schema["enum"])
        types = schema.get("type", ["string", "integer", "object", "null"])
        kind = rng.choice(types) if isinstance(types, list) else types
        if kind == "string":
            if schema.get("format") in ("date-time", "date-time-local"):
                return "2026-06-03T13:18:06.370000+00:00"
            if schema.get("format") == "http-date":
                return "Wed, 03 Jun 2026 13:18:13 GMT"
            if name in PRIVATE_FIELDS:
                return rng.choice((NUMBER, SAID))
            return name + str(rng.randrange(9)) if name.endswith("Id") else rng.choice(TEXTS)
        if kind == "integer":
            return rng.randrange(100)
        if kind == "number":
            return rng.random() * 10
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "array":
            return [self.make(schema.get("items", {})) for _ in range(rng.randrange(4))]
        if kind == "object":
            return self._make_object(schema)
        return None

    def _make_object(self, schema: Json) -> Json:
        required = schema.get("required", ())
        made = {
            name: self.make(spec, name)
            for name, spec in schema.get("properties", {}).items()
            if name in required or self.rng.random() < 0.8
        }
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            made |= {str(n): self.make(values) for n in range(self.rng.randrange(3))}
        return made

    def damage(self, value: Json) -> tuple[str, bytes]:
        """Return the value as bytes, damaged in one to three ways, and what was done to it."""
        kinds = [self.rng.choice(list(DAMAGES)) for _ in range(self.rng.randint(1, 3))]
        for kind in kinds:
            value = DAMAGES[kind](self, value)
        text = json.dumps(value, ensure_ascii=self.rng.random() < 0.5)
        if self.rng.random() < 0.2:
            kinds = [self.rng.choice(list(TEXT_DAMAGES))]
            text = TEXT_DAMAGES[kinds[0]](self, text)
        return kinds[0], text.encode("utf-8", errors="surrogatepass")

    def places(self, value: Json) -> list[tuple[Any, Any]]:
        """Return each container in the value with each key or index in it."""
        found: list[tuple[Any, Any]] = []
        pending = [value]
        while pending:
            node = pending.pop()
            if isinstance(node, dict | list):
                keys = list(node) if isinstance(node, dict) else list(range(len(node)))
                found += [(node, key) for key in keys]
                pending += [node[key] for key in keys]
        return found

    def anything(self) -> Json:
        """Return some JSON value."""
        rng = self.rng
        simple = [None, True, rng.choice(NUMBERS), rng.choice(TEXTS), float("nan"), "\ud800"]
        return rng.choice([*simple, [rng.choice(NUMBERS)], {"x": rng.choice(TEXTS)}, [], {}])


def _at_a_place(change: Callable[[Maker, Any, Any], None]) -> Callable[[Maker, Json], Json]:
    def damage(maker: Maker, value: Json) -> Json:
        places = maker.places(value)
        if places:
            change(maker, *maker.rng.choice(places))
        return value

    return damage


def _drop(_: Maker, node: Any, key: Any) -> None:
    del node[key]


def _null(_: Maker, node: Any, key: Any) -> None:
    node[key] = None


def _retype(maker: Maker, node: Any, key: Any) -> None:
    node[key] = maker.anything()


def _nest(_: Maker, node: Any, key: Any) -> None:
    node[key] = {"nested": [node[key]]}


def _lengthen(_: Maker, node: Any, key: Any) -> None:
    value = node[key]
    node[key] = value * 50 if isinstance(value, str | list) else [value] * 50


def _rename(_: Maker, node: Any, key: Any) -> None:
    if isinstance(node, dict):
        node[f"{key}_"] = node.pop(key)


def _add(maker: Maker, node: Any, _: Any) -> None:
    if isinstance(node, dict):
        node["unheardOf"] = maker.anything()
    else:
        node.append(maker.anything())


def _whole(maker: Maker, value: Json) -> Json:
    return maker.anything() if maker.rng.random() < 0.3 else {"data": value}


def _refuse(maker: Maker, value: Json) -> Json:
    texts = {"error": f"{NUMBER}: {SAID}", "error_code": maker.anything(), "error_id": KEY}
    return {**value, "success": False, **texts} if isinstance(value, dict) else texts


DAMAGES: dict[str, Callable[[Maker, Json], Json]] = {
    "drop": _at_a_place(_drop),
    "null": _at_a_place(_null),
    "retype": _at_a_place(_retype),
    "nest": _at_a_place(_nest),
    "lengthen": _at_a_place(_lengthen),
    "rename": _at_a_place(_rename),
    "add": _at_a_place(_add),
    "whole": _whole,
    "refuse": _refuse,
}

TEXT_DAMAGES: dict[str, Callable[[Maker, str], str]] = {
    "cut off": lambda maker, text: text[: maker.rng.randrange(len(text) + 1)],
    "trailing garbage": lambda _, text: text + "}",
    "byte order mark": lambda _, text: "\ufeff" + text,
    "duplicate keys": lambda _, text: text.replace("{", '{"conversationId": "CA9", ', 1),
    "huge integer": lambda _, text: text.replace("true", "9" * 5000).replace("null", "1e999"),
    "nested deeply": lambda _, text: '{"turns":' * 20_000 + text,
    "HTML": lambda _, text: f"<html>{text}</html>",
    "half a surrogate pair": lambda _, text: text.replace('": "', '": "\\ud800', 1),
}


def check(subject: Subject, status: int, content: bytes) -> str:
    """Read the answer as the clients do, and return what came of it, in a word.

    Raises:
        BrokenPromise: saying which.
    """
    answer = Answer(status, {"Content-Type": "application/json"}, content, 0.0)
    try:
        result = read_answer(subject.call, answer)
    except Exception as failure:
        raise BrokenPromise(f"{type(failure).__name__} came out: {failure}") from failure
    try:
        data = json.loads(content)
        is_json = True
    except (ValueError, RecursionError):
        data, is_json = None, False
    if isinstance(result, PolyAIError):
        _check_error(result)
        named = isinstance(data, dict) and _is_id(data.get("conversationId"))
        if (
            named
            and 200 <= status < 300
            and subject.name in ("get_conversation", "send_chat_message")
        ):
            raise BrokenPromise(f"a record that has its identity was lost: {result}")
        return type(result).__name__
    if not is_json:
        raise BrokenPromise("something was made of what is no JSON")
    _check_result(result, data)
    return type(result).__name__


def _check_error(error: PolyAIError) -> None:
    text = str(error)
    if len(text) > 1500 or len(text.splitlines()) > 3:
        raise BrokenPromise(f"the error is too long: {text[:2000]}")
    if KEY in text + repr(error) + repr(vars(error)):
        raise BrokenPromise("the error holds the key")
    named = (error.code or "", error.correlation_id or "")  # what identifies an answer is shown
    if NUMBER in text and not any(NUMBER in name for name in named):
        raise BrokenPromise(f"the error shows a caller's number: {text}")
    if error.code is None and any(secret in text for secret in PRIVATE) and error.body is None:
        raise BrokenPromise(f"the error shows what is private: {text}")
    if str(pickle.loads(pickle.dumps(error))) != text:  # noqa: S301
        raise BrokenPromise("the error does not survive pickling")


def _check_result(result: Any, data: Any) -> None:
    if repr(result.raw) != repr(data):
        raise BrokenPromise("raw is not what was sent")
    ids = json.dumps(_ids(data))  # which are shown
    for shown in _ways_to_look_at(result):
        if any(secret in shown and secret not in ids for secret in (NUMBER, SAID)):
            raise BrokenPromise(f"the repr shows what is private: {shown[:300]}")
    if isinstance(result, ConversationPage):
        sent = data["conversations"]
        if isinstance(sent, list):
            found = [record.raw for record in result.conversations]
            if repr(found) != repr(sent):
                raise BrokenPromise("a record was lost from the page, or moved")
            for record, raw in zip(result.conversations, sent, strict=True):
                named = isinstance(raw, dict) and _is_id(raw.get("conversationId"))
                if named and record.conversation_id != raw["conversationId"]:
                    raise BrokenPromise("a record that has its identity lost it")


def _ids(data: Any) -> list[Any]:
    """Return what stands where IDs and kinds of conversations do."""
    listed = data.get("conversations") if isinstance(data, dict) else None
    records = [data, *(listed if isinstance(listed, list) else [])]
    found = [record for record in records if isinstance(record, dict)]
    return [record.get(name) for record in found for name in ("conversationId", "channel")]


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _ways_to_look_at(result: Any) -> Iterator[str]:
    """Do all that people do with a result; yield what logs may show of it."""
    yield repr(result)
    result.to_dict()
    if isinstance(result, Conversation):
        str(result.transcript)
        list(result.function_calls)
        result.metric("ENGAGED")
        result._repr_html_()
        yield repr(result.transcript)
    elif isinstance(result, ConversationPage):
        result._repr_html_()
        for record in result.conversations:
            yield repr(record)
    elif isinstance(result, ChatReply):
        yield repr((result.ended, result.delayed))
        _ = (result.text, result.topics)
    elif not isinstance(result, WriteResult):
        raise BrokenPromise(f"a {type(result).__name__} came out")


def run(count: int, seed: int) -> Counter[tuple[str, str]]:
    """Damage so many answers; return how often each damage led to what.

    Raises:
        BrokenPromise: with the answer that did it.
    """
    rng = random.Random(seed)  # noqa: S311
    maker, outcomes = Maker(rng), Counter[tuple[str, str]]()
    all_subjects = subjects()
    for number in range(count):
        subject, status = rng.choice(all_subjects), rng.choice(STATUSES)
        kind, content = maker.damage(maker.make(maker.schemas[subject.schema]))
        try:
            outcomes[kind, check(subject, status, content)] += 1
        except BrokenPromise as broken:
            where = f"answer {number} of seed {seed}: {subject.name}, status {status}, {kind}"
            raise BrokenPromise(f"{where}\n{broken}\n{content[:1000]!r}") from broken
    return outcomes


def as_markdown(outcomes: Counter[tuple[str, str]], count: int, seed: int) -> str:
    """Return the table of damages and what they led to."""
    damages = sorted({damage for damage, _ in outcomes})
    results = sorted({result for _, result in outcomes})
    lines = [f"# {count:,} damaged answers (seed {seed})", ""]
    lines += ["| | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for damage in damages:
        numbers = " | ".join(f"{outcomes[damage, result]:,}" for result in results)
        lines.append(f"| {damage} | {numbers} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Fuzz, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100_000, help="how many answers to damage")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    arguments = parser.parse_args()
    try:
        outcomes = run(arguments.count, arguments.seed)
    except BrokenPromise as broken:
        print(f"A promise is broken by {broken}")
        return 1
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(as_markdown(outcomes, arguments.count, arguments.seed), encoding="utf-8")
    print(f"{arguments.count:,} damaged answers, seed {arguments.seed}: every promise was kept.")
    print(f"What each damage led to: {REPORT.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

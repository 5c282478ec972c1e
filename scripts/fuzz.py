"""Fuzz test: parses damaged responses, and checks what the client guarantees about the results.

`python scripts/fuzz.py [--count N] [--seed N]` generates responses from the schemas of the
corrected OpenAPI spec, damages them and parses them like the clients. It writes a table to
build/fuzz.md, and stops with an error at the first response that violates a guarantee.
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
    FoundConversation,
    PolyAIError,
    WriteResult,
)
from polyai_data._auth import ApiKey
from polyai_data._config import resolve_config
from polyai_data._data import operations
from polyai_data._http.request import PreparedRequest
from polyai_data._http.response import RawResponse, parse_response
from polyai_data._models.found import FoundPage
from polyai_data._models.json_reader import read_json

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "fuzz.md"

KEY = "made-up-key-8f3a61c2"
PHONE_NUMBER = "+14155550101"
UTTERANCE = "My card number is 4111 1111 1111 1111."
PRIVATE = (KEY, PHONE_NUMBER, UTTERANCE)
STATUSES = (200, 200, 200, 200, 201, 204, 302, 400, 401, 404, 410, 429, 500, 503)
PRIVATE_FIELDS = {
    "fromNumber",
    "toNumber",
    "from_number",
    "to_number",
    "note",
    "user_input",
    "agent_response",
    "response",
    "userInput",
}
STRINGS = ("", " ", "x", "\u202e", "\ufeff", "\x00", "é\u0301", "<b>", "…" * 500)
NUMBERS = (0, -1, 1, 2**53, 2**63, 10**30, 0.5, -0.0, 1e300, 6.0)

Json = Any


ID = "CA1"  # of the conversation that is requested


class Violation(Exception):
    """The client violated a guarantee."""


@frozen
class Target:
    """An operation whose responses are damaged.

    Attributes:
        name: The name of the operation.
        schema: The name of its response schema.
        request: The prepared request.
    """

    name: str
    schema: str
    request: PreparedRequest[Any]


def targets() -> list[Target]:
    """Return the operations with JSON responses."""
    key = ApiKey(KEY)
    config = resolve_config(
        api_key=key,
        conversations_api_key=key,
        region="us",
        account_id="ACCOUNT-1",
        agent_id="PROJECT-1",
        base_url=None,
    )
    wrong = Annotation(turn=0, role="agent", type="wrong_info")
    return [
        Target(
            "list_conversations",
            "GetConversationsResponse",
            operations.list_conversations(config, limit=50, offset=0, agent_id=None),
        ),
        Target(
            "get_conversation",
            "ConversationDetailResponse",
            operations.get_conversation(config, ID, agent_id=None),
        ),
        Target(
            "add_annotations",
            "OperationSuccessResponse",
            operations.add_annotations(config, ID, [wrong], agent_id=None),
        ),
        Target(
            "set_note",
            "OperationSuccessResponse",
            operations.set_note(config, ID, "x", agent_id=None),
        ),
        Target(
            "send_chat_message",
            "DebugChatResponse",
            operations.send_chat_message(
                config, operations.ChatOptions("sandbox", agent_id=None), ID, "x", metadata=None
            ),
        ),
        Target(
            "search_conversations",
            "V3GetConversationsResponse",
            operations.search_conversations(
                config, {}, limit=1000, cursor=None, account_id=None, agent_id=None
            ),
        ),
    ]


class Generator:
    """Generates valid responses from the schemas of the spec, and damages them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.schemas = corrected_document()["components"]["schemas"]

    def generate(self, schema: Json, name: str = "") -> Json:
        """Return a random value that conforms to the schema."""
        rng = self.rng
        if "$ref" in schema:
            return self.generate(self.schemas[schema["$ref"].rpartition("/")[2]], name)
        if "anyOf" in schema:
            return self.generate(rng.choice(schema["anyOf"]), name)
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
                return rng.choice((PHONE_NUMBER, UTTERANCE))
            if name == "conversationId":
                return ID
            return name + str(rng.randrange(9)) if name.endswith("Id") else rng.choice(STRINGS)
        if kind == "integer":
            return rng.randrange(100)
        if kind == "number":
            return rng.random() * 10
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "array":
            return [self.generate(schema.get("items", {})) for _ in range(rng.randrange(4))]
        if kind == "object":
            return self._generate_object(schema)
        return None

    def _generate_object(self, schema: Json) -> Json:
        required = schema.get("required", ())
        values = {
            name: self.generate(spec, name)
            for name, spec in schema.get("properties", {}).items()
            if name in required or self.rng.random() < 0.8
        }
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            values |= {str(n): self.generate(additional) for n in range(self.rng.randrange(3))}
        return values

    def damage(self, value: Json) -> tuple[str, bytes]:
        """Damage a value in one to three ways; return the kind of damage and the bytes."""
        kinds = [self.rng.choice(list(DAMAGES)) for _ in range(self.rng.randint(1, 3))]
        for kind in kinds:
            value = DAMAGES[kind](self, value)
        text = json.dumps(value, ensure_ascii=self.rng.random() < 0.5)
        if self.rng.random() < 0.2:
            kinds = [self.rng.choice(list(TEXT_DAMAGES))]
            text = TEXT_DAMAGES[kinds[0]](self, text)
        return kinds[0], text.encode("utf-8", errors="surrogatepass")

    def locations(self, value: Json) -> list[tuple[Any, Any]]:
        """Return all containers in the value, each with each of its keys or indexes."""
        found: list[tuple[Any, Any]] = []
        pending = [value]
        while pending:
            node = pending.pop()
            if isinstance(node, dict | list):
                keys = list(node) if isinstance(node, dict) else list(range(len(node)))
                found += [(node, key) for key in keys]
                pending += [node[key] for key in keys]
        return found

    def any_value(self) -> Json:
        """Return a random JSON value."""
        rng = self.rng
        simple = [None, True, rng.choice(NUMBERS), rng.choice(STRINGS), float("nan"), "\ud800"]
        return rng.choice([*simple, [rng.choice(NUMBERS)], {"x": rng.choice(STRINGS)}, [], {}])


def _at_random_location(
    change: Callable[[Generator, Any, Any], None],
) -> Callable[[Generator, Json], Json]:
    def damage(generator: Generator, value: Json) -> Json:
        locations = generator.locations(value)
        if locations:
            change(generator, *generator.rng.choice(locations))
        return value

    return damage


def _drop(_: Generator, node: Any, key: Any) -> None:
    del node[key]


def _null(_: Generator, node: Any, key: Any) -> None:
    node[key] = None


def _retype(generator: Generator, node: Any, key: Any) -> None:
    node[key] = generator.any_value()


def _nest(_: Generator, node: Any, key: Any) -> None:
    node[key] = {"nested": [node[key]]}


def _lengthen(_: Generator, node: Any, key: Any) -> None:
    value = node[key]
    node[key] = value * 50 if isinstance(value, str | list) else [value] * 50


def _rename(_: Generator, node: Any, key: Any) -> None:
    if isinstance(node, dict):
        node[f"{key}_"] = node.pop(key)


def _add(generator: Generator, node: Any, _: Any) -> None:
    if isinstance(node, dict):
        node["unknownField"] = generator.any_value()
    else:
        node.append(generator.any_value())


def _replace(generator: Generator, value: Json) -> Json:
    return generator.any_value() if generator.rng.random() < 0.3 else {"data": value}


def _error(generator: Generator, value: Json) -> Json:
    error = {
        "error": f"{PHONE_NUMBER}: {UTTERANCE}",
        "error_code": generator.any_value(),
        "error_id": KEY,
    }
    return {**value, "success": False, **error} if isinstance(value, dict) else error


DAMAGES: dict[str, Callable[[Generator, Json], Json]] = {
    "drop": _at_random_location(_drop),
    "set to null": _at_random_location(_null),
    "change type": _at_random_location(_retype),
    "nest": _at_random_location(_nest),
    "lengthen": _at_random_location(_lengthen),
    "rename": _at_random_location(_rename),
    "add": _at_random_location(_add),
    "replace": _replace,
    "error": _error,
}

TEXT_DAMAGES: dict[str, Callable[[Generator, str], str]] = {
    "truncation": lambda generator, text: text[: generator.rng.randrange(len(text) + 1)],
    "trailing garbage": lambda _, text: text + "}",
    "byte order mark": lambda _, text: "\ufeff" + text,
    "duplicate keys": lambda _, text: text.replace("{", '{"conversationId": "CA9", ', 1),
    "huge integer": lambda _, text: text.replace("true", "9" * 5000).replace("null", "1e999"),
    "deep nesting": lambda _, text: '{"turns":' * 20_000 + text,
    "HTML": lambda _, text: f"<html>{text}</html>",
    "lone surrogate": lambda _, text: text.replace('": "', '": "\\ud800', 1),
    "invalid UTF-8": lambda _, text: text.replace('": "', '": "\udcff', 1),
}


def check(target: Target, status: int, content: bytes) -> str:
    """Parse a response like the clients, and return the type of the result.

    Raises:
        Violation: a guarantee was violated.
    """
    response = RawResponse(target.request, status, {"content-type": "application/json"}, content)
    try:
        result = parse_response(response)
    except PolyAIError as error:
        result = error
    except Exception as failure:
        raise Violation(f"raised {type(failure).__name__}: {failure}") from failure
    try:
        data = read_json(content)  # tests/test_json.py compares it with the standard library
        is_json = True
    except (ValueError, RecursionError):
        data, is_json = None, False
    received = data.get("conversationId") if isinstance(data, dict) else None
    is_crossed = target.name == "get_conversation" and type(received) is str and received != ID
    if isinstance(result, PolyAIError):
        _check_error(result)
        has_id = _is_id(received) and not is_crossed
        if (
            has_id
            and 200 <= status < 300
            and target.name in ("get_conversation", "send_chat_message")
        ):
            raise Violation(f"a record with an ID was lost: {result}")
        return type(result).__name__
    if status in (204, 205):  # a write that succeeded, whatever follows
        return type(result).__name__
    if not is_json:
        raise Violation("invalid JSON gave a result")
    if is_crossed:
        raise Violation("another conversation was returned")
    _check_result(result, data)
    return type(result).__name__


def _check_error(error: PolyAIError) -> None:
    text = str(error)
    if len(text) > 1500 or len(text.splitlines()) > 3:
        raise Violation(f"the error is too long: {text[:2000]}")
    if KEY in text + repr(error) + repr(vars(error)):
        raise Violation("the error contains the API key")
    identifiers = (error.code or "", error.correlation_id or "")  # messages may show these
    if PHONE_NUMBER in text and not any(PHONE_NUMBER in each for each in identifiers):
        raise Violation(f"the error shows a phone number: {text}")
    if error.code is None and any(secret in text for secret in PRIVATE) and error.body is None:
        raise Violation(f"the error shows private data: {text}")
    if str(pickle.loads(pickle.dumps(error))) != text:  # noqa: S301
        raise Violation("pickling changes the error")


def _check_result(result: Any, data: Any) -> None:
    if repr(result.raw) != repr(data):
        raise Violation("raw differs from the response")
    try:
        json.dumps(result.raw, allow_nan=False)
    except ValueError as error:
        raise Violation("raw cannot be written as JSON") from error
    ids = json.dumps(_ids(data))  # reprs may show these
    for output in _use(result):
        if any(secret in output and secret not in ids for secret in (PHONE_NUMBER, UTTERANCE)):
            raise Violation(f"the repr shows private data: {output[:300]}")
    if isinstance(result, ConversationPage | FoundPage):
        expected = data["conversations"]
        key, name = ("id", "id")
        if isinstance(result, ConversationPage):
            key, name = ("conversationId", "conversation_id")
        if isinstance(expected, list):
            records = [record.raw for record in result.conversations]
            if repr(records) != repr(expected):
                raise Violation("the page lost or reordered records")
            for record, raw in zip(result.conversations, expected, strict=True):
                has_id = isinstance(raw, dict) and _is_id(raw.get(key))
                if has_id and getattr(record, name) != raw[key]:
                    raise Violation("a record lost its ID")


def _ids(data: Any) -> list[Any]:
    """Return the values in the place of conversation IDs and channels."""
    listed = data.get("conversations") if isinstance(data, dict) else None
    records = [data, *(listed if isinstance(listed, list) else [])]
    objects = [record for record in records if isinstance(record, dict)]
    names = ("conversationId", "id", "channel")
    return [record.get(name) for record in objects for name in names]


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _use(result: Any) -> Iterator[str]:
    """Use a result in all common ways, and yield what logs may show of it."""
    yield repr(result)
    result.to_dict()
    if isinstance(result, Conversation):
        str(result.transcript)
        list(result.function_calls)
        result.metric("ENGAGED")
        result._repr_html_()
        yield repr(result.transcript)
    elif isinstance(result, ConversationPage | FoundPage):
        result._repr_html_()
        for record in result.conversations:
            yield repr(record)
            if isinstance(record, FoundConversation):
                record._repr_html_()
                str(record.transcript)
                yield repr(record.transcript)
    elif isinstance(result, ChatReply):
        yield repr((result.ended, result.delayed))
        _ = (result.text, result.topics)
    elif not isinstance(result, WriteResult):
        raise Violation(f"returned a {type(result).__name__}")


def run(count: int, seed: int) -> Counter[tuple[str, str]]:
    """Fuzz `count` responses; return how often each damage led to each result.

    Raises:
        Violation: a guarantee was violated. The message contains the response.
    """
    rng = random.Random(seed)  # noqa: S311
    generator, outcomes = Generator(rng), Counter[tuple[str, str]]()
    all_targets = targets()
    for number in range(count):
        target, status = rng.choice(all_targets), rng.choice(STATUSES)
        kind, content = generator.damage(generator.generate(generator.schemas[target.schema]))
        try:
            outcomes[kind, check(target, status, content)] += 1
        except Violation as violation:
            where = f"response {number} of seed {seed}: {target.name}, status {status}, {kind}"
            raise Violation(f"{where}\n{violation}\n{content[:1000]!r}") from violation
    return outcomes


def as_markdown(outcomes: Counter[tuple[str, str]], count: int, seed: int) -> str:
    """Return the table of damages and results as Markdown."""
    damages = sorted({damage for damage, _ in outcomes})
    results = sorted({result for _, result in outcomes})
    lines = [f"# {count:,} damaged responses (seed {seed})", ""]
    lines += ["| | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for damage in damages:
        numbers = " | ".join(f"{outcomes[damage, result]:,}" for result in results)
        lines.append(f"| {damage} | {numbers} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the fuzz test, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100_000, help="number of responses to damage")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    arguments = parser.parse_args()
    try:
        outcomes = run(arguments.count, arguments.seed)
    except Violation as violation:
        print(f"A guarantee is violated by {violation}")
        return 1
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(as_markdown(outcomes, arguments.count, arguments.seed), encoding="utf-8")
    print(f"{arguments.count:,} damaged responses, seed {arguments.seed}: no violations.")
    print(f"Results by damage: {REPORT.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""JSON reads the same with the fast reader and without it, and one bad value costs itself only."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polyai_data import ConversationSummary, UnreadableRecord
from polyai_data._models import json_reader
from polyai_data._models.json_reader import (
    InvalidNumber,
    InvalidText,
    NestedTooDeeply,
    read_json,
)

if TYPE_CHECKING:
    from tests.conftest import Caller

NUMBERS = ["18446744073709551616", "-9223372036854775809", "1" * 25, "-0", "-0.0", "1e308"]
NUMBERS += ["5e-324", "9007199254740993.0", "0." + "1" * 800, "9" * 4000, "01", "1E5", "nan", "+1"]
TEXTS = [r"\ud83d\ude00", r"\u0000", "a\nb", "\x7f", r"\/", r"\a", r"\\ud800", r"\uD83D\uDE00"]
BODIES = [
    *(number.encode() for number in NUMBERS),
    *(f'"{text}"'.encode() for text in TEXTS),
    b"\xef\xbb\xbf1",
    '{"a": "é"}'.encode("utf-16"),
    '{"a": "é"}'.encode("utf-16-le"),
    b'{"a": 1, "b": 2, "a": 3}',
    b"[1,]",
    b"1 1",
    b"\xc2\xa01",
    b"",
    b" \t\r\n1 \t\r\n",
    b"[" * 90 + b"]" * 90,
    b"[" * 200_000,
    b'["',
    b'"\\',
]


def outcome(read: Any, body: bytes) -> str:
    try:
        return repr(read(body))
    except (ValueError, RecursionError):
        return "refused"


@pytest.fixture(autouse=True, params=["at first", "after many responses"])
def many_responses(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The reader is as at first, or as after many responses, and as at first again at the end."""
    is_late = request.param == "after many responses"
    monkeypatch.setattr(json_reader, "_bytes_read", json_reader._THRESHOLD if is_late else -(2**40))
    json_reader._fast_reader.cache_clear()
    yield
    json_reader._fast_reader.cache_clear()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
def test_valid_json_is_read_as_the_standard_library_reads_it(body: bytes) -> None:
    assert outcome(read_json, body) == outcome(json.loads, body)


DEEP = "[" * 100_000 + "1" + "]" * 100_000  # Python 3.13 reads 9,000 levels
# JSON of a value; what is read; and the reason of the problem where a string is expected
ODD: list[tuple[bytes, str, type[str], str]] = [
    (b'"caf\xe9"', r"caf\xe9", InvalidText, "text that is not valid Unicode"),
    (b'"\xed\xa0\x80"', r"\xed\xa0\x80", InvalidText, "text that is not valid Unicode"),
    (rb'"a\ud800"', "a\ud800", InvalidText, "text that is not valid Unicode"),
    (rb'"\uDC00\uD800"', "\udc00\ud800", InvalidText, "text that is not valid Unicode"),
    (rb'"\udce9"', "\udce9", InvalidText, "text that is not valid Unicode"),
    (b"9" * 5000, "9" * 5000, InvalidNumber, "a number out of range"),
    (b"-" + b"9" * 5000, "-" + "9" * 5000, InvalidNumber, "a number out of range"),
    (b"1e999", "1e999", InvalidNumber, "a number out of range"),
    (b"-1.5E+999", "-1.5E+999", InvalidNumber, "a number out of range"),
    (b"9" * 400 + b".0", "9" * 400 + ".0", InvalidNumber, "a number out of range"),
    (b"NaN", "NaN", InvalidNumber, "a number out of range"),
    (b"-Infinity", "-Infinity", InvalidNumber, "a number out of range"),
]
ODD_IDS = [odd[:12].decode("latin-1") for odd, *_ in ODD]


@pytest.mark.parametrize(("odd", "text", "kind", "_"), ODD, ids=ODD_IDS)
@pytest.mark.parametrize("around", [b"%s", b'{"a": [%s, 1.5, "x"], "b": {"c": %s}}', b"[[[%s]]]"])
def test_an_odd_value_is_read_as_a_string_of_its_own_kind(
    around: bytes, odd: bytes, text: str, kind: type[str], _: str
) -> None:
    read = read_json(around.replace(b"%s", odd))
    while type(read) in (dict, list):
        read = read[0] if isinstance(read, list) else read["a"]
    assert (read, type(read)) == (text, kind)
    assert json.loads(json.dumps(read, allow_nan=False)) == text


def test_an_odd_key_is_read_too() -> None:
    assert read_json(rb'{"\ud800": 1}') == {"\ud800": 1}
    assert read_json(b'{"\xff": 1}') == {r"\xff": 1}


def page_with(odd: bytes, field: str) -> bytes:
    ids = ("CA0", "CA1", "CA2")
    records = [{"conversationId": name, "clientEnv": "live", "tags": ["a"]} for name in ids]
    records[1][field] = "MARK"
    page = json.dumps({"conversations": records, "count": 3, "limit": 50, "offset": 0})
    return page.encode().replace(b'"MARK"', odd)


def read_page(call: Caller, odd: bytes, field: str) -> Any:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=page_with(odd, field))

    found = call(answer, lambda client: client.get_page()).conversations
    assert [type(one) for one in (found[0], found[2])] == [ConversationSummary] * 2
    assert [one.conversation_id for one in (found[0], found[2])] == ["CA0", "CA2"]
    dumped = json.dumps([one.raw for one in found], allow_nan=False)
    assert len(json.loads(dumped)) == 3
    return found[1]


TYPES = {"note": "a string", "polyScore": "a number", "duration": "an integer"}


@pytest.mark.parametrize("field", [*TYPES, "startedAt", "shortSummary", "conversationId", "other"])
@pytest.mark.parametrize(
    ("odd", "text", "kind", "reason"),
    [*ODD, (DEEP.encode(), DEEP, NestedTooDeeply, "a value nested too deeply")],
    ids=[*ODD_IDS, "deep"],
)
def test_an_odd_value_costs_one_field_of_one_record(
    call: Caller, field: str, odd: bytes, text: str, kind: type[str], reason: str
) -> None:
    record = read_page(call, odd, field)
    assert not isinstance(record, UnreadableRecord)
    assert (record.client_env, record.tags) == ("live", ["a"])
    assert (record.raw[field], type(record.raw[field])) == (text, kind)
    if field == "other":
        assert record.additional_properties == {"other": text}
        assert record.problems == ()
        return
    assert record.conversation_id == (text if field == "conversationId" else "CA1")
    (problem,) = record.problems
    assert (problem.field, problem.value) == (field, text)
    assert problem.reason.endswith(f", got {reason}")
    if field in TYPES:
        assert problem.reason == f"expected {TYPES[field]}, got {reason}"
    record.to_dict()


def test_a_value_nested_too_deeply_costs_the_field_and_not_its_neighbours(call: Caller) -> None:
    text = r'"]}\"[" '
    odd = b'{"x": [{"y": %s}, %s, [[1]]]}' % (text.encode(), DEEP.encode())
    record = read_page(call, odd, "note")
    assert record.note == odd.decode()
    assert read_page(call, b'{"x": [[[[%s]]]]}' % text.encode(), "note").note == {
        "x": [[[[r']}"[']]]]
    }


def test_a_thousand_levels_cost_one_field_whether_python_reads_them_or_not(call: Caller) -> None:
    record = read_page(call, b"[" * 1000 + b"]" * 1000, "note")
    assert (record.conversation_id, record.tags) == ("CA1", ["a"])
    (problem,) = record.problems
    assert problem.field == "note"


def test_a_value_nested_too_deeply_in_one_turn_costs_a_field_of_it(call: Caller) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        turns = f'[{{"user_input": "Hi.", "entities": {DEEP}}}, {{"user_input": "Yes."}}]'
        return httpx.Response(200, text=f'{{"conversationId": "CA1", "turns": {turns}}}')

    read = call(answer, lambda client: client.get_conversation("CA1"))
    assert [one.text for one in read.transcript] == ["Hi.", "Yes."]
    (problem,) = read.problems
    assert (problem.field, problem.value) == ("turns[0].entities", DEEP)
    assert problem.reason == "expected a JSON value, got a value nested too deeply"


JSON_VALUES = st.recursive(
    st.sampled_from([odd for odd, *_ in ODD]) | st.sampled_from([b"1", b'"x"', b"null", b"0.5"]),
    lambda inner: st.lists(inner, max_size=4).map(lambda items: b"[" + b",".join(items) + b"]"),
)


@given(JSON_VALUES, st.binary(max_size=3))
def test_what_is_read_can_be_written_as_valid_json(body: bytes, damage: bytes) -> None:
    for content in (body, body + damage, damage + body):
        try:
            read = read_json(content)
        except ValueError:
            continue
        dumped = json.dumps(read, allow_nan=False)
        assert json.loads(dumped) == read


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2**20,
        b'{"a":' * 2**18,
        b'"' + rb"\"" * 2**18,
        b'"' + rb"\"" * 2**18 + b"\\",
        b'"' * 2**18,
    ],
    ids=lambda body: repr(body[:10]),
)
def test_a_hostile_body_is_refused_before_the_time_limit_of_a_test(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_json(body)


def test_the_fast_reader_is_used_once_there_is_enough_to_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_reader, "_bytes_read", 0)
    half = b"[" + b" " * (json_reader._THRESHOLD // 2) + b"1]"
    assert read_json(half) == [1]
    assert json_reader._fast_reader.cache_info().currsize == 0
    assert read_json(half) == [1]
    assert "msgspec" in repr(json_reader._fast_reader())


def test_without_the_fast_reader_the_standard_library_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "msgspec.json", None)
    assert json_reader._fast_reader() is json_reader._read
    assert read_json(b'{"a": NaN}') == {"a": "NaN"}

"""JSON reads the same with the fast reader and without it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from polyai_data._http import response
from polyai_data._http.response import read_json

NUMBERS = ["18446744073709551616", "-9223372036854775809", "1" * 25, "1e999", "-0", "-0.0"]
NUMBERS += ["5e-324", "9007199254740993.0", "0." + "1" * 800, "NaN", "-Infinity", "9" * 5000, "01"]
TEXTS = [r"\ud800", r"\udc00\ud800", r"\ud83d\ude00", r"\u0000", "a\nb", "\x7f", r"\/", r"\a"]
BODIES = [
    *(number.encode() for number in NUMBERS),
    *(f'"{text}"'.encode() for text in TEXTS),
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b"\xef\xbb\xbf1",
    '{"a": "é"}'.encode("utf-16"),
    '{"a": "é"}'.encode("utf-16-le"),
    b'{"a": 1, "b": 2, "a": 3}',
    b"[1,]",
    b"1 1",
    b"\xc2\xa01",
    b"",
    b" \t\r\n1 \t\r\n",
    b"[" * 400 + b"]" * 400,
    b"[" * 200_000 + b"]" * 200_000,
]


def outcome(read: Any, body: bytes) -> str:
    try:
        return repr(read(body))
    except (ValueError, RecursionError):
        return "refused"


@pytest.fixture(autouse=True)
def much_read_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader is as after many answers, and as before them again at the end."""
    monkeypatch.setattr(response, "_bytes_read", response._THRESHOLD)
    response._fast_reader.cache_clear()
    yield
    response._fast_reader.cache_clear()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:20]))
def test_what_is_read_is_what_the_standard_library_reads(body: bytes) -> None:
    assert outcome(read_json, body) == outcome(json.loads, body)


def test_the_fast_reader_is_used_once_there_is_enough_to_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response, "_bytes_read", 0)
    half = b"[" + b" " * (response._THRESHOLD // 2) + b"1]"
    assert read_json(half) == [1]
    assert response._fast_reader.cache_info().currsize == 0
    assert read_json(half) == [1]
    assert "msgspec" in repr(response._fast_reader())


def test_without_the_fast_reader_the_standard_library_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "msgspec.json", None)
    assert response._fast_reader() is json.loads
    assert read_json(b'{"a": NaN}').keys() == {"a"}

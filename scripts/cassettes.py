"""Writes and replays cassettes.

Each operation and outcome has its own cassette, a YAML file. JSON bodies are written as YAML, to be
readable; other bodies as strings.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import vcr
import yaml
from scrub import compact_json
from vcr.request import Request

DIRECTORY = Path(__file__).resolve().parent.parent / "tests" / "cassettes"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C library is ten times faster
HEADER = """\
# Recorded by `make record` from {source}. Do not edit: record anew.
"""


class ReadableYaml:
    """Writes cassettes as YAML, with JSON bodies as YAML too."""

    source = "the sandbox (polyai_data.sandbox)"

    @classmethod
    def serialize(cls, cassette: dict[str, Any]) -> str:
        """Return the cassette as YAML."""
        for interaction in cassette["interactions"]:
            response = interaction["response"]
            response["body"] = _readable(response["body"]["string"])
            request = interaction["request"]
            request["body"] = _readable(request["body"]) if request["body"] else None
        text = yaml.safe_dump(cassette, sort_keys=False, allow_unicode=True, width=96)
        return HEADER.format(source=cls.source) + text

    @classmethod
    def deserialize(cls, text: str) -> dict[str, Any]:
        """Return the cassette with its original bodies."""
        cassette: dict[str, Any] = yaml.load(text, Loader=LOADER)  # noqa: S506
        for interaction in cassette["interactions"]:
            interaction["response"]["body"] = {"string": _sent(interaction["response"]["body"])}
            interaction["request"]["body"] = _sent(interaction["request"]["body"] or {"text": ""})
        return cassette


def _readable(body: str | bytes) -> dict[str, Any]:
    try:
        return {"json": json.loads(body)}
    except ValueError:
        content = body.encode() if isinstance(body, str) else body
    if content.startswith(b"RIFF"):
        return {"bytes": content}
    return {"text": content.decode()}


def _sent(body: dict[str, Any]) -> bytes:
    if "bytes" in body:
        content: bytes = body["bytes"]
        return content
    text: str = body["text"] if "text" in body else compact_json(body["json"])
    return text.encode()


def _same_body(one: Request, other: Request) -> None:
    # No body is None with aiohttp, and empty with httpx.
    assert (one.body or b"") == (other.body or b"")  # noqa: S101  # how vcrpy's matchers fail


def recorder(record_mode: str, **options: Any) -> vcr.VCR:
    """Return a VCR for these cassettes; the record mode "none" only replays."""
    machine = vcr.VCR(
        cassette_library_dir=str(DIRECTORY),
        record_mode=record_mode,
        match_on=("method", "scheme", "host", "port", "path", "query", "body"),
        serializer="readable",
        decode_compressed_response=True,
        **options,
    )
    machine.register_matcher("body", _same_body)
    machine.register_serializer("readable", ReadableYaml)
    return machine

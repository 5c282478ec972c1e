"""How cassettes are written and replayed.

A cassette is one YAML file for each operation and outcome. Bodies that are JSON stand in it as
YAML, so that a person can read them; the rest as text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import vcr
import yaml
from scrub import compact_json

DIRECTORY = Path(__file__).resolve().parent.parent / "tests" / "cassettes"
HEADER = """\
# Recorded by `make record` from {source}. Do not edit: record anew.
"""


class ReadableYaml:
    """Writes cassettes as YAML, with JSON bodies as YAML too."""

    source = "the sandbox (polyai_data.sandbox)"

    @classmethod
    def serialize(cls, cassette: dict[str, Any]) -> str:
        """Return the cassette's text."""
        for interaction in cassette["interactions"]:
            response = interaction["response"]
            response["body"] = _readable(response["body"]["string"])
            request = interaction["request"]
            request["body"] = _readable(request["body"]) if request["body"] else None
        text = yaml.safe_dump(cassette, sort_keys=False, allow_unicode=True, width=96)
        return HEADER.format(source=cls.source) + text

    @classmethod
    def deserialize(cls, text: str) -> dict[str, Any]:
        """Return the cassette, with the bodies as they were sent."""
        cassette: dict[str, Any] = yaml.safe_load(text)
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


def recorder(record_mode: str, **options: Any) -> vcr.VCR:
    """Return a VCR for these cassettes; with record mode "none" it only replays."""
    machine = vcr.VCR(
        cassette_library_dir=str(DIRECTORY),
        record_mode=record_mode,
        match_on=("method", "scheme", "host", "port", "path", "query", "body"),
        serializer="readable",
        decode_compressed_response=True,
        **options,
    )
    machine.register_serializer("readable", ReadableYaml)
    return machine

"""What the cassettes hold, and how they are written and replayed.

A cassette is one YAML file for each operation and outcome. Bodies that are JSON stand in it as
YAML, so that a person can read them; the rest as text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import vcr
import yaml
from attrs import frozen
from polyai_data.sandbox import Fault
from scrub import AGENT_ID, CORRELATION_ID, compact_json

DIRECTORY = Path(__file__).resolve().parent.parent / "tests" / "cassettes"
HEADER = """\
# Recorded by `make record` from {source}. Do not edit: record anew.
"""


@frozen
class Scenario:
    """A call of the client and the conditions it is made under.

    Attributes:
        name: Of the cassette: operation, status and, where that does not tell it, the case.
        method: The client's method.
        arguments: What it is called with.
        region: The region it is sent to.
        agent_id: The agent it asks for.
        api_key: The key it carries; the sandbox accepts only "sandbox".
        faults: How the sandbox fails meanwhile.
        from_real_api: Whether the real API can be asked for this outcome.
    """

    name: str
    method: str
    arguments: tuple[Any, ...]
    region: str = "us"
    agent_id: str = AGENT_ID
    api_key: str = "sandbox"
    faults: tuple[Fault, ...] = ()
    from_real_api: bool = False

    @property
    def path(self) -> Path:
        """The cassette's file."""
        return DIRECTORY / f"{self.name}.yaml"


CONVERSATION_ID = "CA22d437f4405070690f8906b76c8ea4ed"
_GET = "get_conversation"
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


def _envelope(message: str) -> dict[str, Any]:
    texts = {"error": message, "error_id": CORRELATION_ID, "error_message": message}
    return {"success": False, **texts, "error_code": None, "data": None}


SCENARIOS = (
    Scenario(f"{_GET}.200.us", _GET, (CONVERSATION_ID,), from_real_api=True),
    Scenario(f"{_GET}.200.eu", _GET, ("KA-ad0362aebf84c4da37567d90912f0447",), region="eu"),
    Scenario(
        f"{_GET}.200.uk", _GET, ("AS_CHAT_fb8e9b87-c00c-8c8e-07d4-1b11182fafb9",), region="uk"
    ),
    Scenario(
        f"{_GET}.200.studio",
        _GET,
        ("LOCAL-37328d69-3eb9-194c-307f-80500ec1b5fa",),
        region="studio",
    ),
    Scenario(f"{_GET}.401", _GET, (CONVERSATION_ID,), api_key="wrong-key", from_real_api=True),
    Scenario(f"{_GET}.403", _GET, (CONVERSATION_ID,), agent_id="PROJECT-OTHER"),
    Scenario(f"{_GET}.404", _GET, ("CA" + "0" * 32,), from_real_api=True),
    Scenario(
        f"{_GET}.429",
        _GET,
        (CONVERSATION_ID,),
        faults=(Fault(429, _envelope("Too many requests."), {"Retry-After": "7"}),),
    ),
    Scenario(
        f"{_GET}.500",
        _GET,
        (CONVERSATION_ID,),
        faults=(Fault(500, _envelope("Internal server error.")),),
    ),
    Scenario(f"{_GET}.502-html", _GET, (CONVERSATION_ID,), faults=(Fault(502, _HTML),)),
    Scenario(
        f"{_GET}.200-broken",
        _GET,
        (CONVERSATION_ID,),
        faults=(
            Fault(
                200,
                '{"conversationId": "CA22d437f4405070690f8906b76c8ea4ed", "turns": [{"us',
                {"Content-Type": "application/json"},
            ),
        ),
    ),
)


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


def _readable(body: str) -> dict[str, Any]:
    try:
        return {"json": json.loads(body)}
    except ValueError:
        return {"text": body}


def _sent(body: dict[str, Any]) -> bytes:
    text: str = body["text"] if "text" in body else compact_json(body["json"])
    return text.encode()


def recorder(record_mode: str, **options: Any) -> vcr.VCR:
    """Return a VCR for these cassettes; with record mode "none" it only replays."""
    machine = vcr.VCR(
        cassette_library_dir=str(DIRECTORY),
        record_mode=record_mode,
        match_on=("method", "scheme", "host", "port", "path", "query", "body"),
        serializer="readable",
        **options,
    )
    machine.register_serializer("readable", ReadableYaml)
    return machine

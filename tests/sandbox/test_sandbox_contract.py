"""The sandbox against the API's document: whatever is generated from it, the answers conform."""

import copy
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import openapi
import pytest
from adapt import operation_ids as openapi_names
from documents import only_taken
from generate import corrected_document
from impact import wrapped_operations
from polyai_data.sandbox import serve

HEADERS = {"X-API-KEY": "sandbox"}
CHAT = {"clientEnv": "sandbox", "conversationId": "a chat/with ünusual ID"}


def served(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the operations that the facade wraps: the sandbox has no others."""
    paths: dict[str, Any] = {}
    names = openapi_names(corrected_document())
    for (method, path), operation in openapi.operations(document):
        if names[method, path] in wrapped_operations():
            item = document["paths"][path]
            shared = {key: item[key] for key in item.keys() - set(openapi.METHODS)}
            paths.setdefault(path, shared)[method] = operation
    return {**document, "paths": paths}


def below(start: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with some of its paths: each API has a key of its own."""
    paths = {path: item for path, item in document["paths"].items() if path.startswith(start)}
    return {**document, "paths": paths}


COMBINED = ("positive_data_acceptance",)
"""No schema says which filters of a search exclude each other."""
ROOT = Path(__file__).parents[2]
PRISTINE = json.loads((ROOT / "openapi.json").read_text("utf-8"))
V3 = "openapi.conversations-v3.json"
PRISTINE_V3 = only_taken(V3, json.loads((ROOT / V3).read_text("utf-8")))
# The pristine document says that text and numbers are never null, and that a summary is a string.
# Real answers do not obey that, and so neither does the sandbox: their schemas are not checked.
DOCUMENTS = [
    pytest.param(served(PRISTINE), ("response_schema_conformance",), id="pristine"),
    pytest.param(below("/v1/", served(corrected_document())), (), id="corrected"),
    pytest.param(served(PRISTINE_V3), COMBINED, id="v3-pristine"),
    pytest.param(below("/v3/", served(corrected_document())), COMBINED, id="v3-corrected"),
]


@pytest.mark.parametrize(("document", "excluded_checks"), DOCUMENTS)
def test_contract(document: dict[str, Any], excluded_checks: tuple[str, ...]) -> None:
    """Generated requests, valid and invalid ones, get only answers that the document allows."""
    wrong, seen = explore(document, excluded_checks)
    assert not wrong, "\n\n".join(wrong)
    # What was not tried out cannot have failed.
    for (method, path), operation in openapi.operations(document):
        documented = {int(status) for status in operation["responses"] if status.isdecimal()}
        # 403: no other agent is tried. 404: the IDs that are tried out mostly exist. 410: no
        # message that is tried ends the chat. 500: the sandbox does not fail.
        assert documented - {403, 404, 410, 500} <= seen[f"{method.upper()} {path}"]


def with_environments(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the environments as an enum: it has them in descriptions only."""
    document = copy.deepcopy(document)
    bodies = [
        schema["properties"]["clientEnv"]
        for schema in document["components"]["schemas"].values()
        if "sandbox, pre-release or live"
        in schema.get("properties", {}).get("clientEnv", {}).get("description", "")
    ]
    assert len(bodies) == 2 or all(path.startswith("/v3/") for path in document["paths"])
    for body in bodies:
        body["enum"] = ["sandbox", "pre-release", "live"]
    return document


def explore(
    document: dict[str, Any], excluded_checks: tuple[str, ...]
) -> tuple[list[str], dict[str, set[int]]]:
    """Return what is wrong with the answers, and the statuses that each operation gave."""
    import schemathesis  # slow to import
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import Status, from_schema

    key = "sandbox-v3" if any(path.startswith("/v3/") for path in document["paths"]) else "sandbox"
    document = with_environments(document)
    # Not so many conversations that one without a transcript, and so without a turn, is among them.
    with serve(conversations=9) as sandbox:
        base_url = sandbox.base_url  # a plain string, which a schema requires
        api = f"{base_url}/v1/agents/PROJECT-DEMO"
        page = httpx.get(f"{api}/conversations", headers=HEADERS).json()
        # Only those with a recording, and often enough: what is generated, and so how many of ten
        # requests can succeed, changes with each version of the document.
        ids = [each["conversationId"] for each in page["conversations"] if each["audioUrl"]]
        httpx.post(f"{api}/debug-chat", headers=HEADERS, json=CHAT).raise_for_status()
        config = SchemathesisConfig.from_dict(
            {
                "seed": 1,
                "base-url": base_url,
                # As the document spells it, or it would not be left out to try that.
                "headers": {("x-api-key" if key == "sandbox-v3" else "X-API-KEY"): key},
                "generation": {"deterministic": True, "max-examples": 10},
                "checks": {name: {"enabled": False} for name in excluded_checks},
                "dictionaries": {
                    "conversations": {"values": ids},
                    "chats": {"values": [CHAT["conversationId"]]},
                    "turns": {"values": [0]},
                },
                "parameters": {
                    **dict.fromkeys(("agentId", "project_id"), "PROJECT-DEMO"),
                    "account_id": "ACCOUNT-DEMO",
                    # No schema can say how many turns a conversation has.
                    "body.annotations[*].turnId": {"dictionary": "turns", "probability": 1.0},
                },
                "operations": [
                    {
                        "include-path-regex": f"/{path}/{{conversationId}}",
                        "parameters": {
                            "path.conversationId": {"dictionary": dictionary, "probability": 0.75}
                        },
                    }
                    for path, dictionary in (
                        ("conversations", "conversations"),
                        ("debug-chat", "chats"),
                    )
                ],
            }
        )
        schema = schemathesis.openapi.from_dict(copy.deepcopy(document), config=config)
        wrong: list[str] = []
        seen: dict[str, set[int]] = defaultdict(set)
        for event in from_schema(schema).execute():
            if type(event).__name__ in ("FatalError", "NonFatalError", "Interrupted"):
                wrong.append(f"{type(event).__name__}: {getattr(event, 'info', event)}")
            recorder = getattr(event, "recorder", None)
            if recorder is None:
                continue
            for case_id, interaction in recorder.interactions.items():
                operation = recorder.cases[case_id].value.operation.label
                seen[operation].add(interaction.response.status_code)
            wrong += [
                f"{recorder.label}: {check.name}: {check.failure_info.failure}\n"
                f"{check.failure_info.code_sample}"
                for checks in recorder.checks.values()
                for check in checks
                if check.status == Status.FAILURE
            ]
    return wrong, seen

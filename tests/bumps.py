"""New versions of the document, made from the vendored one by one change each.

Each says what taking it in must tell and do; `test_bumps.py` takes them in.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import field, frozen
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
LIST = "/v1/agents/{agentId}/conversations"
GET = f"{LIST}/{{conversationId}}"
CHAT = "/v1/agents/{agentId}/debug-chat"

Document = dict[str, Any]


@frozen
class Bump:
    """One change of the document, and what must come of it.

    Attributes:
        name: What changes.
        sources: What to vendor: file contents.
        bump: What it means for the version of the package.
        version: The version that is suggested.
        breaking: Whether a change of the API itself is breaking.
        told: What the report must say.
        stale: The actions of the overlay that no longer fit.
        fits: Whether the facade still works, against the API of the old document too.
    """

    name: str
    sources: list[str] = field(repr=False)
    bump: str
    version: str
    breaking: bool
    told: tuple[str, ...]
    stale: tuple[int, ...]
    fits: bool


BUMPS: list[Bump] = []


def original() -> Document:
    document: Document = json.loads((ROOT / "openapi.json").read_text())
    return document


def bump(
    verdict: str,
    *told: str,
    breaking: bool | None = None,
    stale: tuple[int, ...] = (),
    fits: bool | None = None,
    write: Callable[[Document], list[str]] = lambda document: [json.dumps(document)],
) -> Callable[[Callable[[Document], None]], None]:
    """Register a change; its name is that of the function.

    The version is bumped with it, as a publisher should, unless the function sets it itself.
    """
    version = {"none": "0.1.0", "patch": "0.1.1", "minor": "0.1.1", "major": "0.2.0"}[verdict]

    def register(change: Callable[[Document], None]) -> None:
        document = copy.deepcopy(original())
        document["info"]["version"] = "1.0.10"
        change(document)
        BUMPS.append(
            Bump(
                name=change.__name__.replace("_", " "),
                sources=write(document),
                bump=verdict,
                version=version,
                breaking=verdict == "major" if breaking is None else breaking,
                told=told,
                stale=stale,
                fits=verdict != "major" and not stale if fits is None else fits,
            )
        )

    return register


def schema(document: Document, name: str = "ConversationDetailResponse") -> Any:
    return document["components"]["schemas"][name]


def rename_schema(document: Document, old: str, new: str) -> None:
    text = json.dumps(document).replace(f'"{old}"', f'"{new}"')
    text = text.replace(f"/schemas/{old}", f"/schemas/{new}")
    document.clear()
    document.update(json.loads(text))


JSON_ANSWER = {
    "200": {
        "description": "fine",
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/OperationSuccessResponse"}
            }
        },
    }
}
AGENT = [{"name": "agentId", "in": "path", "required": True, "schema": {"type": "string"}}]


# --- Nothing -------------------------------------------------------------------------------------


@bump("none", "Data API 1.0.9: no change.", "nothing to decide")
def the_document_against_itself(document: Document) -> None:
    document["info"]["version"] = "1.0.9"


@bump("patch", "1.0.9 → Data API 1.0.10: 1 change, none breaking.", "nothing to decide")
def the_version_number_alone(document: Document) -> None:
    pass


@bump("patch", "The version number is the same; the contents are not.", "nothing to decide")
def the_same_version_with_other_contents(document: Document) -> None:
    document["info"]["version"] = "1.0.9"
    document["paths"][GET]["get"]["summary"] = "Another summary"


@bump("patch", "nothing to decide")
def tag_renamed(document: Document) -> None:
    for item in document["paths"].values():
        for operation in (item[method] for method in ("get", "post") if method in item):
            operation["tags"] = ["Calls"]


# --- Operations ----------------------------------------------------------------------------------


@bump(
    "minor",
    "GET /v1/agents/{agentId}/handoffs has no operationId and becomes list_agent_handoffs",
    "the facade does not wrap the operation list_agent_handoffs",
)
def operation_added(document: Document) -> None:
    document["paths"]["/v1/agents/{agentId}/handoffs"] = {
        "parameters": AGENT,
        "get": {"responses": JSON_ANSWER},
    }


@bump("minor", "the facade does not wrap the operation close_chat")
def operation_added_with_an_operation_id(document: Document) -> None:
    document["paths"][f"{CHAT}/{{conversationId}}"]["delete"] = {
        "operationId": "closeChat",
        "responses": JSON_ANSWER,
    }


@bump("major", "operations that the facade calls are gone: set_note", stale=(5,))
def operation_removed(document: Document) -> None:
    del document["paths"][f"{GET}/note"]


@bump(
    "major",
    "operations that the facade calls are gone: start_chat",
    f"closest there: '{CHAT.replace('v1', 'v2')}'",
    "becomes post_agent_debug_chat",
    stale=(6,),
)
def operation_moved(document: Document) -> None:
    document["paths"][CHAT.replace("v1", "v2")] = document["paths"].pop(CHAT)


@bump(
    "major",
    "operations that the facade calls are gone: get_recording",
    "the facade does not wrap the operation get_recording_of_side",
    stale=(3,),
)
def operation_split_off(document: Document) -> None:
    audio = document["paths"].pop(f"{GET}/audio")
    parameters = audio["get"]["parameters"]
    direction = next(each for each in parameters if each["name"] == "direction")
    parameters.remove(direction)
    audio["parameters"] = [
        *audio.get("parameters", []),
        {**direction, "in": "path", "required": True},
    ]
    del audio["parameters"][-1]["schema"]["default"]
    audio["get"]["operationId"] = "getRecordingOfSide"
    document["paths"][f"{GET}/audio/{{direction}}"] = audio


@bump("patch", "nothing to decide")
def operation_ids_given_by_the_document(document: Document) -> None:
    for number, item in enumerate(document["paths"].values()):
        for method in ("get", "post"):
            if method in item:
                item[method]["operationId"] = f"their{method}{number}"


# --- Parameters and bodies -----------------------------------------------------------------------


@bump("minor", "list_conversations takes a new parameter, channel")
def optional_parameter_added(document: Document) -> None:
    parameter = {"name": "channel", "in": "query", "schema": {"type": "string"}}
    document["paths"][LIST]["get"]["parameters"].append(parameter)


@bump("major", "list_conversations takes a new parameter, since", "_operations.py no longer fits")
def required_parameter_added(document: Document) -> None:
    parameter = {"name": "since", "in": "query", "required": True, "schema": {"type": "string"}}
    document["paths"][LIST]["get"]["parameters"].append(parameter)


@bump("major", "_operations.py no longer fits", 'Unexpected keyword argument "offset"')
def parameter_removed(document: Document) -> None:
    operation = document["paths"][LIST]["get"]
    operation["parameters"] = [p for p in operation["parameters"] if p["name"] != "offset"]


@bump("minor", "there is a new field, SetNoteBody.author")
def optional_body_field_added(document: Document) -> None:
    schema(document, "UpsertNoteBody")["properties"]["author"] = {"type": "string"}


@bump("major", "_operations.py no longer fits", "there is a new field, SetNoteBody.author")
def required_body_field_added(document: Document) -> None:
    body = schema(document, "UpsertNoteBody")
    body["properties"]["author"] = {"type": "string"}
    body["required"].append("author")


@bump("minor")
def another_content_type_of_a_body(document: Document) -> None:
    content = document["paths"][f"{GET}/note"]["post"]["requestBody"]["content"]
    content["text/plain"] = {"schema": {"type": "string"}}


# --- Answers -------------------------------------------------------------------------------------


@bump("minor", "there is a new field, Conversation.sentiment")
def answer_field_added(document: Document) -> None:
    schema(document)["properties"]["sentiment"] = {"type": "number"}


@bump("major", "the field Conversation.deployment_id is gone", stale=(13, 14), fits=True)
def answer_field_removed(document: Document) -> None:
    for name in ("ConversationDetailResponse", "ConversationSummaryResponse"):
        del schema(document, name)["properties"]["deploymentId"]


@bump(
    "major",
    "the field Conversation.from_number is gone",
    "_conversations.py no longer fits",
    fits=True,
)
def answer_field_renamed_that_the_facade_reads(document: Document) -> None:
    properties = schema(document)["properties"]
    properties["callerNumber"] = properties.pop("fromNumber")


@bump("major")
def answer_field_retyped(document: Document) -> None:
    schema(document)["properties"]["accountId"]["type"] = "integer"


@bump("major", fits=True)
def answer_field_made_nullable(document: Document) -> None:
    schema(document)["properties"]["projectId"]["type"] = ["string", "null"]


@bump("patch", "_conversations.py no longer fits", fits=True)
def enum_given_to_an_answer(document: Document) -> None:
    schema(document)["properties"]["channel"]["enum"] = ["VOICE-SIP"]


@bump("patch", "nothing to decide")
def enum_value_added_to_a_request(document: Document) -> None:
    schema(document, "AnnotationItem")["properties"]["annotationType"]["enum"].append("other")


@bump("major")
def enum_value_removed_from_a_request(document: Document) -> None:
    schema(document, "AnnotationItem")["properties"]["annotationType"]["enum"].remove("wrong_info")


@bump("minor")
def another_content_type_of_an_answer(document: Document) -> None:
    content = document["paths"][GET]["get"]["responses"]["200"]["content"]
    content["application/xml"] = {"schema": {"type": "object"}}


@bump("major", fits=True)
def a_recording_of_another_content_type(document: Document) -> None:
    response = document["paths"][f"{GET}/audio"]["get"]["responses"]["200"]
    response["content"] = {"audio/mpeg": {"schema": {"type": "string", "format": "binary"}}}


@bump("minor", "the facade does not wrap the operation stream_chat")
def an_operation_that_streams_events(document: Document) -> None:
    document["paths"]["/v1/agents/{agentId}/stream"] = {
        "parameters": AGENT,
        "get": {
            "operationId": "streamChat",
            "responses": {"200": {"description": "x", "content": {"text/event-stream": {}}}},
        },
    }


# --- Servers -------------------------------------------------------------------------------------


@bump(
    "minor",
    "there is a new server, https://api.ca.poly.ai",
    "add its region to Region in _regions.py",
    fits=True,
)
def server_added(document: Document) -> None:
    document["servers"].append({"url": "https://api.ca.poly.ai"})


@bump("minor", "BEWARE, the API key would go there", fits=True)
def server_of_somebody_else_added(document: Document) -> None:
    document["servers"].append({"url": "https://api.example.com"})


@bump(
    "major",
    "the server https://api.studio.poly.ai is gone",
    "its region is refused from now on",
    fits=True,
)
def server_removed(document: Document) -> None:
    del document["servers"][-1]


@bump("minor", "get_recording is served from https://media.eu.poly.ai")
def servers_at_a_path(document: Document) -> None:
    document["paths"][f"{GET}/audio"]["servers"] = [
        {"url": f"https://media.{region}.poly.ai"} for region in ("us", "eu", "uk", "studio")
    ]


@bump("minor", "get_recording is served from https://media.example.com", "BEWARE")
def servers_at_an_operation(document: Document) -> None:
    document["paths"][f"{GET}/audio"]["get"]["servers"] = [{"url": "https://media.example.com"}]


@bump("patch", "nothing to decide")
def servers_with_a_variable(document: Document) -> None:
    regions = ["us", "eu", "uk", "studio"]
    document["servers"] = [
        {
            "url": "https://api.{region}.poly.ai",
            "variables": {"region": {"default": "us", "enum": regions}},
        }
    ]


# --- Schemas -------------------------------------------------------------------------------------


@bump(
    "patch",
    "the model Conversation is gone; CallDetail has all its fields",
    "'CallDetail' has 29 of its 29 fields",
    stale=(11, 12, 13),
    fits=False,
)
def schema_renamed(document: Document) -> None:
    rename_schema(document, "ConversationDetailResponse", "CallDetail")


@bump("minor")
def references_in_a_chain(document: Document) -> None:
    schemas = document["components"]["schemas"]
    schemas["Tag"] = {"$ref": "#/components/schemas/Label"}
    schemas["Label"] = {"type": "string"}
    schema(document)["properties"]["mainTag"] = {"$ref": "#/components/schemas/Tag"}


@bump("minor", "there is a new model, CallLink")
def a_schema_that_holds_itself(document: Document) -> None:
    reference = {"$ref": "#/components/schemas/CallLink"}
    document["components"]["schemas"]["CallLink"] = {
        "type": "object",
        "properties": {"next": reference, "all": {"type": "array", "items": reference}},
    }
    schema(document)["properties"]["link"] = reference


@bump("minor", "there is a new model, ConversationCostType0")
def the_same_title_twice(document: Document) -> None:
    for name in ("cost", "price"):
        schema(document)["properties"][name] = {
            "title": "Money",
            "type": "object",
            "properties": {f"{name}InCents": {"type": "integer"}},
        }


@bump("patch", "adds the schema Turn, which the document has by now", stale=(22,), fits=False)
def a_schema_that_the_overlay_adds(document: Document) -> None:
    document["components"]["schemas"]["Turn"] = {
        "type": "object",
        "properties": {"turnId": {"type": "integer"}, "userInput": {"type": "string"}},
    }


@bump("major", fits=True)
def the_spelling_of_openapi_3_0(document: Document) -> None:
    document["openapi"] = "3.0.3"
    schema(document)["properties"]["projectId"]["nullable"] = True


# --- Other forms ---------------------------------------------------------------------------------


def as_yaml(document: Document) -> list[str]:
    text = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(document, text)
    return [text.getvalue()]


def as_pages(document: Document) -> list[str]:
    pages = []
    for path, item in document["paths"].items():
        for method in ("get", "post"):
            if method in item:
                only = {key: item[key] for key in ("parameters", method) if key in item}
                fragment = as_yaml({**document, "paths": {path: only}})[0]
                heading = f"yaml api-reference/data/openapi.json {method.upper()} {path}"
                pages.append(f"# {path}\n\n````{heading}\n{fragment}````\n")
    return pages


@bump("minor", "there is a new field, Conversation.sentiment", write=as_yaml)
def yaml_instead_of_json(document: Document) -> None:
    schema(document)["properties"]["sentiment"] = {"type": "number"}


@bump("minor", "there is a new field, Conversation.sentiment", write=as_pages)
def pages_instead_of_a_document(document: Document) -> None:
    schema(document)["properties"]["sentiment"] = {"type": "number"}

"""New versions of the spec in `bump_project`, made by one change each.

Each says what taking it in must report and do; `test_bumps.py` takes them in. After them comes what
must be refused. The project stays as it is, so nothing here depends on the vendored spec.
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
PROJECT = Path(__file__).parent / "bump_project"
LIST = "/v1/agents/{agentId}/conversations"
GET = f"{LIST}/{{conversationId}}"
CHAT = "/v1/agents/{agentId}/debug-chat"

Document = dict[str, Any]


@frozen
class Bump:
    """One change of the document, and what must come of it.

    Attributes:
        name: What changes.
        make: Returns what to vendor: contents of files.
        bump: What it means for the version of the package.
        version: The version that is suggested.
        breaking: Parts of the changes that must be called breaking, and no others.
        tasks: Parts of what the report must ask for, and of nothing else.
        says: What it must say besides.
        stale: The actions of the overlay that no longer fit.
        fits: Whether the facade still works, against the API of the old document too.
    """

    name: str
    make: Callable[[], list[str]] = field(repr=False)
    bump: str
    version: str
    breaking: tuple[str, ...]
    tasks: tuple[str, ...]
    says: tuple[str, ...]
    stale: tuple[int, ...]
    fits: bool

    @property
    def sources(self) -> list[str]:
        """What to vendor: contents of files."""
        return self.make()


BUMPS: list[Bump] = []


def original() -> Document:
    document: Document = json.loads((PROJECT / "openapi.json").read_text())
    return document


def bump(
    verdict: str,
    *tasks: str,
    says: tuple[str, ...] = (),
    breaking: tuple[str, ...] = (),
    stale: tuple[int, ...] = (),
    fits: bool | None = None,
    write: Callable[[Document], list[str]] = lambda document: [json.dumps(document)],
) -> Callable[[Callable[[Document], None]], None]:
    """Register a change; its name is that of the function.

    The version is bumped with it, as a publisher should, unless the function sets it itself.
    """
    version = {"none": "0.1.0", "patch": "0.1.1", "minor": "0.1.1", "major": "0.2.0"}[verdict]

    def register(change: Callable[[Document], None]) -> None:
        def make() -> list[str]:
            document = copy.deepcopy(original())
            document["info"]["version"] = "1.0.10"
            change(document)
            return write(document)

        BUMPS.append(
            Bump(
                name=change.__name__.replace("_", " "),
                make=make,
                bump=verdict,
                version=version,
                breaking=breaking,
                tasks=tasks,
                says=says,
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
NOTHING = "Nothing to decide."
CHECK = "breaking changes, which the checks may not all detect: "
AGENT = [{"name": "agentId", "in": "path", "required": True, "schema": {"type": "string"}}]


# --- Nothing -------------------------------------------------------------------------------------


@bump("none", says=("Data API 1.0.9: no changes.", NOTHING))
def the_document_against_itself(document: Document) -> None:
    document["info"]["version"] = "1.0.9"


@bump(
    "patch",
    says=(
        "Data API 1.0.9 → Data API 1.0.10: 1 change, none breaking.",
        'modified info: version: "1.0.9" → "1.0.10"',
        NOTHING,
    ),
)
def the_version_number_alone(document: Document) -> None:
    pass


@bump("patch", says=("The contents have changed, but the version number has not.", NOTHING))
def the_same_version_with_other_contents(document: Document) -> None:
    document["info"]["version"] = "1.0.9"
    document["paths"][GET]["get"]["summary"] = "Another summary"


@bump("patch", says=("conversations: description", NOTHING))
def a_description_alone(document: Document) -> None:
    document["paths"][LIST]["get"]["description"] = "A | B\n\n```\n# C\n" + "long " * 500


@bump("patch", says=('tags: ["Conversations"] → ["Calls"]', NOTHING))
def tag_renamed(document: Document) -> None:
    for item in document["paths"].values():
        for operation in (item[method] for method in ("get", "post") if method in item):
            operation["tags"] = ["Calls"]


@bump("patch", says=("The title has changed: this may be a different API.", NOTHING))
def another_title(document: Document) -> None:
    document["info"]["title"] = "Billing API"


# --- Operations ----------------------------------------------------------------------------------


@bump(
    "minor",
    "without an operationId: GET /v1/agents/{agentId}/handoffs is named list_agent_handoffs → ",
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


@bump(
    "major",
    "operations that the facade calls were removed: set_note → ",
    "overlay actions that no longer match: 5",
    f"{CHECK}1",
    breaking=(f"POST {GET}/note: removed",),
    stale=(5,),
)
def operation_removed(document: Document) -> None:
    del document["paths"][f"{GET}/note"]


@bump(
    "major",
    "operations that the facade calls were removed: start_chat → ",
    "overlay actions that no longer match: 6",
    f"{CHECK}1",
    "is named post_agent_debug_chat",
    "the facade does not wrap the operation post_agent_debug_chat",
    says=(f"closest match: '{CHAT.replace('v1', 'v2')}'",),
    breaking=(f"POST {CHAT}: removed; it may be POST {CHAT.replace('v1', 'v2')} now",),
    stale=(6,),
)
def operation_moved(document: Document) -> None:
    document["paths"][CHAT.replace("v1", "v2")] = document["paths"].pop(CHAT)


@bump(
    "major",
    "set_note, start_chat → ",
    "_data/operations.py no longer type-checks",
    "overlay actions that no longer match: 1, 2, 3, 4, 5, 6, 7, 10",
    f"{CHECK}7",
    "without an operationId: GET /v2/agents/{agentId}/conversations is named list_agent_conversa",
    "the facade does not wrap the operations get_agent_conversation, ",
    breaking=("removed; it may be ",) * 7,
    stale=(1, 2, 3, 4, 5, 6, 7, 10),
)
def every_operation_moved(document: Document) -> None:
    document["paths"] = {
        path.replace("/v1/", "/v2/"): item for path, item in document["paths"].items()
    }


@bump(
    "major",
    "operations that the facade calls were removed: get_recording → ",
    "_data/operations.py no longer type-checks",
    "overlay actions that no longer match: 3",
    f"{CHECK}1",
    "the facade does not wrap the operation get_recording_of_side",
    breaking=(f"GET {GET}/audio: removed",),
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


@bump(
    "patch",
    "operations that the facade calls were removed: ",
    "_data/operations.py no longer type-checks",
    "the spec now says what these overlay actions add: 1, 2, 3, 4, 5, 6, 7 → compare",
    "the facade does not wrap the operations theirget0, theirget1, ",
    says=(
        'operationId: none → "theirpost6"',
        'debug-chat/{conversationId} → post → operationId: "theirpost6"',
        "delete it, or first remove what the spec says in an action before it",
    ),
    stale=(1, 2, 3, 4, 5, 6, 7),
)
def operation_ids_given_by_the_document(document: Document) -> None:
    for number, item in enumerate(document["paths"].values()):
        for method in ("get", "post"):
            if method in item:
                item[method]["operationId"] = f"their{method}{number}"


# --- Parameters and bodies -----------------------------------------------------------------------


@bump("minor", "list_conversations has a new parameter, channel")
def optional_parameter_added(document: Document) -> None:
    parameter = {"name": "channel", "in": "query", "schema": {"type": "string"}}
    document["paths"][LIST]["get"]["parameters"].append(parameter)


@bump(
    "major",
    'Missing named argument "since" for "_get_kwargs"',
    f"{CHECK}1",
    "list_conversations has a new parameter, since",
    breaking=("new required query parameters: since",),
)
def required_parameter_added(document: Document) -> None:
    parameter = {"name": "since", "in": "query", "required": True, "schema": {"type": "string"}}
    document["paths"][LIST]["get"]["parameters"].append(parameter)


@bump(
    "major",
    'Unexpected keyword argument "offset"',
    f"{CHECK}1",
    breaking=("removed query parameters: offset",),
)
def parameter_removed(document: Document) -> None:
    operation = document["paths"][LIST]["get"]
    operation["parameters"] = [p for p in operation["parameters"] if p["name"] != "offset"]


@bump("minor", "new field: SetNoteBody.author")
def optional_body_field_added(document: Document) -> None:
    schema(document, "UpsertNoteBody")["properties"]["author"] = {"type": "string"}


@bump(
    "major",
    'Missing positional argument "author" in call to "SetNoteBody"',
    f"{CHECK}1",
    "new field: SetNoteBody.author",
    breaking=("schema UpsertNoteBody: new required fields: author",),
)
def required_body_field_added(document: Document) -> None:
    body = schema(document, "UpsertNoteBody")
    body["properties"]["author"] = {"type": "string"}
    body["required"].append("author")


@bump(
    "minor",
    says=(
        "added media types of the request body: text/plain",
        "the request body is sent as application/json, not as text/plain",
        NOTHING,
    ),
)
def another_content_type_of_a_body(document: Document) -> None:
    content = document["paths"][f"{GET}/note"]["post"]["requestBody"]["content"]
    content["text/plain"] = {"schema": {"type": "string"}}


@bump(
    "major",
    "document: authentication: header X-API-KEY → header X-KEY → check _auth.py",
    breaking=("authentication: header X-API-KEY → header X-KEY",),
    fits=True,
)
def the_header_of_the_key_renamed(document: Document) -> None:
    document["components"]["securitySchemes"]["polyApiKey"]["name"] = "X-KEY"


@bump(
    "major",
    "get_conversation needs what the facade does not send: cookies, header X-Account → send it in",
    "_data/operations.py no longer type-checks",
    f"{CHECK}2",
    "get_conversation has new parameters, x_account, session",
    breaking=(
        f"GET {GET}: new required header parameters: X-Account",
        f"GET {GET}: new required cookie parameters: session",
    ),
)
def parameters_that_the_facade_does_not_send(document: Document) -> None:
    document["paths"][GET]["get"]["parameters"] = [
        {"name": name, "in": place, "required": True, "schema": {"type": "string"}}
        for name, place in (("X-Account", "header"), ("session", "cookie"))
    ]


@bump(
    "major",
    "set_note needs what the facade does not send: data, header Content-Type → send it in",
    "the media type of the request body changed: application/json → application/x-www-form-url",
    breaking=("application/json → application/x-www-form-urlencoded",),
)
def a_form_instead_of_json(document: Document) -> None:
    content = document["paths"][f"{GET}/note"]["post"]["requestBody"]["content"]
    content["application/x-www-form-urlencoded"] = content.pop("application/json")


@bump(
    "minor",
    'new optional query parameters with a default: client_env = "live" → the server does something',
    "list_conversations has a new parameter, client_env",
    fits=False,
)
def parameter_with_a_default_added(document: Document) -> None:
    document["paths"][LIST]["get"]["parameters"].append(
        {"name": "client_env", "in": "query", "schema": {"type": "string", "default": "live"}}
    )


@bump("minor", says=("webhook ended", NOTHING))
def webhooks_added(document: Document) -> None:
    document["webhooks"] = {"ended": {"post": {"responses": JSON_ANSWER}}}


@bump(
    "major",
    "overlay actions that no longer match: 2",
    "get_conversation is now GET /v2/agents/{}/conversations/{}; it was GET /v1/agents/{}/conv",
    f"{CHECK}1",
    breaking=(f"GET {GET}: removed; it may be GET {GET.replace('v1', 'v2')} now",),
    stale=(2,),
)
def another_operation_of_the_same_name(document: Document) -> None:
    item = document["paths"][GET]
    item["get"]["operationId"] = "get_conversation"
    document["paths"][GET.replace("v1", "v2")] = item
    del document["paths"][GET]


@bump(
    "minor",
    "the spec now says what these overlay actions add: 9 → compare the two",
    "new model: Error",
    says=(
        "in 25 places",
        "Error has 2 of the 6 fields of ErrorEnvelope: to use it instead, give it the class_name",
        f"GET {LIST}: responses that now have a body: 400, 401, 403",
    ),
    stale=(9,),
    fits=True,
)
def bodies_of_errors(document: Document) -> None:
    document["components"]["schemas"]["Error"] = {
        "type": "object",
        "properties": {"error": {"type": "string"}, "error_id": {"type": "string"}},
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for item in document["paths"].values():
        for method in item.keys() & {"get", "post"}:
            for status, response in item[method]["responses"].items():
                if status.startswith("4"):
                    response["content"] = content


@bump("patch", says=("jsonSchemaDialect: none → ", NOTHING))
def the_dialect_of_schemas(document: Document) -> None:
    document["jsonSchemaDialect"] = "https://spec.openapis.org/oas/3.1/dialect/base"


# --- Answers -------------------------------------------------------------------------------------


@bump("minor", "new field: Conversation.sentiment")
def answer_field_added(document: Document) -> None:
    schema(document)["properties"]["sentiment"] = {"type": "number"}


@bump(
    "major",
    "cli/_get.py no longer type-checks",
    "overlay actions that no longer match: 13, 14",
    "the field Conversation.deployment_id was removed",
    "the field ConversationSummary.deployment_id was removed → mention it in CHANGELOG.md; the "
    "name is in facade/polyai_data/cli/_get.py",
    f"{CHECK}2",
    breaking=(
        "schema ConversationSummaryResponse: removed fields: deploymentId",
        "schema ConversationDetailResponse: removed fields: deploymentId",
    ),
    stale=(13, 14),
    fits=True,
)
def answer_field_removed(document: Document) -> None:
    for name in ("ConversationDetailResponse", "ConversationSummaryResponse"):
        del schema(document, name)["properties"]["deploymentId"]


@bump(
    "major",
    "_models/conversations.py no longer type-checks",
    "cli/_get.py no longer type-checks",
    "the field Conversation.from_number was removed",
    f"{CHECK}1",
    "new field: Conversation.caller_number",
    breaking=("removed fields: fromNumber",),
    fits=True,
)
def answer_field_renamed_that_the_facade_reads(document: Document) -> None:
    properties = schema(document)["properties"]
    properties["callerNumber"] = properties.pop("fromNumber")


@bump(
    "major",
    "field types changed: Conversation.account_id from None | str to int | None",
    f"{CHECK}1",
    breaking=("type of accountId: string → integer",),
    fits=True,
)
def answer_field_retyped(document: Document) -> None:
    schema(document)["properties"]["accountId"]["type"] = "integer"


@bump(
    "major",
    f"{CHECK}1",
    breaking=("projectId may now be null",),
    fits=True,
)
def answer_field_made_nullable(document: Document) -> None:
    schema(document)["properties"]["projectId"]["type"] = ["string", "null"]


@bump(
    "major",
    f"{CHECK}1",
    breaking=("schema DebugChatResponse: fields no longer required: response",),
    fits=True,
)
def answer_field_no_longer_required(document: Document) -> None:
    schema(document, "DebugChatResponse")["required"].remove("response")


@bump(
    "patch",
    "field types changed: Conversation.channel from None | str to ConversationChannel | None",
    fits=True,
)
def enum_given_to_an_answer(document: Document) -> None:
    schema(document)["properties"]["channel"]["enum"] = ["VOICE-SIP"]


@bump(
    "minor",
    "AnnotationType has the new value 'other'",
    says=('schema AnnotationItem: annotationType now allows "other"',),
)
def enum_value_added_to_a_request(document: Document) -> None:
    schema(document, "AnnotationItem")["properties"]["annotationType"]["enum"].append("other")


@bump(
    "major",
    "AnnotationType no longer has 'wrong_info' → the facade now rejects it; mention it in "
    "CHANGELOG.md; it is in facade/polyai_data/_data/operations.py, ",
    f"{CHECK}1",
    breaking=('annotationType no longer allows "wrong_info"',),
)
def enum_value_removed_from_a_request(document: Document) -> None:
    schema(document, "AnnotationItem")["properties"]["annotationType"]["enum"].remove("wrong_info")


@bump(
    "minor",
    says=(
        "added media types of response 200: application/xml",
        "it is read as application/json, not as application/xml",
        NOTHING,
    ),
)
def another_content_type_of_an_answer(document: Document) -> None:
    content = document["paths"][GET]["get"]["responses"]["200"]["content"]
    content["application/xml"] = {"schema": {"type": "object"}}


@bump(
    "major",
    "the media type of response 200 changed: audio/wav → audio/mpeg → check what the facade",
    breaking=("the media type of response 200 changed: audio/wav → audio/mpeg",),
    fits=True,
)
def a_recording_of_another_content_type(document: Document) -> None:
    response = document["paths"][f"{GET}/audio"]["get"]["responses"]["200"]
    response["content"] = {"audio/mpeg": {"schema": {"type": "string", "format": "binary"}}}


@bump("minor", "the facade does not wrap the operations export_calls, stream_chat")
def operations_that_answer_with_events_and_xml(document: Document) -> None:
    types = {"streamChat": "text/event-stream", "exportCalls": "application/xml"}
    for operation_id, media_type in types.items():
        document["paths"][f"/v1/agents/{{agentId}}/{operation_id}"] = {
            "parameters": AGENT,
            "get": {
                "operationId": operation_id,
                "responses": {"200": {"description": "x", "content": {media_type: {}}}},
            },
        }


# --- Servers -------------------------------------------------------------------------------------


@bump(
    "minor",
    "new server: https://api.ca.poly.ai → add its region to Region in _regions.py",
    says=("added    servers: https://api.ca.poly.ai",),
    fits=True,
)
def server_added(document: Document) -> None:
    document["servers"].append({"url": "https://api.ca.poly.ai"})


@bump("minor", "new server: https://api.example.com → WARNING, the API key", fits=True)
def server_of_somebody_else_added(document: Document) -> None:
    document["servers"].append({"url": "https://api.example.com"})


@bump(
    "major",
    "the server https://api.studio.poly.ai was removed → its region is now rejected",
    f"{CHECK}1",
    breaking=("https://api.studio.poly.ai",),
    fits=True,
)
def server_removed(document: Document) -> None:
    del document["servers"][-1]


@bump(
    "major",
    *["was removed → its region is now rejected"] * 4,
    f"{CHECK}4",
    breaking=("https://api.",) * 4,
    fits=True,
)
def every_server_removed(document: Document) -> None:
    del document["servers"]


@bump(
    "major",
    f"{CHECK}4",
    "get_recording is served from https://media.us.poly.ai, https://media.eu.poly.ai, https",
    breaking=(f"https://api.us.poly.ai of GET {GET}/audio",) + ("https://api.",) * 3,
    fits=True,
)
def servers_at_a_path(document: Document) -> None:
    document["paths"][f"{GET}/audio"]["servers"] = [
        {"url": f"https://media.{region}.poly.ai"} for region in ("us", "eu", "uk", "studio")
    ]


@bump(
    "major",
    f"{CHECK}4",
    "get_recording is served from https://media.example.com → WARNING, the API key",
    breaking=("https://api.",) * 4,
    fits=True,
)
def servers_at_an_operation(document: Document) -> None:
    document["paths"][f"{GET}/audio"]["get"]["servers"] = [{"url": "https://media.example.com"}]


@bump("patch", says=(": 1 change, none breaking.", NOTHING))
def servers_with_a_variable(document: Document) -> None:
    regions = ["us", "eu", "uk", "studio"]
    document["servers"] = [
        {
            "url": "https://api.{region}.poly.ai",
            "variables": {"region": {"default": "us", "enum": regions}},
        }
    ]


# --- Schemas -------------------------------------------------------------------------------------

OF_DETAIL = (11, 12, 13, 14, 15, 16, 18, 19, 20, 21)
"""The actions of the overlay that name the schema ConversationDetailResponse."""


@bump(
    "patch",
    "the model Conversation was removed; CallDetail has all its fields → give",
    "_models/conversations.py no longer type-checks",
    "overlay actions that no longer match: 11, 12, 13, 14, 15, 16, 18, 19, 20, 21",
    "field types changed: ",
    says=("'CallDetail' has 29 of its 29 fields",),
    stale=OF_DETAIL,
)
def schema_renamed(document: Document) -> None:
    rename_schema(document, "ConversationDetailResponse", "CallDetail")


@bump(
    "major",
    "the model Conversation was removed; CallDetail has 28 of its 29 fields",
    "_models/conversations.py no longer type-checks",
    "overlay actions that no longer match: 11, 12, 13, 14, 15, 16, 18, 19, 20, 21",
    "field types changed: ",
    f"{CHECK}1",
    says=("'CallDetail' has 28 of its 29 fields", "renamed: ConversationDetailResponse → CallDet"),
    breaking=("schema CallDetail: removed fields: toNumber",),
    stale=OF_DETAIL,
)
def schema_renamed_and_changed(document: Document) -> None:
    del schema(document)["properties"]["toNumber"]
    rename_schema(document, "ConversationDetailResponse", "CallDetail")


@bump(
    "patch",
    "the model SetNoteBody was removed; Note has all its fields",
    "_data/operations.py no longer type-checks",
    fits=False,
)
def schema_renamed_that_the_overlay_does_not_name(document: Document) -> None:
    rename_schema(document, "UpsertNoteBody", "Note")


@bump("minor", "new field: Conversation.main_tag")
def references_in_a_chain(document: Document) -> None:
    schemas = document["components"]["schemas"]
    schemas["Tag"] = {"$ref": "#/components/schemas/Label"}
    schemas["Label"] = {"type": "string"}
    schema(document)["properties"]["mainTag"] = {"$ref": "#/components/schemas/Tag"}


@bump("minor", "new field: Conversation.link", "new model: CallLink")
def a_schema_that_holds_itself(document: Document) -> None:
    reference = {"$ref": "#/components/schemas/CallLink"}
    document["components"]["schemas"]["CallLink"] = {
        "type": "object",
        "properties": {"next": reference, "all": {"type": "array", "items": reference}},
    }
    schema(document)["properties"]["link"] = reference


@bump(
    "minor",
    "new fields: Conversation.cost, Conversation.price",
    "new model: ConversationCostType0",
    "new model: ConversationPriceType0",
)
def the_same_title_twice(document: Document) -> None:
    for name in ("cost", "price"):
        schema(document)["properties"][name] = {
            "title": "Money",
            "type": "object",
            "properties": {f"{name}InCents": {"type": "integer"}},
        }


@bump(
    "minor",
    "/_models/conversations.py no longer type-checks",
    "the spec now says what these overlay actions add: 22",
    "the fields Turn.user_input_datetime, Turn.user_input_dtmf, Turn.",
    "field types changed: ",
    says=("adds the schema Turn, which the spec now defines",),
    stale=(22,),
    fits=True,
)
def a_schema_that_the_overlay_adds(document: Document) -> None:
    document["components"]["schemas"]["Turn"] = {
        "type": "object",
        "properties": {"turnId": {"type": "integer"}, "userInput": {"type": "string"}},
    }


@bump(
    "major",
    f"{CHECK}1",
    says=('modified document: openapi: "3.1.0" → "3.0.3"',),
    breaking=("projectId may now be null",),
    fits=True,
)
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


def as_pages(document: Document, name: str = "api-reference/data/openapi.json") -> list[str]:
    pages = []
    for path, item in document["paths"].items():
        for method in ("get", "post"):
            if method in item:
                only = {key: item[key] for key in ("parameters", method) if key in item}
                fragment = as_yaml({**document, "paths": {path: only}})[0]
                pages.append(
                    f"# {path}\n\n````yaml {name} {method.upper()} {path}\n{fragment}````\n"
                )
    return pages


@bump("minor", "new field: Conversation.sentiment", write=as_yaml)
def yaml_instead_of_json(document: Document) -> None:
    schema(document)["properties"]["sentiment"] = {"type": "number"}


@bump("minor", "new field: Conversation.sentiment", write=as_pages)
def pages_instead_of_a_document(document: Document) -> None:
    schema(document)["properties"]["sentiment"] = {"type": "number"}


@bump("none", says=("Data API 1.0.9: no changes.", NOTHING), write=as_pages)
def pages_of_the_document_itself(document: Document) -> None:
    document["info"]["version"] = "1.0.9"


# --- What is refused -----------------------------------------------------------------------------


@frozen
class Refusal:
    """What must not be taken in, and what must be said of it.

    Attributes:
        name: What is wrong with it.
        make: Returns what to vendor, a content of a file or several, for the document.
        told: Parts of the message.
    """

    name: str
    make: Callable[[Document], str | bytes | list[str]] = field(repr=False)
    told: tuple[str, ...]

    @property
    def sources(self) -> list[str | bytes]:
        """What to vendor: contents of files."""
        made = self.make(original())
        return [*made] if isinstance(made, list) else [made]


REFUSALS: list[Refusal] = []


def refused(*told: str) -> Callable[[Callable[[Document], str | bytes | list[str]]], None]:
    """Register what a function gives to be vendored, made from the document."""

    def register(make: Callable[[Document], str | bytes | list[str]]) -> None:
        REFUSALS.append(Refusal(make.__name__.replace("_", " "), make, told))

    return register


@refused("is an HTML or XML page")
def html(_: Document) -> str:
    return "<!doctype html>\n<html></html>"


@refused("is empty")
def an_empty_file(_: Document) -> str:
    return ""


@refused("is not valid UTF-8 (byte 80)")
def invalid_utf_8(document: Document) -> bytes:
    content = json.dumps(document).encode()
    return content[:80] + b"\xff" + content[80:]


@refused("is not valid JSON", "it seems to be truncated")
def json_cut_off(document: Document) -> str:
    return json.dumps(document)[:-5]


@refused("has the key 'openapi' twice in one object")
def a_key_twice(document: Document) -> str:
    return '{"openapi": "3.1.0", ' + json.dumps(document)[1:]


@refused("contains NaN, which is not valid JSON")
def not_a_number(document: Document) -> str:
    schema(document)["properties"]["duration"]["maximum"] = float("nan")
    return json.dumps(document)


@refused("contains aliases that expand without limit")
def yaml_that_grows(_: Document) -> str:
    lines = ["openapi: 3.1.0", "a0: &a0 [x, x]"]
    return "\n".join([*lines, *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))])


@refused("is neither JSON nor YAML", "line 3, column 1")
def no_yaml(_: Document) -> str:
    return "openapi: 3.1.0\ninfo: [\n"


@refused("is Swagger 2.0; convert it to OpenAPI 3")
def swagger(document: Document) -> str:
    del document["openapi"]
    return json.dumps({"swagger": "2.0", **document})


@refused("is OpenAPI 3.2.0; only 3.0 and 3.1 are supported")
def openapi_3_2(document: Document) -> str:
    return json.dumps({**document, "openapi": "3.2.0"})


@refused("is not an OpenAPI spec: it has no 'openapi' key (found: error)")
def another_json(_: Document) -> str:
    return '{"error": "not found"}'


@refused("#/info: The field `version` must be present")
def no_version(document: Document) -> str:
    del document["info"]["version"]
    return json.dumps(document)


@refused("#/info/version")
def a_version_that_is_a_number(document: Document) -> str:
    document["info"]["version"] = 1
    return json.dumps(document)


@refused("#/paths: Expected type `Paths`")
def paths_that_are_a_list(document: Document) -> str:
    return json.dumps({**document, "paths": []})


@refused("does not define the path parameter `{agentId}`")
def a_path_parameter_that_is_missing(document: Document) -> str:
    del document["paths"][LIST]["parameters"]
    return json.dumps(document)


@refused("Every operation must have a unique `operationId`")
def an_operation_id_twice(document: Document) -> str:
    for path in (LIST, GET):
        document["paths"][path]["get"]["operationId"] = "same"
    return json.dumps(document)


@refused("Can't resolve $ref")
def a_reference_to_nothing(document: Document) -> str:
    return json.dumps(document).replace("/schemas/DebugChatResponse", "/schemas/Gone", 1)


@refused("It references another file (common.json#/Page): bundle it")
def a_reference_to_another_file(document: Document) -> str:
    schema(document)["properties"]["page"] = {"$ref": "common.json#/Page"}
    return json.dumps(document)


@refused("Circular $ref: #/components/schemas/A → #/components/schemas/B → ")
def references_in_a_circle(document: Document) -> str:
    for name, other in (("A", "B"), ("B", "A")):
        document["components"]["schemas"][name] = {"$ref": f"#/components/schemas/{other}"}
    schema(document)["properties"]["a"] = {"$ref": "#/components/schemas/A"}
    return json.dumps(document)


@refused(
    "Two pages contradict each other at info → version",
    'page1.md: "1.0.9"\n',
    'page2.md: "2.0.0"\n',
)
def pages_that_contradict_each_other(document: Document) -> list[str]:
    first, second, *_ = as_pages(document)
    return [first, second.replace("version: 1.0.9", "version: 2.0.0")]


@refused("These pages belong to different specs", "page1.md of data.json", "page2.md of chat.json")
def pages_of_two_documents(document: Document) -> list[str]:
    return [as_pages(document, "data.json")[0], as_pages(document, "chat.json")[1]]


@refused("page2.md: is truncated: its OpenAPI fragment is not closed")
def a_page_cut_off(document: Document) -> list[str]:
    first, second, *_ = as_pages(document)
    return [first, second.removesuffix("````\n")]


@refused(
    "These pages do not have 6 of the vendored operations, which would be removed: GET /v1/agents/"
    "{agentId}/conversations/{conversationId}, POST",
    "To merge the pages into the vendored spec, add MERGE=ok.",
)
def a_page_instead_of_a_document(document: Document) -> list[str]:
    return as_pages(document)[:1]


@refused("page2.md: contains no OpenAPI fragment")
def a_page_beside_a_document(document: Document) -> list[str]:
    return [as_pages(document)[0], json.dumps(document)]

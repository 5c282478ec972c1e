"""The HTTP layer: authentication, errors, validation, paths, writes and faults."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from polyai_data.sandbox import Fault, create_app

AGENT = "/v1/agents/PROJECT-DEMO"
CONVERSATIONS = f"{AGENT}/conversations"
CORRELATION_ID = "X-PolyAI-Correlation-Id"


def nth_url(client: httpx.Client, index: int) -> str:
    """Return the path of a conversation; index 0 is the newest."""
    page = client.get(CONVERSATIONS, params={"offset": index, "limit": 1}).json()
    return f"{CONVERSATIONS}/{page['conversations'][0]['conversationId']}"


def status_and_code(response: Any) -> tuple[int, str]:
    """Return the status and error code of a response after checking its envelope."""
    body = response.json()
    assert body == {
        "success": False,
        "error": body["error_message"],
        "error_id": response.headers[CORRELATION_ID],
        "error_code": body["error_code"],
        "error_message": body["error_message"],
        "data": None,
    }
    assert response.headers["content-type"] == "application/json"
    return response.status_code, body["error_code"]


@pytest.mark.parametrize(
    ("key", "agent", "expected"),
    [
        (None, "PROJECT-DEMO", (401, "AUTH_USER_NOT_FOUND")),
        ("", "PROJECT-DEMO", (401, "AUTH_USER_NOT_FOUND")),
        ("wrong", "PROJECT-DEMO", (401, "AUTH_USER_INVALID_TOKEN")),
        ("sandbox", "PROJECT-X", (403, "ACCOUNT_INSUFFICIENT_PERMISSIONS")),
        ("wrong", "PROJECT-X", (401, "AUTH_USER_INVALID_TOKEN")),
    ],
)
def test_access(
    connect: Callable[..., httpx.Client], key: str, agent: str, expected: tuple[int, str]
) -> None:
    """Requests need the right API key, which gives access to one agent."""
    response = connect(key=key).get(f"/v1/agents/{agent}/conversations")
    assert status_and_code(response) == expected


def test_own_key_and_agent(connect: Callable[..., httpx.Client]) -> None:
    """The key and the agent ID can be set, even to an ID with a slash."""
    client = connect(key="k2", api_key="k2", agent_id="a/b c")
    response = client.get("/v1/agents/a%2Fb%20c/conversations")
    assert response.json()["conversations"][0]["projectId"] == "a/b c"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "conversations"),
        ("GET", "conversations/x"),
        ("GET", "conversations/x/audio"),
        ("POST", "conversations/x/annotation"),
        ("POST", "conversations/x/note"),
        ("POST", "debug-chat"),
        ("POST", "debug-chat/x"),
    ],
)
def test_methods(api: httpx.Client, method: str, path: str) -> None:
    """Each path allows one method and says which. It always needs a key."""
    for other in {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"} - {method}:
        response = api.request(other, f"{AGENT}/{path}")
        assert (response.status_code, response.headers["allow"]) == (405, method)
    assert api.request(method, f"{AGENT}/{path}", headers={"X-API-KEY": ""}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/v1/agents", f"{AGENT}/nothing", f"{CONVERSATIONS}/x/y", f"{AGENT}/debug-chat/"]
)
def test_unknown_path(api: httpx.Client, path: str) -> None:
    """Other paths are not found."""
    assert api.post(path, json={"clientEnv": "live"}).status_code == 404


def test_correlation_id(api: httpx.Client) -> None:
    """A response has the client's correlation ID if that is valid, or else a new one."""
    for path, sent in ((CONVERSATIONS, "mine 1"), ("/nowhere", "x" * 200)):
        assert api.get(path, headers={CORRELATION_ID: sent}).headers[CORRELATION_ID] == sent
    for invalid in (b"x" * 201, b"caf\xe9", b"tab\there", b""):
        response = api.get(CONVERSATIONS, headers={CORRELATION_ID.encode(): invalid})
        assert UUID(response.headers[CORRELATION_ID]).version == 4
    first, second = (api.get(CONVERSATIONS).headers[CORRELATION_ID] for _ in range(2))
    assert first != second


def test_compact_utf8(api: httpx.Client) -> None:
    """Bodies are compact JSON in UTF-8."""
    response = api.get(CONVERSATIONS)
    assert "京都駅".encode() in response.content
    text = json.dumps(response.json(), ensure_ascii=False, separators=(",", ":"))
    assert response.content == text.encode()


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("", "limit=0", "limit"),
        ("", "limit=-1", "limit"),
        ("", "limit=ten", "limit"),
        ("", "limit=", "limit"),
        ("", "limit=1_0", "limit"),
        ("", "limit=%EF%BC%91", "limit"),
        ("", "limit=" + "9" * 5000, "limit"),
        ("", "limit=1&limit=2", "limit"),
        ("", "offset=-1", "offset"),
        ("", "offset=1.5", "offset"),
        ("/audio", "direction=caller", "direction"),
        ("/audio", "direction=", "direction"),
        ("/audio", "redacted=yes", "redacted"),
        ("/audio", "redacted=True", "redacted"),
    ],
)
def test_bad_query(api: httpx.Client, path: str, query: str, field: str) -> None:
    """The error for an invalid query names the field."""
    url = (nth_url(api, 1) if path else CONVERSATIONS) + path
    response = api.get(f"{url}?{query}")
    assert status_and_code(response) == (400, "SCHEMA_VALIDATION_FAILED")
    assert response.json()["error"].startswith(f"{field}: ")


GOOD = {"turnId": 0, "role": "user", "annotationType": "missing_topic"}
BAD_ANNOTATIONS = [
    ({}, "annotations"),
    ({"annotations": {}}, "annotations"),
    ({"annotations": []}, "annotations"),
    ({"annotations": ["x"]}, "annotations[0]"),
    ({"annotations": [GOOD, {**GOOD, "turnId": -1}]}, "annotations[1].turnId"),
    ({"annotations": [{**GOOD, "turnId": 8}]}, "annotations[0].turnId"),
    ({"annotations": [{**GOOD, "turnId": True}]}, "annotations[0].turnId"),
    ({"annotations": [{**GOOD, "turnId": 0.5}]}, "annotations[0].turnId"),
    ({"annotations": [{**GOOD, "turnId": "0"}]}, "annotations[0].turnId"),
    ({"annotations": [{**GOOD, "role": "caller"}]}, "annotations[0].role"),
    ({"annotations": [{**GOOD, "role": ["user"]}]}, "annotations[0].role"),
    ({"annotations": [{"turnId": 0, "role": "user"}]}, "annotations[0].annotationType"),
]
BAD_CHATS = [
    ({}, "clientEnv"),
    ({"clientEnv": None}, "clientEnv"),
    *(
        ({"clientEnv": "live", name: 1}, name)
        for name in ("asrLangCode", "ttsLangCode", "conversationId", "variantId", "channel")
    ),
    ({"clientEnv": "live", "integrationAttributes": []}, "integrationAttributes"),
]
BAD_MESSAGES = [
    ({}, "clientEnv"),
    ({"clientEnv": "live", "asrLangCode": {}}, "asrLangCode"),
    ({"clientEnv": "live", "message": None}, "message"),
    ({"clientEnv": "live", "metadata": "x"}, "metadata"),
]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        *(("annotation", *case) for case in BAD_ANNOTATIONS),
        ("note", {}, "note"),
        ("note", {"note": 5}, "note"),
        *(("debug-chat", *case) for case in BAD_CHATS),
        *(("debug-chat/x", *case) for case in BAD_MESSAGES),
    ],
)
def test_bad_body(api: httpx.Client, path: str, body: Any, field: str) -> None:
    """The error for an invalid body names the field."""
    url = f"{AGENT}/{path}" if "chat" in path else f"{nth_url(api, 1)}/{path}"
    response = api.post(url, json=body)
    assert status_and_code(response) == (400, "SCHEMA_VALIDATION_FAILED")
    assert response.json()["error"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'"note"', b"null", b'{"note": NaN}', b'{"note": "x", "more": 1e999}'),
        *(b'{"note": "\\ud800"}', b'{"note": "\xff"}', b"[" * 100_000, b"9" * 5000),
    ],
)
def test_body_is_not_a_json_object(api: httpx.Client, content: bytes) -> None:
    """A body must be a JSON object."""
    response = api.post(f"{nth_url(api, 1)}/note", content=content)
    assert status_and_code(response) == (400, "SCHEMA_VALIDATION_FAILED")
    assert response.json()["error"].startswith("body: ")


def test_unknown_conversation(api: httpx.Client) -> None:
    """Every operation reports an unknown ID as not found."""
    url = f"{CONVERSATIONS}/CA{'0' * 32}"
    for response in (
        api.get(url),
        api.get(f"{url}/audio"),
        api.post(f"{url}/annotation", json={"annotations": [GOOD]}),
        api.post(f"{url}/note", json={"note": "x"}),
        api.post(f"{AGENT}/debug-chat/x", json={"clientEnv": "live"}),
    ):
        assert status_and_code(response) == (404, "CONVERSATIONS_NOT_FOUND")
        assert response.json()["error"] == "Conversation ID does not exist."


def test_note(api: httpx.Client) -> None:
    """A note is in the list and in the detail, and the next note replaces it."""
    url = nth_url(api, 3)
    assert api.get(url).json()["note"] == "Asked to be called back."
    for note in ("第一", "second", ""):
        response = api.post(f"{url}/note", json={"note": note})
        assert (response.status_code, response.json()) == (201, {"success": True})
        assert api.get(url).json()["note"] == note
        listed = api.get(CONVERSATIONS).json()["conversations"]
        assert [one["note"] for one in listed[2:5]] == [None, note, None]


def test_annotations(api: httpx.Client) -> None:
    """Annotations are added to the reviews of their turns."""
    url = nth_url(api, 1)
    wrong = {"turnId": 2.0, "role": "agent", "annotationType": "wrong_info"}
    for annotations in ([GOOD, wrong], [wrong]):
        response = api.post(f"{url}/annotation", json={"annotations": annotations})
        assert (response.status_code, response.json()) == (201, {"success": True})
    for _ in range(2):  # reading does not change anything
        reviews = [turn["reviews"] for turn in api.get(url).json()["turns"]]
        review = {"role": "agent", "annotation_type": "wrong_info"}
        assert reviews[0] == [{"role": "user", "annotation_type": "missing_topic"}]
        assert reviews[2] == [review, review]
        assert reviews.count([]) == len(reviews) - 2


def test_annotations_all_or_none(api: httpx.Client) -> None:
    """If one annotation is invalid, none is stored."""
    url = nth_url(api, 1)
    body = {"annotations": [GOOD, {**GOOD, "turnId": 99}]}
    assert api.post(f"{url}/annotation", json=body).status_code == 400
    assert not any(turn["reviews"] for turn in api.get(url).json()["turns"])


def test_no_turn_to_annotate(api: httpx.Client) -> None:
    """Without a transcript, there is no turn to annotate."""
    url = nth_url(api, 9)
    assert api.get(url).json()["turns"] == []
    response = api.post(f"{url}/annotation", json={"annotations": [GOOD]})
    assert status_and_code(response) == (400, "SCHEMA_VALIDATION_FAILED")


def test_ids_are_one_segment(api: httpx.Client) -> None:
    """IDs are decoded after the path is split, so they may contain any character."""
    chat_id = "a/b?c#d %2F\n日本"
    body = {"clientEnv": "live", "conversationId": chat_id}
    assert api.post(f"{AGENT}/debug-chat", json=body).status_code == 201
    quoted = "a%2Fb%3Fc%23d%20%252F%0A%E6%97%A5%E6%9C%AC"
    assert api.get(f"{CONVERSATIONS}/{quoted}").json()["conversationId"] == chat_id
    assert api.get(f"{CONVERSATIONS}/a/b").status_code == 404


def test_server_without_raw_path() -> None:
    """Some servers provide only the decoded path, which works for most IDs."""
    app = create_app()

    async def drop_raw_path(scope: Any, receive: Any, send: Any) -> None:
        del scope["raw_path"]
        await app(scope, receive, send)

    async def get(path: str) -> int:
        transport = httpx.ASGITransport(drop_raw_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            return (await client.get(path, headers={"X-API-KEY": "sandbox"})).status_code

    assert asyncio.run(get(CONVERSATIONS)) == 200
    assert asyncio.run(get(f"{CONVERSATIONS}/%252F")) == 404


def test_faults(connect: Callable[..., httpx.Client]) -> None:
    """A fault replaces the response, even for requests with an invalid key."""
    client = connect(
        faults=[
            Fault(path="*/conversations", nth=2, status=429, headers={"Retry-After": "3"}),
            Fault(path="*/a b", status=500, body={"error": "日本"}),
            Fault(path="*/html", body=" <html>"),
            Fault(path="*/text", status=503, body="né"),
            Fault(path="*/bytes", body=b"\xff\x00", headers={"Content-Type": "audio/wav"}),
        ]
    )
    statuses = [client.get(CONVERSATIONS).status_code for _ in range(3)]
    assert statuses == [200, 429, 200]
    response = client.post(f"{CONVERSATIONS}/a%20b", headers={"X-API-KEY": "wrong"})
    assert (response.status_code, response.json()) == (500, {"error": "日本"})
    assert response.headers["content-type"] == "application/json"
    assert CORRELATION_ID not in response.headers
    for name, status, kind, content in (
        ("html", 502, "text/html; charset=utf-8", b" <html>"),
        ("text", 503, "text/plain; charset=utf-8", "né".encode()),
        ("bytes", 502, "audio/wav", b"\xff\x00"),
    ):
        response = client.get(f"{CONVERSATIONS}/{name}")
        assert (response.status_code, response.headers["content-type"]) == (status, kind)
        assert response.content == content


def test_fault_headers(connect: Callable[..., httpx.Client]) -> None:
    """A fault sends the given headers."""
    client = connect(faults=[Fault(status=429, headers={"Retry-After": "3"})])
    response = client.get("/")
    assert (response.headers["retry-after"], response.content) == ("3", b"")
    assert "content-type" not in response.headers


def test_faults_count_separately(connect: Callable[..., httpx.Client]) -> None:
    """Each fault counts its matching requests, including those that another fault handles."""
    faults = [Fault(nth=1, status=500), Fault(nth=2, status=503), Fault(nth=2, status=504)]
    client = connect(faults=iter(faults))
    assert [client.get(CONVERSATIONS).status_code for _ in range(3)] == [500, 503, 200]
    again = connect(faults=faults)
    assert again.get(CONVERSATIONS).status_code == 500


@pytest.mark.parametrize(
    ("options", "named"),
    [
        *(({"status": status}, "status") for status in (0, 199, 600)),
        *(({"nth": nth}, "nth") for nth in (0, -1)),
        ({"body": 5}, "body"),
    ],
)
def test_fault_options(options: dict[str, Any], named: str) -> None:
    """Invalid options of a fault raise `ValueError`."""
    with pytest.raises(ValueError, match=named):
        Fault(**options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        *(({"api_key": key}, "api_key") for key in ("", " x", "x\n", "é")),
        ({"agent_id": ""}, "agent_id"),
        *(({"conversations": count}, "conversations") for count in (-1, 10**9 + 1)),
        ({"max_page_size": 0}, "max_page_size"),
        *(({"recording_bytes": size}, "recording_bytes") for size in (43, 2**32 + 8)),
    ],
)
def test_app_options(options: dict[str, Any], named: str) -> None:
    """The error for an invalid option names it."""
    with pytest.raises(ValueError, match=f"^{named} must"):
        create_app(**options)

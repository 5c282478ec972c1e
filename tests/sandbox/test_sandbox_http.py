"""The HTTP side: authentication, errors, validation, paths, writes and faults."""

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
CORRELATION = "X-PolyAI-Correlation-Id"


def nth_url(client: httpx.Client, k: int) -> str:
    """Return the path of a conversation, 0 being the newest."""
    page = client.get(CONVERSATIONS, params={"offset": k, "limit": 1}).json()
    return f"{CONVERSATIONS}/{page['conversations'][0]['conversationId']}"


def outcome(answer: Any) -> tuple[int, str]:
    """Return the status and the code of an error answer, after a check of its envelope."""
    body = answer.json()
    assert body == {
        "success": False,
        "error": body["error_message"],
        "error_id": answer.headers[CORRELATION],
        "error_code": body["error_code"],
        "error_message": body["error_message"],
        "data": None,
    }
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, body["error_code"]


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
    """A key is needed, it must be the right one, and it opens one agent."""
    answer = connect(key=key).get(f"/v1/agents/{agent}/conversations")
    assert outcome(answer) == expected


def test_own_key_and_agent(connect: Callable[..., httpx.Client]) -> None:
    """The key and the agent can be chosen, an agent with a slash too."""
    client = connect(key="k2", api_key="k2", agent_id="a/b c")
    answer = client.get("/v1/agents/a%2Fb%20c/conversations")
    assert answer.json()["conversations"][0]["projectId"] == "a/b c"


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
    """Each path has one method, and says so; it never answers without a key."""
    for other in {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"} - {method}:
        answer = api.request(other, f"{AGENT}/{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, method)
    assert api.request(method, f"{AGENT}/{path}", headers={"X-API-KEY": ""}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/v1/agents", f"{AGENT}/nothing", f"{CONVERSATIONS}/x/y", f"{AGENT}/debug-chat/"]
)
def test_unknown_path(api: httpx.Client, path: str) -> None:
    """Other paths are not found."""
    assert api.post(path, json={"clientEnv": "live"}).status_code == 404


def test_correlation_id(api: httpx.Client) -> None:
    """An answer carries the client's correlation ID if that is sane, else a new one."""
    for path, sent in ((CONVERSATIONS, "mine 1"), ("/nowhere", "x" * 200)):
        assert api.get(path, headers={CORRELATION: sent}).headers[CORRELATION] == sent
    for odd in (b"x" * 201, b"caf\xe9", b"tab\there", b""):
        answer = api.get(CONVERSATIONS, headers={CORRELATION.encode(): odd})
        assert UUID(answer.headers[CORRELATION]).version == 4
    first, second = (api.get(CONVERSATIONS).headers[CORRELATION] for _ in range(2))
    assert first != second


def test_compact_utf8(api: httpx.Client) -> None:
    """Bodies are compact JSON in UTF-8."""
    answer = api.get(CONVERSATIONS)
    assert "京都駅".encode() in answer.content
    text = json.dumps(answer.json(), ensure_ascii=False, separators=(",", ":"))
    assert answer.content == text.encode()


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
    """A query that the schema does not allow is refused with the name of the field."""
    url = (nth_url(api, 1) if path else CONVERSATIONS) + path
    answer = api.get(f"{url}?{query}")
    assert outcome(answer) == (400, "SCHEMA_VALIDATION_FAILED")
    assert answer.json()["error"].startswith(f"{field}: ")


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
    """A body that the schema does not allow is refused with the name of the field."""
    url = f"{AGENT}/{path}" if "chat" in path else f"{nth_url(api, 1)}/{path}"
    answer = api.post(url, json=body)
    assert outcome(answer) == (400, "SCHEMA_VALIDATION_FAILED")
    assert answer.json()["error"].startswith(f"{field}: ")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'"note"', b"null", b'{"note": NaN}', b'{"note": "x", "more": 1e999}'),
        *(b'{"note": "\\ud800"}', b'{"note": "\xff"}', b"[" * 100_000, b"9" * 5000),
    ],
)
def test_body_is_no_json_object(api: httpx.Client, content: bytes) -> None:
    """A body must be a JSON object."""
    answer = api.post(f"{nth_url(api, 1)}/note", content=content)
    assert outcome(answer) == (400, "SCHEMA_VALIDATION_FAILED")
    assert answer.json()["error"].startswith("body: ")


def test_unknown_conversation(api: httpx.Client) -> None:
    """An ID that does not exist is not found, whatever is asked about it."""
    url = f"{CONVERSATIONS}/CA{'0' * 32}"
    for answer in (
        api.get(url),
        api.get(f"{url}/audio"),
        api.post(f"{url}/annotation", json={"annotations": [GOOD]}),
        api.post(f"{url}/note", json={"note": "x"}),
        api.post(f"{AGENT}/debug-chat/x", json={"clientEnv": "live"}),
    ):
        assert outcome(answer) == (404, "CONVERSATIONS_NOT_FOUND")
        assert answer.json()["error"] == "Conversation ID does not exist."


def test_note(api: httpx.Client) -> None:
    """A note shows in the list and in the detail, and the next one replaces it."""
    url = nth_url(api, 3)
    assert api.get(url).json()["note"] == "Asked to be called back."
    for note in ("第一", "second", ""):
        answer = api.post(f"{url}/note", json={"note": note})
        assert (answer.status_code, answer.json()) == (201, {"success": True})
        assert api.get(url).json()["note"] == note
        listed = api.get(CONVERSATIONS).json()["conversations"]
        assert [one["note"] for one in listed[2:5]] == [None, note, None]


def test_annotations(api: httpx.Client) -> None:
    """Annotations gather in the reviews of the turns that they are about."""
    url = nth_url(api, 1)
    wrong = {"turnId": 2.0, "role": "agent", "annotationType": "wrong_info"}
    for annotations in ([GOOD, wrong], [wrong]):
        answer = api.post(f"{url}/annotation", json={"annotations": annotations})
        assert (answer.status_code, answer.json()) == (201, {"success": True})
    for _ in range(2):  # reading changes nothing
        reviews = [turn["reviews"] for turn in api.get(url).json()["turns"]]
        review = {"role": "agent", "annotation_type": "wrong_info"}
        assert reviews[0] == [{"role": "user", "annotation_type": "missing_topic"}]
        assert reviews[2] == [review, review]
        assert reviews.count([]) == len(reviews) - 2


def test_annotations_all_or_none(api: httpx.Client) -> None:
    """If one annotation is refused, none is stored."""
    url = nth_url(api, 1)
    body = {"annotations": [GOOD, {**GOOD, "turnId": 99}]}
    assert api.post(f"{url}/annotation", json=body).status_code == 400
    assert not any(turn["reviews"] for turn in api.get(url).json()["turns"])


def test_no_turn_to_annotate(api: httpx.Client) -> None:
    """Where the transcript is switched off there is no turn to annotate."""
    url = nth_url(api, 9)
    assert api.get(url).json()["turns"] == []
    answer = api.post(f"{url}/annotation", json={"annotations": [GOOD]})
    assert outcome(answer) == (400, "SCHEMA_VALIDATION_FAILED")


def test_ids_are_one_segment(api: httpx.Client) -> None:
    """An ID is decoded after the path has been split, so it may contain anything."""
    chat_id = "a/b?c#d %2F\n日本"
    body = {"clientEnv": "live", "conversationId": chat_id}
    assert api.post(f"{AGENT}/debug-chat", json=body).status_code == 201
    quoted = "a%2Fb%3Fc%23d%20%252F%0A%E6%97%A5%E6%9C%AC"
    assert api.get(f"{CONVERSATIONS}/{quoted}").json()["conversationId"] == chat_id
    assert api.get(f"{CONVERSATIONS}/a/b").status_code == 404


def test_server_without_raw_path() -> None:
    """Servers need not hand over the path as it came; it is good enough decoded for most IDs."""
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
    """A fault answers in place of the API, to requests without a key too."""
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
    answer = client.post(f"{CONVERSATIONS}/a%20b", headers={"X-API-KEY": "wrong"})
    assert (answer.status_code, answer.json()) == (500, {"error": "日本"})
    assert answer.headers["content-type"] == "application/json"
    assert CORRELATION not in answer.headers
    for name, status, kind, content in (
        ("html", 502, "text/html; charset=utf-8", b" <html>"),
        ("text", 503, "text/plain; charset=utf-8", "né".encode()),
        ("bytes", 502, "audio/wav", b"\xff\x00"),
    ):
        answer = client.get(f"{CONVERSATIONS}/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
        assert answer.content == content


def test_fault_headers(connect: Callable[..., httpx.Client]) -> None:
    """A fault sends the headers that it is given."""
    client = connect(faults=[Fault(status=429, headers={"Retry-After": "3"})])
    answer = client.get("/")
    assert (answer.headers["retry-after"], answer.content) == ("3", b"")
    assert "content-type" not in answer.headers


def test_faults_count_apart(connect: Callable[..., httpx.Client]) -> None:
    """Each fault counts the requests that match it, also those that another one answers."""
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
    """A fault that makes no sense is refused."""
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
    """An option out of range is refused by name."""
    with pytest.raises(ValueError, match=f"^{named} must"):
        create_app(**options)

"""What is sent: paths, headers and timeouts. Invalid arguments send nothing."""

from __future__ import annotations

import copy
import json
import operator
import pickle
import re
import unicodedata
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from polyai_data import APIStatusError, ConfigurationError, PolyAIError, __version__
from polyai_data._http.request import RequestURL
from polyai_data_generated.api.operations import get_conversation

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

VALID_IDS = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
    | st.text("/\\?#%.&=+;:@ é𝔘{}", min_size=1, max_size=12)
).filter(lambda text: text not in (".", ".."))

CONTROLS = [chr(n) for n in range(0x100) if unicodedata.category(chr(n)) == "Cc"]
LONE_SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]


@given(agent_id=VALID_IDS, conversation_id=VALID_IDS)
@example(agent_id="../..", conversation_id="./.")
@example(agent_id="%2e%2e", conversation_id="%2F")
@example(agent_id="@evil.example", conversation_id="//evil.example/")
@example(agent_id="{conversation_id}", conversation_id="{agent_id}")
@example(agent_id="a" * 2000, conversation_id="ü" * 2000)
def test_a_valid_id_arrives_as_one_segment_that_unquotes_to_it(
    call: Caller, agent_id: str, conversation_id: str
) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"conversationId": conversation_id})

    call(answer, lambda client: client.get_conversation(conversation_id, agent_id=agent_id))
    (request,) = sent
    assert request.url.host == "api.us.poly.ai"
    target = request.url.raw_path.decode("ascii")
    assert "?" not in target
    assert "#" not in target
    segments = target.split("/")
    assert [*segments[:3], segments[4]] == ["", "v1", "agents", "conversations"]
    assert [unquote(segment) for segment in segments[3::2]] == [agent_id, conversation_id]
    assert len(segments) == 6


ORIGINS = [
    "https://api.us.poly.ai",
    "http://127.0.0.1:8765",
    "http://[::1]:8765/prefix",
    "https://GATEWAY.example:443/a b/ü/",
    "https://bücher.example:8443",
]


def everything(url: httpx.URL) -> dict[str, Any]:
    """Return everything that a URL offers."""
    properties = {name for name, kind in vars(httpx.URL).items() if isinstance(kind, property)}
    found = {name: getattr(url, name) for name in properties - {"raw"}}  # which is deprecated
    moved = url.copy_with(host="other.example", params={"a": "b"})
    return {**found, "str": str(url), "hash": hash(url), "moved": moved, "joined": url.join("x?y")}


@pytest.mark.parametrize("origin", ORIGINS)
@given(agent_id=VALID_IDS, conversation_id=VALID_IDS)
def test_the_url_of_a_request_is_what_httpx_reads_from_its_text(
    call: Caller, origin: str, agent_id: str, conversation_id: str
) -> None:
    sent: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.url)
        return httpx.Response(200, json={"conversationId": conversation_id})

    def read(client: Any) -> Any:
        return client.get_conversation(conversation_id, agent_id=agent_id)

    call(answer, read, base_url=origin, region=None)
    check_url(sent[0])


@given(cursor=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_query_of_a_request_is_what_httpx_reads_from_its_text(cursor: str) -> None:
    query = httpx.QueryParams({"cursor": cursor, "limit": 5})
    check_url(RequestURL(f"https://api.us.poly.ai/v3/conversations?{query}"))


def test_the_url_of_a_request_can_be_copied_as_one_of_httpx() -> None:
    check_url(RequestURL("https://api.us.poly.ai/v1/agents/A/conversations?limit=1"))


def check_url(url: httpx.URL) -> None:
    expected = httpx.URL(str(url))
    unparsed = [copy.copy(url), copy.deepcopy(url), pickle.loads(pickle.dumps(url))]
    assert not any("_uri_reference" in vars(each) for each in unparsed)
    assert unparsed == [expected] * 3
    assert url.raw_path == expected.raw_path  # first unparsed, then parsed
    assert everything(url) == everything(expected)
    assert url == expected == copy.copy(url) == pickle.loads(pickle.dumps(url))
    assert repr(url).replace("RequestURL", "URL") == repr(expected)
    with pytest.raises(AttributeError, match="no_such_part"):
        url.no_such_part  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("bad", ["", ".", ".."])
@pytest.mark.parametrize("name", ["agent_id", "conversation_id"])
def test_an_id_that_cannot_be_a_path_segment_is_refused(
    call: Caller, server: FakeServer, name: str, bad: str
) -> None:
    ids = {"agent_id": "A", "conversation_id": "CA1", name: bad}
    message = f"{name}={bad!r} is not a valid ID. Pass the ID as PolyAI shows it."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(server, lambda client: client.get_conversation(**ids))
    assert server.requests == []


@pytest.mark.parametrize("name", ["agent_id", "conversation_id"])
def test_a_url_is_not_an_id(call: Caller, server: FakeServer, name: str) -> None:
    url = "https://studio.us.poly.ai/account/PROJECT-1/conversations/CA1"
    ids = {"agent_id": "A", "conversation_id": "CA1", name: url}
    with pytest.raises(
        ValueError, match=f"^{name} is a URL. Pass the ID alone, as it is in the URL.$"
    ):
        call(server, lambda client: client.get_conversation(**ids))
    assert server.requests == []


def test_an_id_with_any_control_character_or_lone_surrogate_is_refused(
    call: Caller, server: FakeServer
) -> None:
    assert len(CONTROLS) == 65

    client = call.client(server, api_key="key", region="us", agent_id="A")
    for character in CONTROLS + LONE_SURROGATES:
        get = operator.methodcaller("get_conversation", f"CA{character}1")
        message = f"invalid character, U\\+{ord(character):04X} at position 2"
        with pytest.raises(ValueError, match=f"^conversation_id contains an {message}"):
            call.use(client, get)
    call.close(client)
    assert server.requests == []


@pytest.mark.parametrize("bad", [None, 5, b"CA1", ["CA1"]])
def test_an_id_that_is_not_a_string_is_refused(call: Caller, server: FakeServer, bad: Any) -> None:
    kind = type(bad).__name__
    with pytest.raises(TypeError, match=f"^conversation_id must be a string, not {kind}\\.$"):
        call(server, lambda client: client.get_conversation(bad))
    if bad is not None:
        with pytest.raises(TypeError, match=f"^agent_id must be a string, not {kind}\\.$"):
            call(server, lambda client: client.get_conversation("CA1", agent_id=bad))
    assert server.requests == []


def test_an_id_too_long_for_a_url_is_refused(call: Caller, server: FakeServer) -> None:
    with pytest.raises(
        ValueError, match=r"^The URL is too long: 70,\d\d\d characters, at most 65,536 "
    ):
        call(server, lambda client: client.get_conversation("x" * 70_000))
    assert server.requests == []


def test_the_agent_of_the_call_wins_over_the_clients(call: Caller, server: FakeServer) -> None:
    call(server, lambda client: client.get_conversation("CA1", agent_id="B"), agent_id="A")
    call(server, agent_id="A")
    call(server, lambda client: client.get_conversation("CA1", agent_id="B"), agent_id=None)
    agents = [request.url.path.split("/")[3] for request in server.requests]
    assert agents == ["B", "A", "B"]


def test_a_call_without_an_agent_is_refused(call: Caller, server: FakeServer) -> None:
    with pytest.raises(ConfigurationError, match=r"agent_id=.*POLYAI_AGENT_ID.*project ID"):
        call(server, agent_id=None)
    with pytest.raises(ValueError, match=r"^agent_id='' is not a valid ID\."):
        call(server, agent_id="")
    assert server.requests == []


def test_a_request_carries_these_headers_once_and_no_body(call: Caller, server: FakeServer) -> None:
    call(server, api_key="the-key")
    (request,) = server.requests
    assert request.method == "GET"
    assert request.read() == b""
    names = [name.lower() for name, _ in request.headers.raw]
    assert len(names) == len(set(names))
    assert request.headers["X-API-KEY"] == "the-key"
    assert request.headers["Accept"] == "application/json"
    assert re.fullmatch(
        rf"polyai-data/{re.escape(__version__)} python/3\.\d+\.\S+ httpx/{httpx.__version__}",
        request.headers["User-Agent"],
    )
    assert "Authorization" not in request.headers


def test_each_request_has_a_correlation_id_of_its_own(call: Caller, server: FakeServer) -> None:
    get = [lambda client: client.get_conversation("CA1")] * 5
    call.run(call.client(server, api_key="key", region="us", agent_id="A"), *get)
    ids = [request.headers["X-PolyAI-Correlation-Id"] for request in server.requests]
    assert len(set(ids)) == 5
    for correlation_id in ids:
        assert re.fullmatch("polyai-data-[0-9a-f]{32}", correlation_id)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://evil.example/", "/elsewhere", None])
def test_no_redirect_is_followed(
    call: Caller, server: FakeServer, status: int, location: str | None
) -> None:
    server.respond(status, headers={"Location": location} if location else {})
    error = call.fails(server)
    assert len(server.requests) == 1
    assert type(error) is APIStatusError
    assert error.message.endswith(f"; redirects are not followed (Location: {location or 'none'})")


@pytest.mark.parametrize(
    ("of_the_client", "of_the_copy", "connect", "read"),
    [
        (None, None, 5, 30),
        (7, None, 7, 7),
        ((2, 90.5), None, 2, 90.5),
        (None, 0.5, 0.5, 0.5),
        (7, (1, 2), 1, 2),
    ],
)
def test_timeouts_reach_the_transport(
    call: Caller,
    server: FakeServer,
    of_the_client: Any,
    of_the_copy: Any,
    connect: float,
    read: float,
) -> None:
    call(
        server,
        lambda client: client.with_options(timeout=of_the_copy).get_conversation("CA1"),
        timeout=of_the_client,
    )
    (request,) = server.requests
    expected = {"connect": connect, "read": read, "write": read, "pool": read}
    assert request.extensions["timeout"] == expected


def test_with_options_leaves_the_client_as_it_is(call: Caller, server: FakeServer) -> None:
    call.run(
        call.client(server, api_key="key", region="us", agent_id="A"),
        lambda client: client.with_options(timeout=99).get_conversation("CA1"),
        lambda client: client.get_conversation("CA1"),
    )
    assert [request.extensions["timeout"]["read"] for request in server.requests] == [99, 30]


def test_a_success_with_another_status_than_200_is_read(call: Caller, server: FakeServer) -> None:
    server.respond(203, content=json.dumps({"conversationId": "CA1"}).encode())
    assert call(server).conversation_id == "CA1"


# --- What the facade does not send ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"headers": {"X-Account": "A"}}, "header X-Account: A"),
        ({"json": {}, "headers": {"Content-Type": "application/merge-patch+json"}}, "header Conte"),
        ({"cookies": {"c": "1"}}, "cookies"),
        ({"data": {"note": "x"}}, "data"),
        ({"files": []}, "files"),
        ({"content": b""}, "content"),
    ],
    ids=lambda each: next(iter(each), "") if isinstance(each, dict) else "",
)
def test_a_part_of_a_request_that_is_not_sent_is_an_error_before_anything_is_sent(
    call: Caller,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    parts: dict[str, Any],
    told: str,
) -> None:
    build = get_conversation._get_kwargs
    monkeypatch.setattr(get_conversation, "_get_kwargs", lambda *ids: {**build(*ids), **parts})
    with pytest.raises(PolyAIError, match="get_conversation needs what this version") as caught:
        call(server, lambda client: client.get_conversation("CA1"))
    assert told in str(caught.value)
    assert server.requests == []


def test_the_headers_of_a_json_body_are_known(call: Caller, server: FakeServer) -> None:
    call(server, lambda client: client.set_note("CA1", "x"))
    assert [request.headers["Content-Type"] for request in server.requests] == ["application/json"]

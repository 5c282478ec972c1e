"""The Conversations API v3: access, filters, both searches, samples and cursors."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from polyai_data.sandbox import _search

NOW = datetime(2026, 6, 3, 13, 19, 6, 370000, tzinfo=UTC)  # of the fixtures
PATH = "/v3/ACCOUNT-DEMO/PROJECT-DEMO/conversations"
ENVIRONMENTS = ("live", "pre-release", "sandbox")
CODE = "GET_CONVERSATIONS_FILTER_PARSE_ERROR"
PERIOD = {"start_time": "2026-01-01T00:00:00Z", "end_time": "2027-01-01T00:00:00Z"}

Json = dict[str, Any]


@pytest.fixture
def api(connect: Callable[..., httpx.Client]) -> httpx.Client:
    """A client with the key for searches."""
    return connect(key="sandbox-v3")


def find(api: httpx.Client, **params: Any) -> list[Json]:
    """Return the conversations on one page."""
    response = api.get(PATH, params=params)
    assert response.status_code == 200, response.text
    found: list[Json] = response.json()["conversations"]
    return found


def ids(found: list[Json]) -> list[str]:
    return [one["id"] for one in found]


@pytest.mark.parametrize(
    ("key", "path", "status", "code"),
    [
        (None, PATH, 401, "AUTH_USER_NOT_FOUND"),
        ("sandbox", PATH, 401, "AUTH_USER_INVALID_TOKEN"),
        ("sandbox-v3", PATH.replace("PROJECT", "X"), 404, "PROJECT_NOT_FOUND"),
        ("sandbox-v3", PATH.replace("ACCOUNT", "X"), 403, "ACCOUNT_INSUFFICIENT_PERMISSIONS"),
        ("sandbox-v3", "/v1/agents/PROJECT-DEMO/conversations", 401, "AUTH_USER_INVALID_TOKEN"),
    ],
)
def test_access(
    connect: Callable[..., httpx.Client], key: str | None, path: str, status: int, code: str
) -> None:
    """Each API has a key of its own."""
    response = connect(key=key).get(path)
    assert (response.status_code, response.json()["error_code"]) == (status, code)


def test_own_key(connect: Callable[..., httpx.Client]) -> None:
    """The key can be set."""
    assert connect(key="k", conversations_api_key="k").get(PATH).status_code == 200
    with pytest.raises(ValueError, match="conversations_api_key must be printable ASCII"):
        connect(conversations_api_key=" k")


def test_only_get(api: httpx.Client) -> None:
    """Other methods are not allowed."""
    assert api.post(PATH).status_code == 405


def test_the_environments_together_are_the_list(
    api: httpx.Client, connect: Callable[..., httpx.Client]
) -> None:
    """Each conversation of the list is in one environment, newest first; live is the default."""
    page = connect().get("/v1/agents/PROJECT-DEMO/conversations", params={"limit": 200}).json()
    listed = [one["conversationId"] for one in page["conversations"]]
    found = [find(api, client_env=environment) for environment in ENVIRONMENTS]
    assert sorted(one for each in found for one in ids(each)) == sorted(listed)
    for each in found:
        assert ids(each) == [one for one in listed if one in ids(each)]
    assert find(api) == found[0]


def test_a_record(api: httpx.Client, connect: Callable[..., httpx.Client]) -> None:
    """A record says the same as the conversation of the Data API."""
    for one in find(api):
        other = connect().get(f"/v1/agents/PROJECT-DEMO/conversations/{one['id']}").json()
        assert one["started_at"] == other["startedAt"]
        assert one["handoff"] is other["handoff"]
        assert one["num_turns"] == len(one["turns"]) == len(other["turns"])
        for turn, same in zip(one["turns"], other["turns"], strict=True):
            assert turn["user_input"] == same["user_input"]
            assert turn.get("user_input_datetime") == same["user_input_datetime"]
            assert "latency" not in turn
        logged = {name: [each["value"] for each in v] for name, v in other["metrics"].items()}
        for name, values in logged.items():
            assert one["metrics"][name] == (values if len(values) > 1 else values[0])


@pytest.mark.parametrize(
    ("params", "field", "values"),
    [
        ({"channel": "WEBCHAT"}, "channel", {"WEBCHAT"}),
        ({"channel": ["WEBCHAT", "chat.polyai"]}, "channel", {"WEBCHAT", "chat.polyai"}),
        ({"variant_id": "Bath"}, "variant_id", {"Bath"}),
        ({"variant_name": "Bath branch"}, "variant_name", {"Bath branch"}),
        ({"in_progress": "true"}, "in_progress", {True}),
        ({"in_progress": "false"}, "in_progress", {False}),
        ({"client_env": "sandbox"}, "environment", {"sandbox"}),
    ],
)
def test_filters(api: httpx.Client, params: Json, field: str, values: set[Any]) -> None:
    """A filter returns the conversations with its value, and no others."""
    everything = [one for env in ENVIRONMENTS for one in find(api, client_env=env)]
    environment = params.get("client_env", "live")
    expected = [
        one for one in everything if one[field] in values and one["environment"] == environment
    ]
    assert find(api, **params) == expected
    assert expected or field == "in_progress"


def test_a_period(api: httpx.Client) -> None:
    """Both ends of a period are included."""
    everything = find(api)
    first, last = everything[40]["started_at"], everything[20]["started_at"]
    assert find(api, start_time=first, end_time=last) == everything[20:41]
    after = (datetime.fromisoformat(first) + timedelta(microseconds=1)).isoformat()
    assert find(api, start_time=after, end_time=last) == everything[20:40]
    assert find(api, start_time="2020-01-01T00:00:00", end_time="2020-02-01") == []
    assert find(api, start_time="2030-01-01T00:00:00Z") == []
    assert find(api, end_time="2030-01-01T00:00:00Z") == everything


def said(one: Json, *names: str) -> str:
    return "\n".join(turn[name] for turn in one["turns"] for name in names).casefold()


def test_search_for_words(api: httpx.Client) -> None:
    """A transcript search finds what was said, by the side that is asked for."""
    query = {"query": "DOG", "query_type": "transcript", **PERIOD}
    sides = {"user": ["user_input"], "agent": ["agent_response"]}
    for side, names in {**sides, "": ["user_input", "agent_response"]}.items():
        found = find(api, **query, **({"turn_type": side} if side else {}))
        assert found == [one for one in find(api) if "dog" in said(one, *names)]
        assert found


def test_search_for_meaning(api: httpx.Client) -> None:
    """A semantic search ignores the order and the ends of words, and reads the summary too."""
    found = find(api, query="arriving dogs", query_type="semantic", **PERIOD)
    assert found
    texts = [said(one, "user_input", "agent_response") for one in found]
    assert not all("arriving dogs" in text for text in texts)
    assert find(api, query="zebra", query_type="semantic", **PERIOD) == []


def test_sample(api: httpx.Client) -> None:
    """A sample is not the newest ones, is the same each time, and depends on the seed."""
    response = api.get(PATH, params={"sample": "random", "limit": 7, **PERIOD}).json()
    sampled = response["conversations"]
    assert response["cursor"] is None
    assert len(set(ids(sampled))) == 7
    assert set(ids(sampled)) <= set(ids(find(api)))
    assert ids(sampled) != ids(find(api))[:7]
    assert find(api, sample="random", limit=7, **PERIOD) == sampled


def test_latency(api: httpx.Client) -> None:
    """Turns have their latency if it is asked for."""
    turns = [turn for one in find(api, include_latency="true") for turn in one["turns"]]
    assert any(isinstance(turn.get("latency"), float) for turn in turns)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "x"},
        {"limit": "１"},
        {"offset": -1},
        {"client_env": "prod"},
        {"client_env": ["live", "live"]},
        {"query": "x"},
        {"query_type": "transcript", **PERIOD},
        {"query": "x", "query_type": "transcript"},
        {"query": "x", "query_type": "fuzzy", **PERIOD},
        {"query": "x", "query_type": "transcript", "start_time": "2026-01-01T00:00:00Z"},
        {"query": "x", "query_type": "transcript", "sample": "random", **PERIOD},
        {"query": "x", "query_type": "semantic", "turn_type": "user", **PERIOD},
        {"turn_type": "user"},
        {"sample": "random"},
        {"sample": "first", **PERIOD},
        {"variant_id": "x", "variant_name": "y"},
        {"in_progress": "yes"},
        {"include_latency": "1"},
        {"start_time": "yesterday"},
        {"end_time": ""},
        {"cursor": "malformed"},
        {"cursor": ""},
        {"cursor": "ünï"},
        {"cursor": base64.urlsafe_b64encode(b"before -1").decode()},
        {"cursor": base64.urlsafe_b64encode(b"before 01").decode()},
        {"cursor": base64.urlsafe_b64encode(b"\xff 1").decode()},
        {"filter": "x"},
    ],
    ids=str,
)
def test_invalid_filters(api: httpx.Client, params: Json) -> None:
    """What cannot be understood is a 400 with the code of filters."""
    response = api.get(PATH, params=params)
    assert (response.status_code, response.json()["error_code"]) == (400, CODE)


def walk(api: httpx.Client, limit: int, between: Callable[[], object], **params: Any) -> list[Json]:
    """Return all pages by cursor, with something between each two."""
    pages, cursor = [], None
    while True:
        at: Json = {"cursor": cursor} if cursor else {}
        page = api.get(PATH, params={"limit": limit, **params, **at}).json()
        pages.append(page)
        cursor = page["cursor"]
        if not cursor:
            return pages
        between()


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_cursors_do_not_drift(api: httpx.Client, limit: int) -> None:
    """Conversations that begin or end during a walk neither repeat nor hide any."""
    app = api._transport._transport.app  # type: ignore[attr-defined]  # of the fixture
    store = app._store
    begun: list[str] = []

    def begin() -> None:
        begun.append(store.start_chat({"clientEnv": "live"})["conversationId"])
        store.add({"conversationId": f"own-{len(begun)}"})

    begin()
    expected = ids(find(api))
    assert expected[:2] == ["own-1", begun[0]]

    def between() -> None:
        begin()
        store.send(begun[-1], {"message": "bye"})

    pages = walk(api, limit, between)
    assert [name for page in pages for name in ids(page["conversations"])] == expected
    assert all(len(page["conversations"]) == limit for page in pages[:-1])


def test_offsets_are_the_older_way(api: httpx.Client) -> None:
    """Without a cursor, a page says where the next one starts; a cursor wins over an offset."""
    everything = find(api)
    page = api.get(PATH, params={"limit": 5, "offset": 3}).json()
    assert page["conversations"] == everything[3:8]
    assert page["next_offset"] == 8
    assert find(api, limit=5, offset=8, cursor=page["cursor"]) == everything[8:13]
    assert "next_offset" not in api.get(PATH).json()


def test_a_rare_match_is_on_a_later_page(
    connect: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request looks at a limited number of conversations, so pages may be empty."""
    monkeypatch.setattr(_search, "_MAX_SCANNED", 50)
    api = connect(key="sandbox-v3", conversations=120)
    pages = walk(api, 1000, lambda: None, query="zebra", query_type="transcript", **PERIOD)
    assert [len(page["conversations"]) for page in pages] == [0, 0, 0]
    newest = {one["id"] for one in walk(api, 1000, lambda: None)[0]["conversations"]}
    assert set(ids(find(api, sample="random", **PERIOD))) == newest


@pytest.mark.parametrize("count", [0, 1, 3, 3000])
@pytest.mark.parametrize("hours", [-1, 0, 1, 100, 10**6])
def test_a_period_is_found_among_many(
    connect: Callable[..., httpx.Client], count: int, hours: int
) -> None:
    """The generated conversations of a period are found without looking at all others."""
    listed = connect(conversations=count).get(
        "/v1/agents/PROJECT-DEMO/conversations", params={"limit": 500}
    )
    api = connect(key="sandbox-v3", conversations=count)
    end = NOW - timedelta(hours=hours)
    start = end - timedelta(hours=5)
    expected = [
        one["conversationId"]
        for one in listed.json()["conversations"]
        if one["clientEnv"] == "live" and start <= datetime.fromisoformat(one["startedAt"]) <= end
    ]
    period = {"start_time": start.isoformat(), "end_time": end.isoformat()}
    assert ids(find(api, **period)) == expected
    assert expected or count < 3000 or hours == 10**6


def test_odd_conversations_of_a_test(api: httpx.Client) -> None:
    """Fields of any type can be added, and are served as they are, or left out."""
    store = api._transport._transport.app._store  # type: ignore[attr-defined]  # of the fixture
    store.add(
        {
            "conversationId": "odd",
            "startedAt": 5,
            "variantId": None,
            "turns": ["x", {"intents": ["y"], "entities": [{"name": "a"}, "z"]}],
            "metrics": {"A": 5, "B": [], "C": [{"value": 1}, "x"]},
        }
    )
    store.add({"conversationId": "odder", "turns": None, "metrics": None})
    odder, odd = find(api)[:2]
    assert (odder["turns"], odder["metrics"]) == ([], {})
    assert odd["started_at"] == 5
    assert odd["turns"][0] == "x"
    assert (odd["turns"][1]["intents"], odd["turns"][1]["entities"]) == ([], [])
    assert odd["metrics"] == {"C": "1"}
    for name, time in PERIOD.items():
        assert "odd" not in ids(find(api, **{name: time}))

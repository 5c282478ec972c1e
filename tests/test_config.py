"""The settings of a client: arguments, environment, precedence, and invalid values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from polyai_data import ConfigurationError, DataClient, Region

if TYPE_CHECKING:
    from tests.conftest import Caller, FakeServer

ENVIRONMENT = {
    "POLYAI_API_KEY": "key-from-env",
    "POLYAI_REGION": "eu",
    "POLYAI_AGENT_ID": "AGENT-FROM-ENV",
}


def key_sent(server: FakeServer) -> str:
    return server.requests[-1].headers["X-API-KEY"]


def url_sent(server: FakeServer) -> str:
    return str(server.requests[-1].url)


@pytest.fixture
def get(call: Caller, server: FakeServer) -> Any:
    """Gets a conversation with a client that gets these options only."""
    return lambda **options: call.run(
        call.client(server, **options), lambda client: client.get_conversation("CA1")
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_arguments_are_enough(get: Any, server: FakeServer) -> None:
    get(api_key="key", region="uk", agent_id="A")
    assert key_sent(server) == "key"
    assert url_sent(server) == "https://api.uk.poly.ai/v1/agents/A/conversations/CA1"


@pytest.mark.usefixtures("environment")
def test_the_environment_is_enough(get: Any, server: FakeServer) -> None:
    get()
    assert key_sent(server) == "key-from-env"
    assert url_sent(server) == "https://api.eu.poly.ai/v1/agents/AGENT-FROM-ENV/conversations/CA1"


@pytest.mark.usefixtures("environment")
def test_each_argument_wins_over_its_variable(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(api_key="key")
    assert key_sent(server) == "key"
    get(region="uk")
    assert "//api.uk.poly.ai/" in url_sent(server)
    get(agent_id="A")
    assert "/agents/A/" in url_sent(server)
    monkeypatch.setenv("POLYAI_BASE_URL", "https://from-env.example")
    get(base_url="https://argument.example")
    assert "//argument.example/" in url_sent(server)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("empty", ["", " \t"])
def test_an_empty_variable_is_none(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    monkeypatch.setenv("POLYAI_BASE_URL", empty)
    monkeypatch.setenv("POLYAI_API_KEY_EU", empty)
    get()
    assert url_sent(server).startswith("https://api.eu.poly.ai/")
    assert key_sent(server) == "key-from-env"
    monkeypatch.setenv("POLYAI_REGION", empty)
    with pytest.raises(ConfigurationError, match="POLYAI_REGION"):
        get()


def test_white_space_around_variables_is_dropped(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**ENVIRONMENT, "POLYAI_BASE_URL": "https://proxy.example"}.items():
        monkeypatch.setenv(name, f" {value}\n")
    get()
    assert key_sent(server) == "key-from-env"
    assert url_sent(server) == "https://proxy.example/v1/agents/AGENT-FROM-ENV/conversations/CA1"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("region", Region)
def test_a_regional_key_wins_for_its_region_only(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch, region: Region
) -> None:
    monkeypatch.setenv(f"POLYAI_API_KEY_{region.value.upper()}", "regional-key")
    for other in Region:
        get(region=other)
        assert key_sent(server) == ("regional-key" if other is region else "key-from-env")
    get(region=region, api_key="argument")
    assert key_sent(server) == "argument"


def test_a_regional_key_is_enough(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYAI_API_KEY_US", "regional-key")
    get(region="us-1", agent_id="A", base_url="https://proxy.example")
    assert key_sent(server) == "regional-key"


def test_a_missing_key_is_refused_with_the_variables_that_could_hold_it(call: Caller) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^No API key: pass api_key=, or set POLYAI_API_KEY or POLYAI_API_KEY_UK\. ",
    ):
        call.client(region="uk")
    with pytest.raises(ConfigurationError, match=r"pass api_key=, or set POLYAI_API_KEY\. Create"):
        call.client(base_url="https://proxy.example")


def test_no_region_is_assumed(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYAI_API_KEY_US", "a key alone tells no region")
    with pytest.raises(ConfigurationError, match=r"us, eu, uk, studio .*us-1, euw-1, uk-1"):
        call.client(api_key="key")


def test_a_key_in_white_space_is_stripped(get: Any, server: FakeServer) -> None:
    get(api_key=" \n key\r\n", region="us", agent_id="A")
    assert key_sent(server) == "key"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("bad", ["", " ", 5, b"key", "a\nb", "a b", "clé", "a\x00b", "a\x7f"])
def test_a_key_that_no_header_can_carry_is_refused(call: Caller, bad: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        call.client(api_key=bad)
    nothing = not isinstance(bad, str) or not bad.strip()
    assert str(caught.value).startswith(
        "The API key is empty, or not a string."
        if nothing
        else "The API key contains line breaks, spaces or non-ASCII characters, which an HTTP "
        "header cannot carry. "
    )


def test_a_base_url_wins_over_the_region(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(api_key="key", agent_id="A", region="us", base_url="https://proxy.example")
    assert url_sent(server) == "https://proxy.example/v1/agents/A/conversations/CA1"
    monkeypatch.setenv("POLYAI_BASE_URL", "http://127.0.0.1:8765")
    monkeypatch.setenv("POLYAI_REGION", "us")
    get(api_key="key", agent_id="A")
    assert url_sent(server) == "http://127.0.0.1:8765/v1/agents/A/conversations/CA1"


def test_arguments_win_over_the_environment(
    get: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYAI_BASE_URL", "http://127.0.0.1:8765")
    monkeypatch.setenv("POLYAI_REGION", "us")
    monkeypatch.setenv("POLYAI_AGENT_ID", "theirs")
    get(api_key="key", agent_id="A", region="uk")
    assert url_sent(server) == "https://api.uk.poly.ai/v1/agents/A/conversations/CA1"
    get(api_key="key", agent_id="A", base_url="http://127.0.0.1:1")
    assert url_sent(server) == "http://127.0.0.1:1/v1/agents/A/conversations/CA1"
    client = DataClient.from_studio_url("studio.eu.poly.ai/acme/B", api_key="key")
    with client:
        assert "api.eu.poly.ai" in repr(client)
        assert "agent B" in repr(client)


@pytest.mark.parametrize(
    "url", ["https://proxy.example/polyai", " https://proxy.example/polyai// "]
)
def test_a_base_url_may_have_a_path(get: Any, server: FakeServer, url: str) -> None:
    get(api_key="key", agent_id="A", base_url=url)
    assert url_sent(server) == "https://proxy.example/polyai/v1/agents/A/conversations/CA1"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:8765", "127.8.8.8", "[::1]", "[::1]:8765"]
)
def test_plain_http_is_allowed_on_loopback(get: Any, server: FakeServer, host: str) -> None:
    get(api_key="key", agent_id="A", base_url=f"http://{host}")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "host",
    [
        "api.us.poly.ai",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "127.0.0.1.example",
        "localhost.example",
        "127.1",
        "2130706433",
    ],
)
def test_plain_http_is_refused_elsewhere(call: Caller, host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"over plain http\. Use https; http is "):
        call.client(api_key="key", base_url=f"http://{host}")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "^Invalid base URL '.*'\\. Examples: "),
        ("api.us.poly.ai", "^Invalid base URL '.*'\\. Examples: "),
        ("/v1", "^Invalid base URL '.*'\\. Examples: "),
        ("ftp://api.us.poly.ai", "^Invalid base URL '.*'\\. Examples: "),
        ("https://", "^Invalid base URL '.*'\\. Examples: "),
        ("https:///v1", "^Invalid base URL '.*'\\. Examples: "),
        ("https://proxy.example?x=1", "must not have a query or fragment: "),
        ("https://proxy.example/#x", "must not have a query or fragment: "),
        ("https://proxy.example:port", "^Invalid base URL: "),
        ("\thttps://proxy.example/\n", None),  # white space around it is dropped
        ("https://proxy\n.example", "^Invalid base URL: "),
        ("https://[::1", "^Invalid base URL: "),
        (b"https://proxy.example", "must be a string, not bytes"),
        (5, "must be a string, not int"),
    ],
)
def test_invalid_base_urls_are_refused(call: Caller, url: Any, complaint: str | None) -> None:
    if complaint is None:
        call.close(call.client(api_key="key", base_url=url))
        return
    with pytest.raises(ConfigurationError, match=complaint):
        call.client(api_key="key", base_url=url)


@pytest.mark.parametrize(
    "url", ["https://me:hunter2@proxy.example", r"https://hunter2\@api.us.poly.ai"]
)
def test_a_base_url_with_a_password_is_refused_without_showing_it(call: Caller, url: str) -> None:
    with pytest.raises(ConfigurationError, match="user name or password") as caught:
        call.client(api_key="key", base_url=url)
    assert "hunter2" not in str(caught.value)


BAD_TIMEOUTS: list[Any] = [
    0,
    -1,
    float("nan"),
    float("inf"),
    10**400,
    True,
    "5",
    (),
    (5,),
    (5, 30, 1),
    (5, float("inf")),
    (0, 30),
    (None, 30),
    [5, 30],
]


@pytest.mark.parametrize("timeout", BAD_TIMEOUTS, ids=str)
def test_timeouts_must_be_positive_and_finite(
    call: Caller, server: FakeServer, timeout: Any
) -> None:
    complaint = (
        r"^timeout=.*: expected a positive number of seconds, or a pair \(connect, read\)\.$"
    )
    with pytest.raises(ConfigurationError, match=complaint):
        call.client(api_key="key", region="us", timeout=timeout)
    with pytest.raises(ConfigurationError, match=complaint):
        call(server, lambda client: client.with_options(timeout=timeout))
    assert server.requests == []


@pytest.mark.usefixtures("environment")
def test_a_studio_url_gives_region_and_agent(
    call: Caller, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYAI_API_KEY_UK", "regional-key")
    from_url = type(call)(call.kind.from_studio_url)  # type: ignore[arg-type]
    url = "https://studio.uk.poly.ai/acme/PROJECT-9/conversations"
    call.run(from_url.client(server, url=url), lambda client: client.get_conversation("CA1"))
    assert url_sent(server) == "https://api.uk.poly.ai/v1/agents/PROJECT-9/conversations/CA1"
    assert key_sent(server) == "regional-key"
    call.run(
        from_url.client(server, url=url, api_key="argument", timeout=7),
        lambda client: client.get_conversation("CA1"),
    )
    assert key_sent(server) == "argument"
    assert server.requests[-1].extensions["timeout"]["read"] == 7


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"region": "EU"}, "region 'eu' (api.eu.poly.ai) agent A"),
        ({"base_url": "http://127.0.0.1:8765"}, "127.0.0.1:8765 agent A"),
        ({"region": "eu", "base_url": "https://proxy.example/x"}, "proxy.example agent A"),
    ],
)
def test_the_repr_says_where_requests_go(call: Caller, options: dict[str, Any], shown: str) -> None:
    client = call.client(api_key="key", agent_id="A", **options)
    assert repr(client) == f"<{call.kind.__name__} {shown}>"
    call.close(client)


def test_arguments_are_keyword_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        DataClient("key")  # type: ignore[call-arg]


@pytest.mark.parametrize("end", ["?", "#", "?x=1", "/#"])
def test_a_base_url_ends_before_query_and_fragment(end: str) -> None:
    with pytest.raises(ConfigurationError, match="must not have a query or fragment: "):
        DataClient(api_key="k", base_url=f"https://x.test{end}")

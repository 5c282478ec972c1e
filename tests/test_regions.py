"""Regions: their names, their hosts in the OpenAPI spec, and Agent Studio's URLs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from polyai_data import (
    ConfigurationError,
    DataClient,
    NotFoundError,
    Region,
    _regions,
    parse_studio_url,
)
from polyai_data._auth import ApiKey
from polyai_data._config import resolve_config
from polyai_data_generated.origin import OPERATION_SERVERS

SPEC = Path(__file__).parent.parent / "openapi.json"


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("us", Region.US),
        ("eu", Region.EU),
        ("uk", Region.UK),
        ("studio", Region.STUDIO),
        ("us-1", Region.US),
        ("euw-1", Region.EU),
        ("uk-1", Region.UK),
        ("US", Region.US),
        ("Studio", Region.STUDIO),
        ("EUW-1", Region.EU),
        (" uk\n", Region.UK),
        (Region.EU, Region.EU),
    ],
)
def test_a_region_has_these_names(name: str, region: Region) -> None:
    assert Region(name) is region


@pytest.mark.parametrize("name", ["", "eu-1", "euw", "usa", "global", "api.us.poly.ai", None, 1])
def test_any_other_name_is_refused_with_the_valid_ones(name: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Region(name)
    message = str(caught.value)
    assert message.startswith(f"Unknown region {name!r}. The regions are us, eu, uk, studio ")
    for valid in ("us", "eu", "uk", "studio", "us-1", "euw-1", "uk-1"):
        assert f" {valid}" in message


def test_the_client_refuses_an_unknown_region() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^Unknown region 'mars'\. The regions are us, eu, uk, studio "
    ):
        DataClient(api_key="key", region="mars")


def test_a_region_is_its_name() -> None:
    assert [str(region) for region in Region] == ["us", "eu", "uk", "studio"]
    assert pickle.loads(pickle.dumps(Region.EU)) is Region.EU


def test_regions_are_exactly_the_servers_of_the_spec() -> None:
    servers = [server["url"] for server in json.loads(SPEC.read_text())["servers"]]
    assert [region.base_url for region in Region] == servers
    assert servers == [f"https://api.{region}.poly.ai" for region in Region]


def test_a_region_without_a_server_in_the_spec_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_regions, "SERVERS", ("https://api.us.poly.ai",))
    assert Region.US.base_url == "https://api.us.poly.ai"
    with pytest.raises(
        ConfigurationError, match=r"^The OpenAPI spec has no server for region 'eu'\.$"
    ):
        _ = Region.EU.base_url


def test_each_region_has_its_studio() -> None:
    assert {region.value: region.studio_url for region in Region} == {
        "us": "https://studio.us.poly.ai",
        "eu": "https://studio.eu.poly.ai",
        "uk": "https://studio.uk.poly.ai",
        "studio": "https://studio.poly.ai",
    }


@pytest.mark.parametrize("region", Region)
def test_a_studio_url_names_region_account_and_agent(region: Region) -> None:
    url = f"{region.studio_url}/acme/PROJECT-1/conversations/CA1?tab=1#turn-2"
    assert parse_studio_url(url) == (region, "acme", "PROJECT-1")


@pytest.mark.parametrize(
    ("url", "agent_id"),
    [
        ("https://studio.us.poly.ai/acme/my-agent", "my-agent"),
        ("https://studio.us.poly.ai/acme/my-agent/", "my-agent"),
        ("https://studio.us.poly.ai//acme//my-agent", "my-agent"),
        ("  https://studio.us.poly.ai/acme/my-agent\n", "my-agent"),
        ("studio.us.poly.ai/acme/my-agent", "my-agent"),
        ("http://studio.us.poly.ai/acme/my-agent", "my-agent"),
        ("HTTPS://STUDIO.US.POLY.AI:443/acme/my-agent", "my-agent"),
        ("https://studio.us.poly.ai./acme/my-agent", "my-agent"),
        ("https://studio.us.poly.ai/acme/my-agent?x=/y", "my-agent"),
        ("studio.us.poly.ai/acme/my-agent?next=https://x/y", "my-agent"),
        ("https://studio.us.poly.ai/acme/my%20agent%2Fv2/chat", "my agent/v2"),
    ],
)
def test_studio_urls_are_read_as_people_paste_them(url: str, agent_id: str) -> None:
    assert parse_studio_url(url) == (Region.US, "acme", agent_id)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "PROJECT-1",
        "https://studio.us.poly.ai",
        "https://studio.us.poly.ai/acme",
        "https://studio.us.poly.ai/acme?agent=PROJECT-1",
        "https://studio.us.poly.ai/#/acme/PROJECT-1",
        "https://api.us.poly.ai/acme/PROJECT-1",
        "https://studio.mars.poly.ai/acme/PROJECT-1",
        "https://studio.studio.poly.ai/acme/PROJECT-1",
        "https://studio.us.poly.ai.example/acme/PROJECT-1",
        "https://studio.us.poly.ai@evil.example/acme/PROJECT-1",
        "https://[studio.us.poly.ai/acme/PROJECT-1",
        None,
        5,
    ],
)
def test_other_urls_are_refused_with_an_example(url: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DataClient.from_studio_url(url, api_key="key")
    message = str(caught.value)
    assert message.startswith(f"{url!r} is not the URL of an agent in Agent Studio. Examples: ")
    assert "https://studio.us.poly.ai/<account>/<project>/" in message


def test_the_password_in_a_studio_url_is_not_shown() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^'https://ada:\*\*\*@studio\.us\.poly\.ai/acme'"
    ):
        parse_studio_url("https://ada:secret@studio.us.poly.ai/acme")


@pytest.mark.parametrize(
    ("servers", "region", "expected"),
    [
        (
            ("https://media.us.poly.ai", "https://media.eu.poly.ai"),
            "eu",
            "https://media.eu.poly.ai",
        ),
        (("https://media.euw-1.poly.ai/v2",), "eu", "https://media.euw-1.poly.ai/v2"),
        (("https://media.poly.ai",), "uk", "https://media.poly.ai"),
        (
            ("https://studio.us.poly.ai", "https://api.studio.poly.ai"),
            "us",
            "https://studio.us.poly.ai",
        ),
        (("https://media.us.poly.ai", "https://media.poly.ai"), "uk", "https://media.poly.ai"),
    ],
)
def test_an_operation_with_servers_of_its_own_is_served_from_there(
    monkeypatch: pytest.MonkeyPatch, servers: tuple[str, ...], region: str, expected: str
) -> None:
    monkeypatch.setitem(OPERATION_SERVERS, "get_conversation", servers)
    hosts = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(str(request.url).partition("/v1/")[0])
        return httpx.Response(404)

    with DataClient(
        api_key="key", region=region, agent_id="A", transport=httpx.MockTransport(answer)
    ) as client:
        with pytest.raises(NotFoundError) as caught:
            client.get_conversation("C")
        with pytest.raises(NotFoundError):
            client.get_page()
    assert hosts == [expected, f"https://api.{region}.poly.ai"]
    assert urlsplit(expected).netloc in (caught.value.hint or "")


def test_a_base_url_from_the_user_wins_over_the_servers_of_an_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OPERATION_SERVERS, "get_conversation", ("https://media.us.poly.ai",))
    config = resolve_config(
        api_key=ApiKey("key"),
        region="us",
        agent_id="A",
        base_url="http://127.0.0.1:1/proxy",
    )
    assert config.base_url_for("get_conversation") == "http://127.0.0.1:1/proxy"


def test_an_operation_without_a_server_in_the_region_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OPERATION_SERVERS, "get_conversation", ("https://media.us.poly.ai",))
    with (
        DataClient(api_key="key", region="eu", agent_id="A") as client,
        pytest.raises(ConfigurationError, match=r"no server for get_.*'eu'.*media.us"),
    ):
        client.get_conversation("C")


def test_the_key_is_not_sent_to_a_server_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATION_SERVERS, "get_conversation", ("http://media.us.poly.ai",))
    with (
        DataClient(api_key="key", region="us", agent_id="A") as client,
        pytest.raises(ConfigurationError, match="plain http"),
    ):
        client.get_conversation("C")


def test_a_region_knows_its_aliases() -> None:
    assert {region.value: region.aliases for region in Region} == {
        "us": ("us-1",),
        "eu": ("euw-1",),
        "uk": ("uk-1",),
        "studio": (),
    }
    for region in Region:
        assert all(Region(name) is region for name in region.aliases)

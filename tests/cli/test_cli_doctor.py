"""Tests `polyai-data doctor`."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from polyai_data import Region
from polyai_data.cli import _times
from polyai_data.sandbox import Fault, Received

if TYPE_CHECKING:
    from tests.cli.conftest import Run, Sandbox

ALL = [
    *("version", "address", "agent ID", "key", "proxy", "connection", "TLS", "key accepted"),
    *("agent", "clock", "searches"),
]


def checks(run: Run, *options: object) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor and return the exit code and the checks by name."""
    ended = run("doctor", "--json", *options)
    found = json.loads(ended.out)
    assert found["ok"] is (ended.code == 0)
    for check in found["checks"]:
        # Every failure, and only a failure, has a remedy and an exit code.
        assert bool(check["remedy"]) == (check["state"] == "failed"), check
        assert bool(check["code"]) == (check["state"] == "failed"), check
    return ended.code, {check["name"]: check for check in found["checks"]}


def states(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["state"] for name, check in found.items()}


def test_no_problems(run: Run, sandbox: Sandbox) -> None:
    base_url = sandbox()
    code, found = checks(run)
    assert (code, list(found)) == (0, ALL)
    skipped = dict.fromkeys(("TLS", "searches"), "skipped")
    assert states(found) == {**dict.fromkeys(ALL, "ok"), **skipped}
    assert found["address"]["detail"] == base_url
    assert found["key"]["detail"] == "from POLYAI_API_KEY"
    assert found["agent"]["detail"] == "200 conversations, the newest from 2026-06-03 13:18:06"
    ended = run("doctor")
    assert (ended.code, ended.err) == (0, "No problems found.\n")
    assert ended.out.splitlines()[2] == "ok       agent ID       PROJECT-DEMO"
    assert len(ended.out.splitlines()) == len(ALL)


def test_missing_settings_are_reported(run: Run) -> None:
    code, found = checks(run)
    assert code == 2
    assert states(found) == {
        "version": "ok",
        "address": "failed",
        "agent ID": "failed",
        "key": "failed",
    }
    ended = run("doctor")
    lines = ended.out.splitlines()
    assert lines[1] == "failed   address        no region is set"
    assert lines[2].strip().startswith("→ Set --region or POLYAI_REGION")
    assert ended.err == ""


@pytest.mark.usefixtures("broken_keyring")
def test_a_broken_keyring_is_reported(run: Run) -> None:
    _, found = checks(run, "--region", "us")
    assert "Could not read the system keyring: the bus is" in found["key"]["detail"]
    assert found["address"]["detail"] == "https://api.us.poly.ai, region us"


def test_invalid_settings_are_reported(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, found = checks(run, "--region", "mars")
    assert code == 2
    assert "Unknown region 'mars'." in found["settings"]["detail"]
    assert "settings" in checks(run, "--region", "us", "--studio-url", "studio.us.poly.ai/a/b")[1]
    sandbox()
    code, found = checks(run, "--base-url", "http://api.us.poly.ai")
    assert code == 2
    assert "over plain http" in found["settings"]["detail"]
    monkeypatch.setenv("HTTPS_PROXY", "foo://proxy.example")
    code, found = checks(run, "--base-url", "https://api.us.poly.ai")
    assert code == 2
    assert "Cannot set up the connection" in found["settings"]["detail"]
    for wrong in ("https://[::1", "nonsense"):
        code, found = checks(run, "--base-url", wrong)
        assert (code, states(found)["settings"]) == (2, "failed")


def test_a_key_file_that_others_can_read_is_reported(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    Path("key").write_text("sandbox\n")
    Path("key").chmod(0o644)
    code, found = checks(run, "--api-key-file", "key")
    assert code == 0
    assert (
        found["key"]["detail"] == "from key. Other users can read key. To fix this: chmod 600 key"
    )
    Path("key").chmod(0o600)
    assert checks(run, "--api-key-file", "key")[1]["key"]["detail"] == "from key"


FAILURES: dict[str, tuple[Fault, int, str]] = {
    "401": (Fault(401), 3, "key accepted"),
    "403": (Fault(403), 3, "agent"),
    "404": (Fault(404, {"error": "none"}), 4, "agent"),
    "429": (Fault(429), 5, "key accepted"),
    "500": (Fault(500), 6, "key accepted"),
    "400": (Fault(400), 1, "key accepted"),
    "an HTML page": (Fault(200, "<html>Log in"), 6, "connection"),
    "dropped": (Fault(kind="close-before-headers"), 6, "connection"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failures_are_attributed_to_a_check(run: Run, sandbox: Sandbox, failure: str) -> None:
    fault, expected, culprit = FAILURES[failure]
    received: list[Received] = []
    sandbox(faults=[fault], received=received)
    code, found = checks(run)
    assert (code, list(found)) == (expected, ALL)
    assert [name for name, state in states(found).items() if state == "failed"] == [culprit]
    after = list(found)[ALL.index(culprit) + 1 :]
    assert {states(found)[name] for name in after} == {"skipped"}
    assert len(received) == 1  # no retries
    if failure == "401":
        assert "--probe-regions" in found[culprit]["remedy"]


def test_a_refused_connection(run: Run, sandbox: Sandbox) -> None:
    sandbox()
    code, found = checks(run, "--base-url", "http://127.0.0.1:1")
    assert code == 6
    assert found["connection"]["detail"].startswith("127.0.0.1:1 refused the connection")


def test_an_untrusted_certificate(
    run: Run,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    listening: Callable[..., Any],
) -> None:
    import ssl

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def greet(connection: Any) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            secured.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

    sandbox()
    with listening(greet) as address:
        base_url = f"https://{address}"
        code, found = checks(run, "--base-url", base_url)
        assert (code, states(found)["connection"], states(found)["TLS"]) == (6, "ok", "failed")
        assert "SSL_CERT_FILE" in found["TLS"]["remedy"]
        authority.cert_pem.write_to_path("authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", "authority.pem")
        code, found = checks(run, "--base-url", base_url)
        assert (code, states(found)["TLS"], found["TLS"]["detail"]) == (
            *(3, "ok"),
            "certificate verified",
        )


@pytest.mark.parametrize(
    ("variables", "detail"),
    [
        ({}, "none"),
        ({"HTTPS_PROXY": "http://me:secret@proxy.example:3128"}, "proxy.example:3128"),
        ({"ALL_PROXY": "proxy.example:3128"}, "proxy.example:3128"),
        ({"ALL_PROXY": "socks5://proxy.example:3128/"}, "proxy.example:3128"),
        ({"HTTPS_PROXY": "http://me:se/c@r#et@proxy.example"}, "proxy.example"),
        (
            {"HTTPS_PROXY": "http://p", "NO_PROXY": "127.0.0.1"},
            "not used for 127.0.0.1:1 (NO_PROXY)",
        ),
    ],
)
def test_the_proxy_is_shown_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], detail: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, found = checks(run, "--base-url", "https://127.0.0.1:1")
    assert found["proxy"] == {**found["proxy"], "state": "ok", "detail": detail}


@pytest.mark.parametrize(
    ("seconds", "state"), [(-3600, "failed"), (-60, "ok"), (0, "ok"), (60, "ok"), (3600, "failed")]
)
def test_clock_skew_is_reported(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, seconds: int, state: str
) -> None:
    sandbox(faults=[Fault(200, {"conversations": [], "count": None})])
    wrong = datetime.timedelta(seconds=seconds)
    monkeypatch.setattr("polyai_data.cli._checks.now", lambda: _times.now() + wrong)
    code, found = checks(run)
    assert found["clock"]["state"] == state
    assert found["clock"]["detail"].endswith(" the server")
    assert code == (state == "failed")
    assert found["agent"]["detail"] == "accessible"


def test_a_server_without_a_valid_date(run: Run, sandbox: Sandbox) -> None:
    sandbox(faults=[Fault(200, {"conversations": [], "count": 0}, {"date": "noon"})])
    assert checks(run)[1]["clock"]["state"] == "skipped"


# --- The regions -----------------------------------------------------------------------------


@pytest.fixture
def regions(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Received]]:
    """Start a sandbox for each region, with the given fault."""

    def serve(**answers: Fault | None) -> list[Received]:
        received: list[Received] = []
        urls = {}
        for region in Region:
            fault = answers.get(region.value, Fault(401))
            urls[region] = sandbox(received=received, faults=[fault] if fault else [])
        monkeypatch.setattr(Region, "base_url", property(lambda self: urls[self]))
        monkeypatch.delenv("POLYAI_BASE_URL")
        return received

    return serve


def test_regions_are_probed_only_on_request(
    run: Run, regions: Callable[..., list[Received]]
) -> None:
    received = regions(eu=None)
    code, found = checks(run, "--region", "us")
    assert (code, len(received)) == (3, 1)
    assert "right region" not in found
    ended = run("doctor", "--region", "us", "--probe-regions")
    assert ended.err.startswith("warning: Sending the key to all four regions")


def test_the_region_that_accepts_the_key_is_found(
    run: Run, regions: Callable[..., list[Received]]
) -> None:
    regions(eu=None)
    gateway = ("--base-url", "http://127.0.0.1:1")  # ignored by the probe: it is not a region
    code, found = checks(run, "--region", "us", "--probe-regions", *gateway)
    assert (code, found["connection"]["state"]) == (2, "failed")
    assert found["right region"]["detail"] == "the key belongs to eu"
    code, found = checks(run, "--region", "us", "--probe-regions")
    assert code == 3
    assert found["region eu"]["detail"] == "accepts the key and has the agent"
    assert found["region us"]["detail"] == "does not accept the key"
    assert found["right region"]["detail"] == "the key belongs to eu"
    assert found["right region"]["remedy"] == "Use --region eu, or export POLYAI_REGION=eu"
    code, found = checks(run, "--region", "eu", "--probe-regions")
    assert (code, found["right region"]["detail"]) == (0, "eu")


def test_the_region_of_a_key_is_found_without_an_agent(
    run: Run, regions: Callable[..., list[Received]], monkeypatch: pytest.MonkeyPatch
) -> None:
    regions(uk=Fault(403), eu=Fault(500))
    monkeypatch.delenv("POLYAI_AGENT_ID")
    code, found = checks(run, "--probe-regions")
    assert code == 2
    assert found["region uk"]["detail"].startswith("accepts the key, but: Forbidden")
    assert found["region eu"]["detail"].startswith("could not be checked: Internal Server Error")
    assert found["right region"]["detail"] == "the key belongs to uk"
    # With a base URL, there is no region to compare with.
    code, found = checks(run, "--probe-regions", "--base-url", "https://127.0.0.1:1")
    assert found["right region"]["state"] == "ok"


def test_a_key_that_no_region_accepts(run: Run, regions: Callable[..., list[Received]]) -> None:
    regions()
    code, found = checks(run, "--region", "us", "--probe-regions")
    assert code == 3
    assert found["right region"]["detail"] == "no region accepts the key"


@pytest.mark.parametrize("reachable", [[], ["us", "eu", "uk"]], ids=str)
def test_regions_that_cannot_be_asked(
    run: Run,
    regions: Callable[..., list[Received]],
    monkeypatch: pytest.MonkeyPatch,
    reachable: list[str],
) -> None:
    regions()
    asked: Any = Region.base_url
    nowhere = "http://127.0.0.1:1"
    monkeypatch.setattr(
        Region,
        "base_url",
        property(lambda self: asked.fget(self) if self.value in reachable else nowhere),
    )
    code, found = checks(run, "--region", "us", "--probe-regions")
    assert code == (3 if reachable else 6)
    assert found["right region"]["state"] == "failed"
    names = "studio" if reachable else "us, eu, uk, studio"
    assert found["right region"]["detail"] == f"not found, and could not ask: {names}"
    assert "network" in found["right region"]["remedy"]
    assert "Create a new key" not in found["right region"]["remedy"]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_key_in_quotes_is_named(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    sandbox()
    monkeypatch.setenv("POLYAI_API_KEY", f"{quote}sandbox{quote}")
    code, found = checks(run)
    assert code == 2
    assert found["key"]["state"] == "failed"
    assert found["key"]["detail"] == "from POLYAI_API_KEY, in quotes that are part of it"
    assert found["key"]["remedy"].startswith("Remove the quotes.")
    assert "connection" not in found


@pytest.mark.parametrize("columns", [None, 80])
def test_names_of_checks_are_not_truncated(
    run: Run,
    regions: Callable[..., list[Received]],
    on_terminal: Callable[..., None],
    columns: int | None,
) -> None:
    regions()
    if columns is not None:
        on_terminal(columns)
    assert "region studio  " in run("doctor", "--region", "us", "--probe-regions").out


def test_no_region_is_probed_without_a_key(run: Run) -> None:
    ended = run("doctor", "--probe-regions")
    assert (ended.code, ended.err) == (2, "")

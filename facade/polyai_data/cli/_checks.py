"""The checks of `polyai-data doctor`."""

import platform
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple
from urllib.request import getproxies, proxy_bypass

from polyai_data import (
    APIConnectionError,
    AuthenticationError,
    ConversationPage,
    DataClient,
    NotFoundError,
    PermissionDeniedError,
    PolyAIError,
    Region,
    ResponseDecodeError,
    __spec_version__,
    __version__,
)

from ._connect import ResolvedSettings
from ._errors import error_message, error_remedy, exit_code
from ._format import timestamp
from ._keys import Key, for_searches
from ._terminal import Terminal
from ._times import now

_MAX_CLOCK_SKEW = 120
_PLACEHOLDER_AGENT = "PROJECT-DOCTOR"
"""Used if no agent is set: a region accepts or rejects a key before it looks at the agent."""


class Check(NamedTuple):
    """The result of a check.

    Attributes:
        name: What was checked.
        state: The result.
        detail: What was found.
        remedy: How to fix it, if the check failed.
        code: The exit code, if the check failed.
    """

    name: str
    state: Literal["ok", "failed", "skipped"]
    detail: str
    remedy: str = ""
    code: int = 0


def check_version() -> Check:
    """Report the versions in use."""
    detail = f"{__version__}, Data API {__spec_version__}, Python {platform.python_version()}"
    return Check("version", "ok", f"polyai-data {detail}")


def failed_check(name: str, error: Exception, remedy: str = "") -> Check:
    """Convert an error to a failed check."""
    return Check(
        name, "failed", error_message(error), remedy or error_remedy(error), exit_code(error)
    )


def check_settings(settings: ResolvedSettings) -> Iterator[Check]:
    """Check that the settings are complete."""
    if settings.address is None:
        yield Check("address", "failed", "no region is set", _MISSING_REMEDIES["address"], 2)
    else:
        region = "" if settings.base_url else f", region {settings.region}"
        yield Check("address", "ok", f"{settings.address}{region}")
    if settings.agent_id is None:
        yield Check("agent ID", "failed", "not set", _MISSING_REMEDIES["agent ID"], 2)
    else:
        yield Check("agent ID", "ok", settings.agent_id)
    if settings.key is None:
        yield Check("key", "failed", settings.key_problem or "not set", _MISSING_REMEDIES["key"], 2)
    elif settings.key.is_quoted:
        detail = f"from {settings.key.source}, in quotes that are part of it"
        yield Check("key", "failed", detail, _QUOTES_REMEDY, 2)
    else:
        note = f". {settings.key_problem}" if settings.key_problem else ""
        yield Check("key", "ok", f"from {settings.key.source}{note}")


_QUOTES_REMEDY = (
    "Remove the quotes. A shell would have removed them, but docker, systemd and others do not."
)
SETTINGS_REMEDY = "Correct the option or the environment variable."
_MISSING_REMEDIES = {
    "address": "Set --region or POLYAI_REGION to the region in your Agent Studio URL.",
    "agent ID": "Set --agent or POLYAI_AGENT_ID to the agent ID in your Agent Studio URL.",
    "key": "Create a key in Agent Studio. Then set POLYAI_API_KEY or run `polyai-data login`.",
}


def check_proxy(address: str) -> Check:
    """Report the proxy that requests use."""
    scheme, _, rest = address.partition("://")
    host = rest.partition("/")[0]
    proxies = getproxies()
    proxy = proxies.get("https") or proxies.get("all")
    if scheme == "http":
        return Check("proxy", "ok", "not used for plain HTTP")
    if proxy is None:
        return Check("proxy", "ok", "none")
    if proxy_bypass(host):
        return Check("proxy", "ok", f"not used for {host} (NO_PROXY)")
    # Not parsed as a URL: an unescaped password could end up in another part of it.
    without_password = proxy.rpartition("@" if "@" in proxy else "://")[2]
    return Check("proxy", "ok", without_password.partition("/")[0])


def check_network(settings: ResolvedSettings, terminal: Terminal) -> Iterator[Check]:
    """Request one conversation, and derive the remaining checks from the response."""
    try:
        client = settings.client(terminal, max_retries=0)
    except PolyAIError as error:
        yield failed_check("settings", error, SETTINGS_REMEDY)
        return
    with client:
        try:
            page = client.get_page(limit=1)
        except PolyAIError as error:
            yield from _network_failed(error, settings)
        else:
            yield from _network_succeeded(page, settings)


def check_searches(settings: ResolvedSettings, terminal: Terminal) -> Check:
    """Check whether the Conversations API v3 accepts its key."""
    name, key = "searches", for_searches(settings.region)
    if key is None:
        detail = "POLYAI_CONVERSATIONS_API_KEY is not set; the key above is for the Data API only"
        return Check(name, "skipped", detail)
    if settings.account_id is None:
        return Check(name, "skipped", "POLYAI_ACCOUNT_ID is not set")
    try:
        with settings.search_client(terminal, max_retries=0) as client:
            next(iter(client.search_conversations(max_items=1)), None)
    except AuthenticationError as error:
        return failed_check(
            name, error, f"Check {key.source}. PolyAI issues these keys on request."
        )
    except PolyAIError as error:
        return failed_check(name, error, error_remedy(error) or SETTINGS_REMEDY)
    return Check(name, "ok", f"the key from {key.source} opens the Conversations API v3")


def _network_succeeded(page: ConversationPage, settings: ResolvedSettings) -> Iterator[Check]:
    seconds = page.meta.elapsed.total_seconds() if page.meta else 0.0
    yield Check("connection", "ok", f"response in {seconds:.2f}s")
    yield _check_tls(settings)
    yield Check("key accepted", "ok", "yes")
    newest = page.conversations[0].started_at if page.conversations else None
    detail = f"{page.count:,} conversations" if isinstance(page.count, int) else "accessible"
    yield Check(
        "agent", "ok", detail + (f", the newest from {timestamp(newest)}" if newest else "")
    )
    yield _check_clock(page.meta.headers.get("date", "") if page.meta else "")


def _network_failed(error: PolyAIError, settings: ResolvedSettings) -> Iterator[Check]:
    rest = ["key accepted", "agent", "clock"]
    if isinstance(error, APIConnectionError) and error.message.startswith("TLS"):
        yield Check("connection", "ok", "server reachable")
        yield failed_check("TLS", error, _TLS_REMEDY)
    elif isinstance(error, APIConnectionError | ResponseDecodeError):
        yield failed_check("connection", error, _NETWORK_REMEDY)
        rest.insert(0, "TLS")
    else:
        yield Check("connection", "ok", "server responded")
        yield _check_tls(settings)
        if isinstance(error, AuthenticationError):
            yield failed_check("key accepted", error, _KEY_REMEDY)
            rest.remove("key accepted")
        elif isinstance(error, PermissionDeniedError | NotFoundError):
            yield Check("key accepted", "ok", "yes")
            yield failed_check("agent", error)
            rest = ["clock"]
        else:
            yield failed_check("key accepted", error)
            rest.remove("key accepted")
    for name in rest:
        yield Check(name, "skipped", "because of the failure above")


_TLS_REMEDY = (
    "If a company proxy intercepts TLS, trust its CA with SSL_CERT_FILE=/path/to/ca.pem. Also "
    "check the clock of this machine."
)
_NETWORK_REMEDY = (
    "Check the address and the network. If you need a proxy, set HTTPS_PROXY; to bypass one, set "
    "NO_PROXY."
)
_KEY_REMEDY = (
    "The key may be mistyped, expired or from another region. --probe-regions tries it in all four "
    "regions, which shows it to each of them."
)


def _check_tls(settings: ResolvedSettings) -> Check:
    if (settings.address or "").startswith("http:"):
        return Check("TLS", "skipped", "plain HTTP on this machine")
    return Check("TLS", "ok", "certificate verified")


def _check_clock(date: str) -> Check:
    try:
        seconds = (now() - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return Check("clock", "skipped", "the server sent no valid date")
    detail = f"{abs(seconds):,.0f}s {'ahead of' if seconds > 0 else 'behind'} the server"
    if abs(seconds) <= _MAX_CLOCK_SKEW:
        return Check("clock", "ok", detail)
    return Check(
        "clock", "failed", detail, "Set the clock of this machine. TLS and --since depend on it.", 1
    )


def probe_regions(settings: ResolvedSettings, key: Key) -> Iterator[Check]:
    """Check which regions accept the key."""
    accepting = []
    unasked = []
    for region in Region:
        name = f"region {region.value}"
        with DataClient(
            api_key=key.reveal(),
            region=region,
            base_url=region.base_url,  # overrides POLYAI_BASE_URL
            agent_id=settings.agent_id or _PLACEHOLDER_AGENT,
            max_retries=0,
        ) as client:
            try:
                client.get_page(limit=1)
            except AuthenticationError:
                yield Check(name, "skipped", "does not accept the key")
                continue
            except (PermissionDeniedError, NotFoundError) as error:
                accepting.append(region)
                yield Check(name, "ok", f"accepts the key, but: {error_message(error)}")
            except PolyAIError as error:
                unasked.append(region)
                yield Check(name, "skipped", f"could not be checked: {error_message(error)}")
            else:
                accepting.append(region)
                yield Check(name, "ok", "accepts the key and has the agent")
    yield _check_region(settings, accepting, unasked)


def _check_region(
    settings: ResolvedSettings, accepting: list[Region], unasked: list[Region]
) -> Check:
    if not accepting and unasked:
        detail = f"not found, and could not ask: {', '.join(unasked)}"
        return Check("right region", "failed", detail, _NETWORK_REMEDY, 6)
    if not accepting:
        remedy = "Create a new key in Agent Studio; this one is mistyped or has expired."
        return Check("right region", "failed", "no region accepts the key", remedy, 3)
    if settings.region in accepting or (settings.region is None and settings.base_url):
        return Check("right region", "ok", ", ".join(accepting))
    remedy = f"Use --region {accepting[0]}, or export POLYAI_REGION={accepting[0]}"
    return Check("right region", "failed", f"the key belongs to {accepting[0]}", remedy, 2)

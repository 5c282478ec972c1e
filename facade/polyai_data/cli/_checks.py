"""The things that must be right before the API can be used, looked at one by one."""

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

from ._connect import Setup
from ._errors import exit_code, message_of, remedy_of
from ._format import when
from ._keys import Key
from ._terminal import Terminal
from ._times import now

_MOST_SECONDS_OFF = 120
_ANY_AGENT = "PROJECT-DOCTOR"
"""Whether a region accepts a key shows whatever agent is asked for."""


class Check(NamedTuple):
    """What came of looking at one thing.

    Attributes:
        name: What was looked at.
        state: Whether it is right.
        detail: What was found.
        remedy: What to do about it, where it is wrong.
        code: The exit code for it.
    """

    name: str
    state: Literal["ok", "failed", "skipped"]
    detail: str
    remedy: str = ""
    code: int = 0


def versions() -> Check:
    """Tell what runs here."""
    detail = f"{__version__}, Data API {__spec_version__}, Python {platform.python_version()}"
    return Check("version", "ok", f"polyai-data {detail}")


def failed(name: str, error: Exception, remedy: str = "") -> Check:
    """Return the check that an error stands for."""
    return Check(name, "failed", message_of(error), remedy or remedy_of(error), exit_code(error))


def settings(setup: Setup) -> Iterator[Check]:
    """Look at what is set."""
    if setup.address is None:
        yield Check("address", "failed", "no region is set", _SET["address"], 2)
    else:
        named = f", region {setup.region.value}" if setup.region and not setup.base_url else ""
        yield Check("address", "ok", f"{setup.address}{named}")
    if setup.agent_id is None:
        yield Check("agent ID", "failed", "none is set", _SET["agent ID"], 2)
    else:
        yield Check("agent ID", "ok", setup.agent_id)
    if setup.key is None:
        yield Check("key", "failed", setup.key_problem or "none is set", _SET["key"], 2)
    else:
        note = f". {setup.key_problem}" if setup.key_problem else ""
        yield Check("key", "ok", f"from {setup.key.source}{note}")


SETTINGS_REMEDY = "Correct it, on the command line or in the environment."
_SET = {
    "address": "--region or POLYAI_REGION, with the one in the address of your Agent Studio.",
    "agent ID": "--agent or POLYAI_AGENT_ID, with the ID in the address of your Agent Studio.",
    "key": "POLYAI_API_KEY, --api-key-file or `polyai-data login`, with a key from Agent Studio.",
}


def proxy(address: str) -> Check:
    """Look at which proxy requests go through."""
    scheme, _, rest = address.partition("://")
    host = rest.partition("/")[0]
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    if scheme == "http":
        return Check("proxy", "ok", "none over plain http")
    if named is None:
        return Check("proxy", "ok", "none is set")
    if proxy_bypass(host):
        return Check("proxy", "ok", f"none for {host}, by NO_PROXY")
    # No URL is read here, so that no part of a password shows that is not escaped.
    shown = named.rpartition("@" if "@" in named else "://")[2]
    return Check("proxy", "ok", shown.partition("/")[0])


def network(setup: Setup, terminal: Terminal) -> Iterator[Check]:
    """Ask the API for one conversation, and tell by what comes how far that got."""
    try:
        client = setup.client(terminal, max_retries=0)
    except PolyAIError as error:
        yield failed("settings", error, SETTINGS_REMEDY)
        return
    with client:
        try:
            page = client.get_page(limit=1)
        except PolyAIError as error:
            yield from _of_error(error, setup)
        else:
            yield from _of_page(page, setup)


def _of_page(page: ConversationPage, setup: Setup) -> Iterator[Check]:
    seconds = page.meta.elapsed.total_seconds() if page.meta else 0.0
    yield Check("connection", "ok", f"an answer in {seconds:.2f} s")
    yield _tls(setup)
    yield Check("key accepted", "ok", "yes")
    newest = page.conversations[0].started_at if page.conversations else None
    detail = f"{page.count:,} conversations" if isinstance(page.count, int) else "it can be read"
    yield Check("agent", "ok", detail + (f", the newest of {when(newest)}" if newest else ""))
    yield _clock(page.meta.headers.get("date", "") if page.meta else "")


def _of_error(error: PolyAIError, setup: Setup) -> Iterator[Check]:
    rest = ["key accepted", "agent", "clock"]
    if isinstance(error, APIConnectionError) and error.message.startswith("TLS"):
        yield Check("connection", "ok", "the server can be reached")
        yield failed("TLS", error, _TLS_REMEDY)
    elif isinstance(error, APIConnectionError | ResponseDecodeError):
        yield failed("connection", error, _NETWORK_REMEDY)
        rest.insert(0, "TLS")
    else:
        yield Check("connection", "ok", "an answer came")
        yield _tls(setup)
        if isinstance(error, AuthenticationError):
            yield failed("key accepted", error, _KEY_REMEDY)
            rest.remove("key accepted")
        elif isinstance(error, PermissionDeniedError | NotFoundError):
            yield Check("key accepted", "ok", "yes")
            yield failed("agent", error)
            rest = ["clock"]
        else:
            yield failed("key accepted", error)
            rest.remove("key accepted")
    for name in rest:
        yield Check(name, "skipped", "as long as that is not right")


_TLS_REMEDY = (
    "A company's proxy may open the encryption: trust its authority with "
    "SSL_CERT_FILE=/path/to/authority.pem. A clock that is wrong does this as well."
)
_NETWORK_REMEDY = (
    "Check the address, the network, and whether a proxy is needed (HTTPS_PROXY) or in the way "
    "(NO_PROXY)."
)
_KEY_REMEDY = (
    "It may be mistyped, expired, or of another region: --probe-regions asks all four, which shows "
    "them the key."
)


def _tls(setup: Setup) -> Check:
    if (setup.address or "").startswith("http:"):
        return Check("TLS", "skipped", "plain http, which does not leave this machine")
    return Check("TLS", "ok", "the certificate is accepted")


def _clock(date: str) -> Check:
    try:
        seconds = (now() - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return Check("clock", "skipped", "the server did not say what time it is")
    detail = f"{abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} the server's"
    if abs(seconds) <= _MOST_SECONDS_OFF:
        return Check("clock", "ok", detail)
    return Check("clock", "failed", detail, "Set it; --since and TLS rely on it.", 1)


def regions(setup: Setup, key: Key) -> Iterator[Check]:
    """Ask every region whether it accepts the key."""
    accepting = []
    for region in Region:
        name = f"region {region.value}"
        with DataClient(
            api_key=key.reveal(),
            region=region,
            base_url=region.base_url,  # not the one of the environment
            agent_id=setup.agent_id or _ANY_AGENT,
            max_retries=0,
        ) as client:
            try:
                client.get_page(limit=1)
            except AuthenticationError:
                yield Check(name, "skipped", "does not accept the key")
                continue
            except (PermissionDeniedError, NotFoundError) as error:
                accepting.append(region)
                yield Check(name, "ok", f"accepts the key, but: {message_of(error)}")
            except PolyAIError as error:
                yield Check(name, "skipped", f"does not say: {message_of(error)}")
            else:
                accepting.append(region)
                yield Check(name, "ok", "accepts the key, and knows the agent")
    yield _right_region(setup, accepting)


def _right_region(setup: Setup, accepting: list[Region]) -> Check:
    if not accepting:
        remedy = "Make another key in Agent Studio; this one is mistyped, or has expired."
        return Check("right region", "failed", "none accepts the key", remedy, 3)
    if setup.region in accepting or (setup.region is None and setup.base_url):
        return Check("right region", "ok", ", ".join(accepting))
    remedy = f"export POLYAI_REGION={accepting[0]}, or --region {accepting[0]}"
    return Check("right region", "failed", f"it is {accepting[0]}", remedy, 2)

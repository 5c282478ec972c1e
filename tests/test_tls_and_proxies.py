"""TLS, proxies and redirects over real connections: who is trusted, and who sees the key."""

from __future__ import annotations

import base64
import inspect
import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme
from polyai_data import (
    APIConnectionError,
    APIStatusError,
    AsyncDataClient,
    ConfigurationError,
    DataClient,
)
from polyai_data._http import transports
from polyai_data._http.transports import proxy_for

if TYPE_CHECKING:
    from tests.conftest import Caller, Operation

    Listening = Callable[[Callable[[socket.socket], None]], AbstractContextManager[str]]

KEY = "made-up-key-5d02c7"
PASSWORD = "made-up-word-93b1"
HOST = "api.us.poly.ai"
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
BODY = b'{"conversationId": "CA1"}'
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that nobody trusts yet, such as a company's own."""
    return trustme.CA()


@pytest.fixture
def authority_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def read_request(connection: socket.socket) -> bytes:
    """Return what comes, up to the end of the head; empty if nothing does."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            break
        head += piece
    return head


@contextmanager
def serving(listening: Listening, certificate: trustme.LeafCert) -> Iterator[tuple[str, Any]]:
    """Serve a conversation over TLS; yield the address and the requests as they came."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    requests: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            if request := read_request(secured):
                requests.append(request)
                secured.sendall(ANSWER)

    with listening(behave) as address:
        yield address, requests


class Proxy:
    """An HTTP proxy: it connects to one address, whatever host it is asked for, and listens in."""

    def __init__(self, target: str, refusal: bytes = b"") -> None:
        host, port = target.split(":")
        self.target = (host, int(port))
        self.refusal = refusal
        self.heads: list[bytes] = []
        self.seen = b""

    def __call__(self, connection: socket.socket) -> None:
        head = read_request(connection)
        if not head:
            return  # the listener is waking up to end
        self.heads.append(head)
        if self.refusal:
            connection.sendall(self.refusal)
            return
        with socket.create_connection(self.target) as server:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            answers = threading.Thread(target=self.pass_on, args=(server, connection))
            answers.start()
            self.pass_on(connection, server)
            answers.join()

    def pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                self.seen += piece
                sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def transport_of(call: Caller, **options: Any) -> Any:
    kind = httpx.HTTPTransport if call.kind is DataClient else httpx.AsyncHTTPTransport
    return kind(**options)


def call_key(request: bytes) -> int:
    """Return how often the key stands in a request."""
    return request.count(KEY.encode())


# --- Certificates --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expires", "trusted", "reason"),
    [
        ("127.0.0.1", None, False, "unable to get local issuer certificate"),
        ("other.example", None, True, "IP address mismatch, certificate is not valid for"),
        ("127.0.0.1", LONG_AGO, True, "certificate has expired"),
    ],
    ids=["unknown authority", "other host", "expired"],
)
def test_a_certificate_that_proves_nothing_is_refused(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    expires: datetime | None,
    trusted: bool,
    reason: str,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    certificate = authority.issue_cert(name, not_after=expires)
    with serving(listening, certificate) as (address, requests):
        error = call.fails(api_key=KEY, base_url=f"https://{address}", max_retries=2)
    assert type(error) is APIConnectionError
    assert error.message.startswith(f"TLS: the certificate of {address} is not trusted: {reason}")
    assert (error.attempts, requests) == (1, [])


def test_another_name_than_the_certificates_is_refused(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    certificate = authority.issue_cert("poly.ai", "*.studio.poly.ai", f"{HOST}.evil.example")
    with serving(listening, certificate) as (address, requests), listening(Proxy(address)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        error = call.fails(api_key=KEY)
    assert error.message == (
        f"TLS: the certificate of {HOST} is not trusted: Hostname mismatch, certificate is not "
        f"valid for '{HOST}'."
    )
    assert requests == []


@pytest.mark.parametrize("way", ["SSL_CERT_FILE", "transport"])
def test_a_companys_own_authority_can_be_trusted(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    options: dict[str, Any] = {}
    if way == "transport":
        context = ssl.create_default_context(cafile=authority_file)
        options["transport"] = transport_of(call, verify=context)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    with serving(listening, authority.issue_cert("127.0.0.1")) as (address, requests):
        conversation = call(api_key=KEY, base_url=f"https://{address}", **options)
    assert conversation.conversation_id == "CA1"
    (request,) = requests
    assert call_key(request) == 1


def test_an_authority_that_cannot_be_read_is_an_error_and_not_ignored(
    call: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "odd.pem"))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        call.client(api_key=KEY, region="us")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PYTHONHTTPSVERIFY", "0"), ("REQUESTS_CA_BUNDLE", ""), ("SSL_VERIFY", "false")],
)
def test_no_variable_of_other_tools_switches_the_verification_off(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with serving(listening, authority.issue_cert("127.0.0.1")) as (address, requests):
        error = call.fails(api_key=KEY, base_url=f"https://{address}")
    assert error.message.startswith(f"TLS: the certificate of {address} is not trusted: ")
    assert requests == []


@pytest.mark.parametrize("name", ["verify", "cert", "trust_env", "follow_redirects", "ssl_context"])
def test_no_client_takes_an_argument_that_weakens_its_connection(name: str) -> None:
    for kind in (DataClient, AsyncDataClient):
        options: dict[str, Any] = {"api_key": KEY, name: False}
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            kind(region="us", **options)
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            kind.from_studio_url("https://studio.us.poly.ai/acme/PROJECT-1", **options)
        for method, value in inspect.getmembers(kind, callable):
            if method == "__init__" or not method.startswith("_"):
                parameters = inspect.signature(value).parameters.values()
                assert name not in {parameter.name for parameter in parameters}, method
                takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
                assert takes_any is (method == "from_studio_url"), method


# --- Proxies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used_and_does_not_see_the_key(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    with serving(listening, authority.issue_cert(HOST)) as (address, requests):
        behave = Proxy(address)
        with listening(behave) as proxy:
            monkeypatch.setenv(variable, f"http://{proxy}")
            assert call(api_key=KEY).conversation_id == "CA1"
    (head,) = behave.heads
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode())
    assert len(behave.seen) > len(BODY)
    for part in (KEY.encode(), b"X-API-KEY", b"PROJECT-1", b"CA1"):
        assert part not in head + behave.seen
    (request,) = requests
    assert call_key(request) == 1
    assert b"Proxy-" not in request


def test_a_proxy_of_a_transport_is_used_and_does_not_see_the_key(
    call: Caller, listening: Listening, authority: trustme.CA, authority_file: str
) -> None:
    context = ssl.create_default_context(cafile=authority_file)
    with serving(listening, authority.issue_cert(HOST)) as (address, requests):
        behave = Proxy(address)
        with listening(behave) as proxy:
            url = f"http://user:{PASSWORD}@{proxy}"
            transport = transport_of(call, verify=context, proxy=url)
            assert call(api_key=KEY, transport=transport).conversation_id == "CA1"
    (head,), (request,) = behave.heads, requests
    assert base64.b64encode(f"user:{PASSWORD}".encode()) in head
    assert call_key(head + behave.seen) == 0
    assert call_key(request) == 1
    assert b"Proxy-" not in request


def test_a_transport_of_ones_own_asks_no_proxy_of_the_environment(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = ssl.create_default_context(cafile=authority_file)
    with serving(listening, authority.issue_cert("127.0.0.1")) as (address, requests):
        behave = Proxy(address)
        with listening(behave) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
            transport = transport_of(call, verify=context)
            call(api_key=KEY, base_url=f"https://{address}", transport=transport)
    assert (len(requests), behave.heads) == (1, [])


def test_a_proxy_that_breaks_the_connection_open_is_refused(
    call: Caller, listening: Listening, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(listening, authority.issue_cert(HOST)) as (address, requests):
        behave = Proxy(address)
        with listening(behave) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
            error = call.fails(api_key=KEY)
    assert error.message.startswith(f"TLS: the certificate of {HOST} is not trusted: ")
    assert (requests, call_key(behave.heads[0] + behave.seen)) == ([], 0)


@pytest.mark.parametrize(
    ("host", "exception", "direct"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "poly.ai, 127.0.0.1", True),
        ("127.0.0.1", "*", True),
        ("localhost", "localhost", True),
        ("127.0.0.1", "poly.ai", False),
    ],
)
def test_exceptions_from_the_proxy_are_honoured(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    exception: str,
    direct: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    monkeypatch.setenv("NO_PROXY", exception)
    with serving(listening, authority.issue_cert(host)) as (address, requests):
        behave = Proxy(address)
        with listening(behave) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
            port = address.rpartition(":")[2]
            call(api_key=KEY, base_url=f"https://{host}:{port}")
    assert len(requests) == 1
    assert len(behave.heads) == (0 if direct else 1)


DENIED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def anext_of(items: Any) -> Any:
    return anext(aiter(items)) if hasattr(items, "__aiter__") else next(iter(items))


V3_HOST = "api.us-1.platform.polyai.app"


@pytest.mark.parametrize(("direct", "proxied"), [(HOST, V3_HOST), (V3_HOST, HOST)])
def test_the_hosts_of_both_apis_may_need_different_proxies(
    call: Caller,
    listening: Listening,
    monkeypatch: pytest.MonkeyPatch,
    direct: str,
    proxied: str,
) -> None:
    behave = Proxy("127.0.0.1:1", DENIED)
    with listening(behave) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        monkeypatch.setenv("NO_PROXY", direct)
        client = call.client(
            api_key=KEY, conversations_api_key=KEY, region="us", agent_id="A", account_id="B"
        )

        calls = {HOST: client.get_page, V3_HOST: lambda: anext_of(client.search_conversations())}
        with pytest.raises(APIConnectionError, match="the proxy refused"):
            call.use(client, lambda _: calls[proxied]())
    assert [head.split()[1].decode() for head in behave.heads] == [f"{proxied}:443"]
    connection = client._connection
    assert connection.is_default
    assert not connection._route(f"https://{direct}/v1").needs_trace


@pytest.mark.parametrize("by", ["environment", "transport"])
@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (DENIED, "407 Proxy Authentication Required"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403 Forbidden"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502 Bad Gateway"),
    ],
)
def test_a_proxy_that_refuses_is_named_without_its_password(
    call: Caller,
    listening: Listening,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    by: str,
    refusal: bytes,
    reason: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    behave = Proxy("127.0.0.1:1", refusal)
    with listening(behave) as proxy:
        url, options = f"http://user:{PASSWORD}@{proxy}", {}
        if by == "environment":
            monkeypatch.setenv("HTTPS_PROXY", url)
        else:
            options["transport"] = transport_of(call, proxy=url)
        error = call.fails(api_key=KEY, max_retries=2, **options)
    assert type(error) is APIConnectionError
    assert error.message == f"the proxy refused: {reason}"
    (head,) = behave.heads  # a refusal is final: it is not asked again
    token = base64.b64encode(f"user:{PASSWORD}".encode())
    assert b"Proxy-Authorization: Basic " + token in head
    assert call_key(head) == 0
    shown = f"{error}{error!r}{vars(error)}{caplog.text}"
    for secret in (PASSWORD, token.decode(), KEY):
        assert secret not in shown


def test_a_proxy_of_an_unknown_kind_is_refused_without_its_password(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://user:{PASSWORD}@proxy.example:70")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        call.client(api_key=KEY, region="us")
    assert PASSWORD not in f"{caught.value}{caught.value!r}{vars(caught.value)}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_never_goes_through_a_proxy(
    call: Caller, listening: Listening, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    requests: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        if request := read_request(connection):
            requests.append(request)
            connection.sendall(ANSWER)

    with listening(behave) as address:
        watching = Proxy(address, DENIED)
        with listening(watching) as proxy:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://{proxy}")
                monkeypatch.setenv(name.lower(), f"http://{proxy}")
            port = address.rpartition(":")[2]
            call(api_key=KEY, base_url=f"http://{host}:{port}")
    assert (len(requests), call_key(requests[0])) == (1, 1)
    assert watching.heads == []


# --- Which proxy ---------------------------------------------------------------------------------

PROXY = "http://proxy.example:3128"
V4 = "https://10.1.2.3"
V6 = "https://[2001:db8::1]"
HOSTNAME = f"https://{HOST}"


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_direct"),
    [
        # hosts and their subdomains
        (HOSTNAME, "api.us.poly.ai", True),
        (HOSTNAME, "us.poly.ai", True),
        (HOSTNAME, "ai", True),
        (HOSTNAME, "poly.ai.", True),
        (HOSTNAME, "y.ai", False),
        (HOSTNAME, "api", False),
        (HOSTNAME, "api.us.poly.ai.example", False),
        (HOSTNAME, "www.api.us.poly.ai", False),
        (HOSTNAME, "10.0.0.0/8", False),
        (f"{HOSTNAME}/v1/agents?x=other.example", "other.example", False),
        # a leading dot, and wildcards
        (HOSTNAME, ".poly.ai", True),
        (HOSTNAME, ".y.ai", False),
        (HOSTNAME, "*", True),
        (V4, "*", True),
        (V6, "*", True),
        (HOSTNAME, "*.poly.ai", True),
        (HOSTNAME, "*.other.example", False),
        (HOSTNAME, "*.", False),
        # ports
        (HOSTNAME, "poly.ai:443", True),
        (HOSTNAME, ".poly.ai:443", True),
        (HOSTNAME, "*:443", True),
        (HOSTNAME, "poly.ai:8443", False),
        (HOSTNAME, "*:8443", False),
        (f"{HOSTNAME}:8443", "poly.ai:8443", True),
        (f"{HOSTNAME}:8443", "poly.ai", True),
        (f"{HOSTNAME}:8443", "poly.ai:443", False),
        (HOSTNAME, "poly.ai:https", False),
        # IPv4
        (V4, "10.1.2.3", True),
        (V4, "10.1.2.3:443", True),
        (V4, "10.1.2.3:80", False),
        (V4, "10.1.2.30", False),
        (V4, "110.1.2.3", False),
        (V4, "10.0.0.0/8", True),
        (V4, "10.1.2.99/24", True),
        (V4, "10.1.3.0/24", False),
        (V4, "10.1.2.3/32", True),
        (V4, "0.0.0.0/0", True),
        (V4, "10.0.0.0/33", False),
        (V4, "2001:db8::/32", False),
        ("https://127.0.0.1:8443", "127.0.0.0/8", True),
        # IPv6: plain, in another spelling, in brackets, with a port, and networks
        (V6, "2001:db8::1", True),
        (V6, "2001:DB8:0:0::0001", True),
        (V6, "2001:db8::2", False),
        (V6, "[2001:db8::1]", True),
        (V6, "[2001:db8::1]:443", True),
        (V6, "[2001:db8::1]:8443", False),
        (f"{V6}:8443", "[2001:db8::1]:8443", True),
        (f"{V6}:8443", "2001:db8::1", True),
        (V6, "2001:db8::/32", True),
        (V6, "2001:db9::/32", False),
        (V6, "10.0.0.0/8", False),
        ("https://[::1]:8443", "::1", True),
        # spaces, upper case, empty entries
        (HOSTNAME, " other.example , poly.ai ", True),
        (HOSTNAME, "\tPOLY.AI", True),
        (HOSTNAME, "*.Poly.AI", True),
        ("HTTPS://API.US.POLY.AI", "api.us.poly.ai", True),
        (HOSTNAME, ",, poly.ai,", True),
        (HOSTNAME, "", False),
        (HOSTNAME, " ", False),
        (HOSTNAME, ",", False),
        (HOSTNAME, ".", False),
        (HOSTNAME, ":443", False),
        (HOSTNAME, "[", False),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_lists_exceptions(
    monkeypatch: pytest.MonkeyPatch, variable: str, url: str, no_proxy: str, is_direct: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv(variable, no_proxy)
    assert proxy_for(url) == (None if is_direct else PROXY)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"NO_PROXY": "other.example"}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY, "ALL_PROXY": "http://other.example"}, PROXY),
        ({"HTTPS_PROXY": "", "ALL_PROXY": PROXY}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"HTTPS_PROXY": "socks5://proxy.example:1080"}, "socks5://proxy.example:1080"),
        ({"HTTP_PROXY": PROXY, "FTP_PROXY": PROXY}, None),
    ],
    ids=repr,
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(HOSTNAME) == proxy
    for url in ("http://127.0.0.1:8765", "HTTP://localhost"):
        assert proxy_for(url) is None


def test_the_settings_of_the_system_count_if_the_environment_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transports, "getproxies", lambda: {"https": PROXY})
    monkeypatch.setattr(transports, "proxy_bypass", lambda host: host == "intranet")
    assert proxy_for(HOSTNAME) == PROXY
    assert proxy_for("https://intranet") is None
    assert proxy_for("http://127.0.0.1") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example")
    assert proxy_for("https://intranet") == "http://other.example"


BROKEN = ["garbage://[", "http://[::1", "gopher://proxy.example", "http://proxy.example:port"]


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "FTP_PROXY", "ALL_PROXY"])
def test_a_broken_variable_for_another_scheme_stops_nothing(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    monkeypatch.setenv(variable, value)
    with serving(listening, authority.issue_cert(HOST)) as (address, requests):
        behave = Proxy(address)
        with listening(behave) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
            assert call(api_key=KEY).conversation_id == "CA1"
    assert (len(behave.heads), len(requests)) == (1, 1)


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_broken_proxy_that_is_not_needed_stops_nothing(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(listening, authority.issue_cert("127.0.0.1")) as (address, requests):
        call(api_key=KEY, base_url=f"https://{address}")
    assert len(requests) == 1
    call.close(call.client(api_key=KEY, base_url="http://127.0.0.1:9"))


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_broken_proxy_that_is_needed_is_an_error(
    call: Caller, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=r"^Cannot set up the connection: .*HTTPS_PROXY"):
        call.client(api_key=KEY, region="us")


# --- SOCKS ---------------------------------------------------------------------------------------


class Socks(Proxy):
    """A SOCKS5 proxy: it connects to one address, whatever host it is asked for."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.hosts: list[tuple[str, int]] = []

    def __call__(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb", buffering=0)

        def read(count: int) -> bytes:
            content = b""
            while len(content) < count and (chunk := stream.read(count - len(content))):
                content += chunk
            return content

        greeting = read(2)
        if not greeting:
            return  # the listener is waking up to end
        assert greeting[0] == 5
        assert 0 in read(greeting[1])  # no authentication
        connection.sendall(b"\x05\x00")
        assert read(4) == b"\x05\x01\x00\x03"  # connect to a host name
        name = read(read(1)[0])
        self.hosts.append((name.decode(), int.from_bytes(read(2), "big")))
        with socket.create_connection(self.target) as server:
            connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
            answers = threading.Thread(target=self.pass_on, args=(server, connection))
            answers.start()
            self.pass_on(connection, server)
            answers.join()


SOCKS5H = pytest.mark.skipif(httpx.__version__ < "0.28", reason="older versions do not know it")


@pytest.mark.parametrize("scheme", ["socks5", pytest.param("socks5h", marks=SOCKS5H)])
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_socks_proxy_of_the_environment_is_used_and_does_not_see_the_key(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    scheme: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    with serving(listening, authority.issue_cert(HOST)) as (address, requests):
        behave = Socks(address)
        with listening(behave) as proxy:
            monkeypatch.setenv(variable, f"{scheme}://{proxy}")
            assert call(api_key=KEY).conversation_id == "CA1"
    assert behave.hosts == [(HOST, 443)]
    assert len(behave.seen) > len(BODY)
    assert call_key(behave.seen) == 0
    (request,) = requests
    assert call_key(request) == 1


def test_a_socks_proxy_without_socksio_is_an_error_that_says_what_to_install(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)  # importing it raises ImportError
    monkeypatch.setenv("ALL_PROXY", f"socks5://user:{PASSWORD}@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"install .*httpx\[socks\]") as caught:
        call.client(api_key=KEY, region="us")
    assert PASSWORD not in f"{caught.value}{vars(caught.value)}"


# --- Redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_carries_the_key_nowhere(
    call: Caller, listening: Listening, operation: Operation, status: int
) -> None:
    arrived: list[bytes] = []
    asked: list[bytes] = []
    with ExitStack() as stack:
        other = stack.enter_context(listening(lambda c: arrived.append(c.recv(65536))))
        location = f"http://{other}/v1/agents/PROJECT-1/conversations/CA1"

        def behave(connection: socket.socket) -> None:
            if request := read_request(connection):
                asked.append(request)
                connection.sendall(
                    f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\n"
                    "Connection: close\r\nContent-Length: 0\r\n\r\n".encode()
                )

        address = stack.enter_context(listening(behave))
        client = call.client(
            api_key=KEY,
            conversations_api_key=KEY,
            base_url=f"http://{address}",
            agent_id="PROJECT-1",
            max_retries=2,
        )
        with pytest.raises(APIStatusError, match="redirects are not followed") as caught:
            call.play(client, operation.play)
    assert (caught.value.status_code, caught.value.attempts) == (status, 1)
    assert location in caught.value.message
    assert (len(asked), call_key(asked[0])) == (1, 1)
    assert arrived == [b""]  # the test's own, which ends the listener


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_from_https_carries_the_key_nowhere(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(listening, authority.issue_cert("127.0.0.1")) as (other, requests):

        def behave(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                if read_request(secured):
                    secured.sendall(
                        f"HTTP/1.1 {status} Elsewhere\r\nLocation: https://{other}/\r\n"
                        "Connection: close\r\nContent-Length: 0\r\n\r\n".encode()
                    )

        with listening(behave) as address:
            error = call.fails(api_key=KEY, base_url=f"https://{address}")
    assert type(error) is APIStatusError
    assert error.status_code == status
    assert requests == []


@pytest.mark.parametrize("location", ["https://elsewhere.example/", "https://[broken"])
def test_a_redirect_through_a_proxy_is_told_as_it_came(
    call: Caller,
    listening: Listening,
    authority: trustme.CA,
    authority_file: str,
    monkeypatch: pytest.MonkeyPatch,
    location: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            if read_request(secured):
                secured.sendall(
                    f"HTTP/1.1 302 Elsewhere\r\nLocation: {location}\r\n"
                    "Connection: close\r\nContent-Length: 0\r\n\r\n".encode()
                )

    with listening(behave) as address, listening(Proxy(address)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        error = call.fails(api_key=KEY)
    assert error.message == f"Found; redirects are not followed (Location: {location})"

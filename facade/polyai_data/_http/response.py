"""Responses: read within their size limit, and parsed into a model or an exception."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx

from .._models.decode import UnexpectedRecord
from .._models.json_reader import read_json
from .compression import is_readable
from .error_map import status_error
from .error_map import unreadable as unreadable
from .request import AnyRequest
from .request import RawResponse as RawResponse

_MEDIA_TYPE = r"[A-Za-z][A-Za-z0-9.+-]{0,40}([/,] ?[A-Za-z][A-Za-z0-9.+-]{0,60}){0,3}"

BLOCK = 64 * 1024  # bytes


def read_headers(response: httpx.Response) -> dict[str, str]:
    """Return the headers, with their names in lower case and repeated headers joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name = raw_name.decode("latin-1").lower()
        try:
            value = raw_value.decode()
        except UnicodeDecodeError:
            value = raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class ResponseReader:
    """Collects the body of a response up to the size limit; a larger success is an error."""

    def __init__(self, request: AnyRequest, response: httpx.Response) -> None:
        self.status = response.status_code
        self.is_success = 200 <= self.status < 300
        self.headers = read_headers(response)
        self._request = request
        self._blocks: list[bytes] = []
        self._block = bytearray()  # of small chunks: each on its own would need memory of its own
        self._left = request.config.max_response_bytes

    def feed(self, chunk: bytes) -> bool:
        """Keep a chunk. Return whether to read on."""
        if len(chunk) <= self._left:
            self._left -= len(chunk)
            if not self._blocks:
                self._blocks.append(chunk)  # most bodies are one chunk
            else:
                self._block += chunk
                if len(self._block) >= BLOCK:
                    self._blocks.append(bytes(self._block))
                    self._block.clear()
            return True
        if self.is_success:
            limit = self._request.config.max_response_bytes
            reason = f"The response is larger than max_response_bytes={limit:,}"
            raise unreadable(RawResponse(self._request, self.status, self.headers, b""), reason)
        self._block += chunk[: self._left]
        return False

    def finish(self, elapsed: float, attempts: int) -> RawResponse:
        content = b"".join((*self._blocks, self._block))
        return RawResponse(self._request, self.status, self.headers, content, elapsed, attempts)


def load_json(raw: RawResponse) -> Any:
    if not raw.is_success:
        raise status_error(raw)
    if raw.status in (204, 205) and raw.request.reports_success:
        return {"success": True}  # a success without a body
    try:
        data = read_json(raw.content)
    except (ValueError, RecursionError):
        raise unreadable(raw, describe_body(raw)) from None
    if isinstance(data, dict):
        success = data.get("success")
        failed = success is False and "conversationId" not in data
        if raw.request.reports_success:  # a write: its status alone does not count
            failed = success is not True and (success is not None or "error" in data)
        if failed:
            raise status_error(raw)
    return data


def parse_response(raw: RawResponse) -> Any:
    try:
        result = raw.request.parse(load_json(raw))
    except UnexpectedRecord as error:
        raise unreadable(raw, f"Unexpected response to this operation: {error}") from None
    result.meta = raw.meta()
    return result


def describe_body(raw: RawResponse) -> str:
    if not raw.content.strip():
        return "The response body is empty"
    if not is_readable(raw.headers):
        encoding = media_type(raw.headers, "content-encoding")
        return f"The response has an unsupported Content-Encoding ({encoding})"
    if is_html(raw):
        return "Expected JSON, got an HTML page, probably from a gateway or proxy"
    kind = media_type(raw.headers)
    return f"Expected JSON, got {len(raw.content):,} bytes of Content-Type {kind}"


def media_type(headers: Mapping[str, str], name: str = "content-type") -> str:
    value = headers.get(name, "").partition(";")[0].strip()
    if not value:
        return "unknown"
    return value if re.fullmatch(_MEDIA_TYPE, value) else "invalid"


def is_html(raw: RawResponse) -> bool:
    has_html_type = "html" in raw.headers.get("content-type", "").lower()
    return has_html_type or raw.content.lstrip().startswith(b"<")

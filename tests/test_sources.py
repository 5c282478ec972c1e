"""Reading a document from where its publisher puts it: a file, a URL, pages of documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sources
from sources import SourceError, read_document, to_json

ROOT = Path(__file__).parent.parent
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Data API", "version": "1.0.9"},
    "paths": {"/x": {"get": {"responses": {"200": {"description": "fine"}}}}},
}
PAGE = """\
> ## Documentation Index

# Get a thing

## OpenAPI

````yaml api-reference/data/openapi.json GET /things/{{id}}
openapi: 3.1.0
info:
  title: Data API
  version: {version}
tags:
  - name: Things
paths:
  /things/{{id}}:
    get:
      summary: {summary}
      responses:
        '200':
          description: fine
components:
  schemas:
    Thing:
      type: object

````
"""
OTHER_PAGE = (
    PAGE.replace("/things", "/parts")
    .replace("GET", "DELETE")
    .replace("    get:", "    delete:")
    .replace("Thing:", "Part:")
    .replace("name: Things", "name: Parts")
)


def page(text: str = PAGE, *, version: str = "1.0.9", summary: str = "S") -> str:
    return text.format(version=version, summary=summary)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that writes each text into a file and reads them all as one document."""

    def read(*contents: str | bytes) -> dict[str, Any]:
        names = []
        for number, content in enumerate(contents, start=1):
            path = tmp_path / f"source{number}"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            names.append(str(path))
        return read_document(names)

    return read


def test_the_vendored_document_is_in_the_form_in_which_documents_are_kept() -> None:
    assert (
        to_json(read_document([str(ROOT / "openapi.json")])) == (ROOT / "openapi.json").read_bytes()
    )


def test_yaml_reads_as_json_would(read: Any) -> None:
    document = read(
        """\
# a comment
openapi: 3.1.0
info: {title: no, version: "1.0", x-date: 2026-01-02, x-octal: 010, x-on: [on, yes, NO]}
paths:
  /x: &x
    get:
      responses:
        200: {description: "true"}
        default: {description: fine}
  /y: *x
"""
    )
    assert document["info"] == {
        "title": "no",
        "version": "1.0",
        "x-date": "2026-01-02",
        "x-octal": 10,
        "x-on": ["on", "yes", "NO"],
    }
    assert list(document["paths"]["/x"]["get"]["responses"]) == ["200", "default"]
    assert document["paths"]["/y"] == document["paths"]["/x"]
    assert document["paths"]["/y"] is not document["paths"]["/x"]


def test_keys_stay_in_their_publishers_order(read: Any) -> None:
    text = json.dumps({"paths": {"/b": {}, "/a": {}}, **DOCUMENT}, indent=1)
    assert list(read(text)) == ["paths", "openapi", "info"]


BOMB = "openapi: 3.1.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


def python_says(text: str) -> str:
    """Return this Python version's message for invalid JSON."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    return f"is not valid JSON: {caught.value.msg} (line 1, column {caught.value.colno})."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty."),
        ("  \n", "is empty."),
        ("<!DOCTYPE html><html></html>", "is an HTML or XML page, not an OpenAPI spec."),
        ("<!DOCTYPE html>", "append .md to the URL"),
        (b"{\xff}", "is not valid UTF-8 (byte 1)."),
        (json.dumps(DOCUMENT)[:-40], "is not valid JSON: "),
        (json.dumps(DOCUMENT)[:-1], "it seems to be truncated."),
        ('{"a": 1,}', python_says('{"a": 1,}')),
        ('{"a": 1} x', python_says('{"a": 1} x')),
        ('{"openapi": , "x": 1}', python_says('{"openapi": , "x": 1}')),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "has the key 'c' twice in one object."),
        ('{"openapi": NaN}', "contains NaN, which is not valid JSON."),
        ("{" * 100_000, "is not valid JSON"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "is nested too deeply."),
        ("a: [1, 2", "is neither JSON nor YAML: "),
        ("a: 1\na: 2", 'found duplicate key "a"'),
        ("openapi: !!python/object:os.system {}", "is neither JSON nor YAML: could not determine"),
        ("a: &a [*a]", "contains aliases that expand without limit."),
        (BOMB, "contains aliases that expand without limit."),
        ('200: x\n"200": y', "has the key '200' twice in one object."),
        ("? !!binary aGk=\n: 1", "has a key of type bytes, which JSON does not support."),
        ("a: !!binary aGk=", "contains a bytes, which JSON does not support."),
        ("[1, 2]", "is a list; an OpenAPI spec is an object."),
        ("just words", "is a string; an OpenAPI spec is an object."),
        ('{"swagger": "2.0"}', "is Swagger 2.0; convert it to OpenAPI 3 first."),
        (
            '{"name": 1, "x": 2}',
            "is not an OpenAPI spec: it has no 'openapi' key (found: name, x).",
        ),
        ("{}", "is not an OpenAPI spec: it has no 'openapi' key (found: nothing)."),
        ('{"openapi": "3.2.0"}', "is OpenAPI 3.2.0; only 3.0 and 3.1 are supported."),
        ('{"openapi": 2}', "is OpenAPI 2; only 3.0 and 3.1"),
    ],
)
def test_what_is_no_document_is_refused_with_what_it_is(
    read: Any, content: str | bytes, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_VALUES", 100_000)  # as many as there are take their time
    with pytest.raises(SourceError) as caught:
        read(content)
    message = str(caught.value)
    assert "source1: " in message
    assert told in message
    assert len(message) < 400


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere: No such file or directory\.$"):
        read_document([str(tmp_path / "nowhere")])
    with pytest.raises(SourceError, match="No source: pass a file"):
        read_document([])


def test_a_file_that_no_document_is_as_large_as_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(sources.MAX_BYTES + 1)
    with pytest.raises(SourceError, match="larger than 50 MB"):
        read_document([str(path)])


# --- Over https ----------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that reads a URL which answers so."""

    def served(answer: Callable[[httpx.Request], httpx.Response]) -> Any:
        fetch = sources._fetch
        transport = httpx.MockTransport(answer)
        monkeypatch.setattr(sources, "_fetch", lambda url: fetch(url, transport))
        return read_document(["https://example.com/openapi.json"])

    return served


def test_a_document_is_fetched_over_https(served: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/openapi.json":
            return httpx.Response(302, headers={"Location": "https://example.org/there"})
        return httpx.Response(200, json=DOCUMENT)

    assert served(answer) == DOCUMENT


def fails(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda _: httpx.Response(404), "the server returned status 404."),
        (fails, "ConnectError: refused."),
        (lambda _: httpx.Response(200, text="<html>"), "is an HTML or XML page"),
        (
            lambda _: httpx.Response(200, content=iter([bytes(2**20)] * 51)),
            "larger than 50 MB",
        ),
        (
            lambda request: (
                httpx.Response(302, headers={"Location": "http://example.com/"})
                if request.url.scheme == "https"
                else httpx.Response(200, json=DOCUMENT)
            ),
            "redirects to http://example.com/, which is not https.",
        ),
    ],
    ids=["status", "connection", "html", "large", "plain"],
)
def test_what_cannot_be_fetched_is_refused(served: Any, answer: Any, told: str) -> None:
    with pytest.raises(SourceError) as caught:
        served(answer)
    assert str(caught.value).startswith("https://example.com/openapi.json: ")
    assert told in str(caught.value)


@pytest.mark.parametrize("url", ["http://example.com/openapi.json", "ftp://example.com/x"])
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(SourceError, match="only https URLs are supported"):
        read_document([url])


# --- Pages ---------------------------------------------------------------------------------------


def test_a_page_gives_the_fragment_in_it(read: Any) -> None:
    document = read(page())
    assert list(document) == ["openapi", "info", "tags", "paths", "components"]
    assert document["paths"]["/things/{id}"]["get"]["summary"] == "S"


def test_pages_of_one_document_merge_into_one(read: Any) -> None:
    document = read(page(), page(OTHER_PAGE), page())
    assert list(document) == ["openapi", "info", "tags", "paths", "components"]
    assert list(document["paths"]) == ["/things/{id}", "/parts/{id}"]
    assert list(document["components"]["schemas"]) == ["Thing", "Part"]
    assert document["tags"] == [{"name": "Things"}, {"name": "Parts"}]


def test_what_follows_the_paths_stands_behind_those_of_every_page(read: Any) -> None:
    extra = page(OTHER_PAGE).replace("paths:", "x-more: 1\npaths:")
    document = read(page(), extra)
    assert list(document) == ["openapi", "info", "tags", "x-more", "paths", "components"]


def test_a_page_may_hold_line_ends_that_markdown_does_not_know(read: Any) -> None:
    text = page().replace("# Get a thing", "# Get\u2028a\x0cthing")
    assert read(text.replace("\n", "\r\n"))["info"]["title"] == "Data API"


def test_pages_that_contradict_each_other_are_refused_with_the_place_and_both(read: Any) -> None:
    with pytest.raises(SourceError) as caught:
        read(page(OTHER_PAGE), page(), page(summary="Another"))
    message = str(caught.value)
    assert "contradict each other at paths → /things/{id} → get → summary:" in message
    assert 'source2: "S"' in message
    assert 'source3: "Another"' in message
    with pytest.raises(SourceError, match=r"at info → version:"):
        read(page(), page(OTHER_PAGE, version="1.0.10"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (page().rpartition("````")[0], "is truncated: its OpenAPI fragment is not closed."),
        (page()[:-60], "is truncated: its OpenAPI fragment is not closed."),
        (
            page().replace("    get:", "    put:"),
            "is for GET /things/{id}, but does not contain it",
        ),
        (page().replace("openapi: 3.1.0\n", ""), "is not an OpenAPI spec"),
        (page().replace("paths:", "paths"), "is neither JSON nor YAML"),
        (page().partition("paths:")[0] + "paths: text\n````\n", "but does not contain it"),
        (
            page().partition("paths:")[0] + "paths: {'/things/{id}': get}\n````\n",
            "but does not contain it",
        ),
    ],
)
def test_a_page_that_is_damaged_is_refused(read: Any, content: str, told: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(content)
    assert told in str(caught.value)


def test_pages_of_two_documents_are_refused(read: Any) -> None:
    other = page(OTHER_PAGE).replace("api-reference/data", "api-reference/chat")
    with pytest.raises(SourceError, match=r"belong to different specs: .*data.*, .*chat"):
        read(page(), other)


def test_of_several_sources_each_must_be_a_page(read: Any) -> None:
    with pytest.raises(SourceError, match=r"source2: contains no OpenAPI fragment"):
        read(page(), json.dumps(DOCUMENT))


# --- Writing -------------------------------------------------------------------------------------


def test_a_reference_to_another_file_is_refused() -> None:
    document = {**DOCUMENT, "x": [{"$ref": "common.yaml#/Thing"}]}
    with pytest.raises(SourceError, match=r"references another file \(common\.yaml#/Thing\)"):
        to_json(document)


@pytest.mark.parametrize("value", [float("inf"), "\ud800"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(SourceError, match="cannot be written as JSON"):
        to_json({"x": value})


@pytest.mark.parametrize("url", ["https://", "https://[::1", "https://exa mple.com/x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_document([url])
    assert str(caught.value).startswith(f"{url}: ")

"""What the commands are told by `make`."""

from __future__ import annotations

from pathlib import Path

import console
import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a.json", ["a.json"]),
        ("my spec.json", ["my spec.json"]),
        ("it's.json", ["it's.json"]),
        ('a "b".json', ['a "b".json']),
        ("my spec.json a.json", ["my spec.json", "a.json"]),
        ("https://x/a.md https://x/b.md", ["https://x/a.md", "https://x/b.md"]),
        ("missing.json  a.json", ["missing.json", "a.json"]),
        ("'my spec.json' a.json", ["my spec.json", "a.json"]),
        ("\"it's.json", ["\"it's.json"]),
        ("https://x/a.json?q='$(ls)'", ["https://x/a.json?q='$(ls)'"]),
        ("a.md\nb.md", ["a.md", "b.md"]),
    ],
)
def test_sources_are_split_at_spaces_but_not_in_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.json", "my spec.json", "it's.json", 'a "b".json'):
        (tmp_path / name).touch()
    monkeypatch.setenv("SPEC", text)
    assert console.sources() == expected


@pytest.mark.parametrize(("value", "expected"), [("ok", True), ("no", False), ("", None)])
def test_merging_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool | None
) -> None:
    monkeypatch.setenv("MERGE", value)
    assert console.merge_pages() is expected

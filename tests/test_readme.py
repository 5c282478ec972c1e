"""The examples of the README run as they stand, and print what stands below them."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import polyai_data
import pytest
from markdown_it import MarkdownIt
from polyai_data import Region
from polyai_data.sandbox import serve

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples() -> list[tuple[str, str | None]]:
    """Return the Python blocks, each with the block of output that follows it, if there is one."""
    fences = [token for token in MarkdownIt().parse(README) if token.type == "fence"]
    found = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence.info == "python":
            shown = following is not None and following.info == "text"
            found.append((fence.content, following.content if following and shown else None))
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: example[0].split("\n")[0])
def test_example_prints_what_the_readme_shows(
    example: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, expected = example
    printed = io.StringIO()
    with serve() as base_url, contextlib.redirect_stdout(printed):
        monkeypatch.setenv("POLYAI_BASE_URL", base_url)
        monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
        exec(compile(source, "README.md", "exec"), {})  # the README is ours
    if expected is not None:
        assert printed.getvalue() == expected


def test_readme_names_every_error() -> None:
    errors = {n for n in polyai_data.__all__ if n.endswith("Error") and n != "PolyAIError"}
    assert {name for name in errors if f"`{name}`" not in README} == set()


def test_readme_names_every_region_with_its_addresses() -> None:
    for region in Region:
        row = re.search(rf'^\| `"{region}"` .*$', README, re.MULTILINE)
        assert row is not None
        assert region.base_url in row[0]
        assert region.studio_url.removeprefix("https://") in row[0]


def test_changelog_has_an_entry_for_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest: Any = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest[1] == polyai_data.__version__

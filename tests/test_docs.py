"""The Python examples of the README and of docs/ run as they stand, and print what is shown."""

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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples() -> list[Any]:
    """Return the Python blocks, each with the block of output that follows it, if there is one.

    Blocks with tests are left out: test_testing_plugin.py runs these.
    """
    found: list[Any] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = [token for token in MarkdownIt().parse(text) if token.type == "fence"]
        for fence, following in zip(fences, [*fences, None][1:], strict=True):
            if fence.info == "python" and "def test_" not in fence.content:
                output = following.content if following and following.info == "text" else None
                number = len(found) + 1
                found.append(pytest.param(fence.content, output, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize(("source", "expected"), examples())
def test_an_example_prints_what_the_page_shows(
    source: str, expected: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with serve() as base_url, contextlib.redirect_stdout(printed):
        monkeypatch.setenv("POLYAI_BASE_URL", base_url)
        monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
        monkeypatch.setenv("POLYAI_AGENT_ID", "PROJECT-DEMO")
        monkeypatch.setenv("POLYAI_ACCOUNT_ID", "ACCOUNT-DEMO")
        monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", "sandbox-v3")
        exec(compile(source, "example", "exec"), {})  # the pages are ours
    if expected is not None:
        assert printed.getvalue() == expected


def test_links_between_the_pages_lead_to_files() -> None:
    targets = [
        (page, target)
        for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    assert len(targets) >= len(PAGES)
    assert [target for page, target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in readme] == []


def test_the_errors_page_names_every_error() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    errors = {n for n in polyai_data.__all__ if n.endswith("Error") and n != "PolyAIError"}
    assert {name for name in errors if f"`{name}`" not in page} == set()


def test_the_settings_page_names_every_region_with_its_addresses() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for region in Region:
        row = re.search(rf'^\| `"{region}"` .*$', page, re.MULTILINE)
        assert row is not None
        assert region.base_url in row[0]
        assert region.studio_url.removeprefix("https://") in row[0]
        assert all(alias in row[0] for alias in region.aliases)


def test_changelog_has_an_entry_for_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest: Any = re.search(r"^## (\S+)( \(unreleased\))?$", changelog, re.MULTILINE)
    # What is unreleased may get another version than its entry has, until it is released.
    assert newest[1] == polyai_data.__version__ or newest[2]

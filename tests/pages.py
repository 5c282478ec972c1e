"""The pages of the documentation, and the examples in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))


def read(page: str) -> str:
    """Return the text of a page, such as `how-to/list.md`."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def fences(page: Path) -> list[Any]:
    """Return the code blocks of a page."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return [token for token in tokens if token.type == "fence"]


def python_examples() -> Iterator[tuple[str, str, str | None]]:
    """Yield each Python example as its name, its source, and the output that the page shows.

    A block that says `continued` continues the one before. Tests, and code for Spark, dlt or
    notebooks with plots, are left out: test_testing_plugin.py and tests/data run them.
    """
    for page in PAGES:
        blocks = fences(page)
        before = ""
        for block, following in zip(blocks, [*blocks, None][1:], strict=True):
            if block.info.split()[:1] != ["python"] or "def test_" in block.content:
                continue
            if block.info in ("python notebook", "python spark", "python dlt"):
                continue
            assert block.info in ("python", "python continued")
            source = block.content
            if block.info == "python continued":
                source = f"{before}\n{source}"
            before = source
            if following and following.info == "python continued":
                continue
            output = following.content if following and following.info == "text" else None
            yield f"{page.relative_to(ROOT)}:{block.map[0] + 1}", source, output
    for notebook in NOTEBOOKS:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        source = "\n".join("".join(cell["source"]) for cell in code)
        printed = [line for cell in code for one in cell["outputs"] for line in one.get("text", [])]
        if "pandas" not in source:
            yield str(notebook.relative_to(ROOT)), source, "".join(printed)


def pytest_examples() -> Iterator[tuple[str, str]]:
    """Yield each page that shows tests, and all of them."""
    for page in PAGES:
        blocks = [block.content for block in fences(page) if "def test_" in block.content]
        if blocks:
            yield str(page.relative_to(ROOT)), "\n\n".join(blocks)


def console_examples() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each console example as its name, and its commands, each with the output shown."""
    for page in PAGES:
        for block in fences(page):
            if block.info != "console":
                continue
            commands: list[tuple[str, str]] = []
            for line in block.content.splitlines(keepends=True):
                if line.startswith("$ "):
                    commands.append((line[2:].strip(), ""))
                else:
                    command, output = commands[-1]
                    commands[-1] = (command, output + line)
            yield f"{page.relative_to(ROOT)}:{block.map[0] + 1}", commands

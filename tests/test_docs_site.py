"""The documentation site: what it shows of the code, and that it loads nothing from elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import architecture
import docs_site
import pytest
import typer
from polyai_data.cli._commands import app

from tests.pages import read


def site(page: str) -> str:
    """Return the Markdown that the site shows for a page."""
    return docs_site.page(page.removesuffix(".md"), read(page))


def test_the_reference_has_every_public_name() -> None:
    shown = "".join(
        site(f"reference/{page}.md") for page in ("client", "models", "errors", "extras")
    )
    for module in docs_site.MODULES:
        for name in sys.modules[module].__all__:
            owners = [other for other in docs_site.MODULES if f":: {other}.{name}\n" in shown]
            assert owners or name.startswith("__"), f"{module}.{name}"


def test_the_reference_has_every_command_and_option() -> None:
    page = site("reference/command-line.md")
    group: Any = typer.main.get_command(app)
    assert len(group.commands) > 10
    for name, command in group.commands.items():
        _, heading, section = page.partition(f"\n### {name}\n")
        assert heading, name
        section = section.partition("\n### ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(f"`{option}`" in section for option in parameter.opts), parameter.name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Default: 250 with --since.", "Default: 250 with `--since`."),
        ("See `get --web` and --all.", "See `get --web` and `--all`."),
        ("POLYAI_KEY_<REGION>, or POLYAI_KEY.", "`POLYAI_KEY_<REGION>`, or `POLYAI_KEY`."),
        ("Fewer than <b>: --all or --no-raw", "Fewer than &lt;b>: `--all` or `--no-raw`"),
    ],
)
def test_help_is_marked_up(text: str, expected: str) -> None:
    assert docs_site._marked_up(text) == expected


def test_the_reference_has_the_corrections_of_the_specs() -> None:
    table = docs_site.differences()
    assert "| `ConversationDetailResponse`, `ConversationSummaryResponse` | `polyScore` |" in table
    assert "| `ConversationDetailResponse` | `turns` | The turns in real responses" in table
    assert "| `V3ConversationTurn` | `barge_in` |" in table
    assert "| `DebugChatResponse` | required fields | A reply can be read" in table
    assert "next action" not in table  # which only makes room
    assert "operationId" not in table


@pytest.mark.parametrize(
    ("docname", "text", "expected"),
    [
        ("index", "[a](how-to/list.md)", "[a](/how-to/list.md)"),
        ("how-to/list", "[a](bulk.md#x) [b](#y)", "[a](/how-to/bulk.md#x) [b](#y)"),
        ("how-to/list", "[a](../reference/errors.md)", "[a](/reference/errors.md)"),
        ("how-to/list", "[a](../../SECURITY.md)", "[a](/explanation/security.md)"),
        ("how-to/list", "[a](https://example.com/b.md)", "[a](https://example.com/b.md)"),
        ("how-to/list", "```python\n[a](b.md)\n```\n", "```python\n[a](b.md)\n```\n"),
    ],
)
def test_links_become_links_of_the_site(docname: str, text: str, expected: str) -> None:
    assert docs_site.page(docname, text) == expected


def test_a_file_of_the_repository_is_a_page_of_the_site() -> None:
    page = site("explanation/security.md")
    assert page.startswith("# Security\n")
    assert "](/how-to/local-copy.md)" in page
    opening = site("index.md")
    assert "## Examples" not in opening
    assert "This is an independent project" in opening


def test_a_notebook_is_a_page_with_its_outputs() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "[a](../how-to/list.md)"]},
        {
            "cell_type": "code",
            "source": ["print(1)\n", "2"],
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["1\n"]},
                {"output_type": "execute_result", "data": {"text/plain": ["2"]}},
                {"data": {"text/plain": ["3"], "text/html": ["<b>\n", "3</b>"]}},
                {"data": {"text/plain": ["<Figure>"], "image/png": "aW1h\nZ2U=\n"}},
            ],
        },
        {"cell_type": "markdown", "source": ["No heading"]},
    ]
    page = docs_site.page("notebooks/one", json.dumps({"cells": cells}))
    assert page == (
        "# Title\n[a](/how-to/list.md)\n\n"
        "{download}`Download this notebook <one.ipynb>`\n\n"
        "```python\nprint(1)\n2\n```\n\n```text\n1\n```\n\n```text\n2\n```\n\n"
        '`````{raw} html\n<div class="output">\n<b>\n3</b>\n</div>\n`````\n\n'
        '`````{raw} html\n<div class="output">\n'
        '<img alt="Plot: Title" src="data:image/png;base64,aW1hZ2U=">\n</div>\n`````\n\n'
        "No heading\n"
    )


def test_a_heading_in_the_alt_text_of_a_plot_is_escaped() -> None:
    output = {"data": {"image/png": ""}}
    assert 'alt="Plot: &lt;a&gt; &quot;b&quot;"' in docs_site._output(output, '<a> "b"')


def test_pictures_follow_the_theme() -> None:
    page = site("reference/command-line.md")
    assert "<picture>" not in page
    assert "```{image} ../../pictures/list-dark.svg" in page
    assert ":class: only-light" in page


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://example.com/a.js"></script>',
        '<script async\n src="//example.com/a.js"></script>',
        '<link rel="stylesheet" href="https://example.com/a.css">',
        '<img alt="" src="https://example.com/a.png">',
        '<iframe src="https://example.com"></iframe>',
        "<style>@import 'https://example.com/a.css';</style>",
        "<style>a { background: url(https://example.com/a.woff2) }</style>",
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(tmp_path: Path, html: str) -> None:
    (tmp_path / "page.html").write_text(f'<a href="https://example.com">x</a>{html}')
    assert docs_site.external(tmp_path) != []


def test_links_are_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://example.com">x</a><link rel="canonical" href="https://example.com">'
        '<script src="a.js"></script><svg xmlns="http://www.w3.org/2000/svg"></svg>'
    )
    assert docs_site.external(tmp_path) == []


# --- The architecture ----------------------------------------------------------------------------


def test_imports_run_one_way() -> None:
    rows = architecture.rows(architecture.graph())
    position = {part: index for index, row in enumerate(rows) for part in row}
    order = ["cli", "public names", "_async", "_data", "_http", "_models", "generated"]
    assert sorted(order, key=position.__getitem__) == order


def test_a_circle_of_imports_is_an_error() -> None:
    with pytest.raises(ValueError, match="circle: a, b"):
        architecture.rows({"a": {"b"}, "b": {"a"}, "top": {"a"}})


def test_only_direct_imports_are_drawn() -> None:
    parts = {"a": {"b", "c"}, "b": {"c"}, "c": set[str]()}
    assert architecture.direct(parts) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_every_part_is_drawn() -> None:
    picture = architecture.draw()
    assert all(f">{part}<" in picture for part in architecture.graph())

"""The documentation: its Python examples run and print what is shown, and its tables are complete.

tests/cli/test_cli_docs.py runs the commands that it shows.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import polyai_data
import pytest
from polyai_data import Region
from polyai_data.sandbox import serve

from tests.pages import NOTEBOOKS, PAGES, ROOT, fences, python_examples, read

EXAMPLES = list(python_examples())
# What only the examples of a page need. `make docs` installs the first three, and runs these
# examples. The others are missing where the package is tested with other dependencies.
OPTIONAL = ("celery", "dagster", "dask", "fastapi", "flask", "opentelemetry", "ray", "respx", "vcr")


Run = Callable[[str], tuple[str, dict[str, Any]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs an example, and returns its output and variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLYAI_API_KEY", "sandbox")
    monkeypatch.setenv("POLYAI_AGENT_ID", "PROJECT-DEMO")
    monkeypatch.setenv("POLYAI_ACCOUNT_ID", "ACCOUNT-DEMO")
    monkeypatch.setenv("POLYAI_CONVERSATIONS_API_KEY", "sandbox-v3")

    def run(source: str) -> tuple[str, dict[str, Any]]:
        for name in OPTIONAL:
            if re.search(rf"^(from|import) {name}\b", source, re.M):
                pytest.importorskip(name, reason=f"{name} is not installed")
        variables: dict[str, Any] = {"__name__": "__main__"}
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, "example", "exec"), variables)  # the pages are ours
        return printed.getvalue(), variables

    with serve() as sandbox:
        monkeypatch.setenv("POLYAI_BASE_URL", sandbox)
        yield run


def check(run: Run, source: str, expected: str | None) -> None:
    printed, _ = run(source)
    if expected is not None:
        assert printed == expected


@pytest.mark.filterwarnings("default")  # of the libraries that the examples use
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(source, output, id=name)
        for name, source, output in EXAMPLES
        if "from airflow" not in source
    ],
)
def test_an_example_prints_what_the_page_shows(run: Run, source: str, expected: str | None) -> None:
    check(run, source, expected)


def test_a_wrong_output_fails(run: Run) -> None:
    _, source, output = next(one for one in EXAMPLES if one[0].startswith("README.md"))
    assert output
    check(run, source, output)
    for wrong in (output.replace("5.0", "4.0"), output[:-1], output + "more\n", ""):
        assert wrong != output
        with pytest.raises(AssertionError):
            check(run, source, wrong)


def test_every_output_that_a_page_shows_is_compared() -> None:
    """A block of text follows an example, or is not output."""
    compared = {output for _, _, output in EXAMPLES if output}
    for page in PAGES:
        for block in fences(page):
            if block.info == "text":
                assert block.content in compared, (page.name, block.content)


def test_most_examples_show_their_output() -> None:
    silent = [name for name, _, output in EXAMPLES if output is None]
    assert len(EXAMPLES) > 40
    assert {name.partition(":")[0] for name in silent} <= {"docs/how-to/airflow.md"}


def test_the_airflow_examples_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in that runs each task at once: Airflow itself is too large to install here.

    tests/cli/test_cli_docs.py runs the command of the first one.
    """

    def decorator(**_: object) -> Callable[[Any], Any]:
        return lambda function: function

    airflow: Any = ModuleType("airflow")
    airflow.dag = airflow.task = decorator
    airflow.DAG = lambda *_, **__: contextlib.nullcontext()
    airflow.BashOperator = airflow.CronDataIntervalTimetable = lambda *_, **__: None
    for name in ("airflow.sdk", "airflow.providers.standard.operators.bash"):
        monkeypatch.setitem(sys.modules, name, airflow)
        while name := name.rpartition(".")[0]:
            monkeypatch.setitem(sys.modules, name, airflow)
    copy, tasks = [source for name, source, _ in EXAMPLES if "airflow.md" in name]
    run(copy)
    _, variables = run(tasks)
    assert variables["calls"]() > 200


def test_links_between_the_pages_lead_to_files() -> None:
    pages = [*PAGES, *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG"))]
    targets = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]
    assert len(targets) >= len(PAGES)
    assert [target for page, target in targets if not (page.parent / target).exists()] == []


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {ROOT / "docs" / "index.md"}
    for page in PAGES[1:]:
        for block in fences(page):
            if block.info == "{toctree}":
                names = re.findall(r"^[\w/-]+$", block.content, re.M)
                folders = [ROOT / "docs" if n.startswith("/") else page.parent for n in names]
                listed |= {f / f"{n.lstrip('/')}.md" for f, n in zip(folders, names, strict=True)}
    notebooks = {path.with_suffix(".md") for path in NOTEBOOKS}
    assert notebooks
    assert {*PAGES[1:], *notebooks} - listed == set()


def test_the_readme_is_short() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 200


def test_the_errors_page_names_every_error() -> None:
    page = read("reference/errors.md")
    errors = {n for n in polyai_data.__all__ if n.endswith("Error") and n != "PolyAIError"}
    assert {name for name in errors if f"`{name}`" not in page} == set()


def test_the_settings_page_names_every_region_with_its_addresses() -> None:
    page = read("reference/settings.md")
    for region in Region:
        row = re.search(rf'^\| `"{region}"` .*$', page, re.MULTILINE)
        assert row is not None
        assert region.base_url in row[0]
        assert region.studio_url.removeprefix("https://") in row[0]
        assert all(alias in row[0] for alias in region.aliases)


def test_the_settings_page_names_every_extra_with_what_it_installs() -> None:
    page = read("reference/settings.md")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, packages in project["optional-dependencies"].items():
        names = ", ".join(sorted(re.match(r"\w+", package)[0] for package in packages))  # type: ignore[index]
        assert re.search(rf"^\| `{extra}` \| .* \| {names} \|$", page, re.M), (extra, names)


def test_changelog_has_an_entry_for_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest: Any = re.search(r"^## (\S+)( \(unreleased\))?$", changelog, re.MULTILINE)
    # What is unreleased may get another version than its entry has, until it is released.
    assert newest[1] == polyai_data.__version__ or newest[2]

"""Taking in a new version of the document: what is told, what is generated, what still works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bump
import impact
import pytest
from impact import Change, Impact, Task
from polyai_data.sandbox import serve

from tests.bumps import BUMPS, ROOT, Bump, original

TAKE_IN = """
import json, sys
sys.path.insert(0, "scripts")
import generate, vendor
impact = vendor.vendor(sys.argv[1:])
print(impact.as_text())
strict, lenient, stale = "", "", []
try:
    generate.corrected_document()
except generate.GenerationError as error:
    strict = str(error)
sys.argv = ["generate.py", "--stale-ok"]
from contextlib import redirect_stdout
from io import StringIO
with redirect_stdout(StringIO()) as out:
    code = generate.main()
print("RESULT" + json.dumps({
    "bump": impact.bump,
    "version": impact.next_version,
    "breaking": any(change.is_breaking for change in impact.changes),
    "changes": len(impact.changes),
    "strict": strict,
    "code": code,
    "out": out.getvalue(),
}))
"""

USE = """
import os, pathlib, sys
import polyai_data
from polyai_data import Annotation, DataClient
assert polyai_data.__file__.startswith(os.getcwd()), polyai_data.__file__
with DataClient(api_key="sandbox", agent_id="PROJECT-DEMO", base_url=sys.argv[1]) as client:
    summary = next(iter(client.list_conversations(max_items=1)))
    conversation = client.get_conversation(summary.conversation_id)
    recorded = "CA22d437f4405070690f8906b76c8ea4ed"
    path = client.download_recording(recorded, pathlib.Path(sys.argv[2]))
    annotation = Annotation(turn=0, role="agent", type="wrong_info")
    client.add_annotations(summary.conversation_id, [annotation])
    client.set_note(summary.conversation_id, "checked")
    chat = client.start_chat("sandbox")
    assert chat.send("Hello").text
    assert conversation.transcript and path.stat().st_size > 44
    assert not conversation.problems, conversation.problems
print("works")
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what taking in a document reads and writes, with a warm cache of the type check."""
    root = tmp_path_factory.mktemp("template") / "project"
    for name in ("scripts", "generated", "facade"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("openapi.json", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    take_in(root, [(ROOT / "openapi.json").read_text()])
    return root


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve() as url:
        yield url


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(project / folder) for folder in ("facade", "generated"))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def take_in(project: Path, sources: list[str]) -> subprocess.CompletedProcess[str]:
    names = []
    for number, source in enumerate(sources):
        (project / f"source{number}").write_text(source)
        names.append(f"source{number}")
    return run(project, "-c", TAKE_IN, *names)


@pytest.mark.parametrize("case", BUMPS, ids=lambda case: case.name)
def test_a_new_version_is_taken_in(case: Bump, project: Path, sandbox: str, tmp_path: Path) -> None:
    done = take_in(project, case.sources)
    assert done.returncode == 0, done.stdout + done.stderr
    report, _, result = done.stdout.partition("RESULT")
    outcome = json.loads(result)
    whole = (project / "build" / "spec-diff.md").read_text()
    for text in case.told:
        assert text in report + whole, report
    assert (outcome["bump"], outcome["version"]) == (case.bump, case.version), report
    assert outcome["breaking"] == case.breaking, report
    assert len(report.splitlines()) <= 45
    assert max(len(line) for line in report.splitlines()) <= 125

    for number in case.stale:
        assert f"action {number}: " in outcome["strict"], outcome["strict"]
        assert f"action {number}: " in outcome["out"]
    assert bool(outcome["strict"]) == bool(case.stale), outcome["strict"]
    assert outcome["code"] == 0, outcome["out"]
    written = json.loads((project / "openapi.json").read_text())
    count = sum(method in item for item in written["paths"].values() for method in METHODS)
    modules = list((project / "generated/polyai_data_generated/api/operations").glob("[!_]*.py"))
    assert len(modules) == count

    used = run(project, "-c", USE, sandbox, str(tmp_path))
    assert (used.stdout == "works\n") == case.fits, used.stderr


METHODS = ("get", "put", "post", "delete", "patch")


def test_there_are_enough_of_them() -> None:
    assert len(BUMPS) >= 25
    assert len({case.name for case in BUMPS}) == len(BUMPS)


INVALID = original()
del INVALID["paths"]["/v1/agents/{agentId}/conversations"]["parameters"]
DANGLING = json.dumps(original()).replace("/schemas/DebugChatResponse", "/schemas/Gone", 1)


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (["<html></html>"], "is an HTML or XML page"),
        ([""], "is empty"),
        ([json.dumps(original())[:-5]], "cut off"),
        (['{"swagger": "2.0"}'], "convert it to OpenAPI 3"),
        (
            ['{"openapi": "3.1.0", "info": {"title": "T"}, "paths": {}}'],
            "`version` must be present",
        ),
        ([json.dumps(INVALID)], "does not define the path parameter `{agentId}`"),
        ([DANGLING], "Can't resolve $ref"),
        ([json.dumps({**original(), "paths": []})], "#/paths: Expected type `Paths`"),
        ([json.dumps({**original(), "info": {"title": "T", "version": 1}})], "#/info/version"),
    ],
    ids=["html", "empty", "cut", "swagger", "version", "parameter", "reference", "paths", "type"],
)
def test_what_is_no_valid_document_changes_nothing(
    project: Path, sources: list[str], told: str
) -> None:
    before = (project / "openapi.json").read_bytes()
    report = project / "build" / "spec-diff.md"
    report.write_text("as it was")
    for number, source in enumerate(sources):
        (project / f"source{number}").write_text(source)
    done = run(project, "scripts/vendor.py", *(f"source{n}" for n in range(len(sources))))
    assert done.returncode == 1
    assert done.stdout.startswith("Nothing was changed.\n")
    assert told in done.stdout
    assert done.stderr == ""
    assert (project / "openapi.json").read_bytes() == before
    assert report.read_text() == "as it was"


def test_the_report_of_a_change_outlives_vendoring_the_same_once_more(project: Path) -> None:
    changed = original()
    changed["info"]["version"] = "1.1.0"
    (project / "new.json").write_text(json.dumps(changed))
    report = project / "build" / "spec-diff.md"
    for expected in ("1.0.9 → Data API 1.1.0", "no change."):
        assert expected in run(project, "scripts/vendor.py", "new.json").stdout
        assert "1.0.9 → Data API 1.1.0" in report.read_text()
    assert run(project, "scripts/vendor.py", str(ROOT / "openapi.json")).returncode == 0
    assert "1.1.0 → Data API 1.0.9" in report.read_text()


def test_the_vendored_document_is_written_in_the_form_it_has(project: Path) -> None:
    before = (project / "openapi.json").read_bytes()
    (project / "compact.json").write_text(json.dumps(original()))
    assert run(project, "scripts/vendor.py", "compact.json").returncode == 0
    assert (project / "openapi.json").read_bytes() == before


@pytest.mark.parametrize("failed", ["", "make check"])
def test_a_bump_ends_with_what_is_done_and_what_is_left(failed: str) -> None:
    task = Task(impact.BLOCKS, "what", "todo")
    change = Change("added", False, "servers", "https://api.ca.poly.ai")
    found = Impact(("A", "A"), ("1", "2"), "0.1.0", [change], [task], "minor", "")
    lines = bump.summary(found, ["one", "two"], failed).splitlines()
    assert lines[0] == "Done: one; two."
    assert ("Failed: make check, as it says above." in lines) == bool(failed)
    assert "Yours to decide: 1 points, listed in build/spec-diff.md." in lines
    assert lines[-1].startswith("Then: CHANGELOG.md, version 0.1.1 in facade/polyai_data/_version")
    nothing = Impact(("A", "A"), ("1", "1"), "0.1.0", [], [], "none", "")
    assert bump.summary(nothing, ["one"], "") == "Done: one."

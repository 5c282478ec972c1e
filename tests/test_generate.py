"""Generating the client: deterministic, all or nothing, and checked against what is committed."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import runpy
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import generate
import openapi_python_client
import polyai_data_generated
import pytest
import yaml
from adapt import operation_ids, python_name
from documents import OTHERS
from impact import wrapped_operations
from openapi_python_client.parser import GeneratorData
from polyai_data_generated import models, origin
from polyai_data_generated.wire_names import WIRE_NAMES
from servers import server_urls

PACKAGE = Path(polyai_data_generated.__file__).parent
ROOT = PACKAGE.parent.parent
FROZEN = Path(__file__).parent / "bump_project"  # a spec and an overlay that stay as they are
OPERATIONS = {
    "list_conversations",
    "get_conversation",
    "get_recording",
    "add_annotations",
    "set_note",
    "start_chat",
    "send_chat_message",
}
"""The operations of the frozen spec."""


def tree(directory: Path) -> dict[str, bytes]:
    """Return the contents of every file, by its path."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


class Project:
    """A copy of what the generator reads and writes, elsewhere."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, sources: dict[str, Path]
    ) -> None:
        self.package = root / "generated" / PACKAGE.name
        self.document, self.overlay = root / "openapi.json", root / "overlay.yaml"
        self.monkeypatch = monkeypatch
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        for name, source in sources.items():
            shutil.copy(source, root / name)
        for name, path in {
            "ROOT": root,
            "DOCUMENT": self.document,
            "OVERLAY": self.overlay,
            "GENERATOR_CONFIG": root / "generator.yaml",
            "PACKAGE": self.package,
        }.items():
            monkeypatch.setattr(generate, name, path)

    def run(self, *arguments: str) -> int:
        self.monkeypatch.setattr(sys, "argv", ["generate.py", *arguments])
        return generate.main()

    def change(self, change: Callable[[Any], object]) -> None:
        document = json.loads(self.document.read_text())
        change(document)
        self.document.write_text(json.dumps(document))

    def skip_generating(self) -> None:
        """Let the generator give what is committed, at once."""

        def copy(target: Path, *, stale: object, notes: list[str]) -> None:
            assert stale is None
            assert notes == []
            shutil.copytree(PACKAGE, target)

        self.monkeypatch.setattr(generate, "generate", copy)


NAMES = ("openapi.json", "overlay.yaml", "generator.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The frozen spec; its old package is the committed one."""
    return Project(tmp_path / "project", monkeypatch, {name: FROZEN / name for name in NAMES})


@pytest.fixture
def vendored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The vendored spec."""
    sources = {name: ROOT / "scripts" / name for name in NAMES}
    return Project(
        tmp_path / "project",
        monkeypatch,
        {**sources, **{name: ROOT / name for name in ("openapi.json", *OTHERS)}},
    )


def test_the_committed_package_is_what_is_generated_twice_and_elsewhere(
    vendored: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(vendored.package.parent)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    (vendored.package / "left_over.py").touch()
    for _ in range(2):
        assert vendored.run() == 0
        assert tree(vendored.package) == tree(PACKAGE)
    assert [path.name for path in vendored.package.parent.iterdir()] == [PACKAGE.name]
    assert "Wrote generated/polyai_data_generated." in capsys.readouterr().out


def test_the_check_passes_on_what_is_committed(capsys: pytest.CaptureFixture[str]) -> None:
    project_argv = pytest.MonkeyPatch()
    with project_argv.context() as patch:
        patch.setattr(sys, "argv", ["generate.py", "--check"])
        assert generate.main() == 0
    assert capsys.readouterr().out == "generated/polyai_data_generated is up to date.\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda package: (package / "types.py").write_text("# edited\n"), "-# edited"),
        (lambda package: (package / "py.typed").unlink(), "py.typed: only in a fresh run"),
        (lambda package: (package / "api" / "mine.py").touch(), "api/mine.py: only in the repo"),
    ],
    ids=["edited", "missing", "extra"],
)
def test_the_check_finds_a_file_that_is(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    told: str,
) -> None:
    project.skip_generating()
    assert project.run("--check") == 0
    change(project.package)
    before = tree(project.package)
    capsys.readouterr()
    assert project.run("--check") == 1
    assert tree(project.package) == before
    out = capsys.readouterr().out
    assert told in out
    assert out.endswith("is not up to date: run `make generate` and commit.\n")


def test_the_check_passes_over_compiled_files(project: Project) -> None:
    project.skip_generating()
    (project.package / "__pycache__").mkdir()
    (project.package / "__pycache__" / "types.cpython-311.pyc").touch()
    assert project.run("--check") == 0


def test_a_package_that_is_not_there_yet_is_written(vendored: Project) -> None:
    vendored.skip_generating()
    shutil.rmtree(vendored.package.parent)
    assert vendored.run("--check") == 1
    assert vendored.run() == 0
    assert tree(vendored.package) == tree(PACKAGE)


def impossible_default(document: Any) -> None:
    schemas = document["components"]["schemas"]
    schemas["UpsertNoteBody"]["properties"]["odd"] = {
        "type": "string",
        "format": "date-time",
        "default": "x",
    }


def circle_of_responses(document: Any) -> None:
    responses = {name: {"$ref": f"#/components/responses/{other}"} for name, other in ("AB", "BA")}
    document["components"]["responses"] = responses
    document["paths"]["/v1/agents/{agentId}/conversations"]["get"]["responses"]["500"] = {
        "$ref": "#/components/responses/A"
    }


def no_openapi(document: Any) -> None:
    document["openapi"] = "1.2.3"


def unresolvable(document: Any) -> None:
    schemas = document["components"]["schemas"]
    schemas["ConversationSummaryResponse"]["properties"]["odd"] = {
        "$ref": "#/components/schemas/No"
    }


def renamed(document: Any) -> None:
    path = "/v1/agents/{agentId}/debug-chat"
    document["paths"][path + "s"] = document["paths"].pop(path)


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["write", "check"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            impossible_default,
            [
                "/components/schemas/UpsertNoteBody",
                "Invalid datetime: Invalid isoformat string: 'x'",
            ],
        ),
        (circle_of_responses, ["Circular $ref: #/components/responses/A → "]),
        (no_openapi, ["Failed to parse OpenAPI document"]),
        (unresolvable, ["#/components/schemas/No"]),
        (
            renamed,
            [
                "overlay.yaml does not match the spec",
                "action 6: target matches nothing",
                "target: $.paths['/v1/agents/{agentId}/debug-chat'].post",
                "reason: The spec has no operationIds",
                "now: $['paths'] exists, but has no '/v1/agents/{agentId}/debug-chat'; closest",
                "match: '/v1/agents/{agentId}/debug-chats'",
                "make generate STALE=ok",
            ],
        ),
    ],
    ids=["schema", "circle", "error", "unresolvable", "unmatched overlay action"],
)
def test_what_cannot_be_generated_leaves_the_package_untouched(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Any], object],
    told: list[str],
    arguments: list[str],
) -> None:
    project.change(change)
    marker = project.package / "marker"
    marker.touch()
    before = tree(project.package)
    assert project.run(*arguments) == 1
    assert tree(project.package) == before
    assert [path.name for path in project.package.parent.iterdir()] == [PACKAGE.name]
    out = capsys.readouterr().out
    assert out.startswith("Nothing was generated; generated/polyai_data_generated is unchanged.\n")
    for text in told:
        assert text in out


def test_an_overlay_of_another_version_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.overlay.write_text(project.overlay.read_text().replace("overlay: 1.0.0", "overlay: 2"))
    assert project.run() == 1
    assert "not an OpenAPI Overlay 1.0 document" in capsys.readouterr().out


def test_the_origin_names_what_the_package_came_from() -> None:
    def sha256(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    document = json.loads((ROOT / "openapi.json").read_text())
    assert document["info"]["version"] == origin.DOCUMENT_VERSION
    assert document["info"]["title"] == origin.DOCUMENT_TITLE
    assert sha256(ROOT / "openapi.json") == origin.DOCUMENT_SHA256
    assert sha256(ROOT / "scripts" / "overlay.yaml") == origin.OVERLAY_SHA256
    assert sha256(ROOT / "scripts" / "generator.yaml") == origin.CONFIG_SHA256
    assert {tool: version(tool) for tool in origin.TOOLS} == origin.TOOLS
    assert {"openapi-python-client", "ruff", "python-jsonpath"} == set(origin.TOOLS)
    assert server_urls(document["servers"]) == origin.SERVERS


def test_each_module_says_not_to_edit_it() -> None:
    modules = list(PACKAGE.rglob("*.py"))
    assert len(modules) > 20
    for module in modules:
        assert module.read_text().startswith("# Written by `make generate`. Do not edit"), module
    assert (PACKAGE / "py.typed").exists()


def test_each_operation_of_the_document_has_a_module() -> None:
    names = {python_name(each) for each in operation_ids(generate.corrected_document()).values()}
    modules = {path.stem for path in (PACKAGE / "api").glob("*/*.py")} - {"__init__"}
    assert modules == names
    assert wrapped_operations() <= names
    for name in names:
        module = importlib.import_module(f"polyai_data_generated.api.operations.{name}")
        assert callable(module._get_kwargs)


def test_each_field_of_each_model_has_its_json_key() -> None:
    offered = {name: getattr(models, name) for name in models.__all__}
    classes = {name: kind for name, kind in offered.items() if attrs.has(kind)}
    assert set(WIRE_NAMES) == set(classes)
    for name, kind in classes.items():
        fields = {field.name for field in attrs.fields(kind)} - {"additional_properties"}
        assert set(WIRE_NAMES[name]) == fields


def test_each_action_of_the_overlay_gives_a_reason_of_its_own_words() -> None:
    for action in yaml.safe_load((ROOT / "scripts" / "overlay.yaml").read_text())["actions"]:
        assert len(action["description"].split()) >= 5, action["target"]


def test_a_package_that_cannot_be_put_in_place_leaves_the_old_one(
    project: Project, tmp_path: Path
) -> None:
    before = tree(project.package)
    with pytest.raises(FileNotFoundError):
        generate.replace_package(tmp_path / "not_there")
    assert tree(project.package) == before


def test_what_is_stale_in_the_overlay_can_be_left_out_to_look(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.change(renamed)
    assert project.run("--stale-ok") == 0
    out = capsys.readouterr().out
    assert "Skipped as stale: action 6: target matches nothing" in out
    modules = {path.stem for path in (project.package / "api" / "operations").glob("*.py")}
    assert modules - {"__init__"} == OPERATIONS - {"start_chat"} | {"create_agent_debug_chat"}


def test_servers_of_paths_and_operations_are_recorded_with_their_variables_filled_in(
    project: Project,
) -> None:
    def change(document: Any) -> None:
        paths = document["paths"]
        conversation = "/v1/agents/{agentId}/conversations/{conversationId}"
        paths[conversation]["servers"] = [
            {
                "url": "https://{what}.{region}.poly.ai/",
                "variables": {
                    "what": {"default": "detail"},
                    "region": {"default": "us", "enum": ["us", "eu"]},
                },
            }
        ]
        paths[f"{conversation}/audio"]["get"]["servers"] = [{"url": "https://media.poly.ai"}]
        paths[f"{conversation}/audio"]["servers"] = [{"url": "https://not.this.one"}]

    project.change(change)
    assert project.run() == 0
    written = runpy.run_path(str(project.package / "origin.py"))
    assert written["OPERATION_SERVERS"] == {
        "get_conversation": ("https://detail.us.poly.ai", "https://detail.eu.poly.ai"),
        "get_recording": ("https://media.poly.ai",),
    }
    assert written["SERVERS"] == origin.SERVERS


def test_complaints_name_schemas_first_and_no_objects_in_memory(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.change(impossible_default)
    assert project.run() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "openapi-python-client cannot generate the whole spec:"
    assert "/components/schemas/" in lines[2]
    assert not [line for line in lines if "object at 0x" in line]


@pytest.mark.parametrize("written", ["def (", "X: list[Unset]"], ids=["syntax", "unknown name"])
def test_python_that_is_invalid_leaves_the_package_untouched(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    written: str,
) -> None:
    monkeypatch.setattr(generate, "_wire_names", lambda _: f"{written}\n")
    before = tree(project.package)
    assert project.run() == 1
    assert tree(project.package) == before
    out = capsys.readouterr().out
    assert "polyai_data_generated/wire_names.py:2" in out
    assert "reformatted" not in out


# --- What is bounded, renamed or refused ---------------------------------------------------------


def long_operation_id(document: Any) -> None:
    document["paths"]["/x"] = {
        "get": {"operationId": "o" * 300, "responses": {"200": {"description": "fine"}}}
    }


def long_schema_name(document: Any) -> None:
    schemas = document["components"]["schemas"]
    schemas["L" * 300] = {"type": "object", "properties": {"a": {"type": "string"}}}
    schemas["UpsertNoteBody"]["properties"]["long"] = {"$ref": f"#/components/schemas/{'L' * 300}"}


def many_servers(document: Any) -> None:
    names = [f"v{number}" for number in range(12)]
    document["servers"] = [
        {
            "url": "https://" + ".".join(f"{{{name}}}" for name in names),
            "variables": {name: {"default": "a", "enum": list("abcdefgh")} for name in names},
        }
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (long_operation_id, "GET /x: its name is 300 characters long; at most 150 are possible."),
        (long_schema_name, "the class LLL"),
        (many_servers, "stands for 68,719,476,736 URLs; at most 100 are supported."),
    ],
)
def test_what_would_be_too_much_is_refused_with_its_place(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Any], object],
    told: str,
) -> None:
    project.change(change)
    before = tree(project.package)
    assert project.run() == 1
    assert tree(project.package) == before
    assert told in capsys.readouterr().out


def test_an_unexpected_error_of_the_generator_is_refused_with_the_operation(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = GeneratorData.from_dict

    def fail(document: Any, *, config: Any) -> Any:
        if "/v1/agents/{agentId}/debug-chat" in document["paths"]:
            raise LookupError("odd")
        return parse(document, config=config)

    monkeypatch.setattr(GeneratorData, "from_dict", staticmethod(fail))
    assert project.run() == 1
    out = capsys.readouterr().out
    assert "POST /v1/agents/{agentId}/debug-chat: LookupError: odd" in out


def test_an_enum_that_the_generator_would_change_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = openapi_python_client.Project.build

    def change(self: Any) -> Any:
        errors = build(self)
        module = self.config.output_path or self.project_dir
        path = Path(module) / "models" / "annotation_role.py"
        path.write_text(path.read_text().replace('"agent"', '"agents"'))
        return errors

    monkeypatch.setattr(openapi_python_client.Project, "build", change)
    assert project.run() == 1
    assert "values of AnnotationRole would change" in capsys.readouterr().out


def test_names_that_type_checkers_reject_are_changed(project: Project) -> None:
    def change(document: Any) -> None:
        schemas = document["components"]["schemas"]
        schemas["Label"] = {"type": "object", "properties": {"label": {"type": "string"}}}
        schemas["ConversationDetailResponse"]["properties"]["label"] = {
            "$ref": "#/components/schemas/Label"
        }
        document["paths"]["/v1/agents/{agentId}/conversations"]["get"]["parameters"] += [
            {"name": name, "in": "query", "schema": {"type": "string", "format": "date-time"}}
            for name in ("params", "headers", "filter[from]")
        ]

    project.change(change)
    assert project.run() == 0
    assert (project.package / "models" / "label_model.py").exists()
    assert not (project.package / "models" / "label.py").exists()
    written = (project.package / "api/operations/list_conversations.py").read_text()
    for name in ("params_value", "headers_value", "filter_from"):
        assert f"    {name}: datetime.datetime | Unset = UNSET," in written
    assert 'params["filter[from]"] = json_filter_from' in written


def test_what_is_not_generated_is_printed(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.change(lambda document: document.update(webhooks={"ended": {}}))
    assert project.run() == 0
    assert "Not generated: webhook ended\n" in capsys.readouterr().out


def test_a_run_that_was_killed_is_cleaned_up_by_the_next(project: Project) -> None:
    before = tree(project.package)
    killed = project.package.parent / ".generate-x"
    killed.mkdir()
    project.package.rename(killed / f"{PACKAGE.name}.old")  # killed between the two renames
    project.document.write_text("{}")
    assert project.run() == 1
    assert tree(project.package) == before
    assert [path.name for path in project.package.parent.iterdir()] == [PACKAGE.name]


def test_an_interruption_while_the_package_is_put_in_place_leaves_the_old_one(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(project.package)
    rename = os.rename
    new = tmp_path / PACKAGE.name
    new.mkdir()

    def interrupt(source: Path, target: Path) -> None:
        if source == new:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        generate.replace_package(new)
    assert tree(project.package) == before

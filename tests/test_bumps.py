"""Taking in a new version of the document: what is told, what is generated, what still works."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path

import bump
import impact
import pytest
import sources
import vendor
from contract import Change
from impact import Impact, Task

from tests.bumps import (
    BUMPS,
    LIST,
    PROJECT,
    REFUSALS,
    ROOT,
    Bump,
    Refusal,
    as_pages,
    original,
    rename_schema,
)
from tests.forks import Forks

TAKE_IN = """
import json, sys
sys.path.insert(0, "scripts")
import generate, shutil
made = []
def once(target, *arguments, stale, notes, write=generate.generate, **options):
    if not made:
        write(target, *arguments, stale=stale, notes=notes, **options)
        made.append((shutil.copytree(target, "once"), [*stale], [*notes]))
    else:
        shutil.copytree(made[0][0], target)
        stale += made[0][1]
        notes += made[0][2]
generate.generate = once  # the same twice takes its time
import vendor
impact = vendor.vendor(sys.argv[1:])
print(impact.as_text())
strict = ""
try:
    generate.corrected_document()
except generate.GenerationError as error:
    strict = str(error)
sys.argv = ["generate.py", "--stale-ok"]
from contextlib import redirect_stdout
from io import StringIO
with redirect_stdout(StringIO()) as out:
    code = generate.main()
shutil.rmtree("once")
print("RESULT" + json.dumps({
    "bump": impact.bump,
    "version": impact.next_version,
    "breaking": [f"{c.where}: {c.text}" for c in impact.changes if c.is_breaking],
    "tasks": [f"{task.what.partition(chr(10))[0]} → {task.todo}" for task in impact.tasks],
    "strict": strict,
    "omitted": impact.omitted,
    "code": code,
    "out": out.getvalue(),
}))
"""

USE = """
import json, os
import polyai_data
from polyai_data._data import operations
assert polyai_data.__file__.startswith(os.getcwd()), polyai_data.__file__
agent, conversation = "/v1/agents/A", "/v1/agents/A/conversations/C"
chat = {"clientEnv": "sandbox"}
expected = {
    "list_conversations": ("get", f"{agent}/conversations", {"limit": 10, "offset": 20}, None),
    "get_conversation": ("get", conversation, None, None),
    "get_recording": (
        "get", f"{conversation}/audio", {"direction": "user", "redacted": True}, None
    ),
    "add_annotations": (
        "post", f"{conversation}/annotation", None,
        {"annotations": [
            {"turnId": 0, "role": "agent", "annotationType": "wrong_info"}
        ]},
    ),
    "set_note": ("post", f"{conversation}/note", None, {"note": "text"}),
    "start_chat": ("post", f"{agent}/debug-chat", None, {**chat, "asrLangCode": "en-US"}),
    "send_chat_message": (
        "post", f"{agent}/debug-chat/C", None, {**chat, "message": "Hello"}
    ),
}
for name, (method, url, params, body) in expected.items():
    request = getattr(operations, name)()
    found = (request["method"], request["url"], request.get("params"), request.get("json"))
    assert found == (method, url, params, body), (name, request)
from polyai_data.models import Conversation
from polyai_data.cli._get import rows
print("works")
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture(scope="module")
def template(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with the scripts of this one, and a warm cache of the type check.

    It takes its time, so the processes that share the tests share it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root, done = shared / "template" / "project", shared / "template" / "done"
    with (shared / "template.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            ignored = shutil.ignore_patterns("__pycache__", "README.md")
            shutil.copytree(PROJECT, root, ignore=ignored)
            shutil.copytree(ROOT / "scripts", root / "scripts", ignore=ignored)
            for name in ("overlay.yaml", "generator.yaml"):
                shutil.move(root / name, root / "scripts" / name)
            shutil.copy(ROOT / "pyproject.toml", root)
            made = forks.run("-c", SCRIPT, "generate", cwd=root, env=environment(root))
            assert made.returncode == 0, made.stderr
            take_in(forks, root, [(root / "openapi.json").read_text()])
            done.touch()
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


def environment(project: Path) -> dict[str, str]:
    path = os.pathsep.join(str(project / folder) for folder in ("facade", "generated"))
    return {**os.environ, "PYTHONPATH": path}


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(forks: Forks, project: Path) -> Run:
    """Return a function that runs one of the project's scripts, from imported libraries."""

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return forks.run("-c", SCRIPT, script, *arguments, cwd=project, env=environment(project))

    return run


SCRIPT = """
import runpy, sys
sys.argv[:2] = [f"scripts/{sys.argv[1]}.py"]
sys.path.insert(0, "scripts")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def take_in(forks: Forks, project: Path, sources: list[str]) -> subprocess.CompletedProcess[str]:
    names = []
    for number, source in enumerate(sources):
        (project / f"source{number}").write_text(source)
        names.append(f"source{number}")
    return forks.run("-c", TAKE_IN, *names, cwd=project, env=environment(project))


def assert_each(expected: tuple[str, ...], found: list[str]) -> None:
    """Check that each part stands in its text, and that there are no other texts."""
    assert len(expected) == len(found), found
    for part, text in zip(expected, found, strict=True):
        assert part in text, found


def stale_actions(text: str) -> tuple[int, ...]:
    return tuple(
        int(number) for number in re.findall(r"^(?:Skipped.*: )?action (\d+): ", text, re.M)
    )


@pytest.mark.parametrize("case", BUMPS, ids=lambda case: case.name)
def test_a_new_version_is_taken_in(case: Bump, forks: Forks, project: Path) -> None:
    done = take_in(forks, project, case.sources)
    assert done.returncode == 0, done.stdout + done.stderr
    report, _, result = done.stdout.partition("RESULT")
    outcome = json.loads(result)
    whole = (project / "build" / "spec-diff.md").read_text()
    assert [text for text in case.says if text not in report + whole] == [], report
    assert (outcome["bump"], outcome["version"]) == (case.bump, case.version), report
    assert_each(case.breaking, outcome["breaking"])
    assert_each(case.tasks, outcome["tasks"])
    assert all(task.partition(" → ")[0] in whole for task in outcome["tasks"])
    assert len(report.splitlines()) <= 43, report  # two more say what was written
    assert max(len(line) for line in report.splitlines()) <= 120, report
    assert not re.search(r"^     → .*(\n {7}.*)?…$", report, re.M), report  # never cut

    assert stale_actions(outcome["strict"]) == stale_actions(outcome["out"]) == case.stale
    assert bool(outcome["strict"]) == bool(case.stale), outcome["strict"]
    assert outcome["code"] == 0, outcome["out"]
    raw = (project / "openapi.json").read_bytes()
    origin = (project / "generated/polyai_data_generated/origin.py").read_text()
    assert hashlib.sha256(raw).hexdigest() in origin
    written = json.loads(raw)
    count = sum(method in item for item in written["paths"].values() for method in METHODS)
    modules = list((project / "generated/polyai_data_generated/api/operations").glob("[!_]*.py"))
    assert len(modules) == count

    used = forks.run("-c", USE, cwd=project, env=environment(project))
    assert (used.stdout == "works\n") == case.fits, used.stderr


METHODS = ("get", "put", "post", "delete", "patch")


def test_there_are_enough_of_them() -> None:
    assert len(BUMPS) >= 50
    assert len({case.name for case in BUMPS}) == len(BUMPS)


@pytest.fixture
def vendored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that vendors in this process, checks that it is refused, and tells why."""
    document, report = tmp_path / "openapi.json", tmp_path / "build" / "spec-diff.md"
    shutil.copy(PROJECT / "openapi.json", document)
    report.parent.mkdir()
    report.write_text("as it was")
    monkeypatch.setattr(vendor, "DOCUMENT", document)
    monkeypatch.setattr(vendor, "REPORT", report)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(impact, "generate", None)  # which is not reached
    monkeypatch.setattr(sources, "MAX_VALUES", 100_000)  # as many as there are take their time

    def refused(capsys: pytest.CaptureFixture[str], *sources: str) -> str:
        files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        monkeypatch.setattr(sys, "argv", ["vendor.py", *sources])
        assert vendor.main() == 1
        out, err = capsys.readouterr()
        assert err == ""
        assert files == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        first, _, reason = out.partition("\n")
        assert first == "Nothing was changed."
        return reason

    return refused


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_what_is_no_valid_document_changes_nothing(
    case: Refusal,
    tmp_path: Path,
    vendored: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [f"page{number}.md" for number, _ in enumerate(case.sources, start=1)]
    for name, source in zip(names, case.sources, strict=True):
        (tmp_path / name).write_bytes(source.encode() if isinstance(source, str) else source)
    reason = vendored(capsys, *names)
    for text in case.told:
        assert text in reason
    assert len(reason.splitlines()) <= 45
    assert str(tmp_path) not in reason


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, vendored: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(sources.MAX_BYTES + 1)  # takes no room on the disk
    (tmp_path / "large.json").chmod(0)
    # Read in whole by the fixture's comparison otherwise.
    assert "large.json: larger than 50 MB" in vendored(capsys, "large.json")


def test_an_address_without_encryption_is_not_fetched(
    vendored: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    reason = vendored(capsys, "http://docs.example.com/openapi.json")
    assert "only https URLs are supported" in reason


def test_the_commands_refuse_and_go_on_as_they_say(project: Path, run: Run) -> None:
    changed = original()
    del changed["paths"]["/v1/agents/{agentId}/conversations/{conversationId}/note"]
    (project / "new.json").write_text(json.dumps(changed))
    done = run("vendor", "new.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n\nWrote openapi.json. Full report: build/spec-diff.md.\n")
    module = project / "generated/polyai_data_generated/api/operations/set_note.py"
    done = run("generate")
    assert (done.returncode, done.stderr) == (1, "")
    assert "\naction 5: target matches nothing in the spec\n" in done.stdout
    assert module.exists()
    done = run("generate", "--stale-ok")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Skipped as stale: action 5: ")
    assert not module.exists()
    (project / "new.json").write_text(json.dumps(changed)[:-1])
    before = (project / "openapi.json").read_bytes()
    done = run("vendor", "new.json")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("Nothing was changed.\nnew.json: is not valid JSON: ")
    assert (project / "openapi.json").read_bytes() == before


def test_the_report_of_a_change_outlives_vendoring_the_same_once_more(
    project: Path, run: Run
) -> None:
    changed = original()
    changed["info"]["version"] = "1.1.0"
    (project / "new.json").write_text(json.dumps(changed))
    report = project / "build" / "spec-diff.md"
    for expected in ("1.0.9 → Data API 1.1.0", "no changes."):
        assert expected in run("vendor", "new.json").stdout
        assert "1.0.9 → Data API 1.1.0" in report.read_text()
    assert run("vendor", str(PROJECT / "openapi.json")).returncode == 0
    assert "1.1.0 → Data API 1.0.9" in report.read_text()


@pytest.mark.parametrize(
    ("merge", "count", "told"),
    [("ok", 7, "the new summary"), ("no", 1, "6 breaking")],
    ids=["merged", "replaced"],
)
def test_a_page_is_merged_into_the_document_or_replaces_it(
    project: Path, merge: str, count: int, told: str
) -> None:
    changed = original()
    changed["paths"][LIST]["get"]["summary"] = "the new summary"
    (project / "a page.md").write_text(as_pages(changed)[0])
    done = subprocess.run(
        [sys.executable, "scripts/vendor.py"],
        cwd=project,
        env={**environment(project), "SPEC": "a page.md", "MERGE": merge},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    written = json.loads((project / "openapi.json").read_text())
    assert len(written["paths"]) == count
    assert written["paths"][LIST]["get"]["summary"] == "the new summary"
    assert told in done.stdout + json.dumps(written)
    if merge == "ok":
        changed["paths"][LIST]["get"]["summary"] = original()["paths"][LIST]["get"]["summary"]
        written["paths"][LIST]["get"]["summary"] = changed["paths"][LIST]["get"]["summary"]
        assert written == original()


def git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)


def test_a_second_trial_is_compared_with_the_last_commit_and_not_with_the_first(
    project: Path, run: Run
) -> None:
    (project / ".gitignore").write_text("build/\n.mypy_cache/\n__pycache__/\n")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message=first")
    changed = original()
    rename_schema(changed, "UpsertNoteBody", "Note")
    (project / "new.json").write_text(json.dumps(changed))
    advice = "give its replacement the class_name SetNoteBody in scripts/generator.yaml"
    assert advice in run("vendor", "new.json").stdout
    assert run("generate").returncode == 0
    assert advice in run("vendor", "new.json").stdout
    config = project / "scripts" / "generator.yaml"
    config.write_text(config.read_text().replace("UpsertNoteBody", "Note"))
    done = run("vendor", "new.json")
    assert "Nothing to decide." in done.stdout
    assert "renamed: UpsertNoteBody → Note" in done.stdout
    assert run("generate").returncode == 0
    version = project / "facade" / "polyai_data" / "_version.py"
    version.write_text(version.read_text().replace("0.1.0", "0.1.1"))
    done = run("vendor", "new.json")
    assert "Nothing to decide." in done.stdout
    assert "Suggested version of polyai-data: 0.1.0 → 0.1.1." in done.stdout


def test_no_url_and_no_file_in_a_document_is_followed(project: Path) -> None:
    requests = []
    (project / "secret.json").write_text("{")  # an error if it is read
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"
        changed = original()
        schemas = changed["components"]["schemas"]
        schemas["Cat"] = {"type": "object", "properties": {"kind": {"type": "string"}}}
        schemas["ConversationDetailResponse"]["properties"]["pet"] = {
            "oneOf": [{"$ref": "#/components/schemas/Cat"}],
            "discriminator": {
                "propertyName": "kind",
                "mapping": {
                    "url": url,
                    "file": str(project / "secret.json"),
                    "relative": "../../secret.json",
                },
            },
            "example": {"$ref": url},
            "default": {"$ref": str(project / "secret.json")},
            "externalDocs": {"url": url},
        }
        changed["components"]["examples"] = {"far": {"externalValue": url}}
        (project / "new.json").write_text(json.dumps(changed))
        done = subprocess.run(
            [sys.executable, "-c", WATCH, "new.json"],
            cwd=project,
            env=environment(project),
            capture_output=True,
            text=True,
            timeout=120,
        )
        with contextlib.suppress(BlockingIOError):
            requests.append(listener.accept())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert requests == []
    assert "new field: Conversation.pet" in done.stdout


WATCH = """
import sys
def watch(event, arguments):
    assert not event.startswith("socket.connect"), arguments
    assert event != "open" or not str(arguments[0]).endswith("secret.json"), arguments
sys.addaudithook(watch)
sys.path.insert(0, "scripts")
import generate, vendor
assert vendor.main() == 0
sys.argv = ["generate.py"]
assert generate.main() == 0
"""


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_the_report_is_utf_8_whatever_the_locale_is(project: Path, locale: str) -> None:
    changed = original()
    changed["info"]["title"] = "Ünïcode → 日本 \U0001f642"
    (project / "new.json").write_text(json.dumps(changed))
    for script in (["scripts/vendor.py", "new.json"], ["scripts/generate.py"]):
        done = subprocess.run(
            [sys.executable, *script],
            cwd=project,
            env={
                **{k: v for k, v in environment(project).items() if not k.startswith("LC_")},
                "LC_ALL": locale,
                "PYTHONUTF8": "0",
                "PYTHONCOERCECLOCALE": "0",
            },
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert script[0] == "scripts/generate.py" or "→ Ünïcode → 日本 🙂" in done.stdout.decode()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("script", ["vendor", "generate", "bump"])
def test_an_interrupted_command_says_so_and_leaves_everything_whole(
    project: Path, script: str, signal_number: signal.Signals
) -> None:
    (project / "new.json").write_text((project / "openapi.json").read_text())
    before = {p: p.read_bytes() for p in (project / "generated").rglob("*.py")}
    running = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, script, "new.json"],
        cwd=project,
        env=environment(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Which a shell ignores in what it runs in the background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stdout is not None
    while running.stdout.readline() != "ready\n":
        pass
    running.send_signal(signal_number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, "")
    assert "Interrupted. openapi.json and generated/ are each complete" in out
    assert {p: p.read_bytes() for p in (project / "generated").rglob("*.py")} == before
    assert list((project / "generated").glob(".generate-*")) == []
    assert list(project.glob("*.part")) == []


INTERRUPTED = """
import sys, time
sys.path.insert(0, "scripts")
import console, generate, impact, vendor, bump
def wait(*_, **__):
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
generate._build = wait
script = sys.argv.pop(1)
if script == "generate":
    del sys.argv[1:]
console.run({"vendor": vendor, "generate": generate, "bump": bump}[script].main)
"""


def test_the_vendored_document_is_written_in_the_form_it_has(project: Path, run: Run) -> None:
    before = (project / "openapi.json").read_bytes()
    (project / "compact.json").write_text(json.dumps(original()))
    assert run("vendor", "compact.json").returncode == 0
    assert (project / "openapi.json").read_bytes() == before


@pytest.mark.parametrize("failed", ["", "make check"])
def test_a_bump_ends_with_what_is_done_and_what_is_left(failed: str) -> None:
    task = Task(impact.BLOCKS, "what", "todo")
    change = Change("added", False, "servers", "https://api.ca.poly.ai")
    found = Impact(("A", "A"), ("1", "2"), "0.1.0", [change], [task], "minor", "")
    lines = bump.summary(found, ["one", "two"], failed).splitlines()
    assert lines[0] == "Done: one; two."
    assert ("Failed: make check (see above)." in lines) == bool(failed)
    assert "Left to do: 1 task, listed in build/spec-diff.md." in lines
    assert lines[-1].startswith(
        "Then edit CHANGELOG.md, set version 0.1.1 in facade/polyai_data/_version"
    )
    nothing = Impact(("A", "A"), ("1", "1"), "0.1.0", [], [], "none", "")
    assert bump.summary(nothing, ["one"], "") == "Done: one."


def test_files_with_a_name_are_listed_up_to_a_few() -> None:
    listed = impact.places(["raw"])
    assert listed.count(", ") == impact.MAX_FILES - 1
    assert listed.startswith("facade/polyai_data/")
    assert re.search(r" and \d+ more$", listed)
    assert impact.places(["no_such" + "_field"]) == "no file"

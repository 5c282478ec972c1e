"""Reports what a new version of the OpenAPI spec changes, and what that means for this project.

The two versions are compared by their contract. To find the consequences, the package is generated
from the new spec in a temporary directory, and the facade is type-checked against it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import committed
from adapt import operation_ids
from attrs import field, frozen
from contract import LEVELS, Change, Level, Topic, compare
from documents import MAIN, not_taken, only_taken
from generate import (
    DOCUMENT,
    PACKAGE,
    GenerationError,
    corrected_document,
    generate,
    joined_document,
)
from openapi import operations, title
from overlay import Stale

ROOT = Path(__file__).resolve().parent.parent
FACADE = ROOT / "facade" / "polyai_data"
VERSION = FACADE / "_version.py"
MAX_ROWS = 6
"""Maximum number of tasks and of changes on the screen; the report has all of them."""
MAX_NOTES = 3
"""Maximum number of things that are not generated on the screen."""
MAX_FILES = 4
"""Maximum number of files to list for a name."""
WIDTH = 120
"""Columns of the screen. Rows are cut to two lines."""

BLOCKS, USERS_NOTICE, CAN_WAIT = range(3)
"""How urgent a task is."""

_TOPICS: dict[Topic, tuple[int, str]] = {
    "security": (BLOCKS, "check _auth.py, which sends the key, the sandbox and SECURITY.md"),
    "media type": (BLOCKS, "check what the facade sends and reads: it sends JSON only"),
    "style": (BLOCKS, "check what the facade sends"),
    "default": (
        USERS_NOTICE,
        "the server does something else if it is left out: send the old value, or mention it in "
        "CHANGELOG.md",
    ),
}
"""How urgent changes of these topics are, and what to do about them."""


@frozen
class Task:
    """Something to decide or to do.

    Attributes:
        urgency: BLOCKS if `make generate` or `make check` fails until it is done, and so on.
        what: What was found.
        todo: What to do about it.
    """

    urgency: int
    what: str
    todo: str


@frozen
class Impact:
    """What a new version of the spec changes.

    Attributes:
        titles: The spec's old and new title.
        versions: Its old and new version.
        package: The version of this package.
        changes: What changed, breaking changes first.
        tasks: What to do, most urgent first.
        bump: What the changes mean for the package's version.
        mark: Identifies the new spec in the report.
        omitted: What the generated package does not contain.
    """

    titles: tuple[str, str]
    versions: tuple[str, str]
    package: str
    changes: list[Change]
    tasks: list[Task]
    bump: Level
    mark: str
    omitted: list[str] = field(factory=list)

    @property
    def next_version(self) -> str:
        """The package's next version, by semantic versioning."""
        major, minor, patch = (int(part) for part in self.package.split("."))
        if self.bump == "major" and major > 0:
            return f"{major + 1}.0.0"
        if self.bump == "major" or (self.bump == "minor" and major > 0):
            return f"{major}.{minor + 1}.0"
        return f"{major}.{minor}.{patch + 1}" if self.bump != "none" else self.package

    def _summary(self) -> list[str]:
        before, now = (f"{self.titles[side]} {self.versions[side]}" for side in (0, 1))
        if not self.changes:
            return [_one_line(f"{now}: no changes.")]
        breaking = sum(change.is_breaking for change in self.changes)
        count = f"{len(self.changes)} change{'s' if len(self.changes) > 1 else ''}"
        lines = [_one_line(f"{before} → {now}: {count}, {breaking or 'none'} breaking.")]
        if self.titles[0] != self.titles[1]:
            lines.append("The title has changed: this may be a different API.")
        if before == now:
            lines.append("The contents have changed, but the version number has not.")
        lines.append(f"Suggested version of polyai-data: {self.package} → {self.next_version}.")
        return lines

    def as_text(self) -> str:
        """Return the report for the screen, shortened."""
        lines = self._summary()
        if self.tasks:
            lines += ["", "To do, most urgent first:"]
            for number, task in enumerate(self.tasks[:MAX_ROWS], start=1):
                what, *details = task.what.splitlines()
                if what.endswith(":"):  # the error is on the next line
                    what = " ".join([what, *details[:1]])
                lines += _row(f"{number:3}. ", what)
                lines += _row("     → ", task.todo)
            lines += _more(self.tasks)
        else:
            lines += ["", "Nothing to decide."]
        if self.changes:
            lines += ["", "Changes, breaking first:"]
            for change in self.changes[:MAX_ROWS]:
                sign = "!" if change.is_breaking else " "
                is_named = f"`{change.where}`" in change.text
                line = change.text if is_named else f"{change.where}: {change.text}"
                lines += _row(f"  {sign} {change.kind:9}", line)
            lines += _more(self.changes)
        if self.omitted:
            lines += ["", "Not generated, or only in part:"]
            for note in self.omitted[:MAX_NOTES]:
                lines += _row("     ", note)
            lines += _more(self.omitted, MAX_NOTES)
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """Return the full report, for a pull request."""
        lines = [f"# {self._summary()[0]}", "", *self._summary()[1:], ""]
        if self.tasks:
            lines += ["## To do, most urgent first", ""]
            for number, task in enumerate(self.tasks, start=1):
                lines += [f"{number}. {_indented(task.what)}", f"   → {_indented(task.todo)}"]
            lines.append("")
        if self.changes:
            lines += ["## Changes", "", "| | change | where | what |", "|---|---|---|---|"]
            for change in self.changes:
                verdict = "**breaking**" if change.is_breaking else ""
                cells = (verdict, change.kind, change.where, change.text)
                lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
            lines.append("")
        if self.omitted:
            lines += [
                "## Not generated, or only in part",
                "",
                *(f"- {_indented(each)}" for each in self.omitted),
                "",
            ]
        return "\n".join([*lines, self.mark, ""])


def _one_line(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _row(head: str, text: str) -> list[str]:
    """Return the text after its head, on two lines at most."""
    lines = textwrap.wrap(
        text, WIDTH - len(head), max_lines=2, placeholder=" …", break_on_hyphens=False
    )
    return [f"{head}{lines[0]}", *(" " * len(head) + line for line in lines[1:])]


def _indented(text: str) -> str:
    return text.replace("\n", "  \n   ")


def _more(rows: list[Any], shown: int = MAX_ROWS) -> list[str]:
    return [f"     and {len(rows) - shown} more"] if len(rows) > shown else []


def measure(old: bytes, new: bytes, package: Path = PACKAGE, name: str = MAIN) -> Impact:
    """Return what replacing the spec with a new version changes.

    Args:
        old: The old spec, as JSON.
        new: The new spec, valid, as JSON.
        package: The package that was generated from the old spec.
        name: The file name of the spec. Of specs beside openapi.json, only what is taken counts.

    Raises:
        AdaptationError: if a reference in the specs leads nowhere.
    """
    before, now = json.loads(old), json.loads(new)
    changes = compare(only_taken(name, before), only_taken(name, now))
    omitted: list[str] = []
    tasks = [*_tasks(new, package, omitted, name), *_topics(changes)]
    if name != MAIN:
        omitted += not_taken(name, now, json.loads(DOCUMENT.read_bytes()))
    return Impact(
        titles=(before["info"]["title"], now["info"]["title"]),
        versions=(before["info"]["version"], now["info"]["version"]),
        package=_package_version(),
        changes=changes,
        tasks=sorted(tasks, key=lambda task: task.urgency),
        bump=max((change.level for change in changes), key=LEVELS.index, default="none"),
        mark=f"<!-- {name}: sha256 {hashlib.sha256(new).hexdigest()} -->",
        omitted=omitted,
    )


def _topics(changes: list[Change]) -> Iterator[Task]:
    """Yield what to do about changes that checks may not detect."""
    for topic, (urgency, todo) in _TOPICS.items():
        found = [
            f"{change.where}: {change.text}"
            for change in changes
            if change.topic == topic and (change.is_breaking or topic == "default")
        ]
        if found:
            yield Task(urgency, "; ".join(found), todo)
    rest = [change for change in changes if change.is_breaking and change.topic not in _TOPICS]
    if rest:
        what = f"breaking changes, which the checks may not all detect: {len(rest)}"
        yield Task(USERS_NOTICE, what, "check the facade, the sandbox, the docs and CHANGELOG.md")


def _package_version() -> str:
    """Return the committed version: the suggested one may be set already."""
    content = committed.read(ROOT, VERSION) or VERSION.read_bytes()
    match = re.search(r'^__version__ = "(.*)"$', content.decode(), re.MULTILINE)
    if match is None:
        raise RuntimeError(f"{VERSION} has no line with __version__ = …")
    return match[1]


# --- What it means here ------------------------------------------------------------------------


def _tasks(new: bytes, package: Path, omitted: list[str], name: str) -> Iterator[Task]:
    """Generate from the new spec, and yield what to do."""
    stale: list[Stale] = []
    with tempfile.TemporaryDirectory() as directory:
        trial = Path(directory) / PACKAGE.name
        try:
            generate(trial, new, name=name, stale=stale, notes=omitted)
        except GenerationError as error:
            todo = "`make generate` changes nothing until this is fixed"
            yield Task(BLOCKS, str(error), todo)
            yield from _stale_actions(stale)
            return
        corrected = corrected_document(joined_document(new, name), stale=[])
        yield from _operations(corrected, package, trial)
        yield from _models(package, trial)  # first: a removed model breaks the facade
        yield from _types(package, trial)
        yield from _facade(trial)
        yield from _stale_actions(stale)
        yield from _servers(package, trial)


def _stale_actions(stale: list[Stale]) -> Iterator[Task]:
    for is_given, what, todo in (
        (
            False,
            "overlay actions that no longer match",
            "correct or delete them in scripts/overlay.yaml; the report lists reasons and targets",
        ),
        (
            True,
            "the spec now says what these overlay actions add",
            "compare the two; delete the actions if the spec is right",
        ),
    ):
        found = [action for action in stale if action.is_given == is_given]
        if found:
            numbers = ", ".join(dict.fromkeys(str(action.number) for action in found))
            details = "\n".join(str(action) for action in found)
            yield Task(BLOCKS, f"{what}: {numbers}\n{details}", todo)


def _operations(document: dict[str, Any], package: Path, trial: Path) -> Iterator[Task]:
    """Yield what to do about operations that are new, removed, different or without a name."""
    wrapped = wrapped_operations()
    folder = Path("api") / "operations"
    present = {path.stem for path in (trial / folder).glob("*.py")} - {"__init__"}
    if wrapped - present:
        what = (
            f"operations that the facade calls were removed: {', '.join(sorted(wrapped - present))}"
        )
        todo = (
            "give others these operationIds in the overlay, or remove the methods from the facade"
        )
        yield Task(BLOCKS, what, todo)
    names = operation_ids(document)
    unnamed = [
        f"{title(place)} is named {names[place]}"
        for place, operation in operations(document)
        if not operation.get("operationId")
    ]
    if unnamed:
        what = f"without an operationId: {'; '.join(unnamed)}"
        yield Task(CAN_WAIT, what, "set a better one in the overlay if needed")
    if present - wrapped:
        what = f"the facade does not wrap {_listed('the operation', sorted(present - wrapped))}"
        todo = (
            "add a function to _data/operations.py, a method to _async/client.py and scenarios; "
            "or leave it, `make check` passes without"
        )
        yield Task(CAN_WAIT, what, todo)
    for name in sorted(present & wrapped):
        before, now = package / folder / f"{name}.py", trial / folder / f"{name}.py"
        routes = _route(before), _route(now)
        if routes[0] and routes[0] != routes[1]:
            what = f"{name} is now {routes[1]}; it was {routes[0]}"
            todo = "if it is another operation, give the two other operationIds in the overlay"
            yield Task(USERS_NOTICE, what, todo)
        unsent = _unsent(now)
        if unsent and unsent != _unsent(before):
            what = f"{name} needs what the facade does not send: {', '.join(unsent)}"
            yield Task(BLOCKS, what, "send it in _http/request.py; until then, each call fails")
        old, new = _parameters(before), _parameters(now)
        fresh = [each for each in new if each not in old]
        if fresh:
            what = f"{name} has {'new parameters' if len(fresh) > 1 else 'a new parameter'}"
            what += f", {', '.join(fresh)}"
            todo = "add it to _data/operations.py and _async/client.py, or leave it"
            yield Task(CAN_WAIT, what, todo)


def _route(module: Path) -> str:
    """Return the method and the path of a generated operation, without the parameters' names."""
    text = module.read_text(encoding="utf-8") if module.exists() else ""
    method, path = (re.search(rf'"{key}": "(.*?)"', text) for key in ("method", "url"))
    if method is None or path is None:
        return ""
    return f"{method[1].upper()} {re.sub(r'{.*?}', '{}', path[1])}"


def _unsent(module: Path) -> list[str]:
    """Return the parts of a generated request that the facade does not send."""
    text = module.read_text(encoding="utf-8") if module.exists() else ""
    parts = re.findall(r'_kwargs\["(data|files|content|cookies)"\]|"(cookies)": cookies', text)
    headers = re.findall(r'headers\["(.*?)"\] = ("application/json")?', text)
    names = [f"header {name}" for name, is_known in headers if not is_known]
    return list(dict.fromkeys([*(one or other for one, other in parts), *names]))


def places(words: list[str]) -> str:
    """Return which files of the project have one of the names as a field or as a value."""
    names = "|".join(map(re.escape, words))
    pattern = re.compile(rf"[\"'`.](?:{names})\b|\b(?:{names})(?:=|: )")
    files = [
        *sorted(path for path in FACADE.rglob("*.py") if "_sync" not in path.parts),
        *(ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))),
        *sorted((ROOT / "scripts").glob("*.py")),
        *sorted((ROOT / "tests").rglob("*.py")),
    ]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.exists() and pattern.search(path.read_text(encoding="utf-8"))
    ]
    more = f" and {len(found) - MAX_FILES:,} more" if len(found) > MAX_FILES else ""
    return ", ".join(found[:MAX_FILES]) + more or "no file"


def _listed(what: str, names: list[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def wrapped_operations() -> set[str]:
    """Return the generated operations that the facade imports."""
    tree = ast.parse((FACADE / "_data/operations.py").read_text(encoding="utf-8"))
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == f"{PACKAGE.name}.api.operations"
        for alias in node.names
    }


def _parameters(module: Path) -> list[str]:
    """Return the parameter names of a generated operation."""
    tree = ast.parse(module.read_text(encoding="utf-8") if module.exists() else "")
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "_get_kwargs":
            return [each.arg for each in [*node.args.args, *node.args.kwonlyargs]]
    return []


def _facade(trial: Path) -> Iterator[Task]:
    """Yield the files of the facade that fail the type check against the new package."""
    cache = ROOT / ".mypy_cache" / "trial"
    facade = str(FACADE.relative_to(ROOT))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", f"--cache-dir={cache}", facade],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(trial.parent)},
        capture_output=True,
        encoding="utf-8",
    )
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        match = re.fullmatch(
            r"(?P<file>\S+?):(?P<line>\d+): error: (?P<text>.*?)(  \[\S+\])?", line
        )
        if match:
            found.setdefault(match["file"], []).append(f"line {match['line']}: {match['text']}")
    for file, errors in found.items():
        yield Task(
            BLOCKS, f"{file} no longer type-checks: {'; '.join(errors)}", "update the facade"
        )
    if done.returncode and not found:
        raise RuntimeError(f"mypy failed: {done.stdout}{done.stderr}")


def _servers(package: Path, trial: Path) -> Iterator[Task]:
    """Yield what to do about new and removed servers."""
    old, new = (runpy.run_path(str(base / "origin.py")) for base in (package, trial))
    for server in [each for each in old["SERVERS"] if each not in new["SERVERS"]]:
        users = [name for name, urls in new["OPERATION_SERVERS"].items() if server in urls]
        if users:
            what = f"the server {server} now serves {', '.join(sorted(users))} only"
            yield Task(USERS_NOTICE, what, "check that Region in _regions.py still has the region")
            continue
        todo = "its region is now rejected; remove it from Region in _regions.py"
        yield Task(BLOCKS, f"the server {server} was removed", todo)
    for server in [each for each in new["SERVERS"] if each not in old["SERVERS"]]:
        todo = f"{_warning(server)}add its region to Region in _regions.py"
        yield Task(BLOCKS, f"new server: {server}", todo)
    for name, servers in new["OPERATION_SERVERS"].items():
        fresh = [each for each in servers if each not in old["OPERATION_SERVERS"].get(name, ())]
        if fresh:
            todo = f"{_warning(*fresh)}the facade sends requests there; check that this is intended"
            yield Task(CAN_WAIT, f"{name} is served from {', '.join(fresh)}", todo)


def _warning(*servers: str) -> str:
    """Return a warning if the API key would be sent to a host that may not be PolyAI's."""
    for server in servers:
        host = urlsplit(server).hostname or ""
        if not host.endswith((".poly.ai", ".polyai.app")) or not server.startswith("https://"):
            return "WARNING, the API key would go to a host that is not PolyAI's; "
    return ""


def _models(package: Path, trial: Path) -> Iterator[Task]:
    """Yield what to do about new and removed models and fields."""
    old, new = (
        runpy.run_path(str(base / "wire_names.py"))["WIRE_NAMES"] for base in (package, trial)
    )
    successors = set()
    for model in sorted(old.keys() - new.keys()):
        what = f"the model {model} was removed"
        fields = frozenset(old[model].values())
        similarity = {
            name: len(fields & others) / len(fields | others)
            for name in sorted(new.keys() - old.keys())
            if fields & (others := frozenset(new[name].values()))
        }
        best = max(similarity, key=lambda name: similarity[name], default="")
        if best and similarity[best] > 0.5:
            count = len(fields & frozenset(new[best].values()))
            has = "all its" if count == len(fields) else f"{count} of its {len(fields)}"
            what += f"; {best} has {has} fields"
            successors.add(best)
        todo = f"give its replacement the class_name {model} in scripts/generator.yaml"
        yield Task(BLOCKS, what, todo)
    for model in sorted(old.keys() & new.keys()):
        gone = [f"{model}.{name}" for name in old[model] if name not in new[model]]
        if gone:
            what = f"{_listed('the field', gone)} {'were' if len(gone) > 1 else 'was'} removed"
            used = places([each.rpartition(".")[2] for each in gone])
            yield Task(USERS_NOTICE, what, f"mention it in CHANGELOG.md; the name is in {used}")
        fresh = [f"{model}.{name}" for name in new[model] if name not in old[model]]
        if fresh:
            what = f"new field{'s' if len(fresh) > 1 else ''}: {', '.join(fresh)}"
            todo = "`make generate` adds it; name it in the class's docstring, or let users send it"
            yield Task(CAN_WAIT, what, todo)
    for model in sorted(new.keys() - old.keys() - successors):
        what = f"new model: {model}"
        todo = "give it a readable class_name in scripts/generator.yaml; export it in models.py"
        yield Task(CAN_WAIT, what, todo)


def _types(package: Path, trial: Path) -> Iterator[Task]:
    """Yield what to do about changed field types and enum values."""
    old, new = (_members(base / "models") for base in (package, trial))
    tell = "mention it in CHANGELOG.md"
    retyped = [
        f"{model}.{name} from {old[model][name]} to {new[model][name]}"
        for model in old
        for name in old[model]
        if model in new and new[model].get(name, old[model][name]) != old[model][name]
    ]
    if retyped:
        yield Task(USERS_NOTICE, f"field types changed: {', '.join(retyped)}", tell)
    for model in [each for each in old if each in new]:
        before, now = old[model], new[model]
        values = [name for name in before if name.isupper() and name not in now]
        if values:
            what = f"{model} no longer has {', '.join(before[name] for name in values)}"
            used = places([ast.literal_eval(before[name]) for name in values])
            todo = f"the facade now rejects it; {tell}; it is in {used}"
            yield Task(USERS_NOTICE, what, todo)
        values = [name for name in now if name.isupper() and name not in before]
        if values:
            what = f"{model} has the new value {', '.join(now[name] for name in values)}"
            yield Task(CAN_WAIT, what, "users can now pass it; document it")


def _members(models: Path) -> dict[str, dict[str, str]]:
    """Return the field types or enum values of each class."""
    members: dict[str, dict[str, str]] = {}
    for module in sorted(models.glob("[!_]*.py")):
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found = members.setdefault(node.name, {})
                for line in node.body:
                    if isinstance(line, ast.AnnAssign):
                        found[ast.unparse(line.target)] = ast.unparse(line.annotation)
                    elif isinstance(line, ast.Assign):
                        found[ast.unparse(line.targets[0])] = ast.unparse(line.value)
    return members

"""Reports what a new version of the OpenAPI spec changes, and what that means for this project.

Redocly finds the changes. To find their consequences, the package is generated from the new spec in
a temporary directory, and the facade is type-checked against it.
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
from typing import Any, Literal
from urllib.parse import urlsplit

from adapt import METHODS, operation_ids, operations
from attrs import frozen
from generate import PACKAGE, GenerationError, corrected_document, generate, server_urls
from overlay import Stale
from redocly import diff

ROOT = Path(__file__).resolve().parent.parent
FACADE = ROOT / "facade" / "polyai_data"
VERSION = FACADE / "_version.py"
MAX_ROWS = 6
"""Maximum number of tasks and of changes on the screen; the report has all of them."""
WIDTH = 120
"""Columns of the screen. Rows are cut to two lines."""

BLOCKS, USERS_NOTICE, CAN_WAIT = range(3)
"""How urgent a task is."""

Bump = Literal["none", "patch", "minor", "major"]
_BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")


@frozen
class Change:
    """One change of the spec.

    Attributes:
        kind: `added`, `removed` or `modified`.
        is_breaking: Whether it can break clients of the API.
        where: The part of the spec, usually an operation.
        text: What changed.
    """

    kind: str
    is_breaking: bool
    where: str
    text: str


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
    """

    titles: tuple[str, str]
    versions: tuple[str, str]
    package: str
    changes: list[Change]
    tasks: list[Task]
    bump: Bump
    mark: str

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
                lines.append(_one_line(f"     → {task.todo}"))
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


def _more(rows: list[Any]) -> list[str]:
    return [f"     and {len(rows) - MAX_ROWS} more"] if len(rows) > MAX_ROWS else []


def measure(old: bytes, new: bytes) -> Impact:
    """Return what replacing the spec with a new version changes.

    Args:
        old: The vendored spec, as JSON.
        new: The new spec, valid, as JSON.

    Raises:
        RedoclyError: if the two cannot be compared.
    """
    before, now = json.loads(old), json.loads(new)
    changes, bump = _changes(old, new)
    tasks = list(_tasks(new))
    if changes:
        bump = max(bump, "patch", key=_BUMPS.index)
    breaking = sum(change.is_breaking for change in changes)
    if breaking and not any(task.urgency < CAN_WAIT for task in tasks):
        what = f"breaking changes that no check detects: {breaking}"
        todo = "check the facade, the sandbox and CHANGELOG.md"
        tasks.append(Task(USERS_NOTICE, what, todo))
    return Impact(
        titles=(before["info"]["title"], now["info"]["title"]),
        versions=(before["info"]["version"], now["info"]["version"]),
        package=_package_version(),
        changes=changes,
        tasks=sorted(tasks, key=lambda task: task.urgency),
        bump=bump,
        mark=f"<!-- openapi.json: sha256 {hashlib.sha256(new).hexdigest()} -->",
    )


def _package_version() -> str:
    match = re.search(r'^__version__ = "(.*)"$', VERSION.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise RuntimeError(f"{VERSION} has no line with __version__ = …")
    return match[1]


# --- What changed ------------------------------------------------------------------------------


def _changes(old: bytes, new: bytes) -> tuple[list[Change], Bump]:
    with tempfile.TemporaryDirectory() as directory:
        base, revision = Path(directory) / "old.json", Path(directory) / "new.json"
        base.write_bytes(old)
        revision.write_bytes(new)
        report = diff(base, revision)
    changes = list(_server_changes(json.loads(old), json.loads(new)))
    bumps: list[Bump] = ["major" if change.is_breaking else "minor" for change in changes]
    for entry in report["changes"]:
        where, place = _place(entry["path"], entry.get("property", "key"))
        # Servers are compared above, by the URLs that their variables give.
        if where == "servers" or (where, place) == ("document", "servers"):
            continue
        verdicts = " ".join(verdict["message"] for verdict in entry["verdicts"])
        text = verdicts or f"{place}{_values(entry)}" or "everything"
        changes.append(Change(entry["kind"], entry["impact"] == "major", where, text))
        bumps.append(entry["impact"])
    changes.sort(key=lambda change: not change.is_breaking)
    return changes, max(bumps, key=_BUMPS.index, default="none")


def _server_changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[Change]:
    old, new = server_urls(before.get("servers")), server_urls(now.get("servers"))
    for url in old:
        if url not in new:
            yield Change("removed", True, "servers", url)
    for url in new:
        if url not in old:
            yield Change("added", False, "servers", url)


def _place(pointer: str, name: str) -> tuple[str, str]:
    """Return the operation that a JSON pointer is in, and the path from there to the change."""
    keys = [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:] if key]
    if name != "key":  # "key" means that the name itself changed
        keys.append(name)
    if keys[:1] != ["paths"] or len(keys) < 2:
        return ("document", keys[0]) if len(keys) == 1 else (keys[0], " → ".join(keys[1:]))
    if len(keys) < 3 or keys[2] not in METHODS:
        return keys[1], " → ".join(keys[2:])
    hidden = ("content", "application/json", "schema", "properties")
    return f"{keys[2].upper()} {keys[1]}", " → ".join(k for k in keys[3:] if k not in hidden)


def _values(entry: dict[str, Any]) -> str:
    """Return the old and the new value of a change if they are scalars, or a diff of lists."""
    old, new = (entry.get(side, {}).get("value") for side in ("base", "revision"))
    if isinstance(old, list) and isinstance(new, list):
        sides = {
            "removed": [each for each in old if each not in new],
            "added": [each for each in new if each not in old],
        }
        texts = [f"{word} {_names(each)}" for word, each in sides.items() if each]
        return f": {', '.join(texts)}" if texts else ""
    names = [
        side.get("url") or side.get("name") if isinstance(side, dict) else side
        for side in (old, new)
    ]
    texts = [_names([name]) for name in names if isinstance(name, str | int | float)]
    return f": {' → '.join(texts)}" if texts else ""


def _names(values: list[Any]) -> str:
    return ", ".join(json.dumps(value, ensure_ascii=False) for value in values)


# --- What it means here ------------------------------------------------------------------------


def _tasks(new: bytes) -> Iterator[Task]:
    """Generate from the new spec, and yield what to do."""
    stale: list[Stale] = []
    with tempfile.TemporaryDirectory() as directory:
        trial = Path(directory) / PACKAGE.name
        try:
            generate(trial, new, stale=stale)
        except GenerationError as error:
            todo = "`make generate` changes nothing until this is fixed"
            yield Task(BLOCKS, str(error), todo)
            yield from _stale_actions(stale)
            return
        yield from _operations(corrected_document(json.loads(new), stale=[]), trial)
        yield from _models(trial)  # first: a removed model breaks the facade
        yield from _types(trial)
        yield from _facade(trial)
        yield from _stale_actions(stale)
        yield from _servers(trial)


def _stale_actions(stale: list[Stale]) -> Iterator[Task]:
    if stale:
        numbers = ", ".join(dict.fromkeys(str(action.number) for action in stale))
        what = f"overlay actions that no longer match: {numbers}"
        details = "\n".join(str(action) for action in stale)
        todo = (
            "correct or delete them in scripts/overlay.yaml; the report lists reasons and targets"
        )
        yield Task(BLOCKS, f"{what}\n{details}", todo)


def _operations(document: dict[str, Any], trial: Path) -> Iterator[Task]:
    """Yield what to do about operations that are new, removed or without an operationId."""
    wrapped = _wrapped_operations()
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
    for place, operation in operations(document):
        if not operation.get("operationId"):
            what = f"{place[0].upper()} {place[1]} has no operationId and is named {names[place]}"
            yield Task(CAN_WAIT, what, "set a better one in the overlay if needed")
    if present - wrapped:
        what = f"the facade does not wrap {_listed('the operation', sorted(present - wrapped))}"
        todo = (
            "add a function to _data/operations.py, a method to _async/client.py and scenarios, "
            "or ignore it"
        )
        yield Task(CAN_WAIT, what, todo)
    for name in sorted(present & wrapped):
        old, new = (_parameters(base / folder / f"{name}.py") for base in (PACKAGE, trial))
        for parameter in [each for each in new if each not in old]:
            what = f"{name} has a new parameter, {parameter}"
            todo = "add it to _data/operations.py and _async/client.py, or ignore it"
            yield Task(CAN_WAIT, what, todo)


def _listed(what: str, names: list[str]) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _wrapped_operations() -> set[str]:
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
        text=True,
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


def _servers(trial: Path) -> Iterator[Task]:
    """Yield what to do about new and removed servers."""
    old, new = (runpy.run_path(str(base / "origin.py")) for base in (PACKAGE, trial))
    for server in [each for each in old["SERVERS"] if each not in new["SERVERS"]]:
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
        if not host.endswith(".poly.ai") or not server.startswith("https://"):
            return "WARNING, the API key would go to a host that is not https://….poly.ai; "
    return ""


def _models(trial: Path) -> Iterator[Task]:
    """Yield what to do about new and removed models and fields."""
    old, new = (
        runpy.run_path(str(base / "wire_names.py"))["WIRE_NAMES"] for base in (PACKAGE, trial)
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
            yield Task(USERS_NOTICE, what, "mention it in CHANGELOG.md")
        fresh = [f"{model}.{name}" for name in new[model] if name not in old[model]]
        if fresh:
            what = f"new field{'s' if len(fresh) > 1 else ''}: {', '.join(fresh)}"
            yield Task(CAN_WAIT, what, "`make generate` adds it; document it, or let users send it")
    for model in sorted(new.keys() - old.keys() - successors):
        what = f"new model: {model}"
        todo = "give it a readable class_name in scripts/generator.yaml; export it in models.py"
        yield Task(CAN_WAIT, what, todo)


def _types(trial: Path) -> Iterator[Task]:
    """Yield what to do about changed field types and enum values."""
    old, new = (_members(base / "models") for base in (PACKAGE, trial))
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
            yield Task(USERS_NOTICE, what, f"the facade now rejects it; {tell}")
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

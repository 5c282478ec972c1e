"""Writes generated/polyai_data_generated from openapi.json, overlay.yaml and generator.yaml.

`python scripts/generate.py` replaces the package; with `--check` it generates elsewhere and fails
on any difference, with `--stale-ok` it leaves out what is stale in the overlay. Offline and
deterministic: the same inputs and tools give the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import hashlib
import io
import itertools
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from adapt import (
    AdaptationError,
    adapt_to_generator,
    operations,
    python_name,
    with_distinct_class,
)
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError, ParseError
from overlay import OverlayError, Stale, StaleOverlayError, apply_overlay

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi.json"
OVERLAY = ROOT / "scripts" / "overlay.yaml"
GENERATOR_CONFIG = ROOT / "scripts" / "generator.yaml"
PACKAGE = ROOT / "generated" / "polyai_data_generated"

TOOLS = ("openapi-python-client", "python-jsonpath", "ruff")
NOT_ALL = "openapi-python-client cannot do all of the document:"
FOR_TYPES_ALONE = [
    "--select=I,TC",
    "--config=lint.isort.required-imports=['from __future__ import annotations']",
]
"""Has ruff import what only annotations name for type checkers alone: a program waits for less."""
DO_NOT_EDIT = "# Written by `make generate`. Do not edit: the next run overwrites it.\n"


class GenerationError(Exception):
    """The code could not be generated; the message says why, and what was there is untouched."""


def corrected_document(
    document: dict[str, Any] | None = None, *, stale: list[Stale] | None = None
) -> dict[str, Any]:
    """Return a document with the overlay applied: the API as it really answers.

    Args:
        document: The document; the vendored one if absent.
        stale: If it is given, what is stale in the overlay is left out and appended to it.

    Raises:
        GenerationError: if the overlay does not fit.
    """
    if document is None:
        document = json.loads(DOCUMENT.read_bytes())
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    try:
        return apply_overlay(document, overlay, skipped=stale, known_fields=_known_fields())
    except StaleOverlayError as error:
        raise GenerationError(
            f"{OVERLAY.relative_to(ROOT)} does not fit the document:\n{error}\n"
            "Correct or delete each of these actions; `make generate STALE=ok` carries on without "
            "them, to look at what comes out."
        ) from None
    except OverlayError as error:
        raise GenerationError(f"{OVERLAY.relative_to(ROOT)} is malformed:\n{error}") from None


def _known_fields() -> dict[str, frozenset[str]]:
    """Return the fields of each schema of the document that the package was generated from."""
    path = PACKAGE / "wire_names.py"
    if not path.exists():
        return {}
    overrides = yaml.safe_load(GENERATOR_CONFIG.read_text(encoding="utf-8"))["class_overrides"]
    schemas = {names["class_name"]: schema for schema, names in overrides.items()}
    wire_names = runpy.run_path(str(path))["WIRE_NAMES"]
    return {schemas.get(c, c): frozenset(fields.values()) for c, fields in wire_names.items()}


def generate(target: Path, raw: bytes | None = None, *, stale: list[Stale] | None = None) -> None:
    """Write the package to the directory `target`, which must not exist yet.

    Args:
        target: The directory.
        raw: The document as JSON; the vendored one if absent.
        stale: If it is given, what is stale in the overlay is left out and appended to it.

    Raises:
        GenerationError: if the overlay does not fit or the generator says as much as a warning.
    """
    raw = DOCUMENT.read_bytes() if raw is None else raw
    corrected = corrected_document(json.loads(raw), stale=stale)
    while True:
        try:
            document, data = _build(target, corrected)
            break
        except _SameClassTwice as error:
            shutil.rmtree(target, ignore_errors=True)
            distinct = with_distinct_class(corrected, error.class_name)
            if distinct is None:
                raise GenerationError(str(error)) from None
            corrected = distinct
    _check_modules(target, document)

    _import_unset(target)
    _import_on_demand(target / "__init__.py", "A client library for accessing the API.")
    _import_on_demand(target / "models" / "__init__.py", "All models.")
    (target / "py.typed").touch()
    (target / "origin.py").write_text(_origin(document, raw), encoding="utf-8")
    (target / "wire_names.py").write_text(_wire_names(data), encoding="utf-8")
    for module in target.rglob("*.py"):
        module.write_text(DO_NOT_EDIT + module.read_text(encoding="utf-8"), encoding="utf-8")
    # Only what formatting needs: wider rule sets rewrote code that type checkers then refused.
    steps = (
        ("", ["check", "--fix-only", "--select=I,F401"]),
        ("api", ["check", "--fix-only", "--unsafe-fixes", *FOR_TYPES_ALONE]),
        ("", ["format", "--line-length=100"]),
        ("", ["check", "--select=F821"]),  # names that nothing defines
    )
    for folder, arguments in steps:
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache"]
        done = subprocess.run([*command, str(target / folder)], capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr or done.stdout).replace(str(target), PACKAGE.name)[:2000]
            raise GenerationError(f"{NOT_ALL}\n{reason}")


def _import_unset(target: Path) -> None:
    """Import the name that the generator forgets where a body may be absent or of several types."""
    line = "from ...types import Response, UNSET\n"
    for module in (target / "api" / "operations").glob("[!_]*.py"):
        text = module.read_text(encoding="utf-8")
        if line not in text:
            raise GenerationError(f"{module.name} does not import what it used to: {line}")
        module.write_text(text.replace(line, f"{line[:-1]}, Unset\n"), encoding="utf-8")


def _import_on_demand(module: Path, about: str) -> None:
    """Have what a package offers imported when it is asked for: all of it takes long to import.

    Args:
        module: The package's __init__.py.
        about: What the package is, in a sentence.

    Raises:
        GenerationError: if there is more in it than imports.
    """
    text = module.read_text(encoding="utf-8")
    found = [
        (name, offered)
        for name, all_offered in re.findall(r"^from \.(\w+) import (.+)$", text, re.MULTILINE)
        for offered in all_offered.split(", ")
    ]
    if len(re.findall(r"^\s*(import|from|def|class) ", text, re.MULTILINE)) != len(
        {name for name, _ in found}
    ):
        raise GenerationError(f"{module.parent.name}/{module.name} holds what it used not to.")
    imports = "\n    ".join(
        f"from .{name} import {offered} as {offered}" for name, offered in found
    )
    module.write_text(
        f'''"""{about}"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    {imports or "pass"}

__all__ = {tuple(sorted(offered for _, offered in found))!r}

_MODULES = {dict(sorted((offered, name) for name, offered in found))!r}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the name: each is imported when it is asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
        value = globals()[name] = getattr(import_module(f"{{__name__}}.{{_MODULES[name]}}"), name)
        return value
''',
        encoding="utf-8",
    )


class _SameClassTwice(Exception):
    def __init__(self, text: str, class_name: str) -> None:
        super().__init__(text)
        self.class_name = class_name


def _build(target: Path, corrected: dict[str, Any]) -> tuple[dict[str, Any], GeneratorData]:
    """Run the generator; return the document as it saw it, and what it read there."""
    config = Config.from_sources(
        ConfigFile.load_from_path(GENERATOR_CONFIG),
        MetaType.NONE,
        document_source=DOCUMENT,
        file_encoding="utf-8",
        overwrite=False,
        output_path=target,
    )
    config.package_name_override = PACKAGE.name
    config.post_hooks = []  # ruff is run apart from the project's own configuration
    try:
        document = adapt_to_generator(corrected, config)
    except AdaptationError as error:
        raise GenerationError(str(error)) from None
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            data = GeneratorData.from_dict(document, config=config)
        except Exception as failure:
            raise GenerationError(f"{NOT_ALL}\n{type(failure).__name__}: {failure}") from failure
        if isinstance(data, GeneratorError):
            raise GenerationError(_describe([data]))
        complaints = Project(openapi=data, config=config).build()
    if complaints:
        text = _describe(complaints)
        twice = re.search(r'duplicate models with name "(\w+)"', text)
        raise _SameClassTwice(text, twice[1]) if twice else GenerationError(text)
    return document, data


def _check_modules(target: Path, document: dict[str, Any]) -> None:
    """Refuse what the generator left out without a word."""
    expected = {python_name(operation["operationId"]) for _, operation in operations(document)}
    missing = expected - {path.stem for path in (target / "api").glob("*/*.py")}
    if missing:
        raise GenerationError(f"{NOT_ALL}\nno module for {', '.join(sorted(missing))}")


def _describe(complaints: Iterable[Any]) -> str:
    """Return what the generator complains of: schemas first, since the rest follows from them."""
    texts = []
    for complaint in complaints:
        text = f"{complaint.header} {complaint.detail or ''}".strip()
        if isinstance(complaint, ParseError) and complaint.data is not None:
            text += f"\n  {complaint.data.model_dump_json(exclude_unset=True, by_alias=True)[:300]}"
        # The generator prints the object where a name was meant.
        texts.append(re.sub(r"<\S+UntrustedString object at 0x[0-9a-f]+>", "…", text))
    texts.sort(key=lambda text: "/components/schemas/" not in text.partition("\n")[0])
    more = [f"and {len(texts) - 20} more"] if len(texts) > 20 else []
    return "\n".join([NOT_ALL, *texts[:20], *more])


def _origin(document: dict[str, Any], raw: bytes) -> str:
    """Return the module that says what the package was generated from."""

    def sha256(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    constants = {
        "DOCUMENT_TITLE": document["info"]["title"],
        "DOCUMENT_VERSION": document["info"]["version"],
        "DOCUMENT_SHA256": sha256(raw),
        "OVERLAY_SHA256": sha256(OVERLAY.read_bytes()),
        "CONFIG_SHA256": sha256(GENERATOR_CONFIG.read_bytes()),
        "TOOLS": {tool: version(tool) for tool in TOOLS},
        "SERVERS": server_urls(document.get("servers")),
    }
    lines = ['"""What this package was generated from, and the servers that the document names."""']
    lines += [f"{name} = {value!r}" for name, value in constants.items()]
    lines += [
        f"OPERATION_SERVERS: dict[str, tuple[str, ...]] = {_operation_servers(document)!r}",
        '"""Operations that have servers of their own, which count instead of SERVERS."""',
    ]
    return "\n".join(lines) + "\n"


def _operation_servers(document: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the servers of each operation that has some of its own, or whose path has."""
    result = {}
    for (_, path), operation in operations(document):
        servers = operation.get("servers") or document["paths"][path].get("servers")
        if servers:
            result[python_name(operation["operationId"])] = server_urls(servers)
    return result


def server_urls(servers: list[dict[str, Any]] | None) -> tuple[str, ...]:
    """Return the URLs of the servers, one for each combination of the values of their variables."""
    urls = []
    for server in servers or ():
        choices = {
            name: variable.get("enum") or [variable.get("default", "")]
            for name, variable in (server.get("variables") or {}).items()
        }
        for values in itertools.product(*choices.values()):
            url = str(server["url"])
            for name, value in zip(choices, values, strict=True):
                url = url.replace(f"{{{name}}}", str(value))
            urls.append(url.rstrip("/"))
    return tuple(dict.fromkeys(urls))


def _wire_names(data: GeneratorData) -> str:
    """Return the module that gives the JSON key of every field of every model."""
    names = {
        model.class_info.name: {
            str(field.python_name): field.name.get_untrusted_value()
            if hasattr(field.name, "get_untrusted_value")
            else str(field.name)
            for field in [*(model.required_properties or ()), *(model.optional_properties or ())]
        }
        for model in data.models
    }
    return (
        '"""The JSON key of each field of each model: class name, then field name."""\n'
        f"WIRE_NAMES: dict[str, dict[str, str]] = {dict(sorted(names.items()))!r}\n"
    )


def replace_package(new: Path) -> None:
    """Put the directory `new` in the package's place in one step, as a whole."""
    old = new.with_name(f"{new.name}.old")
    if PACKAGE.exists():
        os.rename(PACKAGE, old)
    try:
        os.rename(new, PACKAGE)
    except OSError:
        if old.exists():
            os.rename(old, PACKAGE)
        raise
    shutil.rmtree(old, ignore_errors=True)


def differences(fresh: Path) -> list[str]:
    """Return a diff, line by line, from the committed package to the fresh one; empty if equal."""

    def lines(path: Path) -> list[str]:
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    files = {
        path.relative_to(base)
        for base in (PACKAGE, fresh)
        for path in base.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    diff: list[str] = []
    for name in sorted(files):
        ours, theirs = PACKAGE / name, fresh / name
        if ours.exists() != theirs.exists():
            diff.append(f"{name}: only in {'the repository' if ours.exists() else 'a fresh run'}")
        elif ours.read_bytes() != theirs.read_bytes():
            diff += difflib.unified_diff(
                lines(ours), lines(theirs), f"committed/{name}", f"generated/{name}", lineterm=""
            )
    return diff


def main() -> int:
    """Generate, or check; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="fail where the package is not up to date"
    )
    parser.add_argument(
        "--stale-ok", action="store_true", help="leave out what is stale in the overlay"
    )
    arguments = parser.parse_args()
    check = arguments.check
    stale: list[Stale] | None = [] if arguments.stale_ok else None
    PACKAGE.parent.mkdir(exist_ok=True)
    # Beside the package, so that the swap is a rename on one file system; a check goes elsewhere.
    parent = None if check else PACKAGE.parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=".generate-") as directory:
        fresh = Path(directory) / PACKAGE.name
        try:
            generate(fresh, stale=stale)
        except GenerationError as error:
            print(f"Nothing was generated, and {PACKAGE.relative_to(ROOT)} is as it was.\n{error}")
            return 1
        if not check:
            replace_package(fresh)
            for action in stale or ():
                print(f"Left out, because it is stale: {action}")
            print(f"Wrote {PACKAGE.relative_to(ROOT)}.")
            return 0
        diff = differences(fresh)
    if diff:
        print("\n".join(diff))
        print(f"{PACKAGE.relative_to(ROOT)} is not what `make generate` writes; run it and commit.")
        return 1
    print(f"{PACKAGE.relative_to(ROOT)} is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

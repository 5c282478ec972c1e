"""Writes generated/polyai_data_generated from openapi.json, overlay.yaml and generator.yaml.

`python scripts/generate.py` replaces the package; with `--check` it generates elsewhere and fails
on any difference. Offline and deterministic: the same inputs and tools give the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import difflib
import hashlib
import io
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonpath
import yaml
from openapi_python_client import Project
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.schema.untrusted_string import UntrustedString
from openapi_python_client.strings import PythonIdentifier
from overlay import OverlayError, apply_overlay

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi.json"
OVERLAY = ROOT / "scripts" / "overlay.yaml"
GENERATOR_CONFIG = ROOT / "scripts" / "generator.yaml"
PACKAGE = ROOT / "generated" / "polyai_data_generated"

TOOLS = ("openapi-python-client", "python-jsonpath", "ruff")
DATE_TIME_FORMATS = ("date-time-local", "http-date")  # of the OpenAPI format registry
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DO_NOT_EDIT = "# Written by `make generate`. Do not edit: the next run overwrites it.\n"


class GenerationError(Exception):
    """The code could not be generated; the message says why, and what was there is untouched."""


def corrected_document() -> dict[str, Any]:
    """Return the vendored document with the overlay applied: the API as it really answers."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    overlay = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    try:
        return apply_overlay(document, overlay)
    except OverlayError as error:
        raise GenerationError(f"{OVERLAY.relative_to(ROOT)} does not fit:\n{error}") from None


def adapt_to_generator(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as the generator must see it to write types that users can work with.

    - A map becomes untyped, because the generator would wrap it in a class that is no mapping; it
      reaches users as the dict that it is, and the facade names the type of its values.
    - In schemas that only answers use, what may be absent becomes nullable and required, because
      users read None for both; the generator would give an absent field a sentinel of its own.
    - There, all formats of dates with times become `date-time`, the one that the generator types as
      a datetime.
    """
    document = copy.deepcopy(document)
    in_requests = _schemas_used(document, ("requestBody", "parameters"))
    only_in_answers = _schemas_used(document, ("responses",)) - in_requests
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        for field, spec in schema.get("properties", {}).items():
            schema["properties"][field] = _untype_maps(spec)
        if name in only_in_answers:
            _settle_absence(schema)
    return document


def _untype_maps(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with each map in it untyped: objects that declare no properties."""
    types = spec.get("type", ())
    if "object" in ([types] if isinstance(types, str) else types) and not spec.get("properties"):
        return {key: spec[key] for key in ("description",) if key in spec}
    if isinstance(spec.get("items"), dict):
        return {**spec, "items": _untype_maps(spec["items"])}
    return spec


def _settle_absence(schema: dict[str, Any]) -> None:
    """Make what may be absent nullable and required, and dates of both formats dates, in place."""
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    for name, spec in properties.items():
        if spec.get("format") in DATE_TIME_FORMATS:
            spec["format"] = "date-time"
        if name not in schema.get("required", ()):
            properties[name] = _nullable(spec)
    if properties:
        schema["required"] = list(properties)


def _nullable(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that also allows null."""
    types = spec.get("type")
    if isinstance(types, str):
        return {**spec, "type": [types, "null"]} if types != "null" else spec
    if isinstance(types, list):
        return spec if "null" in types else {**spec, "type": [*types, "null"]}
    for combination in ("anyOf", "oneOf"):
        members = spec.get(combination)
        if isinstance(members, list):
            present = any(member.get("type") == "null" for member in members)
            return spec if present else {**spec, combination: [*members, {"type": "null"}]}
    if "$ref" in spec or "allOf" in spec:
        return {"anyOf": [spec, {"type": "null"}]}
    return spec  # an untyped schema allows null already


def _schemas_used(document: dict[str, Any], parts: tuple[str, ...]) -> set[str]:
    """Return the names of the component schemas that these parts of the operations lead to."""
    pending = [
        operation[part]
        for path_item in document.get("paths", {}).values()
        for operation in path_item.values()
        if isinstance(operation, dict)
        for part in parts
        if part in operation
    ]
    followed: set[str] = set()
    while pending:
        for reference in set(_references(pending.pop())) - followed:
            followed.add(reference)
            pending.append(_resolve(document, reference))
    prefix = "#/components/schemas/"
    return {
        reference.removeprefix(prefix) for reference in followed if reference.startswith(prefix)
    }


def _references(node: Any) -> Iterator[str]:
    """Yield every $ref in the node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _resolve(document: dict[str, Any], reference: str) -> Any:
    """Return what a local reference points at, or None."""
    try:
        return jsonpath.pointer.resolve(reference.removeprefix("#"), document)
    except jsonpath.JSONPointerError:
        return None  # the generator names what cannot be resolved


def generate(target: Path) -> None:
    """Write the package to the directory `target`, which must not exist yet.

    Raises:
        GenerationError: if the overlay does not fit or the generator says as much as a warning.
    """
    document = adapt_to_generator(corrected_document())
    config = Config.from_sources(
        ConfigFile.load_from_path(GENERATOR_CONFIG),
        MetaType.NONE,
        document_source=DOCUMENT,
        file_encoding="utf-8",
        overwrite=False,
        output_path=target,
    )
    config.package_name_override = PACKAGE.name
    config.post_hooks = []  # ruff is run below, apart from the project's own configuration
    with contextlib.redirect_stdout(io.StringIO()):
        data = GeneratorData.from_dict(document, config=config)
        if isinstance(data, GeneratorError):
            raise GenerationError(_describe([data]))
        complaints = Project(openapi=data, config=config).build()
    if complaints:
        raise GenerationError(_describe(complaints))

    (target / "py.typed").touch()
    (target / "origin.py").write_text(_origin(document), encoding="utf-8")
    (target / "wire_names.py").write_text(_wire_names(data), encoding="utf-8")
    for module in target.rglob("*.py"):
        module.write_text(DO_NOT_EDIT + module.read_text(encoding="utf-8"), encoding="utf-8")
    # Only what formatting needs: wider rule sets rewrote code that type checkers then refused.
    for arguments in (["check", "--fix-only", "--select=I,F401"], ["format", "--line-length=100"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", "--quiet"]
        subprocess.run([*command, str(target)], check=True)


def _describe(complaints: Any) -> str:
    lines = ["openapi-python-client cannot do all of the document:"]
    for complaint in complaints:
        lines.append(
            f"{complaint.level.value}: {complaint.header} {complaint.detail or ''}".rstrip()
        )
        if isinstance(complaint, ParseError) and complaint.data is not None:
            lines.append(complaint.data.model_dump_json(exclude_unset=True, by_alias=True)[:500])
    return "\n".join(lines)


def _origin(document: dict[str, Any]) -> str:
    """Return the module that says what the package was generated from."""

    def sha256(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    constants = {
        "DOCUMENT_TITLE": document["info"]["title"],
        "DOCUMENT_VERSION": document["info"]["version"],
        "DOCUMENT_SHA256": sha256(DOCUMENT),
        "OVERLAY_SHA256": sha256(OVERLAY),
        "CONFIG_SHA256": sha256(GENERATOR_CONFIG),
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
    for path_item in document["paths"].values():
        for method in METHODS:
            operation = path_item.get(method)
            if operation is None:
                continue
            servers = operation.get("servers") or path_item.get("servers")
            if servers:
                result[python_name(operation["operationId"])] = server_urls(servers)
    return result


def python_name(operation_id: str) -> str:
    """Return the name of an operation's module."""
    return str(PythonIdentifier(UntrustedString(operation_id), prefix="field_"))


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
    check = parser.parse_args().check
    PACKAGE.parent.mkdir(exist_ok=True)
    # Beside the package, so that the swap is a rename on one file system; a check goes elsewhere.
    parent = None if check else PACKAGE.parent
    with tempfile.TemporaryDirectory(dir=parent, prefix=".generate-") as directory:
        fresh = Path(directory) / PACKAGE.name
        try:
            generate(fresh)
        except GenerationError as error:
            print(f"Nothing was generated, and {PACKAGE.relative_to(ROOT)} is as it was.\n{error}")
            return 1
        if not check:
            replace_package(fresh)
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

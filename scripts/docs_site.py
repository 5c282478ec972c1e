"""What the documentation site shows that is not in the Markdown of docs/ as it stands.

The pages are made to be read on a code host, too. For the site, the links between them become
links to pages, a picture with a dark and a light form follows the theme, and a line that ends with
`<!-- insert: … -->` is replaced by a file of the repository, or by what a function here makes of
the code. Notebooks become pages with their outputs.
"""

from __future__ import annotations

import importlib
import json
import os.path
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from types import FunctionType
from typing import Any

import griffe
import polyai_data
import typer
import yaml
from architecture import draw

ROOT = Path(__file__).resolve().parent.parent
# Where the site has the files of the repository that are not in docs/.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "maintainers/changelog.md",
    "CONTRIBUTING.md": "maintainers/contributing.md",
    "SECURITY.md": "explanation/security.md",
}
NOTEBOOKS = "notebooks/"
# The public modules. A name that two of them have is shown in the later one.
MODULES = (
    "polyai_data",
    "polyai_data.errors",
    "polyai_data.models",
    "polyai_data.frames",
    "polyai_data.warehouse",
    "polyai_data.testing",
    "polyai_data.sandbox",
)
FENCE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1\n", re.M | re.S)
INSERT = re.compile(r"^.*<!-- insert: (\S+)(?: (\S+))? -->$", re.M)
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)")
PICTURE = re.compile(
    r'<picture>\s*<source [^>]*srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]*)" src="(?P<light>[^"]+)">\s*</picture>'
)


def page(docname: str, text: str) -> str:
    """Return the Markdown that the site shows for a page or a notebook of docs/."""
    if docname.startswith(NOTEBOOKS):
        text = notebook(docname, text)
    return _for_site(docname, f"docs/{docname}.md", text)


def notebook(docname: str, text: str) -> str:
    """Return a notebook as Markdown: its text, its code, and the outputs that are stored in it."""
    name = docname.removeprefix(NOTEBOOKS)
    parts = []
    heading = ""
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            outputs = [_output(output, heading) for output in cell["outputs"]]
            parts += [f"```python\n{source}\n```", *outputs]
        else:
            heading = next(iter(re.findall(r"^#+ (.*)$", source, re.M)), heading)
            parts.append(source)
    parts.insert(1, f"{{download}}`Download this notebook <{name}.ipynb>`")
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, Any], heading: str) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        html = "".join(data["text/html"])
    elif "image/png" in data:
        picture = "".join(data["image/png"]).replace("\n", "")
        html = f'<img alt="Plot: {escape(heading)}" src="data:image/png;base64,{picture}">'
    else:
        printed = "".join(output.get("text") or data["text/plain"])
        return f"```text\n{printed.rstrip()}\n```"
    return f'`````{{raw}} html\n<div class="output">\n{html}\n</div>\n`````'


def _for_site(docname: str, file: str, text: str) -> str:
    """Convert what a file of the repository says to Markdown for a page of the site."""
    parts = []
    position = 0
    for fence in FENCE.finditer(text):
        parts += [_convert(docname, file, text[position : fence.start()]), fence[0]]
        position = fence.end()
    return "".join([*parts, _convert(docname, file, text[position:])])


def _convert(docname: str, file: str, prose: str) -> str:
    folder = os.path.dirname(file)

    def path(target: str) -> str:
        return os.path.normpath(os.path.join(folder, target))

    def link(match: re.Match[str]) -> str:
        target = path(match[1])
        return f"](/{PAGES.get(target) or target.removeprefix('docs/')}"

    def picture(match: re.Match[str]) -> str:
        return "\n\n".join(
            f"```{{image}} {os.path.relpath(path(match[theme]), f'docs/{docname}/..')}\n"
            f":alt: {match['alt']}\n:class: only-{theme}\n```"
            for theme in ("light", "dark")
        )

    def insert(match: re.Match[str]) -> str:
        name, argument = match.groups()
        if name.endswith(".md"):
            text = (ROOT / name).read_text(encoding="utf-8")
            return _for_site(docname, name, text.partition("\n## ")[0] if argument else text)
        return INSERTS[name](*filter(None, [argument]))

    prose = LINK.sub(link, PICTURE.sub(picture, prose))
    return INSERT.sub(insert, prose)


# --- What is made from the code ------------------------------------------------------------------


def public_names(module: str) -> list[str]:
    """Return the public names of a module, those for synchronous code before their twins."""
    names = set(importlib.import_module(module).__all__)
    if module == "polyai_data":
        names -= {*polyai_data.errors.__all__, *polyai_data.models.__all__}
    names = {name for name in names if not name.startswith("__")}
    # The client first; the rest follows from it.
    bare = {name: name.removeprefix("Async") for name in names}
    return sorted(
        names, key=lambda name: (bare[name] != "DataClient", bare[name], name != bare[name])
    )


def api(module: str) -> str:
    """Return the directives that show the docstrings of a module's public names."""
    lines = []
    for name in public_names(module):
        thing = getattr(importlib.import_module(module), name)
        if isinstance(thing, type):
            lines.append(f".. autoclass:: {module}.{name}")
            if name.endswith("DataClient"):
                lines.append("   :inherited-members:")
        elif isinstance(thing, FunctionType):
            lines.append(f".. autofunction:: {module}.{name}")
        else:
            lines += [f".. py:data:: {module}.{name}", "", f"   {_docstring(module, name)}", ""]
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```"


@cache
def _package() -> griffe.Object | griffe.Alias:
    return griffe.load("polyai_data", search_paths=[ROOT / "facade"], resolve_aliases=True)


def _docstring(module: str, name: str) -> str:
    """Return the docstring below the assignment of a variable, which only the source has."""
    found = _package()[f"{module}.{name}".removeprefix("polyai_data.")]
    assert found.docstring is not None  # noqa: S101
    return str(found.docstring.value)


def command_line() -> str:
    """Return the help of every command, with its arguments and options."""
    from polyai_data.cli._commands import app

    group: Any = typer.main.get_command(app)
    return "\n\n".join("\n\n".join(_command(name, one)) for name, one in group.commands.items())


def _command(name: str, command: Any) -> Iterator[str]:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    arguments = [_usage(one) for one in shown if one.param_type_name == "argument"]
    yield f"### {name}"
    yield f"```text\npolyai-data {' '.join([name, *arguments, '[OPTIONS]'])}\n```"
    yield _marked_up(command.help.replace("\b", ""))
    rows = [_row(one) for one in shown if getattr(one, "help", None)]
    yield "\n".join(["| argument or option | |", "|---|---|", *rows])


def _usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return (name if argument.required else f"[{name}]") + ("…" if argument.nargs == -1 else "")


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{_usage(parameter)}`"
    else:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        if not parameter.is_flag:
            choices = getattr(parameter.type, "choices", None)
            value = parameter.metavar or ("|".join(map(str, choices or [])) or "VALUE")
            names += f" `{value}`".replace("|", "\\|")
    text = re.sub(r"\[/?\w+\]", "", parameter.help)  # rich's markup
    return f"| {names} | {_marked_up(text)} |".replace("\n", " ")


def _marked_up(text: str) -> str:
    """Return a help text with options and environment variables as code, and no HTML."""
    parts = re.split(r"(`[^`]*`)", text)
    for index in range(0, len(parts), 2):
        code = re.sub(r"--[a-z][a-z-]*|POLYAI_\w+(<REGION>)?", r"`\g<0>`", parts[index])
        parts[index] = re.sub(r"<(?=[^`]*(`[^`]*`[^`]*)*$)", "&lt;", code)
    return "".join(parts)


def differences() -> str:
    """Return a table of what the overlay says about the objects of the specs."""
    overlay = yaml.safe_load((ROOT / "scripts" / "overlay.yaml").read_text(encoding="utf-8"))
    rows = []
    for action in overlay["actions"]:
        # $.components.schemas, the schemas, and what of them: `required`, or properties
        match = re.match(r"\$\.components\.schemas(\.\w+|\[[^]]+])\.(\w+)(.*)", action["target"])
        # What only makes room for the next action says nothing about responses.
        if match and (match[2] == "required" or not action.get("remove")):
            fields = _names(match[3].removesuffix(".items")) or list(action.get("update", []))
            what = "required fields" if match[2] == "required" else _code(fields)
            rows.append(f"| {_code(_names(match[1]))} | {what} | {action['description']} |")
    return "\n".join(["| in the spec | fields | in the package, and why |", "|---|---|---|", *rows])


def _names(path: str) -> list[str]:
    """Return the names in a part of a JSONPath: `.a.b` or `['a','b']`."""
    return re.findall(r"['.](\w+)", path)


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


INSERTS: dict[str, Callable[..., str]] = {
    "api": api,
    "architecture": draw,
    "command-line": command_line,
    "differences": differences,
}


# --- Checks of what was built --------------------------------------------------------------------


def external(folder: Path) -> list[str]:
    """Return the scripts, styles, fonts and pictures that a page loads from elsewhere."""
    found = []
    for file in sorted([*folder.rglob("*.html"), *folder.rglob("*.css"), *folder.rglob("*.svg")]):
        text = file.read_text(encoding="utf-8")
        loads = re.findall(
            r"""<(?:script|img|iframe|source|video|audio|use)\b[^>]*?\s(?:src|srcset|href)=["']((?:https?:)?//[^"']+)"""
            r"""|<link\b(?![^>]*rel=["'](?:canonical|author|license))[^>]*?\shref=["']((?:https?:)?//[^"']+)"""
            r"""|(?:url\(|@import )\s*["']?((?:https?:)?//[^"')\s]+)""",
            text,
        )
        found += [f"{file.relative_to(folder)}: {next(filter(None, urls))}" for urls in loads]
    return found


def main() -> int:
    """Fail if the site in a directory loads anything from elsewhere."""
    found = external(Path(sys.argv[1]))
    for line in found:
        print(f"loaded from elsewhere: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

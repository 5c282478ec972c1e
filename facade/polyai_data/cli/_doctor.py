"""`polyai-data doctor`: which of the things that must be right is not."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from polyai_data import PolyAIError

from . import _checks
from ._checks import Check
from ._command import Refused
from ._connect import Setup
from ._errors import worst
from ._options import Connection
from ._terminal import Terminal
from ._text import clean

_STYLES = {"ok": "green", "failed": "bold red", "skipped": "dim"}


def run(connection: Connection, *, probe_regions: bool, as_json: bool) -> None:
    """Look at everything, and tell what is wrong."""
    terminal = Terminal()
    checks = []
    for check in _look(terminal, connection, probe_regions=probe_regions):
        checks.append(check)
        if not as_json:
            terminal.show(_line(check))
    code = worst(check.code for check in checks)
    if as_json:
        found: list[dict[str, Any]] = [check._asdict() for check in checks]
        terminal.show_json({"ok": code == 0, "checks": found})
    if code:
        raise typer.Exit(code)
    terminal.hint("All is well.")


def _look(terminal: Terminal, connection: Connection, *, probe_regions: bool) -> Iterator[Check]:
    yield _checks.versions()
    try:
        setup = Setup.of(connection)
    except (PolyAIError, Refused) as error:
        yield _checks.failed("settings", error, _checks.SETTINGS_REMEDY)
        return
    yield from _checks.settings(setup)
    if setup.address is not None:
        yield _checks.proxy(setup.address)
    if not setup.missing:
        yield from _checks.network(setup, terminal)
    if probe_regions and setup.key is not None:
        terminal.warn("Showing the key to all four regions, as --probe-regions says.")
        yield from _checks.regions(setup, setup.key)


def _line(check: Check) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for width in (7, 12):
        grid.add_column(width=width, no_wrap=True)
    grid.add_column()
    detail = Text(clean(check.detail), "dim" if check.state == "skipped" else "")
    grid.add_row(Text(check.state, _STYLES[check.state]), check.name, detail)
    if check.remedy:
        grid.add_row("", "", Text(f"→ {clean(check.remedy)}", "bold"))
    return grid

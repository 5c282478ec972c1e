"""Implements `polyai-data doctor`."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from polyai_data import PolyAIError

from . import _checks
from ._checks import Check
from ._command import CommandError
from ._connect import ResolvedSettings
from ._errors import most_severe
from ._hide import hide_keys
from ._options import ConnectionOptions
from ._terminal import Terminal
from ._text import clean

_STYLES = {"ok": "green", "failed": "bold red", "skipped": "dim"}


def run(connection: ConnectionOptions, *, probe_regions: bool, as_json: bool) -> None:
    """Run all checks and print their results."""
    terminal = Terminal()
    checks = []
    for check in _run_checks(terminal, connection, probe_regions=probe_regions):
        check = check._replace(detail=hide_keys(check.detail), remedy=hide_keys(check.remedy))
        checks.append(check)
        if not as_json:
            terminal.show(_render_check(check))
    code = most_severe(check.code for check in checks)
    if as_json:
        results: list[dict[str, Any]] = [check._asdict() for check in checks]
        terminal.show_json({"ok": code == 0, "checks": results})
    if code:
        raise typer.Exit(code)
    terminal.hint("No problems found.")


def _run_checks(
    terminal: Terminal, connection: ConnectionOptions, *, probe_regions: bool
) -> Iterator[Check]:
    yield _checks.check_version()
    try:
        settings = ResolvedSettings.from_options(connection)
    except (PolyAIError, CommandError) as error:
        yield _checks.failed_check("settings", error, _checks.SETTINGS_REMEDY)
        return
    settings_checks = list(_checks.check_settings(settings))
    yield from settings_checks
    if settings.address is not None:
        yield _checks.check_proxy(settings.address)
    if all(check.state == "ok" for check in settings_checks):
        yield from _checks.check_network(settings, terminal)
    if settings.address is not None and settings.agent_id is not None:
        yield _checks.check_searches(settings, terminal)
    if probe_regions and settings.key is not None:
        terminal.warning("Sending the key to all four regions, because of --probe-regions.")
        yield from _checks.probe_regions(settings, settings.key)


def _render_check(check: Check) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for width in (7, 13):  # the longest state and the longest name
        grid.add_column(width=width, no_wrap=True)
    grid.add_column()
    detail = Text(clean(check.detail), "dim" if check.state == "skipped" else "")
    grid.add_row(Text(check.state, _STYLES[check.state]), check.name, detail)
    if check.remedy:
        grid.add_row("", "", Text(f"→ {clean(check.remedy)}", "bold"))
    return grid

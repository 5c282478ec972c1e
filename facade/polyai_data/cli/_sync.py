"""Implements `polyai-data sync`."""

import re
from datetime import timedelta
from typing import Any

import typer

from ._command import CommandError, import_module_of_extra
from ._connect import ResolvedSettings
from ._format import pluralize
from ._options import SearchConnectionOptions, SyncOptions
from ._terminal import Terminal

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def run(connection: SearchConnectionOptions, options: SyncOptions, *, as_json: bool) -> None:
    """Update the local copy."""
    arguments = {
        "source": options.source,
        "lookback": _duration(options.lookback, "--lookback"),
        "refresh": _duration(options.refresh, "--refresh"),
        "full": options.full,
        "details": not options.no_details,
        "raw": not options.no_raw,
        "redact": options.redact,
        "delete_vanished": options.delete_vanished,
        "recordings": options.recordings,
        "verify": options.verify,
        "concurrency": options.concurrency,
    }
    if options.verify and options.recordings is None:
        raise CommandError("--verify needs --recordings.", "Pass the directory of the files.")
    if options.source == "v3":
        for option, is_set, reason in (
            ("--recordings", options.recordings is not None, "Use `polyai-data audio`."),
            ("--delete-vanished", options.delete_vanished, "It does not count conversations."),
        ):
            if is_set:
                raise CommandError(f"{option} cannot be combined with --source v3.", reason)
    warehouse = import_module_of_extra("warehouse")
    terminal = Terminal()
    settings = ResolvedSettings.from_options(connection)
    connect = settings.search_client if options.source == "v3" else settings.client
    with (
        connect(terminal) as client,
        terminal.item_progress() as progress,
    ):
        task = progress.add_task("conversations", total=None)

        def show(result: Any, total: int | None) -> None:
            done = result.fetched + result.unchanged + result.failed
            progress.update(task, completed=done, total=total)
            if result.recordings_saved:
                saved = pluralize(result.recordings_saved, "recording")
                progress.update(task, description=f"conversations, {saved}")

        try:
            result = warehouse.sync(client, options.to, on_progress=show, **arguments)
        except (warehouse.CopyError, NotADirectoryError) as error:
            raise CommandError(str(error)) from None
    if as_json:
        terminal.show_json(vars(result))
    parts = f"{result.fetched:,} fetched, {result.unchanged:,} unchanged"
    if result.vanished:
        parts += f", {result.vanished:,} vanished"
    name = options.to.partition(":")[2]
    terminal.info(f"Looked at {pluralize(result.looked_at, 'conversation')}: {parts}. Copy: {name}")
    if options.recordings is not None:
        saved = pluralize(result.recordings_saved, "recording")
        terminal.info(f"Saved {saved} in {options.recordings}.")
    if result.recordings_damaged:
        terminal.warning(
            f"{pluralize(result.recordings_damaged, 'recording')} differed or had no file."
        )
    if result.failed:
        terminal.error(
            f"{pluralize(result.failed, 'conversation')} could not be fetched.",
            "The next sync tries again. The reasons are in the table sync_failed.",
        )
    if result.recordings_failed:
        terminal.error(
            f"{pluralize(result.recordings_failed, 'recording')} could not be saved.",
            "The next sync tries again. The reasons are in the table recordings.",
        )
    if result.failed or result.recordings_failed:
        raise typer.Exit(1)


def _duration(text: str, option: str) -> timedelta:
    found = re.fullmatch(r"0|([0-9]{1,5})([dhm])", text)
    if found is None:
        raise CommandError(f"{option} is not a time.", "Examples: 3d, 12h, 90m, 0.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found[1] else timedelta(0)

"""Runs the command line, and says what is wrong with one that cannot be understood."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import typer

from ._command import Refused
from ._commands import app
from ._options import Connection


def run(argv: Sequence[str]) -> int:
    """Run the command line, and return the exit code."""
    try:
        # Without arguments, help: as that is what was needed, it is no error.
        code = app(list(argv) or ["--help"], prog_name="polyai-data", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        from ._errors import report

        return report(_as_usage(error) or error)
    return code if isinstance(code, int) else 0


def _as_usage(error: BaseException) -> Refused | None:
    """Return what to say of a command line that cannot be understood; None for any other error."""
    usage_error = typer.BadParameter.__base__  # typer names only this one of its subclasses
    if usage_error is None or not isinstance(error, usage_error):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "polyai-data"
    shared = [f"--{field.name.replace('_', '-')}" for field in fields(Connection)]
    if path == "polyai-data" and getattr(error, "option_name", None) in shared:
        remedy = "Options come after the command: polyai-data list --region us."
    else:
        remedy = f"`{path} --help` says what there is."
    message: Any = error
    return Refused(message.format_message(), remedy)

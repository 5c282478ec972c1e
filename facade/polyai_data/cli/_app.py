"""Runs the command line and reports usage errors."""

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import typer

from ._command import BROKEN_PIPE, CommandError
from ._commands import app
from ._hide import remember
from ._options import ConnectionOptions

_REPHRASED = {
    # What was typed in the wrong place may be a key, so it is not repeated.
    r"Got unexpected extra argument\S* \(.*\)": "Too many arguments.",
    r"No such command '.*'\.": "No such command.",
    r"Value error, ": "",  # some versions of typer pass on the prefix that pydantic adds
}


def run(argv: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    remember(argv)
    try:
        # No arguments: print help, with exit code 0.
        code = app(list(argv) or ["--help"], prog_name="polyai-data", standalone_mode=False)
    except SystemExit as error:
        # While help is printed, rich and typer turn a broken pipe into exit code 1.
        if isinstance(error.__context__, BrokenPipeError):
            return BROKEN_PIPE
        raise
    except (Exception, KeyboardInterrupt) as error:
        from ._errors import report

        return report(_usage_error(error) or error)
    return code if isinstance(code, int) else 0


def _usage_error(error: BaseException) -> CommandError | None:
    """Convert a usage error of typer; return None for any other error."""
    usage_error = typer.BadParameter.__base__  # typer exports only this subclass of it
    if usage_error is None or not isinstance(error, usage_error):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "polyai-data"
    shared = [f"--{field.name.replace('_', '-')}" for field in fields(ConnectionOptions)]
    if path == "polyai-data" and getattr(error, "option_name", None) in shared:
        remedy = "Options come after the command: polyai-data list --region us."
    else:
        remedy = f"See `{path} --help`."
    formatted: Any = error
    if similar := getattr(error, "possibilities", None):  # --api-key is there to be rejected
        formatted.possibilities = [name for name in similar if name != "--api-key"]
    message = str(formatted.format_message())
    for pattern, replacement in _REPHRASED.items():
        message = re.sub(pattern, replacement, message, flags=re.DOTALL)
    return CommandError(message, remedy)

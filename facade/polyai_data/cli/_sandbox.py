"""Implements `polyai-data sandbox`."""

from typing import Any

import typer

from ._command import CommandError


def run(**options: Any) -> None:
    """Run the sandbox server.

    Raises:
        CommandError: if a dependency of the sandbox is not installed.
    """
    try:
        from polyai_data.sandbox.__main__ import run as run_sandbox
    except ImportError as error:
        raise CommandError(str(error), code=1) from None
    if code := run_sandbox(**options):
        raise typer.Exit(code)

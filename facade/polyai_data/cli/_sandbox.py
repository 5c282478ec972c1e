"""Implements `polyai-data sandbox`."""

from collections.abc import Sequence

from ._command import CommandError


def run(arguments: Sequence[str]) -> int:
    """Run the sandbox server with its own options, and return the exit code.

    Raises:
        CommandError: if a dependency of the sandbox is not installed.
    """
    try:
        from polyai_data.sandbox.__main__ import main
    except ImportError as error:
        raise CommandError(str(error), code=1) from None
    return main(arguments)

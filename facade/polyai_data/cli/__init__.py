"""The command line `polyai-data`: conversations for people in a terminal, and for scripts.

It needs `pip install "polyai-data[cli]"`, and works on the public API of the package alone.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; those of the process if None.

    Returns:
        The exit code, as `polyai-data --help` lists them.

    Raises:
        SystemExit: help or a completion was asked for (code 0).
    """
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise  # they are there, and lack something themselves
        print(
            "polyai-data: the command line needs more than the library: "
            'pip install "polyai-data[cli]"',
            file=sys.stderr,
        )
        return 1
    from ._app import run

    return run(sys.argv[1:] if argv is None else argv)

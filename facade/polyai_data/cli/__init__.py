"""The command line `polyai-data`.

It needs the extra `cli`, and uses only the public API of the package.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments; `sys.argv[1:]` if None.

    Returns:
        The exit code; `polyai-data --help` lists them.

    Raises:
        SystemExit: with code 0, after a shell completion.
    """
    from ._streams import replace_closed_streams

    replace_closed_streams()
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in ("rich", "typer"):
            raise  # they are installed, but one of their dependencies is not
        from ._install import install_command

        print(
            f"polyai-data: the command line needs more than the library: {install_command('cli')}",
            file=sys.stderr,
        )
        return 1
    from ._app import run

    return run(sys.argv[1:] if argv is None else argv)

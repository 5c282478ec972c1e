"""`polyai-data sandbox`."""

from collections.abc import Sequence

from ._command import Refused


def run(arguments: Sequence[str]) -> int:
    """Serve the sandbox with its own options, and return its exit code.

    Raises:
        Refused: if what it needs is not installed.
    """
    try:
        from polyai_data.sandbox.__main__ import main
    except ImportError as error:
        raise Refused(str(error), code=1) from None
    return main(arguments)

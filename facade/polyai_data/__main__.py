"""`python -m polyai_data`: the command line, or its help and version if it is not installed."""

import argparse
import importlib.util
import sys

from . import __spec_version__, __version__
from .cli._install import install_command


def main() -> int:
    """Run the command line if its dependencies are installed."""
    if all(importlib.util.find_spec(name) for name in ("typer", "rich")):
        from .cli import main as run

        return run()
    parser = argparse.ArgumentParser(
        prog="python -m polyai_data",
        description="A Python client for PolyAI's Data API.",
        epilog=f"For the command line: {install_command('cli')}. "
        "To try the package without a key: python -m polyai_data.sandbox",
    )
    version = f"polyai-data {__version__} (Data API {__spec_version__})"
    parser.add_argument("--version", action="version", version=version)
    _, others = parser.parse_known_args()
    if others:  # not repeated: one of them may be a key
        parser.error(f"this needs the command line: {install_command('cli')}")
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())

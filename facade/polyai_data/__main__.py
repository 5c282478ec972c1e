"""`python -m polyai_data`: the command line, or its help and version if it is not installed."""

import argparse
import importlib.util
import sys

from . import __spec_version__, __version__


def main() -> int:
    """Run the command line if its dependencies are installed."""
    if all(importlib.util.find_spec(name) for name in ("typer", "rich")):
        from .cli import main as run

        return run()
    parser = argparse.ArgumentParser(
        prog="python -m polyai_data",
        description="A Python client for PolyAI's Data API.",
        epilog='For the command line: pip install "polyai-data[cli]". '
        "To try the package without a key: python -m polyai_data.sandbox",
    )
    version = f"polyai-data {__version__} (Data API {__spec_version__})"
    parser.add_argument("--version", action="version", version=version)
    parser.parse_args()
    parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command `python -m polyai_data --version`."""

import argparse

from . import __spec_version__, __version__


def main() -> None:
    """Print which version of the package this is, and of the API's document."""
    parser = argparse.ArgumentParser(
        prog="python -m polyai_data",
        description="A Python client for PolyAI's Data API.",
        epilog="To try it without a key: python -m polyai_data.sandbox",
    )
    version = f"polyai-data {__version__} (Data API {__spec_version__})"
    parser.add_argument("--version", action="version", version=version)
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()

"""Installs a wheel into an empty environment, with nothing but its dependencies, and uses it there.

The sandbox that it talks to runs in this environment, not in that one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from polyai_data.sandbox import serve
from scenarios import CONVERSATION_ID

USE = f"""
import sys
import polyai_data
options = dict(api_key="sandbox", agent_id="PROJECT-DEMO", base_url=sys.argv[1])
with polyai_data.DataClient(**options) as client:
    conversation = client.get_conversation({CONVERSATION_ID!r})
    print(conversation.heading, "|", polyai_data.__version__)
"""
ALLOWED = {
    "aiohappyeyeballs",
    "aiohttp",
    "aiosignal",
    "anyio",
    "attrs",
    "certifi",
    "frozenlist",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "msgspec",
    "multidict",
    "pip",
    "polyai-data",
    "propcache",
    "setuptools",
    "typing_extensions",
    "yarl",
}
"""What may be installed afterwards: what the package needs, and what that brings."""


def main(wheel: Path) -> int:
    """Check the wheel; return the exit code."""
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("polyai_data/py.typed", "polyai_data_generated/py.typed"):
        if needed not in names:
            print(f"{wheel.name} lacks {needed}.")
            return 1
    with tempfile.TemporaryDirectory() as directory, serve() as base_url:
        venv.create(directory, with_pip=True)
        python = [str(Path(directory) / "bin" / "python"), "-I"]
        pip = [*python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, cwd=directory)
        listed = subprocess.run(
            [*pip, "list", "--format=json"], check=True, capture_output=True, cwd=directory
        )
        extra = {package["name"] for package in json.loads(listed.stdout)} - ALLOWED
        if extra:
            print(f"{wheel.name} brings more than it should: {', '.join(sorted(extra))}.")
            return 1
        subprocess.run([*python, "-c", USE, base_url], check=True, cwd=directory)
    print(f"{wheel.name} works in an environment of its own.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))

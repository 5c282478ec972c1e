"""Installs a wheel into an empty virtual environment, and uses the library and the command line.

The command line must explain what to do if its extra or the settings are missing. The sandbox runs
in the current environment.
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
"""The packages that may be installed: the wheel and its dependencies."""

HINT = (
    "polyai-data: the command line needs more than the library: "
    'pip install "polyai-data[cli] @ {url}"\n'
)
"""The output of the command if its extra is not installed."""
SETTINGS = ("POLYAI_API_KEY", "POLYAI_REGION", "POLYAI_AGENT_ID", "polyai-data sandbox")
"""What the error message names if nothing is configured."""


def main(wheel: Path) -> int:
    """Check the wheel; return the exit code."""
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "polyai_data/py.typed",
        "polyai_data_generated/py.typed",
        "pytest_polyai_data.py",
    ):
        if needed not in names:
            print(f"{wheel.name} does not contain {needed}.")
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
            print(f"{wheel.name} installs unexpected packages: {', '.join(sorted(extra))}.")
            return 1
        subprocess.run([*python, "-c", USE, base_url], check=True, cwd=directory)
        done = list_without_settings(directory)
        if (done.returncode, done.stdout, done.stderr) != (1, "", HINT.format(url=wheel.as_uri())):
            print(
                f"{wheel.name} does not explain that its command line is an extra:\n{done.stderr}"
            )
            return 1
        subprocess.run([*pip, "install", "--quiet", f"{wheel}[cli]"], check=True, cwd=directory)
        done = list_without_settings(directory)
        if done.returncode != 2 or not all(name in done.stderr for name in SETTINGS):
            print(f"{wheel.name} does not explain which settings are missing:\n{done.stderr}")
            return 1
    print(f"{wheel.name} works in an empty environment.")
    return 0


def list_without_settings(directory: str) -> subprocess.CompletedProcess[str]:
    """Run the installed `polyai-data list` without any settings."""
    return subprocess.run(
        [str(Path(directory) / "bin" / "polyai-data"), "list"],
        capture_output=True,
        text=True,
        cwd=directory,
        env={"HOME": directory, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))

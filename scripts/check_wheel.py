"""Installs a wheel or an sdist into empty environments, and uses the library and its extras.

The command line must explain what to do if its extra or the settings are missing. The sandbox runs
in the current environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from textwrap import dedent
from zipfile import ZipFile

from polyai_data.sandbox import serve
from scenarios import CONVERSATION_ID

USE = f"""
import polyai_data
with polyai_data.DataClient() as client:
    conversation = client.get_conversation({CONVERSATION_ID!r})
    print(conversation.heading, "|", polyai_data.__version__)
"""
USE_EXTRAS = {
    "cli": """
        import sys
        from polyai_data.cli import main
        sys.exit(main(["list", "--limit", "1"]))
        """,
    "sandbox": """
        from polyai_data.sandbox import serve
        with serve(conversations=7) as sandbox, sandbox.client() as client:
            print(client.get_page(limit=1).total, "conversations in a sandbox")
        """,
    "arrow": """
        from polyai_data import DataClient, frames
        with DataClient() as client:
            print(frames.to_arrow(client.list_conversations(max_items=7)).num_rows, "rows")
        """,
    "sync": """
        from polyai_data import DataClient, warehouse
        with DataClient() as client:
            warehouse.sync(client, "duckdb:copy.duckdb")
            print(warehouse.sync(client, "duckdb:copy.duckdb"))  # reads times from the copy
        """,
    "spark": """
        from polyai_data.spark import PolyAIDataSource  # without Java
        print(len(PolyAIDataSource({}).schema().split(", ")), "columns in Spark")
        """,
    "dlt": """
        import dlt
        import polyai_data.dlt
        from polyai_data import DataClient
        with DataClient() as client:  # without a destination, which has packages of its own
            print([*polyai_data.dlt.source(client).resources], "in a source of dlt")
        """,
}
"""Code that uses each extra."""
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
"""The packages that may be installed: this one and its dependencies."""

NEEDED = {"polyai_data/py.typed", "polyai_data_generated/py.typed", "pytest_polyai_data.py"}
"""Files that a wheel must contain."""

HINT = (
    "polyai-data: the command line needs more than the library: "
    'pip install "polyai-data[cli] @ {url}"\n'
)
"""The output of the command if its extra is not installed."""
SETTINGS = ("POLYAI_API_KEY", "POLYAI_REGION", "POLYAI_AGENT_ID", "polyai-data sandbox")
"""What the error message names if nothing is configured."""


class Environment:
    """An empty virtual environment.

    Args:
        directory: Where to create it.
        with_pip: Whether it has pip, as most do. If not, uv installs, which is much faster.
    """

    def __init__(self, directory: str, *, with_pip: bool = True) -> None:
        builder = venv.EnvBuilder(with_pip=with_pip)
        builder.create(directory)
        context = builder.ensure_directories(directory)
        self._directory = directory
        self._python = [context.env_exe, "-I"]
        self._command = str(Path(context.bin_path, "polyai-data"))
        self._pip = [*self._python, "-m", "pip", "--disable-pip-version-check"]
        self._install = [*self._pip, "install", "--quiet"]
        if not with_pip:
            self._install = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
            self._install += ["--python", context.env_exe]

    def install(self, requirement: str) -> None:
        """Install a requirement with its dependencies."""
        subprocess.run([*self._install, requirement], check=True, cwd=self._directory)

    def packages(self) -> set[str]:
        """Return the names of the installed packages."""
        listed = subprocess.run(
            [*self._pip, "list", "--format=json"],
            check=True,
            stdout=subprocess.PIPE,
            cwd=self._directory,
        )
        return {package["name"] for package in json.loads(listed.stdout)}

    def run(self, code: str, base_url: str) -> None:
        """Run Python code, with the settings of a sandbox."""
        settings = {
            "POLYAI_BASE_URL": base_url,
            "POLYAI_API_KEY": "sandbox",
            "POLYAI_AGENT_ID": "PROJECT-DEMO",
        }
        subprocess.run(
            [*self._python, "-c", code],
            check=True,
            cwd=self._directory,
            env={**os.environ, **settings},
        )

    def list_without_settings(self) -> subprocess.CompletedProcess[str]:
        """Run the installed `polyai-data list` without any settings."""
        return subprocess.run(
            [self._command, "list"],
            capture_output=True,
            text=True,
            cwd=self._directory,
            env={
                "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""),  # Windows needs it
                "HOME": self._directory,
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            },
        )


def main(arguments: list[str]) -> int:
    """Check wheels and sdists, with `--extras` also their extras; return the exit code."""
    with_extras = "--extras" in arguments
    for archive in (Path(argument).resolve() for argument in arguments if argument != "--extras"):
        problem = find_problem(archive) or (with_extras and find_problem_of_extras(archive))
        print(f"{archive.name} {problem or 'works in an empty environment.'}")
        if problem:
            return 1
    return 0


def find_problem(archive: Path) -> str:
    """Return what is wrong with a wheel or an sdist; empty if it works."""
    if archive.suffix == ".whl" and (missing := NEEDED.difference(ZipFile(archive).namelist())):
        return f"does not contain {', '.join(sorted(missing))}."
    with tempfile.TemporaryDirectory() as directory, serve() as base_url:
        environment = Environment(directory)
        environment.install(str(archive))
        unexpected = environment.packages() - ALLOWED
        if unexpected:
            return f"installs unexpected packages: {', '.join(sorted(unexpected))}."
        environment.run(USE, base_url)
        done = environment.list_without_settings()
        hint = HINT.format(url=archive.as_uri())
        if (done.returncode, done.stdout, done.stderr) != (1, "", hint):
            return f"does not explain that its command line is an extra:\n{done.stderr}"
        environment.install(f"{archive}[cli]")
        done = environment.list_without_settings()
        if done.returncode != 2 or not all(name in done.stderr for name in SETTINGS):
            return f"does not explain which settings are missing:\n{done.stderr}"
    return ""


def find_problem_of_extras(archive: Path) -> str:
    """Return what is wrong with the extras of a wheel or an sdist; empty if they work."""
    for extra, code in USE_EXTRAS.items():
        with tempfile.TemporaryDirectory() as directory, serve() as base_url:
            environment = Environment(directory, with_pip=False)
            environment.install(f"{archive}[{extra}]")
            try:
                environment.run(dedent(code), base_url)
            except subprocess.CalledProcessError:
                return f"does not work with its extra `{extra}`; see above."
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

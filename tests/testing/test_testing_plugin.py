"""The pytest plugin, in test runs of its own: fixtures, the marker, settings, a missing extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import polyai_data.cli._install
import pytest
from polyai_data.sandbox import serve

from tests.pages import pytest_examples

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = {
    "POLYAI_API_KEY": "real",
    "POLYAI_API_KEY_EU": "real",
    "POLYAI_REGION": "us",
    "POLYAI_ANYTHING": "x",
}
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a test module with the plugin, in this process."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str, conftest: str = "") -> pytest.RunResult:
        pytester.makepyfile(source)
        pytester.makeconftest(conftest)
        return pytester.runpytest_inprocess(
            "-p", "pytest_polyai_data", "-p", "no:cacheprovider", "--strict-markers", "-Werror"
        )

    return run


def test_a_chat_is_tested_in_a_few_lines(run: Run) -> None:
    result = run(
        """
        def test_pets(polyai_client):
            chat = polyai_client.start_chat("sandbox")
            reply = chat.send("May I bring a dog?")
            assert "Dogs are very welcome" in reply.text
        """
    )
    result.assert_outcomes(passed=1)


def test_the_sandbox_has_what_a_test_needs(run: Run) -> None:
    """Its URL, key, agent and requests, and clients of both kinds with options of their own."""
    result = run(
        """
        import asyncio
        import httpx
        import pytest
        from polyai_data import AuthenticationError

        def test_sandbox(polyai_sandbox):
            url = f"{polyai_sandbox}/v1/agents/{polyai_sandbox.agent_id}/conversations"
            headers = {"X-API-KEY": polyai_sandbox.api_key}
            assert httpx.get(url, headers=headers).json()["count"] == 200
            assert [request.method for request in polyai_sandbox.received] == ["GET"]

        def test_clients(polyai_sandbox):
            assert polyai_sandbox.received == []
            with polyai_sandbox.client(api_key="wrong") as client:
                with pytest.raises(AuthenticationError):
                    client.get_page()

            async def count():
                async with polyai_sandbox.async_client(max_retries=0) as client:
                    return (await client.get_page()).count

            assert asyncio.run(count()) == 200

        def test_they_are_one(polyai_client, polyai_sandbox):
            polyai_client.get_page()
            assert len(polyai_sandbox.received) == 1
        """
    )
    result.assert_outcomes(passed=3)


def test_the_marker_sets_options(run: Run) -> None:
    """The closest marker wins. Each test has its own sandbox, so faults count from its start."""
    result = run(
        """
        import pytest
        from polyai_data import ServerError
        from polyai_data.sandbox import Fault

        pytestmark = pytest.mark.polyai_sandbox(conversations=5, agent_id="MINE")
        seen = []

        def test_module(polyai_client, polyai_sandbox):
            assert polyai_client.get_page().count == 5
            assert polyai_sandbox.agent_id == "MINE"

        @pytest.mark.polyai_sandbox(conversations=7, received=seen)
        def test_closest(polyai_client, polyai_sandbox):
            assert polyai_client.get_page().count == 7
            assert polyai_sandbox.agent_id == "MINE"
            assert len(seen) == 1

        @pytest.mark.polyai_sandbox(faults=[Fault(500, nth=1)])
        @pytest.mark.parametrize("attempt", [1, 2])
        def test_faults(polyai_sandbox, attempt):
            with polyai_sandbox.client(max_retries=0) as client:
                with pytest.raises(ServerError):
                    client.get_page()
                assert client.get_page().count == 5
        """
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("marker", "error"),
    [
        ("5", "The marker polyai_sandbox takes keyword arguments only."),
        ("conversation=5", "*unexpected keyword argument 'conversation'*"),
        ("conversations=-1", "*ValueError: conversations must be from 0 to 1000000000, not -1"),
    ],
)
def test_a_wrong_marker_is_an_error(run: Run, marker: str, error: str) -> None:
    result = run(
        f"""
        import pytest

        @pytest.mark.polyai_sandbox({marker})
        def test_it(polyai_sandbox): ...
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{error}"])


def test_the_settings_are_unset_in_tests_that_use_a_fixture(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fixtures that come first see none of them; other tests have all of them; nothing is lost."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    result = run(
        """
        import os
        import pytest

        def settings():
            return sorted(name for name in os.environ if name.startswith("POLYAI_"))

        @pytest.fixture
        def seen():
            return settings()

        @pytest.fixture
        def first(seen, request):
            assert settings() == (SEEN if "none" in request.node.name else [])
            yield
            assert settings() == (SEEN if "none" in request.node.name else [])

        SEEN = ["POLYAI_ANYTHING", "POLYAI_API_KEY", "POLYAI_API_KEY_EU", "POLYAI_REGION"]

        def test_none_before(first, seen):
            assert settings() == seen == SEEN

        def test_client(first, seen, polyai_client):
            assert settings() == seen == []

        @pytest.mark.usefixtures("first", "polyai_sandbox")
        def test_mark():
            assert settings() == []

        @pytest.mark.parametrize("name", ["polyai_sandbox", "polyai_client"])
        def test_later(seen, request, name):
            assert seen == SEEN
            request.getfixturevalue(name)
            assert settings() == []

        def test_own(monkeypatch, own, polyai_sandbox):
            monkeypatch.setenv("POLYAI_BASE_URL", polyai_sandbox)
            assert settings() == ["POLYAI_BASE_URL", "POLYAI_REGION"]

        @pytest.fixture
        def own(monkeypatch):
            monkeypatch.setenv("POLYAI_REGION", "eu")

        def test_none_after(first, seen):
            assert settings() == seen == SEEN
        """
    )
    result.assert_outcomes(passed=7)


def test_the_settings_are_unset_in_other_kinds_of_tests(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Items without fixtures run as usual."""
    monkeypatch.setenv("POLYAI_REGION", "us")
    result = run(
        """
        import os
        import unittest
        import pytest

        @pytest.mark.usefixtures("polyai_sandbox")
        class TestCase(unittest.TestCase):
            def test_it(self):
                assert "POLYAI_REGION" not in os.environ
        """,
        """
        import os
        import pytest

        class Item(pytest.Item):
            def runtest(self):
                assert os.environ["POLYAI_REGION"] == "us"

        def pytest_collection_modifyitems(session, items):
            items.append(Item.from_parent(session, name="plain"))
        """,
    )
    result.assert_outcomes(passed=2)


def test_without_the_extra_the_test_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.startswith("polyai_data.sandbox"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    result = run("def test_it(polyai_client): ...")
    result.assert_outcomes(errors=1)
    command = polyai_data.cli._install.install_command("sandbox")
    output = result.stdout.str()
    assert output.count(f"\nthe sandbox needs Starlette and uvicorn: {command}\n") == 1
    assert "starlette" not in output  # in lower case: the error that this one came from


def test_another_import_error_is_shown_as_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("polyai_data.sandbox"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "polyai_data.sandbox._serve", None)
    result = run("def test_it(polyai_sandbox): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E * import of polyai_data.sandbox._serve halted*"])


def test_the_installed_plugin_is_found_and_imports_nothing(tmp_path: Path) -> None:
    """A project without any configuration has the fixtures, and its other tests pay nothing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"{name} = {value}" for name, value in project["entry-points"]["pytest11"].items()]
    installed = tmp_path / "site" / "as_installed-1.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: as-installed\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_first(): assert 'polyai_data' not in sys.modules\n"
        "def test_client(polyai_client): assert polyai_client.get_page().count == 200\n"
        "def test_lazy(): assert 'aiohttp' not in sys.modules\n"
    )
    paths = [str(installed.parent), *sys.path]
    off = [f"-pno:{name}" for name in ("respx", "pytest_httpx", "schemathesis", "socket", "anyio")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *off, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.parametrize(("page", "tests"), [*pytest_examples()])
def test_the_examples_of_the_docs_pass(
    run: Run, monkeypatch: pytest.MonkeyPatch, page: str, tests: str
) -> None:
    with serve() as sandbox:  # for the tests that do not use the fixtures
        monkeypatch.setenv("POLYAI_BASE_URL", sandbox)
        monkeypatch.setenv("POLYAI_API_KEY", sandbox.api_key)
        monkeypatch.setenv("POLYAI_AGENT_ID", sandbox.agent_id)
        result = run(tests)
    count = len(re.findall(r"^def test_", tests, re.M))
    assert count > 1
    outcomes = result.parseoutcomes()
    assert outcomes.keys() == {"passed"}, page
    assert outcomes["passed"] >= count  # a test may have several parameters

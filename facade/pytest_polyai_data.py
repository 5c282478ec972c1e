"""The pytest plugin: a separate sandbox and client for each test that uses the fixtures.

pytest imports this module in every run, wherever the package is installed. So it is outside the
package, and imports the package only for a test that uses a fixture: other runs are not slower, and
coverage of the package is measured from its first line.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from polyai_data import DataClient
    from polyai_data.sandbox import Sandbox

_NAME = "polyai_sandbox"  # of the fixture, and of the marker with its options


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_NAME}(**options): options of the fixture {_NAME}, those of polyai_data.sandbox.serve, "
        "such as conversations=3",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Unset the settings before other fixtures of the test are set up, so that none reads them."""
    with pytest.MonkeyPatch.context() as environment:
        if _NAME in getattr(item, "fixturenames", ()):
            _unset_settings(environment)
        return (yield)


@pytest.fixture
def polyai_sandbox(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    """A running sandbox of PolyAI's Data API, with made-up conversations.

    It is a string, its base URL. The environment variables `POLYAI_*` are unset in the test.
    """
    if _NAME not in request.node.fixturenames:  # it comes from `request.getfixturevalue`
        _unset_settings(monkeypatch)
    options: dict[str, Any] = {"received": []}
    for marker in reversed(list(request.node.iter_markers(_NAME))):  # the test's own is the last
        if marker.args:
            pytest.fail(f"The marker {_NAME} takes keyword arguments only.", pytrace=False)
        options.update(marker.kwargs)
    try:
        from polyai_data.sandbox import serve
    except ImportError as error:
        if error.name != "polyai_data.sandbox":
            raise
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with serve(**options) as sandbox:
        yield sandbox


@pytest.fixture
def polyai_client(polyai_sandbox: Sandbox) -> Iterator[DataClient]:
    """A `DataClient` of the fixture polyai_sandbox."""
    with polyai_sandbox.client() as client:
        yield client


def _unset_settings(environment: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("POLYAI_"):
            environment.delenv(name)

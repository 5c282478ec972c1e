"""The package imports what a program asks for, and nothing before."""

from __future__ import annotations

import subprocess
import sys

import polyai_data
import pytest
from polyai_data import _MODULES

LOADED = "import sys, polyai_data; print(*sys.modules)"


def loaded(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_imports_none_of_what_it_needs() -> None:
    heavy = {"httpx", "attrs", "asyncio", "msgspec", "polyai_data_generated.models"}
    assert not heavy & loaded(LOADED)


def test_the_client_is_imported_without_what_only_some_programs_need() -> None:
    rare = {"msgspec", "starlette", "polyai_data._async_client"}
    assert not rare & loaded(f"from polyai_data import DataClient; {LOADED}")


@pytest.mark.parametrize("name", ["errors", "models", "Region", "PolyAIError", "Turn"])
def test_a_name_is_there_without_any_other_import(name: str) -> None:
    code = f"import polyai_data; print(polyai_data.{name}.__name__)"
    assert loaded(code) == {f"polyai_data.{name}" if name.islower() else name}


def test_a_submodule_that_nobody_imported_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = polyai_data.errors
    monkeypatch.delattr(polyai_data, "errors")
    assert polyai_data.errors is errors


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in polyai_data.__all__:
        assert getattr(polyai_data, name) is not None
    assert {*polyai_data.__all__, "errors", "models"} <= {*dir(polyai_data)}
    assert set(_MODULES) <= {*polyai_data.__all__}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        polyai_data.no_such_name  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="no_such_name"):
        from polyai_data import no_such_name  # type: ignore[attr-defined]  # noqa: F401

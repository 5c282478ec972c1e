"""What importing the package imports, what it lists, and that its type hints can be resolved."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, get_type_hints

import attrs
import polyai_data
import polyai_data.sandbox
import polyai_data.testing
import pytest

LAZY = {
    "aiohttp",
    "asyncio",
    "dlt",
    "duckdb",
    "msgspec",
    "pyarrow",
    "pyspark",
    "starlette",
    "polyai_data._async",
    "polyai_data.cli",
    "polyai_data.dlt",
    "polyai_data.frames",
    "polyai_data.sandbox",
    "polyai_data.spark",
    "polyai_data.testing",
    "polyai_data.warehouse",
}
LOADED = "; import sys; print(*sys.modules)"


def printed(code: str, *arguments: str) -> list[str]:
    """Return the words that a program prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def loaded(code: str) -> set[str]:
    return set(printed(code))


@pytest.mark.slow
def test_importing_the_package_imports_all_but_its_optional_parts() -> None:
    modules = loaded(f"import polyai_data{LOADED}")
    assert not LAZY & modules
    assert {"httpx", "polyai_data._sync.client", "polyai_data_generated.models"} <= modules


@pytest.mark.slow
def test_the_asynchronous_half_is_imported_when_it_is_used() -> None:
    modules = loaded(f"from polyai_data import AsyncDataClient{LOADED}")
    assert {"asyncio", "polyai_data._async.client"} <= modules
    assert not {"msgspec", "starlette", "polyai_data.cli"} & modules


@pytest.mark.slow
def test_the_synchronous_client_imports_nothing_asynchronous() -> None:
    code = "from polyai_data import DataClient; DataClient(api_key='key', region='us').close()"
    assert not LAZY & loaded(f"{code}{LOADED}")


EACH_NAME_ALONE = """
import sys

for name in sys.argv[1:]:
    for module in [module for module in sys.modules if module.startswith("polyai_data")]:
        del sys.modules[module]
    import polyai_data

    print(getattr(polyai_data, name).__name__)
"""


@pytest.mark.slow
def test_a_name_is_there_without_any_other_import() -> None:
    names = ["errors", "models", "Region", "PolyAIError", "Turn", "AsyncDataClient"]
    full = [f"polyai_data.{name}" if name.islower() else name for name in names]
    assert printed(EACH_NAME_ALONE, *names) == full


def test_every_public_name_can_be_imported() -> None:
    for name in polyai_data.__all__:
        assert getattr(polyai_data, name) is not None


def test_dir_lists_public_names_only() -> None:
    assert dir(polyai_data) == sorted([*polyai_data.__all__, "errors", "models"])
    private = [name for name in dir(polyai_data) if name.startswith("_")]
    assert private == ["__spec_version__", "__version__"]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        polyai_data.no_such_name  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="no_such_name"):
        from polyai_data import no_such_name  # type: ignore[attr-defined]  # noqa: F401


# --- Type hints ----------------------------------------------------------------------------------


def public_classes() -> Iterator[tuple[str, Any]]:
    for module in (polyai_data, polyai_data.models, polyai_data.errors, polyai_data.sandbox):
        for name in getattr(module, "__all__", None) or vars(module):
            value = getattr(module, name)
            if inspect.isclass(value) and not name.startswith("_"):
                yield name, value


CLASSES = dict(public_classes())


def functions_of(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield the public methods of a class, its properties and its `__init__`."""
    for name in dir(kind):
        if name.startswith("_") and name != "__init__":
            continue
        value = inspect.getattr_static(kind, name)
        if isinstance(value, property):
            value = value.fget
        elif isinstance(value, classmethod | staticmethod):
            value = value.__func__
        if inspect.isfunction(value) and value.__module__.startswith("polyai_data"):
            yield name, value


@pytest.mark.parametrize("name", CLASSES)
def test_type_hints_of_every_public_class_and_method_can_be_resolved(name: str) -> None:
    kind = CLASSES[name]
    get_type_hints(kind)
    for method, function in functions_of(kind):
        named = {*inspect.signature(function).parameters} - {"self", "cls"}
        assert named <= {*get_type_hints(function)}, f"{name}.{method}"


def test_type_hints_of_every_public_function_can_be_resolved() -> None:
    functions = [getattr(polyai_data, name) for name in polyai_data.__all__]
    for module in (polyai_data.sandbox, polyai_data.testing):
        functions += [getattr(module, name) for name in module.__all__]
    functions = [one for one in functions if inspect.isfunction(one)]
    assert polyai_data.parse_studio_url in functions
    for function in functions:
        assert "return" in get_type_hints(function)


def test_the_classes_whose_type_hints_are_resolved_include_clients_and_models() -> None:
    assert {"DataClient", "AsyncDataClient", "AsyncRecording", "Conversation", "Retry"} <= {
        *CLASSES
    }
    methods = {name for name, _ in functions_of(polyai_data.AsyncDataClient)}
    assert {"__init__", "from_studio_url", "open_recording", "get_conversations"} <= methods
    assert "heading" in dict(functions_of(polyai_data.Conversation))


# Docstrings that list the fields by hand, each with those that it adds to.
LISTS: list[list[type]] = [
    [polyai_data.ChatReply],
    [polyai_data.Conversation, polyai_data.ConversationSummary],
    [polyai_data.ConversationPage],
    [polyai_data.ConversationSummary],
    [polyai_data.FoundConversation],
    [polyai_data.FoundPage],
    [polyai_data.WriteResult],
]


@pytest.mark.parametrize("classes", LISTS, ids=lambda classes: classes[0].__name__)
def test_the_docstring_names_every_field(classes: list[type]) -> None:
    lists = "\n".join((each.__doc__ or "").partition("Attributes:\n")[2] for each in classes)
    named = set(re.findall(r"^ {8}(\w+): ", lists, re.MULTILINE))
    assert {each.alias for each in attrs.fields(classes[0])} - named == set()

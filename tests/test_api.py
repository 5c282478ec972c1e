"""The public API is what tests/api.txt says."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from textwrap import dedent

import api_snapshot
import attrs
import pytest
from api_snapshot import MODULES, Snapshot, difference

COMMITTED = api_snapshot.SNAPSHOT.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def current() -> list[str]:
    return Snapshot().lines()


def test_the_public_api_is_the_committed_one(current: list[str]) -> None:
    diff = difference(COMMITTED, current)
    if diff:
        pytest.fail(
            f"The public API has changed. If that is intended, run `make api` and commit.\n{diff}",
            pytrace=False,
        )


def test_the_snapshot_names_nothing_private(current: list[str]) -> None:
    assert not [line for line in current if re.search(r"polyai_data\._[a-z]|_generated", line)]


def test_the_snapshot_agrees_with_the_imported_package(current: list[str]) -> None:
    text = "\n".join(current)
    # dlt and Spark are not everywhere.
    for module in {*MODULES} - {"polyai_data.dlt", "polyai_data.spark"}:
        imported = importlib.import_module(module)
        for name in getattr(imported, "__all__", ()):
            path = re.escape(f"{module}.{name}")
            kinds = "class |def |async def |alias |"
            entries = re.findall(rf"^((?:@.* )?(?:{kinds})){path}\b(?!\.)", text, re.M)
            assert len(entries) == 1, name
            found = getattr(imported, name)
            if inspect.isclass(found) and attrs.has(found) and entries != ["alias "]:
                assert parameters(text, f"{module}.{name}.__init__") == [
                    parameter.name for parameter in inspect.signature(found).parameters.values()
                ]


def parameters(text: str, function: str) -> list[str]:
    """Return the names of a function's parameters in the snapshot."""
    match = re.search(rf"^def {re.escape(function)}\((.*?)\)( ->.*)?$", text, re.M | re.S)
    assert match, function
    return re.findall(r"(?:^|[\n,] *)(\w+):", match[1])


PACKAGE = {
    "polyai_data/__init__.py": """
        from ._impl import Client, Model, Problem, connect
        from .models import Color
        __all__ = ["Client", "Color", "Model", "Problem", "__version__", "connect"]
        __version__ = "1.0"
    """,
    "polyai_data/errors.py": """
        from ._impl import Problem
        LIMIT = 5
        def describe(value: object) -> str: ...
        def _private() -> None: ...
    """,
    "polyai_data/models.py": """
        from enum import StrEnum
        __all__ = ["Color"]
        class Color(StrEnum):
            RED = "red"
    """,
    "polyai_data/dlt/__init__.py": "__all__ = []",
    "polyai_data/frames/__init__.py": "__all__ = []",
    "polyai_data/sandbox/__init__.py": "__all__ = []",
    "polyai_data/spark/__init__.py": "__all__ = []",
    "polyai_data/testing/__init__.py": "__all__ = []",
    "polyai_data/warehouse/__init__.py": "__all__ = []",
    "polyai_data/_impl.py": """
        from contextlib import contextmanager
        from typing import Any, ClassVar, overload
        from attrs import field, frozen
        from polyai_data_generated import Base
        from .models import Color
        _Timeout = float | None
        _DEFAULT = 5
        class Problem(Exception):
            def __init__(self, message: str) -> None:
                self.message = message
        class _Shared:
            @property
            def name(self) -> str: ...
            @name.setter
            def name(self, value: str) -> None: ...
            def __repr__(self) -> str: ...
        class Client(_Shared):
            @overload
            def get(self, key: str) -> Model: ...
            @overload
            def get(self, key: int) -> None: ...
            def get(self, key: str | int) -> Model | None: ...
            async def send(
                self, body: bytes, /, *rest: int, timeout: _Timeout = _DEFAULT
            ) -> None: ...
            @staticmethod
            def make(*, kind: Color = Color.RED, **options: Any) -> "Client": ...
            def search(
                self, first_word: str, second_word: str, *, maximum: int = 10, deep: bool = False
            ) -> None: ...
        @frozen
        class Model(Base, _Shared):
            kinds: ClassVar[int] = 3
            color: Color = Color.RED
            _hidden: str = field(default="", kw_only=True)
            raw: dict[str, Any] = field(factory=dict)
            made: int = field(init=False)
        @contextmanager
        def connect(): ...
    """,
    "polyai_data_generated/__init__.py": """
        from attrs import define
        @define
        class Base:
            id: str
            def to_dict(self) -> dict[str, int]: ...
    """,
}
EXPECTED = """
    module polyai_data
    class polyai_data.Client
    def polyai_data.Client.get(key: str) -> Model
    def polyai_data.Client.get(key: int) -> None
    @staticmethod def polyai_data.Client.make(*, kind: Color = Color.RED, **options: Any) -> Client
    writable property polyai_data.Client.name: str
    def polyai_data.Client.search(
        first_word: str,
        second_word: str,
        *,
        maximum: int = 10,
        deep: bool = False,
    ) -> None
    async def polyai_data.Client.send(body: bytes, /, *rest: int, timeout: float | None = 5) -> None
    class polyai_data.Color(enum.StrEnum)
    polyai_data.Color.RED = 'red'
    @attrs.frozen class polyai_data.Model
    def polyai_data.Model.__init__(
        id: str,
        color: Color = Color.RED,
        raw: dict[str, Any] = dict(),
        *,
        hidden: str = '',
    )
    polyai_data.Model.color: Color
    polyai_data.Model.id: str
    polyai_data.Model.kinds: int = 3
    polyai_data.Model.made: int
    writable property polyai_data.Model.name: str
    polyai_data.Model.raw: dict[str, Any]
    def polyai_data.Model.to_dict() -> dict[str, int]
    class polyai_data.Problem(Exception)
    def polyai_data.Problem.__init__(message: str) -> None
    polyai_data.Problem.message: str
    polyai_data.__version__
    @contextlib.contextmanager def polyai_data.connect()
    module polyai_data.dlt
    module polyai_data.errors
    polyai_data.errors.LIMIT = 5
    def polyai_data.errors.describe(value: object) -> str
    module polyai_data.frames
    module polyai_data.models
    alias polyai_data.models.Color = polyai_data.Color
    module polyai_data.sandbox
    module polyai_data.spark
    module polyai_data.testing
    module polyai_data.warehouse
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A directory with a small package of the same shape."""
    for name, source in PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))
    return tmp_path


def test_every_kind_of_name_has_its_line(package: Path) -> None:
    assert Snapshot([package]).lines() == dedent(EXPECTED).strip().splitlines()


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("polyai_data/_impl.py", "_DEFAULT = 5", "_DEFAULT = 6", ("5", "6")),
        ("polyai_data/_impl.py", "maximum: int", "maximum: str", ("int = 10", "str = 10")),
        ("polyai_data_generated/__init__.py", "id: str", "id: int", (".id: str", ".id: int")),
        ("polyai_data/models.py", '"red"', '"green"', ("'red'", "'green'")),
    ],
    ids=["default", "annotation", "field", "enum"],
)
def test_a_change_shows_in_the_diff(
    package: Path, file: str, old: str, new: str, changed: tuple[str, str]
) -> None:
    before = Snapshot([package]).lines()
    source = (package / file).read_text()
    assert source.count(old) == 1
    (package / file).write_text(source.replace(old, new))
    diff = difference(before, Snapshot([package]).lines()).splitlines()[2:]
    removed, added = changed
    assert [line for line in diff if line.startswith("-") and removed in line]
    assert [line for line in diff if line.startswith("+") and added in line]


def test_the_command_writes_and_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["api_snapshot.py", *arguments])
        return api_snapshot.main()

    snapshot = tmp_path / "api.txt"
    monkeypatch.setattr(api_snapshot, "SNAPSHOT", snapshot)
    monkeypatch.setattr(api_snapshot, "ROOT", tmp_path)
    assert run() == 0
    assert snapshot.read_text().splitlines() == COMMITTED
    assert run("--check") == 0
    snapshot.write_text(snapshot.read_text().replace("class polyai_data.DataClient\n", ""))
    capsys.readouterr()
    assert run("--check") == 1
    out = capsys.readouterr().out
    assert "\n+class polyai_data.DataClient\n" in out
    assert out.endswith("run `make api` and commit.\n")

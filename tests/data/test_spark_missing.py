"""Without PySpark, importing the data source says what to install."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.parametrize("name", ["pyspark", "pyarrow"])
def test_importing_without_pyspark_names_the_command(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in [one for one in sys.modules if one.startswith("polyai_data.spark")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ImportError, match=r"spark needs PySpark and pyarrow: pip install .*\[spark\]"
    ):
        import polyai_data.spark  # noqa: F401

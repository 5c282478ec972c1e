"""Without dlt, importing the source says what to install."""

from __future__ import annotations

import sys

import pytest


@pytest.mark.parametrize("name", ["dlt", "pyarrow"])
def test_importing_without_dlt_names_the_command(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in [one for one in sys.modules if one.startswith("polyai_data.dlt")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"dlt needs dlt and pyarrow: pip install .*\[dlt\]"):
        import polyai_data.dlt  # noqa: F401

"""The pictures of the README show what the command line shows today."""

from pathlib import Path

import pytest

import pictures

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_up_to_date(picture: pictures.Picture) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, drawn in pictures.draw([picture]):
        assert f"pictures/{name}" in readme
        assert (ROOT / "pictures" / name).read_text(encoding="utf-8") == drawn, "make pictures"

"""Tests that the pictures in the documentation are up to date."""

from pathlib import Path

import pytest

import pictures

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_up_to_date(picture: pictures.Picture) -> None:
    pages = [ROOT / "README.md", ROOT / "docs" / "reference" / "command-line.md"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    for name, drawn in pictures.draw([picture]):
        assert f"pictures/{name}" in text
        assert (ROOT / "pictures" / name).read_text(encoding="utf-8") == drawn, "make pictures"

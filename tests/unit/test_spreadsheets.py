"""No text is run as a formula by a spreadsheet."""

import pytest

from luthier.spreadsheets import flat, inert


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\tx", "\rx"])
def test_formula_cells_are_made_inert(cell):
    assert inert(cell) == f"'{cell}"
    assert inert(f"a{cell}") == f"a{cell}"


def test_lists_are_written_as_json():
    assert flat(["a", 1]) == '["a", 1]'
    assert flat("a") == "a"

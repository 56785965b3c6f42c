"""Fields within cells are columns where a recipe names their path."""

import pytest

from luthier.data.readers.nested import unfolded, with_fields
from luthier.data.readers.read import read
from luthier.errors import DataError

ROWS = [
    {"id": 1, "data": {"text": "One.", "by": {"name": "Ann"}}, "marks": [{"label": "a"}]},
    {"id": 2, "data": {"text": "Two."}, "marks": []},
]


def test_a_path_leads_into_objects_and_lists():
    names = {"text": "data.text", "author": "data.by.name", "label": "marks.0.label"}
    rows, _ = read(ROWS, columns=names)
    assert rows["text"] == ["One.", "Two."]
    assert rows["author"] == ["Ann", None]
    assert rows["label"] == ["a", None]


def test_objects_written_as_text_are_read():
    columns = {"data": ['{"text": "One."}', "{'text': 'Two.'}"]}
    assert read(columns, columns={"text": "data.text"})[0]["text"] == ["One.", "Two."]


def test_a_column_with_a_point_in_its_name_goes_first():
    columns = {"data.text": ["flat"], "data": [{"text": "deep"}]}
    assert with_fields(columns, ["data.text"])["data.text"] == ["flat"]


@pytest.mark.parametrize("path", ["data.txt", "id.text", "marks.7.label", "dat.text"])
def test_a_path_that_leads_nowhere_is_no_column(path):
    with pytest.raises(DataError, match="no column called"):
        read(ROWS, columns={"text": path})


def test_objects_of_several_kinds_are_left_as_they_are():
    columns = {"answers": [{"text": ["a"]}, "b"], "row": [{"x": 1}, {"y": 2}]}
    assert list(unfolded(columns)) == ["answers", "row.x", "row.y"]

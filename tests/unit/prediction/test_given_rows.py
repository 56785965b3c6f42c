"""Whatever a call gives becomes the rows that the task reads, or an error says what to give."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from luthier.errors import DataError
from luthier.prediction.given_rows import rows_of
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.registry import find, names
from tests.toys import toy_rows

LISTS = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "series": pandas.Series,
    "index": lambda cells: pandas.Series(cells, index=range(5, 5 + len(cells))),
    "objects": lambda cells: pandas.Series(cells, dtype=object).to_numpy(),
}


def task_of(name):
    return make_plugin("tasks", Plugin(name=name))


def columns_of(name, n_rows=3):
    """Give the columns that a task reads, of its first toy rows."""
    task = task_of(name)
    rows, _ = task.normalize(toy_rows(name))
    return task, {role: list(rows[role][:n_rows]) for role in task.input_roles}


def same(rows, columns):
    """Compare rows with columns, of which cells may be arrays or tuples."""
    assert {name: [*map(_plain, cells)] for name, cells in rows.columns.items()} == columns
    return True


def _plain(cell):
    return list(cell) if isinstance(cell, (tuple, np.ndarray)) else cell


MEDIA = [name for name in names("tasks") if find("tasks", name).unit == "media"]


@pytest.mark.parametrize("name", MEDIA)
def test_an_image_or_a_sound_is_a_path_bytes_or_an_array(name):
    task, (role,) = task_of(name), task_of(name).input_roles
    signal = task.toy_rows()[role][0]
    for cell in ("a file.png", b"bytes", signal):
        for given, named in (((cell,), {}), (({role: cell},), {}), ((), {role: cell})):
            single, rows = rows_of(given, named, task)
            assert single
            assert len(rows) == 1
            assert rows[role][0] is cell
        single, rows = rows_of(([cell, cell, cell],), {}, task)
        assert not single
        assert len(rows) == 3


@pytest.mark.parametrize("name", [one for one in names("tasks") if one not in MEDIA])
def test_every_task_takes_rows_in_every_shape(name):
    task, columns = columns_of(name)
    one = {role: cells[:1] for role, cells in columns.items()}
    row = {role: cells[0] for role, cells in columns.items()}
    records = [
        dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)
    ]
    for given, named in (((row,), {}), (tuple(row.values()), {}), ((), row)):
        single, rows = rows_of(given, named, task)
        assert single
        assert same(rows, one)
    shapes = [tuple(map(make, columns.values())) for make in LISTS.values()]
    for given in [*shapes, (records,), (pandas.Series(records),)]:
        single, rows = rows_of(given, {}, task)
        assert not single
        assert same(rows, columns)
    assert same(rows_of((), columns, task)[1], columns)


def test_a_single_text_goes_with_each_of_a_list():
    task = task_of("question-answering")
    single, rows = rows_of((["who?", "where?"], "Ada went home."), {}, task)
    assert not single
    assert rows["context"] == ["Ada went home."] * 2


def test_other_columns_of_a_task_are_taken_as_they_are():
    for name, row in (
        ("causal-lm", {"messages": [{"role": "user", "content": "hi"}]}),
        ("causal-lm", {"instruction": "say", "input": None}),
        ("token-classification", {"tokens": ["Ada", "sang"]}),
        ("multiple-choice", {"text": "t", "ending0": "a", "ending1": "b"}),
        ("multiple-choice", {"text": "t", "choices": {"text": ["a"], "label": ["A"]}}),
        ("translation", {"translation": {"de": "x", "en": "y"}}),
    ):
        assert same(rows_of((row,), {}, task_of(name))[1], {key: [row[key]] for key in row})


def test_missing_cells_are_empty_texts_as_in_a_file():
    _, rows = rows_of((pandas.Series(["a", None]),), {}, task_of("text-classification"))
    assert rows["text"] == ["a", None]


@pytest.mark.parametrize(
    ("given", "received"),
    [
        (3, "int"),
        (2.5, "float"),
        (None, "None"),
        (b"x", "bytes"),
        (Path("in.csv"), "in.csv"),
        ([1, 2], "int in row 1"),
        (["a", 2], "int in row 2"),
        ({"text": 3}, "int"),
        ([["a", "b"]], "list"),
        (np.arange(3), "int"),
        (np.array(4), "int"),
        ({1: "a"}, "1"),
        ({}, "nothing"),
    ],
)
def test_what_is_no_text_is_refused_in_words(given, received):
    with pytest.raises(DataError) as caught:
        rows_of((given,), {}, task_of("text-classification"))
    assert received in caught.value.received
    assert caught.value.hint

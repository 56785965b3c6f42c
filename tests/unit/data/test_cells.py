"""Lists that tables keep as text are read, and nothing is run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from luthier.data.cells import is_cut_list, structure_of

LISTS = [
    ["a", "b"],
    ["it's", 'say "no"', "a\nb", "ünï", "a, b"],
    [1, 0, -1],
    [0.5, 1.0, 1e-05],
    [True, False],
    [],
    ["O"] * 40,
]


@pytest.mark.parametrize("content", LISTS)
def test_lists_as_python_and_numpy_print_them(content):
    array = np.array(content, dtype=object if content and isinstance(content[0], str) else None)
    for text in (str(content), repr(array), str(array), f" {content}\n", repr(tuple(content)) * 0):
        if text:
            assert structure_of(text) == content
    assert structure_of(array) == content


def test_cells_that_pandas_writes(tmp_path):
    cells = [
        {"text": np.array(["x y"], dtype=object), "answer_start": np.array([3], dtype=np.int32)},
        [{"start": 0, "end": 3, "label": "PER"}],
        np.array([np.str_("a"), "b"]),
        [np.int64(3), np.float64(0.5), np.str_("a"), np.True_],
        ("a", 1),
    ]
    pd.DataFrame({"cell": pd.Series(cells, dtype=object)}).to_csv(tmp_path / "a.csv", index=False)
    read = [structure_of(text) for text in pd.read_csv(tmp_path / "a.csv")["cell"]]
    assert read == [
        {"text": ["x y"], "answer_start": [3]},
        [{"start": 0, "end": 3, "label": "PER"}],
        ["a", "b"],
        [3, 0.5, "a", True],
        ["a", 1],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[Laughter] Thank you. [Applause]",
        "(1)",
        "(see above)",
        "{name}, hello {you}",
        "[a, b]",
        "['a', open('x')]",
        "[x for x in 'ab']",
        "['a' + 'b']",
        "['a', __import__('os')]",
        "array(open('x'))",
        "[1 ... 0]",
        "[" * 100_000 + "'" + "]" * 100_000,
        "",
        "plain",
    ],
)
def test_what_is_no_literal_stays_a_text(text):
    assert structure_of(text) is text


def test_lists_that_were_cut_off_are_known():
    long = str(np.array(["word"] * 2000, dtype=object))
    assert "..." in long
    assert is_cut_list(long)
    assert is_cut_list(str(["word"] * 9000)[:32767])
    assert not is_cut_list("['a', 'b']")
    assert not is_cut_list(["a"])

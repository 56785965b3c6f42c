"""Whatever a function of luthier is called with, it answers or says in words what it takes."""

from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import luthier
from luthier.arguments import Count, Overrides, Paths, checked
from luthier.errors import ArgumentError, LuthierError

NEEDED = {
    "run": {"recipe": "r.yaml"},
    "inspect": {"source": "r.yaml"},
    "load": {"folder": "runs/none"},
    "evaluate": {"run": "runs/none", "data": "d.csv"},
    "compare": {"folders": ["runs/a", "runs/b"]},
    "export": {"run": "runs/none", "out": "plain"},
    "ladder": {"recipe": "r.yaml"},
    "seeds": {"recipe": "r.yaml"},
    "list_runs": {},
    "delete_runs": {"folders": ["runs/none"]},
}
WRONG = [3, 2.5, b"x", [3], object(), -1, "runs/a\0b"]
ARGUMENTS = [
    (name, argument)
    for name in NEEDED
    for argument, one in signature(getattr(luthier, name)).parameters.items()
    if one.annotation not in ("bool", "Any")
]


@checked
def called(folders: Paths, changes: Overrides = (), *, times: Count = 1) -> tuple:
    """Return the arguments.

    Args:
        folders: Run folders,
            one or several.
        changes: Changes.
        times: How often.

    Returns:
        All of them.
    """
    return list(folders), list(changes), times


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_every_function_refuses_wrong_types_in_words(name, argument, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for wrong in WRONG:
        if argument == "folders" and wrong == -1:
            continue
        with pytest.raises(LuthierError) as caught:
            getattr(luthier, name)(**{**NEEDED[name], argument: wrong})
        assert str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_one_alone_may_stand_without_a_list():
    assert called("runs/a", "training.seed=1") == (["runs/a"], ["training.seed=1"], 1)
    assert called(Path("a"), ("b",)) == ([Path("a")], ["b"], 1)
    assert called(iter(["a", "b"])) == (["a", "b"], [], 1)


def test_numbers_of_numpy_are_numbers():
    assert called("a", times=np.int64(3))[2] == 3


def test_the_docstring_says_what_to_give():
    with pytest.raises(ArgumentError, match="called takes as folders") as caught:
        called(3)
    assert caught.value.received == "int: 3"
    assert caught.value.hint == "Run folders, one or several"
    for wrong in (0, "3", True):
        with pytest.raises(ArgumentError, match="times"):
            called("a", times=wrong)


def test_only_public_names_are_listed():
    hidden = {"TYPE_CHECKING", "annotations", "import_module", "logging"}
    assert not hidden & {*dir(luthier)}
    assert {*luthier.__all__} <= {*dir(luthier)}

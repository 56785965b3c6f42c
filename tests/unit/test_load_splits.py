"""Whatever a recipe says of the splits, no row is in two of them and none is lost unsaid."""

from __future__ import annotations

import csv
import shutil

import pytest

from luthier.errors import DataError
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.registry import find
from luthier.sources.labelled import read_labelled
from tests.toys import toy_tree

N_ROWS, N_GROUPS = 60, 12
COLORS = ("red", "green", "blue", "black", "white", "grey")
THINGS = ("river", "stone", "window", "garden", "bridge", "letter", "coffee", "candle")


def write(path, first: int = 0, n_rows: int = N_ROWS):
    """Write rows of which each has a content of its own."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "author"))
        for n in range(first, first + n_rows):
            text = f"{COLORS[n % 6]} {THINGS[n // 6 % 8]} number {n}"
            writer.writerow((text, "ab"[n % 2], f"author {n * 7 // N_ROWS}, {n % N_GROUPS}"))
    return str(path)


def split(data: dict, given: dict | None = None):
    """Do the first steps of a run: read, split, inspect and subsample."""
    recipe = read_recipe(toy_tree("text-classification", "model", data=data))
    task = find("tasks", "text-classification")
    return check_data(recipe, task(task.Options()), given).splits


def identities(splits) -> list[set[tuple[str, str]]]:
    """Name the rows of each split twice: by where they stand, and by what they say."""
    found = []
    for _, rows in splits.items():
        where = [rows.where(index) for index in range(len(rows))]
        assert len(set(where)) == len(set(rows["text"])) == len(rows)
        found.append(set(zip(where, rows["text"], strict=True)))
    return found


def assert_apart(splits) -> set[tuple[str, str]]:
    """Check that no row is in two splits, by place and by content; give all of them."""
    parts = identities(splits)
    together = set().union(*parts)
    assert len({where for where, _ in together}) == sum(map(len, parts))
    assert len({text for _, text in together}) == sum(map(len, parts))
    return together


SPLIT_OPTIONS = [
    {},
    {"validation": 0},
    {"validation": 7, "test": 11},
    {"stratify": False},
    {"seed": 5},
    {"group_by": "author"},
    {"group_by": "author", "stratify": False, "validation": 0.3, "test": 0.3},
    {"n_folds": 4, "fold": 2},
    {"n_folds": 3, "fold": 0, "group_by": "author"},
]
DATA_OPTIONS = [
    {},
    {"limit": {"train": 9, "validation": 3, "test": 4}},
    {"shots": 4},
    {"drop_leaks": True},
]


@pytest.mark.parametrize("more", DATA_OPTIONS, ids=str)
@pytest.mark.parametrize("options", SPLIT_OPTIONS, ids=str)
def test_splits_share_no_row(tmp_path, options, more):
    """All rows of the file are somewhere, unless a limit or shots leave some out."""
    train = write(tmp_path / "train.csv")
    together = assert_apart(split({"train": train, "split": options, **more}))
    if not {"limit", "shots"} & more.keys():
        assert len(together) == N_ROWS


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"group_by": "author"}], ids=str)
@pytest.mark.parametrize("given", [("test",), ("validation",), ("validation", "test")], ids=str)
def test_splits_share_no_row_with_files_that_were_given(tmp_path, given, options):
    data = {"train": write(tmp_path / "train.csv")}
    for number, name in enumerate(given, start=1):
        data[name] = write(tmp_path / f"{name}.csv", first=1000 * number, n_rows=20)
    together = assert_apart(split({**data, "split": options}))
    assert len(together) == N_ROWS + 20 * len(given)


@pytest.mark.parametrize("group_by", [None, "author"])
def test_each_row_is_in_one_test_fold(tmp_path, group_by):
    train = write(tmp_path / "train.csv")
    tested: list[str] = []
    for fold in range(4):
        options = {"n_folds": 4, "fold": fold, "group_by": group_by}
        splits = split({"train": train, "split": options})
        assert len(assert_apart(splits)) == N_ROWS
        tested += splits.test["text"]
    assert sorted(tested) == sorted(set(tested))
    assert len(tested) == N_ROWS


@pytest.mark.parametrize("options", [o for o in SPLIT_OPTIONS if "group_by" in o], ids=str)
def test_no_group_is_in_two_splits(tmp_path, options):
    splits = split({"train": write(tmp_path / "train.csv"), "split": options})
    authors = [author for _, rows in splits.items() for author in set(rows["author"])]
    assert len(authors) == len(set(authors))


def refusal(data: dict, given: dict | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        split(data, given)
    assert caught.value.received
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("other", ["validation", "test"])
def test_one_file_for_two_splits_is_refused(tmp_path, other):
    path = write(tmp_path / "rows.csv")
    error = refusal({"train": path, other: path})
    assert error.problem == f"{N_ROWS} rows would be both in train and in {other}."
    assert error.hint.startswith(f"data.{other}=null")


def test_a_test_file_inside_the_training_folder_is_refused(tmp_path):
    write(tmp_path / "all" / "one.csv")
    test = write(tmp_path / "all" / "two.csv", first=100, n_rows=20)
    assert refusal({"train": str(tmp_path / "all"), "test": test}).problem.startswith("20 rows")


def test_a_link_to_the_training_file_is_refused(tmp_path):
    path = write(tmp_path / "rows.csv")
    (tmp_path / "test.csv").symlink_to(path)
    assert "60 rows" in refusal({"train": path, "test": str(tmp_path / "test.csv")}).problem


def test_the_same_frame_for_two_splits_is_refused():
    rows = {"text": [f"text {n}" for n in range(9)], "label": list("abababaab")}
    error = refusal({"train": "memory"}, {"train": rows, "test": rows})
    assert error.problem == "The same rows were given for train and for test."


def test_a_copied_file_is_found_by_the_doctor_and_not_refused(tmp_path):
    path = write(tmp_path / "rows.csv")
    shutil.copy(path, tmp_path / "copy.csv")
    splits = split({"train": path, "test": str(tmp_path / "copy.csv"), "split": {"validation": 0}})
    assert len(splits.test) == N_ROWS


def test_a_group_in_two_given_files_is_refused(tmp_path):
    """`group_by` promises that equal values never stand in two splits, given files included."""
    train = write(tmp_path / "train.csv")
    test = write(tmp_path / "test.csv", first=0, n_rows=6)
    error = refusal({"train": train, "test": test, "split": {"group_by": "author"}})
    assert error.problem == "The same groups by author are in train and in test."
    assert "data.split.group_by=null" in error.hint
    assert split({"train": train, "test": test}).test


def test_the_seed_of_a_training_moves_no_row(tmp_path):
    file = write(tmp_path / "rows.csv")
    data = {"train": file, "limit": {"test": 6, "validation": 3}}

    def parts(training_seed, **options):
        tree = toy_tree("text-classification", "model", data={**data, "split": options})
        tree["training"]["seed"] = training_seed
        task = find("tasks", "text-classification")
        return identities(check_data(read_recipe(tree), task(task.Options())).splits)

    assert parts(0) == parts(7) == parts(7, seed=None)  # null stood in earlier recipes
    assert parts(0) != parts(0, seed=7)


def test_findings_count_the_rows_that_are_judged(tmp_path):
    rows = [(f"text {n}", "rare" if n < 5 else "ab"[n % 2]) for n in range(400)]
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    limits = {"limit": {"test": 10}, "split": {"test": 0.5, "validation": 0}}
    recipe = read_recipe(
        toy_tree("text-classification", "model", data={"train": str(path), **limits})
    )
    task = find("tasks", "text-classification")
    checked = check_data(recipe, task(task.Options()))
    found = {finding.code: finding for finding in checked.findings}
    assert found["tiny-split"].count == 10
    assert "rare" not in checked.splits.test["label"]
    assert found["untested-label"].message.startswith("1 of 3 labels has no test row: rare.")


@pytest.mark.parametrize("name", ["question", "sent2"])
def test_a_question_is_read_with_the_choices_only_if_the_recipe_names_it(name):
    given = Rows.of(
        {
            "text": [f"text {n}" for n in range(20)],
            "choices": [["wet", "dry"]] * 20,
            "label": [n % 2 for n in range(20)],
            name: ["Is it"] * 20,
        }
    )
    task = find("tasks", "multiple-choice")

    def checked(**columns):
        recipe = read_recipe(toy_tree("multiple-choice", "model", data={"columns": columns}))
        return check_data(recipe, task(task.Options()), {"train": given})

    left = checked()
    assert left.splits.train["choices"][0] == ["wet", "dry"]
    assert name in left.splits.train  # to slice by, say
    assert f"the column '{name}' is not read; data.columns.{name}={name} reads it" in (left.notes)
    assert checked(**{name: name}).splits.train["choices"][0] == ["Is it wet", "Is it dry"]


def test_an_object_that_is_read_in_part_is_no_column_that_is_not_read():
    parts = {"stem": "Who came?", "choices": ["Ada", "Ben"]}
    records = [{"question": parts, "answerKey": key} for key in "AB"]
    columns = {"text": "question.stem", "choices": "question.choices", "label": "answerKey"}
    tree = {"model": "m", "task": "multiple-choice", "data": {"train": "a", "columns": columns}}
    recipe = read_recipe(tree)
    rows, notes, _ = read_labelled(records, recipe, make_plugin("tasks", recipe.task))
    assert list(rows["text"]) == ["Who came?", "Who came?"]
    assert notes == []

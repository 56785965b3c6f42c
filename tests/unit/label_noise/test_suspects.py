"""Rows whose labels are probably wrong are found, and corrections are taken back."""

import csv
import json

import numpy as np
import pytest

from luthier.errors import DataError, RecipeError
from luthier.label_noise.find import suspects
from luthier.label_noise.out_of_fold import folds_of
from luthier.metrics.label_noise import label_noise
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from tests.commands import in_a_new_process
from tests.toys import toy_rows, toy_tree


def tree(task, tiny_model, rows, **data):
    made = toy_tree(task, tiny_model("bert"), data=data)
    made["data"]["train"] = [
        dict(zip(rows.columns, cells, strict=True))
        for cells in zip(*rows.columns.values(), strict=True)
    ]
    return made


def with_wrong(rows, role, places):
    """Give rows at some places the answer of another row that has another one."""
    cells = list(rows[role])
    for place in places:
        others = (one for one in rows[role] if one != rows[role][place])
        is_tags = isinstance(cells[place], list)
        cells[place] = ["O"] * len(cells[place]) if is_tags else next(others)
    return Rows.of({**rows.columns, role: cells}, name="toy")


def write(path, rows, encoding="utf-8-sig"):
    with path.open("w", encoding=encoding, newline="") as file:
        table = csv.writer(file, lineterminator="\r\n")
        table.writerow(rows.columns)
        table.writerows(zip(*rows.columns.values(), strict=True))
    return path


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_label_is_suspect_only_if_another_is_as_sure_as_usual():
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 900)
    given = true.copy()
    wrong = random.permutation(900)[:90]
    given[wrong] = (true[wrong] + random.integers(1, 3, 90)) % 3
    logits = random.normal(size=(900, 3)) + 4 * np.eye(3)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = label_noise(given, probabilities)
    is_wrong = np.isin(np.arange(900), wrong)
    assert found.is_suspect[is_wrong].mean() > 0.9
    assert found.is_suspect[~is_wrong].mean() < 0.1
    assert found.share == pytest.approx(0.1, abs=0.05)
    assert found.joint.sum() == pytest.approx(900)
    assert found.joint.sum(axis=1) == pytest.approx(np.bincount(given))
    assert (found.suggested[wrong] == true[wrong]).mean() > 0.9


def test_a_label_that_nobody_has_is_never_suggested_as_sure():
    probabilities = np.tile([0.2, 0.1, 0.7], (6, 1))
    found = label_noise(np.array([0, 0, 0, 1, 1, 1]), probabilities)
    assert not (found.is_suspect & (found.suggested == 2) & (found.joint[:, 2].sum() > 0)).any()
    assert found.joint[:, 2].sum() == 0


@pytest.mark.parametrize("by", ["frozen", "recipe"])
def test_planted_wrong_labels_come_first(by, tiny_model):
    rows = toy_rows("text-classification")
    planted = [3, 20, 41, 60]
    made = tree("text-classification", tiny_model, with_wrong(rows, "label", planted))
    made["training"]["num_train_epochs"] = 6
    found = suspects(made, by=by, n_folds=3)
    listed = [int(one.row.rpartition(":")[2]) - 1 for one in found.suspects]
    assert found.n_rows == len(rows)
    assert 0 <= found.share.low <= found.share.value <= found.share.high <= 1
    assert found.share.n == len(rows)
    assert all(one.given != one.suggested for one in found.suspects)
    assert [one.quality for one in found.suspects] == sorted(one.quality for one in found.suspects)
    if by == "frozen":  # a tiny model of random weights still tells these texts apart
        assert set(listed[:8]) & set(planted)


@pytest.mark.parametrize(
    ("task", "role", "unit"),
    [
        ("multi-label-classification", "labels", "labels of rows"),
        ("token-classification", "tags", "words"),
    ],
)
def test_several_labels_and_tags_are_judged_too(task, role, unit, tiny_model, tmp_path):
    rows = toy_rows(task)
    made = tree(task, tiny_model, with_wrong(rows, role, [4, 30]))
    found = suspects(made, n_folds=2, out=tmp_path / "suspects.csv")
    assert found.unit == unit
    assert found.share.n > len(rows)
    written = read(tmp_path / "suspects.csv")
    assert len(written) == len(found.suspects)
    assert (
        list(written[0])[:5] == ["row", "text", "given", "suggested", "quality"]
        if written
        else True
    )


def test_equal_texts_are_judged_by_one_model(tiny_model):
    rows = toy_rows("text-classification")
    doubled = Rows.of({name: [*cells, *cells] for name, cells in rows.columns.items()})
    recipe = read_recipe(toy_tree("text-classification", "model"))
    folds = folds_of(recipe, make_plugin("tasks", recipe.task), doubled, 3)
    assert (folds[: len(rows)] == folds[len(rows) :]).all()
    assert len(set(folds.tolist())) == 3


def test_labels_with_too_few_rows_are_named(tiny_model):
    rows = toy_rows("text-classification")
    cells = ["rare" if at < 5 else label for at, label in enumerate(rows["label"])]
    made = tree("text-classification", tiny_model, Rows.of({**rows.columns, "label": cells}))
    with pytest.raises(DataError) as problem:
        suspects(made)
    assert "takes 10 rows of each label" in str(problem.value)
    assert "rare (5)" in str(problem.value)
    assert "--folds 2" in str(problem.value)
    assert suspects(made, n_folds=2).n_rows == len(rows)


def test_tasks_without_labels_are_refused(tiny_model):
    made = tree("text-regression", tiny_model, toy_rows("text-regression"))
    with pytest.raises(RecipeError, match="Labels are judged where there are labels"):
        suspects(made)


def test_the_command_lists_writes_and_takes_corrections_back(tiny_model, tmp_path):
    rows = toy_rows("text-classification")
    write(tmp_path / "rows.csv", with_wrong(rows, "label", [3, 20, 41, 60]))
    made = toy_tree("text-classification", tiny_model("bert"))
    made["data"]["train"] = "rows.csv"
    (tmp_path / "recipe.yaml").write_text(json.dumps(made), encoding="utf-8")
    asked = ("inspect", "recipe.yaml", "--labels", "--folds", "3")
    (shown, as_json), _ = in_a_new_process(
        (*asked, "--out", "suspects.csv"), (*asked, "--json"), cwd=tmp_path
    )
    found = suspects(tmp_path / "recipe.yaml", n_folds=3)
    assert json.loads(as_json)["verdict"] == found.verdict
    assert "data.labels_from=suspects.csv" in shown
    assert len(read(tmp_path / "suspects.csv")) == len(found.suspects) > 0
    same = suspects(
        tmp_path / "recipe.yaml", ["data.labels_from=" + str(tmp_path / "suspects.csv")]
    )
    assert any("0 labels changed" in note for note in same.notes)


def test_an_unknown_way_of_judging_is_refused(tiny_model):
    made = tree("text-classification", tiny_model, toy_rows("text-classification"))
    with pytest.raises(RecipeError, match="by a head on the frozen model"):
        suspects(made, by="magic")


@pytest.mark.parametrize("option", [("--out", "a.csv"), ("--by", "frozen"), ("--folds", "3")])
def test_options_of_labels_need_labels(option, tmp_path):
    _, told = in_a_new_process(("inspect", "rows.csv", *option), cwd=tmp_path, code=2)
    assert "without --labels" in told

"""Rows by several annotators: how far they agree, and the rows that a training reads."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import luthier
from luthier.build_problem import prepare
from luthier.columns import SOFT
from luthier.errors import DataError
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from tests.commands import in_a_new_process
from tests.toys import toy_rows, toy_tree

WHO = ("ann", "bob", "cem 😀")


def answered(task="text-classification", role="label", *, wrong=lambda item, who: False):
    """Give each toy row three times, by three annotators, of whom some give another answer."""
    rows = toy_rows(task)
    columns = {name: [] for name in rows.columns} | {"who": []}
    for item in range(len(rows)):
        for at, who in enumerate(WHO):
            for name in rows.columns:
                cell = rows[name][item]
                if name == role and wrong(item, at):
                    cell = rows[name][(item + 1) % len(rows)]
                columns[name].append(cell)
            columns["who"].append(who)
    return rows, Rows.of(columns, name="answers")


def checked(task, given, **data):
    recipe = read_recipe(toy_tree(task, "model", data={"annotator": "who", **data}))
    return check_data(recipe, make_plugin("tasks", recipe.task), given)


def write(path, header, *rows, encoding="utf-8-sig"):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows([header, *rows])
    return path


FEW = [
    ("1", "the soup was cold", "ann", "bad"),
    ("1", "the soup was cold", "bob", "bad"),
    ("2", "the bread was warm 😀", "ann", "good"),
    ("2", "the bread was warm 😀", "bob", "bad"),
    ("3", "a waiter sang for us", "ann", "good"),
]
HEADER = ("id", "text", "who", "label")


def test_answers_to_one_text_become_one_row_before_the_split():
    rows, given = answered(wrong=lambda item, who: who == 2 and item % 4 == 0)
    found = checked("text-classification", {"train": given})
    texts = [text for _, part in found.splits.items() for text in part["text"]]
    assert sorted(texts) == sorted(rows["text"])
    (merged,) = [one for one in found.findings if one.code == "annotators-merged"]
    assert f"{len(given):,} answers of 3 annotators became {len(rows):,} rows" in merged.message
    assert not [one for one in found.findings if one.code == "duplicate-across-splits"]


def test_rows_that_name_nobody_stay_unless_annotators_answered_their_texts():
    plain, given = answered()
    extra = {"text": ["a text of its own", plain["text"][0]], "label": ["rain", "snow"]}
    columns = {
        name: [*cells, *extra.get(name, [None] * 2)] for name, cells in given.columns.items()
    }
    found = checked("text-classification", {"train": Rows.of(columns)})
    texts = [text for _, part in found.splits.items() for text in part["text"]]
    assert sorted(texts) == sorted([*plain["text"], "a text of its own"])
    (merged,) = [one for one in found.findings if one.code == "annotators-merged"]
    assert "1 rows that name nobody stay as they are" in merged.message


def test_what_is_learned_is_how_probable_each_label_is(tiny_model):
    _, given = answered(wrong=lambda item, who: who == 2 and item % 4 == 0)
    tree = toy_tree("text-classification", tiny_model("bert"), data={"annotator": "who"})
    for method, is_soft in (("full", True), ("prototypes", False)):
        recipe = read_recipe({**tree, "method": method})
        made = prepare(recipe, make_plugin("tasks", recipe.task), {"train": given})
        problem = made.job.problem
        targets = problem.items["train"].target_array
        assert (targets.ndim == 2) == is_soft
        ids = targets.argmax(axis=1) if is_soft else targets
        assert ids.tolist() == problem.gold["train"].tolist()
        assert problem.items["test"].target_array.ndim == 1
        told = "prototypes learns labels, not their probabilities"
        assert (told in made.notes) != is_soft
    assert targets.mean() > 0


def test_a_run_learns_from_several_annotators(tiny_model, tmp_path):
    _, given = answered(wrong=lambda item, who: who == 2 and item % 4 == 0)
    tree = toy_tree("text-classification", tiny_model("bert"), data={"annotator": "who"})
    tree["training"]["num_train_epochs"] = 1
    tree["baselines"] = ["majority"]
    result = luthier.run(
        {**tree, "data": {**tree["data"], "train": dict(given.columns)}}, out=tmp_path / "run"
    )
    assert [one.code for one in result.findings if one.code == "annotators-merged"]
    assert 0 <= result.scores["fine-tuned"]["accuracy"].value <= 1


@pytest.mark.parametrize(
    ("task", "role"),
    [
        ("multi-label-classification", "labels"),
        ("token-classification", "tags"),
        ("text-regression", "number"),
    ],
)
def test_other_kinds_of_answers_are_merged_too(task, role):
    plain = toy_rows(task)
    role = (
        role
        if role in plain
        else next(name for name in plain.columns if name not in ("text", "tokens"))
    )
    rows, given = answered(task, role)
    found = checked(task, {"train": given})
    assert sum(len(part) for _, part in found.splits.items()) == len(
        {*map(str, rows["text" if "text" in rows else "tokens"])}
    )
    (merged,) = [one for one in found.findings if one.code == "annotators-merged"]
    assert "1.000 [1.000, 1.000]" in merged.message


def test_test_rows_that_were_merged_before_are_taken_as_they_are():
    rows, given = answered()
    apart = Rows.of({name: cells[:30] for name, cells in rows.columns.items()})
    others = replace(given.take(np.arange(90, len(given))))
    found = checked("text-classification", {"train": others, "test": apart})
    assert len(found.splits.test) == 30


def test_probabilities_of_a_merged_file_are_learned_from_where_they_are_named(tiny_model, tmp_path):
    rows, given = answered(wrong=lambda item, who: who == 2 and item % 4 == 0)
    answers = write(
        tmp_path / "answers.csv", given.columns, *zip(*given.columns.values(), strict=True)
    )
    found = luthier.agree(answers, "who", out=tmp_path / "merged.csv")
    assert len(found.merged) == len(rows)
    tree = toy_tree("text-classification", tiny_model("bert"))
    tree["data"] |= {"train": str(tmp_path / "merged.csv")}
    recipe = read_recipe(tree)
    made = prepare(recipe, make_plugin("tasks", recipe.task))
    assert made.job.problem.items["train"].target_array.ndim == 1
    assert any(
        "data.columns.label_probabilities=label_probabilities reads it" in one for one in made.notes
    )
    recipe = read_recipe(tree, ["data.columns.label_probabilities=label_probabilities"])
    made = prepare(recipe, make_plugin("tasks", recipe.task))
    assert made.job.problem.items["train"].target_array.ndim == 2
    assert SOFT in made.job.problem.splits.train


def test_a_column_of_probabilities_may_stand_without_labels(tiny_model):
    rows = toy_rows("text-classification")
    names = sorted(set(rows["label"]))
    shares = [
        {name: 0.8 if name == label else 0.2 / (len(names) - 1) for name in names}
        for label in rows["label"]
    ]
    given = Rows.of({"text": rows["text"], "teacher": list(map(json.dumps, shares))})
    tree = toy_tree("text-classification", tiny_model("bert"))
    tree["data"]["columns"] = {"label_probabilities": "teacher"}
    recipe = read_recipe(tree)
    made = prepare(recipe, make_plugin("tasks", recipe.task), {"train": given})
    assert made.job.problem.items["train"].target_array.max() == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('{"good": 0.9, "bda": 0.1}', "did you mean 'bad'?"),
        ('{"good": 0.9, "bad": 0.3}', "1 together"),
        ('{"good": "much"}', "1 together"),
        ("good", "1 together"),
    ],
)
def test_wrong_probabilities_are_refused(cell, words):
    given = Rows.of({"text": ["a b", "c d"], "label": ["good", "bad"], "p": [cell, None]})
    tree = toy_tree("text-classification", "model")
    tree["data"]["columns"] = {"label_probabilities": "p"}
    recipe = read_recipe(tree)
    with pytest.raises(DataError) as problem:
        check_data(recipe, make_plugin("tasks", recipe.task), {"train": given})
    assert words in str(problem.value)


def test_answers_given_twice_and_rows_of_nobody_are_told(tmp_path):
    again = ("1", "the soup was cold", "ann", "good")
    nobody = ("3", "a waiter sang for us", "", "bad")
    file = write(tmp_path / "a.csv", HEADER, *FEW, again, nobody)
    found = luthier.agree(file, "who", label="label", id_column="id")
    told = " ".join(found.notes)
    assert "1 answers were given again by the same annotator, 1 of them differently" in told
    assert "1 rows name no annotator" in told
    assert "1 rows have one answer" in told
    assert found.value.n == 2
    assert {one.name for one in found.annotators} == {"ann", "bob"}
    assert found.merged["n_annotators"] == [2, 2, 1]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (None, {"annotator": "whom"}, "did you mean who?"),
        (None, {"annotator": "who", "label": "labl"}, "did you mean label?"),
        (lambda row: (*row[:2], "ann", row[3]), {}, "takes two of them"),
        (lambda row: (row[0], row[1] + row[2], *row[2:]), {}, "No text was answered by two"),
        (
            lambda row: (row[0], row[1] + row[2], *row[2:]),
            {"id_column": "id", "text": "text"},
            "stands for two different texts",
        ),
        (None, {"out": "merged.xlsx"}, ".csv, .tsv or .jsonl"),
        (None, {"out": "nowhere/merged.csv"}, "does not exist"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(change, options, words, tmp_path):
    rows = FEW if change is None else list(map(change, FEW))
    file = write(tmp_path / "a.csv", HEADER, *rows)
    with pytest.raises(DataError) as problem:
        luthier.agree(file, **{"annotator": "who", "label": "label", **options})
    assert words in str(problem.value)


def test_a_recipe_whose_annotator_column_is_not_there_is_refused():
    rows = toy_rows("text-classification")
    with pytest.raises(DataError, match="no column called 'who'"):
        checked("text-classification", {"train": rows})


def test_annotators_of_written_texts_are_refused():
    rows = toy_rows("translation")
    columns = {name: [*cells, *cells] for name, cells in rows.columns.items()}
    given = Rows.of(columns | {"who": ["a"] * len(rows) + ["b"] * len(rows)})
    with pytest.raises(DataError, match="labels, numbers and entities"):
        checked("translation", {"train": given})


def test_entities_of_which_most_are_sure_are_kept_and_overlaps_decided(tmp_path):
    text = "Ada Lovelace met 😀 Babbage in London"
    ada, short, babbage = [0, 12, "PER"], [0, 3, "PER"], [19, 26, "PER"]
    rows = [
        {"text": text, "who": who, "spans": spans}
        for who, spans in (("a", [ada, babbage]), ("b", [short, babbage]), ("c", [ada, babbage]))
    ]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = luthier.agree(file, "who", out=tmp_path / "m.jsonl")
    assert found.measure == "F1 of entities"
    assert found.value.value == pytest.approx(2 / 3)
    (kept,) = map(json.loads, (tmp_path / "m.jsonl").read_text(encoding="utf-8").splitlines())
    spans = [(one["start"], one["end"], one["label"]) for one in kept["spans"]]
    assert spans == [tuple(ada), tuple(babbage)]


def test_a_command_says_the_same_as_python(tmp_path):
    file = write(tmp_path / "a.csv", HEADER, *FEW)
    asked = ("agree", file.name, "--annotator", "who", "--label", "label", "--out", "m.csv")
    (shown, as_json), _ = in_a_new_process(asked, (*asked, "--json"), cwd=tmp_path)
    found = luthier.agree(file, "who", label="label")
    assert found.verdict.split(" over")[0] in " ".join(shown.split())
    assert json.loads(as_json)["value"]["value"] == found.value.value
    assert "Wrote 3 rows to m.csv" in shown


def test_formulas_in_merged_texts_are_told(tmp_path):
    rows = [(one[0], f"={one[1]}", *one[2:]) for one in FEW]
    file = write(tmp_path / "a.csv", HEADER, *rows)
    found = luthier.agree(file, "who", label="label", out=tmp_path / "m.csv")
    assert any("m.jsonl keeps them" in note for note in found.notes)
    luthier.agree(file, "who", label="label", out=tmp_path / "m.jsonl")
    first = json.loads((tmp_path / "m.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["text"] == rows[0][1]

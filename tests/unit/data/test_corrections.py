"""Labels that people corrected in a file are taken back into rows."""

import csv
import json

import pytest

from luthier.errors import DataError
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from tests.toys import toy_rows, toy_tree

TEXTS = [f"row {n} says something 😀" for n in range(20)]
LABELS = ["good", "bad"] * 10


def table(path, header, *rows):
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows([header, *rows])
    return str(path)


def labels_after(tmp_path, header, *rows, texts=TEXTS, labels=LABELS):
    source = table(tmp_path / "rows.csv", ("text", "label"), *zip(texts, labels, strict=True))
    corrections = table(tmp_path / "fixed.csv", header, *rows)
    data = {"train": source, "labels_from": corrections}
    recipe = read_recipe(toy_tree("text-classification", "model", data=data))
    found = check_data(recipe, make_plugin("tasks", recipe.task))
    cells = {
        text: label
        for _, part in found.splits.items()
        for text, label in zip(part["text"], part["label"], strict=True)
    }
    return [cells[text] for text in texts], found.notes


def test_rows_are_found_by_their_places_or_by_their_texts(tmp_path):
    wanted = ["bad", *LABELS[1:]]
    by_place, notes = labels_after(
        tmp_path, ("row", "label"), ("rows.csv:2", "bad"), ("rows.csv:3", "bad")
    )
    assert by_place == wanted
    assert "fixed.csv: 1 labels changed, 1 as they were" in notes
    assert labels_after(tmp_path, ("text", "label"), (TEXTS[0], "bad"))[0] == wanted


def test_equal_texts_are_all_corrected(tmp_path):
    texts, labels = [*TEXTS, TEXTS[0]], [*LABELS, "good"]
    found, notes = labels_after(
        tmp_path, ("text", "label"), (TEXTS[0], "bad"), texts=texts, labels=labels
    )
    assert found[0] == found[-1] == "bad"
    assert "fixed.csv: 2 labels changed, 0 as they were" in notes


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        (("row", "label"), ("rows.csv:2", "goood"), "did you mean 'good'?"),
        (("row", "label"), ("rows.csv:99", "bad"), "1 of 1 corrections are of no row"),
        (("row", "text", "label"), ("rows.csv:2", "other words", "bad"), "has another text"),
        (("row", "label"), ("rows.csv:2", ""), "has no label"),
        (("row", "verdict"), ("rows.csv:2", "bad"), "no column 'label'"),
        (("number", "label"), ("2", "bad"), "does not say which rows"),
        (("text", "label"), ("words of nobody", "bad"), "of no row"),
    ],
)
def test_corrections_that_do_not_fit_are_refused(header, row, words, tmp_path):
    with pytest.raises(DataError) as problem:
        labels_after(tmp_path, header, row)
    assert words in str(problem.value)


def test_a_row_corrected_to_two_labels_is_refused(tmp_path):
    with pytest.raises(DataError, match="corrected twice"):
        labels_after(tmp_path, ("row", "label"), ("rows.csv:2", "bad"), ("rows.csv:2", "good"))


def test_tags_are_corrected_word_by_word(tmp_path):
    rows = toy_rows("token-classification")
    records = [
        {"tokens": words, "tags": tags}
        for words, tags in zip(rows["tokens"], rows["tags"], strict=True)
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    tags = ["O"] * len(records[0]["tags"])

    def corrected(given):
        made = table(tmp_path / "fixed.csv", ("row", "tags"), ("rows.jsonl:1", json.dumps(given)))
        data = {"train": str(source), "labels_from": made}
        recipe = read_recipe(toy_tree("token-classification", "model", data=data))
        found = check_data(recipe, make_plugin("tasks", recipe.task))
        return [cell for _, part in found.splits.items() for cell in part["tags"]]

    assert tags in corrected(tags)
    with pytest.raises(DataError, match="another number of tags"):
        corrected(tags[:-1])


def test_written_texts_have_no_labels_to_correct():
    rows = toy_rows("translation")
    data = {"labels_from": "fixed.csv"}
    recipe = read_recipe(toy_tree("translation", "model", data=data))
    given = {"train": Rows.of(rows.columns)}
    with pytest.raises(DataError, match="labels, tags and numbers"):
        check_data(recipe, make_plugin("tasks", recipe.task), given)

"""A loaded run answers texts, files and labelled rows."""

import copy
import csv
import json

import pandas
import pytest
from datasets import Dataset

import luthier
from luthier.errors import DataError
from tests.toys import toy_rows, toy_tree, write_csv


@pytest.fixture(scope="module")
def predictors(tiny_model, tmp_path_factory):
    """Make one short run of every task."""
    made = {}
    for task in (
        "text-classification",
        "pair-classification",
        "multi-label-classification",
        "text-regression",
    ):
        tree = toy_tree(task, tiny_model("bert"), baselines=[], training={"max_steps": 3})
        out = tmp_path_factory.mktemp(task) / "run"
        luthier.run(tree, out=out, data={"train": toy_rows(task)})
        made[task] = luthier.load(out)
    return made


def test_answers_have_the_shape_of_a_pipeline(predictors):
    classify = predictors["text-classification"]
    (one,) = classify("Snow over town")
    assert set(one) == {"label", "score"}
    assert classify(["Snow over town", "Rain"])[0] == pytest.approx(one)
    everything = classify("Snow over town", top_k=None)
    assert sum(answer["score"] for answer in everything) == pytest.approx(1.0)
    assert everything[0] == pytest.approx(one)
    assert classify([]) == []


def test_pairs_are_given_side_by_side_or_as_mappings(predictors):
    judge = predictors["pair-classification"]
    (one,) = judge("Is the cat awake?", "Yes, it is.")
    assert judge({"text": "Is the cat awake?", "text_pair": "Yes, it is."}) == pytest.approx(one)
    assert judge(["Is the cat awake?"], ["Yes, it is."]) == [pytest.approx(one)]
    with pytest.raises(DataError, match="reads text and text_pair"):
        judge("Is the cat awake?")


def test_a_second_text_is_refused_where_there_is_none(predictors):
    with pytest.raises(DataError, match="reads text"):
        predictors["text-classification"]("a", "b")


def test_order_and_company_change_no_answer(predictors):
    classify = predictors["text-classification"]
    texts = list(toy_rows("text-classification")["text"])
    together = classify(texts)
    assert together[::-1] == [pytest.approx(one) for one in classify(texts[::-1])]
    assert together[7] == pytest.approx(classify(texts[7])[0])


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_file_gets_its_answers_row_by_row(predictors, suffix, tmp_path):
    rows = toy_rows("text-classification")
    source = write_csv(rows, tmp_path / "in.csv")
    told = []
    classify = predictors["text-classification"]
    n_rows = classify.predict_file(
        source, tmp_path / f"out{suffix}", on_progress=lambda *now: told.append(now)
    )
    with (tmp_path / f"out{suffix}").open(newline="") as file:
        written = list(csv.DictReader(file, delimiter="," if suffix == ".csv" else "\t"))
    assert n_rows == len(written) == len(rows)
    assert [row["text"] for row in written] == list(rows["text"])
    expected = classify(list(rows["text"]))
    assert [row["prediction"] for row in written] == [one["label"] for one in expected]
    assert told[-1] == (len(rows), len(rows))


def test_json_lines_hold_whole_answers(predictors, tmp_path):
    rows = toy_rows("multi-label-classification")
    source = write_csv(rows, tmp_path / "in.csv")
    predictors["multi-label-classification"].predict_file(source, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(lines) == len(rows)
    assert isinstance(lines[0]["prediction"], list)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_columns_of_the_rows_are_not_written_over(predictors, suffix, tmp_path):
    names = ["text", "prediction", "score", "score_2"]
    lines = [",".join(names), "Snow,mine,0.5,a", "Rain,mine too,1,b"]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    out, notes = tmp_path / f"out{suffix}", []
    classify = predictors["text-classification"]
    classify.predict_file(tmp_path / "in.csv", out, on_note=notes.append)
    added = ["prediction_2"] if suffix == ".jsonl" else ["prediction_2", "score_3"]
    told = [f"'{one[:-2]}' is a column of the rows: ours is '{one}'" for one in added]
    assert notes == told
    with out.open(newline="") as file:
        if suffix == ".jsonl":
            written = [json.loads(line) for line in file]
        else:
            written = list(csv.DictReader(file, delimiter="," if suffix == ".csv" else "\t"))
    assert [list(row) for row in written] == [names + added] * 2
    assert [row["prediction"] for row in written] == ["mine", "mine too"]
    assert [row["score_2"] for row in written] == ["a", "b"]
    classify.predict_file(out, tmp_path / "again.csv")  # what was answered can be answered again
    assert (tmp_path / "again.csv").read_text().startswith(",".join(names + added))


def test_the_rows_are_not_replaced_by_their_answers(predictors, tmp_path):
    source = write_csv(toy_rows("text-classification"), tmp_path / "in.csv")
    before = source.read_bytes()
    with pytest.raises(DataError, match="would replace the rows") as caught:
        predictors["text-classification"].predict_file(source, tmp_path / "." / "in.csv")
    assert caught.value.hint == f"--out {tmp_path / 'in-answers.csv'}"
    assert source.read_bytes() == before


def test_numbers_are_written_as_numbers(predictors, tmp_path):
    source = write_csv(toy_rows("text-regression"), tmp_path / "in.csv")
    predictors["text-regression"].predict_file(source, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert "score" not in row
    float(row["prediction"])


def test_files_without_labels_are_answered(predictors, tmp_path):
    (tmp_path / "in.csv").write_text("text\nSnow\n=1+1\n")
    predictors["text-classification"].predict_file(tmp_path / "in.csv", tmp_path / "out.csv")
    assert "\n'=1+1," in (tmp_path / "out.csv").read_text()


def test_other_kinds_of_output_are_refused(predictors, tmp_path):
    source = write_csv(toy_rows("text-classification"), tmp_path / "in.csv")
    with pytest.raises(DataError, match=r"written as \.csv"):
        predictors["text-classification"].predict_file(source, tmp_path / "out.xlsx")
    with pytest.raises(DataError, match="cannot be written"):
        predictors["text-classification"].predict_file(source, tmp_path / "no" / "out.csv")


def test_new_labelled_rows_are_scored_with_intervals(predictors, tmp_path):
    source = write_csv(toy_rows("text-classification"), tmp_path / "more.csv")
    n_rows, scores = predictors["text-classification"].evaluate(source)
    assert n_rows == 90
    assert scores["accuracy"].low <= scores["accuracy"].value <= scores["accuracy"].high
    assert scores["accuracy"].n == 90


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_what_fewer_bits_cost_is_measured_on_the_same_rows(predictors, tmp_path, precision):
    source = write_csv(toy_rows("text-classification"), tmp_path / "more.csv")
    predictor = predictors["text-classification"]
    n_rows, scores, comparison = predictor.evaluate_rounded(source, precision)
    assert n_rows == 90
    assert scores["float32"] == predictor.evaluate(source)[1]
    assert (comparison.system, comparison.baseline) == (precision, "float32")
    assert comparison.difference == pytest.approx(
        scores[precision]["accuracy"].value - scores["float32"]["accuracy"].value
    )
    assert comparison.low <= comparison.difference <= comparison.high
    (answer,) = predictor.rounded(precision)("Snow over town")
    assert answer["score"] == pytest.approx(predictor("Snow over town")[0]["score"], abs=0.1)


def test_an_unknown_label_in_new_rows_is_named(predictors, tmp_path):
    (tmp_path / "more.csv").write_text("text,label\nSnow,snwo\n")
    with pytest.raises(DataError) as caught:
        predictors["text-classification"].evaluate(tmp_path / "more.csv")
    assert "more.csv:2" in caught.value.problem
    assert "snow" in caught.value.hint


def test_a_file_may_call_its_texts_as_the_task_does(predictors, tmp_path):
    classify = predictors["text-classification"]
    columns = {**classify.recipe.data.columns, "text": "review"}
    data = classify.recipe.data.model_copy(update={"columns": columns})
    renamed = copy.copy(classify)
    renamed.recipe = classify.recipe.model_copy(update={"data": data})
    (tmp_path / "plain.txt").write_text("Snow over town\nRain\n", encoding="utf-8")
    assert list(renamed.read(tmp_path / "plain.txt")["text"]) == ["Snow over town", "Rain"]
    (tmp_path / "own.csv").write_text("review\nSnow over town\n", encoding="utf-8")
    assert list(renamed.read(tmp_path / "own.csv")["text"]) == ["Snow over town"]
    (tmp_path / "other.csv").write_text("body\nSnow\n", encoding="utf-8")
    with pytest.raises(DataError, match="review"):
        renamed.read(tmp_path / "other.csv")


def test_a_table_is_read_by_the_columns_of_the_run(predictors):
    classify = predictors["text-classification"]
    frame = pandas.DataFrame({"text": ["Snow over town", "Rain"], "label": ["snow", "rain"]})
    answers = classify(["Snow over town", "Rain"])
    assert classify(frame) == classify(Dataset.from_pandas(frame)) == answers
    assert classify(frame["text"], top_k=1) == answers
    with pytest.raises(DataError, match="text") as caught:
        classify(frame.rename(columns={"text": "body"}))
    assert "body" in caught.value.received

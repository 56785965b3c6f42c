"""What a model does not see is counted, and all true answers are scored all the same."""

import json

import numpy as np
import pytest

import luthier
from luthier.data.inspect import cut_off
from luthier.records import Ragged, Rows
from luthier.runs import RunFolder
from tests.toys import FAMILY, OPTIONS, toy_problem, toy_rows, toy_tree

LIMIT = 8
SHORT = {"max_steps": 2, "eval_strategy": "no"}


@pytest.mark.parametrize("task", ["text-classification", "text-regression", "token-classification"])
@pytest.mark.parametrize("long_texts", ["cut", "windows"])
def test_the_count_of_what_is_cut_is_exact(task, long_texts, tiny_model):
    folder = tiny_model("bert")
    _, whole = toy_problem(task, folder)
    data = {"max_tokens": LIMIT, "long_texts": long_texts, "stride": 2}
    _, cut = toy_problem(task, folder, data=data)
    told = {one.message.split()[3]: one for one in cut.findings if one.code == "text-cut-off"}
    for split, encoded in whole.job.encoded.items():
        lengths = encoded.lengths
        n_cut = int((lengths > LIMIT).sum()) if long_texts == "cut" else 0
        assert (told[split].count if split in told else 0) == n_cut, split
        if n_cut:
            share = np.maximum(lengths - LIMIT, 0).sum() / lengths.sum()
            assert f"{share:.1%} of all tokens" in told[split].message


def test_lengths_that_are_known_give_their_counts():
    rows = Rows.of({"text": ["a", "b", "c", "d"]}, name="f.csv")
    (one,) = cut_off([10, 20, 30, 40], [10, 16, 16, 16], rows, split="train", max_tokens=16)
    assert (one.count, one.places) == (3, ("f.csv:2:text", "f.csv:3:text", "f.csv:4:text"))
    assert "3 of 4 train texts (75.0%)" in one.message
    assert f"{42 / 100:.1%} of all tokens" in one.message


@pytest.mark.parametrize("task", ["token-classification", "question-answering", "translation"])
def test_every_true_answer_counts_however_much_is_cut(task, tiny_model, tmp_path):
    folder = tiny_model(FAMILY.get(task, "bert"))
    made = {"max_tokens": 12 if task == "question-answering" else LIMIT}
    scores = {}
    for name, data in (("cut", {**made}), ("whole", {})):
        if name == "cut" and task != "translation":
            data["long_texts"] = "cut"
        tree = toy_tree(task, folder, data=data, training=SHORT, baselines=[])
        tree["task"]["options"] = OPTIONS.get(task, {})
        done = luthier.run(tree, out=tmp_path / name, data={"train": toy_rows(task)})
        lines = list(RunFolder(done.folder).read_predictions())
        scores[name] = json.dumps([line["gold"] for line in lines])
        assert {score.n for score in done.scores["fine-tuned"].values()} == {len(lines)}
    assert scores["cut"] == scores["whole"]


def test_tags_beyond_the_cut_are_missed_and_not_forgotten(tiny_model):
    _, prepared = toy_problem(
        "token-classification",
        tiny_model("bert"),
        data={"max_tokens": 4, "long_texts": "cut"},
    )
    task, target = prepared.job.task, prepared.job.target
    rows = prepared.job.splits.test
    gold = task.gold(rows, target)
    assert isinstance(gold, Ragged)
    assert gold.lengths.tolist() == [len(words) for words in rows["words"]]
    assert (prepared.job.encoded["test"].kept < prepared.job.encoded["test"].full_lengths).any()

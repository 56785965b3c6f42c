"""What a model does not see is counted, and all true answers are scored all the same."""

import json

import numpy as np
import pytest

import luthier
from luthier.build_problem import prepare
from luthier.ragged import Ragged
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.records import Rows
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
    for split, items in whole.job.problem.items.items():
        lengths = items.cost
        n_cut = int((lengths > LIMIT).sum()) if long_texts == "cut" else 0
        assert (told[split].count if split in told else 0) == n_cut, split
        if n_cut:
            share = np.maximum(lengths - LIMIT, 0).sum() / lengths.sum()
            assert f"{share:.1%} of all tokens" in told[split].message


def told_of(prepared, code):
    """Give a finding's counts by split."""
    return {one.message.split()[3]: one.count for one in prepared.findings if one.code == code}


@pytest.mark.parametrize("task", ["translation", "summarization"])
def test_targets_that_are_cut_are_counted(task, tiny_model):
    folder = tiny_model(FAMILY[task])
    _, whole = toy_problem(task, folder, options={"max_target_tokens": 64})
    _, cut = toy_problem(task, folder, options={"max_target_tokens": 3})
    counts = {
        split: int((items.targets.values.lengths > 3).sum())
        for split, items in whole.job.problem.items.items()
    }
    assert told_of(whole, "target-cut-off") == {}
    assert told_of(cut, "target-cut-off") == counts
    assert min(counts.values()) > 0
    for split, items in cut.job.problem.items.items():
        full = whole.job.problem.items[split].targets.values.lengths
        assert items.targets.values.lengths.tolist() == np.minimum(full, 3).tolist()


def test_prompts_that_are_cut_are_counted_and_keep_their_end(tiny_model):
    words = ["one two three " * 6, "one"] * 40
    rows = Rows.of(
        {"prompt": [f"{word} {n % 7}" for n, word in enumerate(words)], "completion": ["two"] * 80}
    )
    recipe = Recipe.model_validate(
        toy_tree("causal-lm", tiny_model("gpt2"), data={"max_tokens": 12, "long_texts": "cut"})
    )
    ignoring = {"ignore_findings": ["duplicate-across-splits"]}
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update=ignoring)})
    made = prepare(recipe, make_plugin("tasks", recipe.task), {"train": rows})
    most = 12 - 4  # max_new_tokens of toys is 4
    counts = {}
    for split in ("validation", "test"):
        items = made.job.problem.items[split]
        (one,) = items.truncations
        counts[split] = int((one.full > most).sum())
        assert items.layout.lengths.tolist() == np.minimum(one.full, most).tolist()
    assert told_of(made, "prompt-cut-off") == counts
    assert min(counts.values()) > 0


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
    rows = prepared.job.problem.splits.test
    gold = prepared.job.problem.codec.gold(rows)
    assert isinstance(gold, Ragged)
    assert gold.lengths.tolist() == [len(words) for words in rows["words"]]
    assert (
        prepared.job.problem.items["test"].kept < prepared.job.problem.items["test"].full_lengths
    ).any()

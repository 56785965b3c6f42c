"""The logistic regression of `linear-probe`: how strongly it is regularised."""

import pytest

import luthier
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree

TASK = "text-classification"


@pytest.fixture
def probe(tiny_model, tmp_path):
    """Fit a head; give the run, what it said, and its validation score."""

    def fit(strength=None, **data):
        options = {"solver": "logistic-regression", "strength": strength}
        tree = toy_tree(TASK, tiny_model("bert"), baselines=["majority"])
        tree["method"] = {"name": "linear-probe", "options": options}
        tree["model"]["pooling"] = "mean"
        tree["data"] = {**tree["data"], **data}
        out = tmp_path / f"run-{strength}"
        run = luthier.run(tree, out=out, data={"train": toy_rows(TASK)})
        events = [*RunFolder(out).events.read()]
        said = [str(one["message"]) for one in events if one.get("message")]
        scores = [one["scores"]["accuracy"] for one in events if one.get("scores")]
        return run, [one for one in said if "strength" in one], scores

    return fit


def test_the_strength_that_is_best_on_validation_rows_is_taken(probe):
    run, said, (score,) = probe()
    (told,) = said
    chosen = float(told.split()[1].strip(","))
    fixed = {one: probe(one) for one in (0.003, 0.03, 0.3)}
    assert score == max(scores[0] for _, _, scores in fixed.values())
    ours, theirs = run.scores["fine-tuned"], fixed[chosen][0].scores["fine-tuned"]
    assert ours["accuracy"] == theirs["accuracy"]
    assert ours["log_loss"].value == pytest.approx(theirs["log_loss"].value, rel=0.02)
    assert not fixed[chosen][1]  # nothing was chosen


def test_without_validation_rows_nothing_is_chosen(probe):
    _, said, scores = probe(split={"validation": 0})
    assert not said
    assert not scores

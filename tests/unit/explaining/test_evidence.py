"""The training rows of finished runs as evidence: rates, votes, and what has no influence."""

from pathlib import Path

import numpy as np
import pytest

import luthier
from luthier.errors import RunError
from luthier.explaining.explain import answer_rows, explain_rows
from luthier.explaining.rates import sum_of_rates
from luthier.explaining.with_training_rows import Evidence
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree, write_csv


@pytest.fixture(scope="module")
def finished(tiny_model, tmp_path_factory):
    made = {}
    place = tmp_path_factory.mktemp("evidence")
    file = write_csv(toy_rows("text-classification"), place / "rows.csv")

    def of(method, *overrides):
        key = (str(method), *overrides)
        if key not in made:
            data = {"train": str(file)}
            tree = toy_tree("text-classification", tiny_model("bert"), baselines=[], data=data)
            out = place / str(len(made))
            run = luthier.run({**tree, "method": method}, list(overrides), out=out)
            made[key] = RunFolder.open(run.folder)
        return made[key]

    return of


def evidence(folder):
    """Give a run's training rows as evidence, and two of its test rows with their answers."""
    predictor = luthier.load(folder.path)
    splits = rows_of_run(folder, folder.recipe(), predictor.task)
    rows = splits.test.take(range(2))
    answered = answer_rows(predictor.model, predictor.codec, rows, batch_size=8)
    return Evidence(folder, predictor.model, predictor.codec, splits.train), answered


def explained(answered):
    """Explain the rows, which the training rows are added to."""
    return explain_rows(answered, by="occlusion")


def test_rates_are_summed_over_the_steps_that_led_to_the_model(finished):
    overrides = ["training.learning_rate=0.01", "training.lr_scheduler_type=constant"]
    folder = finished("full", "training.logging_steps=1", "training.warmup_steps=0", *overrides)
    settings = folder.recipe().training
    events = [one for one in folder.events.read() if one.get("phase") == "fine-tuning"]
    last = max(int(one["step"]) for one in events)
    if settings.load_best_model_at_end:
        last = max(int(one["step"]) for one in events if one["is_best"])
    assert sum_of_rates(folder) == pytest.approx(0.01 * last)


def test_rates_between_log_lines_lie_between_theirs(finished):
    each = finished("full", "training.logging_steps=1")
    seldom = finished("full", "training.logging_steps=100")
    assert sum_of_rates(seldom) == pytest.approx(sum_of_rates(each), rel=0.1)


def test_explanations_get_the_rows_that_were_asked_for(finished):
    made, answered = evidence(finished("full", "training.logging_steps=1"))
    (first,), (second,) = made.add(explained(answered), answered, neighbours=3, influence=2)
    for one in (first.to_json(), second.to_json()):
        assert len(one["neighbours"]) == 3
        assert {"row", "texts", "gold", "similarity", "agrees"} <= set(one["neighbours"][0])
        assert 1 <= len(one["influential"]) <= 4
        for row in (*one["neighbours"], *one["influential"]):
            place, _, line = row["row"].rpartition(":")
            written = Path(place).read_text("utf-8").splitlines()[int(line) - 1]
            assert row["texts"]["text"] in written
            assert row["gold"] in written
    read = made.training()
    assert made.training() is read  # once for all explanations
    (alone,), _ = made.add(explained(answered), answered, neighbours=1)
    assert len(alone.neighbours) == 1
    assert alone.influential == ()


def test_the_votes_of_knn_are_those_that_it_predicts_from(finished):
    folder = finished({"name": "knn", "options": {"k": 4}})
    made, answered = evidence(folder)
    found = list(made.add(explained(answered), answered, neighbours=6))
    for index, (one,) in enumerate(found):
        votes = [row["vote"] for row in one.neighbours]
        assert sum(votes) == pytest.approx(1.0, abs=1e-6)
        assert votes == sorted(votes, reverse=True)
        assert votes[4:] == [0.0, 0.0]
        shares = np.exp(answered.predictions.outputs[index])
        for label, share in zip(made.codec.target.names, shares, strict=True):
            voted = sum(row["vote"] for row in one.neighbours if row["gold"] == label)
            assert voted == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize(
    "method",
    ["knn", "prototypes", {"name": "linear-probe", "options": {"solver": "logistic-regression"}}],
)
def test_heads_in_closed_form_have_no_influence_to_trace(method, finished):
    made, _ = evidence(finished(method))
    with pytest.raises(RunError, match="No step of this run moved its head") as raised:
        made.gradients()
    assert "--neighbours" in raised.value.hint


def test_prompts_are_traced_to_the_words_of_the_labels(tiny_model, tmp_path):
    file = write_csv(toy_rows("text-classification"), tmp_path / "rows.csv")
    model, data = tiny_model("bert", head="MaskedLM"), {"train": str(file)}
    tree = toy_tree("text-classification", model, baselines=[], data=data, method="prompt-mlm")
    run = luthier.run(tree, ["training.max_steps=2"], out=tmp_path / "run")
    folder = RunFolder.open(run.folder)
    made, answered = evidence(folder)
    (first,), _ = made.add(explained(answered), answered, neighbours=1, influence=1)
    assert -1 <= first.neighbours[0]["similarity"] <= 1
    assert first.influential[0]["cosine"] != 0


def test_a_model_without_its_run_says_what_it_lacks(finished):
    folder = finished("full", "training.logging_steps=1")
    alone = luthier.load(folder.model)
    with pytest.raises(RunError, match="a model without its run"):
        alone.explain("snow", neighbours=2)

"""The best weights come back; patience runs out."""

import pytest
import torch
from torch import nn

from luthier.errors import RecipeError
from luthier.recipe.tree import Training
from luthier.training.early_stopping import Best


def see_all(best, model, scores, metric="accuracy"):
    for number, score in enumerate(scores, start=1):
        with torch.no_grad():
            model.weight.fill_(number)
        best.see({metric: score}, model, is_last=number == len(scores))
        if best.is_over:
            break


@pytest.mark.parametrize(
    ("metric", "scores", "kept"),
    [
        ("accuracy", [0.1, 0.9, 0.5], 2),
        ("accuracy", [0.1, 0.5, 0.9], 3),
        ("mae", [0.9, 0.1, 0.5], 2),
        ("accuracy", [float("nan"), 0.2, float("nan")], 2),
        ("accuracy", [float("nan")] * 3, 3),
    ],
)
def test_the_best_weights_are_restored(metric, scores, kept):
    model, best = nn.Linear(1, 1), Best(metric, Training())
    see_all(best, model, scores, metric)
    best.restore(model)
    assert model.weight.item() == kept


def test_the_last_weights_stay_when_asked():
    model, best = nn.Linear(1, 1), Best("accuracy", Training(load_best_model_at_end=False))
    see_all(best, model, [0.9, 0.1])
    best.restore(model)
    assert model.weight.item() == 2


def test_patience_runs_out_after_so_many_evaluations():
    model, best = nn.Linear(1, 1), Best("accuracy", Training(early_stopping_patience=2))
    see_all(best, model, [0.5, 0.6, 0.4, 0.6, 0.9])
    assert best.is_over
    assert "did not improve for 2 evaluations" in best.verdict
    best.restore(model)
    assert model.weight.item() == 2


def test_a_small_gain_does_not_count_against_the_threshold():
    settings = Training(early_stopping_patience=1, early_stopping_threshold=0.1)
    model, best = nn.Linear(1, 1), Best("accuracy", settings)
    see_all(best, model, [0.5, 0.55, 0.9])
    assert best.is_over
    best.restore(model)
    assert model.weight.item() == 2


def test_an_unknown_metric_is_named():
    best = Best("accuracy", Training(metric_for_best_model="f1"))
    with pytest.raises(RecipeError) as caught:
        best.see({"accuracy": 1.0}, nn.Linear(1, 1), is_last=True)
    assert "accuracy" in caught.value.hint

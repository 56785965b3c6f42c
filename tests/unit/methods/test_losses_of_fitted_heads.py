"""Methods that fit their head at once refuse a loss that they would not follow."""

import pytest

from luthier.errors import RecipeError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from tests.toys import toy_problem

AT_ONCE = {
    "contrastive": {},
    "prototypes": {},
    "knn": {},
    "linear-probe": {"solver": "logistic-regression"},
}


def first_step(method, own, folder, *, training=None, **sections):
    """Begin to fit; give the first step told."""
    settings = {"use_cpu": True, **(training or {})}
    job = toy_problem("text-classification", folder, training=settings, **sections)[1].job
    made = make_plugin("methods", Plugin(name=method, options=own))
    return next(made.fit(job.session.make_model(True), job))


@pytest.mark.parametrize("method", AT_ONCE)
@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"options": {"loss": "focal"}}, "task.options.loss=focal"),
        ({"options": {"class_weights": "balanced"}}, "task.options.class_weights"),
        (
            {"training": {"label_smoothing_factor": 0.1}},
            "training.label_smoothing_factor=0.1",
        ),
    ],
)
def test_another_loss_is_refused_before_anything_is_computed(method, sections, named, tiny_model):
    with pytest.raises(RecipeError, match="fitted in closed form") as told:
        first_step(method, AT_ONCE[method], tiny_model("bert"), **sections)
    assert told.value.received == named
    assert "method=full" in told.value.hint


def test_a_probe_that_is_trained_by_steps_follows_the_loss(tiny_model):
    assert first_step("linear-probe", {}, tiny_model("bert"), options={"loss": "focal"})

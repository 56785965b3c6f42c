"""Episodes go through the one training loop: told, scored, checked and cut like anything else."""

import pytest

from luthier.errors import TrainingError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.training import engine
from luthier.training.listeners import follow
from tests.toys import toy_problem

EPISODIC = ("prototypical-networks", "maml", "reptile")


def fit(name, tiny_model, *, sections=None, **training):
    sections = sections or {}
    settings = {"num_train_epochs": 2, "use_cpu": True, "logging_steps": 1, **training}
    job = toy_problem("text-classification", tiny_model("bert"), training=settings, **sections)[1]
    job, told = job.job, []
    options = {"shots": 2, "queries": 3, "meta_batch": 2}
    method = make_plugin("methods", Plugin(name=name, options=options))
    return follow(method.fit(job.session.make_model(True), job), told.append), told


@pytest.mark.parametrize("name", EPISODIC)
def test_validation_is_scored_as_often_as_asked(name, tiny_model):
    _, told = fit(name, tiny_model, num_train_epochs=4)  # 180 rows: 12 episodes, 6 steps
    assert [step.step for step in told if step.scores] == [2, 4, 6]
    _, told = fit(name, tiny_model, num_train_epochs=4, eval_strategy="no")
    assert not any(step.scores for step in told)


@pytest.mark.parametrize("name", EPISODIC)
def test_a_loss_that_is_no_number_names_rows(name, tiny_model):
    settings = {"learning_rate": 1e30, "max_grad_norm": 0, "warmup_steps": 0}
    with pytest.raises(TrainingError, match="no longer a finite number") as caught:
        fit(name, tiny_model, **settings)
    assert "among the rows toy:" in caught.value.received


@pytest.mark.parametrize("name", EPISODIC)
def test_mixed_precision_learns_too(name, tiny_model):
    _, told = fit(name, tiny_model, bf16=True)
    assert all(step.loss < 5 for step in told if step.loss is not None)


@pytest.mark.parametrize("name", EPISODIC)
def test_episodes_that_do_not_fit_into_memory_together_are_taken_one_by_one(
    name, tiny_model, monkeypatch
):
    whole = engine.Update.summed

    def short_of_memory(self, batch):
        if batch.n_items > 1:
            raise MemoryError
        return whole(self, batch)

    monkeypatch.setattr(engine.Update, "summed", short_of_memory)
    _, told = fit(name, tiny_model, auto_batch_size=True)
    assert any("split into 2 pieces" in (step.message or "") for step in told)


def test_a_head_of_ones_own_is_kept_below_the_last_layer(tiny_model):
    sections = {"model": {"pooling": "max", "head_hidden_layers": [16]}}
    model, _ = fit("prototypical-networks", tiny_model, sections=sections)
    assert model.settings["hidden_layers"] == [16]
    assert model.classifier[-1].in_features == 16
    assert model.classifier[-1].out_features == 3

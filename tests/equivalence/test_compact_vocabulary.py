"""Leaving words out that no row has changes nothing that is learned: to rounding, all weights."""

import numpy as np
import pytest
import torch

from luthier.errors import TrainingError
from luthier.models.load import build_model, load_tokenizer
from luthier.models.speedups.vocabulary import compact, words_in
from luthier.recipe.tree import Training
from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.equivalence.test_exact_speed_ups import silence
from tests.toys import toy_problem

TRAINING = {"max_steps": 30, "learning_rate": 1e-2, "use_cpu": True, "seed": 1}
LEARNERS = {
    "adamw": {"weight_decay": 0.3, "adam_epsilon": 1e-5},
    "adamw without decay": {"weight_decay": 0.0, "adam_epsilon": 1e-5},
    "sgd": {"optim": "sgd", "weight_decay": 0.3, "optim_args": {"momentum": 0.9, "nesterov": True}},
    "rmsprop": {"optim": "rmsprop", "weight_decay": 0.0, "optim_args": {"eps": 1e-4}},
}


def learn(tiny_model, task="text-classification", **training):
    """Train on the toy rows of a task; give the job, the model before and the one after."""
    _, prepared = toy_problem(task, tiny_model("bert"), training={**TRAINING, **training})
    model = prepared.job.session.make_model(True)
    silence(model)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    sizes = []

    def look(info):
        sizes.append(len(model.get_input_embeddings().weight))

    model = follow(train(model, prepared.job), look)
    return prepared.job, before, model, sizes


@pytest.mark.parametrize("learner", LEARNERS)
def test_all_weights_become_what_they_would_with_all_words(learner, tiny_model):
    found = []
    for switch in (True, False):
        job, before, model, sizes = learn(
            tiny_model, compact_vocabulary=switch, **LEARNERS[learner]
        )
        found.append(model.state_dict())
        n_words = len(model.get_input_embeddings().weight)
        assert (max(sizes) < n_words) == switch
        assert model.get_input_embeddings().num_embeddings == n_words
        assert "forward" not in model.get_input_embeddings().__dict__
    small, whole = found
    assert small.keys() == whole.keys()
    for name, values in whole.items():
        largest = float(values.abs().max())
        assert torch.allclose(small[name], values, rtol=0, atol=1e-5 * largest), name
    words = "bert.embeddings.word_embeddings.weight"
    unused = np.setdiff1d(
        np.arange(len(whole[words])), words_in(job.problem.items, job.problem.codec.processor)
    ).tolist()
    assert unused
    decays = LEARNERS[learner].get("weight_decay", 0) > 0
    assert torch.equal(small[words][unused], before[words][unused]) != decays


class FallingScores:
    """A codec whose first validation scores are the best."""

    def __init__(self, codec):
        self.codec, self.scores = codec, iter([1.0, *[0.5] * 99])

    def __getattr__(self, name):
        return getattr(self.codec, name)

    def validation_scores(self, outputs, gold):
        return {self.codec.task.validation_metric: next(self.scores)}


def test_the_best_weights_have_the_decay_of_their_own_step(tiny_model):
    """The first evaluation is the best one, and what decays afterwards is not kept."""
    words = "bert.embeddings.word_embeddings.weight"
    options = {"weight_decay": 0.5, "eval_strategy": "steps", "eval_steps": 5}
    kept = {}
    for switch in (True, False):
        _, prepared = toy_problem(
            "text-classification", tiny_model("bert"), training={**TRAINING, **options}
        )
        codec = FallingScores(prepared.job.problem.codec)
        training = prepared.job.plan.training.model_copy(update={"compact_vocabulary": switch})
        job = prepared.job.with_problem(codec=codec).with_plan(training=training)
        model = job.session.make_model(True)
        silence(model)
        kept[switch] = follow(train(model, job), lambda info: None).state_dict()[words]
    assert torch.allclose(kept[True], kept[False], rtol=0, atol=1e-5 * float(kept[False].max()))


def model_of(tiny_model, family="bert", **structure):
    """Build a classifier."""
    folder = tiny_model(family)
    return build_model(
        str(folder),
        tokenizer=load_tokenizer(str(folder)),
        labels=["a", "b"],
        problem_type="single_label_classification",
        **structure,
    )


USED = np.array([1, 2, 5])


@pytest.mark.parametrize(
    "training",
    [
        {"optim": "adafactor"},
        {"optim": "adam", "weight_decay": 0.1},
        {"optim": "rmsprop", "weight_decay": 0.1},
    ],
)
def test_optimizers_that_need_all_rows_get_them(training, tiny_model):
    assert compact(model_of(tiny_model), USED, Training(**training)) is None


def test_what_is_not_trained_or_serves_twice_is_left_whole(tiny_model):
    model = model_of(tiny_model)
    assert compact(model, np.arange(390), Training()) is None, "nearly all words are in use"
    assert compact(model, USED[:0], Training()) is None, "there are no texts"
    model.get_input_embeddings().weight.requires_grad_(False)
    assert compact(model, USED, Training()) is None
    tied = model_of(tiny_model)
    tied.other = torch.nn.Linear(4, 4)
    tied.other.weight = tied.get_input_embeddings().weight
    assert compact(tied, USED, Training()) is None


def test_a_word_that_no_row_has_is_told(tiny_model):
    model = model_of(tiny_model)
    made = compact(model, USED, Training())
    before = model.get_input_embeddings()(torch.tensor([2, 5])).detach()
    made.put_in()
    assert torch.equal(model.get_input_embeddings()(torch.tensor([2, 5])), before)
    with pytest.raises(TrainingError, match="no row has") as caught:
        model.get_input_embeddings()(torch.tensor([2, 7]))
    assert "7" in caught.value.received
    made.take_out()
    assert torch.equal(model.get_input_embeddings()(torch.tensor([2, 5])), before)

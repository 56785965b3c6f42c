"""A weight of 2 is the item twice and a weight of 0 is the item left out, for every loss."""

from types import SimpleNamespace

import pytest
import torch

from luthier.models.crf import CrfTagger
from luthier.objective import Objective, Teaching
from luthier.padding import IGNORED
from luthier.registry import names
from luthier.training.losses import make_loss

CPU = torch.device("cpu")
N_ITEMS, N_LABELS, N_TOKENS = 5, 3, 4
COUNTS = torch.tensor([2, 0, 1, 3, 1])
REPEATED = torch.repeat_interleave(torch.arange(N_ITEMS), COUNTS)
OF_LABELS = (0.5, 1.0, 2.5)
IDS = torch.arange(N_ITEMS) % N_LABELS
SEVERAL = (torch.arange(N_ITEMS * N_LABELS).reshape(N_ITEMS, N_LABELS) % 2).float()
TAGS = (torch.arange(N_ITEMS * N_TOKENS).reshape(N_ITEMS, N_TOKENS) * 2) % N_LABELS
TAGS[torch.arange(N_TOKENS) >= torch.tensor([4, 2, 3, 1, 4])[:, None]] = IGNORED
SPANS = torch.tensor([[0, 1], [2, 3], [1, 1], [0, 3], [2, 2]])


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def taught(hard, answers, **settings):
    """Put a teacher's outputs and states beside answers."""
    n_outputs = 1 if hard == "mean-squared-error" else N_LABELS
    columns = answers.float().reshape(N_ITEMS, -1)
    teaching = Teaching(Objective(hard, **settings), columns.shape[1], n_outputs, 2.0, 0.4)
    parts = [columns, drawn(N_ITEMS, n_outputs, seed=1), drawn(N_ITEMS, 2, seed=2)]
    return Objective("distillation", teaching=teaching), torch.cat(parts, dim=1)


def plain(name, targets, **settings):
    return Objective(name, **settings), targets


CASES = {
    "cross-entropy": plain("cross-entropy", IDS),
    "cross-entropy, smoothed and weighed": plain(
        "cross-entropy", IDS, class_weights=OF_LABELS, label_smoothing=0.1
    ),
    "cross-entropy of probabilities": plain(
        "cross-entropy", drawn(N_ITEMS, N_LABELS).softmax(dim=1), class_weights=OF_LABELS
    ),
    "focal": plain("focal", IDS, class_weights=OF_LABELS, label_smoothing=0.1),
    "binary-cross-entropy": plain("binary-cross-entropy", SEVERAL, class_weights=OF_LABELS),
    "binary-focal": plain("binary-focal", SEVERAL, class_weights=OF_LABELS),
    "mean-squared-error": plain("mean-squared-error", drawn(N_ITEMS, seed=4)),
    "token-cross-entropy": plain("token-cross-entropy", TAGS, label_smoothing=0.1),
    "token-cross-entropy, weighed": plain("token-cross-entropy", TAGS, class_weights=OF_LABELS),
    "sequence-to-sequence": plain("sequence-to-sequence", TAGS),
    "span": plain("span", SPANS, label_smoothing=0.1),
    "crf": plain("crf", TAGS),
    "distillation": taught("cross-entropy", IDS, class_weights=OF_LABELS),
    "distillation of several labels": taught("binary-cross-entropy", SEVERAL),
    "distillation of numbers": taught("mean-squared-error", drawn(N_ITEMS, seed=4)),
}
OTHERS = {"contrastive", "own"}  # of pairs, and of the model itself


def outputs_of(name, targets, chosen):
    """Give what a model says of the chosen items."""
    shape = (N_ITEMS, N_LABELS)
    if targets.shape == TAGS.shape and targets.dtype == torch.long:
        shape = (N_ITEMS, N_TOKENS, N_LABELS)
    elif name in ("mean-squared-error", "distillation of numbers"):
        shape = (N_ITEMS, 1)
    tagger = CrfTagger(
        SimpleNamespace(config=SimpleNamespace(id2label=dict.fromkeys(range(N_LABELS))))
    )
    return SimpleNamespace(
        logits=drawn(*shape, seed=6)[chosen],
        states=drawn(N_ITEMS, 2, seed=7)[chosen],
        start_logits=drawn(N_ITEMS, N_TOKENS, seed=8)[chosen],
        end_logits=drawn(N_ITEMS, N_TOKENS, seed=9)[chosen],
        transitions=tagger.transitions,
    )


def test_every_loss_is_among_these():
    assert {objective.name for objective, _ in CASES.values()} | OTHERS == set(names("losses"))


@pytest.mark.parametrize("name", CASES)
def test_weighing_items_is_repeating_them(name):
    objective, targets = CASES[name]
    loss, everything = make_loss(objective, CPU), torch.arange(N_ITEMS)
    weighed = loss.total(outputs_of(name, targets, everything), targets, COUNTS.float())
    repeated = loss.total(outputs_of(name, targets, REPEATED), targets[REPEATED], None)
    assert torch.allclose(weighed, repeated, rtol=1e-5)
    weights = loss.weight(targets, COUNTS.float()), loss.weight(targets[REPEATED], None)
    assert torch.allclose(*weights)


@pytest.mark.parametrize("name", CASES)
def test_a_weight_of_one_for_all_changes_nothing(name):
    objective, targets = CASES[name]
    loss, ones = make_loss(objective, CPU), torch.ones(N_ITEMS)
    outputs = outputs_of(name, targets, torch.arange(N_ITEMS))
    totals = [loss.total(outputs, targets, weights) for weights in (ones, None)]
    assert torch.allclose(*totals)
    assert torch.allclose(loss.weight(targets, ones), loss.weight(targets, None))


@pytest.mark.parametrize("name", CASES)
def test_unequal_weights_accumulate_to_one_batch(name):
    objective, targets = CASES[name]
    loss, weights = make_loss(objective, CPU), torch.tensor([0.5, 2.0, 0.0, 1.0, 0.25])
    sums = []
    for start, stop in ((0, 5), (0, 2), (2, 5)):
        part, few = targets[start:stop], weights[start:stop]
        outputs = outputs_of(name, targets, torch.arange(start, stop))
        sums.append((loss.total(outputs, part, few), loss.weight(part, few)))
    (whole, weight), *parts = sums
    assert torch.allclose(whole, sum(total for total, _ in parts), rtol=1e-5)
    assert torch.allclose(weight, sum(one for _, one in parts))


def test_a_pair_of_an_item_without_weight_is_left_out():
    loss, labels = make_loss(Objective("contrastive"), CPU), torch.tensor([0, 0, 1, 1, 2])
    features, weights = drawn(N_ITEMS, 4), torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
    weighed = loss.total(SimpleNamespace(logits=features), labels, weights)
    weighed = weighed / loss.weight(labels, weights)
    left_out = loss.total(SimpleNamespace(logits=features[:4]), labels[:4], None)
    assert torch.allclose(weighed, left_out / loss.weight(labels[:4], None))


def test_the_loss_of_the_model_itself_takes_no_weights():
    loss = make_loss(Objective("own"), CPU)
    with pytest.raises(ValueError, match="no item weights"):
        loss.total(SimpleNamespace(loss=torch.ones(())), IDS, torch.ones(N_ITEMS))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, OF_LABELS])
@pytest.mark.parametrize("name", ["cross-entropy", "focal"])
def test_probabilities_of_0_and_1_are_labels(name, weights, smoothing):
    objective = Objective(name, class_weights=weights, label_smoothing=smoothing)
    loss, sure = make_loss(objective, CPU), torch.eye(N_LABELS)[IDS]
    outputs, items = outputs_of(name, IDS, torch.arange(N_ITEMS)), COUNTS.float()
    assert torch.allclose(loss.total(outputs, sure, items), loss.total(outputs, IDS, items))
    assert torch.allclose(loss.weight(sure, items), loss.weight(IDS, items))

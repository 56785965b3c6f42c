"""Each regulariser's gradient, or move, is that of its formula written out, in float64."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch.nn import functional

from luthier.errors import RecipeError
from luthier.recipe.checks import check
from luthier.registry import find
from luthier.seeding import seed_of
from luthier.training.losses import make_loss
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import run_model, to_tensors
from luthier.training.update import Update
from tests.toys import toy_problem, toy_tree

TASK = "text-classification"
CLOSE = {"rtol": 0, "atol": 1e-6}


@pytest.fixture(scope="module")
def start(tiny_model):
    """Give a model in float64, its job and one batch."""

    def of(*, dropout=0.0, task=TASK):
        _, prepared = toy_problem(task, tiny_model("bert"))
        job = prepared.job
        model = job.session.make_model(True).double()
        for one in model.modules():
            if isinstance(one, torch.nn.Dropout):
                one.p = dropout
        for name, one in model.named_parameters():
            if "classifier" in name:
                one.data *= 20  # so that passes differ
        batch = to_tensors(
            job.problem.codec.batch(job.problem.items["train"], np.array([0, 5, 9, 12]))
        )
        return model, job, batch

    return of


def gradient(model, job, batches, *regularisers, step=1):
    """Compute a step's gradient as training does."""
    job = job.with_plan(regularisers=regularisers)
    for one in regularisers:
        one.prepare(model, job.plan)
        one.begin(model, 10)
    update = Update(
        model,
        torch.optim.SGD(model.parameters(), lr=1.0),
        Accelerator(cpu=True),
        job,
        MicroBatches(job.plan.training),
        only_labelled=False,
    )
    update.most = float("inf")
    contexts = [one.around_step(model, step, 10) for one in regularisers]
    for one in contexts:
        one.__enter__()
    update.gradient(batches)
    for one in contexts:
        one.__exit__(None, None, None)
    return {name: one.grad.clone() for name, one in model.named_parameters()}


def make(name, **options):
    plugin = find("regularisers", name)
    return plugin(plugin.Options(**options))


def mean_loss(model, batch, **inputs):
    outputs = model(**({**batch.inputs, **inputs}))
    return functional.cross_entropy(outputs.logits.float(), batch.targets)


def assert_equal(found, loss, model):
    wanted = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    for (name, _), one in zip(model.named_parameters(), wanted, strict=True):
        expected = torch.zeros_like(found[name]) if one is None else one
        torch.testing.assert_close(found[name], expected, **CLOSE, msg=lambda m, n=name: n + m)


@pytest.mark.parametrize("n_pieces", [1, 2])
def test_fgm_adds_the_gradient_at_moved_words(start, n_pieces):
    model, job, batch = start()
    parts = [batch] if n_pieces == 1 else [batch.slice(0, 2), batch.slice(2, 4)]
    found = gradient(model, job, parts, make("fgm", epsilon=0.5))
    table = model.get_input_embeddings()
    given = {name: one for name, one in batch.inputs.items() if name != "input_ids"}

    def loss_at(vectors):
        logits = model(inputs_embeds=vectors, **given).logits
        return functional.cross_entropy(logits.float(), batch.targets)

    vectors = table(batch.inputs["input_ids"])
    slope = torch.autograd.grad(loss_at(vectors), vectors)[0]
    move = 0.5 * slope / slope.flatten(1).norm(dim=1)[:, None, None]
    vectors = table(batch.inputs["input_ids"])
    assert_equal(found, loss_at(vectors) + loss_at(vectors + move), model)


def test_sam_gives_the_gradient_at_the_worst_weights_near_by(start):
    model, job, batch = start(dropout=0.3)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    torch.manual_seed(3)
    found = gradient(model, job, [batch], make("sam", rho=0.1))
    assert all(torch.equal(one, before[name]) for name, one in model.named_parameters())
    torch.manual_seed(3)
    slopes = torch.autograd.grad(mean_loss(model, batch), list(model.parameters()))
    norm = torch.cat([one.flatten() for one in slopes]).norm()
    with torch.no_grad():
        for one, slope in zip(model.parameters(), slopes, strict=True):
            one += 0.1 * slope / norm
    torch.manual_seed(3)  # the same dropout
    assert_equal(found, mean_loss(model, batch), model)


def test_mixout_gives_the_gradient_through_mixed_weights(start):
    model, job, batch = start()
    made, p = make("mixout", p=0.4), 0.4
    first = {name: one.detach().clone() for name, one in model.named_parameters()}
    made.prepare(model, job.plan)
    made.begin(model, 10)
    # the weights are others than the pre-trained ones from here on
    made.prepare = made.begin = lambda *given: None
    with torch.no_grad():
        for one in model.parameters():
            one += 0.05 * torch.randn_like(one)
    found = gradient(model, job, [batch], made, step=7)
    assert any(name.startswith("bert.encoder") for name in made.anchors.names)
    assert not [name for name in made.anchors.names if "classifier" in name or "Norm" in name]
    generator = torch.Generator().manual_seed(seed_of(job.plan.training.seed, "mixout", 7))
    mixed = {}
    for name, one in model.named_parameters():
        mixed[name] = one
        if name in made.anchors.names:
            mask = torch.rand(one.shape, generator=generator) < p
            mixed[name] = (torch.where(mask, first[name], one) - p * first[name]) / (1 - p)
    logits = torch.func.functional_call(model, mixed, kwargs=dict(batch.inputs)).logits
    assert_equal(found, functional.cross_entropy(logits.float(), batch.targets), model)


def test_l2_sp_moves_weights_back_by_rate_times_decay(start):
    model, job, _ = start()
    made = make("l2-sp", decay=0.2)
    made.prepare(model, job.plan)
    made.begin(model, 10)
    first = {name: one.detach().clone() for name, one in model.named_parameters()}
    with torch.no_grad():
        for one in model.parameters():
            one += 1.0
    made.before_step(model, {name: 0.5 for name, _ in model.named_parameters()})
    for name, one in model.named_parameters():
        expected = first[name] + 1.0 - (0.5 * 0.2 * 1.0 if made.decays(name) else 0.0)
        torch.testing.assert_close(one, expected, **CLOSE)
    held = [name for name in first if made.decays(name)]
    assert held
    assert not [name for name in held if "classifier" in name or "bias" in name]


def divergence(one, other):
    p, q = one.softmax(-1), other.softmax(-1)
    return (
        functional.kl_div(q.log(), p, reduction="none").sum(-1)
        + functional.kl_div(p.log(), q, reduction="none").sum(-1)
    ) / 2


def test_r_drop_is_two_losses_and_their_divergence(start):
    model, job, batch = start(dropout=0.3)
    torch.manual_seed(5)
    found = gradient(model, job, [batch.slice(0, 3), batch.slice(3, 4)], make("r-drop", alpha=0.7))
    torch.manual_seed(5)
    total = 0.0
    for part in (batch.slice(0, 3), batch.slice(3, 4)):
        one, other = (model(**part.inputs).logits.float() for _ in range(2))
        losses = (functional.cross_entropy(x, part.targets, reduction="sum") for x in (one, other))
        total = total + sum(losses) / 2 + 0.7 * divergence(one, other).sum()
    assert_equal(found, total / 4, model)


@pytest.mark.parametrize(
    ("task", "apart"),
    [
        ("text-regression", lambda a, b, t: ((a.logits - b.logits) ** 2).mean()),
        (
            "multi-label-classification",
            lambda a, b, t: divergence(two(a.logits), two(b.logits)).mean(),
        ),
        (
            "token-classification",
            lambda a, b, t: divergence(a.logits[t != -100], b.logits[t != -100]).mean(),
        ),
        (
            "question-answering",
            lambda a, b, t: torch.stack(
                [
                    divergence(x[x > -1e30], y[x > -1e30])
                    for name in ("start_logits", "end_logits")
                    for x, y in zip(getattr(a, name), getattr(b, name), strict=True)
                ]
            ).mean(),
        ),
    ],
)
def test_every_kind_of_answer_has_its_divergence(start, task, apart):
    model, job, batch = start(dropout=0.3, task=task)
    loss = make_loss(job.plan.objective, torch.device("cpu"))
    model.train()
    one, other = run_model(model, batch), run_model(model, batch)
    found = loss.apart(one, other, batch.targets, None) / loss.weight(batch.targets, None)
    expected = apart(one, other, batch.targets)
    assert expected > 1e-5
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def two(logits):
    """Write independent labels as distributions over yes and no."""
    return torch.stack([logits, torch.zeros_like(logits)], dim=-1)


def test_r_drop_without_dropout_is_refused(start):
    model, job, _ = start(dropout=0.0)
    for one in model.modules():
        if hasattr(one, "dropout_prob"):
            one.dropout_prob = 0.0
    with pytest.raises(RecipeError, match="both passes answer the same"):
        make("r-drop").prepare(model, job.plan)


@pytest.mark.parametrize("name", ["l2-sp", "mixout"])
def test_what_holds_to_pretrained_weights_needs_some_that_are_trained(start, name):
    model, job, _ = start()
    model.base_model.requires_grad_(False)
    with pytest.raises(RecipeError, match="none of these is trained"):
        make(name).prepare(model, job.plan)


def test_two_that_exclude_each_other_are_refused(tiny_model):
    tree = toy_tree(TASK, tiny_model("bert"), regularisers=["fgm", "ema", "sam"])
    with pytest.raises(RecipeError, match="'fgm' and 'sam' exclude each other"):
        check(tree)

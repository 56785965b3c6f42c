"""`coral` and `dann`: labelled rows of one domain, texts of another, and exact resuming."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import luthier
from luthier.errors import DataError, RecipeError
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from luthier.training.alignment import (
    CLASSIFIER,
    Coral,
    Reversed,
    classifier_of_domains,
    covariance_distance,
    layer_of,
    reversal,
)
from tests.stopped import stopped_at
from tests.torture.trial import file_hash
from tests.toys import toy_problem, toy_rows, toy_tree, unlabelled_rows, write_csv

TASK = "text-classification"
BOTH = ("coral", "dann")


def test_the_distance_of_covariances_is_that_of_the_paper():
    draw = np.random.default_rng(0)
    source, target = draw.normal(size=(9, 4)), draw.normal(size=(7, 4)) * 2
    far = np.cov(source, rowvar=False) - np.cov(target, rowvar=False)
    expected = (far**2).sum() / (4 * 4**2)
    found = covariance_distance(torch.tensor(source), torch.tensor(target))
    assert found.item() == pytest.approx(expected, rel=1e-12)
    assert covariance_distance(torch.tensor(source), torch.tensor(source)).item() == 0


def test_the_gradient_is_reversed_and_grows_as_in_the_paper():
    values = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    passed = Reversed.apply(values, 0.3)
    assert torch.equal(passed, values)
    (passed * torch.tensor([2.0, -1.0])).sum().backward()
    assert values.grad.tolist() == pytest.approx([-0.6, 0.3])
    assert [round(reversal(step, 100), 3) for step in (0, 10, 50, 100)] == [0.0, 0.462, 0.987, 1.0]


def test_the_loss_of_a_step_is_that_written_out(tiny_model):
    """coral: summed loss + weight · rows · ‖C_s − C_t‖² / 4d² of the two batches' outputs."""
    _, prepared = toy_problem(TASK, tiny_model("bert", None))
    job = prepared.job
    model = job.session.make_model(True).eval()
    codec = job.problem.codec
    items = codec.encode(job.problem.unlabelled)
    layer = layer_of(model, codec.target.n_outputs)
    hook = Coral(codec, items, layer, weight=0.7, seed=5, of="outputs")
    hook.around_step(model, 3, 10)
    hook.before_gradient(model)
    batch = codec.batch(job.problem.items["train"], np.arange(6)).map(torch.from_numpy)
    seen = []

    def compute(given):
        seen.append(model(**given.inputs).logits)
        return seen[-1].sum()

    total = hook.loss(compute, model, batch)
    hook.before_gradient(model)
    theirs = model(**hook.drawn(6).inputs).logits
    far = covariance_distance(seen[0], theirs)
    assert total.item() == pytest.approx((seen[0].sum() + 0.7 * 6 * far).item(), rel=1e-5)


def test_what_is_drawn_follows_from_seed_step_and_batch(tiny_model):
    _, prepared = toy_problem(TASK, tiny_model("bert", None))
    codec = prepared.job.problem.codec
    model = prepared.job.session.make_model(True)
    items = codec.encode(prepared.job.problem.unlabelled)
    layer = layer_of(model, codec.target.n_outputs)
    hook = Coral(codec, items, layer, weight=1.0, seed=5, of="outputs")

    def ids(step):
        hook.around_step(model, step, 10)
        hook.before_gradient(model)
        return [hook.drawn(4).inputs["input_ids"].tolist() for _ in range(2)]

    first = ids(1)
    assert first[0] != first[1]
    assert ids(2) != first
    assert ids(1) == first


def test_the_classifier_is_left_behind_whatever_happens(tiny_model):
    _, prepared = toy_problem(TASK, tiny_model("bert", None))
    model = prepared.job.session.make_model(True)
    layer = layer_of(model, prepared.job.problem.codec.target.n_outputs)

    def fail():
        with classifier_of_domains(model, layer, 8):
            assert any(CLASSIFIER in name for name, _ in model.named_parameters())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not hasattr(model, CLASSIFIER)


@pytest.fixture
def tree(tiny_model, tmp_path):
    """Make a recipe whose method names a file of target texts."""
    rows = toy_rows(TASK)
    train = write_csv(rows, tmp_path / "toys.csv")
    write_csv(unlabelled_rows(TASK, rows), tmp_path / "target.csv")

    def make(method, family="bert", options=None, **sections):
        made = toy_tree(TASK, tiny_model(family, None), **sections)
        made["data"] |= {"train": str(train)}
        options = {"target": str(tmp_path / "target.csv"), **(options or {})}
        made["method"] = {"name": method, "options": options}
        made.setdefault("baselines", [])
        return made

    return make


@pytest.mark.parametrize("method", BOTH)
def test_target_texts_are_read_told_and_change_what_is_learned(method, tree, tmp_path):
    result = luthier.run(tree(method), out=tmp_path / "run")
    told = " ".join(result.told)
    assert "texts of the target without labels" in told
    assert "validation rows of the source" in told
    folder = RunFolder(result.folder)
    weights = load_file(folder.model / "model.safetensors")
    assert not [name for name in weights if CLASSIFIER in name]
    assert folder.read_json("data")["unlabelled"]["rows"] > 0
    plain = tree(method)
    plain["method"] = "full"
    other = RunFolder(luthier.run(plain, out=tmp_path / "plain").folder)
    assert not torch.equal(
        weights["classifier.weight"],
        load_file(other.model / "model.safetensors")["classifier.weight"],
    )
    assert luthier.load(folder.path)("sun over the coast")


@pytest.mark.parametrize("regulariser", ["r-drop", "fgm", "ema"])
def test_regularisers_go_with_it(regulariser, tree, tmp_path):
    training = {"max_steps": 2, "use_cpu": True}
    made = tree("coral", regularisers=[regulariser], training=training)
    luthier.run(made, out=tmp_path / "run")


@pytest.mark.parametrize("method", BOTH)
def test_a_stopped_run_goes_on_to_the_same_weights(method, tree, tmp_path):
    training = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "use_cpu": True}
    training["gradient_accumulation_steps"] = 2
    made = tree(method, training=training)
    assert stopped_at(made, tmp_path / "whole") == 0
    assert stopped_at(made, tmp_path / "parts", "fine-tuning 3") == 9
    assert stopped_at(made, tmp_path / "parts") == 0
    hashes = {
        file_hash(RunFolder(tmp_path / name).model / "model.safetensors")
        for name in ("whole", "parts")
    }
    assert len(hashes) == 1


def test_files_are_found_beside_the_recipe(tmp_path):
    (tmp_path / "r.yaml").write_text(
        f"model: m\ntask: {TASK}\ndata: {{train: t.csv}}\n"
        "method: {name: coral, options: {target: new.csv}}\n"
    )
    recipe = read_recipe(tmp_path / "r.yaml")
    assert recipe.method.options["target"] == str(tmp_path / "new.csv")


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"options": {"target": None}}, RecipeError, r"data\.unlabelled: is required by 'coral'"),
        ({"data": {"unlabelled": "x.csv"}}, RecipeError, "given twice"),
        ({"options": {"target": "absent.csv"}}, DataError, "absent.csv"),
        ({"options": {"weight": 0}}, RecipeError, "weight"),
        ({"options": {"lambda": 1}}, RecipeError, "lambda"),
    ],
)
def test_what_cannot_be_aligned_is_refused(changes, kind, words, tree, tmp_path):
    with pytest.raises(kind, match=words):
        luthier.run(tree("coral", **changes), out=tmp_path / "run")


def test_the_ramp_ends_near_one():
    assert math.isclose(reversal(7, 7), 1.0, abs_tol=1e-4)

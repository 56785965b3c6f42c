"""A whole run by TensorFlow: the same run folder, resumed exactly, or refused in one line."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import luthier
from luthier import pipeline
from luthier.environment import install_command
from luthier.errors import ModelError, RecipeError
from luthier.keras_engine import backend
from luthier.keras_engine.counterparts import OPTIMIZERS
from luthier.keras_engine.engine import KerasEngine
from luthier.keras_engine.optimizer import make_keras_optimizer
from luthier.keras_engine.twin import Twin
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin, Training
from luthier.registry import find, names
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.keras_engine.engines import furthest, problem, weights_after, without_dropout
from tests.losses import losses_of_epochs, mean_loss
from tests.torture.trial import file_hash, logged
from tests.toys import method_options, toy_rows, toy_tree

METHODS = [
    name
    for name in names("methods")
    if "tensorflow" in getattr(find("methods", name), "engines", ())
]


def run(folder, out, *, task="text-classification", listeners=(), **sections):
    sections = {"baselines": ["majority"], "engine": "tensorflow", **sections}
    tree = toy_tree(task, folder, **sections)
    data = {"train": toy_rows(task)}
    return RunFolder(pipeline.run(tree, out=out, data=data, listeners=listeners).folder)


def test_methods_that_tensorflow_trains():
    assert METHODS == ["full", "linear-probe", "layer-wise", "lora", "bitfit"]


@pytest.mark.parametrize("method", ["full", "linear-probe", "layer-wise", "lora"])
def test_a_run_learns_and_leaves_a_plain_checkpoint(tiny_model, tmp_path, method):
    options = method_options(method, "text-classification", lambda task: None)
    finished = run(
        tiny_model("bert"),
        tmp_path / "run",
        method={"name": method, "options": options},
        training={"num_train_epochs": 12, "learning_rate": 1e-2, "load_best_model_at_end": False},
    )
    job = problem(tiny_model("bert")).job
    first = mean_loss(job.session.make_model(True), job)
    trained, _ = make_plugin("methods", Plugin(name=method)).load(finished.model)
    assert mean_loss(trained, job) < 0.9 * first
    assert set(finished.read_json("scores")) == {"fine-tuned", "majority"}
    predictor = luthier.load(finished.path)
    text = toy_rows("text-classification")["text"][0]
    assert predictor([text])[0]["label"]
    assert (finished.model / "model.safetensors").is_file()
    assert "tensorflow" in finished.report.read_text("utf-8")


@pytest.mark.usefixtures("eagerly")
def test_bitfit_trains_what_pytorch_trains(tiny_model, tmp_path):
    """A tiny model learns next to nothing by its biases alone, by either engine."""
    rows = {}
    for engine in ("torch", "tensorflow"):
        finished = run(
            tiny_model("bert"), tmp_path / engine, method="bitfit", engine=engine, baselines=[]
        )
        rows[engine] = load_file(finished.model / "model.safetensors")
    start = load_file(tiny_model("bert") / "model.safetensors")
    for name in rows["tensorflow"]:
        if name.startswith("classifier"):
            continue
        moved = [not torch.equal(rows[engine][name], start[name]) for engine in rows]
        assert moved[0] == moved[1], name


@pytest.mark.parametrize(
    ("task", "n_epochs"),
    [
        ("multi-label-classification", 8),
        ("text-regression", 8),
        ("pair-classification", 8),
        ("token-classification", 2),  # has more to learn from in each row
        ("question-answering", 2),
    ],
)
def test_every_task_of_encoders_runs(tiny_model, tmp_path, task, n_epochs):
    seen = []
    run(
        tiny_model("bert"),
        tmp_path / "run",
        task=task,
        baselines=[],
        listeners=[seen.append],
        training={"num_train_epochs": n_epochs, "learning_rate": 5e-3, "logging_steps": 1},
    )
    first, *_, last = losses_of_epochs(seen)
    assert last < 0.95 * first


TRAINING = {"max_steps": 9, "logging_steps": 1, "save_strategy": "steps", "save_steps": 2}


@pytest.mark.parametrize("optim", ["adamw_torch", "sgd"])
def test_going_on_gives_the_same_weights(tiny_model, tmp_path, optim):
    training = {**TRAINING, "optim": optim}
    if optim == "sgd":
        training["optim_args"] = {"momentum": 0.9}
    whole = run(tiny_model("bert"), tmp_path / "whole", training=training)

    def stop(info):
        if info.phase == "fine-tuning" and info.step == 6:
            raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        run(tiny_model("bert"), tmp_path / "left", training=training, listeners=[stop])
    gone_on = run(tiny_model("bert"), tmp_path / "left", training=training)
    assert gone_on.attempts()[1]["resumed"] == [{"phase": "fine-tuning", "step": 4, "notes": []}]
    assert file_hash(gone_on.model / "model.safetensors") == file_hash(
        whole.model / "model.safetensors"
    )
    assert logged(gone_on) == logged(whole)


@pytest.mark.usefixtures("eagerly")  # that graphs repeat themselves, going on shows above
def test_the_same_seed_gives_the_same_weights_and_another_gives_others(tiny_model):
    training = {"max_steps": 2}
    first, second, other = (
        weights_after(problem(tiny_model("bert"), training={**training, "seed": seed}))
        for seed in (3, 3, 4)
    )
    assert furthest(first, second) == 0
    assert furthest(first, other) > 0


@pytest.mark.usefixtures("eagerly")
def test_frozen_parts_do_not_move(tiny_model):
    structure = {"freeze_embeddings": True, "freeze_bottom": 1}
    prepared = problem(tiny_model("bert"), model=structure, training={"max_steps": 4})
    start = {
        n: p.detach().numpy().copy()
        for n, p in prepared.job.session.make_model(True).named_parameters()
    }
    end = weights_after(prepared)
    frozen = [name for name in start if "embeddings" in name or "layer.0." in name]
    assert len(frozen) > 10
    assert all(np.array_equal(start[name], end[name]) for name in frozen)
    assert not np.allclose(start["classifier.weight"], end["classifier.weight"], atol=1e-3)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_own_heads_train_as_pytorchs(tiny_model, pooling):
    model = {"pooling": pooling, "head_hidden_layers": (8,)}
    first, second = (
        weights_after(
            problem(
                tiny_model("bert"),
                engine=engine,
                model=model,
                training={"max_steps": 6, "learning_rate": 1e-3},
            ),
            dropout=False,
        )
        for engine in ("torch", "tensorflow")
    )
    assert furthest(first, second) < 2e-4


def test_bfloat16_trains_as_float32_but_for_its_rounding(tiny_model):
    """Rounded to 8 bits, every loss differs from the exact one, and none by much."""
    asked = {"max_steps": 16, "learning_rate": 5e-3, "logging_steps": 1}
    exact, half, shares = [], [], []
    for engine, losses in (("torch", exact), ("tensorflow", half)):
        training = {**asked, "bf16": losses is half}
        job = problem(
            tiny_model("bert"), "token-classification", engine=engine, training=training
        ).job
        model = without_dropout(job.session.make_model(True))
        before, seen = mean_loss(model, job), []
        model = follow(train(model, job), seen.append)
        losses += [one.loss for one in seen if one.loss is not None]
        shares.append(mean_loss(model, job) / before)
        assert all(one.dtype == torch.float32 for one in model.parameters())
    apart = np.abs(np.array(half) / exact - 1)
    assert np.median(apart) > 1e-5
    assert (apart < 0.05).all()
    assert max(shares) < 0.7


@pytest.mark.usefixtures("eagerly")
def test_a_loss_that_is_no_number_is_named_with_its_step(tiny_model):
    training = {"max_steps": 30, "optim": "sgd", "learning_rate": 1e25, "max_grad_norm": 0.0}
    with pytest.raises(luthier.errors.TrainingError, match="no longer a finite number"):
        weights_after(problem(tiny_model("bert"), training={**training, "warmup_steps": 0}))


def test_without_the_packages_one_sentence_says_so(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        backend, "find_spec", lambda name: None if name == "keras_hub" else found(name)
    )
    with pytest.raises(RecipeError, match="not installed") as caught:
        KerasEngine.check(Training())
    assert "keras_hub" in caught.value.received
    assert install_command("tensorflow") in caught.value.hint


@pytest.mark.parametrize(
    "training",
    [{"optim": "radam"}, {"fp16": True}, {"gradient_checkpointing": True}, {"torch_compile": True}],
    ids=str,
)
def test_what_has_no_counterpart_is_refused_before_any_work(training):
    with pytest.raises(RecipeError) as caught:
        KerasEngine.check(Training(**training))
    assert next(iter(training)) in caught.value.received


def test_optimizers_that_are_checked_are_those_that_can_be_made():
    for name, kind in OPTIMIZERS.items():
        KerasEngine.check(Training(optim=name))
        options = {option: 0.5 for option, (_, default) in kind.options.items() if default is None}
        asked = Training(optim=name, optim_args=options)
        made = make_keras_optimizer(asked, 0.25).get_config()
        decay = made.get("weight_decay")
        assert (decay == 0.25) is kind.decays_apart, name
    with pytest.raises(RecipeError, match="TensorFlow cannot follow") as caught:
        KerasEngine.check(Training(optim="adamax", optim_args={"maximize": True}))
    assert caught.value.received == "training.optim_args.maximize: PyTorch only"


@pytest.mark.usefixtures("eagerly")
def test_weights_are_copied_back_once_after_a_step(tiny_model, tmp_path, monkeypatch):
    """An evaluation, a checkpoint and the end of a training look at the same weights."""
    copied, right = [], Twin.take_back

    def take_back(self):
        copied.append(self)
        right(self)

    monkeypatch.setattr(Twin, "take_back", take_back)
    training = {
        "max_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 1,
        "save_strategy": "steps",
        "save_steps": 1,
    }
    run(tiny_model("bert"), tmp_path / "run", baselines=[], training=training)
    assert len(copied) == 2


@pytest.mark.usefixtures("eagerly")
def test_workers_that_would_make_batches_are_said_to_be_ignored(tiny_model):
    seen = []
    training = {"max_steps": 1, "dataloader_num_workers": 2}
    weights_after(problem(tiny_model("bert"), training=training), seen=seen)
    assert "training.dataloader_num_workers=2 is ignored" in seen[0].message


def test_several_processes_are_refused_rather_than_trained_apart(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match="TensorFlow cannot follow") as caught:
        KerasEngine.check(Training())
    assert "2 processes" in caught.value.received


def test_a_family_without_a_twin_is_refused_with_those_that_have_one(tiny_model, tmp_path):
    with pytest.raises(ModelError) as caught:
        run(tiny_model("modernbert"), tmp_path / "run")
    assert "modernbert" in caught.value.received
    assert "bert" in caught.value.hint


def test_a_method_of_pytorch_alone_is_refused_with_those_that_are_not(tiny_model, tmp_path):
    with pytest.raises(RecipeError) as caught:
        run(tiny_model("bert"), tmp_path / "run", method="ia3")
    assert "cannot be trained by engine tensorflow" in str(caught.value)
    assert "lora" in str(caught.value)


def test_nothing_of_tensorflow_is_imported_before_it_is_asked_for(tmp_path):
    """Nor to write the curves of a training."""
    program = (
        "import sys, luthier.pipeline, luthier.keras_engine.engine;"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules]);"
        "from luthier.tracking.numbers import Number; from luthier.tracking.tracker import Told;"
        "from luthier.tracking.to_tensorboard import ToTensorBoard;"
        "from pathlib import Path; path = Path(sys.argv[1]);"
        "ToTensorBoard(Told('run', 'a', path, {})).write([Number('x/loss', 1, 0.5, 1.0)]);"
        "print('tensorflow' in sys.modules, [one.name[:6] for one in path.rglob('events*')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "False ['events']"]

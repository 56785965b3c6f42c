"""A merged export is one plain checkpoint that answers as the run does."""

import copy
import json

import numpy as np
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import luthier
from luthier.errors import ModelError, RunError
from luthier.exporters.exported import TorchModel
from luthier.exporters.merged import export_merged, gap
from luthier.exporters.verified import Exporter, export_verified
from luthier.ragged import Ragged
from luthier.runs import RunFolder
from tests.architecture.source import loaded_by
from tests.seals import without_seal
from tests.toys import FAMILY, toy_rows, toy_tree

ALONE = {"merge": False}


@pytest.fixture
def finished(tiny_model, tmp_path):
    """Make a run of a method; give its folder."""

    def make(task, method, **sections):
        sections.setdefault("training", {"max_steps": 4, "eval_strategy": "no"})
        tree = toy_tree(
            task, tiny_model(FAMILY.get(task, "bert")), method=method, baselines=[], **sections
        )
        return luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(task)}).folder

    return make


@pytest.mark.parametrize(
    ("task", "method"),
    [
        ("text-classification", "full"),
        ("text-classification", {"name": "lora", "options": ALONE}),
        ("text-classification", "lora"),
        ("token-classification", "lora"),
        ("translation", "lora"),
        ("text-classification", {"name": "ia3", "options": ALONE}),
        ("text-classification", {"name": "peft", "options": {"tuner": "LOHA", **ALONE}}),
        ("token-classification", {"name": "lora", "options": ALONE}),
        ("question-answering", {"name": "lora", "options": ALONE}),
        ("translation", {"name": "lora", "options": ALONE}),
        ("causal-lm", {"name": "lora", "options": ALONE}),
        ("masked-lm", {"name": "lora", "options": ALONE}),
    ],
)
def test_one_plain_checkpoint_is_left(task, method, finished, tmp_path):
    run = finished(task, method)
    out, difference = export_merged(run, tmp_path / "plain")
    assert difference <= 1e-5
    assert (out / "model.safetensors").is_file()
    assert (out / "tokenizer.json").is_file()
    assert not list(out.rglob("adapter*"))
    assert {one.name for one in tmp_path.iterdir()} == {"run", "plain"}


def test_an_empty_folder_is_filled(finished, tmp_path):
    (tmp_path / "plain").mkdir()
    out, _ = export_merged(finished("text-classification", "full"), tmp_path / "plain")
    assert (out / "model.safetensors").is_file()
    assert {one.name for one in tmp_path.iterdir()} == {"run", "plain"}


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("wrong", [2.0, float("nan")])
def test_a_wrong_merge_is_refused_and_leaves_nothing(
    wrong, is_there, finished, tmp_path, monkeypatch
):
    run = finished("text-classification", {"name": "lora", "options": ALONE})
    if is_there:
        (tmp_path / "plain").mkdir()
    right = peft.tuners.lora.Linear.get_delta_weight
    monkeypatch.setattr(
        peft.tuners.lora.Linear, "get_delta_weight", lambda layer, name: right(layer, name) * wrong
    )
    with pytest.raises(ModelError, match="does not answer as the run's does") as caught:
        export_merged(run, tmp_path / "plain")
    assert "outputs differ by" in caught.value.received
    assert not list(tmp_path.glob("plain/*"))
    assert not list(tmp_path.glob(".plain*"))


def test_what_the_run_merged_wrongly_is_refused_and_leaves_nothing(finished, tmp_path):
    run = without_seal(finished("text-classification", "lora"))
    path = RunFolder(run).model / "model.safetensors"
    weights = load_file(path)
    weights["classifier.bias"] += torch.arange(len(weights["classifier.bias"])) * 3
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="does not answer as the run's does") as caught:
        export_merged(run, tmp_path / "plain")
    assert "rows are answered differently" in caught.value.received
    assert {one.name for one in tmp_path.iterdir()} == {"run"}


def test_plain_transformers_answer_as_the_run_did(finished, tmp_path):
    run = finished("text-classification", {"name": "lora", "options": ALONE})
    out, _ = export_merged(run, tmp_path / "plain")
    model = AutoModelForSequenceClassification.from_pretrained(out).eval()
    tokenizer = AutoTokenizer.from_pretrained(out)
    for line in RunFolder(run).read_predictions():
        with torch.no_grad():
            logits = model(**tokenizer(line["columns"]["text"], return_tensors="pt")).logits[0]
        said = line["predictions"]["fine-tuned"]
        assert np.allclose(logits.softmax(-1), said["probabilities"], atol=1e-4)


@pytest.mark.parametrize(
    ("method", "model", "message"),
    [
        (
            {"name": "prefix-tuning", "options": {"num_virtual_tokens": 3}},
            {},
            "PREFIX_TUNING acts beside",
        ),
        ("prototypes", {}, "No class of Transformers has this head"),
    ],
)
def test_what_cannot_be_merged_says_so(method, model, message, finished, tmp_path):
    run = finished("text-classification", method, model=model)
    with pytest.raises(ModelError, match=message) as caught:
        export_merged(run, tmp_path / "plain")
    assert caught.value.hint
    assert not (tmp_path / "plain").exists()


@pytest.mark.parametrize("method", ["contrastive", "prototypes", "knn"])
def test_a_head_that_the_method_made_is_not_blamed_on_the_recipe(method, finished, tmp_path):
    run = finished("text-classification", method)
    with pytest.raises(ModelError, match="No class of Transformers has this head") as caught:
        export_merged(run, tmp_path / "plain")
    assert "luthier.load(RUN)" in caught.value.hint
    assert "model.pooling" not in caught.value.hint


def test_a_head_that_the_recipe_asked_for_can_be_left_out(finished, tmp_path):
    run = finished("text-classification", "full", model={"pooling": "mean"})
    with pytest.raises(ModelError, match="No class of Transformers has this head") as caught:
        export_merged(run, tmp_path / "plain")
    assert "model.pooling=default" in caught.value.hint


def test_nothing_is_overwritten(finished, tmp_path):
    run = finished("text-classification", "full")
    with pytest.raises(RunError, match="not empty"):
        export_merged(run, run)


def test_gaps_of_outputs_are_seen():
    some = np.zeros(2, dtype=[("a", "f8"), ("b", object)])
    other = some.copy()
    assert gap(some, other) == 0
    other["a"] = 0.5
    assert gap(some, other) == 0.5
    other["b"] = "x"
    assert gap(some, other) == float("inf")
    assert gap(Ragged.of([[1, 2]]), Ragged.of([[1, 4]])) == 2
    assert gap([np.ones(2)], [np.ones(3)]) == float("inf")
    assert gap([np.ones(1), np.array([np.nan])], [np.ones(1), np.ones(1)]) == float("inf")
    assert gap(np.array([np.nan]), np.array([np.nan])) == float("inf")
    assert gap(np.array([-np.inf, 1]), np.array([-np.inf, 2])) == 1


def test_a_format_is_tried_out_without_tensorflow(finished):
    """A format that needs no TensorFlow, here the run's own PyTorch model, does not load it."""
    run = finished("text-classification", "full")
    program = (
        "from luthier.exporters import exported, verified\n"
        "from luthier.exporters.trial import Trial\n"
        "from luthier.prediction.predictor import load\n"
        "from luthier.runs import RunFolder\n"
        f"run = {str(run)!r}\n"
        "trial = Trial(load(run), RunFolder.open(run))\n"
        "class Checkpoint(exported.TorchModel):\n"
        "    note = answer_texts = None\n"
        "files = RunFolder.open(run).model.glob('*.safetensors')\n"
        "model = Checkpoint(trial.predictor.model, files)\n"
        "found = trial.judge(model, 'checkpoint', exact=True)\n"
        "assert found.alike == found.rows > 0, found\n"
        "assert found.difference == 0, found\n"
        "assert found.megabytes['checkpoint'] == found.megabytes['torch'] > 0, found"
    )
    (loaded,) = loaded_by(program)
    assert loaded & {"tensorflow", "keras", "keras_hub"} == set()


def test_a_new_format_is_an_exporter_and_what_reads_it_back(finished, tmp_path):
    """All that a format has to bring: here weights in float16, which are only nearly exact."""
    run = finished("text-classification", "full")

    class Half(TorchModel):
        note, answer_texts = "half as large", None

        def describe(self):
            return {"file": "half.safetensors"}

    def write(trial, folder):
        folder.mkdir()
        path = folder / "half.safetensors"
        halves = {name: one.half() for name, one in trial.predictor.model.state_dict().items()}
        save_file(halves, path)
        model = copy.deepcopy(trial.predictor.model)
        model.load_state_dict({name: one.float() for name, one in load_file(path).items()})
        return Half(model, [path])

    checked = []
    exporter = Exporter("half", "half", is_exact=False, check=checked.append, write=write)
    out, found = export_verified(run, tmp_path / "half", exporter)
    assert len(checked) == 1
    assert found.comparison.system == found.format == "half"
    assert 0 < found.difference < 1e-2
    assert found.megabytes["half"] < 0.6 * found.megabytes["torch"]
    assert found.text == "half as large"
    about = json.loads((out / "model.json").read_text())
    assert about["file"] == "half.safetensors"
    assert about["labels"] == ["rain", "snow", "sun"]
    names = {"half.safetensors", "labels.txt", "tokenizer.json", "verification.json"}
    assert names < {one.name for one in out.iterdir()}

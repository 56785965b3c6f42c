"""A run exported to ONNX answers as the run does, where neither PyTorch nor Transformers is."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image
from transformers import AutoTokenizer

import luthier
from luthier.errors import ModelError, RunError
from luthier.exporters.onnx import refuse_prepared_elsewhere
from luthier.exporters.trial import spread_lines
from luthier.records import Rows
from luthier.runs import RunFolder
from tests.architecture.source import loaded_by
from tests.toys import toy_rows, toy_tree

HEAVY = {"torch", "transformers", "scipy", "sklearn", "datasets", "pyarrow", "peft", "accelerate"}
CASES = {
    "labels": ("text-classification", "bert", {}),
    "several labels of a decoder": ("multi-label-classification", "gpt2", {}),
    "names by a CRF": ("token-classification", "distilbert", {"crf": True}),
    "answers": ("question-answering", "roberta", {}),
    "numbers": ("text-regression", "modernbert", {}),
    "choices": ("multiple-choice", "bert", {}),
    "several inputs": ("multimodal-classification", "bert", {"fusion": "cross-attention"}),
    "masked words": ("masked-lm", "distilbert", {}),
    "translations by beams": ("translation", "marian", {"num_beams": 3}),
    "summaries, greedily": ("summarization", "t5", {"num_beams": 1, "no_repeat_ngram_size": 2}),
    "answers to conversations": ("causal-lm", "gpt2", {"max_new_tokens": 8}),
}
INPUTS = {"text": "text", "price": "number", "brand": "category"}
TALK = Rows.of(
    {
        "prompt": [f"What comes after {n}?" for n in range(40)],
        "response": [f"It is {n + 1}." for n in range(40)],
    }
)
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}> {{ m['content'] | trim }} "
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def exported(case, tiny_model, folder, **options):
    task, family, settings = CASES[case]
    if task == "multimodal-classification":
        settings = {**settings, "inputs": INPUTS, "joint_width": 16}
    training = {"max_steps": 4, "eval_strategy": "no"}
    tree = toy_tree(task, tiny_model(family), training=training, baselines=[])
    tree["task"] = {"name": task, "options": settings}
    rows = toy_rows(task)
    if task == "causal-lm":
        rows, tree["model"] = TALK, model_that_talks(tiny_model(family), folder / "talks")
    run = luthier.run(tree, out=folder / "run", data={"train": rows})
    return run.folder, luthier.export(run.folder, folder / "onnx", to="onnx", **options)


def model_that_talks(model, folder):
    shutil.copytree(model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("case", CASES)
def test_an_export_answers_as_its_run_without_pytorch(case, tiny_model, tmp_path):
    run, found = exported(case, tiny_model, tmp_path)
    assert found.verification.rows > 0
    assert found.difference <= 1e-4
    lines = list(RunFolder(run).read_predictions())[:5]
    here = luthier.load(run)
    roles = here.task.input_roles
    asked = [{role: line["columns"][role] for role in roles} for line in lines]
    if here.task.name == "masked-lm":
        asked = ["the snow is [MASK] here", "[MASK] looks green on [MASK] 3"]
    backends = ["onnx"]
    if case == "translations by beams" and find_spec("openvino"):
        backends += ["openvino"]
    program = (
        "import json, luthier\n"
        f"asked = json.loads({json.dumps(asked)!r})\n"
        f"for backend in {backends}:\n"
        f"    answers = luthier.load({found.folder!r}, backend=backend)(asked)\n"
        f"    open({str(tmp_path)!r} + f'/{{backend}}.json', 'w').write(json.dumps(answers))\n"
    )
    (loaded,) = loaded_by(program)
    assert loaded & HEAVY == set()
    for backend in backends:
        there = json.loads((tmp_path / f"{backend}.json").read_text())
        assert without_numbers(there) == without_numbers(here(asked))
        assert np.allclose(numbers_in(there), numbers_in(here(asked)), atol=1e-4)


def test_images_and_two_texts_are_read_too(tiny_model, tmp_path):
    lines = ["title,body,photo,label"]
    for n in range(40):
        name = f"{n}.png" if n % 5 else ""
        if name:
            shade = np.full((9, 9, 3), 40 + 150 * (n % 2), dtype=np.uint8)
            Image.fromarray(shade).save(tmp_path / name)
        body = "" if n % 7 == 0 else "a longer text of the rain"
        lines.append(f"soup {n},{body},{name},{'light' if n % 2 else 'dark'}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    options = {
        "inputs": {"title": "text", "body": "text", "photo": "image"},
        "encoders": {"photo": "thumbnail"},
        "fusion": "gated",
        "joint_width": 8,
    }
    training = {"max_steps": 4, "eval_strategy": "no"}
    task, model = "multimodal-classification", tiny_model("bert")
    tree = toy_tree(task, model, options=options, training=training, baselines=[])
    tree["data"]["train"] = str(tmp_path / "rows.csv")
    run = luthier.run(tree, out=tmp_path / "run").folder
    found = luthier.export(run, tmp_path / "onnx", to="onnx")
    assert found.difference <= 1e-4
    asked = [
        {"title": "soup", "body": "the rain", "photo": str(tmp_path / "1.png")},
        {"title": "soup", "body": None, "photo": None},
    ]
    here, there = (luthier.load(one)(asked) for one in (run, found.folder))
    assert without_numbers(there) == without_numbers(here)
    assert np.allclose(numbers_in(there), numbers_in(here), atol=1e-4)


def test_what_transformers_prepares_is_refused_by_name():
    class Encoder:
        model = object()

    class Inputs:
        tokenizer, encoders = None, {"photo": Encoder()}

    with pytest.raises(ModelError, match="no encoder of images") as caught:
        refuse_prepared_elsewhere(Inputs())
    assert "photo: a object" in caught.value.received
    with pytest.raises(ModelError, match="prepared by Transformers"):
        refuse_prepared_elsewhere(object())


def without_numbers(answers):
    return json.loads(json.dumps(answers), parse_float=lambda text: None)


def numbers_in(answers):
    found = []
    json.loads(json.dumps(answers), parse_float=lambda text: found.append(float(text)))
    return found


def test_int8_is_smaller_and_its_loss_is_told(tiny_model, tmp_path):
    _, found = exported("labels", tiny_model, tmp_path, int8=True)
    told = found.verification
    assert told.scores.keys() == {"onnx int8", "torch"}
    assert told.comparison.n == told.rows
    answer = luthier.load(found.folder)
    texts = toy_rows("text-classification")["text"][:20]
    assert answer(texts, top_k=3) == [answer([text], top_k=3)[0] for text in texts]


def test_int8_is_of_onnx_runtime(tmp_path):
    with pytest.raises(RunError, match="int8") as caught:
        luthier.export(tmp_path, tmp_path / "out", to="openvino", int8=True)
    assert caught.value.hint == "--int8 --to onnx"


def test_a_graph_is_not_for_pytorch(stood_in):
    with pytest.raises(RunError, match="PyTorch does not read"):
        luthier.load(stood_in[1].folder, backend="torch")


@pytest.fixture
def stood_in(tiny_model, tmp_path, monkeypatch):
    """Make an export whose graph computes nothing: how folders are handled is seen without one."""
    from luthier.exporters import onnx

    class Torch:
        note = answer_texts = None

        def __init__(self, folder, described):
            self.n_bytes, self.described = 1, described

        def __call__(self, batch):
            import torch

            with torch.inference_mode():
                given = {name: torch.from_numpy(one) for name, one in batch.inputs.items()}
                return {"logits": models[0](**given).logits.numpy()}

        def describe(self):
            return self.described

    class Program:
        def save(self, path, *, external_data):
            path.write_bytes(b"no graph")

    def traced(trial, model):
        models[:] = [model]
        return {"model.onnx": Program()}

    models = []
    monkeypatch.setattr(onnx, "traced", traced)
    monkeypatch.setattr(onnx, "Graph", Torch)
    return exported("labels", tiny_model, tmp_path)


def test_a_graph_that_cannot_be_read_is_named(stood_in):
    with pytest.raises(ModelError, match="ONNX Runtime cannot read this model") as caught:
        luthier.load(stood_in[1].folder)
    assert "model.onnx" in caught.value.received


def test_a_damaged_export_answers_nothing(stood_in):
    from pathlib import Path

    (Path(stood_in[1].folder) / "model.onnx").write_bytes(b"other")
    with pytest.raises(RunError, match="damaged"):
        luthier.load(stood_in[1].folder)


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_before_any_work(package, stood_in, tmp_path, monkeypatch):
    from luthier.exporters import onnx

    found = onnx.find_spec
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == package else found(name))
    with pytest.raises(luthier.errors.RecipeError, match="packages that are not installed") as said:
        luthier.export(stood_in[0], tmp_path / "other", to="onnx")
    assert package in said.value.received
    assert "[onnx]" in said.value.hint
    assert not (tmp_path / "other").exists()


def test_texts_that_are_cut_otherwise_are_refused(stood_in, tmp_path, monkeypatch):
    from luthier.onnx_models.tokenizer import LightTokenizer

    made = LightTokenizer.__call__
    monkeypatch.setattr(
        LightTokenizer,
        "__call__",
        lambda one, texts, *more, **how: made(one, texts[::-1], *more, **how),
    )
    with pytest.raises(ModelError, match="does not answer as the run's does") as caught:
        luthier.export(stood_in[0], tmp_path / "other", to="onnx")
    assert "other tokens" in caught.value.received
    assert not (tmp_path / "other").exists()


def test_what_trains_is_named_where_it_is_not_installed(tmp_path, monkeypatch):
    def lacking(*_):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("luthier.prediction.predictor.open_trained", lacking)
    with pytest.raises(luthier.errors.RecipeError, match="is not installed here") as caught:
        luthier.load(tmp_path)
    assert "[train]" in caught.value.hint


@pytest.mark.parametrize(("most", "expected"), [(3, [0, 4, 9]), (20, list(range(10))), (1, [0])])
def test_rows_that_are_tried_out_are_spread_over_all(most, expected):
    """Files may be sorted by their labels: the first rows would be of one of them."""

    class Run:
        def read_predictions(self):
            return ({"n": number} for number in range(10))

    assert [line["n"] for line in spread_lines(Run(), most)] == expected

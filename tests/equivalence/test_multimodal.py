"""Several inputs of a row in one model: joined, absent, left out, saved and read back."""

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import luthier
from luthier.columns import PRESENT
from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.training.engine import TorchEngine
from luthier.training.loop import make_order
from luthier.training.microbatches import MicroBatches
from tests.outputs import outputs_of
from tests.toys import toy_problem, toy_rows, toy_tree

TASK = "multimodal-classification"
INPUTS = {"text": "text", "price": "number", "brand": "category"}
FUSIONS = ("late", "gated", "cross-attention")


def tree(model, **options):
    given = {"inputs": INPUTS, "joint_width": 16, "joint_rate": 1.0, **options}
    training = {"num_train_epochs": 10}
    return toy_tree(TASK, model, options=given, training=training, baselines=["majority"])


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    made = {**tree(tiny_model("bert")), "baselines": ["majority", "each-alone", "average"]}
    out = tmp_path_factory.mktemp("runs") / "run"
    return luthier.run(made, out=out, data={"train": toy_rows(TASK)})


def test_what_no_input_tells_alone_is_learned_together(run):
    scores = {name: one["accuracy"].value for name, one in run.scores.items()}
    assert scores["fine-tuned"] > 0.85
    assert scores["each-alone"] < 0.8
    beaten = {one.baseline: one for one in run.comparisons}
    assert beaten["each-alone"].low > 0


@pytest.mark.parametrize("fusion", FUSIONS)
def test_nothing_behind_an_absent_input_changes_an_output(tiny_model, fusion):
    options = {"inputs": INPUTS, "joint_width": 16, "joint_rate": 1.0, "fusion": fusion}
    _, prepared = toy_problem(TASK, tiny_model("bert"), options=options)
    codec, rows = prepared.job.problem.codec, toy_rows(TASK).take(range(6))
    model = prepared.job.session.make_model(True).eval()
    batch = codec.batch(codec.encode(rows), np.arange(6), kind="logits").map(torch.from_numpy)
    said = []
    for place, role in enumerate(INPUTS):
        inputs = {**batch.inputs, PRESENT: batch.inputs[PRESENT].clone()}
        inputs[PRESENT][:, place] = 0
        other = dict(inputs)
        for name, values in inputs.items():
            if name.partition(".")[0] == role and not name.endswith("mask"):
                other[name] = torch.zeros_like(values) + (7 if values.is_floating_point() else 0)
        with torch.no_grad():
            one, two = model(**inputs).logits, model(**other).logits
        assert torch.equal(one, two)
        said.append(one)
    assert not torch.equal(said[0], said[1])


def test_an_empty_cell_is_an_absent_input(run):
    judge = luthier.load(run.folder)
    rows = {
        "text": ["", "The cake number 3 was good."],
        "price": [10.0, None],
        "brand": ["oak", "?"],
    }
    items = judge.codec.encode(Rows.of(rows))
    assert items.inputs[PRESENT].values.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert items.inputs["brand"].values.tolist()[1] == 0  # a value that no training row has
    lacking = judge({"text": "The cake number 3 was good.", "price": 10.0})
    assert lacking == judge({"text": "The cake number 3 was good.", "price": 10.0, "brand": None})


def test_what_an_input_and_its_words_add_is_found_by_leaving_them_out(run):
    judge = luthier.load(run.folder)
    row = {"text": "The cake number 3 was poor.", "price": 90.0, "brand": None}
    (found,) = judge.explain(row, by="occlusion")
    assert found.decision.name == judge(row)["label"] == "leave"
    names = [found.word(n) for n in range(len(found.words))]
    values = dict(zip(names, found.attribution.values, strict=True))
    words = ["The", "cake", "number", "3", "was", "poor", "."]
    assert names == ["text", "price=90.0", *words]
    assert values["text"] > 0
    for name, other in (
        ("price=90.0", {"price": None}),
        ("poor", {"text": "The cake number 3 was ."}),
    ):
        (left,) = judge.explain({**row, **other}, by="occlusion", target="leave")
        lost = found.attribution.score - left.attribution.score
        assert lost == pytest.approx(values[name], abs=1e-4)
    with pytest.raises(luthier.errors.DataError) as refused:
        judge.explain(row)
    assert refused.value.hint == "--by occlusion"
    assert found.to_json()["replaced_by"] == "nothing"
    assert judge.explain(row, by="occlusion")._repr_html_()


def test_inputs_are_left_out_in_training_by_row_and_epoch_and_never_all(tiny_model):
    options = {"inputs": INPUTS, "joint_width": 16, "joint_rate": 1.0, "modality_dropout": 0.8}
    _, prepared = toy_problem(TASK, tiny_model("bert"), options=options)
    codec, items = prepared.job.problem.codec, prepared.job.problem.items["train"]
    chosen = np.arange(len(items))
    first, again, later = (
        codec.batch(items, chosen, epoch=epoch).inputs[PRESENT] for epoch in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, later)
    assert (first.sum(axis=1) >= 1).all()
    assert first.sum() < 0.7 * items.inputs[PRESENT].values.sum()
    one = codec.batch(items, chosen[5:6], epoch=0).inputs[PRESENT]
    assert np.array_equal(one[0], first[5])
    judged = codec.batch(items, chosen, kind="logits").inputs[PRESENT]
    assert np.array_equal(judged, items.inputs[PRESENT].values)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_saved_answers_alike(tiny_model, tmp_path, fusion):
    done = luthier.run(
        tree(tiny_model("bert"), fusion=fusion),
        ["training.max_steps=4"],
        out=tmp_path / "run",
        data={"train": toy_rows(TASK)},
    )
    kept = [line["predictions"]["fine-tuned"] for line in luthier_lines(done.folder)]
    rows = [line["columns"] for line in luthier_lines(done.folder)]
    judge = luthier.load(done.folder)
    asked = [{role: row[role] for role in INPUTS} for row in rows]
    for said, answer in zip(judge(asked), kept, strict=True):
        assert said["label"] == answer["answer"]
        assert said["score"] == pytest.approx(max(answer["probabilities"]), abs=1e-5)


def luthier_lines(folder):
    from luthier.runs import RunFolder

    return list(RunFolder.open(folder).read_predictions())


def test_images_and_sounds_are_read_by_frozen_encoders(tiny_model, tmp_path):
    draw, columns = np.random.default_rng(0), {"text": [], "photo": [], "call": [], "label": []}
    for n in range(60):
        is_left, is_low = n % 2 == 0, n // 2 % 2 == 0
        pixels = draw.integers(0, 90, (16, 16, 3)).astype(np.uint8)
        pixels[:, slice(0, 8) if is_left else slice(8, 16)] += 150
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        tone = np.sin(2 * np.pi * (300 if is_low else 1500) * np.arange(1600) / 16000)
        soundfile.write(tmp_path / f"{n}.wav", 0.3 * tone + 0.01 * draw.normal(size=1600), 16000)
        columns["text"].append(f"Item {n}")
        columns["photo"].append(f"{n}.png" if n % 10 else None)
        columns["call"].append(f"{n}.wav")
        columns["label"].append("left" if is_left else "low" if is_low else "high")
    encoders = {"photo": "thumbnail", "again": str(tiny_model("vit")), "call": "spectrum"}
    made = tree(
        tiny_model("bert"),
        inputs={"text": "text", "photo": "image", "again": "image", "call": "audio"},
        encoders=encoders,
        modality_dropout=0.0,
    )
    made["data"]["media"] = str(tmp_path)
    made["data"]["columns"] = {"photo": "picture"}
    columns["again"] = columns["picture"] = columns.pop("photo")
    done = luthier.run(made, out=tmp_path / "run", data={"train": Rows.of(columns)})
    assert done.scores["fine-tuned"]["accuracy"].value > done.scores["majority"]["accuracy"].value
    judge = luthier.load(done.folder)
    row = {"text": "Item 3", "photo": str(tmp_path / "3.png"), "call": str(tmp_path / "3.wav")}
    assert judge(row)["label"] in ("left", "low", "high")
    weights = {name for name, _ in judge.model.named_parameters()}
    assert not any("vit" in name for name in weights)  # frozen, and no part of what is trained
    assert (tmp_path / "run" / "model" / "encoders" / "again" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inputs": {"text": "text", "photo": "image"}}, "encoders={image: MODEL}"),
        ({"inputs": {"text": "text", "label": "number"}}, "neither label"),
        ({"inputs": INPUTS, "encoders": {"price": "thumbnail"}}, "has an encoder"),
        ({"inputs": INPUTS, "left_out": ["prize"]}, "names no input"),
        ({"inputs": INPUTS, "left_out": list(INPUTS)}, "leaves nothing"),
        ({"inputs": {"text": "text", "x": "video"}}, "number"),
    ],
)
def test_what_does_not_fit_is_refused(tiny_model, options, words):
    with pytest.raises(RecipeError) as refused:
        read_recipe(toy_tree(TASK, tiny_model("bert"), options=options))
    assert words in str(refused.value)


def test_what_each_input_adds_is_found_by_training_without_it(tiny_model, tmp_path):
    study = luthier.modalities(
        tree(tiny_model("bert")) | {"data": {"train": str(written(tmp_path))}},
        n_seeds=2,
        out=tmp_path / "study",
    )
    assert study.arms == ("as it is", "without text", "without price", "without brand")
    gains = {pair.first: -pair.difference.mean for pair in study.pairs}
    assert gains["without text"] > 0.1
    assert gains["without price"] > 0.1
    assert study.sentences[0].startswith("text ")
    assert "The model relies on price: without it, it loses +" in " ".join(study.sentences)
    assert "beyond adding them up: " in study.sentences[-1]
    assert len(list((tmp_path / "study" / "reliance").glob("*.json"))) == 2
    with pytest.raises(RecipeError, match="several of them"):
        luthier.modalities(toy_tree("text-classification", tiny_model("bert")))


def written(folder):
    from tests.toys import write_csv

    return write_csv(toy_rows(TASK), folder / "rows.csv")


def test_the_new_head_learns_faster_than_the_model(tiny_model):
    options = {"inputs": INPUTS, "joint_width": 16, "joint_rate": 7.0}
    _, prepared = toy_problem(TASK, tiny_model("bert"), options=options)
    model = prepared.job.session.make_model(True)
    engine = TorchEngine(model, prepared.job)
    with engine.working():
        engine.prepare(make_order(prepared.job), MicroBatches(prepared.job.plan.training))
        rates = {
            name: group["lr"]
            for group in engine.optimizer.param_groups
            for one in group["params"]
            for name, other in model.named_parameters()
            if one is other
        }
    assert rates["head.classifier.1.weight"] == pytest.approx(
        7 * rates["inner.pooler.dense.weight"]
    )


def test_numbers_are_learned_from_training_rows_alone(tiny_model):
    _, prepared = toy_problem(TASK, tiny_model("bert"), options={"inputs": INPUTS})
    problem = prepared.job.problem
    learned = problem.codec.target.inputs
    assert learned["brand"]["names"] == ["elm", "oak"]
    values = problem.items["train"].inputs["price"].values
    assert abs(float(values.mean())) < 0.5
    outputs = outputs_of(prepared.job.session.make_model(True), prepared.job)
    assert outputs.shape == (len(problem.splits.test), 3)

"""Images and sounds in files: learned, answered one by one or together, and judged alike."""

import csv

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from transformers import AutoModelForAudioClassification, AutoModelForImageClassification

import luthier
from luthier.errors import DataError
from tests.toys import FAMILY, toy_rows, toy_tree

AUTO = {
    "image-classification": AutoModelForImageClassification,
    "audio-classification": AutoModelForAudioClassification,
}


@pytest.fixture(scope="module", params=list(AUTO))
def task(request):
    return request.param


@pytest.fixture(scope="module")
def files(task, tmp_path_factory):
    """Write the toy rows of a task as files, and a table that names them."""
    folder, rows = tmp_path_factory.mktemp("files"), toy_rows(task)
    (folder / "media").mkdir()
    role = task.partition("-")[0]
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(("file", "label"))
        for number, (cell, label) in enumerate(zip(rows[role], rows["label"], strict=True)):
            name = f"{number}.png" if role == "image" else f"{number}.flac"
            if role == "image":
                Image.fromarray(cell).save(folder / "media" / name)
            else:
                soundfile.write(folder / "media" / name, cell[: 1600 - number], 16000)
            writer.writerow((name, label))
    return folder


@pytest.fixture(scope="module")
def run(task, files, tiny_model, tmp_path_factory):
    """Give a finished run on the files."""
    tree = toy_tree(
        task,
        tiny_model(FAMILY[task]),
        data={
            "train": str(files / "rows.csv"),
            "media": str(files / "media"),
            "columns": {task.partition("-")[0]: "file"},
            "max_seconds": 0.1,
        },
        training={"num_train_epochs": 12},
        baselines=["majority"],
    )
    return luthier.run(tree, out=tmp_path_factory.mktemp("runs") / "run")


def test_files_are_learned(run):
    assert run.scores["fine-tuned"]["accuracy"].value > 0.8
    assert run.comparisons[0].p_adjusted < 0.05


def test_an_answer_does_not_depend_on_its_neighbours(run, files):
    answer = luthier.load(run.folder)
    paths = [str(path) for path in sorted((files / "media").iterdir())[:9]]
    together = answer(paths)
    for path, said in zip(paths, together, strict=True):
        alone = answer(path)
        assert alone["label"] == said["label"]
        assert alone["score"] == pytest.approx(said["score"], abs=1e-5)


def test_transformers_reads_the_checkpoint(run, task, files):
    plain = AUTO[task].from_pretrained(f"{run.folder}/model").eval()
    answer = luthier.load(run.folder)
    path = str(next(iter(sorted((files / "media").iterdir()))))
    codec = answer.codec
    items = codec.encode(answer.read([{task.partition("-")[0]: path}]))
    batch = codec.batch(items, np.array([0]), kind="logits").map(torch.from_numpy)
    with torch.no_grad():
        logits = plain(**batch.inputs).logits[0]
    best = plain.config.id2label[int(logits.argmax())]
    assert answer(path)["label"] == best


def test_a_file_that_is_not_there_stops_before_training(files, task, tiny_model, tmp_path):
    table = tmp_path / "rows.csv"
    lines = (files / "rows.csv").read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([*lines, "none.png,left", ",left"]) + "\n", encoding="utf-8")
    tree = toy_tree(
        task,
        tiny_model(FAMILY[task]),
        data={
            "train": str(table),
            "media": str(files / "media"),
            "columns": {task.partition("-")[0]: "file"},
        },
    )
    found = {one.code: one for one in luthier.inspect(tree).findings}
    assert found["media-not-read"].severity == found["media-missing"].severity == "error"
    assert found["media-not-read"].places[0].startswith(f"{table}:{len(lines) + 1}")
    with pytest.raises(DataError, match="cannot be used"):
        luthier.run(tree, out=tmp_path / "run")

"""A package of a third party brings what Luthier lacks, and every command works with it."""

import csv
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification

from tests.commands import in_a_new_process

pytestmark = pytest.mark.thorough
PLACE = Path(__file__).parent
RECIPE = """
model: model
task: tile-classification
data:
  train: tiles.csv
  columns: {tile: picture, label: stripes}
  split: {validation: 0.2, test: 0.4}
training:
  {num_train_epochs: 25, learning_rate: 5.0e-3, per_device_train_batch_size: 8, use_cpu: true}
evaluation: {n_resamples: 100}
"""


# A new process finds the package by its entry points.
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(PLACE), str(PLACE.parents[1] / "src")]),
    "COLUMNS": "120",
}
ASKED = (
    ("run", "recipe.yaml", "--out", "run"),
    ("predict", "run", "--file", "tiles.csv", "--out", "answers.csv"),
    ("evaluate", "run", "--data", "tiles.csv"),
    ("inspect", "recipe.yaml"),
    ("report", "run"),
    ("list", "tasks"),
    ("run", "recipe.yaml", "data.train=bad.csv", "--out", "bad"),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stranger")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = ViTConfig(**sizes, intermediate_size=32, image_size=8, patch_size=4, num_channels=1)
    ViTForImageClassification(config).save_pretrained(folder / "model")
    sys.path.insert(0, str(PLACE))
    try:
        from stranger.tile_classification import TileClassification
    finally:
        sys.path.remove(str(PLACE))
    rows = TileClassification.toy_rows()
    with (folder / "tiles.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "stripes"])
        table.writerows(zip(rows["tile"], rows["label"], strict=True))
    (folder / "bad.csv").write_text("picture,stripes\n" + "12/3,across\n45,down\n" * 30)
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def said(place):
    """Give every command; tell what each said, by its first word, and how the last was refused."""
    texts, refusal = in_a_new_process(*ASKED, cwd=place, env=ENVIRONMENT, code=2)
    told = {words[0]: text for words, text in zip(ASKED[:-1], texts[:-1], strict=True)}
    return {**told, "refused": texts[-1] + refusal}


@pytest.fixture(scope="module")
def run(place, said):
    return place / "run"


def test_the_verdict_is_in_milliseconds_and_less_is_better(run):
    scores = json.loads((run / "scores.json").read_text())
    assert scores["fine-tuned"]["lost_ms"]["value"] < scores["majority"]["lost_ms"]["value"]
    (verdict,) = json.loads((run / "comparison.json").read_text())["comparisons"]
    assert verdict["metric"] == "lost_ms"
    assert verdict["difference"] > 0
    assert " ms" in verdict["verdict"]
    assert "%" not in verdict["verdict"].replace("95 %", "")


def test_the_report_shows_its_panel_and_its_unit(run):
    page = (run / "report.html").read_text()
    assert "Tiles and their answers" in page
    assert "class='tile'" in page
    assert "time lost" in page


def test_the_checkpoint_is_plain(run):
    model = ViTForImageClassification.from_pretrained(run / "model")
    assert set(model.config.id2label.values()) == {"across", "down"}


def test_every_command_reads_the_run(said, place):
    with (place / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = sum(row["prediction"] == row["stripes"] for row in rows)
    assert len(rows) == 90
    assert right > 70
    assert "ms" in said["evaluate"]
    assert "tile-classification" in said["list"]


def test_a_cell_that_is_no_tile_is_refused_in_words(said):
    assert "A tile is 8 rows of 8 digits." in said["refused"]
    assert "Traceback" not in said["refused"]

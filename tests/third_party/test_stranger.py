"""A package of a third party brings what Luthier lacks, and every command works with it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification

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


def luthier(*words, cwd):
    """Run a command in a new process, which finds the package by its entry points."""
    path = os.pathsep.join([str(PLACE), str(PLACE.parents[1] / "src")])
    return subprocess.run(
        [sys.executable, "-m", "luthier", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
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
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def run(place):
    done = luthier("run", "recipe.yaml", "--out", "run", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
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


def test_every_command_reads_the_run(run, place):
    out = luthier("predict", "run", "--file", "tiles.csv", "--out", "answers.csv", cwd=place)
    assert out.returncode == 0, out.stdout + out.stderr
    with (place / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = sum(row["prediction"] == row["stripes"] for row in rows)
    assert len(rows) == 90
    assert right > 70
    out = luthier("evaluate", "run", "--data", "tiles.csv", cwd=place)
    assert out.returncode == 0, out.stdout + out.stderr
    assert "ms" in out.stdout
    for words in (("inspect", "recipe.yaml"), ("report", "run"), ("list", "tasks")):
        out = luthier(*words, cwd=place)
        assert out.returncode == 0, out.stdout + out.stderr
    assert "tile-classification" in out.stdout


def test_a_cell_that_is_no_tile_is_refused_in_words(place):
    (place / "bad.csv").write_text("picture,stripes\n" + "12/3,across\n45,down\n" * 30)
    out = luthier("run", "recipe.yaml", "data.train=bad.csv", "--out", "bad", cwd=place)
    assert out.returncode == 2
    assert "A tile is 8 rows of 8 digits." in out.stdout + out.stderr
    assert "Traceback" not in out.stderr

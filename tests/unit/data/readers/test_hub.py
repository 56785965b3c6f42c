"""Data sets of the `datasets` library, in memory and (not) from the hub."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError


def test_a_dataset_gives_the_names_of_its_classes():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    columns = {"text": ["a", "b", "c"], "label": [1, 0, -1]}
    dataset = datasets.Dataset.from_dict(columns, features=features)
    rows, notes = read(dataset.select([2, 0, 1]))
    assert dict(rows.columns) == {"text": ["c", "a", "b"], "label": [None, "pos", "neg"]}
    assert notes == ["memory: column label: class numbers replaced by class names"]
    with pytest.raises(DataError) as caught:
        read(datasets.DatasetDict({"train": dataset}))
    assert caught.value.hint == "pass dataset['train']"


def test_a_hub_that_cannot_be_reached_is_said_in_one_error(tmp_path):
    script = (
        "from luthier.data.readers.read import read\n"
        "from luthier.errors import DataError\n"
        "try:\n    read('hub:no-such/data-set:train')\n"
        "except DataError as error:\n    print(error.problem, '#', error.hint)\n"
    )
    offline = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=offline, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'no-such/data-set' cannot be loaded" in done.stdout
    assert "offline: data.train=FILE" in done.stdout


@pytest.mark.parametrize("name", ["../own", "/etc", "a/b/c", "a..b", "-a", "a b", "a/", "."])
def test_a_path_is_no_name_on_the_hub(name):
    with pytest.raises(DataError, match="not the name of a data set on the hub"):
        read(f"hub:{name}")


def test_a_folder_of_the_same_name_is_not_taken_for_the_hubs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews").mkdir()
    with pytest.raises(DataError, match="file or folder of that name exists here") as caught:
        read("hub:reviews")
    assert "data.train=reviews" in caught.value.hint


@pytest.mark.parametrize("name", ["pandas", "csv", "webdataset"])
def test_a_reader_of_files_is_no_data_set(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is a file reader"):
        read(f"hub:{name}")

"""Halves of surrogate pairs reach no tokenizer and no file."""

import subprocess
import sys

import pytest

import luthier
from luthier.data.readers.frames import table_in_memory
from luthier.runs.files import read_json, write_whole
from tests.toys import toy_rows, toy_tree

HALF = "caf\udce9"


def test_rows_in_memory_are_replaced():
    assert table_in_memory({"text": [HALF], "n": [1]}, name="m").columns["text"] == ["caf\ufffd"]
    records = [{"tokens": [HALF, "ok"]}]
    assert table_in_memory(records, name="m").columns["tokens"] == [["caf\ufffd", "ok"]]


def test_documents_keep_them_as_escapes(tmp_path):
    path = write_whole(tmp_path / "a.json", ['{"name": "' + HALF + '"}'])
    assert read_json(path) == {"name": HALF}


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[])
    out = tmp_path_factory.mktemp("halves") / "run"
    return luthier.run(tree, out=out, data={"train": toy_rows("text-classification")}).folder


def test_texts_that_are_answered_are_replaced(run):
    assert luthier.load(run)(HALF)[0]["label"]
    assert len(luthier.load(run)([HALF, "ok"])) == 2


@pytest.mark.parametrize("words", [["predict", "RUN", b"caf\xe9"], ["run", b"caf\xe9.yaml"]])
def test_arguments_that_are_no_text_are_refused(words, run):
    given = [word if isinstance(word, bytes) else word.replace("RUN", str(run)) for word in words]
    command = [sys.executable, "-m", "luthier", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not text in the encoding" in done.stderr
    assert r"caf\xe9" in done.stderr

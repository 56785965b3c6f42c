"""Runs without a manifest are held to what their documents say twice."""

import json
import shutil

import pytest

import luthier
from luthier.errors import RunError
from luthier.report.render import write_report
from luthier.runs import RunFolder
from luthier.runs.agreement import disagreements
from tests.seals import without_seal
from tests.torture.documents import DISAGREEMENTS, rewrite
from tests.toys import toy_rows, toy_tree

TASK = "text-classification"


@pytest.fixture(scope="module")
def old(tiny_model, tmp_path_factory):
    tree = toy_tree(TASK, tiny_model("bert"), baselines=["majority"], training={"max_steps": 2})
    out = tmp_path_factory.mktemp("finished") / "run"
    return without_seal(luthier.run(tree, out=out, data={"train": toy_rows(TASK)}).folder)


@pytest.fixture
def run(old, tmp_path):
    return RunFolder(shutil.copytree(old, tmp_path / "run"))


def test_a_whole_run_agrees(run, tmp_path):
    assert list(disagreements(run.path)) == []
    assert luthier.load(run.path)(toy_rows(TASK)["text"][0])
    assert write_report(run.path).is_file()


@pytest.mark.parametrize("name", DISAGREEMENTS)
def test_what_disagrees_is_refused_by_name(run, name):
    file, change = DISAGREEMENTS[name]
    rewrite(run.path / file, change)
    for act in (
        lambda: luthier.load(run.path),
        lambda: luthier.compare([run.path, run.path]),
    ):
        with pytest.raises(RunError) as caught:
            act()
        assert file.removeprefix("model/") in caught.value.received


def test_documents_that_runs_before_had_under_other_names_agree(run):
    (run.path / "panels.json").unlink()
    (run.path / "analysis.json").write_text(json.dumps({"kind": "single-label"}), encoding="utf-8")
    run.require_finished()

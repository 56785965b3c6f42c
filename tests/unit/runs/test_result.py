"""A finished result is verified when it is read, by each command that reads it."""

import json
import shutil

import pytest

import luthier
from luthier.declarations import Panel
from luthier.errors import RunError
from luthier.report.render import write_report
from luthier.runs import RunFolder
from luthier.runs.result import is_sealed
from luthier.runs.seals import MANIFEST
from tests.torture.damage import cut, flip
from tests.toys import toy_rows, toy_tree

TASK = "text-classification"


@pytest.fixture(scope="module")
def finished(tiny_model, tmp_path_factory):
    tree = toy_tree(TASK, tiny_model("bert"), baselines=["majority"], training={"max_steps": 2})
    out = tmp_path_factory.mktemp("finished") / "run"
    return RunFolder(luthier.run(tree, out=out, data={"train": toy_rows(TASK)}).folder)


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def sealed_files(folder):
    return sorted(json.loads((folder.path / MANIFEST).read_text("utf-8"))["files"])


def test_the_manifest_lists_the_model_the_documents_and_the_predictions(finished):
    listed = sealed_files(finished)
    for name in ("model/model.safetensors", "model/tokenizer.json", "model/config.json"):
        assert name in listed
    assert {"target.json", "scores.json", "predictions.jsonl", "recipe.yaml"} <= set(listed)
    assert not {"status.json", "report.html", "model/README.md", MANIFEST} & set(listed)


def test_an_unchanged_copy_is_read(run, tmp_path):
    assert luthier.load(run.path)(toy_rows(TASK)["text"][0])
    luthier.compare([run.path, run.path])
    assert write_report(run.path).is_file()


@pytest.mark.parametrize("damage", [flip(0.5), flip(1.0), cut(0.6)], ids=["bit", "end", "cut"])
@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]
)
def test_a_damaged_model_answers_nothing(run, name, damage, tmp_path):
    damage(run.model / name, run.model / name)
    for act in (
        lambda: luthier.load(run.path),
        lambda: luthier.evaluate(run.path, toy_rows(TASK).columns),
        lambda: luthier.export(run.path, tmp_path / "out"),
        lambda: luthier.compare([run.path, run.path]),
        lambda: write_report(run.path),
    ):
        with pytest.raises(RunError, match="damaged") as caught:
            act()
        assert name in caught.value.received


@pytest.mark.parametrize("name", ["target", "scores", "data", "comparison", "environment"])
@pytest.mark.parametrize("damage", [flip(0.4), cut(0.5)], ids=["bit", "cut"])
def test_a_damaged_document_is_named(run, name, damage):
    path = run.path / f"{name}.json"
    damage(path, path)
    for act in (
        lambda: luthier.load(run.path),
        lambda: luthier.compare([run.path, run.path]),
        lambda: write_report(run.path),
    ):
        with pytest.raises(RunError) as caught:
            act()
        assert f"{name}.json" in caught.value.received


def test_a_file_of_another_run_is_found(run, finished):
    content = (run.path / "scores.json").read_text("utf-8").replace("0.", "0.9", 1)
    (run.path / "scores.json").write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        run.require_finished()


def test_a_status_that_is_none_is_named(run):
    path = run.path / "status.json"
    path.write_text(path.read_text("utf-8").replace("finished", "finisjed"), encoding="utf-8")
    with pytest.raises(RunError) as caught:
        run.require_finished()
    assert "status.json" in caught.value.received


def test_a_missing_or_changed_manifest_is_found(run):
    (run.path / MANIFEST).write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        run.require_finished()
    (run.path / MANIFEST).unlink()
    with pytest.raises(RunError, match="damaged"):
        run.require_finished()


def test_a_run_of_a_version_without_manifests_is_read(run):
    (run.path / MANIFEST).unlink()
    run.write_json("status", {"state": "finished"})
    assert luthier.load(run.path)(toy_rows(TASK)["text"][0])


def test_labels_that_documents_name_otherwise_are_found_without_a_manifest(run):
    (run.path / MANIFEST).unlink()
    run.write_json("status", {"state": "finished"})
    target = run.read_json("target")
    run.write_json("target", {**target, "names": target["names"][::-1]})
    with pytest.raises(RunError, match="damaged"):
        luthier.load(run.path)


def test_what_is_added_to_a_finished_run_is_sealed_too(run):
    run.write_json("panels", {"panels": []})
    run.require_finished()
    assert is_sealed(run.path)


@pytest.mark.parametrize("step", ["write_whole", "renew"])
def test_a_run_is_whole_wherever_adding_to_it_is_cut_short(step, run, monkeypatch):
    """The manifest takes the old file and the new one until it lists the new one alone."""
    before = run.read_json("panels")

    def cut_short(*given, **named):
        if step == "write_whole":
            named["before"](given[0])  # the manifest knows what comes, and it does not come
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"luthier.runs.folder.{step}", cut_short)
        with pytest.raises(KeyboardInterrupt):
            run.add_panels([Panel("words", "Words", {"rows": []})])
    kept = run.require_finished().read_json("panels")
    assert len(kept["panels"]) == len(before["panels"]) + (step == "renew")
    run.add_panels([Panel("words", "Words", {"rows": [1]})])
    assert run.require_finished().read_json("panels")["panels"][0]["data"] == {"rows": [1]}
    (run.path / "panels.json").write_text(json.dumps(before), "utf-8")
    with pytest.raises(RunError, match="damaged"):
        run.require_finished()

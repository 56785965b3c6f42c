"""A run writes all that it promises, and leaves its reason where it fails."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import luthier
from luthier.errors import DataError, LuthierError, ModelError, RecipeError
from luthier.evaluation.check_names import check_metric
from luthier.records import Rows
from luthier.runs import RunFolder
from tests.toys import FAMILY, toy_problem, toy_rows, toy_tree, write_csv
from tests.unit.report.fake_run import panel

PROMISED = (
    "recipe.yaml",
    "data.json",
    "events.jsonl",
    "predictions.jsonl",
    "scores.json",
    "comparison.json",
    "panels.json",
    "environment.json",
    "target.json",
    "report.html",
    "model/config.json",
    "model/model.safetensors",
    "model/README.md",
)


@pytest.fixture
def run(tiny_model, tmp_path):
    """Run a toy recipe."""

    def make(task="text-classification", data=None, out="run", listeners=(), **sections):
        if "recipe_data" in sections:
            sections["data"] = sections.pop("recipe_data")
        tree = toy_tree(task, tiny_model("bert"), **sections)
        rows = {"train": toy_rows(task)} if data is None else data
        return luthier.run(tree, out=tmp_path / out, data=rows, listeners=listeners)

    return make


def test_a_run_writes_what_it_promises(run):
    result = run()
    folder = RunFolder.open(result.folder)
    assert folder.state()["state"] == "finished"
    assert [name for name in PROMISED if not (folder.path / name).is_file()] == []
    scores = folder.read_json("scores")
    assert list(scores) == [
        "fine-tuned",
        "majority",
        "tfidf-linear",
        "frozen-encoder",
        "from-scratch",
    ]
    assert set(scores["majority"]["accuracy"]) == {"value", "low", "high", "n"}
    lines = list(folder.read_predictions())
    assert len(lines) == scores["majority"]["accuracy"]["n"] == 27
    assert set(lines[0]["predictions"]) == set(scores)
    right = [line["predictions"]["fine-tuned"]["answer"] == line["gold"] for line in lines]
    assert np.mean(right) == pytest.approx(scores["fine-tuned"]["accuracy"]["value"])
    assert len(result.comparisons) == 4


def test_every_step_is_heard(run):
    heard = []
    run(baselines=["majority"], listeners=[heard.append])
    phases = list(dict.fromkeys(info.phase for info in heard))
    assert phases[:2] == ["checking the data", "fine-tuning"]
    assert "baseline majority" in phases
    assert any(info.loss is not None for info in heard)


def test_frames_and_files_give_the_same_run(run, tiny_model, tmp_path):
    rows = toy_rows("text-classification")
    path = write_csv(rows, tmp_path / "rows.csv")
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[])
    tree["data"]["train"] = str(path)
    from_file = luthier.run(tree, out=tmp_path / "file")
    frame = pd.DataFrame({name: list(values) for name, values in rows.columns.items()})
    from_frame = run(baselines=[], data={"train": frame}, out="frame")
    assert from_file.scores == from_frame.scores


def test_a_run_without_baselines_has_no_verdict(run):
    assert run(baselines=[]).comparisons == ()


def test_columns_to_slice_by_are_scored(run, tmp_path):
    rows = toy_rows("text-classification")
    columns = {**rows.columns, "place": ["north" if n % 2 else "south" for n in range(len(rows))]}
    run(
        baselines=[],
        data={"train": pd.DataFrame(columns)},
        evaluation={"n_resamples": 100, "slices": ["place"]},
    )
    slices = panel(tmp_path / "run", "slices")
    assert {"north", "south"} <= {one["value"] for one in slices if one["by"] == "place"}


def test_rows_without_a_label_are_left_out_and_told(run, tmp_path):
    rows = toy_rows("text-classification")
    labels = [None if n == 4 else label for n, label in enumerate(rows["label"])]
    run(baselines=[], data={"train": pd.DataFrame({**rows.columns, "label": labels})})
    data = RunFolder(tmp_path / "run").read_json("data")
    assert sum(split["rows"] for split in data["splits"].values()) == len(rows) - 1
    (told,) = [one for one in data["findings"] if one["code"] == "without-answer"]
    assert told["message"] == "1 row without label dropped."
    assert told["places"] == ["memory:5:label"]


def test_leaked_rows_are_told_and_dropped_when_asked(run, tmp_path):
    rows = Rows.of(toy_rows("text-classification").columns)  # in memory, so of no file's lines
    given = {"train": rows, "test": rows.take(range(30))}
    found = {}
    for drop in (False, True):
        run(
            baselines=[],
            data=given,
            out=f"drop-{drop}",
            training={"max_steps": 2},
            **({"recipe_data": {"drop_leaks": True}} if drop else {}),
        )
        data = RunFolder(tmp_path / f"drop-{drop}").read_json("data")
        (leak,) = [f for f in data["findings"] if f["code"] == "duplicate-across-splits"]
        n_kept = data["splits"]["train"]["rows"] + data["splits"]["validation"]["rows"]
        found[drop] = leak["severity"], n_kept
    assert found == {False: ("warning", 90), True: ("note", 60)}


@pytest.mark.parametrize(
    ("sections", "error", "told"),
    [
        ({"training": {"metric_for_best_model": "f1"}}, RecipeError, "no metric called 'f1'"),
        ({"evaluation": {"slices": ["nowhere"]}}, RecipeError, "no column 'nowhere'"),
        ({"training": {"optim": "adamm"}}, RecipeError, "training section"),
        ({"model": {"drop_top": 7}}, LuthierError, "2 layers"),
        ({"recipe_data": {"max_tokens": 4096}}, LuthierError, "reads at most"),
    ],
)
def test_what_cannot_work_is_told_before_training(run, sections, error, told):
    heard = []
    with pytest.raises(error, match=told):
        run(listeners=[heard.append], **sections)
    assert not any(info.phase == "fine-tuning" for info in heard)


def test_a_failed_run_leaves_its_reason_and_a_report(run, tmp_path):
    def stop(info):
        if info.n_steps > 0:
            raise DataError("A label is wrong.", hint="data.columns.label=stars")

    with pytest.raises(DataError):
        run(listeners=[stop])
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["state"] == "failed"
    assert "label" in status["reason"]
    assert "data.columns.label" in status["hint"]
    assert "label" in (tmp_path / "run" / "report.html").read_text()
    with pytest.raises(LuthierError, match="did not finish"):
        luthier.load(tmp_path / "run")


@pytest.fixture
def refused(tiny_model, tmp_path, monkeypatch):
    """Start a run whose rows have no labels."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"text": ["a", "b"] * 40, "stars": [1, 2] * 40})
    tree = toy_tree("text-classification", tiny_model("bert"), data={"train": frame})

    def start(**options):
        with pytest.raises(DataError, match="label"):
            luthier.run(tree, **options)

    return start


@pytest.mark.parametrize("place", [{}, {"out": "deep/er/run"}, {"name": "mine", "fresh": True}])
def test_a_run_that_is_refused_leaves_nothing(refused, tmp_path, place):
    refused(**place)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_run_leaves_the_folders_of_others(refused, tmp_path):
    (tmp_path / "runs" / "other").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    refused()
    refused(out="own")
    assert {path.name for path in tmp_path.rglob("*")} == {"runs", "other", "own"}


def test_a_refused_run_leaves_what_was_begun_before(refused, run, tmp_path):
    def stop(info):
        if info.n_steps > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(listeners=[stop])
    before = {path.name for path in (tmp_path / "run").iterdir()}
    refused(out="run")
    assert before <= {path.name for path in (tmp_path / "run").iterdir()}


@pytest.mark.parametrize("task", ["translation", "multiple-choice"])
def test_windows_are_refused_where_they_could_not_be_put_together(task, tiny_model, tmp_path):
    tree = toy_tree(task, tiny_model(FAMILY.get(task, "bert")), data={"long_texts": "windows"})
    with pytest.raises(RecipeError, match="not windows"):
        luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(task)})


def test_the_verdict_follows_what_is_judged_and_the_curves_what_is_watched(tiny_model, tmp_path):
    tree = toy_tree(
        "translation",
        tiny_model("t5"),
        baselines=["copy-source"],
        training={"max_steps": 2, "use_cpu": True},
    )
    done = luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows("translation")})
    told = RunFolder.open(done.folder).read_json("comparison")
    assert (told["main_metric"], told["validation_metric"]) == ("chrf", "perplexity")
    assert done.comparisons[0].metric == "chrf"


def test_unsafe_files_of_a_model_stay_unopened_and_the_run_says_so(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model("bert"), folder)
    (folder / "modeling_own.py").write_text("raise SystemExit('it ran')")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "modeling_own.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    rows = {"train": toy_rows("text-classification")}
    tree = toy_tree("text-classification", folder, baselines=[])
    with pytest.raises(ModelError, match="could run code"):
        luthier.run(tree, out=tmp_path / "refused", data=rows)
    tree["model"] = {"name": str(folder), "ignore_unsafe_files": True}
    result = luthier.run(tree, out=tmp_path / "run", data=rows)
    run = RunFolder.open(result.folder)
    reading = "; ".join(run.read_json("data")["reading"])
    assert "modeling_own.py (code) was left unopened" in reading
    assert "config.json (auto_map) was left unopened" in reading
    assert "modeling_own.py" in run.report.read_text(encoding="utf-8")
    assert "auto_map" not in (run.model / "config.json").read_text()
    assert luthier.load(run.path)("a good day")


def test_a_main_metric_that_nobody_declares_is_refused_before_training(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"))
    prepared.job.problem.codec.task.main_metric = "tokens_per_joule"
    with pytest.raises(LuthierError, match="which direction is better is not declared"):
        check_metric(prepared.job)

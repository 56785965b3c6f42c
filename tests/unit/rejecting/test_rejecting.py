"""Texts that fit no label: set aside, told by a rule of the validation rows, and answered so."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import ArgumentError, DataError, RecipeError, RunError
from luthier.records import Rows
from luthier.rejecting.fit import Scored, fit
from luthier.rejecting.held import in_place_of
from luthier.rejection import AUTO, MARGIN, PROBABILITY, UNSURE
from luthier.runs import RunFolder
from luthier.serving.worker import opened
from tests.toys import toy_rows, toy_tree

OTHER = "none of these"


def rows_with_others():
    """Give the toy topics and, of the same words, texts of other topics."""
    rows = toy_rows("text-classification")
    texts, labels = list(rows["text"]), list(rows["label"])
    for n in range(40):
        word = ("yes", "who", "tea", "no")[n % 4]
        texts.append(f"{word} {word} and {word} of {n}?")
        labels.append(OTHER)
    return Rows.of({"text": texts, "label": labels})


def tree_of(model, reject, **sections):
    return toy_tree(
        "text-classification",
        model,
        evaluation={"reject": reject},
        baselines=["majority"],
        training={"num_train_epochs": 6},
        data={"split": {"validation": 0.3, "test": 0.3}, "ignore_findings": ["near-duplicates"]},
        **sections,
    )


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    """Train with rows that fit no label."""
    out = tmp_path_factory.mktemp("reject") / "run"
    tree = tree_of(tiny_model("bert"), OTHER)
    return luthier.run(tree, out=out, data={"train": rows_with_others()})


@pytest.fixture(scope="module")
def auto(tiny_model, tmp_path_factory):
    """Train without such rows."""
    out = tmp_path_factory.mktemp("auto") / "run"
    tree = tree_of(tiny_model("bert"), AUTO)
    return luthier.run(tree, out=out, data={"train": toy_rows("text-classification")})


def test_such_rows_are_neither_learned_nor_counted_among_the_labels(run):
    folder = RunFolder.open(run.folder).require_finished()
    assert OTHER not in folder.target().names
    data = folder.read_json("data")
    assert all(OTHER not in one["labels"] for one in data["splits"].values())
    assert data["no label test"]["rows"] == 12
    assert any("are not learned" in note for note in data["reading"])
    assert len(list(folder.read_predictions())) == data["splits"]["test"]["rows"]


def test_the_rule_is_kept_and_judged_with_intervals(run):
    folder = RunFolder.open(run.folder)
    kept, found = folder.target().rejection, folder.read_json("rejection")
    assert kept.label == OTHER
    assert kept.chosen == found["chosen"]
    assert set(kept.rules) == {"max-probability", "energy", "margin", "class-distance"}
    assert (found["n_test"], found["n_outside"]) == (27 + 12, 12)
    for one in found["test"].values():
        n_of = {name: metric["n"] for name, metric in one["metrics"].items()}
        assert (n_of["auroc"], n_of["coverage"]) == (39, 27)
        assert n_of["answered_accuracy"] <= 39
        for metric in one["metrics"].values():
            assert metric["low"] <= metric["value"] <= metric["high"]
    assert "less_baseline" in found["test"][found["chosen"]]
    page = folder.report.read_text()
    assert "Texts that fit no label" in page
    assert "Risk by coverage" in page


def test_a_changed_rule_is_seen(run, tmp_path):
    import shutil

    copy = shutil.copytree(run.folder, tmp_path / "copy")
    path = copy / "target.json"
    content = json.loads(path.read_text())
    content["rejection"]["label"] = "changed"
    path.write_text(json.dumps(content))
    with pytest.raises(RunError):
        luthier.load(copy)


def test_answers_follow_the_rule(run):
    predictor = luthier.load(run.folder)
    rows = rows_with_others()
    answers = predictor(list(rows["text"]))
    rule = predictor.target.rejection
    said = [one["label"] for one in answers]
    assert {OTHER} < set(said) <= {*predictor.target.names, OTHER}
    for one in answers:
        assert ("instead_of" in one) == (one["label"] == OTHER)
    listed = predictor(rows["text"][said.index(OTHER)], top_k=None)
    assert listed[0]["label"] == OTHER
    assert len(listed) == 1 + len(predictor.target.names)
    alone = luthier.load(RunFolder(run.folder).model)  # the model's folder alone has the rule too
    assert [one["label"] for one in alone(list(rows["text"]))] == said
    assert alone.target.rejection == rule


def test_no_answer_is_surer_than_validation_shows(auto):
    predictor = luthier.load(auto.folder, min_precision=0.5)
    held = predictor.held
    steps = predictor.target.rejection.rules[held.score].steps
    chosen = next(one for one in steps if one.threshold == held.sure_from)
    assert chosen.low >= 0.5
    assert all(one.low < 0.5 for one in steps if one.n_answered > chosen.n_answered)
    answers = predictor(list(toy_rows("text-classification")["text"]))
    plain = luthier.load(auto.folder)(list(toy_rows("text-classification")["text"]))
    assert sum(one["label"] == UNSURE for one in answers) >= sum(
        one["label"] == UNSURE for one in plain
    )


def test_a_precision_that_cannot_be_shown_is_refused_with_what_can(auto):
    with pytest.raises(RunError, match=r"cannot show a precision of 0\.999") as refused:
        luthier.load(auto.folder, min_precision=0.999)
    assert "lower end of the 95% interval" in refused.value.received
    for wrong in (0, 1, 1.5, -1):
        with pytest.raises(ArgumentError):
            luthier.load(auto.folder, min_precision=wrong)


def test_a_run_without_a_rule_says_how_to_get_one(tiny_model, tmp_path):
    tree = tree_of(tiny_model("bert"), None) | {"method": "prototypes"}
    done = luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows("text-classification")})
    assert RunFolder(done.folder).target().rejection is None
    assert not (tmp_path / "run" / "rejection.json").exists()
    said = CliRunner().invoke(app, ["predict", done.folder, "rain", "--min-precision", "0.9"])
    assert said.exit_code == 2
    assert "evaluation.reject=auto" in said.output


def test_the_command_line_and_the_server_answer_alike(auto, tmp_path):
    texts = list(toy_rows("text-classification")["text"])[:20]
    ours = [one["label"] for one in luthier.load(auto.folder, min_precision=0.5)(texts)]
    said = CliRunner().invoke(
        app, ["predict", auto.folder, *texts, "--min-precision", "0.5", "--json"]
    )
    assert said.exit_code == 0, said.output
    lines = [line for line in said.output.splitlines() if line.startswith("{")]
    assert [json.loads(line)["label"] for line in lines] == ours
    served = opened({"folder": auto.folder, "min_precision": 0.5})
    answers = list(served.answer_each([{"text": one} for one in texts], [{}] * len(texts)))
    assert [one["label"] for one in answers] == ours
    (tmp_path / "in.csv").write_text("text\n" + "\n".join(f'"{one}"' for one in texts) + "\n")
    wrote = CliRunner().invoke(
        app,
        [
            *("predict", auto.folder, "--file", str(tmp_path / "in.csv")),
            *("--out", str(tmp_path / "out.csv"), "--min-precision", "0.5"),
        ],
    )
    assert wrote.exit_code == 0, wrote.output
    assert [
        line.split(",")[-2] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]
    ] == ours


def test_what_cannot_be_judged_is_told(tiny_model, tmp_path):
    tree = tree_of(tiny_model("bert"), "nothing like it")
    with pytest.raises(DataError, match="No validation row has the label"):
        luthier.run(tree, out=tmp_path / "a", data={"train": rows_with_others()})
    tree = tree_of(tiny_model("bert"), AUTO)
    tree["data"]["split"]["validation"] = 0
    with pytest.raises(DataError, match="validation rows"):
        luthier.run(tree, out=tmp_path / "b", data={"train": toy_rows("text-classification")})
    regression = toy_tree("text-regression", tiny_model("bert"), evaluation={"reject": AUTO})
    regression["data"]["train"] = "rows.csv"
    with pytest.raises(RecipeError, match="one label for each text"):
        luthier.run(regression)


def test_the_score_that_tells_best_on_validation_is_chosen():
    inside = np.array([True] * 30 + [False] * 20)
    good, bad = np.linspace(1, 0, 50), np.tile([0.3, 0.7], 25)
    validation = Scored({PROBABILITY: bad, MARGIN: good}, inside, inside)
    assert fit(validation, "other", confidence=0.95).chosen == MARGIN
    same = Scored({PROBABILITY: good, MARGIN: good}, inside, inside)
    assert fit(same, "other", confidence=0.95).chosen == PROBABILITY
    alone = Scored({PROBABILITY: good, MARGIN: bad}, np.ones(50, dtype=bool), inside)
    made = fit(alone, AUTO, confidence=0.95)
    assert (made.label, made.chosen) == (UNSURE, PROBABILITY)
    assert (good >= made.rules[PROBABILITY].threshold).mean() == pytest.approx(0.94, abs=0.03)


def test_held_back_answers_say_what_they_stand_for():
    answer = {"label": "rain", "score": 0.4}
    assert in_place_of(answer, None) == answer
    assert in_place_of(answer, UNSURE) == {"label": UNSURE, "score": 0.4, "instead_of": "rain"}
    assert in_place_of([answer], UNSURE)[1] == answer

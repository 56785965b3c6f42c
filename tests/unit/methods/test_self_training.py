"""Self-training: which answers are learned, how, when it stops, and what it is compared with."""

import numpy as np
import pytest

import luthier
from luthier.errors import DataError, LuthierError, RecipeError
from luthier.job import Problem
from luthier.methods.self_training import ALONE, SelfTraining
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.training.listeners import follow
from luthier.training.pseudo_labels import (
    choose,
    classes_of,
    confidence_of,
    probabilities,
    temperature_of,
)
from tests.torture.trial import file_hash
from tests.toys import (
    given_for,
    toy_problem,
    toy_rows,
    toy_tree,
    unlabelled_rows,
    write_csv,
)

TASK = "text-classification"
NAME = "self-training"


def tree(tiny_model, **sections):
    options = {"threshold": 0.3, **sections.pop("options_of_method", {})}
    method = {"name": NAME, "options": options}
    sections = {"method": method, "baselines": ["majority"]} | sections
    return toy_tree(sections.pop("task", TASK), tiny_model("bert"), **sections)


def fit(tiny_model, task=TASK, **options):
    """Train on toy rows; give the method, the steps, and the job of every round."""
    training = {"num_train_epochs": 4, "use_cpu": True}
    job = toy_problem(task, tiny_model("bert"), training=training)[1].job
    method = SelfTraining(SelfTraining.Options(**{"threshold": 0.3, **options}))
    steps, jobs, train = [], [], method.base.fit

    def watched(model, job):
        jobs.append(job)
        return train(model, job)

    method.base.fit = watched
    model = follow(method.fit(job.session.make_model(True), job), steps.append)
    return method, steps, jobs, model


def test_no_class_swallows_all_and_the_surest_come_first():
    random = np.random.default_rng(0)
    classes = np.array([0] * 900 + [1] * 50)
    confidence = np.concatenate([random.uniform(0.9, 1, 900), random.uniform(0.9, 1, 50)])
    chosen = choose(confidence, classes, np.array([10, 10]), 0.9)
    counts = np.bincount(classes[chosen])
    assert counts.tolist() == [100, 50]
    least = confidence[chosen][classes[chosen] == 0].min()
    assert (confidence[:900] >= least).sum() == 100


def test_quotas_follow_the_shares_of_the_training_rows():
    classes = np.repeat([0, 1], 500)
    chosen = choose(np.full(1000, 0.95), classes, np.array([90, 10]), 0.9)
    counts = np.bincount(classes[chosen])
    assert counts[0] == 500
    assert counts[1] == pytest.approx(2 * 500 / 9, abs=2)


def test_nothing_is_chosen_below_the_threshold():
    classes = np.array([0, 1, 0])
    assert len(choose(np.array([0.5, 0.6, 0.7]), classes, np.array([1, 1]), 0.9)) == 0
    assert choose(np.array([0.5, 0.95, 0.7]), classes, np.array([1, 1]), 0.9).tolist() == [1]


def test_a_class_without_sure_answers_stops_no_other():
    chosen = choose(np.full(6, 0.95), np.zeros(6, int), np.array([2, 2]), 0.9)
    assert len(chosen) == 6


def test_a_teacher_that_is_too_sure_is_calmed_by_validation_rows():
    random = np.random.default_rng(0)
    gold = random.integers(0, 3, 200)
    outputs = 9.0 * np.eye(3)[np.where(random.random(200) < 0.7, gold, (gold + 1) % 3)]
    temperature = temperature_of(outputs, gold, kind="single-label")
    calm = probabilities(outputs, temperature, kind="single-label")
    right = np.mean(outputs.argmax(axis=1) == gold)
    assert calm.max(axis=1).mean() == pytest.approx(right, abs=0.01)
    assert temperature_of(outputs[:10], gold[:10], kind="single-label") == 1.0
    modest = 0.01 * np.eye(3)[gold]
    assert temperature_of(modest, gold, kind="single-label") == pytest.approx(0.5, abs=0.01)


def test_several_labels_count_as_the_rarest_and_as_sure_as_the_least_sure():
    shares = np.array([[0.9, 0.8, 0.1], [0.2, 0.1, 0.1], [0.9, 0.4, 0.05]])
    counts = np.array([50, 5, 20])
    assert classes_of(shares, kind="multi-label", counts=counts).tolist() == [1, 3, 0]
    assert confidence_of(shares, kind="multi-label").tolist() == [0.8, 0.8, 0.6]


def test_a_round_learns_soft_labels_and_repeats_labelled_rows(tiny_model):
    _, steps, jobs, _ = fit(tiny_model, rounds=2)
    first, second = jobs[0].problem, jobs[1].problem
    items, n_train = second.items["train"], len(first.splits.train)
    weights, targets = items.weights, items.target_array
    labelled = weights == 1.0
    assert labelled.sum() % n_train == 0
    assert set(targets[labelled].max(axis=1)) == {1.0}
    assert set(weights[~labelled]) == {0.5}  # of 1.0, in the first of two rounds
    assert targets[~labelled].max() < 1
    assert targets.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert {step.phase for step in steps} >= {
        "fine-tuning",
        "asking the teacher of round 1",
        "self-training round 1",
    }


def test_validation_and_test_rows_are_those_of_every_round(tiny_model):
    _, _, jobs, _ = fit(tiny_model)
    for split in ("validation", "test"):
        assert jobs[1].problem.items[split] is jobs[0].problem.items[split]
    judged = {*jobs[0].problem.splits.test["text"], *jobs[0].problem.splits.validation["text"]}
    assert not judged & {*jobs[0].problem.unlabelled["text"]}


def test_the_first_round_is_the_training_without_unlabelled_rows(tiny_model, tmp_path):
    with_them = luthier.run(tree(tiny_model), out=tmp_path / "a", data=given_for(NAME, TASK))
    alone = tree(tiny_model, method={"name": "full"})
    without = luthier.run(alone, out=tmp_path / "b", data={"train": toy_rows(TASK)})
    assert with_them.scores[ALONE] == without.scores["fine-tuned"]
    pairs = {one.baseline for one in with_them.comparisons}
    assert pairs == {ALONE, "majority"}


@pytest.mark.parametrize("scores", [[0.5, 0.4, 0.9], [0.5, 0.7, 0.6], [0.5, 0.6, 0.7]])
def test_it_stops_where_validation_falls_and_keeps_the_best_round(tiny_model, monkeypatch, scores):
    left = list(scores)
    monkeypatch.setattr(
        "luthier.training.predict.validation_outputs", lambda model, job: np.zeros((1, 3))
    )
    monkeypatch.setattr(
        Problem, "validation_scores", lambda self, outputs: {"accuracy": left.pop(0)}
    )
    monkeypatch.setattr(
        "luthier.training.evaluations.evaluate", lambda model, job: {"accuracy": 0.5}
    )
    _, steps, jobs, _ = fit(tiny_model, rounds=2)
    told = [step.message for step in steps if step.is_lasting][-1]
    n_rounds = {0.4: 1, 0.7: 2, 0.6: 2}[scores[1]]
    assert len(jobs) == 1 + n_rounds
    kept = {
        0.4: "the labelled rows alone is kept",
        0.7: "round 1 was kept",
        0.6: "round 2 was kept",
    }
    assert kept[scores[1]] in told


def test_a_run_without_gain_says_so(tiny_model, tmp_path):
    found = luthier.run(tree(tiny_model), out=tmp_path / "run", data=given_for(NAME, TASK))
    (told,) = [one for one in found.told if "brought no gain that shows" in one]
    assert "The unlabelled rows" in told
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "brought no gain that shows" in page
    assert ALONE in page
    assert "Self-training, round 1" in page


def test_nothing_sure_enough_ends_it_with_the_surest(tiny_model):
    _, steps, jobs, _ = fit(tiny_model, threshold=0.999)
    assert len(jobs) == 1
    assert any("the surest has 0." in (step.message or "") for step in steps)


def test_unlabelled_rows_of_the_test_set_are_left_out_and_told(tiny_model, tmp_path):
    rows = toy_rows(TASK)
    texts = [*rows["text"], *unlabelled_rows(TASK)["text"]]
    more = Rows.of({"text": texts, "label": ["a label that is not read"] * len(texts)})
    found = luthier.run(
        tree(tiny_model), out=tmp_path / "run", data={"train": rows, "unlabelled": more}
    )
    (finding,) = [one for one in found.findings if one.code == "unlabelled-in-test"]
    splits = RunFolder(tmp_path / "run").read_json("data")
    judged = splits["splits"]["test"]["rows"] + splits["splits"]["validation"]["rows"]
    assert finding.count == judged
    assert splits["unlabelled"]["rows"] == len(texts) - len(rows)


def test_without_validation_rows_one_round_is_trained_and_said_to_be_unguarded(
    tiny_model, tmp_path
):
    without = tree(tiny_model, data={"split": {"validation": 0, "test": 0.3}})
    found = luthier.run(without, out=tmp_path / "run", data=given_for(NAME, TASK))
    assert any("nothing calibrated the answers, one round" in one for one in found.told)
    phases = {event["phase"] for event in RunFolder(tmp_path / "run").events.read()}
    assert "self-training round 1" in phases
    assert "self-training round 2" not in phases


@pytest.mark.parametrize("phase", ["fine-tuning", "self-training round 1", "self-training round 2"])
def test_it_goes_on_to_the_same_weights(tiny_model, tmp_path, phase):
    training = {"num_train_epochs": 4, "save_strategy": "steps", "save_steps": 3}
    recipe = tree(tiny_model, training=training, options_of_method={"rounds": 2, "base": "lora"})
    reached = []

    def stop(info):
        if info.phase == phase and info.step == 5:
            reached.append(phase)
            raise Interrupted("Stopped.")

    given = given_for(NAME, TASK)
    luthier.run(recipe, out=tmp_path / "whole", data=given)
    phases = {event["phase"] for event in RunFolder(tmp_path / "whole").events.read()}
    if phase not in phases:
        pytest.skip("validation fell before")
    with pytest.raises(Interrupted):
        luthier.run(recipe, out=tmp_path / "cut", data=given, listeners=[stop])
    luthier.run(recipe, out=tmp_path / "cut", data=given)
    assert reached == [phase]
    models = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "cut")]
    assert file_hash(models[0]) == file_hash(models[1])
    whole, cut = (RunFolder(tmp_path / name).read_json("scores") for name in ("whole", "cut"))
    assert whole == cut


def test_other_unlabelled_rows_are_not_gone_on_with(tiny_model, tmp_path):
    recipe = tree(tiny_model, training={"save_strategy": "steps", "save_steps": 3})

    def stop(info):
        if info.phase == "fine-tuning" and info.step == 5:
            raise Interrupted("Stopped.")

    given = given_for(NAME, TASK)
    with pytest.raises(Interrupted):
        luthier.run(recipe, out=tmp_path / "cut", data=given, listeners=[stop])
    other = {**given, "unlabelled": given["unlabelled"].take([0, 1, 2])}
    with pytest.raises(LuthierError, match="changed"):
        luthier.run(recipe, out=tmp_path / "cut", data=other)


def test_what_it_cannot_do_is_refused(tiny_model, tmp_path):
    rows = {"train": toy_rows(TASK)}
    with pytest.raises(RecipeError, match="unlabelled") as caught:
        luthier.run(tree(tiny_model), out=tmp_path / "a", data=rows)
    assert "data.unlabelled=FILE" in str(caught.value)
    plain = toy_tree(TASK, tiny_model("bert"))
    with pytest.raises(RecipeError, match="labelled rows alone"):
        luthier.run(plain, out=tmp_path / "a", data=given_for(NAME, TASK))
    given = given_for(NAME, "text-regression")
    with pytest.raises(RecipeError, match="cannot learn text-regression"):
        luthier.run(tree(tiny_model, task="text-regression"), out=tmp_path / "a", data=given)
    with pytest.raises(RecipeError, match="engine tensorflow"):
        luthier.run(
            tree(tiny_model, engine="tensorflow"), out=tmp_path / "a", data=given_for(NAME, TASK)
        )
    with pytest.raises(RecipeError, match="'knn' cannot train the rounds; one of: full"):
        read_recipe(
            tree(tiny_model, options_of_method={"base": "knn"}, data={"unlabelled": "more.csv"})
        )
    same = {"train": toy_rows(TASK), "unlabelled": toy_rows(TASK)}
    with pytest.raises(DataError, match="No unlabelled row is left"):
        luthier.run(tree(tiny_model), out=tmp_path / "a", data=same)


def test_a_file_of_unlabelled_rows_is_named_in_the_recipe(tiny_model, tmp_path):
    path = tmp_path / "more.csv"
    texts = unlabelled_rows(TASK)["text"]
    path.write_bytes(b"\xef\xbb\xbf" + ("review\r\n" + "\r\n".join(texts) + "\r\n").encode())
    train = tmp_path / "train.csv"
    rows = toy_rows(TASK)
    write_csv(Rows.of({"review": rows["text"], "stars": rows["label"]}), train)
    recipe = tree(tiny_model)
    recipe["data"] |= {
        "train": str(train),
        "unlabelled": str(path),
        "columns": {"text": "review", "label": "stars"},
    }
    assert read_recipe(recipe).data.unlabelled == str(path)
    luthier.run(recipe, out=tmp_path / "run")
    described = RunFolder(tmp_path / "run").read_json("data")
    assert described["unlabelled"]["rows"] == len(texts)
    recipe["data"]["columns"]["text"] = "wrong"
    with pytest.raises(LuthierError, match="wrong"):
        luthier.run(recipe, out=tmp_path / "other")

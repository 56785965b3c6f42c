"""Studies from the command line: every cell a run folder, gone on with, and a page at the end."""

import json
import re

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import DataError, RecipeError, RunError
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.studies.ladder import parse_shots, plan_ladder
from luthier.studies.runner import run_trials
from luthier.studies.seeds import plan_seeds
from tests.toys import toy_rows, write_csv

LADDER = ["--methods", "linear-probe,prototypes", "--shots", "2,4,full", "--seeds", "2", "-q"]


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    """Write the toy topics and a recipe for them."""
    folder = tmp_path_factory.mktemp("study")
    rows = toy_rows("text-classification")
    columns = {name: list(values) * 2 for name, values in rows.columns.items()}
    columns["text"] = [f"{text} {n % 89}" for n, text in enumerate(columns["text"])]
    write_csv(Rows.of(columns), folder / "topics.csv")
    path = folder / "topics.yaml"
    path.write_text(
        f"model: {tiny_model('bert')}\n"
        "task: text-classification\n"
        "data: {train: topics.csv, split: {test: 60}, ignore_findings: [near-duplicates]}\n"
        "training: {num_train_epochs: 1, learning_rate: 1.0e-2}\n"
        "evaluation: {n_resamples: 100}\n",
        encoding="utf-8",
    )
    return path


def ask(*words):
    """Call the command line."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def study(recipe, tmp_path_factory):
    """Run a whole ladder."""
    out = tmp_path_factory.mktemp("ladder") / "out"
    said = ask("ladder", recipe, *LADDER, "--min-steps", "5", "--out", out)
    assert said.exit_code == 0, said.output
    return out, said.output


def test_every_cell_is_a_run_folder(study):
    out, _ = study
    cells = sorted((out / "cells").iterdir())
    assert len(cells) == 2 * 3 * 2
    for cell in cells:
        folder = RunFolder.open(cell).require_finished()
        assert folder.report.is_file()
        assert not folder.model.exists()  # weights are kept on demand alone


def test_all_methods_saw_the_same_rows_and_the_same_test(study):
    out, _ = study
    for level in ("2", "4", "full"):
        for seed in (0, 1):
            prints = [
                json.loads(
                    (out / "cells" / f"{method}-{level}-seed{seed}" / "data.json").read_text()
                )
                for method in ("linear-probe", "prototypes")
            ]
            ours, theirs = (
                {name: one["sha256"] for name, one in found["splits"].items()} for found in prints
            )
            assert ours == theirs
            assert prints[0]["splits"]["validation"]["rows"] == 0
            if level != "full":
                assert set(prints[0]["splits"]["train"]["labels"].values()) == {int(level)}
    tests = {
        json.loads(path.read_text())["splits"]["test"]["sha256"]
        for path in out.glob("cells/*/data.json")
    }
    assert len(tests) == 1


def test_it_ends_with_a_figure_a_table_tests_and_a_sentence(study):
    out, said = study
    found = json.loads((out / "study.json").read_text())
    assert found["levels"] == ["2", "4", "full"]
    assert set(found["arms"]) == {"linear-probe", "prototypes", "majority", "tfidf-linear"}
    for one in found["lines"]:
        score = one["score"]
        assert score["low"] <= score["mean"] <= score["high"]
        assert score["n_seeds"] == 2
    trained = {one["arm"]: one["costs"]["trained"] for one in found["lines"]}
    assert 0 < trained["linear-probe"] < 1000
    assert len(found["pairs"]) == 3 * 6
    assert all(pair["p_adjusted"] >= pair["difference"]["p_value"] for pair in found["pairs"])
    page = (out / "report.html").read_text()
    assert "<polyline" in page
    assert "script" not in page
    assert found["sentences"][0] in said
    assert found["sentences"][0] in page.replace("&#39;", "'")
    assert re.search("is (best|ahead)", found["sentences"][0])


def test_a_metric_that_a_task_lacks_is_answered_with_the_nearest(study):
    out, _ = study
    cells = sorted(path for path in (out / "cells").iterdir())[:2]
    said = ask("compare", *cells, "--metric", "accuarcy")
    assert said.exit_code == 2
    assert "did you mean 'accuracy'?" in said.stderr


def test_a_ladder_judges_the_baselines_of_its_recipe(recipe):
    asked = "baselines=[most-frequent-tag]"
    with pytest.raises(RecipeError, match="does not fit"):
        read_recipe(recipe, [asked])
    options = {"methods": ["full", "lora"], "shots": ["2"], "seeds": [0], "min_steps": 1}
    plan = plan_ladder(read_recipe(recipe, ["baselines=[frozen-encoder]"]), **options)
    judged = [[one.name for one in trial.recipe.baselines] for trial in plan.trials]
    assert judged == [["frozen-encoder"], []]
    plan = plan_ladder(read_recipe(recipe, ["baselines=[]"]), **options)
    assert [trial.recipe.baselines for trial in plan.trials] == [[], []]
    plan = plan_ladder(read_recipe(recipe), **options)
    assert [one.name for one in plan.trials[0].recipe.baselines] == ["majority", "tfidf-linear"]


def test_the_same_command_reads_what_is_finished(study, recipe):
    out, _ = study
    before = {path: path.stat().st_mtime_ns for path in out.glob("cells/*/scores.json")}
    whole = json.loads((out / "study.json").read_text())
    said = ask("ladder", recipe, *LADDER, "--min-steps", "5", "--out", out)
    assert said.exit_code == 0, said.output
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("cells/*/scores.json")}
    assert json.loads((out / "study.json").read_text())["lines"] == whole["lines"]


def test_a_study_of_another_recipe_is_not_mixed_in(study, recipe):
    out, _ = study
    said = ask("ladder", recipe, "training.weight_decay=0.5", *LADDER, "--out", out)
    assert said.exit_code == 2
    assert "weight_decay" in said.output


def test_a_trial_that_cannot_be_run_does_not_stop_the_others(recipe, tmp_path):
    made = read_recipe(recipe)
    plan = plan_ladder(
        made, methods=["top-layers", "prototypes"], shots=["2"], seeds=[0], min_steps=1
    )
    told = []
    systems, failures = run_trials(
        plan, tmp_path, keep_models=True, on_trial=lambda *news: told.append(news)
    )
    assert [one.trial.arm for one in failures] == ["top-layers"]
    assert "to cut between" in failures[0].reason  # the tiny model has two layers
    assert {one.arm for one in systems} == {"prototypes", "majority", "tfidf-linear"}
    assert (tmp_path / "cells" / "prototypes-2-seed0" / "model").is_dir()
    assert len(told) == 4


def test_methods_bring_their_own_defaults_and_small_sets_enough_steps(recipe):
    made = read_recipe(recipe)
    plan = plan_ladder(made, methods=["full", "lora"], shots=["2", "full"], seeds=[7], min_steps=20)
    trials = plan.trials
    rates = {(one.arm, one.level): one.recipe.training.learning_rate for one in trials}
    assert rates["full", "2"] == 1e-2
    assert rates["lora", "2"] == 5e-4
    passes = {(one.arm, one.level): one.recipe.training.num_train_epochs for one in trials}
    assert passes["full", "2"] == 20  # all rows of a draw are one batch
    assert {one.recipe.training.max_steps for one in trials} == {-1}
    assert any("seed 0" in note for note in plan.notes)
    assert {one.recipe.training.seed for one in trials} == {7}


def test_methods_do_not_inherit_the_defaults_of_another(recipe):
    tree = read_recipe(recipe).model_dump(mode="json")
    for own in ("prompt-tuning", "contrastive"):
        tree |= {"method": own, "training": {"weight_decay": 0.3}}
        plan = plan_ladder(
            read_recipe(tree), methods=["full", "lora"], shots=["full"], seeds=[0], min_steps=0
        )
        found = {one.arm: one.recipe.training for one in plan.trials}
        assert found["full"].learning_rate == 5e-5
        assert found["lora"].learning_rate == 5e-4
        assert {one.num_train_epochs for one in found.values()} == {3.0}
        assert {one.weight_decay for one in found.values()} == {0.3}  # the user's word stays


def test_least_steps_lengthen_and_never_shorten(recipe):
    made = read_recipe(recipe)
    for least, passes in ((1, 20.0), (500, 500.0)):
        (trial,) = plan_ladder(
            made, methods=["linear-probe"], shots=["2"], seeds=[0], min_steps=least
        ).trials
        assert trial.recipe.training.max_steps == -1
        assert trial.recipe.method.options["num_train_epochs"] == passes
    for method, meta_batch in (("maml", 4), ("reptile", 4), ("prototypical-networks", 1)):
        for episodes, expected in ((1000, 1000), (3, 10 * meta_batch)):
            named = read_recipe(recipe, [f"method={{name: {method}}}"]).model_dump(mode="json")
            named["method"]["options"] = {"episodes": episodes}
            (trial,) = plan_ladder(
                read_recipe(named), methods=[method], shots=["10"], seeds=[0], min_steps=10
            ).trials
            assert trial.recipe.training.max_steps == -1
            assert trial.recipe.method.options["episodes"] == expected
        (trial,) = plan_ladder(made, methods=[method], shots=["10"], seeds=[0], min_steps=10).trials
        options, training = trial.recipe.method.options, trial.recipe.training
        assert "episodes" not in options
        n_rows = 10 * len(set(toy_rows("text-classification").columns["label"]))
        assert training.num_train_epochs * n_rows >= 10 * meta_batch * 5 * 10


@pytest.mark.parametrize("task", ["token-classification", "text-regression"])
def test_tasks_without_classes_count_rows(task, tiny_model, tmp_path):
    rows = toy_rows(task)
    lines = [
        dict(zip(rows.columns, cells, strict=True))
        for cells in zip(*rows.columns.values(), strict=True)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    tree = {"model": str(tiny_model("bert")), "task": task, "data": {"train": str(file)}}
    trials = plan_ladder(
        read_recipe(tree), methods=None, shots=["8", "full"], seeds=[0], min_steps=1
    ).trials
    assert "contrastive" not in {trial.arm for trial in trials}
    assert {"full", "lora"} <= {trial.arm for trial in trials}
    assert {trial.level: trial.recipe.data.limit.get("train") for trial in trials} == {
        "8": 8,
        "full": None,
    }
    assert all(trial.recipe.data.shots is None for trial in trials)
    with pytest.raises(DataError, match="fewer training rows"):
        plan_ladder(read_recipe(tree), methods=None, shots=["5000"], seeds=[0], min_steps=1)


@pytest.mark.parametrize("words", ["", "4,x", "0", "-1", "2.5", "²"])
def test_shots_that_are_no_numbers_are_refused(words):
    with pytest.raises(RecipeError, match="Shots are"):
        parse_shots(words.split(","))


def test_what_cannot_be_laid_out_is_told_before_any_run(recipe):
    made = read_recipe(recipe)
    with pytest.raises(DataError, match="too few training rows"):
        plan_ladder(made, methods=["full"], shots=["5000"], seeds=[0], min_steps=1)
    with pytest.raises(RecipeError, match="no method called 'loora'"):
        plan_ladder(made, methods=["loora"], shots=["2"], seeds=[0], min_steps=1)
    with pytest.raises(RecipeError, match="named once"):
        plan_ladder(made, methods=["full", "full"], shots=["2"], seeds=[0], min_steps=1)


def test_seeds_say_how_far_a_score_is_luck(recipe, tmp_path):
    other = recipe.with_name("slower.yaml")
    other.write_text(
        recipe.read_text().replace("1.0e-2", "1.0e-9"),
        encoding="utf-8",
    )
    said = ask("seeds", recipe, "--seeds", "2", "--against", other, "--out", tmp_path / "out", "-q")
    assert said.exit_code == 0, said.output
    found = json.loads((tmp_path / "out" / "study.json").read_text())
    assert found["arms"] == ["topics", "slower"]
    assert found["levels"] == [""]
    assert found["lines"][0]["score"]["n_seeds"] == 2
    assert len(found["pairs"]) == 1
    assert re.search("is (best|ahead)", found["sentences"][0])


def test_recipes_of_other_seeds_are_judged_on_the_same_rows(recipe):
    made = read_recipe(recipe)
    plan = plan_seeds({"a": made, "b": read_recipe(recipe, ["training.seed=9"])}, seeds=[0, 1])
    assert {one.recipe.data.split.seed for one in plan.trials} == {0}
    assert [one.recipe.training.seed for one in plan.trials] == [0, 0, 1, 1]


def prototypes_of(recipe, *overrides, n_seeds=1):
    """Lay out the quickest trials there are."""
    made = read_recipe(recipe, ["method=prototypes", *overrides])
    return plan_seeds({"prototypes": made}, seeds=range(n_seeds))


def test_recipes_with_other_test_rows_are_refused(recipe, tmp_path):
    arms = {
        "one": read_recipe(recipe, ["method=prototypes"]),
        "two": read_recipe(recipe, ["method=prototypes", "data.split.test=50"]),
    }
    with pytest.raises(RunError, match="same test rows") as refused:
        run_trials(plan_seeds(arms, seeds=[0]), tmp_path)
    assert "one-seed0 and two-seed0" in refused.value.received
    assert "same data section" in refused.value.hint


def test_a_study_does_not_go_on_with_a_changed_file(recipe, tmp_path):
    changed = tmp_path / "rows.csv"
    changed.write_bytes(recipe.with_name("topics.csv").read_bytes())
    where = f"data.train={changed}"
    run_trials(prototypes_of(recipe, where), tmp_path / "out")
    changed.write_text("\n".join(changed.read_text().splitlines()[:-40]) + "\n")
    with pytest.raises(RunError, match="same test rows"):
        run_trials(prototypes_of(recipe, where, n_seeds=2), tmp_path / "out")


def test_weights_that_were_kept_stay(recipe, tmp_path):
    run_trials(prototypes_of(recipe), tmp_path, keep_models=True)
    run_trials(prototypes_of(recipe, n_seeds=2), tmp_path)
    kept = {path.parent.name for path in tmp_path.glob("cells/*/model")}
    assert kept == {"prototypes-seed0"}


def test_a_missing_teacher_is_a_failure_of_its_trial_alone(recipe, tmp_path):
    teacher = f"method={{name: distillation, options: {{teacher: {tmp_path / 'none'}}}}}"
    arms = {
        "distillation": read_recipe(recipe, [teacher]),
        "prototypes": read_recipe(recipe, ["method=prototypes"]),
    }
    systems, failures = run_trials(plan_seeds(arms, seeds=[0]), tmp_path)
    assert [one.trial.arm for one in failures] == ["distillation"]
    assert [one.arm for one in systems] == ["prototypes"]


def test_a_study_of_failures_alone_says_so(recipe, tmp_path):
    teacher = f"method={{name: distillation, options: {{teacher: {tmp_path / 'none'}}}}}"
    said = ask("seeds", recipe, teacher, "--seeds", "2", "--out", tmp_path / "out", "-q")
    assert said.exit_code == 2, said.output
    assert "Nothing was finished." in (tmp_path / "out" / "report.html").read_text()


def test_shots_in_a_plain_recipe(recipe, tmp_path):
    done = luthier.run(recipe, ["data.shots=3", "baselines=[majority]"], out=tmp_path / "run")
    data = json.loads((RunFolder(done.folder).path / "data.json").read_text())
    assert set(data["splits"]["train"]["labels"].values()) == {3}
    assert "3 of each label, seed 0" in data["splits"]["train"]["made"]


def test_baselines_outlive_the_method_that_was_to_bring_them(recipe, tmp_path):
    made = read_recipe(recipe)
    methods = ["top-layers", "prototypes"]
    for _ in range(2):  # run, then read
        plan = plan_ladder(made, methods=methods, shots=["2"], seeds=[0], min_steps=1)
        systems, failures = run_trials(plan, tmp_path)
        assert [one.trial.arm for one in failures] == ["top-layers"]
        assert [one.arm for one in systems] == ["prototypes", "majority", "tfidf-linear"]

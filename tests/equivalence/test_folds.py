"""With folds, every row is judged once by a model that did not see it, in one command."""

import json

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import DataError, RunError
from luthier.runs import RunFolder
from tests.toys import FAMILY, toy_rows, toy_tree, write_csv

HEADS = {"causal-lm": "CausalLM", "masked-lm": "MaskedLM"}
TASKS = (
    "multi-label-classification",
    "text-regression",
    "token-classification",
    "question-answering",
    "multiple-choice",
)
SLOW = ("translation", "causal-lm", "masked-lm", "denoising")


def folded(task, tiny_model, *, n_folds=3, baselines=("majority",), **split):
    model = tiny_model(FAMILY.get(task, "bert"), HEADS.get(task))
    tree = toy_tree(task, model, training={"num_train_epochs": 1}, baselines=list(baselines))
    tree["data"]["split"] = {"validation": 0.2, "n_folds": n_folds, **split}
    tree["data"]["ignore_findings"] = ["near-duplicates"]
    return tree


def run(tree, out, task="text-classification", **options):
    return luthier.run(tree, out=out, data={"train": toy_rows(task).columns}, **options)


@pytest.fixture(scope="module")
def whole(tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("folds") / "out"
    seen = []
    return run(folded("text-classification", tiny_model), out, listeners=[seen.append]), out


def test_every_row_is_judged_once_by_the_fold_that_did_not_see_it(whole):
    result, out = whole
    n_rows = len(toy_rows("text-classification"))
    lines = list(RunFolder(out).read_predictions())
    assert len({line["where"] for line in lines}) == len(lines) == n_rows
    assert result.scores["fine-tuned"]["accuracy"].n == n_rows
    assert [line["index"] for line in lines] == list(range(n_rows))
    for fold in range(3):
        own = RunFolder(out / "folds" / f"fold-{fold}").read_predictions()
        assert [line["where"] for line in own] == [
            line["where"] for line in lines if line["fold"] == fold
        ]


def test_pooled_scores_are_those_of_all_rows(whole):
    result, out = whole
    lines = list(RunFolder(out).read_predictions())
    right = [line["predictions"]["fine-tuned"]["answer"] == line["gold"] for line in lines]
    score = result.scores["fine-tuned"]["accuracy"]
    assert score.value == pytest.approx(sum(right) / len(right))
    assert score.low < score.value < score.high
    assert result.comparisons[0].n == len(lines)


def test_the_spread_of_the_folds_is_said_and_shown(whole):
    result, out = whole
    assert result.told[0].startswith("Accuracy by fold: ")
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "Fold by fold" in report
    assert "3 training runs, one a fold" in report
    assert "by the model of the fold that did not see it" in report
    (panel,) = json.loads((out / "panels.json").read_text())["panels"]
    assert [row["fold"] for row in panel["data"]] == [0, 1, 2]


def test_the_whole_is_compared_like_any_run_and_has_no_model(whole):
    _, out = whole
    compared = luthier.compare([out, out])
    assert compared.comparisons[0].difference == 0
    with pytest.raises(RunError, match="each fold has a model") as caught:
        luthier.load(out)
    assert luthier.load(caught.value.hint.split(",")[0])("the sun")


def test_folds_that_are_finished_are_read_and_the_others_run(whole, tiny_model, tmp_path):
    tree, begun = folded("text-classification", tiny_model), []

    def stop_in_second(info):
        begun.append(info.message)
        if info.message == "fold 2 of 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tree, tmp_path / "out", listeners=[stop_in_second])
    assert RunFolder(tmp_path / "out").state()["state"] == "interrupted"
    begun.clear()
    result = run(tree, tmp_path / "out", listeners=[lambda info: begun.append(info.message)])
    assert "fold 1 of 3" not in begun
    assert "fold 2 of 3" in begun
    assert result.scores == whole[0].scores


def test_a_finished_fold_of_other_rows_is_not_mixed_in(tiny_model, tmp_path):
    tree = folded("text-classification", tiny_model)

    def stop(info):
        if info.message == "fold 2 of 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tree, tmp_path / "out", listeners=[stop])
    rows = {name: list(values) for name, values in toy_rows("text-classification").columns.items()}
    rows["text"] = [f"{text} again" for text in rows["text"]]
    with pytest.raises(RunError, match="other rows"):
        luthier.run(tree, out=tmp_path / "out", data={"train": rows})


def test_a_label_of_one_row_is_told_before_any_training(tiny_model, tmp_path):
    rows = {name: list(values) for name, values in toy_rows("text-classification").columns.items()}
    rows["text"].append("something else entirely")
    rows["label"].append("once")
    begun = []
    with pytest.raises(DataError, match="once") as caught:
        luthier.run(
            folded("text-classification", tiny_model),
            out=tmp_path / "out",
            data={"train": rows},
            listeners=[lambda info: begun.append(info.phase)],
        )
    assert "two rows of each label" in caught.value.hint
    assert set(begun) == {"checking the data of all folds"}


def test_one_fold_alone_is_an_ordinary_run(tiny_model, tmp_path):
    result = run(folded("text-classification", tiny_model, fold=1), tmp_path / "out")
    assert (tmp_path / "out" / "model").is_dir()
    assert result.scores["fine-tuned"]["accuracy"].n < len(toy_rows("text-classification"))


@pytest.mark.parametrize("task", [*TASKS, *(pytest.param(t, marks=pytest.mark.slow) for t in SLOW)])
def test_every_kind_of_answer_is_pooled(task, tiny_model, tmp_path):
    tree = folded(task, tiny_model, n_folds=2, baselines=())
    result = run(tree, tmp_path / "out", task)
    lines = list(RunFolder(tmp_path / "out").read_predictions())
    assert len({line["where"] for line in lines}) == len(lines)
    main = next(iter(result.scores["fine-tuned"].values()))
    assert main.n == len(lines) > 0


def test_inspect_says_that_it_shows_one_fold(tiny_model, tmp_path):
    file = write_csv(toy_rows("text-classification"), tmp_path / "rows.csv")
    said = CliRunner().invoke(
        app,
        ["inspect", str(recipe_of(file, tiny_model, tmp_path)), "data.split.n_folds=3"],
    )
    assert "each of 3 folds is the test set once; here it is fold 0" in said.output


def recipe_of(file, tiny_model, folder):
    path = folder / "recipe.yaml"
    path.write_text(
        f"model: {tiny_model('bert')}\ntask: text-classification\ndata: {{train: {file}}}\n",
        encoding="utf-8",
    )
    return path

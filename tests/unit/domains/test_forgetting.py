"""`evaluation.also`: the trained model on other rows, beside what it could do before."""

import pytest

import luthier
from luthier.errors import DataError, RecipeError
from luthier.recipe.further import as_named
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from tests.toys import FAMILY, toy_rows, toy_tree, write_csv

TASK = "text-classification"


@pytest.fixture
def tree(tiny_model, tmp_path):
    """Make a recipe on files: the first rows are learned, the last are scored besides."""

    def make(task=TASK, also=None, **sections):
        rows = toy_rows(task)
        cut = len(rows) - 24
        train = write_csv(rows.take(range(cut)), tmp_path / f"{task}.csv")
        write_csv(rows.take(range(cut, len(rows))), tmp_path / f"{task} old.csv")
        made = toy_tree(task, tiny_model(FAMILY.get(task, "bert"), None), **sections)
        made["data"] |= {"train": str(train), "drop_leaks": True}
        made["evaluation"]["also"] = also or {"old": str(tmp_path / f"{task} old.csv")}
        made.setdefault("baselines", [])
        return made

    return make


def run(made, out, **options):
    return RunFolder(luthier.run(made, out=out, **options).folder)


def told(folder):
    return " ".join(str(event.get("message")) for event in folder.events.read())


@pytest.mark.parametrize("task", [TASK, "text-regression", "multi-label-classification"])
def test_a_checkpoint_of_the_same_labels_is_compared_with_itself_before(task, tree, tmp_path):
    first = run(tree(task), tmp_path / "first")
    made = tree(task, model={"name": str(first.model)}, training={"learning_rate": 1e-9})
    second = run(made, tmp_path / "second")
    (found,) = second.read_json("also").values()
    assert {*found["scores"]} == {"fine-tuned", "before"}
    metric = second.read_json("comparison")["main_metric"]
    (compared,) = found["comparisons"]
    assert compared["n"] == 24 == found["scores"]["before"][metric]["n"]
    if task != "multi-label-classification":  # whose thresholds are tuned for each
        assert compared["difference"] == pytest.approx(0, abs=1e-3)
    assert f"kept: on {compared['n']} rows of old" in told(second)
    report = (second.path / "report.html").read_text("utf-8")
    assert "On other rows" in report
    assert "kept: on 24 rows" in report


def test_before_is_the_score_of_the_run_that_training_began_with(tree, tmp_path):
    first = run(tree(), tmp_path / "first")
    second = run(tree(model={"name": str(first.model)}), tmp_path / "second")
    ours = first.read_json("also")["old"]["scores"]["fine-tuned"]
    theirs = second.read_json("also")["old"]["scores"]["before"]
    assert ours["log_loss"]["value"] == pytest.approx(theirs["log_loss"]["value"], abs=1e-5)


def test_what_was_learned_over_is_called_forgotten(tree, tmp_path):
    long = {"training": {"num_train_epochs": 12}}
    first = run(tree(**long), tmp_path / "first")
    rows = toy_rows(TASK)
    labels = sorted({*rows["label"]})
    swapped = dict(zip(labels, [*labels[1:], labels[0]], strict=True))
    other = toy_rows(TASK).take(range(len(rows) - 24))
    other.columns["label"][:] = [swapped[one] for one in other["label"]]
    made = tree(model={"name": str(first.model)}, **long)
    made["data"]["train"] = str(write_csv(other, tmp_path / "swapped.csv"))
    folder = run(made, tmp_path / "second")
    assert "forgot: on 24 rows of old" in told(folder)


def test_without_a_head_the_score_stands_beside_a_baseline(tree, tmp_path):
    folder = run(tree(), tmp_path / "run")
    assert {*folder.read_json("also")["old"]["scores"]} == {"fine-tuned", "majority"}
    assert "no head for this task" in told(folder)


def test_a_language_model_is_compared_with_itself_before(tiny_model, tree, tmp_path):
    made = tree("masked-lm")
    made["model"]["name"] = str(tiny_model("bert", "MaskedLM"))
    folder = run(made, tmp_path / "run")
    assert {*folder.read_json("also")["old"]["scores"]} == {"fine-tuned", "before"}


def test_rows_that_are_trained_on_are_left_out_and_told(tree, tmp_path):
    made = tree(also={"all": str(tmp_path / "all.csv")})
    write_csv(toy_rows(TASK), tmp_path / "all.csv")
    result = luthier.run(made, out=tmp_path / "run")
    (finding,) = [one for one in result.findings if one.code == "also-in-train"]
    n = RunFolder(result.folder).read_json("also")["all"]["scores"]["fine-tuned"]["accuracy"]["n"]
    assert n == len(toy_rows(TASK)) - finding.count


def test_files_have_names_whatever_the_form(tmp_path):
    assert as_named("a/old.csv") == {"old": "a/old.csv"}
    assert as_named([{"source": "a"}, {"target": "b"}]) == {"source": "a", "target": "b"}
    tree = {"model": "m", "task": TASK, "data": {"train": "t.csv"}}
    (tmp_path / "r.yaml").write_text(
        f"model: m\ntask: {TASK}\ndata: {{train: t.csv}}\nevaluation: {{also: [{{old: o.csv}}]}}\n"
    )
    assert read_recipe(tmp_path / "r.yaml").evaluation.also == {"old": str(tmp_path / "o.csv")}
    with pytest.raises(RecipeError, match="two files are called a"):
        read_recipe({**tree, "evaluation": {"also": ["x/a.csv", "y/a.csv"]}})
    with pytest.raises(RecipeError, match="mapping"):
        read_recipe({**tree, "evaluation": {"also": 3}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("text,label\nrain,nonsense\n", "not among the training labels"),
        ("words,label\nrain,a\n", "role of text"),
        ("", "empty|no rows"),
    ],
)
def test_rows_that_cannot_be_scored_are_refused_before_anything_is_trained(
    text, words, tree, tmp_path
):
    (tmp_path / "bad.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        run(tree(also={"bad": str(tmp_path / "bad.csv")}), tmp_path / "run")
    assert not (tmp_path / "run").exists()

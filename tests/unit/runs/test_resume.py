"""The same recipe goes on with its run; another one is told what differs."""

import pytest

from luthier.errors import RunError
from luthier.recipe.tree import Recipe
from luthier.runs.resume import Change, claim, differences


def recipe(**training):
    return Recipe.model_validate(
        {
            "model": "m",
            "task": "text-classification",
            "data": {"train": "x.csv"},
            "training": training,
        }
    )


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def interrupted(*, out=None, name="reviews", work=True, **training):
    """Leave a run as a killed process does."""
    folder = claim(recipe(**training), out=out, name=name, fresh=True)
    if work:
        folder.checkpoints("fine-tuning").write(1, lambda path: None, about={})
    folder.lock.release()
    return folder


@pytest.mark.parametrize("out", [None, "elsewhere"])
def test_the_same_recipe_goes_on_in_the_same_folder(out):
    before = interrupted(out=out)
    after = claim(recipe(), out=out, name="reviews")
    assert after.path == before.path
    assert len(after.attempts()) == 2


def test_fresh_begins_anew():
    interrupted()
    assert claim(recipe(), out=None, name="reviews", fresh=True).path.name == "reviews-2"


def test_a_finished_run_is_left_alone():
    before = interrupted()
    before.lock.take()
    before.finish()
    before.lock.release()
    assert claim(recipe(), out=None, name="reviews").path.name == "reviews-2"
    with pytest.raises(RunError, match="nothing is ever overwritten"):
        claim(recipe(), out=before.path, name="reviews")


@pytest.mark.parametrize("out", [None, "elsewhere"])
def test_another_recipe_is_refused_with_what_differs(out):
    interrupted(out=out, learning_rate=1e-4)
    with pytest.raises(RunError) as caught:
        claim(recipe(learning_rate=2e-4), out=out, name="reviews")
    assert caught.value.received == "training.learning_rate: 0.0001 before, 0.0002 now"
    assert "--fresh" in caught.value.hint
    claim(recipe(learning_rate=1e-4), out=out, name="reviews")  # and the lock was let go of


def test_more_epochs_are_taken_over_and_recorded():
    interrupted(num_train_epochs=2)
    folder = claim(recipe(num_train_epochs=5, logging_steps=1), out=None, name="reviews")
    assert folder.path.name == "reviews"
    assert folder.recipe().training.num_train_epochs == 5
    assert folder.attempts()[-1]["changes"] == [
        "training.logging_steps: 10 before, 1 now",
        "training.num_train_epochs: 2.0 before, 5.0 now",
    ]


def test_fewer_epochs_are_not_safe():
    assert not Change("training.num_train_epochs", 5.0, 2.0).is_safe
    assert not Change("training.max_steps", -1, 100).is_safe
    assert Change("training.max_steps", 100, 200).is_safe


def test_where_nothing_was_trained_there_is_nothing_to_refuse():
    before = interrupted(work=False, learning_rate=1e-4)
    after = claim(recipe(learning_rate=2e-4), out=None, name="reviews")
    assert after.path.name == "reviews-2"
    assert claim(recipe(learning_rate=3e-4), out=before.path, name="x").path == before.path


def test_after_a_failure_another_recipe_begins_another_run():
    before = interrupted(learning_rate=1e-4)
    before.fail("The loss is no longer a finite number.")
    assert claim(recipe(learning_rate=1e-5), out=None, name="reviews").path.name == "reviews-2"


def test_the_run_of_another_process_is_told_of():
    held = claim(recipe(), out=None, name="reviews")
    for out in (None, held.path):
        with pytest.raises(RunError, match="Another process") as caught:
            claim(recipe(), out=out, name="reviews")
        assert "held by process" in caught.value.received


def test_another_recipe_may_begin_beside_one_that_is_under_way():
    one = claim(recipe(seed=1), out=None, name="reviews")
    one.checkpoints("fine-tuning").write(1, lambda path: None, about={})
    assert claim(recipe(seed=2), out=None, name="reviews").path.name == "reviews-2"


def test_an_older_run_is_found_by_its_recipe():
    interrupted(seed=1)
    interrupted(seed=2)
    assert claim(recipe(seed=1), out=None, name="reviews").path.name == "reviews"


def test_a_recipe_that_cannot_be_read_is_another_one():
    folder = interrupted()
    (folder.path / "recipe.yaml").write_text("model: [")
    assert [change.field for change in differences(folder, recipe())] == ["recipe.yaml"]


@pytest.mark.parametrize("name", ["../out", "a/b", "..", "", "a\\b", "a\0b"])
def test_a_name_that_is_a_path_is_refused(name):
    with pytest.raises(RunError, match="one folder below runs"):
        claim(recipe(), out=None, name=name)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(RunError, match="not empty"):
        claim(recipe(), out=tmp_path / "mine", name="x")

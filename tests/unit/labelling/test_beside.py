"""The process beside a desk: it answers, its death is told and survived, and it never outlives."""

import psutil
import pytest

import luthier
from luthier.errors import TrainingError
from luthier.labelling.beside import ChooserBeside
from luthier.labelling.orders import Order
from luthier.process import is_dead
from luthier.recipe.tree import Recipe
from luthier.records import Target
from tests.toys import toy_rows, toy_tree

TARGET = Target("single-label", ("rain", "snow", "sun"))


def order(number, n_train=12, by="margin"):
    rows = toy_rows("text-classification")
    parts = (range(n_train), range(20, 40), range(50, 56))
    train, pool, audit = ({name: rows.take(one)[name] for name in rows.columns} for one in parts)
    return Order(number, by, 4, train, {"text": pool["text"]}, audit)


@pytest.fixture
def beside(tiny_model):
    recipe = Recipe.model_validate(toy_tree("text-classification", tiny_model("bert")))
    made = ChooserBeside(recipe, TARGET, "frozen")
    yield made
    made.close()


def test_orders_are_answered_a_death_is_told_and_another_process_takes_over(beside):
    beside.begin(order(1))
    assert beside.reply(0.0) is None
    first = beside.reply(None)
    assert (first.number, first.by, first.n_trained, len(first.chosen)) == (1, "margin", 12, 4)
    assert first.scores["model"].n == first.scores["baseline"].n == 6
    assert all(0 <= one.index < 20 and one.suggested in TARGET.names for one in first.chosen)
    process = beside._process
    process.kill()
    process.wait()
    beside.begin(order(2))
    with pytest.raises(TrainingError, match="training beside the desk ended") as caught:
        beside.reply(None)
    assert "exit code -9" in caught.value.received
    beside.begin(order(3, n_train=0))
    third = beside.reply(None)
    assert (third.number, third.by, third.n_trained) == (3, "typiclust", 0)
    worker = psutil.Process(beside._process.pid)
    assert worker.nice() >= psutil.Process().nice()
    about = {"process": worker.pid, "born": worker.create_time()}
    beside.close()
    assert not worker.is_running() or is_dead(about)


def test_a_model_that_cannot_be_loaded_is_told_with_its_reason(tmp_path):
    recipe = Recipe.model_validate(toy_tree("text-classification", tmp_path / "nowhere"))
    chooser = ChooserBeside(recipe, TARGET, "frozen")
    chooser.begin(order(1))
    with pytest.raises(TrainingError, match="no such model folder") as caught:
        chooser.reply(None)
    assert "nowhere" in caught.value.received
    chooser.close()


def test_a_desk_goes_on_where_no_model_can_be_loaded(tmp_path):
    tree = toy_tree("text-classification", tmp_path / "nowhere")
    tree["data"] = {"train": str(tmp_path / "l.jsonl")}
    given = {"pool": {"text": ["one", "two"]}, "labels": ["a", "b"], "audit": 0.0}
    with luthier.label(tree, **given, out=tmp_path / "l.jsonl", background=False) as desk:
        while desk.ask():
            desk.tell("a")
        assert desk.batches.failures
        assert {one["why"] for one in desk.answered.standing} == {"random"}

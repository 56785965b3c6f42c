"""The desk without a screen: what it asks, what it keeps, and what scores."""

import json
from collections import Counter

import pytest

import luthier
from luthier.data.journal import parse_journal
from luthier.errors import DataError, RecipeError, TrainingError
from luthier.labelling.answers import OneLabel
from luthier.labelling.desk import Desk
from luthier.labelling.journal import Journal
from luthier.labelling.orders import Choice, Reply
from luthier.labelling.pool import Pool
from luthier.labelling.questions import Draws, Plan
from luthier.labelling.training import training_command
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin, Recipe
from luthier.records import Rows
from luthier.registry import find
from tests.toys import toy_rows, toy_tree

TASK = make_plugin("tasks", Plugin(name="text-classification"))
RECIPE = Recipe.model_validate(toy_tree("text-classification", "model"))


class InOrder:
    """Chooses the rows of the pool as they come; the texts of all orders are kept.

    Args:
        late: For how many replies it makes the desk wait. `fails`: Whether it fails instead.
    """

    doing = ("training", 0, 0)

    def __init__(self, late=0, fails=False):
        self.orders, self.late, self.fails, self.is_closed = [], late, fails, False

    def begin(self, order):
        self.orders.append(order)

    def reply(self, seconds):
        if self.late > 0:
            self.late -= 1
            return None
        if self.fails:
            raise TrainingError("It broke.", received="exit code 1")
        order = self.orders[-1]
        chosen = [Choice(at, "no", 0.75) for at in range(order.n)]
        return Reply(order.number, order.by, len(order.train["text"]), chosen)

    def close(self):
        self.is_closed = True


@pytest.fixture
def opened(tmp_path):
    desks = []

    def open_desk(chooser=None, n_rows=60, texts=None, now=None, **plan):
        texts = [f"text {n}" for n in range(n_rows)] if texts is None else texts
        pool = Pool(Rows.of({"text": texts}), tuple(f"r{n}" for n in range(len(texts))), ())
        journal = Journal(tmp_path / "labels.jsonl")
        given = {} if now is None else {"now": now}
        plan = Plan(**{"batch": 10, "annotator": "ada", **plan})
        answers = OneLabel(("no", "yes"))
        made = Desk(RECIPE, pool, TASK, answers, journal, chooser or InOrder(), plan, **given)
        desks.append(made)
        return made

    yield open_desk
    for one in desks:
        one.close()


def answer(desk, n):
    """Answer n rows, and give their questions."""
    questions = []
    for _ in range(n):
        questions.append(desk.ask())
        desk.tell("no")
    return questions


def lines(tmp_path):
    return parse_journal((tmp_path / "labels.jsonl").read_bytes(), "labels.jsonl")[0]


def test_an_answer_is_in_the_file_when_tell_returns(opened, tmp_path):
    times = iter([10.0, *[12.5] * 9])
    desk = opened(now=lambda: next(times))
    question = desk.ask()
    desk.tell("yes")
    (line,) = lines(tmp_path)
    assert line == {
        "id": question.id,
        "text": question.texts["text"],
        "label": "yes",
        "annotator": "ada",
        "action": "label",
        "audit": question.is_audit,
        "round": 1,
        "why": question.why,
        "seconds": pytest.approx(2.5, abs=2.5),
        "probability_shown": None,
    }


def test_every_row_is_asked_once_and_then_there_are_none(opened):
    desk, asked = opened(), []
    while question := desk.ask():
        assert desk.ask() is question  # until it is told
        asked.append(question.id)
        desk.tell("no")
    assert sorted(asked) == sorted(desk.pool.ids)
    assert desk.n_left == 0


def test_the_first_batch_needs_no_model_and_the_next_take_the_strategy(opened):
    chooser = InOrder()
    desk = opened(chooser, by="entropy")
    answer(desk, 25)
    assert [order.by for order in chooser.orders] == ["typiclust", "entropy", "entropy"]


def test_no_model_learns_from_audit_rows_and_all_scores_are_of_them(opened, tmp_path):
    chooser = InOrder()
    desk = opened(chooser, audit=0.3)
    while desk.ask():
        desk.tell("no")
    audit = {one["text"] for one in lines(tmp_path) if one["audit"]}
    last = chooser.orders[-1]
    assert len(audit) > 5
    assert {*last.audit["text"]} <= audit
    assert not {*last.train["text"]} & audit
    assert not any({*order.pool["text"]} & audit for order in chooser.orders)


def test_audit_rows_are_the_same_whatever_is_asked_and_in_whatever_order():
    ids = [f"r{n}" for n in range(1000)]
    draws, turned = Draws(ids, 0.1, 0), Draws(ids[::-1], 0.1, 0)
    assert {ids[at] for at in draws.audit} == {ids[::-1][at] for at in turned.audit}
    assert 70 < len(draws.audit) < 130
    assert not {*draws.audit} & {*draws.others}
    assert {*Draws(ids, 0.05, 0).audit} < {*draws.audit}
    assert Draws(ids, 0.0, 0).audit == []


def test_audit_rows_have_their_share_of_every_beginning(opened, tmp_path):
    desk = opened(n_rows=400, batch=10, audit=0.2)
    answer(desk, 100)
    is_audit = [one["audit"] for one in lines(tmp_path)]
    assert sum(is_audit) == 20
    assert all(abs(sum(is_audit[:n]) - 0.2 * n) <= 2 for n in range(10, 101, 10))


def test_undo_is_appended_and_the_row_is_asked_again(opened, tmp_path):
    desk = opened()
    first = desk.ask()
    desk.tell("no")
    second = desk.ask()
    assert desk.undo()["id"] == first.id
    assert desk.ask().id == first.id
    desk.tell("yes")
    assert desk.ask().id == second.id
    assert [one["action"] for one in lines(tmp_path)] == ["label", "undo", "label"]
    assert [one["label"] for one in desk.answered.standing] == ["yes"]


def test_undo_goes_back_step_by_step_and_over_a_new_start(opened):
    desk = opened()
    asked = []
    for answer in ("no", "yes", None):
        asked.append(desk.ask().id)
        desk.skip() if answer is None else desk.tell(answer)
    desk.close()
    again = opened()
    assert [again.undo()["id"] for _ in range(3)] == asked[::-1]
    assert again.undo() is None
    assert again.answered.standing == []
    assert again.ask().id == asked[0]


def test_undo_leaves_the_answers_of_others_alone(opened):
    desk = opened()
    desk.ask()
    desk.tell("no")
    desk.close()
    other = opened(annotator="bo")
    assert other.undo() is None
    assert len(other.answered.standing) == 1


def test_what_others_answered_is_not_asked_and_what_they_skipped_is(opened):
    desk = opened(n_rows=2, audit=0.0)
    answered, skipped = desk.ask().id, None
    desk.tell("no")
    skipped = desk.ask().id
    desk.skip()
    assert desk.ask() is None
    desk.close()
    other = opened(n_rows=2, audit=0.0, annotator="bo")
    assert other.ask().id == skipped != answered


def test_a_new_start_goes_on_after_the_last_answer(opened):
    desk = opened()
    asked = [one.id for one in answer(desk, 7)]
    desk.close()
    chooser = InOrder()
    again = opened(chooser)
    while question := again.ask():
        assert question.round >= 2
        asked.append(question.id)
        again.tell("no")
    assert sorted(asked) == sorted(again.pool.ids)
    assert chooser.orders[0].by == "margin"


def test_what_is_no_answer_is_refused_and_the_row_stays(opened, tmp_path):
    desk = opened()
    question = desk.ask()
    with pytest.raises(DataError, match="none of the labels"):
        desk.tell("maybe")
    assert desk.ask() is question
    assert not (tmp_path / "labels.jsonl").exists()


def test_an_answer_to_nothing_is_refused(opened):
    with pytest.raises(DataError, match="No row is asked for"):
        opened().tell("yes")


def test_a_training_that_fails_is_told_and_rows_at_random_are_asked(opened):
    desk = opened(InOrder(fails=True))
    questions = []
    while question := desk.ask():
        questions.append(question)
        desk.tell("no")
    assert Counter(one.why for one in questions).keys() == {"random", "audit"}
    assert len(questions) == 60
    assert "It broke. exit code 1" in desk.batches.failures[0]


def test_rows_of_an_older_model_are_asked_while_a_new_one_is_trained(opened):
    clock = iter(range(10_000))
    chooser = InOrder()
    desk = opened(chooser, n_rows=200, patience=1.0, now=lambda: float(next(clock)))
    answer(desk, 10)
    chooser.late = 10_000
    late = answer(desk, 8)
    assert len({one.id for one in late}) == 8
    assert all(one.round == 1 for one in late)
    assert len(chooser.orders) == 2
    chooser.late = 0
    while (question := desk.ask()).round == 1:
        desk.tell("no")
    assert question.round == 2


def test_audit_rows_are_asked_while_the_first_model_reads(opened):
    clock = iter(range(10_000))
    chooser = InOrder(late=10_000)
    desk = opened(chooser, n_rows=200, audit=0.2, patience=1.0, now=lambda: float(next(clock)))
    assert [one.why for one in answer(desk, 2)] == ["audit", "audit"]
    assert not desk.wait(0.0)
    chooser.late = 0
    assert [one.why for one in answer(desk, 8)].count("audit") == 0


def test_suggestions_are_shown_and_recorded_only_when_asked_for(opened, tmp_path):
    desk = opened(audit=0.0)
    assert desk.ask().probability is None
    desk.tell("yes")
    desk.close()
    desk = opened(audit=0.0, suggest=True)
    assert (desk.ask().suggested, desk.current.probability) == ("no", 0.75)
    desk.tell("yes")
    first, second = lines(tmp_path)
    assert "suggested" not in first
    assert (second["suggested"], second["probability_shown"]) == ("no", 0.75)


def test_other_texts_under_the_same_names_are_refused(opened):
    desk = opened()
    desk.ask()
    desk.tell("no")
    desk.close()
    desk.journal.close()
    with pytest.raises(DataError, match="another text for a row"):
        opened(texts=[f"other text {n}" for n in range(60)])


def test_leaving_the_block_ends_the_training_and_opens_the_file(opened):
    chooser = InOrder()
    with opened(chooser) as desk:
        desk.ask()
    assert chooser.is_closed
    opened()


@pytest.fixture
def pool_file(tmp_path):
    """Write the last 60 of the toy rows without labels, and the first 30 with them."""
    rows = toy_rows("text-classification")
    pool = tmp_path / "pool.jsonl"
    with pool.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in rows["text"][30:])
    known = [{"text": rows["text"][n], "label": rows["label"][n]} for n in range(30)]
    return pool, known, dict(zip(rows["text"], rows["label"], strict=True))


def test_a_desk_opens_trains_scores_and_its_file_trains_a_run(tiny_model, pool_file, tmp_path):
    pool, known, gold = pool_file
    tree = toy_tree("text-classification", tiny_model("bert"))
    tree["data"] = {"train": known, "split": {"validation": 0, "test": 5}}
    out = tmp_path / "labels.jsonl"
    given = {"pool": pool, "out": out, "batch": 10, "audit": 0.3, "background": False}
    with luthier.label(tree, **given) as desk:
        for _ in range(35):
            desk.tell(gold[desk.ask().texts["text"]])
        assert desk.latest.n_trained > 25
        scores = desk.latest.scores
        n_audit = sum(bool(one["audit"]) for one in desk.answered.standing)
    assert scores["model"].n == scores["baseline"].n > 3
    assert scores["model"].low <= scores["model"].value <= scores["model"].high
    tree["data"] = {"train": str(out), "test": str(out), "split": {"validation": 0}}
    result = luthier.run(tree, out=tmp_path / "run", quick=True)
    data = json.loads((tmp_path / "run" / "data.json").read_text("utf-8"))["splits"]
    assert data["test"]["rows"] == n_audit
    assert data["train"]["rows"] == 35 - n_audit
    assert set(result.scores) >= {"fine-tuned", "majority"}


ANSWER_TO = {  # task -> an answer to a question, by the labels that there are
    "pair-classification": lambda names, question: names[int(question.id[-1], 16) % 2],
    "multi-label-classification": lambda names, question: [names[0]],
    "token-classification": lambda names, question: [(*question.words[0], names[0])],
}


@pytest.mark.parametrize("task", ANSWER_TO)
def test_other_kinds_of_answers_train_and_choose_too(tiny_model, task, tmp_path):
    rows = toy_rows(task)
    answers = find("tasks", task).columns[-1].role
    records = [{name: rows[name][n] for name in rows.columns} for n in range(len(rows))]
    tree = toy_tree(task, tiny_model("bert"))
    tree["data"] = {"train": records[:20], "split": {"validation": 0, "test": 5}}
    bare = [{name: cell for name, cell in one.items() if name != answers} for one in records]
    pool = [one for one in bare[20:60] if one not in bare[:20]]
    out = tmp_path / "labels.jsonl"
    given = {"pool": pool, "out": out, "batch": 5, "audit": 0.3, "background": False}
    with luthier.label(tree, **given, suggest=True) as desk:
        for _ in range(12):
            desk.tell(ANSWER_TO[task](desk.answers.names, desk.ask()))
        assert desk.latest.n_trained > 15
        assert not desk.batches.failures
    tree["data"] = {"train": [str(out)], "split": {"validation": 0, "test": 3}}
    tree["training"] = {**tree["training"], "max_steps": 2}
    assert luthier.run(tree, out=tmp_path / "run", quick=True).scores


def test_the_recipes_own_method_can_train(tiny_model, pool_file, tmp_path):
    pool, known, gold = pool_file
    tree = toy_tree("text-classification", tiny_model("bert"), training={"max_steps": 3})
    tree["data"] = {"train": known, "split": {"validation": 0, "test": 5}}
    given = {"pool": pool, "out": tmp_path / "l.jsonl", "batch": 4, "background": False}
    with luthier.label(tree, **given, method="recipe") as desk:
        for _ in range(6):
            desk.tell(gold[desk.ask().texts["text"]])
        assert not desk.batches.failures
        assert desk.latest.number == 2


def label(tree, tmp_path, **given):
    return luthier.label(tree, **{"out": tmp_path / "l.jsonl", "background": False, **given})


def test_a_pool_of_training_rows_is_refused_and_a_few_are_left_out(pool_file, tmp_path):
    _, known, gold = pool_file
    tree = toy_tree("text-classification", tmp_path)
    tree["data"] = {"train": known, "split": {"validation": 0, "test": 5}}
    with pytest.raises(DataError, match="trains or tests on") as caught:
        label(tree, tmp_path, pool=known)
    assert "30 of 30 rows" in caught.value.received
    few = [{"text": text} for text in gold][29:]
    with label(tree, tmp_path, pool=[*few, few[-1], {"text": " "}]) as desk:
        assert len(desk.pool.ids) == 60
        assert [note.split(" rows")[0] for note in desk.pool.notes] == ["1 of 63"] * 3


def test_the_command_that_trains_tests_on_audit_rows_as_soon_as_that_can_be(opened):
    desk = opened(audit=0.5)
    while not desk.ask().is_audit:
        desk.skip()
    desk.tell("no")
    command, warning = training_command(desk, "recipe.yaml", "labels.jsonl")
    assert not any(word.startswith("data.test") for word in command)
    assert "labels that no other row has: no" in warning
    while desk.ask().is_audit:
        desk.skip()
    desk.tell("no")
    command, warning = training_command(desk, "recipe.yaml", "labels.jsonl")
    assert "data.test=labels.jsonl" in command
    assert "data.split.validation=0" in command
    assert warning == ""


def test_without_audit_rows_the_command_says_what_its_scores_are_worth(opened):
    desk = opened(audit=0.0)
    answer(desk, 2)
    assert "some that a model chose" in training_command(desk, "recipe.yaml", "l.jsonl")[1]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"pool": [{"body": "x"}]}, DataError, "no column plays the role of text"),
        ({"pool": [{"text": ""}]}, DataError, "nothing to label"),
        ({"audit": 1.0}, DataError, "share of the pool"),
        ({"audit": -0.1}, DataError, "share of the pool"),
        ({"batch": 0}, DataError, "A batch has rows"),
        ({"annotator": " "}, DataError, "annotator's name"),
        ({"annotator": "a\x1b[31m"}, DataError, "annotator's name"),
        ({"annotator": "a" * 61}, DataError, "annotator's name"),
        ({"by": "margins"}, RecipeError, "no query strategy called 'margins'"),
    ],
)
def test_what_a_desk_cannot_work_with_is_refused(given, error, says, pool_file, tmp_path):
    pool, known, _ = pool_file
    tree = toy_tree("text-classification", tmp_path)
    tree["data"] = {"train": known, "split": {"validation": 0, "test": 5}}
    with pytest.raises(error, match=says) as caught:
        label(tree, tmp_path, **{"pool": pool, **given})
    assert caught.value.hint


def test_a_column_of_the_pool_may_have_another_name(pool_file, tmp_path):
    _, known, _ = pool_file
    tree = toy_tree("text-classification", tmp_path)
    tree["data"] = {"train": known, "split": {"validation": 0, "test": 5}}
    with pytest.raises(DataError) as caught:
        label(tree, tmp_path, pool=[{"body": "x"}])
    assert caught.value.hint == "--columns text=COLUMN"
    with label(tree, tmp_path, pool=[{"body": "x"}], columns={"text": "body"}) as desk:
        assert desk.pool.texts(0, TASK) == {"text": "x"}


def test_labels_can_be_given_where_no_rows_have_any_and_are_kept(pool_file, tmp_path):
    pool, _, _ = pool_file
    out = tmp_path / "l.jsonl"
    tree = {**toy_tree("text-classification", tmp_path), "data": {"train": str(out)}}
    with pytest.raises(DataError, match="has to know the labels") as caught:
        label(tree, tmp_path, pool=pool)
    assert "--labels" in caught.value.hint
    with pytest.raises(DataError, match="has to know the labels"):
        label(tree, tmp_path, pool=pool, labels=["snow"])
    with label(tree, tmp_path, pool=pool, labels=["snow", "rain"]) as desk:
        assert desk.answers.names == ("snow", "rain")
    with label(tree, tmp_path, pool=pool) as desk:
        assert desk.answers.names == ("snow", "rain")


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        ("text-regression", "a column of a table"),
        ("question-answering", "text-classification"),
        ("translation", "text-classification"),
    ],
)
def test_tasks_without_labels_are_refused(task, hint, tmp_path):
    tree = {**toy_tree(task, tmp_path), "data": {"train": "a.csv"}}
    with pytest.raises(RecipeError, match="can be given here") as caught:
        label(tree, tmp_path, pool=[{"text": "x"}], labels=["a", "b"])
    assert hint in caught.value.hint


def test_a_strategy_that_does_not_fit_the_task_is_refused(tmp_path):
    tree = {**toy_tree("token-classification", tmp_path), "data": {"train": "a.csv"}}
    with pytest.raises(RecipeError, match="'badge' cannot choose rows") as caught:
        label(tree, tmp_path, pool=[{"text": "x"}], by="badge")
    assert "margin" in caught.value.hint

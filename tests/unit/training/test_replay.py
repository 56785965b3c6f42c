"""`data.replay`: rows of an earlier task in every batch, and in none that is scored."""

import numpy as np
import pytest

import luthier
from luthier.errors import DataError, RecipeError
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.training.batch_sampler import BatchOrder, share_of
from luthier.training.replay import ReplayOrder, learned_rows, with_replay
from tests.stopped import stopped_at
from tests.torture.trial import file_hash
from tests.toys import toy_problem, toy_rows, toy_tree, write_csv

TASK = "text-classification"


def order(share=0.05, n_new=1000, n_old=40, **options):
    made = {"batch_size": 16, "strategy": "random", "seed": 3, **options}
    inner = BatchOrder(np.ones(n_new, dtype=int), **made)
    units = [np.array([n_new + n]) for n in range(n_old)]
    return inner, ReplayOrder(inner, units, share=share, seed=3)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5, 0.9])
def test_the_share_is_met_and_the_new_rows_are_those_of_a_training_without(share):
    inner, both = order(share)
    batches, alone = list(both), list(inner)
    assert [[row for row in batch if row < 1000] for batch in batches] == alone
    n_old = sum(row >= 1000 for batch in batches for row in batch)
    assert n_old == pytest.approx(1000 * share / (1 - share), abs=1)
    assert len(both) == len(batches)
    for batch in batches:
        old = [row for row in batch if row >= 1000]
        assert max(old.count(row) for row in old or [0]) <= -(-len(old) // 40)


def test_what_is_drawn_follows_from_seed_epoch_and_batch():
    _, both = order()
    whole = list(both)
    assert whole == list(both)
    both.skipped = 7
    assert list(both) == whole[7:]
    both.set_epoch(1)
    assert list(both) != whole


def test_processes_share_each_batch():
    _, both = order(0.2)
    for batch in both:
        parts = [share_of(np.array(batch), None, rank, 3).tolist() for rank in range(3)]
        assert sorted(np.concatenate(parts).tolist()) == sorted(batch)


def test_rows_that_stand_together_are_drawn_together():
    inner = BatchOrder(np.ones(10, dtype=int), batch_size=5, strategy="random", seed=0)
    both = ReplayOrder(inner, [np.array([10, 11]), np.array([12, 13])], share=0.3, seed=0)
    for batch in both:
        old = {row for row in batch if row >= 10}
        assert old in ({10, 11}, {12, 13}, {10, 11, 12, 13})


@pytest.fixture
def tree(tiny_model, tmp_path):
    """Make a recipe whose training rows are the first, and whose old rows are the last."""

    def make(old=None, share=0.2, **sections):
        rows = toy_rows(TASK)
        train = write_csv(rows.take(range(60)), tmp_path / "train.csv")
        made = toy_tree(TASK, tiny_model("bert", None), **sections)
        replay = {"from": str(old or tmp_path / "old.csv"), "share": share}
        made["data"] |= {"train": str(train), "replay": replay, "drop_leaks": True}
        made.setdefault("baselines", [])
        return made

    write_csv(toy_rows(TASK).take(range(60, 90)), tmp_path / "old.csv")
    return make


def test_old_rows_are_learned_and_never_judged(tree, tmp_path):
    made = tree(old=tmp_path / "all.csv")
    write_csv(toy_rows(TASK), tmp_path / "all.csv")
    result = luthier.run(made, out=tmp_path / "run")
    described = RunFolder(result.folder).read_json("data")
    splits = described["splits"]
    assert sum(one["rows"] for one in splits.values()) <= 60
    (finding,) = [one for one in result.findings if one.code == "replay-in-test"]
    assert finding.count >= splits["test"]["rows"] + splits["validation"]["rows"]
    assert 0 < described["replay"]["rows"] <= 30
    without = tree()
    del without["data"]["replay"]
    other = luthier.run(without, out=tmp_path / "without")
    weights = [RunFolder(one.folder).model / "model.safetensors" for one in (result, other)]
    assert len({file_hash(one) for one in weights}) == 2


def test_rows_that_are_scored_besides_are_not_learned(tree, tmp_path):
    made = tree(evaluation={"also": {"old": str(tmp_path / "old.csv")}})
    with pytest.raises(DataError, match=r"(?s)No row of data\.replay is left.*other rows"):
        luthier.run(made, out=tmp_path / "run")


@pytest.mark.parametrize(
    "sections",
    [
        {"method": "lora"},
        {"method": {"name": "head-first", "options": {"head_steps": 2}}},
        {"augmentation": ["eda"]},
        {"baselines": ["from-scratch"]},
        {"data": {"max_tokens": 8, "long_texts": "windows"}},
    ],
)
def test_it_goes_with_what_reads_rows_anew(sections, tree, tmp_path):
    luthier.run(tree(**sections), out=tmp_path / "run")


def test_a_stopped_run_goes_on_to_the_same_weights(tree, tmp_path):
    training = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "use_cpu": True}
    made = tree(training=training)
    assert stopped_at(made, tmp_path / "whole") == 0
    assert stopped_at(made, tmp_path / "parts", "fine-tuning 3") == 9
    assert stopped_at(made, tmp_path / "parts") == 0
    hashes = {
        file_hash(RunFolder(tmp_path / name).model / "model.safetensors")
        for name in ("whole", "parts")
    }
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"method": "linear-probe"}, RecipeError, "data.replay: 'linear-probe' does not read"),
        ({"share": 1.0}, RecipeError, "data.replay.share"),
        ({"old": "absent.csv"}, DataError, "absent.csv"),
        ({"old": "other.csv"}, DataError, "not among the training labels"),
    ],
)
def test_what_cannot_be_replayed_is_refused(changes, kind, words, tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.csv").write_text("text,label\nrain,nonsense\n", encoding="utf-8")
    with pytest.raises(kind, match=words):
        luthier.run(tree(**changes), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_blocks_of_packed_texts_are_refused(tiny_model):
    _, prepared = toy_problem("causal-lm", tiny_model("gpt2", "CausalLM"))
    texts = [f"day {n} is grey" for n in range(9)]
    job = prepared.job.with_problem(replay=Rows.of({"text": texts})).with_plan(replay_share=0.1)
    if prepared.job.problem.items["train"].rows.ndim > 1:
        with pytest.raises(RecipeError, match="packed"):
            with_replay(job)
    else:
        assert len(learned_rows(job)) == len(job.problem.splits.train) + 9

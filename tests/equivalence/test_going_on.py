"""A run that ended early goes on with the same call, and says what it did."""

from dataclasses import replace

import pytest

from luthier import pipeline
from luthier.errors import DataError, RunError, TrainingError
from luthier.records import Rows
from luthier.registry import find
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.training import engine, loop, predict
from tests.torture.trial import file_hash, logged
from tests.toys import toy_rows, toy_tree

TRAINING = {"max_steps": 9, "logging_steps": 1, "save_strategy": "steps", "save_steps": 2}


def tree(tiny_model, **training):
    return toy_tree(
        "text-classification",
        tiny_model("bert"),
        training={**TRAINING, **training},
        baselines=["majority"],
    )


def run(recipe, out, *, rows=None, **options):
    given = {"train": toy_rows("text-classification") if rows is None else rows}
    return RunFolder(pipeline.run(recipe, out=out, data=given, **options).folder)


def model_of(folder):
    return file_hash(folder.model / "model.safetensors")


def stopping_at(step):
    """Make a listener at which a user gives up."""

    def listen(info):
        if info.phase == "fine-tuning" and info.step == step:
            raise Interrupted("Stopped.")

    return listen


@pytest.fixture
def whole(tiny_model, tmp_path):
    return run(tree(tiny_model), tmp_path / "whole")


def interrupted(tiny_model, out, *, at=6, **training):
    with pytest.raises(Interrupted):
        run(tree(tiny_model, **training), out, listeners=[stopping_at(at)])
    return RunFolder(out)


def test_the_same_call_goes_on_to_the_same_weights(tiny_model, tmp_path, whole):
    left = interrupted(tiny_model, tmp_path / "left")
    assert left.state()["state"] == "interrupted"
    assert "was interrupted" in left.report.read_text("utf-8")
    gone_on = run(tree(tiny_model), left.path)
    assert model_of(gone_on) == model_of(whole)
    assert logged(gone_on) == logged(whole)
    first, second = gone_on.attempts()
    assert (first["state"], first["reason"]) == ("interrupted", "Stopped.")
    assert second["resumed"] == [{"phase": "fine-tuning", "step": 4, "notes": []}]
    assert "resumed after step 4 of fine-tuning" in gone_on.report.read_text("utf-8")
    assert not (gone_on.path / "checkpoints").exists()


def test_batches_by_tokens_go_on_to_the_same_weights(tiny_model, tmp_path):
    by_tokens = {"tokens_per_batch": 100, "train_sampling_strategy": "random"}
    left = interrupted(tiny_model, tmp_path / "left", **by_tokens)
    gone_on = run(tree(tiny_model, **by_tokens), left.path)
    whole = run(tree(tiny_model, **by_tokens), tmp_path / "whole")
    assert model_of(gone_on) == model_of(whole)
    assert logged(gone_on) == logged(whole)


def test_going_on_is_told_to_those_who_listen(tiny_model, tmp_path):
    interrupted(tiny_model, tmp_path / "left")
    said = []
    run(tree(tiny_model), tmp_path / "left", listeners=[lambda info: said.append(info.message)])
    assert "resumed after step 4 of 9" in said


def test_a_run_that_died_in_evaluation_trains_no_step_again(
    tiny_model, tmp_path, whole, monkeypatch
):
    def fail(*given, **named):
        raise TrainingError("no power")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "judge_systems", fail)
        with pytest.raises(TrainingError):
            run(tree(tiny_model), tmp_path / "left")
    steps = []
    gone_on = run(tree(tiny_model), tmp_path / "left", listeners=[steps.append])
    assert not [info for info in steps if info.phase == "fine-tuning" and info.rows]
    assert model_of(gone_on) == model_of(whole)


@pytest.mark.parametrize("changed", ["another word", None])
def test_other_rows_are_refused_and_the_first_ones_go_on(tiny_model, tmp_path, changed):
    interrupted(tiny_model, tmp_path / "left")
    rows = toy_rows("text-classification")
    texts = [changed or rows["text"][1], *rows["text"][1:]]
    other = Rows.of({**rows.columns, "text": texts})
    with pytest.raises(RunError) as caught:
        run(tree(tiny_model), tmp_path / "left", rows=other)
    assert "changed: " in caught.value.received
    assert run(tree(tiny_model), tmp_path / "left").state()["state"] == "finished"


@pytest.mark.parametrize("content", ["", '{"sta', "[3]"])
def test_damaged_documents_of_an_unfinished_run_block_no_checkpoint(
    tiny_model, tmp_path, whole, content
):
    left = interrupted(tiny_model, tmp_path / "left")
    for name in ("status", "attempts", "data"):
        (left.path / f"{name}.json").write_text(content)
    gone_on = run(tree(tiny_model), left.path)
    assert gone_on.attempts()[-1]["resumed"][0]["step"] == 4
    assert model_of(gone_on) == model_of(whole)


def test_other_rows_are_refused_by_the_checkpoint_where_documents_are_damaged(tiny_model, tmp_path):
    left = interrupted(tiny_model, tmp_path / "left")
    (left.path / "data.json").write_text("")
    rows = toy_rows("text-classification")
    other = Rows.of({**rows.columns, "text": ["another word", *rows["text"][1:]]})
    with pytest.raises(RunError, match="The rows changed"):
        run(tree(tiny_model), left.path, rows=other)


def test_another_recipe_is_refused(tiny_model, tmp_path):
    interrupted(tiny_model, tmp_path / "left")
    with pytest.raises(RunError) as caught:
        run(tree(tiny_model, learning_rate=1e-3), tmp_path / "left")
    assert "training.learning_rate: 0.01 before, 0.001 now" in caught.value.received


def test_more_steps_are_trained_and_told(tiny_model, tmp_path):
    interrupted(tiny_model, tmp_path / "left", lr_scheduler_type="constant")
    longer = {"lr_scheduler_type": "constant", "max_steps": 12}
    gone_on = run(tree(tiny_model, **longer), tmp_path / "left")
    assert model_of(gone_on) == model_of(run(tree(tiny_model, **longer), tmp_path / "at once"))
    assert "training.max_steps: 9 before, 12 now" in gone_on.report.read_text("utf-8")


def test_a_schedule_that_became_longer_goes_on_at_its_own_rate(tiny_model, tmp_path):
    interrupted(tiny_model, tmp_path / "left")
    gone_on = run(tree(tiny_model, max_steps=18), tmp_path / "left")
    at_once = run(tree(tiny_model, max_steps=18), tmp_path / "at once")
    rates = [
        {row["step"]: row["learning_rate"] for row in logged(one)} for one in (gone_on, at_once)
    ]
    assert all(rates[0][step] == rates[1][step] for step in range(5, 19))


def test_another_pretrained_model_is_refused(tiny_model, tmp_path):
    recipe = tree(tiny_model)
    recipe["model"]["freeze_bottom"] = 1
    with pytest.raises(Interrupted):
        run(recipe, tmp_path / "left", listeners=[stopping_at(6)])
    make = loop.Checkpointer.__init__

    def other(self, job, state, course):
        next(p for p in state.model.parameters() if not p.requires_grad).data.add_(1.0)
        make(self, job, state, course)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Checkpointer, "__init__", other)
        with pytest.raises(RunError, match="The model has changed since this run was started"):
            run(recipe, tmp_path / "left")


def test_without_saving_it_begins_anew(tiny_model, tmp_path):
    left = interrupted(tiny_model, tmp_path / "left", save_strategy="no")
    assert not left.has_work
    assert len(logged(run(tree(tiny_model, save_strategy="no"), left.path))) == 9


def test_checkpoints_are_kept_where_that_is_asked_for(tiny_model, tmp_path):
    done = run(tree(tiny_model, save_total_limit=3), tmp_path / "kept")
    steps = done.checkpoints("fine-tuning").steps()
    assert len(steps) in (3, 4)  # the best beside the newest
    assert steps[0] == 9


def test_a_loss_that_is_no_number_names_the_row_at_fault(tiny_model, tmp_path, monkeypatch):
    summed, victim = engine.Update.summed, {}

    def spoilt(self, batch):
        words = [token for token in batch.inputs["input_ids"][0].tolist() if token]
        victim.setdefault("words", words)
        rows = [[token for token in row.tolist() if token] for row in batch.inputs["input_ids"]]
        return summed(self, batch) * (float("nan") if victim["words"] in rows else 1.0)

    monkeypatch.setattr(engine.Update, "summed", spoilt)
    with pytest.raises(TrainingError) as caught:
        run(tree(tiny_model), tmp_path / "left")
    assert "at step 1," in caught.value.received
    assert caught.value.received.count("toy:") == 1
    assert caught.value.hint == "look at those rows"


def test_predictions_that_do_not_fit_into_memory_are_told(tiny_model, tmp_path, monkeypatch):
    def full(model, batch):
        raise RuntimeError("CUDA out of memory")

    kind = replace(find("inference-kinds", "logits"), infer=full)
    monkeypatch.setattr(predict, "find", lambda *_: kind)
    with pytest.raises(TrainingError) as caught:
        run(tree(tiny_model), tmp_path / "left")
    assert caught.value.hint == "training.per_device_eval_batch_size=16"


def test_a_disk_without_room_is_told_before_training(tiny_model, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    steps = []
    with pytest.raises(RunError, match="no room"):
        run(tree(tiny_model), tmp_path / "left", listeners=[steps.append])
    assert not [info for info in steps if info.rows]


def test_rows_that_cannot_be_learned_leave_a_folder_that_can_be_used_again(tiny_model, tmp_path):
    rows = toy_rows("text-classification")
    bad = Rows.of({**rows.columns, "label": ["only one"] * len(rows)})
    with pytest.raises(DataError):
        run(tree(tiny_model), tmp_path / "again", rows=bad)
    assert run(tree(tiny_model), tmp_path / "again").state()["state"] == "finished"

"""Checkpoints are whole or absent, rotate, and tell what is wrong with them."""

import json

import pytest

from luthier.runs.checkpoints import Store, read_checkpoint
from luthier.runs.seals import MANIFEST, DamagedError


def fill(words):
    return lambda folder: (folder / "file.txt").write_text(words)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "run" / "checkpoints", keep=2)
    for step in (10, 20, 30):
        made.write(step, fill(f"of {step}"), about={"phase": "training"})
    return made


def test_the_newest_is_given_with_what_was_said_of_it(store):
    found, problems = store.newest()
    assert (found.step, found.about, problems) == (30, {"phase": "training"}, [])
    assert (found.path / "file.txt").read_text() == "of 30"


def test_only_as_many_are_kept_as_asked(store):
    assert store.steps() == [30, 20]


def test_one_can_be_spared_beside_the_newest(tmp_path):
    store = Store(tmp_path, keep=1)
    for step in (1, 2, 3, 4):
        store.write(step, fill(""), about={}, spare=2)
    assert store.steps() == [4, 2]


def test_where_nothing_was_saved_nothing_is_found(tmp_path):
    assert Store(tmp_path / "none").newest() == (None, [])


def test_damage_is_named_and_the_one_before_is_given(store):
    (store.folder / "checkpoint-30" / "file.txt").write_text("of 31")
    found, problems = store.newest()
    assert found.step == 20
    assert "checkpoint-30/file.txt was changed after it was written" in problems[0]


def test_where_all_are_damaged_all_are_named(store):
    for step in (20, 30):
        (store.folder / f"checkpoint-{step}" / MANIFEST).unlink()
    found, problems = store.newest()
    assert found is None
    assert len(problems) == 2


def test_a_save_that_fails_leaves_the_others_and_no_trace(store):
    def fail(folder):
        (folder / "half.txt").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.write(40, fail, about={})
    assert store.steps() == [30, 20]
    assert list(store.folder.glob("writing-*")) == []


def test_what_a_crash_left_is_cleared_away(store):
    (store.folder / "writing-40").mkdir()
    store.clear_away()
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "checkpoint-20",
        "checkpoint-30",
    ]


def test_a_checkpoint_of_another_name_is_refused(store):
    (store.folder / "checkpoint-30").rename(store.folder / "checkpoint-99")
    with pytest.raises(DamagedError, match="belongs to step 30"):
        read_checkpoint(store.folder / "checkpoint-99")


def test_a_manifest_that_names_files_elsewhere_is_refused(store, tmp_path):
    (tmp_path / "secret").write_text("")
    path = store.folder / "checkpoint-30" / MANIFEST
    content = json.loads(path.read_text())
    content["files"]["../../../secret"] = {"bytes": 0, "sha256": ""}
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedError):
        read_checkpoint(path.parent)


def test_later_ones_can_be_dropped(store):
    store.drop_after(20)
    assert store.steps() == [20]

"""A desk's file: what stands of its lines, what is torn, and that it is never another file."""

import json

import pytest

from luthier.data.journal import (
    audited,
    is_journal,
    parse_journal,
    rows_of_journal,
    standing,
)
from luthier.errors import DataError, RunError
from luthier.labelling.journal import Journal


def record(name, action="label", label="yes", annotator="ada", audit=False):
    about = {"annotator": annotator, "action": action, "audit": audit, "round": 1, "why": "margin"}
    return {"id": name, "text": f"text {name}", "label": label, **about}


def written(path, *records):
    journal = Journal(path)
    for one in records:
        journal.append(one)
    journal.close()
    return path


def test_what_is_appended_is_read_again(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a"), record("b", label="Schnee ❄ \u202e"))
    journal = Journal(path)
    assert [one["label"] for one in journal.records] == ["yes", "Schnee ❄ \u202e"]
    assert journal.torn == 0
    journal.close()


def test_half_a_pair_of_surrogates_is_kept_as_a_replacement(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a", label="\ud83d"))
    assert json.loads(path.read_text("utf-8"))["label"] == "\ufffd"


@pytest.mark.parametrize("cut", [1, 5, 60, 150])
def test_a_torn_last_line_is_dropped_and_all_before_it_kept(tmp_path, cut):
    path = written(tmp_path / "labels.jsonl", record("a"), record("b"))
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[1]
    path.write_bytes(whole + last[: min(cut, len(last) - 2)])
    journal = Journal(path)
    assert [one["id"] for one in journal.records] == ["a", "b"]
    assert journal.torn == min(cut, len(last) - 2)
    assert path.read_bytes() == whole
    journal.close()


def test_zeros_that_a_power_failure_left_are_dropped(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(500))
    journal = Journal(path)
    journal.append(record("b"))
    journal.close()
    assert path.read_bytes().startswith(whole)
    assert [one["id"] for one in parse_journal(path.read_bytes(), "labels")[0]] == ["a", "b"]


def test_a_last_line_without_its_end_is_whole_and_gets_one(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a"))
    path.write_bytes(path.read_bytes().rstrip())
    journal = Journal(path)
    journal.append(record("b"))
    journal.close()
    assert len(path.read_text("utf-8").splitlines()) == 2
    assert len(parse_journal(path.read_bytes(), "labels")[0]) == 2


def test_a_file_that_went_through_windows_is_read(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a"), record("b"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert is_journal(path)
    journal = Journal(path)
    journal.append(record("c"))
    journal.close()
    assert [one["id"] for one in parse_journal(path.read_bytes(), "labels")[0]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "content", [b'{"text": "mine"}\n', b"a,b\n1,2\n", b'{"text": "mine"', b"no line end", b"[1]"]
)
def test_another_kind_of_file_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not as a labelling desk wrote it") as caught:
        Journal(path)
    assert "--out" in caught.value.hint
    assert path.read_bytes() == content
    assert not is_journal(path)


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a"), record("b"), record("c"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b'{"id": "b", \n' + lines[2])
    with pytest.raises(DataError) as caught:
        Journal(path)
    assert "line 2" in caught.value.received


def test_two_desks_cannot_write_to_one_file(tmp_path):
    first = Journal(tmp_path / "labels.jsonl")
    with pytest.raises(RunError, match="Another desk is writing labels") as caught:
        Journal(tmp_path / "labels.jsonl")
    assert "--out" in caught.value.hint
    other = Journal(tmp_path / "others.jsonl")
    other.close()
    first.close()
    Journal(tmp_path / "labels.jsonl").close()


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DataError, match="folder for the labels does not exist"):
        Journal(tmp_path / "nowhere" / "labels.jsonl")


def test_an_answer_that_cannot_be_written_is_told_and_leaves_no_half(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a"))
    before = path.read_bytes()
    journal = Journal(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="could not be kept"):
        journal.append(record("b"))
    assert [one["id"] for one in journal.records] == ["a"]
    path.rmdir()
    path.write_bytes(before)
    journal.append(record("b"))
    journal.close()
    assert len(parse_journal(path.read_bytes(), "labels")[0]) == 2


def test_the_last_line_on_a_row_counts_for_each_annotator():
    records = [
        record("a", label="no"),
        record("b"),
        record("a", "undo", None),
        record("a", label="yes"),
        record("b", "undo", None),
        record("c", "skip", None),
        record("c", label="no", annotator="bo"),
        record("", "names"),
    ]
    assert [(n, one["label"]) for n, one in standing(records)] == [(3, "yes"), (6, "no")]


def test_rows_to_train_on_are_the_answers_that_stand(tmp_path):
    path = written(
        tmp_path / "labels.jsonl",
        record("a", label="no"),
        record("a", "undo", None),
        record("b", audit=True),
        record("c"),
    )
    rows = rows_of_journal(path)
    assert list(rows["text"]) == ["text b", "text c"]
    assert rows.where(1).endswith("labels.jsonl:4")
    assert list(rows_of_journal(path, audit=True)["text"]) == ["text b"]
    assert list(rows_of_journal(path, audit=False)["text"]) == ["text c"]


def test_a_file_without_answers_trains_nothing(tmp_path):
    path = written(tmp_path / "labels.jsonl", record("a", "skip", None))
    with pytest.raises(DataError, match="has no answers yet"):
        rows_of_journal(path)


def test_audit_rows_score_and_are_not_trained_on_where_they_do(tmp_path):
    path = str(written(tmp_path / "labels.jsonl", record("a")))
    assert audited("test", path, path) is True
    assert audited("train", path, path) is False
    assert audited("train", ["a.csv", path], path) is False
    assert audited("train", path, "test.csv") is None
    assert audited("train", path, None) is None
    assert audited("train", {"text": ["in memory"]}, None) is None

"""Records keep rows together and flat sequences apart."""

import numpy as np
import pytest

from luthier import ragged as ragged_module
from luthier.items import ItemField, Items
from luthier.ragged import Ragged, RaggedWriter
from luthier.records import Rows, Target


def test_rows_say_where_they_stood_after_being_taken():
    rows = Rows.of({"text": ["a", "b", "c"]}, name="f.csv").take([2, 0])
    assert list(rows["text"]) == ["c", "a"]
    assert [rows.where(0), rows.where(1)] == ["f.csv:3", "f.csv:1"]


def test_rows_without_columns_are_empty():
    assert len(Rows.of({})) == 0


def test_ragged_gives_back_what_was_laid_end_to_end():
    sequences = [[1, 2, 3], [], [4]]
    ragged = Ragged.of(sequences)
    assert [ragged[i].tolist() for i in range(len(ragged))] == sequences
    assert ragged.lengths.tolist() == [3, 0, 1]


def test_items_whose_rows_are_kept_whole_cost_what_rows_do():
    items = Items({"features": ItemField(np.zeros((4, 8)))}, None, np.ones(4, int), np.ones(4, int))
    assert items.kept.tolist() == items.cost.tolist() == [1, 1, 1, 1]
    assert items.rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("target", "answer", "written"),
    [
        (Target("single-label", ("no", "yes")), 1, "yes"),
        (Target("multi-label", ("a", "b")), [True, False], ["a"]),
        (Target("number", ("value",)), np.float32(2.5), 2.5),
    ],
)
def test_answers_are_spelt_by_kind(target, answer, written):
    assert target.to_json(answer) == written


@pytest.mark.parametrize("width", [(), (2,)])
def test_taking_sequences_gives_them_in_the_order_asked_for(width):
    random = np.random.default_rng(0)
    sequences = [random.integers(0, 99, size=(n, *width)) for n in random.integers(0, 5, size=50)]
    ragged = Ragged.of(sequences, dtype=np.int16, width=width)
    chosen = random.integers(0, 50, size=80)
    for part in (chosen, chosen[:0]):
        taken = ragged.take(part)
        assert taken.values.dtype == np.int16
        assert [taken[i].tolist() for i in range(len(taken))] == [
            sequences[row].tolist() for row in part
        ]


def test_taking_many_sequences_goes_chunk_by_chunk(monkeypatch):
    monkeypatch.setattr(ragged_module, "CHUNK", 3)
    ragged = Ragged.of([[1], [2, 3], [], [4, 5, 6]])
    taken = ragged.take(np.array([3, 1, 2, 0, 3, 1, 3]))
    assert taken.values.tolist() == [4, 5, 6, 2, 3, 1, 4, 5, 6, 2, 3, 4, 5, 6]
    assert taken.lengths.tolist() == [3, 2, 0, 1, 3, 2, 3]


SEQUENCES = [list(range(n % 7)) for n in range(500)]


@pytest.mark.parametrize("large", [1 << 30, 100, 1])
def test_a_writer_lays_chunks_end_to_end_in_memory_or_in_a_file(large):
    writer = RaggedWriter(np.int8, large=large)
    for start in range(0, 500, 64):
        writer.add(SEQUENCES[start : start + 64])
    made = writer.finish()
    assert [made[i].tolist() for i in range(len(made))] == SEQUENCES
    assert made.values.dtype == np.int8
    assert (made.values.base is not None) == (large < 1 << 30)


def test_what_was_written_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    writer = RaggedWriter(large=1)
    writer.add([[1, 2], [3]])
    made = writer.finish()
    assert isinstance(made.values.base, np.memmap)
    assert list(tmp_path.iterdir()) == []
    assert made.take(np.array([1, 0])).values.tolist() == [3, 1, 2]


def test_a_writer_stays_in_memory_where_the_disk_is_full(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 0}))
    writer = RaggedWriter(large=1)
    writer.add([[1, 2], [3]])
    assert not isinstance(writer.finish().values.base, np.memmap)


def test_nothing_written_is_empty():
    assert len(RaggedWriter().finish()) == 0


def test_rows_show_how_many_they_are_and_not_their_cells():
    rows = Rows.of({"text": ["a long text"] * 2000, "label": ["yes"] * 2000}, name="a.csv")
    assert repr(rows) == "<2,000 rows of a.csv: text, label>"

"""Many rows are read and looked at in little memory, and nothing else changes by it."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from luthier.data.doctor import near_duplicates
from luthier.data.readers.read import read

N_ROWS, N_CHARACTERS = 20_000, 100


def lines(n_rows: int) -> list[str]:
    return [f"{index:0{N_CHARACTERS}},{('bad', 'good')[index % 2]}" for index in range(n_rows)]


@pytest.mark.parametrize(
    ("first", "encoding"), [("a", "utf-8"), ("😀", "utf-8"), ("’ é é é", "cp1252")]
)
def test_a_file_takes_its_bytes_and_its_rows(tmp_path, first, encoding):
    text = "\n".join(["text,label", f"{first},good", *lines(N_ROWS)])
    path = tmp_path / "a.csv"
    path.write_text(text, encoding=encoding)
    read(path)  # what is loaded once
    tracemalloc.start()
    rows, _ = read(path)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows) == N_ROWS + 1
    text_itself, cell = len(text), N_CHARACTERS + 49  # a string has a head of 49 bytes
    assert kept < 1.4 * N_ROWS * cell
    more = 2.5 * text_itself if encoding == "cp1252" else 0  # the page is found on whole texts
    assert peak < 1.2 * text_itself + 1.4 * N_ROWS * cell + more


def test_repeated_cells_are_kept_once(tmp_path):
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *lines(100)]))
    labels = read(tmp_path / "a.csv")[0]["label"]
    assert len({id(label) for label in labels}) == 2


def test_utf_16_without_a_mark_is_read_where_it_is_asked_for(tmp_path):
    (tmp_path / "a.csv").write_bytes("text\ngood 😀\n".encode("utf-16")[2:])
    assert read(tmp_path / "a.csv", encoding="utf-16")[0]["text"] == ["good 😀"]


def test_near_duplicates_are_the_same_with_some_bands_at_a_time(monkeypatch):
    draw = random.Random(0)
    words = [f"word{index}" for index in range(50)]
    texts = [" ".join(draw.choices(words, k=12)) for _ in range(60)]
    texts += [text.replace("word1", "ward1") for text in texts[:20] if "word1" in text]
    pairs = near_duplicates.similar_pairs(texts)
    assert len(pairs) > 5
    for n_bands in (1, 7):
        n_bytes = n_bands * near_duplicates.BAND_HASHES * 4 * len(texts)
        monkeypatch.setattr(near_duplicates, "MOST_SIGNATURES", n_bytes)
        assert near_duplicates.similar_pairs(texts) == pairs

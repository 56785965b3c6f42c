import json

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError

LONG = "a" * 5000
TMX = '<tmx><body><tu><tuv xml:lang="en"><seg>{}</seg></tuv></tu></body></tmx>'
FILES = {
    "line.csv": (f"text,label\nshort,1\n{LONG},0\n", "line.csv:3 has more"),
    "commas.csv": ("text,label\nshort,1\n" + "," * 5000, "line.csv:3".replace("line", "commas")),
    "quote.csv": ('text,label\nshort,1\n"' + "one, two, and\nthree\n" * 500, "starts in line 3"),
    "line.tsv": (f"text\tlabel\nshort\t1\n{LONG}\t0\n", "line.tsv:3 has more"),
    "carriage.csv": (f"text,label\rshort,1\r{LONG},0\r", "carriage.csv:1 has more"),
    "line.jsonl": ('{"text": "b"}\n' + json.dumps({"text": LONG}), "line.jsonl:2 has more"),
    "text.json": (json.dumps([{"text": "b"}, {"text": LONG}], indent=1), "text.json:6 has more"),
    "quotes.json": (json.dumps([{"text": 'b"' * 2500}]), "quotes.json:1:text has 5,000"),
    "line.txt": (f"short\n{LONG}\n", "line.txt:2 has more"),
    "line.conll": (f"short O\n{LONG} O\n", "line.conll:2 has more"),
    "text.tmx": (TMX.format(LONG), "text.tmx:1 has more"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_line_or_text_without_end_is_refused_with_its_place_and_the_field(name, tmp_path):
    content, place = FILES[name]
    (tmp_path / name).write_text(content, newline="")
    with pytest.raises(DataError, match="at most 4,000 bytes") as refused:
        read(str(tmp_path / name), max_row_bytes=4000)
    assert place in str(refused.value)
    assert "data.max_row_bytes=" in str(refused.value.hint)


@pytest.mark.parametrize("name", ["line.csv", "line.jsonl", "text.json", "quotes.json", "line.txt"])
def test_the_limit_that_the_error_names_is_enough(name, tmp_path):
    (tmp_path / name).write_text(FILES[name][0])
    with pytest.raises(DataError) as refused:
        read(str(tmp_path / name), max_row_bytes=4000)
    named = int(str(refused.value.hint).rpartition("=")[2])
    rows, _ = read(str(tmp_path / name), max_row_bytes=named)
    assert any(len(str(cell)) >= 5000 for cells in rows.columns.values() for cell in cells)


def test_lines_may_be_as_long_as_the_limit_wherever_blocks_end(tmp_path):
    lines = ["text"] + ["b" * n for n in (99, 100, 1, 100, 100, 37, 100)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    assert len(read(str(tmp_path / "a.txt"), max_row_bytes=100)[0]) == len(lines)
    (tmp_path / "a.txt").write_text("\n".join([*lines, "b" * 101]))
    with pytest.raises(DataError, match=f"a.txt:{len(lines) + 1} has more"):
        read(str(tmp_path / "a.txt"), max_row_bytes=100)


def test_a_cell_of_a_parquet_file_has_the_same_limit(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["b", LONG]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet:2:text has 5,000"):
        read(str(tmp_path / "a.parquet"), max_row_bytes=4000)


def test_a_parallel_file_and_a_text_in_a_folder_of_labels_have_it_too(tmp_path):
    (tmp_path / "a.en").write_text("short\n")
    (tmp_path / "a.de").write_text(LONG)
    with pytest.raises(DataError, match=r"a\.de:1 has more"):
        read(str(tmp_path / "a.{en,de}"), max_row_bytes=4000)
    for label in ("good", "bad"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "1.txt").write_text(LONG)
    with pytest.raises(DataError, match=r"1\.txt:1 has more"):
        read(str(tmp_path / "texts"), max_row_bytes=4000)

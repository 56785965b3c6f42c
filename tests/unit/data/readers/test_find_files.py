"""Links of a data folder stay in it, and small tables that unpack to huge ones are refused."""

import pyarrow
import pyarrow.parquet
import pytest

from luthier.data.readers import frames
from luthier.data.readers.find_files import find_files
from luthier.data.readers.read import read
from luthier.errors import DataError


def test_a_link_out_of_a_data_folder_is_refused_and_one_inside_is_read(tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "a.csv").write_text("text,label\ngood,yes\n")
    (folder / "b.csv").symlink_to("a.csv")
    assert len(find_files(folder)) == 2
    (tmp_path / "secret.csv").write_text("text,label\n")
    (folder / "c.csv").symlink_to("../secret.csv")
    with pytest.raises(DataError, match=r"c\.csv is a link that leads out") as caught:
        find_files(folder)
    assert f"data.train={folder / 'c.csv'}" in caught.value.hint
    assert find_files(folder / "c.csv")  # named by the user, it is meant


@pytest.mark.parametrize("name", ["rows.csv.bz2", "rows.7z"])
def test_an_archive_is_to_be_unpacked_first(name, tmp_path):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read") as caught:
        find_files(tmp_path / name)
    assert caught.value.hint == "unpack it first"


def test_a_small_table_that_says_it_holds_much_is_refused(tmp_path, monkeypatch):
    n_rows = 1_000_000
    column = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * n_rows, type=pyarrow.int8()), pyarrow.array(["x"])
    )
    path = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), path)
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(frames, "LARGE", n_rows // 2)
    with pytest.raises(DataError, match=r"bomb\.parquet is small, but would unpack") as caught:
        read(str(path))
    assert "1,000,000 cells" in caught.value.received

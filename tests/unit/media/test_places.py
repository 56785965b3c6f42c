"""Files that rows name are found beside them, and nowhere else."""

import os

import numpy as np
import pytest

from luthier.errors import DataError
from luthier.media.places import source_of, sources_of


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "cats" / "a.png").write_bytes(b"x")
    (tmp_path / "secret.png").write_bytes(b"y")
    return tmp_path


def test_paths_are_relative_to_the_media_or_to_the_file_of_the_row(folder):
    rows = str(folder / "photos" / "rows.csv")
    wanted = os.path.join(str(folder / "photos"), "cats/a.png")
    assert sources_of(["cats/a.png", "cats\\a.png"], [rows] * 2, ["1", "2"], None) == [wanted] * 2
    media = str(folder / "photos")
    assert sources_of(["cats/a.png"], ["elsewhere.csv"], ["1"], media) == [wanted]


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "cats/../../secret.png", "/etc/passwd", "C:\\x.png", "https://a.b/c.png",
     "file:///etc/passwd", "..\\secret.png", "a\0b.png"],
)  # fmt: skip
def test_a_path_in_a_file_does_not_lead_out_of_its_folder(folder, name):
    with pytest.raises(DataError, match="leads out") as refused:
        source_of(name, str(folder / "photos"), "rows.csv:2")
    assert "rows.csv:2" in refused.value.problem


def test_a_link_that_leads_out_is_refused(folder):
    (folder / "photos" / "link.png").symlink_to(folder / "secret.png")
    with pytest.raises(DataError, match="leads out"):
        source_of("link.png", str(folder / "photos"), "rows.csv:2")


def test_what_a_program_gives_is_taken_as_it_is(folder):
    path = str(folder / "secret.png")
    media = str(folder / "photos")
    assert sources_of([path], ["texts"], ["texts:1"], None) == [path]
    assert sources_of([path], ["texts"], ["texts:1"], media) == [path]
    wanted = [os.path.join(media, "cats/a.png")]
    assert sources_of(["cats/a.png"], ["memory"], ["memory:1"], media) == wanted


def test_cells_may_hold_what_a_file_holds():
    pixels = np.zeros((2, 2, 3))
    assert source_of(pixels, "x", "") is pixels
    assert source_of({"bytes": b"ab", "path": "a.png"}, "x", "") == b"ab"
    assert source_of({"bytes": None, "path": "a.png"}, None, "") == "a.png"
    for empty in (None, "", "  ", float("nan"), {"bytes": None, "path": None}):
        assert source_of(empty, "x", "") is None
    with pytest.raises(DataError, match="neither the path"):
        source_of(3, "x", "rows.csv:2")

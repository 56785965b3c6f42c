"""Files are written whole or not at all, and disks that are full or shut are told of."""

import errno
import os

import pytest

from luthier.errors import RunError
from luthier.runs.files import is_temporary, read_lines, telling_of_disk, write_whole


def failing(number, path=None):
    raise OSError(number, os.strerror(number), path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_the_way_to_go_on(number, tmp_path):
    with pytest.raises(RunError, match="disk is full") as caught, telling_of_disk(tmp_path):
        failing(number)
    assert "the same command again" in caught.value.hint


def test_a_folder_that_may_not_be_written_to_is_told(tmp_path):
    with pytest.raises(RunError, match="cannot be written"), telling_of_disk(tmp_path):
        failing(errno.EROFS, str(tmp_path / "status.json"))


@pytest.mark.parametrize(("number", "path"), [(errno.EACCES, "/elsewhere"), (errno.ENOENT, None)])
def test_what_the_run_folder_is_not_to_blame_for_is_left_alone(number, path, tmp_path):
    with pytest.raises(OSError, match=os.strerror(number)), telling_of_disk(tmp_path):
        failing(number, path)


def test_what_cannot_be_written_whole_leaves_what_was_there(tmp_path):
    path = tmp_path / "file.txt"
    write_whole(path, ["before"])

    def pieces():
        yield "half"
        failing(errno.ENOSPC)

    with pytest.raises(OSError, match="space"):
        write_whole(path, pieces())
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["file.txt"]


def test_a_name_that_was_never_given_is_temporary(tmp_path):
    assert is_temporary(tmp_path / "status.json.tmp-17")
    assert not is_temporary(tmp_path / "status.json")


def test_a_torn_last_line_is_passed_over_and_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"step": 1}\n{"step"')
    assert list(read_lines(path)) == [{"step": 1}]
    path.write_text('{"step"\n')
    with pytest.raises(RunError, match=r"events\.jsonl of this run"):
        list(read_lines(path))

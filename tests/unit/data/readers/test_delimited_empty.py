"""A file without a single cell is called empty, whatever characters it has."""

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError


@pytest.mark.parametrize("content", ["", "\n\n", '""', '""\n'])
def test_a_file_without_cells_is_called_empty(content, tmp_path):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path / "a.csv")

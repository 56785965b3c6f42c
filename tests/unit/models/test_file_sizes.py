"""Files of a model that would be read whole are bounded before they are."""

import struct

import pytest

from luthier.errors import ModelError
from luthier.models.locate import locate
from tests.tiny import write_tiny_model


@pytest.fixture
def folder(tmp_path):
    return write_tiny_model("bert", tmp_path / "model")


def grow(path, n_bytes):
    with path.open("ab") as file:
        file.truncate(n_bytes)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "config.json", "chat_template.jinja", "a.model"]
)
def test_a_file_that_would_be_read_whole_is_bounded(name, folder):
    grow(folder / name, 1 << 30)
    with pytest.raises(ModelError, match=f"{name} may have at most") as caught:
        locate(str(folder))
    assert "1,073,741,824 bytes" in caught.value.received


def test_a_file_that_nothing_opens_may_be_of_any_size(folder):
    grow(folder / "train.json", 1 << 30)
    assert locate(str(folder)) == str(folder)


@pytest.mark.parametrize("claimed", [1 << 20, 1 << 63])
def test_a_header_that_claims_more_than_the_file_has_is_told_with_both_numbers(claimed, folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", claimed) + b"{}" * 20)
    with pytest.raises(ModelError, match="at most 40 bytes") as caught:
        locate(str(folder))
    assert f"it says {claimed:,}; the file has 48" in caught.value.received

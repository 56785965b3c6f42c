"""Every field is padded to its longest item, in its own kind of number, on the side asked for."""

import numpy as np
import pytest

from luthier.items import Files, ItemField
from luthier.padding import pad
from luthier.ragged import Ragged

BOTH = np.array([1, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_stay_floats_whatever_their_width(dtype):
    dense = ItemField(np.array([[0.25, 0.75], [0.5, 0.5]], dtype=dtype))
    ragged = ItemField(Ragged.of([[0.25], [0.5, 0.75]], dtype=dtype))
    batch = pad({"dense": dense, "ragged": ragged}, BOTH)
    assert batch["dense"].tolist() == [[0.5, 0.5], [0.25, 0.75]]
    assert batch["ragged"].tolist() == [[0.5, 0.75], [0.25, 0.0]]
    assert {one.dtype for one in batch.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16, bool])
def test_whole_numbers_and_booleans_become_int64(dtype):
    batch = pad({"a": ItemField(np.array([0, 1], dtype=dtype))}, BOTH)
    assert batch["a"].tolist() == [1, 0]
    assert batch["a"].dtype == np.int64


@pytest.mark.parametrize(
    ("side", "ids", "mask"),
    [
        ("right", [[4, 5, 6], [7, 9, 9]], [[1, 1, 1], [1, 0, 0]]),
        ("left", [[4, 5, 6], [9, 9, 7]], [[1, 1, 1], [0, 0, 1]]),
    ],
)
def test_masks_mark_real_places_on_either_side(side, ids, mask):
    field = ItemField(Ragged.of([[7], [4, 5, 6], [1] * 8]), fill=9, mask="attention_mask")
    batch = pad({"input_ids": field}, BOTH, side=side)
    assert batch["input_ids"].tolist() == ids
    assert batch["attention_mask"].tolist() == mask


def test_a_mask_that_an_item_brings_is_kept():
    fields = {
        "attention_mask": ItemField(Ragged.of([[1], [0, 1]])),
        "input_ids": ItemField(Ragged.of([[7], [4, 5]]), mask="attention_mask"),
    }
    assert pad(fields, BOTH)["attention_mask"].tolist() == [[0, 1], [1, 0]]


def test_sequences_of_vectors_are_padded_along_their_first_axis():
    frames = Ragged.of([np.ones((1, 2)), np.full((3, 2), 0.5)], dtype=np.float32, width=(2,))
    batch = pad({"frames": ItemField(frames, fill=-1.0)}, BOTH)
    assert batch["frames"].shape == (2, 3, 2)
    assert batch["frames"][1].tolist() == [[1, 1], [-1, -1], [-1, -1]]


@pytest.mark.parametrize("sizes", [(2, 2), (1, 3)], ids=["of one size", "of unequal sizes"])
def test_files_are_opened_when_they_are_batched_and_not_before(sizes):
    opened = []

    def read(path):
        opened.append(path)
        return np.full(sizes[int(path)], 0.5 + int(path))

    field = ItemField(Files(["0", "1"], read), mask="mask").take(BOTH)
    assert opened == []
    batch = pad({"values": field}, np.array([0]))
    assert opened == ["1"]
    assert batch["values"].tolist() == [[1.5] * sizes[1]]
    both = pad({"values": field}, np.array([0, 1]))["values"]
    assert both.dtype == np.float32
    assert both[1].tolist() == [0.5] * sizes[0] + [0.0] * (sizes[1] - sizes[0])


def test_no_items_are_padded_to_nothing():
    batch = pad({"input_ids": ItemField(Ragged.of([[1, 2]]), mask="mask")}, np.zeros(0, dtype=int))
    assert batch["input_ids"].shape == batch["mask"].shape == (0, 0)

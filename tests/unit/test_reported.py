"""Work far below a listener is shown, and leaves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.columns import Limits
from luthier.inputs.image import Image
from luthier.models.media_descriptor import MediaDescriptor
from luthier.reported import counted, reporting_to


def test_what_is_counted_is_reported_to_the_innermost_listener():
    outer, inner = [], []
    with reporting_to(outer.append):
        with reporting_to(inner.append):
            assert [*counted("reading", "ab")] == ["a", "b"]
        assert [*counted("writing", "c")] == ["c"]
    assert [(one.phase, one.step, one.n_steps) for one in inner] == [
        ("reading", 1, 2),
        ("reading", 2, 2),
    ]
    assert [one.phase for one in outer] == ["writing"]


def test_without_a_listener_nothing_is_reported():
    assert [*counted("reading", [1, 2])] == [1, 2]


def test_a_listener_is_let_go_where_the_work_fails():
    seen = []
    with pytest.raises(KeyError), reporting_to(seen.append):
        raise KeyError
    assert [*counted("reading", [1])] == [1]
    assert seen == []


def test_descriptions_of_images_are_counted():
    seen = []
    pixels = np.zeros((9, 9, 3), dtype=np.uint8)
    with reporting_to(seen.append):
        MediaDescriptor("thumbnail").vectors([pixels, None, pixels], Image(), Limits(0))
    assert [(one.phase, one.step) for one in seen] == [("describing image", n) for n in (1, 2, 3)]

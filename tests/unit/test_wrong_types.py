"""What is no recipe and no folder is refused in words, from Python too."""

import pytest

import luthier
from luthier.errors import LuthierError


@pytest.mark.parametrize("wrong", [3, None, ["recipe.yaml"], b"recipe.yaml"])
def test_wrong_types_are_users_errors(wrong):
    for call in (luthier.run, luthier.load):
        with pytest.raises(LuthierError) as caught:
            call(wrong)
        assert type(wrong).__name__ in caught.value.received

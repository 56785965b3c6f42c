"""Names lead to classes; mistyped names to the nearest one."""

import pytest

from luthier.errors import RecipeError
from luthier.registry import CATALOGUE, find, names


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_name_leads_to_a_class_of_that_name(kind):
    assert [find(kind, name).name for name in names(kind)] == list(names(kind))


def test_a_mistyped_name_is_answered_with_the_nearest():
    with pytest.raises(RecipeError) as caught:
        find("methods", "lorra")
    assert "lora" in caught.value.hint


def test_a_strange_name_is_answered_with_all():
    with pytest.raises(RecipeError) as caught:
        find("tasks", "zzzz")
    assert "text-classification" in caught.value.hint

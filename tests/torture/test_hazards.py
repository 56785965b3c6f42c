"""Input without end and mistakes in models are refused in words; `make torture` counts all."""

import pytest

from tests.torture.hazards import fault, hazards
from tests.torture.hostile import Workshop

pytestmark = pytest.mark.slow
HAZARDS = hazards()
FEW = (  # one of each kind that no test of a unit opens as a user does
    "run quotes.json",
    "hole.csv",
    "run of 5,000 letters",
    "weights: a header longer than the file",
    "tokenizer: an id far beyond the embedding",
    "pairs for a model of one kind of token",
    "generation_config: sampling",
    "template: a text times a number",
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"))


def test_hazards_are_many_and_of_different_names():
    assert len({one.name for one in HAZARDS}) == len(HAZARDS) >= 80


@pytest.mark.parametrize("name", FEW)
def test_a_hazard_is_refused_in_words_and_in_little_memory(name, workshop):
    number = next(at for at, one in enumerate(HAZARDS) if one.name == name)
    assert fault(HAZARDS[number], workshop.open(HAZARDS[number], number)) == ""

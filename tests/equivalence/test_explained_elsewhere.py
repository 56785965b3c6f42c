"""Models that are trained or kept in other ways are explained as what they are."""

import numpy as np
import pytest

import luthier
from luthier.errors import ModelError
from luthier.explaining.explain import answer_rows, explain_rows
from luthier.models.low_precision import ROUNDED
from tests.explained import answered
from tests.toys import toy_rows, toy_tree

TEXT = "Day 2: snow over the coast, they say."


@pytest.fixture(scope="module")
def given(tiny_model):
    return answered("text-classification", tiny_model("bert"))


@pytest.mark.parametrize("precision", ROUNDED)
def test_a_rounded_model_is_explained_as_it_is_rounded(precision, given):
    rounded = ROUNDED[precision](given.model)
    again = answer_rows(rounded, given.codec, given.rows, batch_size=8)
    (explained,) = next(iter(explain_rows(again, by="occlusion")))
    exact = next(iter(explain_rows(given, by="occlusion")))[0].attribution
    found = explained.attribution
    assert found.score != exact.score
    assert found.score == pytest.approx(exact.score, abs=0.1)
    assert found.values == pytest.approx(exact.values, abs=0.1)


def test_gradients_do_not_pass_integers(given):
    again = answer_rows(ROUNDED["int8"](given.model), given.codec, given.rows, batch_size=8)
    with pytest.raises(ModelError, match="weights are integers") as refused:
        next(iter(explain_rows(again)))
    assert refused.value.hint == "--by occlusion"


@pytest.mark.parametrize("engine", ["torch", "tensorflow"])
def test_a_run_and_what_is_exported_of_it_are_explained_alike(engine, tiny_model, tmp_path):
    tree = toy_tree(
        "text-classification", tiny_model("bert"), baselines=[], training={"max_steps": 2}
    )
    tree["training"] |= {"use_cpu": True}
    run = luthier.run(
        {**tree, "engine": engine},
        out=tmp_path / "run",
        data={"train": toy_rows("text-classification")},
    )
    (by_run,) = luthier.load(run.folder).explain(TEXT)
    luthier.export(run.folder, tmp_path / "exported")
    (by_export,) = luthier.load(tmp_path / "exported").explain(TEXT)
    assert by_run.attribution.error <= 0.01
    assert np.abs(by_run.attribution.values).max() > 1e-6
    assert by_export.attribution.values == pytest.approx(by_run.attribution.values, abs=1e-4)

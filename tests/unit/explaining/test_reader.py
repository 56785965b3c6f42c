"""What a reader tells of tiny models of every family, against answers of the models themselves."""

import numpy as np
import pytest

from luthier.explaining.explain import answer_rows, explain_rows, make_explainer
from luthier.task_types.explained_texts import log_odds
from tests.tiny import JUDGES
from tests.toys import toy_problem

FAMILIES = [*JUDGES, "bart", "t5"]


@pytest.fixture(scope="module")
def answered(tiny_model):
    made = {}

    def of(family, **sections):
        if (family, *sections) not in made:
            _, prepared = toy_problem("text-classification", tiny_model(family), **sections)
            problem = prepared.job.problem
            model = prepared.job.session.make_model(True).eval()
            sharpen(model)
            rows = problem.splits.test.take(range(2))
            made[family, *sections] = answer_rows(
                model, problem.codec, rows, batch_size=8, gold=problem.codec.gold(rows)
            )
        return made[family, *sections]

    return of


def sharpen(model):
    """Make a model of random weights sure enough that its words matter."""
    for name, one in model.named_parameters():
        if "classif" in name or "score" in name or "logits_proj" in name:
            one.data *= 20


@pytest.mark.parametrize("family", FAMILIES)
def test_integrated_gradients_add_up(family, answered):
    for (explained,) in explain_rows(answered(family)):
        found = explained.attribution
        assert found.error <= 0.01
        assert found.values.sum() == pytest.approx(
            found.score - found.reference, rel=0.011, abs=2e-3
        )
        assert np.abs(found.values).max() > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_occlusion_is_what_the_model_answers_without_the_word(family, answered):
    given = answered(family)
    (explained,), _ = explain_rows(given, by="occlusion")
    label = int(given.predictions.answers[0])
    mask = explained.replaced_by
    n_compared = 0
    # heads of decoders read the last token that is no padding: a text that ends with it is another
    for index, (first, past) in enumerate(explained.words.spans[:-1]):
        text = given.rows["text"][0]
        changed = type(given.rows).of({"text": [f"{text[:first]}{mask}{text[past:]}"]})
        again = answer_rows(given.model, given.codec, changed, batch_size=8)
        is_kept = explained.words.of_tokens != index
        if len(ids(again)) != len(is_kept) or (ids(again) != ids(given))[is_kept].any():
            continue  # it has several tokens, or those around it are others now
        expected = explained.attribution.score - log_odds(again.predictions.outputs[0], label)
        assert explained.attribution.values[index] == pytest.approx(expected, abs=1e-4)
        n_compared += 1
    assert n_compared > 2


def ids(answered):
    return answered.items.inputs["input_ids"].values[0]


@pytest.mark.parametrize("family", ["bert", "xlnet", "gpt2"])
def test_deleted_words_are_as_if_never_written(family, answered):
    given = answered(family)
    reader = given.reader(given.decisions(0)[0])
    without = np.zeros((3, reader.n_words), dtype=bool)
    without[1, 0] = without[2, :3] = True
    label = int(given.predictions.answers[0])
    spans = given.codec.words(given.items, 0, given.rows).spans
    text = given.rows["text"][0]
    texts = [text, text[spans[1][0] :], text[spans[3][0] :]]
    again = answer_rows(
        given.model, given.codec, type(given.rows).of({"text": texts}), batch_size=8
    )
    expected = [log_odds(one, label) for one in again.predictions.outputs]
    assert reader.scores(without, delete=True) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("by", ["gradient-x-input", "gradient-norm"])
def test_other_gradients_are_those_of_the_decision(by, answered):
    """A step along a word's vector changes the decision by what the gradient says."""
    given = answered("bert")
    reader = given.reader(given.decisions(0)[0])
    scores, slopes = reader.slopes(np.array([1.0, 1.0 - 1e-3]), from_zero=True)
    assert (scores[0] - scores[1]) / 1e-3 == pytest.approx(slopes[0].sum(), rel=0.05, abs=1e-3)
    values = make_explainer(by).explain(reader).values
    assert values == pytest.approx(slopes[0] if by == "gradient-x-input" else reader.norms()[1])


@pytest.mark.parametrize(
    "model", [{"pooling": "mean"}, {"pooling": "attention", "head_hidden_layers": [8]}]
)
def test_heads_of_our_own_are_explained(model, answered):
    for (explained,) in explain_rows(answered("bert", model=model)):
        assert explained.attribution.error <= 0.01

"""Integrated gradients are those of captum, an independent library, on the same log-odds."""

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

from luthier.explainers.integrated_gradients import IntegratedGradients
from luthier.explaining.explain import make_explainer
from tests.explained import answered

POINTS = 80  # Gauss-Legendre, which is exact to rounding at far fewer
CASES = [
    *(("text-classification", family) for family in ("bert", "roberta", "deberta-v2", "bart")),
    *(("token-classification", family) for family in ("bert", "distilbert")),
    *(("question-answering", family) for family in ("bert", "bart")),
    ("pair-classification", "bert"),
]


@pytest.mark.filterwarnings("ignore:Multiple layers provided")
@pytest.mark.parametrize(("task", "family"), CASES)
def test_values_are_those_of_captum(task, family, tiny_model):
    given = answered(task, tiny_model(family))
    decision = given.decisions(0)[0]
    reader = given.reader(decision)
    explainer = IntegratedGradients(
        IntegratedGradients.Options(points=128, most_points=128, tolerance=1e-9)
    )
    ours = explainer.explain(reader)
    assert ours.values == pytest.approx(by_captum(given, decision, reader), abs=1e-4)
    usual = make_explainer("integrated-gradients").explain(reader).values
    assert usual == pytest.approx(ours.values, abs=1e-2 * np.abs(ours.values).max() + 1e-4)


def by_captum(given, decision, reader):
    """Sum captum's values of tokens to words."""
    model = given.model
    inputs = {
        name: torch.from_numpy(one)
        for name, one in given.codec.batch(
            given.items, np.array([decision.item]), kind=decision.kind
        ).inputs.items()
    }
    ids = inputs.pop("input_ids")
    is_word = torch.from_numpy(reader.words.of_tokens >= 0)
    masked = torch.where(is_word, given.codec.processor.mask_token_id, ids)

    def odds(ids):
        repeated = {name: one.expand(len(ids), -1) for name, one in inputs.items()}
        outputs = model(input_ids=ids, **repeated)
        total = 0
        for one in decision.choices:
            logits = values_of(outputs)[(slice(None), *one.outputs)]
            others = [n for n in range(logits.shape[1]) if n != one.chosen]
            total = total + logits[:, one.chosen] - logits[:, others].logsumexp(dim=1)
        return total

    of_tokens, layers = [reader.words.of_tokens], [model.get_input_embeddings()]
    if model.config.is_encoder_decoder:  # whose decoder reads the text moved by one token
        of_tokens.append(np.concatenate([[-1], reader.words.of_tokens[:-1]]))
        both = model.model.get_encoder(), model.model.get_decoder()
        layers = [one.get_input_embeddings() for one in both]
    values = LayerIntegratedGradients(odds, layers).attribute(
        ids, baselines=masked, n_steps=POINTS, method="gausslegendre", internal_batch_size=POINTS
    )
    found = np.zeros(reader.n_words)
    for one, words in zip(values, of_tokens, strict=True):
        each = one[0].detach().sum(dim=-1).numpy()
        for token in np.flatnonzero(words >= 0):
            found[words[token]] += each[token]
    return found


def values_of(outputs):
    """Select the outputs that choices index."""
    if "start_logits" in outputs:
        return torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)
    return outputs.logits

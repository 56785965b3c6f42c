"""Decisions of every task: their words add up, and are what the model answers without them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from luthier.errors import DataError, ModelError
from luthier.explaining.explain import explain_rows
from luthier.explanation import Choice
from tests.explained import again, answered, odds_of, tokens

READ = [  # tasks whose answers are labels, spans, choices or words of a text
    *(("token-classification", family) for family in ("bert", "xlnet", "gpt2")),
    *(("question-answering", family) for family in ("bert", "xlnet", "bart")),
    *(("multiple-choice", family) for family in ("bert", "xlnet", "electra")),
    *(("masked-lm", family) for family in ("bert", "modernbert")),
    *(("pair-classification", family) for family in ("bert", "t5")),
    *(("pair-regression", family) for family in ("bert", "xlnet")),
    *(("multi-label-classification", family) for family in ("roberta", "gpt2")),
]
WRITTEN = [
    *(("causal-lm", family) for family in ("gpt2", "llama")),
    *(("translation", family) for family in ("t5", "bart", "marian", "mbart")),
    *(("summarization", family) for family in ("t5", "marian")),
]
HEAD = {"masked-lm": "MaskedLM", "causal-lm": "CausalLM"}


@pytest.fixture(scope="module")
def give(tiny_model):
    made = {}

    def of(task, family, **sections):
        key = (task, family, repr(sections))
        if key not in made:
            made[key] = answered(task, tiny_model(family, HEAD.get(task)), **sections)
        return made[key]

    return of


def target_of(task):
    return "fruit" if task == "multi-label-classification" else "predicted"


@pytest.mark.parametrize(("task", "family"), [*READ, *WRITTEN])
def test_words_add_up_to_the_decision(task, family, give):
    sections = {"options": {"num_beams": 1}} if (task, family) in WRITTEN else {}
    given = give(task, family, **sections)
    explained = [one for row in explain_rows(given, target=target_of(task)) for one in row]
    assert explained
    for one in explained:
        found = one.attribution
        assert found.error <= 0.01
        if not one.decision.is_number:
            assert found.values.sum() == pytest.approx(
                found.score - found.reference, rel=0.011, abs=2e-3
            )
        for role, (first, past) in zip(one.words.roles, one.words.spans, strict=True):
            assert one.texts[role][first:past].strip() != ""
    assert max(np.abs(one.attribution.values).max() for one in explained) > 1e-4


@pytest.mark.parametrize(
    ("task", "family"), [one for one in READ if one[0] not in ("pair-regression", "masked-lm")]
)
def test_occlusion_is_what_the_model_answers_without_the_word(task, family, give):
    given = give(task, family)
    explained = next(iter(explain_rows(given, by="occlusion", target=target_of(task))))[0]
    decision, words = explained.decision, explained.words
    n_compared = 0
    for index, (role, (first, past)) in enumerate(
        zip(words.roles, words.spans.tolist(), strict=True)
    ):
        other = again(given, role, first, past, explained.replaced_by)
        is_kept = words.of_tokens != index
        ids = tokens(other)
        if len(ids) != len(is_kept) or (ids != tokens(given))[is_kept].any():
            continue  # it has several tokens, or those around it are others now
        expected = explained.attribution.score - odds_of(other, decision)
        assert explained.attribution.values[index] == pytest.approx(expected, abs=1e-4)
        n_compared += 1
    assert n_compared > 2


@pytest.mark.parametrize(
    ("task", "family"),
    [("causal-lm", "gpt2"), ("translation", "t5"), ("translation", "marian")],
)
def test_written_tokens_are_those_of_one_pass_over_all_of_them(task, family, give):
    """A second way: the model reads all that it wrote at once, with one word replaced."""
    given = give(task, family, options={"num_beams": 1})
    explained = next(iter(explain_rows(given, by="occlusion")))
    written = torch.from_numpy(given.inferred["generate"][0].astype(np.int64))[None]
    source = torch.from_numpy(tokens(given))[None]
    mask = getattr(given.codec.processor, "mask_token_id", None)
    mask = given.codec.processor.pad_token_id if mask is None else mask
    for one in explained:
        step = one.decision.step
        for word in range(len(one.words)):
            ids = torch.cat([source, written[:, :-1]], dim=1)
            if given.model.config.is_encoder_decoder:
                start = torch.full((1, 1), given.model.config.decoder_start_token_id)
                ids = torch.cat([source, start, written[:, :-1]], dim=1)
            changed = ids.clone()
            changed[0, : len(one.words.of_tokens)][one.words.of_tokens == word] = mask
            lost = written_odds(given.model, ids, source, written, step) - written_odds(
                given.model, changed, source, written, step
            )
            assert one.attribution.values[word] == pytest.approx(float(lost), abs=1e-4)
    roles = {role for one in explained for role in one.words.roles}
    assert roles == {"text", "written"}
    assert [one.decision.step for one in explained] == sorted(
        one.decision.step for one in explained
    )


def written_odds(model, ids, source, written, step):
    """Return the log-odds of a written token, by all tokens at once."""
    n_read = source.shape[1]
    with torch.inference_mode():
        if model.config.is_encoder_decoder:
            logits = model(ids[:, :n_read], decoder_input_ids=ids[:, n_read:]).logits[0, step]
        else:
            logits = model(ids).logits[0, n_read + step - 1]
    share = logits.double().softmax(dim=-1)[written[0, step]]
    return torch.log(share) - torch.log1p(-share)


def test_what_a_search_chose_against_the_model_is_said(give):
    given = give("translation", "mbart", options={"num_beams": 4})
    explained = [one for row in explain_rows(given, by="occlusion") for one in row]
    by_search = [one for one in explained if one.attribution.score < -5 or one.notes]
    assert any("chosen by num_beams" in note for one in by_search for note in one.notes)


def test_what_greedy_search_did_not_write_is_not_explained(give):
    given = give("translation", "marian", options={"num_beams": 1})
    given.inferred["generate"].values[0] += 1
    with pytest.raises(ModelError, match="does not answer as the one that predicts"):
        next(iter(explain_rows(given, by="occlusion")))
    given.inferred["generate"].values[0] -= 1


@pytest.mark.parametrize(("task", "family"), [("causal-lm", "gpt2"), ("masked-lm", "bert")])
def test_gold_texts_are_refused(task, family, give):
    with pytest.raises(DataError, match="explained as it wrote it"):
        next(iter(explain_rows(give(task, family), target="gold")))


@pytest.mark.parametrize("family", ["bert", "xlnet"])
def test_entities_can_be_hidden(family, give):
    """What stands around an entity speaks for it alone: its own words are masked throughout."""
    given = give("token-classification", family)
    usual = next(iter(explain_rows(given, by="occlusion")))[0]
    hidden = next(iter(explain_rows(given, by="occlusion", context_only=True)))[0]
    decision = usual.decision
    own = [
        decision.owns(role, *span)
        for role, span in zip(usual.words.roles, usual.words.spans.tolist(), strict=True)
    ]
    assert len(hidden.words) == len(usual.words) - sum(own)
    if sum(own) == 1:
        other = again(given, "text", *decision.span, usual.replaced_by)
        assert hidden.attribution.score == pytest.approx(odds_of(other, decision), abs=1e-4)
    assert hidden.decision.span == decision.span


@pytest.mark.parametrize("task", ["token-classification", "question-answering", "multiple-choice"])
@pytest.mark.parametrize("family", ["bert", "xlnet"])
def test_deleted_words_are_as_if_never_written(task, family, give):
    given = give(task, family)
    decision = given.decisions(0)[0]
    reader = given.reader(decision)
    n_compared = 0
    for index in range(reader.n_words):
        role, (first, past) = reader.words.roles[index], reader.words.spans[index].tolist()
        is_kept = reader.words.of_tokens != index
        other = again(given, role, first, past, "")
        is_alike = task == "multiple-choice" or tokens(other).tolist() == (
            tokens(given)[is_kept].tolist()
        )
        if decision.owns(role, first, past) or not is_alike:
            continue
        without = np.zeros((1, reader.n_words), dtype=bool)
        without[0, index] = True
        moved = decision if task == "multiple-choice" else without_tokens(decision, is_kept)
        (score,) = reader.scores(without, delete=True)
        assert score == pytest.approx(odds_of(other, moved), abs=1e-4)
        n_compared += 1
    assert n_compared > 2


def without_tokens(decision, is_kept):
    """Count the tokens of a decision anew, where some are left out."""
    number = np.cumsum(is_kept) - 1
    choices = []
    for one in decision.choices:
        token, outputs = one.outputs
        chosen = one.chosen
        if np.ndim(token):
            chosen = int(is_kept[token[:chosen]].sum())
            token = token[is_kept[token]]
        choices.append(Choice((number[token], outputs), chosen))
    return replace(decision, choices=tuple(choices))

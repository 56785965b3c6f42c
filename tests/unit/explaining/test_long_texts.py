"""Rows that are longer than the model reads: by the window that decided, and what was not read."""

import numpy as np
import pytest

from luthier.explaining.explain import explain_rows
from luthier.records import Rows
from luthier.task_types.explained_texts import log_odds
from tests.explained import answered, odds_of

WINDOWS = {"long_texts": "windows", "max_tokens": 24}
CUT = {"long_texts": "cut", "max_tokens": 16}
LONG = " ".join(f"day {n} the people of the market ate bread and went home ;" for n in range(8))


def rows_of(task):
    if task == "pair-classification":
        return Rows.of({"text": ["the people went home"], "text_pair": [LONG]})
    if task == "question-answering":
        return Rows.of({"question": ["who ate bread ?"], "context": [LONG]})
    if task == "token-classification":
        words = [(n, n + len(word)) for n, word in places(LONG)]
        return Rows.of({"text": [LONG], "words": [words]})
    return Rows.of({"text": [LONG]})


def places(text):
    start = 0
    for word in text.split():
        start = text.index(word, start)
        yield start, word
        start += len(word)


@pytest.mark.parametrize("family", ["bert", "xlnet"])
@pytest.mark.parametrize(
    "task",
    [
        *("text-classification", "pair-classification", "text-regression"),
        *("token-classification", "question-answering"),
    ],
)
def test_a_long_row_is_explained_by_the_window_that_decided(task, family, tiny_model):
    given = answered(task, tiny_model(family), rows_of(task), data=WINDOWS)
    assert len(given.items) > 2
    (explained,) = explain_rows(given, by="occlusion")
    roles = given.codec.task.input_roles
    for one in explained:
        decision = one.decision
        assert one.texts == {role: str(given.rows[role][0]) for role in roles}
        assert any("window" in note for note in one.notes)
        if not decision.is_number:
            assert one.attribution.score == pytest.approx(odds_of(given, decision), abs=1e-4)
        own = [span for role, span in zip(one.words.roles, one.words.spans.tolist(), strict=True)
               if role == roles[-1]]  # fmt: skip
        assert 0 < len(own) < len(LONG.split())
        assert all(LONG[first:past] in (*LONG.split(), "[", "]") for first, past in own)
        if decision.span is not None:
            assert any(first <= decision.span[0] < past for first, past in own)
    assert explained


def test_the_window_that_speaks_most_for_the_label_is_chosen(tiny_model):
    given = answered("text-classification", tiny_model("bert"), rows_of(""), data=WINDOWS)
    (decision,) = given.decisions(0)
    label = int(given.predictions.answers[0])
    odds = [log_odds(one, label) for one in given.inferred["logits"]]
    assert decision.item == int(np.argmax(odds))
    assert f"number {decision.item + 1} " in decision.note


def test_an_entity_is_explained_by_the_window_that_tagged_it(tiny_model):
    rows = rows_of("token-classification")
    given = answered("token-classification", tiny_model("bert"), rows, data=WINDOWS)
    decisions = given.decisions(0)
    assert len({one.item for one in decisions}) > 1
    pieces = given.predictions.outputs
    for one in decisions:
        first = next(n for n, (a, _) in enumerate(rows["words"][0]) if a == one.span[0])
        expected = pieces.logits[0][np.flatnonzero(pieces.word_of[0] == first)[0]]
        token = one.choices[0].outputs[0]
        assert given.inferred["token-logits"][one.item][token] == pytest.approx(expected)


def test_no_answer_is_explained_by_the_window_that_speaks_least_for_none(tiny_model):
    rows = rows_of("question-answering")
    given = answered("question-answering", tiny_model("bert"), rows, data=WINDOWS)
    (decision,) = given.decisions(0, "none")
    nulls = [
        float(given.inferred["span-logits"][item][given.items.layout.nulls[item]].sum())
        for item in range(len(given.items))
    ]
    assert decision.item == int(np.argmin(nulls))
    assert decision.name == "no answer"
    assert given.reader(decision).scores(
        np.zeros((1, given.reader(decision).n_words), dtype=bool)
    ) == pytest.approx(odds_of(given, decision), abs=1e-4)


@pytest.mark.parametrize("task", ["text-classification", "pair-classification"])
def test_what_was_cut_off_is_said_and_not_explained(task, tiny_model):
    given = answered(task, tiny_model("bert"), rows_of(task), data=CUT)
    ((explained,),) = explain_rows(given)
    assert any("tokens were not read" in note for note in explained.notes)
    assert explained.attribution.error <= 0.01
    assert explained.words.spans[:, 1].max() < 80


@pytest.mark.parametrize("family", ["bert", "xlnet", "roberta", "t5"])
def test_each_text_of_a_pair_has_its_share(family, tiny_model):
    given = answered("pair-classification", tiny_model(family))
    (explained,), _ = explain_rows(given)
    sizes = np.abs(explained.attribution.values)
    shares = {role: explained.share(role) for role in ("text", "text_pair")}
    assert sum(shares.values()) == pytest.approx(1)
    assert all(0 < one < 1 for one in shares.values())
    of_first = np.array([role == "text" for role in explained.words.roles])
    assert shares["text"] == pytest.approx(sizes[of_first].sum() / sizes.sum())
    for role in shares:
        words = [explained.word(n) for n, one in enumerate(explained.words.roles) if one == role]
        assert "".join(words) == "".join(explained.texts[role].split())

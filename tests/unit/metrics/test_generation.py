"""Written texts are scored as a corpus, row weights included."""

import math
import time

import numpy as np
import pytest

from luthier.metrics.generation import (
    AnyScript,
    measure_summaries,
    measure_translations,
    measure_written,
    rouge,
    sentence_chrf,
    signatures,
)
from luthier.metrics.intervals import bootstrap

TRUE = ["The cat sat on the mat today.", "Rain fell over the green hills.", "Nobody came."]
SAID = ["The cat sat on a mat today.", "Rain over the hills.", "Nobody came."]


def test_a_perfect_translation_has_perfect_scores():
    found = measure_translations(TRUE, TRUE)(None)
    assert found == pytest.approx({"chrf": 100, "bleu": 100, "ter": 0})


def test_only_what_is_asked_for_is_measured():
    assert measure_translations(TRUE, SAID, metrics=("chrf",))(None).keys() == {"chrf"}
    assert signatures(metrics=("ter",)).keys() == {"ter"}


def test_signatures_are_sacrebleus():
    found = signatures()
    assert found["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.")
    assert found["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.")
    assert found["ter"].startswith("nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|")


@pytest.mark.parametrize("measure_of", [measure_translations, measure_summaries, measure_written])
def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_none_as_none(measure_of):
    weighted = measure_of(TRUE, SAID)(np.array([2.0, 0.0, 1.0]))
    kept = [0, 0, 2]
    repeated = measure_of([TRUE[i] for i in kept], [SAID[i] for i in kept])(None)
    assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize("share", [0.01, 0.3, 7.5])
def test_weights_may_be_fractions(share):
    measure = measure_translations(TRUE * 20, SAID * 20)
    assert measure(np.full(60, share)) == pytest.approx(measure(None))


@pytest.mark.parametrize("measure_of", [measure_translations, measure_summaries, measure_written])
def test_no_rows_have_no_score(measure_of):
    assert all(map(math.isnan, measure_of(TRUE, SAID)(np.zeros(3)).values()))
    assert all(map(math.isnan, measure_of([], [])(None).values()))


def test_empty_answers_are_scored():
    assert measure_translations(TRUE, [""] * 3)(None) == {"chrf": 0, "bleu": 0, "ter": 100}
    assert measure_translations([""], [""])(None) == {"chrf": 0, "bleu": 0, "ter": 0}
    assert set(measure_summaries(TRUE, [""] * 3)(None).values()) == {0.0}


def test_references_and_answers_go_together():
    with pytest.raises(ValueError, match=r"size|shape|dimension"):
        measure_translations(TRUE, SAID[:2])(None)
    with pytest.raises(ValueError, match="shorter"):
        measure_summaries(TRUE, SAID[:2])


def test_every_sentence_has_a_chrf_of_its_own():
    found = sentence_chrf(TRUE, SAID)
    assert found.shape == (3,)
    assert found[2] == 100
    assert (found[:2] < 100).all()
    assert sentence_chrf([], []).shape == (0,)


def test_summaries_are_scored_as_shares():
    found = measure_summaries(["the cat sat"], ["the cat ran"])(None)
    assert found == pytest.approx({"rouge1": 2 / 3, "rouge2": 1 / 2, "rougeL": 2 / 3})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Über-Größe, v2!", ["über", "größe", "v2"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("العَرَبِيَّة لغة", ["العَرَبِيَّة", "لغة"]),
        ("北京ABC大学。", ["北", "京", "abc", "大", "学"]),
        ("コーヒーか\u3099", ["コ", "ー", "ヒ", "ー", "か\u3099"]),
        ("한국어 문장 👍🏽", ["한국어", "문장"]),
    ],
)
def test_words_of_any_script_are_compared(text, words):
    assert AnyScript().tokenize(text) == words


@pytest.mark.parametrize("text", ["Москва зимой", "北京大学", "مدينة كبيرة", "हिन्दी भाषा"])
def test_the_same_summary_is_right_in_any_script(text):
    found = measure_summaries([text], [text])(None)
    assert found == pytest.approx({"rouge1": 1, "rouge2": 1, "rougeL": 1})


def test_references_alone_choose_how_words_are_cut():
    assert rouge(["cafe"], ["café"])[0, 0] == 0
    assert rouge(["caf e"], ["cafée"])[0, 0] == 1  # é is dropped, as rouge-score has it
    assert rouge(["caf e", "é"], ["cafée", ""])[0, 0] == 0


def test_words_are_stemmed_as_in_published_tables():
    assert rouge(["the cats were running"], ["the cat was run"])[0, 0] == pytest.approx(3 / 4)
    assert rouge(["“the cats” – running"], ["the cat run"])[0, 0] == 1  # signs are no letters
    assert rouge(["Katzen im Häuschen"], ["Katze im Häuschen"])[0, 0] == pytest.approx(2 / 3)


def test_written_answers_match_but_for_blanks_at_the_ends():
    found = measure_written(["Rome", "in Rome"], [" Rome\n", "Rome"])(None)
    assert found == pytest.approx({"exact_match": 1 / 2, "rougeL": (1 + 2 / 3) / 2})


@pytest.mark.parametrize("measure_of", [measure_translations, measure_summaries])
def test_a_thousand_resamples_take_seconds(measure_of):
    measure = measure_of(TRUE * 667, SAID * 667)
    started = time.perf_counter()
    bootstrap(measure, 2001, n_resamples=1000, seed=0)
    assert time.perf_counter() - started < 5

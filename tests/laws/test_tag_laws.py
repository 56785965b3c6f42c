"""What must hold for tags, spans and words, whatever the script."""

from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2

from luthier.metrics.spans import measure_spans
from luthier.text.tags import (
    convert,
    detect_scheme,
    may_follow,
    spans_of_tags,
    stray_tags,
    tags_of_spans,
)
from luthier.text.words import split_words, word_range, words_around

SCHEMES = ("IOB1", "IOB2", "BILOU", "IOBES", "IO")
KINDS = ("PER", "work-of-art", "机构", "I-B")
LETTERS = {"IOB1": "IB", "IOB2": "IB", "BILOU": "BILU", "IOBES": "BIES", "IO": "I"}
PIECES = (
    *("Ada", "x_1", "北京", "東京タワー", "ユーザー", "مدينة", "می\u200cخواهم", "हिन्दी", "ภาษาไทย"),
    *(
        "한국",
        "👨‍👩‍👧",
        "👍🏽",
        "🇩🇪",
        "1️⃣",
        "e\u0301",
        "か\u3099",
        "\u0301",
        "\u200d",
        "\u200c",
        "\u200b",
    ),
    *(" ", "\n", "\r\n", "\u00a0", "\u3000", "'", "-", "°", "\u0600", "\ufeff", "\x1f", "\u00ad"),
)
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=30))


@st.composite
def sentences(draw):
    """Draw a number of words and spans of them that do not overlap."""
    ends = sorted(draw(st.sets(st.integers(0, 14), max_size=10)))
    kinds = draw(st.lists(st.sampled_from((None, *KINDS)), min_size=len(ends), max_size=len(ends)))
    spans = [(a, b, kind) for (a, b), kind in zip(pairwise(ends), kinds, strict=False) if kind]
    return max([draw(st.integers(0, 15)), *ends]), spans


@st.composite
def tagged(draw):
    """Draw a scheme and any of its tags in any order."""
    scheme = draw(st.sampled_from(SCHEMES))
    tag = st.sampled_from(["O", *(f"{a}-{kind}" for a in LETTERS[scheme] for kind in KINDS[:2])])
    return scheme, draw(st.lists(tag, max_size=8))


@given(sentences(), st.sampled_from(SCHEMES[:-1]))
def test_spans_come_back_from_their_tags(sentence, scheme):
    n_words, spans = sentence
    tags = tags_of_spans(spans, n_words, scheme)
    assert len(tags) == n_words
    assert spans_of_tags(tags, scheme) == spans
    assert stray_tags(tags, scheme) == []


@given(sentences())
def test_io_loses_only_the_borders_between_touching_entities_of_one_type(sentence):
    n_words, spans = sentence
    joined: list = []
    for first, past, kind in spans:
        if joined and joined[-1][1:] == (first, kind):
            first = joined.pop()[0]
        joined.append((first, past, kind))
    assert spans_of_tags(tags_of_spans(spans, n_words, "IO"), "IO") == joined


@given(sentences(), st.sampled_from(SCHEMES[:-1]), st.sampled_from(SCHEMES[:-1]))
def test_a_conversion_and_its_inverse_change_nothing(sentence, one, other):
    n_words, spans = sentence
    tags = tags_of_spans(spans, n_words, one)
    assert convert(convert(tags, one, other), other, one) == tags


@given(tagged())
def test_tags_are_stray_where_writing_the_spans_anew_would_change_them(problem):
    scheme, tags = problem
    assert (stray_tags(tags, scheme) == []) == (convert(tags, scheme, scheme) == tags)


@given(tagged())
def test_what_was_read_is_in_order_and_never_overlaps(problem):
    scheme, tags = problem
    spans = spans_of_tags(tags, scheme)
    assert all(past <= first for (_, past, _), (first, _, _) in pairwise(spans))
    covered = {place for first, past, _ in spans for place in range(first, past)}
    assert covered == {place for place, tag in enumerate(tags) if tag != "O"}


@given(st.lists(sentences(), min_size=1, max_size=4), st.sampled_from(SCHEMES[:-1]))
def test_the_detected_scheme_reads_the_same_spans(many, scheme):
    tags = [tags_of_spans(spans, n_words, scheme) for n_words, spans in many]
    found = detect_scheme(tags)
    assert [spans_of_tags(one, found) for one in tags] == [spans for _, spans in many]


@given(tagged())
def test_what_may_follow_has_no_stray_tags_and_nothing_else_has_none(problem):
    _, tags = problem
    names = ["O", *(f"{a}-{kind}" for a in "BI" for kind in KINDS[:2])]
    ids = [names.index(tag) for tag in tags if tag in names]
    allowed = may_follow(names)
    is_allowed = all(allowed[before, after] for before, after in pairwise([-1, *ids]))
    assert is_allowed == (stray_tags([names[tag] for tag in ids], "IOB2") == [])


@given(texts)
@example("a\u200d👩")
@example("ab🏽\uff9e")
def test_words_partition_what_is_not_blank_and_cut_no_grapheme(text):
    words = split_words(text)
    assert all(past <= first for (_, past), (first, _) in pairwise(words))
    ends = [0, *(end for word in words for end in word), len(text)]
    gaps = [text[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True)]
    assert all(gap == "" or gap.isspace() for gap in gaps)
    assert not any(text[a:b].isspace() or a == b for a, b in words)
    graphemes = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    assert set(ends) <= graphemes


@given(texts, st.data())
def test_any_characters_are_a_whole_number_of_words_cut_around_them(text, chosen):
    border = st.integers(0, len(text))
    pairs = chosen.draw(st.lists(st.tuples(border, border).map(sorted), max_size=4))
    words = words_around(text, [tuple(pair) for pair in pairs])
    for start, end in pairs:
        first, past = word_range(words, start, end)
        inside = {at for a, b in words[first:past] for at in range(a, b)}
        assert inside <= set(range(start, end))
        assert all(text[at].isspace() for at in set(range(start, end)) - inside)


@given(texts, st.data())
def test_entities_of_characters_survive_words_and_tags(text, chosen):
    words = split_words(text)
    ends = chosen.draw(st.lists(st.integers(0, len(words)), unique=True, max_size=6).map(sorted))
    spans = [(words[a][0], words[b - 1][1]) for a, b in pairwise(ends)]
    cut = words_around(text, spans)
    assert cut == words
    there = [(*word_range(cut, *span), "PER") for span in spans]
    back = spans_of_tags(tags_of_spans(there, len(cut)))
    assert [(cut[first][0], cut[past - 1][1]) for first, past, _ in back] == spans


def random_tags(generator, *, is_valid):
    """Make the tags of a sentence, in which I- follows only its own type if they are valid."""
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-work-of-art", "I-work-of-art"]
    allowed, tag = may_follow(names), -1
    found = []
    for _ in range(generator.integers(1, 12)):
        choices = np.flatnonzero(allowed[tag]) if is_valid else np.arange(len(names))
        tag = int(generator.choice(choices))
        found.append(names[tag])
    return found


def slow_f1(gold, answers):
    """Count by comparing every set of words: an entity is a run from its B- on."""

    def entities(tags):
        found = set()
        for place, tag in enumerate(tags):
            if tag[0] == "B":
                past = place + 1
                while past < len(tags) and tags[past] == "I" + tag[1:]:
                    past += 1
                found.add((tag[2:], frozenset(range(place, past))))
        return found

    pairs = [(entities(a), entities(b)) for a, b in zip(gold, answers, strict=True)]
    right = sum(len(a & b) for a, b in pairs)
    return 2 * right / sum(len(a) + len(b) for a, b in pairs)


@pytest.mark.parametrize("is_valid", [True, False])
def test_strict_scores_are_seqevals_and_those_of_plain_counting(is_valid):
    generator = np.random.default_rng(0)
    gold = [random_tags(generator, is_valid=is_valid) for _ in range(5000)]
    answers = [
        [*tags] if generator.random() < 0.3 else random_tags(generator, is_valid=is_valid)
        for tags in gold
    ]
    answers = [(b + ["O"] * len(a))[: len(a)] for a, b in zip(gold, answers, strict=True)]
    both = [[spans_of_tags(tags, strict=True) for tags in rows] for rows in (gold, answers)]
    ours = measure_spans(*both)(None)
    strict = {"mode": "strict", "scheme": IOB2}
    assert ours["f1"] == pytest.approx(f1_score(gold, answers, **strict))
    assert ours["precision"] == pytest.approx(precision_score(gold, answers, **strict))
    assert ours["recall"] == pytest.approx(recall_score(gold, answers, **strict))
    assert ours["macro_f1"] == pytest.approx(f1_score(gold, answers, average="macro", **strict))
    assert ours["f1"] == pytest.approx(slow_f1(gold, answers))


@pytest.mark.parametrize("letters", ["BI", "BIES"])
def test_tags_in_any_order_are_read_as_conlleval_reads_them(letters):
    generator = np.random.default_rng(1)
    names = ["O", *(f"{letter}-{kind}" for letter in letters for kind in ("PER", "LOC"))]
    for _ in range(5000):
        tags = generator.choice(names, size=generator.integers(1, 12)).tolist()
        expected = [(first, last + 1, kind) for kind, first, last in get_entities(tags)]
        assert spans_of_tags(tags, "IOBES" if "E" in letters else "IOB2") == expected

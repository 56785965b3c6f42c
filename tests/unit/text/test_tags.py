"""Tags become spans and spans tags, in every scheme."""

import numpy as np
import pytest

from luthier.text.tags import (
    convert,
    detect_scheme,
    may_follow,
    spans_of_tags,
    split_tag,
    stray_tags,
    tags_of_spans,
)

SPANS = [(0, 1, "PER"), (1, 4, "PER"), (5, 7, "LOC")]  # the first two touch
WRITTEN = {
    "IOB1": "I-PER B-PER I-PER I-PER O I-LOC I-LOC",
    "IOB2": "B-PER B-PER I-PER I-PER O B-LOC I-LOC",
    "BILOU": "U-PER B-PER I-PER L-PER O B-LOC L-LOC",
    "IOBES": "S-PER B-PER I-PER E-PER O B-LOC E-LOC",
}


def test_a_tag_is_split_at_its_first_hyphen():
    assert split_tag("I-work-of-art") == ("I", "work-of-art")


@pytest.mark.parametrize("scheme", WRITTEN)
def test_spans_are_written_and_read_in_every_scheme(scheme):
    tags = WRITTEN[scheme].split()
    assert tags_of_spans(SPANS, 7, scheme) == tags
    assert spans_of_tags(tags, scheme) == SPANS
    assert stray_tags(tags, scheme) == []


@pytest.mark.parametrize("scheme", WRITTEN)
def test_every_scheme_is_recognised_and_turned_to_iob2(scheme):
    tags = WRITTEN[scheme].split()
    assert detect_scheme([["O"], tags]) == scheme
    assert convert(tags, scheme) == WRITTEN["IOB2"].split()


def test_io_joins_what_touches():
    tags = tags_of_spans(SPANS, 7, "IO")
    assert tags == ["I-PER"] * 4 + ["O"] + ["I-LOC"] * 2
    assert detect_scheme([tags]) == "IO"
    assert spans_of_tags(tags, "IO") == [(0, 4, "PER"), (5, 7, "LOC")]


@pytest.mark.parametrize(
    "sentence",
    ["NOUN VERB DET", "NN VBZ -LRB-", "O V N", "B I O", "NOUN-masc VERB", "B-PER I-PER X-PER"],
)
def test_tags_that_are_no_spans_are_plain(sentence):
    assert detect_scheme([sentence.split()]) == "plain"


def test_nothing_found_reads_as_iob2():
    assert detect_scheme([["O", "O"], []]) == "IOB2"


def test_a_few_stray_tags_do_not_change_the_scheme():
    sentences = [["B-PER", "I-PER", "O"]] * 5 + [["O", "I-PER"]]
    assert detect_scheme(sentences) == "IOB2"


def test_entities_of_one_word_are_enough_to_recognise_a_scheme():
    assert detect_scheme([["O", "U-PER"]]) == "BILOU"
    assert detect_scheme([["O", "S-PER"]]) == "IOBES"


@pytest.mark.parametrize(
    ("tags", "scheme", "spans"),
    [
        ("O I-PER I-PER", "IOB2", [(1, 3, "PER")]),
        ("B-PER I-LOC", "IOB2", [(0, 1, "PER"), (1, 2, "LOC")]),
        ("O L-PER L-PER", "BILOU", [(1, 2, "PER"), (2, 3, "PER")]),
        ("U-PER I-PER", "BILOU", [(0, 1, "PER"), (1, 2, "PER")]),
        ("B-PER O", "IOBES", [(0, 1, "PER")]),
        ("I-LOC I-PER", "IOB1", [(0, 1, "LOC"), (1, 2, "PER")]),
    ],
)
def test_a_stray_tag_begins_a_span(tags, scheme, spans):
    assert spans_of_tags(tags.split(), scheme) == spans


@pytest.mark.parametrize(
    ("tags", "scheme", "places"),
    [
        ("O I-PER I-PER", "IOB2", [1]),
        ("B-PER I-LOC", "IOB2", [1]),
        ("O B-PER I-PER", "IOB1", [1]),
        ("O L-PER", "BILOU", [1]),
        ("B-PER O B-PER", "BILOU", [0, 2]),  # never closed
        ("B-PER I-LOC L-LOC", "BILOU", [0, 1]),
        ("O B-PER E-PER E-PER", "IOBES", [3]),
        ("B-PER L-PER", "IOB2", [1]),  # no such tag in this scheme
        ("I-PER B-PER", "IO", [1]),
        ("NOUN I-PER", "plain", []),
        ("", "IOB2", []),
    ],
)
def test_tags_that_may_not_stand_there_are_found(tags, scheme, places):
    assert stray_tags(tags.split(), scheme) == places


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 2, "PER"), (1, 3, "LOC")],
        [(0, 2, "PER"), (0, 2, "PER")],
        [(1, 1, "PER")],
        [(2, 4, "PER")],
        [(-1, 1, "PER")],
    ],
)
def test_spans_that_overlap_or_lie_outside_cannot_be_written(spans):
    with pytest.raises(ValueError, match="overlaps another one or lies outside"):
        tags_of_spans(spans, 3)


def test_spans_may_come_in_any_order():
    assert tags_of_spans(SPANS[::-1], 7) == WRITTEN["IOB2"].split()


def test_an_inside_tag_may_follow_its_own_type_alone():
    names = ["O", "B-PER", "I-PER", "B-work-of-art", "I-work-of-art"]
    allowed = may_follow(names)
    assert allowed.shape == (6, 5)
    assert allowed.dtype == bool
    assert np.flatnonzero(allowed[:, 2]).tolist() == [1, 2]
    assert np.flatnonzero(allowed[:, 4]).tolist() == [3, 4]
    assert allowed[:, [0, 1, 3]].all()
    assert allowed[-1].tolist() == [True, True, False, True, False]  # the start of a sentence

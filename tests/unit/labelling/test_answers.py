"""What an answer is and how it is typed, for one label, several labels and entities."""

import pytest

from luthier.errors import DataError
from luthier.labelling.answers import Entities, OneLabel, SeveralLabels, names_in
from luthier.records import Rows
from luthier.text.words import split_words

TEXT = "Ada 😀 met Bo in Rome"
WORDS = split_words(TEXT)


@pytest.mark.parametrize(
    ("names", "typed", "answer"),
    [
        (("spam", "ham"), "2", "ham"),
        (("spam", "ham"), " SPAM ", "spam"),
        (("spam", "ham"), "h", "ham"),
        (("0", "1"), "0", "0"),
        (("1", "0"), "1", "1"),
        (tuple("abcdefghijk"), "03", "c"),
        (tuple("abcdefghijk"), "3", "c"),
        (tuple("abcdefghijk"), "11", "k"),
        (("card", "card_arrival"), "card", "card"),
    ],
)
def test_a_label_is_typed_by_its_number_its_name_or_its_beginning(names, typed, answer):
    assert OneLabel(names).parse(typed, ()) == answer


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("3", "no such label"),
        ("0", "no such label"),
        ("", "no such label"),
        ("s", "2 labels begin like this"),
        ("²", "no such label"),
    ],
)
def test_what_is_no_label_is_refused(typed, says):
    with pytest.raises(DataError, match=says):
        OneLabel(("spam", "sham")).parse(typed, ())


def test_a_name_that_is_nearly_right_gets_a_suggestion():
    with pytest.raises(DataError) as caught:
        OneLabel(("positive", "negative")).cells("postive", ())
    assert caught.value.hint == "did you mean 'positive'?"


def test_labels_that_are_numbers_are_their_own_keys():
    assert OneLabel(("1", "2", "5")).keys == ("1", "2", "5")
    assert OneLabel(("yes", "2")).keys == ("1", "2")
    assert OneLabel(tuple("abcdefghij")).keys[0] == "01"


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("1 3", ["joy", "fear"]), ("joy, fear", ["joy", "fear"]), ("", []), ("f", ["fear"])],
)
def test_several_labels_are_typed_together(typed, answer):
    answers = SeveralLabels(("joy", "anger", "fear"))
    assert answers.parse(typed, ()) == answer
    assert answers.cells(answer, ()) == {"labels": answer}


def test_several_labels_are_kept_in_the_order_of_their_numbers():
    answers = SeveralLabels(("joy", "anger"))
    assert answers.cells(["anger", "joy", "joy"], ()) == {"labels": ["joy", "anger"]}
    assert answers.cells("anger", ()) == {"labels": ["anger"]}
    with pytest.raises(DataError, match="none of the labels"):
        answers.cells(["rage"], ())


def test_entities_are_typed_by_the_numbers_of_their_words():
    answers = Entities(("person", "place"))
    spans = answers.parse("1 1, 4 per, 6-6 2", WORDS)
    assert [(TEXT[a:b], name) for a, b, name in spans] == [
        ("Ada", "person"),
        ("Bo", "person"),
        ("Rome", "place"),
    ]
    cells = answers.cells(spans, WORDS)
    assert cells["tags"] == ["B-person", "O", "O", "B-person", "O", "B-place"]
    assert cells["spans"][2] == {"start": 16, "end": 20, "label": "place"}


def test_an_entity_of_several_words_is_one():
    answers = Entities(("x",))
    cells = answers.cells(answers.parse("3-5 1", WORDS), WORDS)
    assert cells["tags"] == ["O", "O", "B-x", "I-x", "I-x", "O"]
    assert answers.shown(cells["spans"]) == "1 entity"
    assert answers.suggested(cells["tags"], WORDS) == cells["spans"]
    assert answers.cells(answers.parse("", WORDS), WORDS)["spans"] == []


@pytest.mark.parametrize("typed", ["7 1", "0 1", "3-2 1", "1", "one 1", "1 5", "-1 1"])
def test_what_is_no_entity_is_refused(typed):
    with pytest.raises(DataError):
        Entities(("x", "y")).parse(typed, WORDS)


@pytest.mark.parametrize(
    ("spans", "says"),
    [
        ([(0, 3, "x"), (0, 8, "x")], "overlap"),
        ([(3, 4, "x")], "no word in it"),
        ([(0, 3, "z")], "none of the labels"),
    ],
)
def test_spans_that_cannot_be_tags_are_refused(spans, says):
    with pytest.raises(DataError, match=says):
        Entities(("x",)).cells(spans, WORDS)


def test_labels_are_learned_from_rows():
    assert names_in(Rows.of({"label": ["b", "a", "b", 1.0]}), "single-label") == ["b", "a", "1"]
    assert names_in(Rows.of({"labels": ["x|y", ["z"]]}), "multi-label") == ["x", "y", "z"]
    assert names_in(Rows.of({"tags": [["O", "B-x"], ["I-y"]]}), "tags") == ["x", "y"]

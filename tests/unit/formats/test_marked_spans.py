"""Marked spans of the usual tools, and offsets that count something else than characters."""

import pytest

from luthier.errors import DataError
from luthier.formats.tagged_tokens import canonical
from luthier.records import Rows

TEXT = "Ada met Bob."
TAGS = ["B-PER", "O", "B-PER", "O"]
FORMS = {
    "mappings": [{"start": 0, "end": 3, "label": "PER"}, {"start": 8, "end": 11, "label": "PER"}],
    "doccano": [[0, 3, "PER"], [8, 11, "PER"]],
    "doccano with relations": [
        {"id": 7, "label": "PER", "start_offset": at, "end_offset": at + 3} for at in (0, 8)
    ],
    "Label Studio": [
        {
            "result": [
                {"type": "labels", "value": {"start": at, "end": at + 3, "labels": ["PER"]}}
                for at in (0, 8)
            ]
            + [{"type": "choices", "value": {"choices": ["good"]}}]
        }
    ],
    "spaCy": {"entities": [[0, 3, "PER"], [8, 11, "PER"]]},
    "JSON in a cell": '[[0, 3, "PER"], [8, 11, "PER"]]',
    "types": [{"start": at, "end": at + 3, "type": "PER"} for at in (0, 8)],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_tools_are_read(form):
    rows, found = canonical(Rows.of({"text": [TEXT], "spans": [FORMS[form]]}), scheme=None)
    assert rows["tags"] == [TAGS]
    assert found == []


def test_spans_in_the_column_of_tags_are_read():
    rows, _ = canonical(Rows.of({"text": [TEXT], "tags": [FORMS["doccano"]]}), scheme=None)
    assert rows["tags"] == [TAGS]


EMOJI = "😀😀 Ada met Bob, née Müller."


def spans_in(text, unit):
    """Mark the names in a text, with offsets in a unit."""
    sizes = {
        "characters": len,
        "utf-16": lambda part: len(part.encode("utf-16-le")) // 2,
        "bytes": lambda part: len(part.encode()),
    }
    size = sizes[unit]
    marked = []
    for name in ("Ada", "Bob", "Müller"):
        at = text.index(name)
        marked.append([size(text[:at]), size(text[: at + len(name)]), "PER"])
    return marked


@pytest.mark.parametrize("unit", ["characters", "utf-16", "bytes"])
def test_offsets_count_what_the_option_says(unit):
    given = Rows.of({"text": [EMOJI], "spans": [spans_in(EMOJI, unit)]})
    rows, found = canonical(given, scheme=None, offsets=unit)
    tagged = [
        EMOJI[a:b]
        for (a, b), tag in zip(rows["words"][0], rows["tags"][0], strict=True)
        if tag != "O"
    ]
    assert tagged == ["Ada", "Bob", "Müller"]
    assert found == []


@pytest.mark.parametrize(
    ("marked", "cure"),
    [
        (spans_in("😀😀 Ada met Bob, née Müller.   ", "utf-16"), "task.options.offsets=utf-16"),
        ([[a + 1, b + 1, kind] for a, b, kind in spans_in(EMOJI, "characters")], "smaller by one"),
        ([[a - 1, b - 1, kind] for a, b, kind in spans_in(EMOJI, "characters")], "larger by one"),
    ],
)
def test_spans_that_cut_words_are_counted_and_the_cure_named(marked, cure):
    text = EMOJI + "   "
    rows = Rows.of({"text": [text] * 3, "spans": [marked] * 3}, name="a.jsonl")
    _, (finding,) = canonical(rows, scheme=None)
    assert (finding.code, finding.severity, finding.count) == ("cut-words", "warning", 9)
    assert cure in finding.fix
    assert finding.places[0] == "a.jsonl:1:spans"


def test_scripts_without_spaces_and_parts_of_compounds_are_no_alarm():
    rows = Rows.of({"text": ["東京都に行く"], "spans": [[[0, 2, "LOC"]]]})
    assert canonical(rows, scheme=None)[1] == []
    texts = ["a quiet day in Rome"] * 99 + ["NaClO is one"]
    marked = [[[15, 19, "LOC"]]] * 99 + [[[0, 4, "CHEM"]]]
    _, (finding,) = canonical(Rows.of({"text": texts, "spans": marked}), scheme=None)
    assert (finding.severity, finding.count) == ("note", 1)


def test_spans_outside_their_text_name_the_option():
    with pytest.raises(DataError) as caught:
        canonical(Rows.of({"text": ["😀"], "spans": [[[0, 2, "X"]]]}), scheme=None)
    assert "task.options.offsets=utf-16" in caught.value.hint


def test_of_cures_that_do_as_well_an_option_is_named():
    """One emoji before every span: one unit less and UTF-16 are the same there."""
    text = "😀 Ada met Bob, née Müller."
    rows = Rows.of({"text": [text] * 3, "spans": [spans_in(text, "utf-16")] * 3})
    _, (finding,) = canonical(rows, scheme=None)
    assert "task.options.offsets=utf-16" in finding.fix


def test_spans_of_characters_are_read_beside_tokens():
    tokens = [[{"text": "Ada", "start": 0, "end": 3, "id": 0}]]
    columns = {"text": [TEXT], "tokens": tokens, "spans": [FORMS["mappings"]]}
    rows, _ = canonical(Rows.of(columns), scheme=None)
    assert rows["tags"] == [TAGS]


@pytest.mark.parametrize(
    ("offsets", "cell"),
    [
        ("tokens", [[0, 2, "PER"], [3, 4, "LOC"]]),
        ("tokens", [{"type": "LOC", "start": 3, "end": 4}, {"type": "PER", "start": 0, "end": 2}]),
        ("tokens-inclusive", [[0, 1, "PER"], [3, 3, "LOC"]]),
    ],
)
@pytest.mark.parametrize("texts", [{}, {"text": ["Ada Lovelace sees Rome."]}])
def test_spans_may_count_tokens(offsets, cell, texts):
    rows = Rows.of({"tokens": [["Ada", "Lovelace", "sees", "Rome"]], "spans": [cell], **texts})
    made, found = canonical(rows, scheme=None, offsets=offsets)
    assert made["tags"] == [["B-PER", "I-PER", "O", "B-LOC"]]
    assert found == []


@pytest.mark.parametrize(
    ("offsets", "cell", "words"),
    [
        ("tokens", [[0, 0, "PER"]], "offsets=characters or tokens-inclusive"),
        ("tokens", [[3, 5, "PER"]], "offsets=characters or tokens-inclusive"),
        ("tokens-inclusive", [[3, 4, "PER"]], "offsets=characters or tokens"),
        ("tokens-inclusive", [[0, 1, "PER"], [1, 2, "PER"]], "keep one"),
        ("characters", [[0, 1, "PER"]], "task.options.offsets=tokens"),
    ],
)
def test_spans_that_fit_no_tokens_are_refused(offsets, cell, words):
    rows = Rows.of({"tokens": [["Ada", "Lovelace", "sees", "Rome"]], "spans": [cell]})
    with pytest.raises(DataError) as caught:
        canonical(rows, scheme=None, offsets=offsets)
    assert words in caught.value.hint

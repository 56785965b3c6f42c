"""Tags in other forms than B-PER, types without prefixes, and tables with a row a word."""

import pytest

from luthier.formats.tagged_tokens import canonical, sentences
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Rows

WORDS = ["Ada", "in", "New", "York"]
USUAL = ["B-PER", "O", "B-LOC", "I-LOC"]


def read(tags, **options):
    return canonical(Rows.of({"tokens": [WORDS], "tags": [tags]}), scheme=options.get("scheme"))


@pytest.mark.parametrize(
    "tags",
    [
        USUAL,
        ["B_PER", "O", "B_LOC", "I_LOC"],
        ["B:PER", "O", "B:LOC", "I:LOC"],
        ["PER-B", "O", "LOC-B", "LOC-I"],
        ["PER_B", "O", "LOC_B", "LOC_I"],
        ["PER-U", "O", "LOC-B", "LOC-L"],
    ],
)
def test_forms_of_prefixes_are_one(tags):
    rows, _ = read(tags)
    assert rows["tags"] == [USUAL]


@pytest.mark.parametrize(
    ("tags", "types"),
    [
        (["PER", "O", "LOC", "LOC"], ["B-PER", "O", "B-LOC", "I-LOC"]),
        (["I-PER", "O", "I-LOC", "I-LOC"], ["B-PER", "O", "B-LOC", "I-LOC"]),
        (["work-of-art", "O", "LOC", "LOC"], ["B-work-of-art", "O", "B-LOC", "I-LOC"]),
    ],
)
def test_io_keeps_types_without_prefixes(tags, types):
    rows, _ = read(tags, scheme="IO")
    assert rows["tags"] == [types]


def test_hyphens_within_types_stay():
    rows, _ = read(["B-work-of-art", "O", "B-geo-loc", "I-geo-loc"])
    assert rows["tags"] == [["B-work-of-art", "O", "B-geo-loc", "I-geo-loc"]]


def test_parts_of_speech_are_left_alone():
    tags = ["NNP", "IN", "NNP", "NN-S"]
    rows, found = read(tags)
    assert (rows["tags"], found) == ([tags], [])


@pytest.mark.parametrize(
    ("names", "metric"), [(("O", "B-PER", "I-PER"), "f1"), (("DT", "NN"), "token_accuracy")]
)
def test_plain_tags_are_judged_word_by_word(names, metric):
    task = make_plugin("tasks", Plugin(name="token-classification"))
    rows, _ = task.normalize(Rows.of({"tokens": [list("ab")], "tags": [list(names[-2:])]}))
    bound = task.codec(task.learn_target(rows)).task
    assert (bound.main_metric, bound.validation_metric) == (metric, metric)


@pytest.mark.parametrize("ids", [[1, 1, 2, 2, 2], ["s1", None, "s2", "", None], [1.0, 1, 2, 2, 2]])
def test_words_are_gathered_into_sentences(ids):
    columns = {"sentence_id": ids, "tokens": list("abcde"), "tags": list("XYXYZ"), "doc": [7] * 5}
    rows = sentences(Rows.of({**columns, "pos": list("nvnvn")}, name="a.csv"))
    assert rows["tokens"] == [["a", "b"], ["c", "d", "e"]]
    assert rows["tags"] == [["X", "Y"], ["X", "Y", "Z"]]
    assert rows["pos"] == [["n", "v"], ["n", "v", "n"]]
    assert rows["doc"] == [7, 7]
    assert rows.where(1) == "a.csv:3"

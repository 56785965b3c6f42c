"""What must hold for windows, words and answers, whatever the text and its script."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.items import ItemField, Items
from luthier.ragged import Ragged
from luthier.task_types.answer_spans import label_windows
from luthier.task_types.token_outputs import Pieces, WordLayout, gather_pieces, label_pieces
from luthier.text.viterbi import best_tags, worth_of
from luthier.text.windows import tokenize_windows
from luthier.text.words import split_words
from tests.tiny import make_tokenizer

WORDS = (
    "rain",
    "over",
    "the",
    "北京",
    "東京",
    "مدينة",
    "👍🏽",
    "e\u0301te\u0301",
    "x-1",
    "unheard",
    "it's",
)
texts_of_words = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
sizes = st.tuples(st.integers(8, 20), st.integers(0, 9))
FAMILIES = ("bert", "gpt2", "xlnet")
TOKENIZERS = {family: make_tokenizer(family) for family in FAMILIES}
families = st.sampled_from(FAMILIES)


@settings(deadline=None)
@given(families, st.lists(texts_of_words, min_size=1, max_size=4), sizes)
def test_every_token_counts_in_exactly_one_window(family, texts, size):
    tokenizer, (max_tokens, stride) = TOKENIZERS[family], size
    made = tokenize_windows(tokenizer, texts, max_tokens=max_tokens, stride=stride)
    assert made.places.lengths.max() <= max_tokens
    owned = made.owned()
    window = np.repeat(np.arange(len(made.places)), made.places.lengths)
    for row, text in enumerate(texts):
        whole = tokenizer(text, add_special_tokens=False)["input_ids"]
        mine = owned & (made.row_of[window] == row)
        assert sorted(made.places.values[mine].tolist()) == list(range(len(whole)))
        order = np.argsort(made.places.values[mine])
        assert made.inputs["input_ids"].values[mine][order].tolist() == whole
    assert np.array_equal(made.kept_lengths, made.full_lengths)


@settings(deadline=None)
@given(families, texts_of_words, texts_of_words, sizes)
def test_of_a_pair_only_the_second_text_is_cut(family, first, second, size):
    tokenizer, (max_tokens, stride) = TOKENIZERS[family], size
    made = tokenize_windows(tokenizer, [first], [second], max_tokens=max_tokens + 12, stride=stride)
    covered = np.unique(made.places.values[made.places.values >= 0])
    whole = tokenizer(second, add_special_tokens=False)["input_ids"]
    assert covered.tolist() == list(range(len(whole)))


@settings(deadline=None)
@given(texts_of_words, sizes)
def test_labels_of_words_go_into_windows_and_come_back(text, size):
    words = split_words(text)
    tags = Ragged.of([[number % 5 for number in range(len(words))]])
    made = tokenize_windows(TOKENIZERS["bert"], [text], max_tokens=size[0], stride=size[1])
    word_of, labels = label_pieces(made, [words], tags)
    learned = labels.values[labels.values >= 0]
    assert len(learned) == len(words)
    said = np.zeros((len(labels.values), 5), dtype=np.float32)
    said[labels.values >= 0, learned] = 9.0
    items = Items(
        {},
        ItemField(labels),
        labels.lengths,
        made.full_lengths,
        row_of=made.row_of,
        layout=WordLayout(word_of, made.spans, made.owned()),
    )
    pieces = gather_pieces(
        Ragged(said, labels.offsets), items, np.array([len(words)]), transitions=None
    )
    back, is_seen = pieces.of_words()
    assert is_seen.all()
    assert back.values.argmax(axis=1).tolist() == tags.values.tolist()
    assert len(pieces.take(np.array([0]))) == 1


@settings(deadline=None)
@given(texts_of_words, st.data(), sizes)
def test_an_answer_is_found_in_the_windows_that_hold_it_whole(text, chosen, size):
    words = split_words(text)
    if not words:
        return
    first = chosen.draw(st.integers(0, len(words) - 1))
    last = chosen.draw(st.integers(first, min(first + 2, len(words) - 1)))
    span = (words[first][0], words[last][1])
    made = tokenize_windows(
        TOKENIZERS["bert"], ["the rain"], [text], max_tokens=size[0] + 10, stride=size[1]
    )
    labels = label_windows(made, np.zeros(len(made.places), dtype=np.int64), [[span]])
    for window in range(len(made.places)):
        inside = made.places[window] >= 0
        ends = made.spans[window][inside]
        holds = len(ends) and ends[0, 0] <= span[0] and span[1] <= ends[-1, 1]
        if labels[window].any():
            start, end = made.spans[window][labels[window]]
            assert start[0] <= span[0] < start[1]
            after = ends[ends[:, 0] >= end[1]]  # marks that no token stands for may follow
            assert end[0] < span[1]
            assert span[1] <= end[1] or (after[:, 0] >= span[1]).all()
        else:
            assert not holds


@pytest.mark.parametrize("seed", range(20))
def test_the_best_tags_are_the_best_of_all_sequences(seed):
    random = np.random.default_rng(seed)
    lengths, n_labels = random.integers(0, 5, size=4), 3
    rows = [random.normal(size=(n, n_labels)) for n in lengths]
    steps = random.normal(size=(n_labels + 1, n_labels))
    if seed % 2:
        allowed = random.random((n_labels + 1, n_labels)) < 0.7
        allowed[:, 0] = True
        steps = steps + worth_of(allowed)
    found = best_tags(Ragged.of(rows, dtype=float, width=(n_labels,)), steps)

    def worth(row, tags):
        before = [n_labels, *tags][: len(tags)]
        return sum(
            row[i, t] + steps[b, t] for i, (b, t) in enumerate(zip(before, tags, strict=True))
        )

    for row, said in enumerate(rows):
        sequences = list(np.ndindex(*[n_labels] * len(said)))
        best = max(sequences, key=lambda tags, said=said: worth(said, tags))
        assert tuple(found[row].tolist()) == tuple(best)


def test_words_that_no_window_holds_were_not_seen():
    made = tokenize_windows(TOKENIZERS["bert"], ["rain " * 20], max_tokens=8, stride=None)
    words = split_words("rain " * 20)
    word_of, _ = label_pieces(made, [words], None)
    pieces = Pieces(
        Ragged.of([np.zeros((8, 2))], dtype=float, width=(2,)).take([0]),
        Ragged.of([np.maximum(word_of[0], 0)]),
        None,
        np.array([len(words)]),
    )
    assert pieces.of_words()[1].sum() == 6

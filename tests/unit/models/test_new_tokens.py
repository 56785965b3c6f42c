"""New words are matched whole by every kind of tokenizer, and start as the mean of their pieces."""

import string

import pytest
import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast
from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

from luthier.models.load import build_model, load_tokenizer, tokenizer_at
from luthier.models.new_tokens import add_words
from tests.tiny import FAMILIES, WRITERS

CHARACTERS = [*string.ascii_letters, *string.digits, *string.punctuation]
INSIDE = ("preTarcevapost", "xTarceva Tarcevax", "Tarceva2", "the_Tarceva_")


def numbered(pieces):
    return {piece: number for number, piece in enumerate(pieces)}


def fast(model, *, normalizer=None, pre_tokenizer=None, decoder=None):
    pieces = Tokenizer(model)
    if normalizer is not None:
        pieces.normalizer = normalizer
    if pre_tokenizer is not None:
        pieces.pre_tokenizer = pre_tokenizer
    pieces.decoder = decoder or decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=pieces, unk_token="<unk>")


def word_piece(*, lowercase):
    words = numbered(["<unk>", *CHARACTERS, *(f"##{one}" for one in CHARACTERS)])
    return fast(
        models.WordPiece(words, unk_token="<unk>"),
        normalizer=normalizers.BertNormalizer(lowercase=lowercase),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    )


def byte_level(*, add_prefix_space):
    words = numbered(["<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())])
    return fast(
        models.BPE(words, []),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space),
        decoder=decoders.ByteLevel(),
    )


def llama_like():
    before = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    return fast(
        models.BPE(numbered(["<unk>", "▁", *CHARACTERS]), [], unk_token="<unk>"),
        normalizer=normalizers.Sequence(before),
    )


def unigram(*, prepend_scheme):
    scores = [("<unk>", 0.0), ("▁", -2.0), *((one, -3.0) for one in CHARACTERS)]
    return fast(
        models.Unigram(scores, unk_id=0),
        normalizer=normalizers.NFKC(),
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme=prepend_scheme),
        decoder=decoders.Metaspace(),
    )


@pytest.fixture(scope="module")
def slow_sentence_pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    lines = [string.ascii_letters, string.digits, string.punctuation, "the dog ran to the taxi"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 20),
        model_prefix=str(folder / "pieces"),
        vocab_size=110,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
    )
    return lambda: SentencePieceBackend(vocab_file=str(folder / "pieces.model"), unk_token="<unk>")


MAKERS = {
    "word pieces": lambda: word_piece(lowercase=False),
    "lower-case word pieces": lambda: word_piece(lowercase=True),
    "byte level": lambda: byte_level(add_prefix_space=False),
    "byte level with a space before": lambda: byte_level(add_prefix_space=True),
    "sentence pieces of Llama": llama_like,
    "sentence pieces of T5": lambda: unigram(prepend_scheme="always"),
    "sentence pieces, first word alone": lambda: unigram(prepend_scheme="first"),
    "bytes, in Python": ByT5Tokenizer,
    "sentence pieces, in Python": None,
}


@pytest.fixture(params=MAKERS)
def tokenizer(request, slow_sentence_pieces):
    return (MAKERS[request.param] or slow_sentence_pieces)()


def names_of(tokenizer, text):
    return [one.lower() for one in tokenizer.tokenize(text)]


def test_a_new_word_is_one_token_where_it_stands_alone(tokenizer):
    add_words(tokenizer, ["Tarceva", "Gleevec"])
    for text in ("Tarceva", "the Tarceva ran", "Tarceva ran", "the Tarceva"):
        assert names_of(tokenizer, text).count("tarceva") == 1
    assert names_of(tokenizer, "Gleevec the Tarceva").count("gleevec") == 1


def test_a_longer_word_is_cut_as_before(tokenizer):
    before = {text: tokenizer.tokenize(text) for text in INSIDE}
    add_words(tokenizer, ["Tarceva"])
    assert {text: tokenizer.tokenize(text) for text in INSIDE} == before


def test_a_marker_is_found_inside_words(tokenizer):
    add_words(tokenizer, ["<NUM>"])
    assert "<num>" in names_of(tokenizer, "a<NUM>b")


def test_a_word_of_a_script_without_spaces_is_found_inside_a_sentence(tokenizer):
    add_words(tokenizer, ["特罗凯"])
    found = tokenizer.convert_tokens_to_ids("特罗凯")
    assert found in tokenizer("服用特罗凯后").input_ids


def test_case_is_ignored_where_the_tokenizer_ignores_it():
    tokenizer = word_piece(lowercase=True)
    add_words(tokenizer, ["Tarceva"])
    assert tokenizer("tarceva TARCEVA").input_ids == tokenizer("Tarceva Tarceva").input_ids


def test_a_saved_tokenizer_in_python_still_matches_whole_words(tmp_path):
    tokenizer = ByT5Tokenizer()
    add_words(tokenizer, ["Tarceva"])
    tokenizer.save_pretrained(tmp_path)
    again = tokenizer_at(tmp_path)
    for text in (*INSIDE, "the Tarceva ran", "(Tarceva)"):
        assert again.tokenize(text) == tokenizer.tokenize(text)


HEADS = [
    *((family, "SequenceClassification") for family in FAMILIES if family not in WRITERS),
    *((family, "Seq2SeqLM") for family in WRITERS),
    *((family, "CausalLM") for family in ("gpt2", "llama", "qwen2")),
    *(
        (family, "MaskedLM")
        for family in ("bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert")
    ),
]


def built(folder, head, words, **changes):
    tokenizer = load_tokenizer(str(folder), new_tokens=words)
    is_judge = head == "SequenceClassification"
    model = build_model(
        str(folder),
        tokenizer=tokenizer,
        labels=("a", "b") if is_judge else (),
        problem_type="single_label_classification" if is_judge else None,
        auto_model=f"AutoModelFor{head}",
        **changes,
    )
    return model, tokenizer


def tables(model):
    """Give every weight with a row for each word: input, output, and the output's bias."""
    found = [model.get_input_embeddings().weight]
    output = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if output is not None:
        found += [one for one in (output.weight, output.bias) if one is not None]
    bias = getattr(model, "final_logits_bias", None)
    return [*found, *([] if bias is None else [bias[0]])]


@pytest.mark.parametrize(("family", "head"), HEADS)
def test_new_words_start_as_the_mean_of_their_pieces(family, head, tiny_model):
    folder = tiny_model(family, head)
    words = ("Tarceva", "qqzx")
    plain = AutoTokenizer.from_pretrained(folder)
    model, tokenizer = built(folder, head, words)
    for table in tables(model):
        for word in words:
            pieces = plain(word, add_special_tokens=False).input_ids
            assert len(pieces) > 1
            started = table[tokenizer.convert_tokens_to_ids(word)]
            assert torch.equal(started, table[pieces].mean(dim=0))


def test_biases_and_untied_outputs_of_new_words_are_means_too(tiny_model, tmp_path):
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    with torch.no_grad():
        filler = AutoModelForMaskedLM.from_pretrained(tiny_model("bert", "MaskedLM"))
        filler.get_output_embeddings().bias.normal_()
        filler.save_pretrained(tmp_path / "bert")
        writer = AutoModelForCausalLM.from_pretrained(tiny_model("llama", "CausalLM"))
        assert writer.lm_head.weight is not writer.get_input_embeddings().weight
        writer.save_pretrained(tmp_path / "llama")
    for family, head in (("bert", "MaskedLM"), ("llama", "CausalLM")):
        AutoTokenizer.from_pretrained(tiny_model(family, head)).save_pretrained(tmp_path / family)
        test_new_words_start_as_the_mean_of_their_pieces(
            family, head, lambda family, _: tmp_path / family
        )


def test_rows_that_a_checkpoint_keeps_spare_are_started_too(tiny_model, tmp_path):
    from transformers import AutoModelForSequenceClassification

    folder = tiny_model("bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(tmp_path)
    padded = AutoModelForSequenceClassification.from_pretrained(folder)
    padded.resize_token_embeddings(len(tokenizer) + 8)
    padded.save_pretrained(tmp_path)
    test_new_words_start_as_the_mean_of_their_pieces(
        "bert", "SequenceClassification", lambda *_: tmp_path
    )


def test_vectors_of_new_words_follow_from_the_weights_alone(tiny_model):
    one, _ = built(tiny_model("bert"), "SequenceClassification", ("Tarceva",), seed=1)
    other, _ = built(tiny_model("bert"), "SequenceClassification", ("Tarceva",), seed=2)
    same = [model.get_input_embeddings().weight for model in (one, other)]
    assert torch.equal(*same)

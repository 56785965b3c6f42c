"""Tiny models of every family, built from configs in memory and written as plain folders."""

from __future__ import annotations

import re
import string
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import CONFIG_MAPPING, PreTrainedTokenizerFast
from transformers.utils import logging

from luthier.registry import find, names
from tests.tiny_media import WRITERS_OF_MEDIA, write_media_model

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(5)
WIDTH, MOST_TOKENS = 32, 64
FAMILIES = (
    "bert",
    "roberta",
    "distilbert",
    "albert",
    "electra",
    "deberta-v2",
    "mpnet",
    "xlnet",
    "modernbert",
    "xlm-roberta",
    "gpt2",
    "llama",
    "qwen2",
    "t5",
    "bart",
    "marian",
    "mbart",
)
DECODERS = ("gpt2", "llama", "qwen2")
WRITERS = ("t5", "bart", "marian", "mbart")  # an encoder and a decoder
JUDGES = tuple(family for family in FAMILIES if family not in WRITERS)  # of whole texts
COMMON = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 2 * WIDTH,
    "max_position_embeddings": MOST_TOKENS + 2,
    "pad_token_id": PAD,
    "bos_token_id": CLS,
    "eos_token_id": SEP,
}
SEQ2SEQ = {
    "d_model": WIDTH,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 2 * WIDTH,
    "decoder_ffn_dim": 2 * WIDTH,
}
OWN = {
    "distilbert": {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 2 * WIDTH},
    "albert": {"embedding_size": 16},
    "electra": {"embedding_size": 16},
    "xlnet": {"d_model": WIDTH, "n_layer": 2, "n_head": 2, "d_inner": 2 * WIDTH},
    "gpt2": {"n_embd": WIDTH, "n_layer": 2, "n_head": 2, "n_positions": MOST_TOKENS + 2},
    "llama": {"num_key_value_heads": 2},
    "qwen2": {"num_key_value_heads": 2},
    "t5": {"d_model": WIDTH, "d_kv": 16, "d_ff": 2 * WIDTH, "num_layers": 2, "num_heads": 2},
    "bart": SEQ2SEQ,
    "marian": SEQ2SEQ,
    "mbart": SEQ2SEQ,
    "modernbert": {"cls_token_id": CLS, "sep_token_id": SEP, "local_attention": 16},
}


def write_tiny_model(family: str, folder: Path, *, head: str | None = None) -> Path:
    """Write a model of two layers with random weights, and a tokenizer that knows the toy rows.

    Its head is the family's, or one by name: `MaskedLM`, say.
    """
    if family in WRITERS_OF_MEDIA:
        return quietly(write_media_model, family, folder)
    tokenizer = make_tokenizer(family)
    settings = {**COMMON, **OWN.get(family, {})}
    if family in ("distilbert", "xlnet", "gpt2", *WRITERS):
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads"):
            settings.pop(name)
    if family in ("xlnet", "t5"):
        settings.pop("max_position_embeddings")
    if family in WRITERS:
        settings.pop("intermediate_size")
        settings |= {"decoder_start_token_id": SEP, "forced_eos_token_id": None}
    if family in DECODERS:
        settings.pop("pad_token_id")
    config = CONFIG_MAPPING[family](vocab_size=len(tokenizer), **settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = auto_model(family, head).from_config(config)
    quietly(model.save_pretrained, folder)
    tokenizer.save_pretrained(folder)
    return folder


def quietly(write, *given):
    """Write a model without a progress bar."""
    was_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return write(*given)
    finally:
        if was_shown:
            logging.enable_progress_bar()


def auto_model(family: str, head: str | None = None):
    """Give the Auto class whose head a checkpoint of the family usually has, or that of `head`."""
    usual = "Seq2SeqLM" if family in WRITERS else "SequenceClassification"
    return getattr(transformers, f"AutoModelFor{head or usual}")


def make_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """Make a word-piece tokenizer that knows all toy rows, as the family has it."""
    pieces = Tokenizer(WordPiece(vocabulary(), unk_token=SPECIAL[UNK]))
    pieces.normalizer = BertNormalizer()
    pieces.pre_tokenizer = BertPreTokenizer()
    is_decoder = family in DECODERS
    if not is_decoder:
        ends = [(SPECIAL[CLS], CLS), (SPECIAL[SEP], SEP)]
        single, pair = "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"
        if family == "xlnet":
            single, pair = "$A [SEP] [CLS]:2", "$A [SEP] $B:1 [SEP]:1 [CLS]:2"
        pieces.post_processor = TemplateProcessing(single=single, pair=pair, special_tokens=ends)
    has_types = family in ("bert", "albert", "electra", "deberta-v2", "xlnet")
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        model_max_length=MOST_TOKENS,
        padding_side="left" if family == "xlnet" else "right",
        model_input_names=["input_ids", "attention_mask", *["token_type_ids"] * has_types],
        unk_token=SPECIAL[UNK],
        bos_token=SPECIAL[CLS],
        eos_token=SPECIAL[SEP],
        **(
            {}
            if is_decoder
            else dict(
                zip(
                    ("pad_token", "cls_token", "sep_token", "mask_token"),
                    (SPECIAL[PAD], SPECIAL[CLS], SPECIAL[SEP], SPECIAL[MASK]),
                    strict=True,
                )
            )
        ),
    )


def vocabulary() -> dict[str, int]:
    """Number the special tokens, every word of the toy rows, and characters for all others.

    Written out rather than trained: a trainer's ties fall differently from process to process.
    """
    words = {word for text in toy_texts() for word in re.findall(r"\w+|[^\w\s]", text.lower())}
    characters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    pieces = [*SPECIAL, *sorted(words | set(characters)), *(f"##{one}" for one in characters)]
    return {piece: number for number, piece in enumerate(pieces)}


def toy_texts() -> list[str]:
    """Collect the texts of the toy rows of tasks that read texts alone.

    Others are spelled by pieces: with the words of theirs, every tiny model would be another one.
    """
    texts = []
    for name in names("tasks"):
        if find("tasks", name).unit == "joint":
            continue
        rows = find("tasks", name).toy_rows()
        for role in ("text", "text_pair", "question", "context", "target", "tokens", "choices"):
            if role in rows:
                texts += [cell if isinstance(cell, str) else " ".join(cell) for cell in rows[role]]
    return texts

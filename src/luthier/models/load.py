"""From a model's name to a tokenizer and a model with the head of the task, and back to disk.

Weights are read from safetensors only and no code is run from a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from luthier.errors import ModelError
from luthier.models.crf import CrfTagger
from luthier.models.families import no_such_head, no_trained_head, refuse_family
from luthier.models.heads import HEAD_FILE, PooledClassifier, put_head, read_head, set_dropout
from luthier.models.locate import check_model, locate
from luthier.models.new_tokens import (
    add_words,
    match_whole_words,
    pieces_of_new_words,
    start_from_pieces,
)
from luthier.models.safety import telling_what_failed
from luthier.models.structure import FRESH, embeddings, layers, shares_layers
from luthier.seeding import seed_of

DROPOUTS = (  # the names that families have for the dropout of the head
    "classifier_dropout",
    "classifier_dropout_prob",
    "seq_classif_dropout",
    "cls_dropout",
    "summary_last_dropout",
)
SAFELY: dict[str, Any] = {
    "use_safetensors": True,
    "trust_remote_code": False,  # where it is not said, Transformers asks at the terminal
    "dtype": torch.float32,
}
SEQUENCE_CLASSIFIER = "AutoModelForSequenceClassification"


def load_tokenizer(
    name: str,
    *,
    revision: str | None = None,
    new_tokens: Sequence[str] = (),
    ignore_unsafe_files: bool = False,
) -> Any:
    """Load a tokenizer; one without a padding token (GPT-2, Llama) pads with its end token."""
    place = locate(name, ignore_unsafe_files=ignore_unsafe_files)
    tokenizer = tokenizer_at(place, revision=revision)
    refuse_empty_vocabulary(tokenizer, name)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if new_tokens:
        add_words(tokenizer, new_tokens)
    return tokenizer


def refuse_empty_vocabulary(tokenizer: Any, name: str) -> None:
    """Raise where a tokenizer knows no words.

    Transformers makes such a one from a configuration alone, without a warning, and all texts would
    read alike.
    """
    words = tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys()
    if not words - set(tokenizer.all_special_tokens):
        raise ModelError(
            "The tokenizer knows no words: its files are not beside the model.",
            received=name,
            hint="copy tokenizer.json and tokenizer_config.json of the model into its folder",
        )


def tokenizer_at(place: str | Path, *, revision: str | None = None) -> Any:
    """Read the tokenizer of a place that was looked at; code of its own is never run."""
    with telling_what_failed(f"{place}, tokenizer.json or tokenizer_config.json"):
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    tokenizer.init_kwargs.pop("auto_map", None)  # nor named in what is saved
    match_whole_words(tokenizer)
    return tokenizer


def read_config(
    name: str, *, revision: str | None = None, ignore_unsafe_files: bool = False
) -> Any:
    """Load a model's configuration."""
    return config_at(locate(name, ignore_unsafe_files=ignore_unsafe_files), revision=revision)


def config_at(place: str | Path, *, revision: str | None = None) -> Any:
    """Read the configuration of a place that was looked at; what names code is left out."""
    with telling_what_failed(f"{place}, config.json"):
        config = AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False)
    if "/" in str(config._attn_implementation or ""):
        raise ModelError(
            "The model's configuration asks for compiled code from the hub.",
            received=f"{place}: attn_implementation: {config._attn_implementation}",
            hint="a model that names sdpa or eager, or nothing",
        )
    if hasattr(config, "auto_map"):
        del config.auto_map
    return config


def build_model(
    name: str,
    *,
    tokenizer: Any,
    labels: Sequence[str],
    problem_type: str | None,
    auto_model: str = SEQUENCE_CLASSIFIER,
    trained_head: bool = False,
    pretrained: bool = True,
    seed: int = 0,
    revision: str | None = None,
    pooling: str = "default",
    head_hidden_layers: Sequence[int] = (),
    head_dropout: float | None = None,
    drop_top: int = 0,
    reinitialise_top: int = 0,
    freeze_embeddings: bool = False,
    freeze_bottom: int = 0,
    generation: Mapping[str, Any] | None = None,
    crf: bool = False,
    ignore_unsafe_files: bool = False,
) -> Any:
    """Build a model with a fresh head, its structure changed as asked.

    Args:
        name: A hub id, a folder, or `package:NAME`.
        tokenizer: Its tokenizer, with any tokens that were added.
        labels: Names of the outputs.
        problem_type: As in a configuration of Transformers.
        auto_model: The Auto class of the task.
        trained_head: Whether the head must be in the checkpoint, too.
        pretrained: Whether to read weights; False: the same architecture with random ones.
        seed: Of the random weights; the caller's random state is left alone.
        revision: On the hub.
        pooling: Other than `default`: a head of `heads.py`.
        head_hidden_layers: Widths of the head's hidden layers; any: a head of `heads.py`.
        head_dropout: Of the head; None: the model's own.
        drop_top: Layers removed at the top.
        reinitialise_top: Layers at the top with fresh weights.
        freeze_embeddings: Whether the embeddings stay as they are.
        freeze_bottom: Layers at the bottom that stay as they are.
        generation: Settings of `model.generate`, which are saved with the model.
        crf: Whether a CRF shall weigh which label follows which.
        ignore_unsafe_files: Whether files that could run code may lie in the folder, unopened.

    Raises:
        ModelError: The model cannot be read, or cannot be changed so.
    """
    place = locate(name, ignore_unsafe_files=ignore_unsafe_files)
    config = config_at(place, revision=revision)
    is_pooled = pooling != "default" or len(head_hidden_layers) > 0
    refuse_unfit(config, is_pooled=is_pooled, auto_model=auto_model)
    describe_outputs(config, labels, problem_type, tokenizer)
    cut_layers(config, drop_top=drop_top, at_least=max(reinitialise_top, freeze_bottom))
    if head_dropout is not None:
        for field in DROPOUTS:
            if hasattr(config, field):
                setattr(config, field, head_dropout)
    auto = AutoModel if is_pooled else getattr(transformers, auto_model)

    with quietly(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "model"))
        model = (
            _read(auto, place, config, revision, trained_head=trained_head)
            if pretrained
            else _make(auto, config)
        )
        if len(tokenizer) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(tokenizer))
        if any(not token.special for token in tokenizer.added_tokens_decoder.values()):
            before = tokenizer_at(place, revision=revision)
            start_from_pieces(model, pieces_of_new_words(tokenizer, before))
        if model.config.pad_token_id is None:  # a token that the checkpoint did not know
            model.config.pad_token_id = tokenizer.pad_token_id
        if reinitialise_top:
            _reinitialise(model, _make(auto, config), reinitialise_top)
        if is_pooled:
            model = PooledClassifier(
                model,
                n_outputs=len(labels),
                pooling="mean" if pooling == "default" else pooling,
                hidden_layers=head_hidden_layers,
                dropout=0.1 if head_dropout is None else head_dropout,
            )
    if crf:
        model = CrfTagger(model)
    if generation:
        set_generation(model, generation, tokenizer)
    if head_dropout is not None:
        set_dropout(model, head_dropout)
    _freeze(model, bottom=freeze_bottom, with_embeddings=freeze_embeddings)
    return model


def refuse_unfit(config: Any, *, is_pooled: bool, auto_model: str) -> None:
    """Raise where a model reads no text, or its structure does not fit what is asked of it."""
    if not hasattr(config, "pad_token_id"):  # as those of images and sound
        raise no_such_head(config, auto_model)
    if not is_pooled:
        refuse_family(config, auto_model)
    elif getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"{config.model_type} is an encoder and a decoder, and takes only its own head.",
            received="model.pooling or model.head_hidden_layers",
            hint="model.pooling=default and no hidden layers",
        )
    elif auto_model != SEQUENCE_CLASSIFIER:
        raise ModelError(
            "Pooling and hidden layers are for heads that judge whole texts.",
            received="model.pooling or model.head_hidden_layers",
            hint="model.pooling=default and no hidden layers",
        )


def describe_outputs(
    config: Any, labels: Sequence[str], problem_type: str | None, tokenizer: Any
) -> None:
    """Write the outputs' names, and the padding token, into a configuration."""
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    if problem_type is not None:
        config.problem_type = problem_type
    n_known = getattr(config, "vocab_size", 0)
    if config.pad_token_id is None and (tokenizer.pad_token_id or 0) < n_known:
        config.pad_token_id = tokenizer.pad_token_id


def cut_layers(config: Any, *, drop_top: int, at_least: int) -> None:
    """Make the configuration that of a shallower model.

    Raises:
        ModelError: There are not so many layers.
    """
    n_layers = config.num_hidden_layers
    if drop_top >= n_layers or at_least > n_layers - drop_top:
        raise ModelError(
            f"The model has {n_layers} layers; fewer than the recipe changes.",
            received=f"drop_top={drop_top}, reinitialise_top or freeze_bottom={at_least}",
            hint=f"model.drop_top below {n_layers}, the others at most what remains",
        )
    if drop_top:
        config.num_hidden_layers = n_layers - drop_top
        if getattr(config, "layer_types", None):
            config.layer_types = list(config.layer_types)[: n_layers - drop_top]


def _make(auto: Any, config: Any) -> Any:
    """Make a model with random weights.

    Raises:
        ModelError: The family has no such head.
    """
    try:
        return auto.from_config(config, dtype=torch.float32)
    except ValueError as problem:
        raise no_such_head(config, auto.__name__) from problem


def set_generation(model: Any, settings: Mapping[str, Any], tokenizer: Any) -> None:
    """Give a model the settings of generation, so that plain `model.generate` has them too."""
    wanted = {"max_length": None, "pad_token_id": model.config.pad_token_id, **settings}
    model.generation_config.update(**wanted)
    if model.generation_config.eos_token_id is None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id


def _read(auto: Any, place: str, config: Any, revision: str | None, *, trained_head: bool) -> Any:
    """Read a model's weights, and see that at most its head is fresh."""
    with telling_what_failed(place):
        try:
            model, loading = auto.from_pretrained(
                place,
                config=config,
                revision=revision,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **SAFELY,
            )
        except ValueError as problem:
            if "Unrecognized configuration class" in str(problem):
                raise no_such_head(config, auto.__name__) from problem
            raise
    prefix = f"{model.base_model_prefix}." if auto is not AutoModel else ""
    fresh = sorted(key for key in loading["missing_keys"] if not key.startswith(prefix))
    if trained_head and fresh:
        raise no_trained_head(place, auto.__name__, fresh)
    lost = sorted(
        key for key in loading["missing_keys"] if key.startswith(prefix) and "pooler" not in key
    )
    if lost and not (prefix and _take_trunk(model, place, config, revision)):
        raise ModelError(
            f"The checkpoint lacks {len(lost)} weights of the model that it says it is.",
            received=f"{place} without {lost[0]}",
            hint="another checkpoint, or the right config.json beside the weights",
        )
    setattr(model, FRESH, tuple(sorted(set(loading["missing_keys"]) - set(lost))))
    return model


def _take_trunk(model: Any, place: str, config: Any, revision: str | None) -> bool:
    """Read the trunk by itself, where a class with a head calls it by another name (Llama's).

    Returns:
        Whether all its weights were found so.
    """
    trunk, loading = AutoModel.from_pretrained(
        place, config=config, revision=revision, output_loading_info=True, **SAFELY
    )
    if any("pooler" not in key for key in loading["missing_keys"]):
        return False
    if trunk.state_dict().keys() != model.base_model.state_dict().keys():
        return False
    model.base_model.load_state_dict(trunk.state_dict())
    return True


def _reinitialise(model: Any, fresh: Any, n_layers: int) -> None:
    if shares_layers(model):
        raise ModelError(
            f"{model.config.model_type} shares one block among all layers.",
            received=f"model.reinitialise_top={n_layers}",
            hint="model.reinitialise_top=0",
        )
    for layer, new in zip(
        list(layers(model))[-n_layers:], list(layers(fresh))[-n_layers:], strict=True
    ):
        layer.load_state_dict(new.state_dict())


def _freeze(model: Any, *, bottom: int, with_embeddings: bool) -> None:
    if bottom and shares_layers(model):
        raise ModelError(
            f"{model.config.model_type} shares one block among all layers.",
            received=f"model.freeze_bottom={bottom}",
            hint="model.freeze_bottom=0",
        )
    for layer in list(layers(model))[:bottom] if bottom else ():
        layer.requires_grad_(False)
    for module in embeddings(model) if with_embeddings else ():
        module.requires_grad_(False)


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a model and its tokenizer as a checkpoint of Transformers."""
    with quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def load_saved(folder: Path) -> tuple[Any, Any]:
    """Read back the model, ready to predict, and the tokenizer that `save_model` wrote.

    Its class is the one that its configuration names, and must be one of Transformers.
    """
    check_model(folder)
    settings = read_head(folder)
    with quietly(), telling_what_failed(str(folder)):
        config = config_at(folder)
        auto = AutoModel if settings and "pooling" in settings else class_of(config)
        model = auto.from_pretrained(folder, config=config, **SAFELY)
        if settings:
            with telling_what_failed(str(folder / HEAD_FILE)):
                model = put_head(model, folder, settings)
    return model.eval(), tokenizer_at(folder)


def class_of(config: Any) -> Any:
    """Give the class of Transformers that a saved configuration names.

    Raises:
        ModelError: It names none.
    """
    name = (config.architectures or [""])[0]
    found = getattr(transformers, name, None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise ModelError(
            "The saved configuration names no model of Transformers.",
            received=f"architectures: {config.architectures}",
            hint="copy the run's model folder whole, or run the recipe again",
        )
    return found


@contextmanager
def quietly() -> Iterator[None]:
    """Keep Transformers from reporting at length that a fresh head is fresh."""
    verbosity, has_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bar:
            logging.enable_progress_bar()

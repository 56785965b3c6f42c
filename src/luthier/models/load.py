"""Load a tokenizer and build a model with the task's head by name; save both and load them again.

Weights are read by `weights.py`; what may lie in a model's folder is checked by `safety.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging

from luthier.errors import ModelError
from luthier.hf_types import Config, Model, Tokenizer
from luthier.models.crf import CrfTagger
from luthier.models.encoders.known import CLASSES, register
from luthier.models.families import no_such_head, refuse_family
from luthier.models.fusion import ENCODERS, FusedModel
from luthier.models.generation import set_generation
from luthier.models.head_files import HEAD_FILE, LEFT, read_head
from luthier.models.heads import PooledClassifier, put_head, set_dropout
from luthier.models.locate import check_model, locate, refuse_no_model
from luthier.models.media_processor import saved_processor
from luthier.models.new_tokens import (
    add_words,
    match_whole_words,
    pieces_of_new_words,
    start_from_pieces,
)
from luthier.models.safety import telling_what_failed
from luthier.models.sizes import refuse_too_large
from luthier.models.structure import embeddings, layers, shares_layers
from luthier.models.trained_head import NOTE, carry_head, names_in
from luthier.models.vocabulary_fit import (
    refuse_empty_vocabulary,
    refuse_foreign_vocabulary,
)
from luthier.models.weights import SAFELY, SPARE, random_weights, read_weights
from luthier.seeding import seed_of

DROPOUTS = (  # fields of configurations that set the dropout of the head
    "classifier_dropout",
    "classifier_dropout_prob",
    "seq_classif_dropout",
    "cls_dropout",
    "summary_last_dropout",
)
SEQUENCE_CLASSIFIER = "AutoModelForSequenceClassification"


def load_tokenizer(
    name: str,
    *,
    revision: str | None = None,
    new_tokens: Sequence[str] = (),
    ignore_unsafe_files: bool = False,
) -> Tokenizer:
    """Load a tokenizer; one without a padding token (GPT-2, Llama) pads with its end token.

    Args:
        name: A hub id, a folder, or `package:NAME`.
        revision: The branch, tag or commit on the hub.
        new_tokens: Words to add to the vocabulary, matched as whole words.
        ignore_unsafe_files: Whether the folder may hold files that could run code; they stay
            unopened.
    """
    refuse_no_model(name)
    place = locate(name, ignore_unsafe_files=ignore_unsafe_files)
    tokenizer = tokenizer_at(place, revision=revision)
    refuse_empty_vocabulary(tokenizer, name)
    refuse_foreign_vocabulary(tokenizer, config_at(place, revision=revision), name)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if new_tokens:
        add_words(tokenizer, new_tokens)
    return tokenizer


def tokenizer_at(place: str | Path, *, revision: str | None = None) -> Tokenizer:
    """Read the tokenizer at a place that was checked; code of its own is never run."""
    with telling_what_failed(f"{place}, tokenizer.json or tokenizer_config.json"):
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    longest = tokenizer.model_max_length
    if not isinstance(longest, (int, float)) or longest < 1:
        raise ModelError(
            "The longest text that a tokenizer declares has at least one token.",
            received=f"{place}, tokenizer_config.json: model_max_length={longest!r}"[:300],
            hint="correct model_max_length in tokenizer_config.json",
        )
    tokenizer.init_kwargs.pop("auto_map", None)  # so that a saved copy names no code either
    match_whole_words(tokenizer)
    return tokenizer


def read_config(
    name: str, *, revision: str | None = None, ignore_unsafe_files: bool = False
) -> Config:
    """Load a model's configuration."""
    return config_at(locate(name, ignore_unsafe_files=ignore_unsafe_files), revision=revision)


def config_at(place: str | Path, *, revision: str | None = None) -> Config:
    """Read the configuration at a place that was checked, without the fields that name code."""
    register()
    with telling_what_failed(f"{place}, config.json"):
        config: Config = AutoConfig.from_pretrained(
            place, revision=revision, trust_remote_code=False
        )
    if "/" in str(config._attn_implementation or ""):
        raise ModelError(
            "The model's configuration asks for compiled code from the hub.",
            received=f"{place}: attn_implementation: {config._attn_implementation}",
            hint="a model that names sdpa or eager, or nothing",
        )
    if hasattr(config, "auto_map"):
        del config.auto_map
    refuse_too_large(config, str(place))
    return config


def build_model(
    name: str,
    *,
    tokenizer: Tokenizer | None,
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
    fusion: Mapping[str, Any] | None = None,
    ignore_unsafe_files: bool = False,
) -> Model:
    """Build a model with a new head, and change its structure as asked.

    Args:
        name: A hub id, a folder, or `package:NAME`.
        tokenizer: The model's tokenizer, with any added tokens.
        labels: Names of the outputs.
        problem_type: The field of that name in Transformers' configurations.
        auto_model: Name of the task's Auto class.
        trained_head: Whether the head's weights must be in the checkpoint too.
        pretrained: Whether to read weights; False draws all of them at random.
        seed: Seed of the random weights; the caller's random state is left alone.
        revision: The branch, tag or commit on the hub.
        pooling: How tokens become one vector; `default` keeps the head of Transformers.
        head_hidden_layers: Widths of hidden layers of the head; none keeps Transformers' head.
        head_dropout: Dropout of the head; None keeps the model's own.
        drop_top: Number of layers removed at the top.
        reinitialise_top: Number of layers at the top that get new random weights.
        freeze_embeddings: Whether the embeddings are not trained.
        freeze_bottom: Number of layers at the bottom that are not trained.
        generation: Settings of `model.generate`; they are saved with the model.
        crf: Whether to add a CRF, which scores transitions between labels.
        fusion: Settings of a head that joins several inputs; None: one of the others.
        ignore_unsafe_files: Whether the folder may hold files that could run code; they stay
            unopened.

    Raises:
        ModelError: The model cannot be read, or cannot be changed as asked.
    """
    place = locate(name, ignore_unsafe_files=ignore_unsafe_files)
    config = config_at(place, revision=revision)
    is_pooled = pooling != "default" or len(head_hidden_layers) > 0 or fusion is not None
    refuse_unfit(config, is_pooled=is_pooled, auto_model=auto_model)
    before = names_in(config)
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
            read_weights(auto, place, config, revision, trained_head=trained_head)
            if pretrained
            else random_weights(auto, config)
        )
        note = None
        if pretrained and labels and auto_model.endswith("Classification") and not is_pooled:

            def reread() -> Model:
                own = deepcopy(config)
                own.id2label = dict(enumerate(before))
                return read_weights(auto, place, own, revision, trained_head=False)

            note = carry_head(model, before, labels, reread=reread)
        if pretrained and read_head(Path(place)) is not None:
            note = " ".join(filter(None, (note, LEFT)))
        if tokenizer is not None:
            _fit_vocabulary(model, tokenizer, place, revision)
        if reinitialise_top:
            _reinitialise(model, random_weights(auto, config), reinitialise_top)
        if fusion is not None:
            model = FusedModel(model, n_outputs=len(labels), **fusion)
        elif is_pooled:
            model = PooledClassifier(
                model,
                n_outputs=len(labels),
                pooling="mean" if pooling == "default" else pooling,
                hidden_layers=head_hidden_layers,
                dropout=0.1 if head_dropout is None else head_dropout,
            )
    if crf:
        model = CrfTagger(model)
    setattr(model, NOTE, note)
    if generation and tokenizer is not None:
        set_generation(model, generation, tokenizer)
    if head_dropout is not None:
        set_dropout(model, head_dropout)
    _freeze(model, bottom=freeze_bottom, with_embeddings=freeze_embeddings)
    return model


def _fit_vocabulary(model: Model, tokenizer: Tokenizer, place: str, revision: str | None) -> None:
    """Give a model an embedding for every token, those of new words from their pieces."""
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    if any(not token.special for token in tokenizer.added_tokens_decoder.values()):
        before = tokenizer_at(place, revision=revision)
        start_from_pieces(model, pieces_of_new_words(tokenizer, before))
    if model.config.pad_token_id is None:  # the token is not in the checkpoint's vocabulary
        model.config.pad_token_id = tokenizer.pad_token_id


def refuse_unfit(config: Config, *, is_pooled: bool, auto_model: str) -> None:
    """Raise if a model's family cannot have the head that is asked for."""
    if is_pooled and not hasattr(config, "pad_token_id"):  # of images or sound: no states of words
        raise no_such_head(config, auto_model)
    if not is_pooled:
        refuse_family(config, auto_model)
    elif getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"A {config.model_type} has an encoder and a decoder, and supports its own head only.",
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
    config: Config, labels: Sequence[str], problem_type: str | None, tokenizer: Tokenizer | None
) -> None:
    """Write the names of the outputs and the padding token into a configuration."""
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
    if problem_type is not None:
        config.problem_type = cast(Any, problem_type)  # one of three words, as the recipe checks
    n_known = getattr(config, "vocab_size", 0)
    if tokenizer is None:
        return
    if config.pad_token_id is None and (tokenizer.pad_token_id or 0) < n_known:
        config.pad_token_id = tokenizer.pad_token_id


def cut_layers(config: Config, *, drop_top: int, at_least: int) -> None:
    """Change a configuration to that of a model with fewer layers.

    Args:
        config: The model's configuration; it is changed in place.
        drop_top: Number of layers to remove at the top.
        at_least: Number of layers that must remain.

    Raises:
        ModelError: The model has too few layers.
    """
    n_layers = config.num_hidden_layers
    if drop_top >= n_layers or at_least > n_layers - drop_top:
        raise ModelError(
            f"The model has {n_layers} layers, and the recipe changes more than that.",
            received=f"drop_top={drop_top}, reinitialise_top or freeze_bottom={at_least}",
            hint=f"model.drop_top below {n_layers}, the others at most what remains",
        )
    if drop_top:
        config.num_hidden_layers = n_layers - drop_top
        if getattr(config, "layer_types", None):
            config.layer_types = list(config.layer_types)[: n_layers - drop_top]


def _reinitialise(model: Model, fresh: Model, n_layers: int) -> None:
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


def _freeze(model: Model, *, bottom: int, with_embeddings: bool) -> None:
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


def save_model(model: Model, processor: Tokenizer | None, folder: Path) -> None:
    """Write a model and its processor, if it has one, as a checkpoint that Transformers reads."""
    with quietly():
        spare = getattr(model, SPARE, {})  # so that a classifier can go on from it
        held = {"state_dict": {**model.state_dict(), **spare}} if spare else {}
        model.save_pretrained(folder, **held)
        if processor is not None:
            processor.save_pretrained(folder)


def load_saved(folder: Path) -> tuple[Model, Tokenizer | None]:
    """Load the model, ready to predict, and the processor that `save_model` wrote.

    The configuration names the model's class, which must be one of Transformers.
    """
    check_model(folder)
    settings = read_head(folder)
    with quietly(), telling_what_failed(str(folder)):
        config = config_at(folder)
        auto = (
            AutoModel if settings and {"pooling", "fusion"} & settings.keys() else class_of(config)
        )
        model = auto.from_pretrained(folder, config=config, **SAFELY)
        if settings:
            with telling_what_failed(str(folder / HEAD_FILE)):
                model = put_head(model, folder, settings)
    return model.eval(), processor_at(folder, config)


def processor_at(folder: Path, config: Config) -> Any:
    """Read what a saved model's inputs are prepared with; None where nothing is."""
    if (folder / ENCODERS).is_dir():
        from luthier.models.inputs_processor import InputsProcessor  # which loads models as well

        return InputsProcessor.read(folder)
    has_tokenizer = (folder / "tokenizer_config.json").is_file()
    if not has_tokenizer and (made := saved_processor(folder)) is not None:
        return made
    return tokenizer_at(folder) if has_tokenizer or hasattr(config, "vocab_size") else None


def class_of(config: Config) -> Any:
    """Return the class of Transformers that a saved configuration names.

    Raises:
        ModelError: The configuration names none.
    """
    name = (config.architectures or [""])[0]
    found = CLASSES.get(name) or getattr(transformers, name, None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise ModelError(
            "The saved configuration names no model class of Transformers.",
            received=f"architectures: {config.architectures}",
            hint="copy the run's model folder whole, or run the recipe again",
        )
    return found


@contextmanager
def quietly() -> Iterator[None]:
    """Silence Transformers, which would report at length that a new head is untrained."""
    verbosity, has_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bar:
            logging.enable_progress_bar()

"""peft's catalogue: which tuners exist, and which fields of each a recipe can set.

There is no list of tuners here. The layers a tuner changes follow from the model's structure; the
fields a recipe can set are those peft declares, except fields that name files, code or models.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from luthier.errors import ModelError, RecipeError, suggestion
from luthier.hf_types import Model

if TYPE_CHECKING:
    from peft import PeftConfig

ELSEWHERE = re.compile(  # fields that name files, code or models, or that are set here
    r".*(_path|_config|_mapping|_model|_core|_kwargs)|adapters|revision|peft_type|peft_version"
    r"|task_type|inference_mode|target_modules|modules_to_save|use_bdlora"
)
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,100}")
HEADS = {  # class of the model -> peft's name of its task
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
    "ForQuestionAnswering": "QUESTION_ANS",
    "ForQuestionAnsweringSimple": "QUESTION_ANS",
    "ForConditionalGeneration": "SEQ_2_SEQ_LM",
    "MTModel": "SEQ_2_SEQ_LM",
    "ForCausalLM": "CAUSAL_LM",
    "LMHeadModel": "CAUSAL_LM",
    "ForMaskedLM": "FEATURE_EXTRACTION",
}


@cache
def tuners() -> Mapping[str, type[PeftConfig]]:
    """Return peft's catalogue: the name of each tuner and the class of its configuration."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return {str(kind.value): config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}


def config_class(tuner: str) -> type[PeftConfig]:
    """Return the configuration class of a tuner by its name in peft, in any case.

    Raises:
        RecipeError: peft has no such tuner.
    """
    name = tuner.upper().replace("-", "_")
    if name in tuners():
        return tuners()[name]
    raise RecipeError(
        f"peft has no tuner called '{tuner}'.",
        received=f"method.options.tuner={tuner}",
        hint=suggestion(name, sorted(tuners())),
    )


def fields_of(config: type[PeftConfig]) -> frozenset[str]:
    """Return the names of a configuration's fields."""
    return frozenset(field.name for field in dataclasses.fields(config))


def is_prompt(config: type[PeftConfig]) -> bool:
    """Return whether a tuner learns a prompt before the text, rather than changing layers."""
    from peft import PromptLearningConfig

    return issubclass(config, PromptLearningConfig)


def check_options(config: type[PeftConfig], options: Mapping[str, Any]) -> None:
    """Refuse fields that a tuner does not have or that name files, code or models.

    Raises:
        RecipeError: A field cannot be set by a recipe, or not to this value.
    """
    open_fields = sorted(name for name in fields_of(config) if not ELSEWHERE.fullmatch(name))
    for name, value in options.items():
        if name not in open_fields:
            raise RecipeError(
                f"The tuner has no field '{name}' that a recipe can set.",
                received=f"method.options.config.{name}={value}",
                hint=suggestion(name, open_fields),
            )
        if not _is_plain(value):
            raise RecipeError(
                "Fields of a tuner are numbers, plain words, or lists and maps of them.",
                received=f"method.options.config.{name}={value!r}",
                hint="leave it out, or give a number or a word",
            )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(one) for both in value.items() for one in both)
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return PLAIN.fullmatch(value) is not None
    return value is None or isinstance(value, (bool, int, float))


def place(config: type[PeftConfig], model: Model, targets: str | list[str]) -> dict[str, Any]:
    """Choose the modules that a tuner changes, as fields of its configuration.

    Args:
        config: Class of the tuner's configuration.
        model: The model to tune.
        targets: `auto`, or suffixes of the names of layers.

    Raises:
        ModelError: A target is not the suffix of any layer's name.
    """
    from luthier.models.structure import (
        down_projections,
        head_modules,
        is_transposed,
        linear_layers,
        norms,
    )

    if is_prompt(config):
        return _before(model)
    linear = linear_layers(model)
    if targets in ("auto", "all-linear"):
        chosen = norms(model) if config.__name__.startswith("LN") else linear
    else:
        chosen = [targets] if isinstance(targets, str) else targets
        refuse_unknown_targets(chosen, [*linear, *norms(model)])
    wanted = {
        "target_modules": chosen,
        "modules_to_save": list(head_modules(model)) or None,
        "fan_in_fan_out": is_transposed(model),
        "feedforward_modules": [name for name in down_projections(model) if _hits(chosen, name)],
    }
    return {name: value for name, value in wanted.items() if name in fields_of(config)}


def width_of_words(model: Model) -> dict[str, int]:
    """Return the sizes of a prompt that is prepended to the token embeddings."""
    return {"token_dim": int(model.get_input_embeddings().weight.shape[1]), **_depth(model)}


def shape_of_cache(model: Model) -> dict[str, int]:
    """Return the sizes of a prompt that is prepended to the keys and values of every layer."""
    return {"token_dim": int(model.config.hidden_size), **_depth(model)}


def _depth(model: Model) -> dict[str, int]:
    config = model.config
    return {
        "num_layers": int(config.num_hidden_layers),
        "num_attention_heads": int(config.num_attention_heads),
    }


def _before(model: Model) -> dict[str, Any]:
    """Return the fields that fit a prompt to a model."""
    from luthier.models.structure import head_modules

    kind = type(model).__name__
    task = next((name for ending, name in HEADS.items() if kind.endswith(ending)), None)
    if task is None:
        raise ModelError(
            f"Prompts cannot be prepended to the text of a {kind}.",
            received=model.config.model_type,
            hint="method=lora, which changes any model's layers",
        )
    return {"task_type": task, "modules_to_save": list(head_modules(model)) or None}


def _hits(targets: list[str], name: str) -> bool:
    return any(name == target or name.endswith(f".{target}") for target in targets)


def refuse_unknown_targets(targets: list[str], known: list[str]) -> None:
    """Raise if a target is not the suffix of any layer's name."""
    for target in targets:
        if not any(_hits([target], name) for name in known):
            ends = sorted({name.rsplit(".", 1)[-1] for name in known})
            raise ModelError(
                f"No layer of this model that can be changed is called '{target}'.",
                received=f"method.options.target_modules={targets}",
                hint=f"auto, or names among {', '.join(ends)}",
            )

"""peft's catalogue: which tuners there are, and what each can be told.

No list of tuners is kept here. Where a tuner acts follows from the model's anatomy; what its
configuration may say is what peft declares, less the fields that name files, code or other models.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from luthier.errors import ModelError, RecipeError, nearest
from luthier.hf_types import Model

if TYPE_CHECKING:
    from peft import PeftConfig

ELSEWHERE = re.compile(  # fields that name files, code or other models, or are set here
    r".*(_path|_config|_mapping|_model|_core|_kwargs)|adapters|revision|peft_type|peft_version"
    r"|task_type|inference_mode|target_modules|modules_to_save|use_bdlora"
)
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,100}")
HEADS = {  # what peft calls the kinds of models that it puts prompts before
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
    """Give peft's own catalogue: the name of each tuner to the class of its configuration."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return {str(kind.value): config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}


def config_class(tuner: str) -> type[PeftConfig]:
    """Find the configuration of a tuner by its peft name, in capitals or not.

    Raises:
        RecipeError: peft has no such tuner.
    """
    name = tuner.upper().replace("-", "_")
    if name in tuners():
        return tuners()[name]
    close = nearest(name, tuners())
    raise RecipeError(
        f"peft has no tuner called '{tuner}'.",
        received=f"method.options.tuner={tuner}",
        hint=f"did you mean {close}?" if close else f"one of: {', '.join(sorted(tuners()))}",
    )


def fields_of(config: type[PeftConfig]) -> frozenset[str]:
    """Name what a configuration can be told."""
    return frozenset(field.name for field in dataclasses.fields(config))


def is_prompt(config: type[PeftConfig]) -> bool:
    """Say whether a tuner puts learned states before the text, rather than changing layers."""
    from peft import PromptLearningConfig

    return issubclass(config, PromptLearningConfig)


def check_options(config: type[PeftConfig], options: Mapping[str, Any]) -> None:
    """Refuse what a tuner cannot be told, or what names files, code or other models.

    Raises:
        RecipeError: It says which field.
    """
    open_fields = sorted(name for name in fields_of(config) if not ELSEWHERE.fullmatch(name))
    for name, value in options.items():
        if name not in open_fields:
            close = nearest(name, open_fields)
            raise RecipeError(
                f"The tuner has no field '{name}' that a recipe can set.",
                received=f"method.options.config.{name}={value}",
                hint=f"did you mean {close}?" if close else f"one of: {', '.join(open_fields)}",
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
    """Say where in a model a tuner acts, in the fields that its configuration has.

    Args:
        config: The class of the configuration.
        model: The model.
        targets: `auto`, or ends of the names of layers.

    Raises:
        ModelError: A target is the end of no layer's name.
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
    """Say how wide the states before the text must be: as those of words."""
    return {"token_dim": int(model.get_input_embeddings().weight.shape[1]), **_depth(model)}


def shape_of_cache(model: Model) -> dict[str, int]:
    """Say what shape the keys and values of the model's layers have."""
    return {"token_dim": int(model.config.hidden_size), **_depth(model)}


def _depth(model: Model) -> dict[str, int]:
    config = model.config
    return {
        "num_layers": int(config.num_hidden_layers),
        "num_attention_heads": int(config.num_attention_heads),
    }


def _before(model: Model) -> dict[str, Any]:
    """Say what a prompt that is put before the text must fit to."""
    from luthier.models.structure import head_modules

    kind = type(model).__name__
    task = next((name for ending, name in HEADS.items() if kind.endswith(ending)), None)
    if task is None:
        raise ModelError(
            f"Prompts cannot be put before the text of a {kind}.",
            received=model.config.model_type,
            hint="method=lora, which changes any model's layers",
        )
    return {"task_type": task, "modules_to_save": list(head_modules(model)) or None}


def _hits(targets: list[str], name: str) -> bool:
    return any(name == target or name.endswith(f".{target}") for target in targets)


def refuse_unknown_targets(targets: list[str], known: list[str]) -> None:
    """Raise where a target is the end of no layer's name."""
    for target in targets:
        if not any(_hits([target], name) for name in known):
            ends = sorted({name.rsplit(".", 1)[-1] for name in known})
            raise ModelError(
                f"No layer of this model that can be changed is called '{target}'.",
                received=f"method.options.target_modules={targets}",
                hint=f"auto, or names among {', '.join(ends)}",
            )

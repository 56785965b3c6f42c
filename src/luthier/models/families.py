"""Which families of models can learn what; the holes are told in words.

Transformers' own Auto classes are the list: nothing is kept by hand but the few cases where a class
exists and would not do what the task means.
"""

from __future__ import annotations

from collections.abc import Sequence

import transformers

from luthier.errors import ModelError
from luthier.hf_types import Config

DOES = {
    "AutoModelForSequenceClassification": "classification head",
    "AutoModelForTokenClassification": "head for tokens",
    "AutoModelForQuestionAnswering": "head for answers",
    "AutoModelForMultipleChoice": "head for multiple choice",
    "AutoModelForSeq2SeqLM": "encoder and decoder",
    "AutoModelForCausalLM": "head that continues texts",
    "AutoModelForMaskedLM": "head that fills masks",
}
INSTEAD = {
    "AutoModelForSequenceClassification": "a BERT, RoBERTa, GPT-2 or Llama-like model, say",
    "AutoModelForTokenClassification": "a BERT, RoBERTa, T5, GPT-2 or Llama-like model, say",
    "AutoModelForQuestionAnswering": "a BERT, RoBERTa, BART, T5 or Llama-like model, say",
    "AutoModelForMultipleChoice": "a BERT, RoBERTa, DeBERTa, ALBERT or XLNet-like model, say",
    "AutoModelForSeq2SeqLM": "a T5, BART, mBART or Marian-like model, say",
    "AutoModelForCausalLM": "a GPT-2, Llama or Qwen-like model, say",
    "AutoModelForMaskedLM": "a BERT, RoBERTa, DeBERTa, ModernBERT or ELECTRA-like model, say",
}


def refuse_family(config: Config, auto_model: str) -> None:
    """Raise where a family cannot learn what an Auto class is for.

    Raises:
        ModelError: It has no such head, or one that means something else.
    """
    if type(config) not in getattr(transformers, auto_model)._model_mapping:
        raise no_such_head(config, auto_model)
    if auto_model == "AutoModelForCausalLM" and not reads_one_way(config):
        raise ModelError(
            f"Models of the family '{config.model_type}' see what comes next: they cannot learn to "
            "continue texts.",
            received=f"model type {config.model_type}",
            hint=INSTEAD[auto_model],
        )
    if auto_model == "AutoModelForMaskedLM" and getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"Models of the family '{config.model_type}' fill a mask by writing the whole text "
            "again, which scores no single word.",
            received=f"model type {config.model_type}",
            hint=INSTEAD[auto_model],
        )


def reads_one_way(config: Config) -> bool:
    """Say whether a model with a head for continuing texts is a decoder alone, left to right."""
    mapping = transformers.AutoModelForMaskedLM._model_mapping
    is_encoder = type(config) in mapping or config.model_type == "xlnet"
    return not (is_encoder or getattr(config, "is_encoder_decoder", False))


def no_such_head(config: Config, auto_model: str) -> ModelError:
    """Say that a family cannot do the task."""
    does = DOES.get(auto_model, "head for this task")
    return ModelError(
        f"Models of the family '{config.model_type}' have no {does} in Transformers.",
        received=f"model type {config.model_type}",
        hint=INSTEAD.get(auto_model, "a model of another family"),
    )


def no_trained_head(place: str, auto_model: str, missing: Sequence[str]) -> ModelError:
    """Say that a checkpoint lacks the weights of a head that cannot be fresh."""
    does = DOES.get(auto_model, "head for this task")
    return ModelError(
        f"The checkpoint has no trained {does}: its weights were left out when it was saved.",
        received=f"{place} without {missing[0]}",
        hint="the model that it was made from, bert-base-uncased say, or method=full",
    )

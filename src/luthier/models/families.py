"""Which families of models support which tasks, and errors that explain what is missing.

The mappings of Transformers' Auto classes decide. Only the few cases in which a class exists but
does not do what the task needs are listed by hand.
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
    """Raise if a family does not support the task of an Auto class.

    Raises:
        ModelError: The family has no such head, or its head does something else.
    """
    if type(config) not in getattr(transformers, auto_model)._model_mapping:
        raise no_such_head(config, auto_model)
    if auto_model == "AutoModelForCausalLM" and not reads_one_way(config):
        raise ModelError(
            f"Models of the family '{config.model_type}' attend to later tokens too: they cannot "
            "learn to continue texts.",
            received=f"model type {config.model_type}",
            hint=INSTEAD[auto_model],
        )
    if auto_model == "AutoModelForMaskedLM" and getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"Models of the family '{config.model_type}' fill a mask by generating the whole text "
            "again, which scores no single word.",
            received=f"model type {config.model_type}",
            hint=INSTEAD[auto_model],
        )


def reads_one_way(config: Config) -> bool:
    """Return whether a causal language model attends from left to right, with no encoder."""
    mapping = transformers.AutoModelForMaskedLM._model_mapping
    is_encoder = type(config) in mapping or config.model_type == "xlnet"
    return not (is_encoder or getattr(config, "is_encoder_decoder", False))


def no_such_head(config: Config, auto_model: str) -> ModelError:
    """Make the error for a family that does not support a task."""
    does = DOES.get(auto_model, "head for this task")
    return ModelError(
        f"Models of the family '{config.model_type}' have no {does} in Transformers.",
        received=f"model type {config.model_type}",
        hint=INSTEAD.get(auto_model, "a model of another family"),
    )


def no_trained_head(place: str, auto_model: str, missing: Sequence[str]) -> ModelError:
    """Make the error for a checkpoint without the weights of a head that must be trained."""
    does = DOES.get(auto_model, "head for this task")
    return ModelError(
        f"The checkpoint has no trained {does}: it was saved without those weights.",
        received=f"{place} without {missing[0]}",
        hint="the model that it was made from, bert-base-uncased say, or method=full",
    )

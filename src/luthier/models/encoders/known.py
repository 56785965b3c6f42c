"""Makes Transformers know the encoders of this folder: their names, models and heads."""

from __future__ import annotations

from functools import cache
from typing import Any

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
)

from luthier.models.encoders.efficientnet_lite import (
    EfficientNetLite,
    EfficientNetLiteConfig,
    EfficientNetLiteForImageClassification,
)
from luthier.models.encoders.nothing import Nothing, NothingConfig
from luthier.models.encoders.speech_embedding import (
    SpeechEmbedding,
    SpeechEmbeddingConfig,
    SpeechEmbeddingForSequenceClassification,
)

FAMILIES: tuple[tuple[Any, Any, Any, Any], ...] = (  # configuration, encoder, Auto class, with head
    (
        EfficientNetLiteConfig,
        EfficientNetLite,
        AutoModelForImageClassification,
        EfficientNetLiteForImageClassification,
    ),
    (
        SpeechEmbeddingConfig,
        SpeechEmbedding,
        AutoModelForAudioClassification,
        SpeechEmbeddingForSequenceClassification,
    ),
    (NothingConfig, Nothing, AutoModelForSequenceClassification, Nothing),
)
CLASSES = {one.__name__: one for _, *classes in FAMILIES for one in (classes[0], classes[2])}


@cache
def register() -> None:
    """Register every family with the Auto classes of Transformers."""
    for config, encoder, auto, with_head in FAMILIES:
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModel.register(config, encoder, exist_ok=True)
        auto.register(config, with_head, exist_ok=True)

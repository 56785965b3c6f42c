"""Google's speech embedding, an encoder of sounds: 0.33 million weights, 96 features every 80 ms.

    samples (batch, samples) at 16 kHz ─► 32 mel bands every 10 ms ─► 20 convolutions
        ─► (batch, windows, 96), each of 76 frames

Lin, Kilgour, Roblek & Sharifi 2020, https://arxiv.org/abs/2002.01322. Its convolutions do not fill
up time, so all windows of a sound are read at once: one starts every eight frames.
A sound is surrounded by silence, so that each 80 ms of it are heard in every place of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput

from luthier.models.pooling import mean_of_places

RATE, FRAME, HOP, BANDS = 16_000, 512, 160, 32  # hertz, samples, samples, number
WINDOW, STEP = 76, 8  # frames
EDGE = WINDOW - STEP  # frames of silence before and after a sound
LOUDEST = 32_767.0  # what the loudest sample is to the encoder
DYNAMIC = 80.0  # decibels below the loudest frame, where quieter ones are cut
LEAST = 1e-10  # power
SLOPE, LOWEST = 0.2, -0.4  # of the activation
ALONG = ((1, 3), (3, 1))  # kernels (frames, bands): bands, then frames
STAGES: tuple[tuple[int, tuple[tuple[int, int], ...], tuple[int, int]], ...] = (
    (24, ((3, 3), *ALONG), (2, 2)),  # channels, kernels, pooling (frames, bands)
    (48, 2 * ALONG, (1, 2)),
    (72, 2 * ALONG, (2, 2)),
    (96, 2 * ALONG, (1, 2)),
    (96, 2 * ALONG, (2, 2)),
)


class SpeechEmbeddingConfig(PreTrainedConfig):
    """The configuration of `SpeechEmbedding`; there is nothing to choose."""

    model_type = "speech-embedding"

    def __init__(self, hidden_size: int = 96, **others: Any):
        self.hidden_size = hidden_size
        self.num_hidden_layers = len(STAGES)
        others.pop("num_hidden_layers", None)
        super().__init__(**others)


class Bent(nn.Module):
    """The activation: a leaky ReLU that goes no lower than -0.4."""

    def forward(self, states: Tensor) -> Tensor:
        """Bend states of any shape."""
        return nn.functional.leaky_relu(states, SLOPE).clamp(min=LOWEST)


def stage(n_in: int, channels: int, kernels: Sequence[tuple[int, int]]) -> nn.Sequential:
    """Make convolutions that keep the number of bands."""
    made: list[nn.Module] = []
    for kernel in kernels:
        made += [nn.Conv2d(n_in, channels, kernel, padding=(0, kernel[1] // 2)), Bent()]
        n_in = channels
    return nn.Sequential(*made)


class Speech(PreTrainedModel):
    """What the encoder and the classifier on it have in common."""

    config_class = SpeechEmbeddingConfig
    base_model_prefix = "encoder"
    main_input_name = "input_values"


class SpeechEmbedding(Speech):
    """The encoder, with the filters that turn samples into bands."""

    waves: Tensor
    bands: Tensor

    def __init__(self, config: SpeechEmbeddingConfig):
        super().__init__(config)
        n_frequencies = FRAME // 2 + 1
        self.register_buffer("waves", torch.zeros(2 * n_frequencies, 1, FRAME))  # cosine, sine
        self.register_buffer("bands", torch.zeros(n_frequencies, BANDS))
        widths = [1, *(channels for channels, *_ in STAGES)]
        self.stages = nn.ModuleList(
            stage(before, channels, kernels)
            for before, (channels, kernels, _) in zip(widths, STAGES, strict=False)
        )
        self.top = nn.Conv2d(STAGES[-1][0], config.hidden_size, (3, 1), bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> BaseModelOutput:
        """Encode sounds, (batch, samples)."""
        around = (EDGE * HOP, EDGE * HOP + FRAME)
        states = self.heard(nn.functional.pad(input_values, around))[:, None]
        for shape, layers in zip(STAGES, self.stages, strict=True):
            states = nn.functional.max_pool2d(layers(states), shape[2])
        states = self.top(states)[..., 0].transpose(1, 2)  # (batch, windows, width)
        return BaseModelOutput(last_hidden_state=states)

    def heard(self, samples: Tensor) -> Tensor:
        """Turn samples (batch, samples) into decibels of bands, (batch, frames, bands)."""
        parts = nn.functional.conv1d(LOUDEST * samples[:, None], self.waves, stride=HOP)
        real, imaginary = parts.transpose(1, 2).chunk(2, dim=-1)  # (batch, frames, frequencies)
        power = (real**2 + imaginary**2) @ self.bands
        decibels = 10 * power.clamp(min=LEAST).log10()
        floor = decibels.amax(dim=(1, 2), keepdim=True) - DYNAMIC
        return torch.maximum(decibels, floor) / 10 + 2

    def _get_feature_vector_attention_mask(self, n_windows: int, mask: Tensor) -> Tensor:
        """Mark the windows that hear some of a sound, (batch, windows); named as in Transformers.

        Args:
            n_windows: Number of windows of the longest sound.
            mask: 1 where a sample is real, (batch, samples).
        """
        frames = mask.sum(dim=-1) // HOP + 2 * EDGE + 1
        heard = (frames - WINDOW) // STEP + 1
        return (torch.arange(n_windows, device=mask.device) < heard[:, None]).long()


class SpeechEmbeddingForSequenceClassification(Speech):
    """The encoder with a linear layer on the mean of its windows."""

    def __init__(self, config: SpeechEmbeddingConfig):
        super().__init__(config)
        self.encoder = SpeechEmbedding(config)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(config.hidden_size, int(config.num_labels or 0))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Return `logits`, (batch, labels)."""
        batch = {"input_values": input_values}
        if attention_mask is not None:
            batch["attention_mask"] = attention_mask
        pooled = mean_of_places(self.encoder, batch)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))

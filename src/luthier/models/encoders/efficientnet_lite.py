"""EfficientNet-Lite0, an encoder of images: 3.4 million weights and 1,280 features.

    pixels (batch, 3, height, width) ─► stem ─► 16 blocks ─► top ─► (batch, 1280, height / 32, …)

Tan & Le 2019, https://arxiv.org/abs/1905.11946, section 3; the Lite variant leaves out attention to
channels and has ReLU6 for the swish. A block widens its channels, mixes places channel by channel,
and narrows them again (Sandler et al. 2018, https://arxiv.org/abs/1801.04381, section 3).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, ImageClassifierOutput

STAGES = (  # blocks, kernel, stride of the first, widening, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, EPSILON = 32, 1e-3  # channels; of batch norms


class EfficientNetLiteConfig(PreTrainedConfig):
    """The configuration of `EfficientNetLite`; nothing in it is to be chosen but the width."""

    model_type = "efficientnet-lite"

    def __init__(self, hidden_size: int = 1280, **others: Any):
        self.hidden_size = hidden_size  # channels of the top
        self.num_hidden_layers = sum(stage[0] for stage in STAGES)
        others.pop("num_hidden_layers", None)
        super().__init__(**others)


class SameConvolution(nn.Conv2d):
    """A convolution whose output has ceil(size / stride) places, filled evenly, more at the end."""

    def forward(self, seen: Tensor) -> Tensor:
        """Convolve (batch, channels, height, width)."""
        gaps: list[int] = []
        sides = zip(seen.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True)
        for size, kernel, stride in sides:
            gap = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            gaps += [gap // 2, gap - gap // 2]
        return super().forward(nn.functional.pad(seen, gaps))


def convolved(n_in: int, n_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> Any:
    """Make a convolution with its batch norm, as a list."""
    return [
        SameConvolution(n_in, n_out, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps=EPSILON),
    ]


class Block(nn.Module):
    """An inverted residual: widen, mix places, narrow; what came in is added where shapes agree."""

    def __init__(self, n_in: int, n_out: int, *, kernel: int, stride: int, widening: int):
        super().__init__()
        n_wide = n_in * widening
        wide = [*convolved(n_in, n_wide), nn.ReLU6()] if widening > 1 else []
        mixed = [*convolved(n_wide, n_wide, kernel, stride, groups=n_wide), nn.ReLU6()]
        self.steps = nn.Sequential(*wide, *mixed, *convolved(n_wide, n_out))
        self.is_added = stride == 1 and n_in == n_out

    def forward(self, seen: Tensor) -> Tensor:
        """Map (batch, channels, height, width) to the next size."""
        made: Tensor = self.steps(seen)
        return seen + made if self.is_added else made


class Lite(PreTrainedModel):
    """What the encoder and the classifier on it have in common."""

    config_class = EfficientNetLiteConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"


class EfficientNetLite(Lite):
    """The encoder; `last_hidden_state` is (batch, width, height, width of the image)."""

    def __init__(self, config: EfficientNetLiteConfig):
        super().__init__(config)
        self.stem = nn.Sequential(*convolved(3, STEM, 3, 2), nn.ReLU6())
        made, width = [], STEM
        for n_blocks, kernel, stride, widening, channels in STAGES:
            for number in range(n_blocks):
                step = stride if number == 0 else 1
                made.append(Block(width, channels, kernel=kernel, stride=step, widening=widening))
                width = channels
        self.blocks = nn.ModuleList(made)
        self.top = nn.Sequential(*convolved(width, config.hidden_size), nn.ReLU6())
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutput:
        """Encode images, (batch, 3, height, width)."""
        states = self.stem(pixel_values)
        for block in self.blocks:
            states = block(states)
        return BaseModelOutput(last_hidden_state=self.top(states))


class EfficientNetLiteForImageClassification(Lite):
    """The encoder with a linear layer on the mean of its places."""

    def __init__(self, config: EfficientNetLiteConfig):
        super().__init__(config)
        self.encoder = EfficientNetLite(config)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(config.hidden_size, int(config.num_labels or 0))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: Tensor, **_: Any) -> ImageClassifierOutput:
        """Return `logits`, (batch, labels)."""
        states = self.encoder(pixel_values).last_hidden_state
        return ImageClassifierOutput(logits=self.classifier(self.dropout(states.mean(dim=(2, 3)))))

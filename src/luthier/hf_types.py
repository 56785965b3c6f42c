"""Types of what comes from Transformers: `Model`, `ModelOutput`, `Config`, `Tokenizer`.

They exist for type checkers. At run time the names can be imported, but stand for `Any`: neither
torch nor Transformers is loaded, so every unit may annotate with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["OF_RUST", "Config", "Model", "ModelOutput", "Tokenizer"]
OF_RUST = Exception  # the tokenizers library raises this class itself, not a subclass

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import GenerationConfig
    from transformers import PreTrainedConfig as Config
    from transformers import PreTrainedTokenizerBase as Tokenizer

    class ModelOutput:
        """Outputs of a model; which fields are there depends on its head."""

        logits: torch.Tensor
        start_logits: torch.Tensor
        end_logits: torch.Tensor
        loss: torch.Tensor  # of models that compute their own
        transitions: torch.Tensor  # of heads with a CRF
        states: torch.Tensor  # of `models/with_hidden_states.py`

    class Model(nn.Module):
        """A `PreTrainedModel`, one that peft wraps, or a wrapper of `models/wrapper.py`.

        A `torch.nn.Module` with the members of `PreTrainedModel` that are in use. Calling it
        returns a `ModelOutput`, whose fields depend on the head.
        """

        config: Config  # its fields depend on the family
        dtype: torch.dtype  # these three: of models of Transformers alone
        base_model_prefix: str
        generation_config: GenerationConfig  # of models that generate

        @property
        def base_model(self) -> Model:
            """The trunk: the pre-trained model without its head."""

        def get_input_embeddings(self) -> nn.Embedding:
            """Return the table of token embeddings, `weight` (vocabulary, width)."""

        def save_pretrained(self, *args: Any, **options: Any) -> None:
            """Write a checkpoint into the folder that is the first argument."""

        def gradient_checkpointing_enable(self, *args: Any, **options: Any) -> None:
            """Recompute activations in the backward pass, which saves memory."""

        def resize_token_embeddings(self, new_num_tokens: int) -> nn.Embedding:
            """Change the number of tokens that the model knows."""

        def get_output_embeddings(self) -> nn.Linear | None:
            """Return the head over the vocabulary, if there is one."""

        def get_encoder(self) -> Model:
            """Return the encoder of a model that has a decoder too."""

        def prepare_decoder_input_ids_from_labels(self, labels: torch.Tensor) -> torch.Tensor:
            """Shift labels right, for the decoder of an encoder-decoder."""

        def generate(self, *args: Any, **options: Any) -> torch.Tensor:
            """Generate token ids (batch, tokens)."""

        def get_decoder(self) -> Model:
            """Return the decoder."""

else:
    Config = Tokenizer = Model = ModelOutput = Any

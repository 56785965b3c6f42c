"""Types of what comes from Transformers: `Model`, `Config` and `Tokenizer`.

They exist for type checkers. At run time the names can be imported, but stand for `Any`: neither
torch nor Transformers is loaded, so every unit may annotate with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Config", "Model", "Tokenizer"]

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig as Config
    from transformers import PreTrainedTokenizerBase as Tokenizer

    class Model(nn.Module):
        """A `PreTrainedModel`, one that peft wraps, or a wrapper of `models/wrapper.py`.

        Everything of `torch.nn.Module`, and the members of `PreTrainedModel` that all three have.
        Calling it returns a `ModelOutput`, whose fields depend on the head.
        """

        config: Config  # its fields depend on the family

        @property
        def base_model(self) -> Model:
            """The trunk: the pre-trained model without its head."""

        def get_input_embeddings(self) -> nn.Embedding:
            """Return the table of token embeddings, `weight` (vocabulary, width)."""

        def save_pretrained(self, *args: Any, **options: Any) -> None:
            """Write a checkpoint into the folder that is the first argument."""

else:
    Config = Tokenizer = Model = Any

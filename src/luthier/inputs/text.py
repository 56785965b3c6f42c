"""`text`: cells that are texts, encoded by a tokenizer; two columns are one pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from luthier.columns import Encoding, Limits, Part, Shown
from luthier.hf_types import Tokenizer
from luthier.items import ItemField
from luthier.ragged import Ragged
from luthier.text.tokenize import tokenize
from luthier.text.windows import tokenize_windows
from luthier.text.words import split_words


class Text:
    """Texts as token ids; long ones are truncated or read in overlapping windows."""

    name: ClassVar[str] = "text"
    is_text: ClassVar[bool] = True

    def load_processor(self, model: str, **options: Any) -> Tokenizer:
        """Load the model's tokenizer."""
        from luthier.models.load import load_tokenizer

        return load_tokenizer(model, **options)

    def encode(
        self, columns: Sequence[Sequence[Any]], processor: Tokenizer, limits: Limits
    ) -> Encoding:
        """Tokenize one text, or a pair of texts, per row."""
        if limits.stride is None:
            ids, full = tokenize(processor, *columns, max_tokens=limits.max_tokens)
            cost = ids["input_ids"].lengths
            return Encoding(token_fields(ids, processor), cost, full, cost)
        made = tokenize_windows(
            processor, *columns, max_tokens=limits.max_tokens, stride=limits.stride
        )
        fields = token_fields(made.inputs, processor)
        cost = made.inputs["input_ids"].lengths
        return Encoding(fields, cost, made.full_lengths, made.kept_lengths, made.row_of)

    def show(self, cell: object) -> Shown:
        """Show the text."""
        return Shown("text", "" if cell is None else str(cell))

    def parts(self, cell: Any, limits: Limits) -> list[Part]:
        """List the words."""
        text = "" if cell is None else str(cell)
        return [Part(text[a:b], text[:a] + text[b:]) for a, b in split_words(text)]


def token_fields(ids: Mapping[str, Ragged], tokenizer: Tokenizer) -> dict[str, ItemField]:
    """Make fields of what a tokenizer gives; `input_ids` bring the attention mask."""
    fills = {
        "input_ids": tokenizer.pad_token_id,
        "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
    }
    return {
        name: ItemField(
            values, fills.get(name) or 0, "attention_mask" if name == "input_ids" else None
        )
        for name, values in ids.items()
    }

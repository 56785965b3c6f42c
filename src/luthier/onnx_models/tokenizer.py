"""A tokenizer read from `tokenizer.json` alone, with what codecs ask of one of Transformers.

Transformers takes seconds to import; its fast tokenizers are the library `tokenizers` with a
description beside it (`description.py`). An export is written only if both give the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from luthier.environment import needing
from luthier.errors import ModelError
from luthier.hf_types import OF_RUST

FILE = "tokenizer.json"
SPACED = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")
STRATEGIES = {True: "longest_first", "only_second": "only_second", "only_first": "only_first"}


class Encoded(dict[str, Any]):
    """Ids by name, and the encodings that they are from, as Transformers returns them.

    Args:
        encodings: Encodings of the library `tokenizers`, one for each window.
        single: Whether one text was given, not a list.
        owners: The text of each window; None if there is one window for each text.
    """

    def __init__(self, encodings: Sequence[Any], *, single: bool, owners: Sequence[int] | None):
        self.encodings = list(encodings)
        fields: dict[str, list[Any]] = {
            "input_ids": [one.ids for one in encodings],
            "token_type_ids": [one.type_ids for one in encodings],
            "offset_mapping": [one.offsets for one in encodings],
        }
        super().__init__({name: all_[0] if single else all_ for name, all_ in fields.items()})
        if owners is not None:
            self["overflow_to_sample_mapping"] = list(owners)


class LightTokenizer:
    """The tokenizer of an exported model.

    Args:
        folder: The folder with `tokenizer.json`.
        described: What `describe_tokenizer` wrote; it becomes attributes.

    Raises:
        RecipeError: The package tokenizers is not installed.
        ModelError: The file cannot be read.
    """

    is_fast = True
    model_input_names: Sequence[str]
    model_max_length: int
    clean_up_tokenization_spaces: bool

    def __init__(self, folder: Path, described: Mapping[str, Any]):
        with needing("serve", "Texts are cut into tokens by tokenizers, which is not installed."):
            from tokenizers import Tokenizer
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / FILE))
        except OF_RUST as problem:
            if type(problem) is not OF_RUST:
                raise
            raise ModelError(
                "The tokenizer of an exported model cannot be read.",
                received=f"{folder / FILE}: {str(problem)[:200]}",
                hint="luthier export RUN --to onnx --out FOLDER, once more",
            ) from problem
        self._tokenizer.no_padding()
        self._lock = Lock()  # truncation is a setting of the whole tokenizer
        vars(self).update(described)

    def __call__(
        self,
        texts: str | Sequence[str] | None = None,
        pairs: str | Sequence[str] | None = None,
        *,
        text_target: str | Sequence[str] | None = None,
        add_special_tokens: bool = True,
        truncation: bool | str = False,
        max_length: int | None = None,
        stride: int = 0,
        return_overflowing_tokens: bool = False,
        **_: object,
    ) -> Encoded:
        """Cut texts, or pairs of texts, into tokens; arguments are those of Transformers."""
        texts = text_target if texts is None else texts
        single = isinstance(texts, str)
        given: Any = [texts] if isinstance(texts, str) else list(texts or ())
        if pairs is not None:
            given = list(zip(given, [pairs] if isinstance(pairs, str) else pairs, strict=True))
        with self._lock:
            if truncation and max_length is not None:
                self._tokenizer.enable_truncation(
                    max_length, stride=stride, strategy=STRATEGIES[truncation]
                )
            else:
                self._tokenizer.no_truncation()
            made = self._tokenizer.encode_batch(given, add_special_tokens=add_special_tokens)
        if not return_overflowing_tokens:
            return Encoded(made, single=single, owners=None)
        windows = [[one, *one.overflowing] for one in made]
        owners = [text for text, parts in enumerate(windows) for _ in parts]
        return Encoded([one for parts in windows for one in parts], single=single, owners=owners)

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Count the tokens that are added to a text, or to a pair of texts."""
        return int(self._tokenizer.num_special_tokens_to_add(pair))

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """Return the token of an id, or the tokens of several."""
        if isinstance(ids, int):
            return self._tokenizer.id_to_token(ids)
        return [self._tokenizer.id_to_token(int(one)) for one in ids]

    def convert_tokens_to_ids(self, token: str) -> int | None:
        """Return the id of a token."""
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """Join tokens to a text."""
        kept = [int(one) for one in ids]
        text = str(self._tokenizer.decode(kept, skip_special_tokens=skip_special_tokens))
        if not self.clean_up_tokenization_spaces:
            return text
        for spaced in SPACED:  # as Transformers does
            text = text.replace(spaced, spaced.strip())
        return text

    def batch_decode(
        self, many: Sequence[Sequence[int]], *, skip_special_tokens: bool = False
    ) -> list[str]:
        """Join the tokens of each of several texts."""
        return [self.decode(one, skip_special_tokens=skip_special_tokens) for one in many]

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

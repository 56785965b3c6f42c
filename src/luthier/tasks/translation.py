"""`translation`: a text in one language, the same in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from luthier.columns import Column
from luthier.errors import DataError
from luthier.hf_types import Tokenizer
from luthier.metrics.generation import measure_translations, signatures
from luthier.ragged import Array
from luthier.records import Measure, Predictions, Rows
from luthier.results import Finding
from luthier.task_types.seq2seq import GenerationOptions, Seq2Seq, Seq2SeqCodec


class TranslationOptions(GenerationOptions):
    """Options of translation."""

    source_language: str | None = Field(
        None, description="Code of the source language, as the tokenizer has it (mBART, NLLB)."
    )
    target_language: str | None = Field(
        None, description="Code of the target language, as the tokenizer has it (mBART, NLLB)."
    )
    main_metric: Literal["chrf", "bleu", "ter"] = Field(
        "chrf", description="The metric of the verdict."
    )


@dataclass(frozen=True)
class TranslationCodec(Seq2SeqCodec[TranslationOptions]):
    """A text in one language, the same in another."""

    def tokenizer(self) -> Tokenizer:
        """Set the tokenizer's languages.

        Raises:
            DataError: It does not know them.
        """
        asked = {"src_lang": self.options.source_language, "tgt_lang": self.options.target_language}
        for name, code in asked.items():
            if code is None or not hasattr(self.processor, name):
                continue
            if self.processor.convert_tokens_to_ids(code) == self.processor.unk_token_id:
                raise DataError(
                    "The tokenizer does not know this language.",
                    received=code,
                    hint="a code as the model's page has it, such as en_XX or eng_Latn",
                )
            setattr(self.processor, name, code)
        return super().tokenizer()

    def generation(self) -> Mapping[str, Any]:
        """Start with the target language's code if the tokenizer has such codes."""
        settings = dict(super().generation())
        code = self.options.target_language
        if code is not None and hasattr(self.processor, "tgt_lang"):
            settings["forced_bos_token_id"] = self.processor.convert_tokens_to_ids(code)
        return settings

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare chrF, BLEU and TER as sacreBLEU defines them."""
        return measure_translations(list(gold), list(predictions.answers))

    def error_analysis(self, gold: Array, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Show translations beside sources and references, with the metrics' signatures."""
        found = super().error_analysis(gold, predictions, rows)
        found["generations"]["signatures"] = signatures(list(gold))
        return found


class Translation(Seq2Seq[TranslationOptions]):
    """A text in one language, the same in another."""

    Codec = TranslationCodec
    name: ClassVar[str] = "translation"
    hub_task: ClassVar[str] = "translation"
    Options = TranslationOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("source", "src", "en", "text", "sentence", "original")),
        Column("target", "reference", ("target", "tgt", "translation", "translated", "reference")),
    )
    alternative_columns: ClassVar[tuple[str, ...]] = ("translation",)
    baselines: ClassVar[tuple[str, ...]] = (
        "copy-source",
        "translation-memory",
        "before-tuning",
    )
    answer_key: ClassVar[str] = "translation_text"

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Read texts from `translation: {en: …, de: …}`, as in data sets of the hub."""
        if "text" in rows or "translation" not in rows:
            return super().normalize(rows)
        pairs = rows["translation"]
        asked = [self.options.source_language, self.options.target_language]
        for index, pair in enumerate(pairs):
            if not isinstance(pair, Mapping) or len(pair) < 2:
                raise DataError(
                    f"The translation at {rows.where(index)} is no mapping of two languages.",
                    received=repr(pair)[:80],
                    hint='{"translation": {"en": "…", "de": "…"}}',
                )
        languages = [str(one) for one in (asked if all(asked) else list(pairs[0])[:2])]
        for index, pair in enumerate(pairs):
            if any(language not in pair for language in languages):
                raise DataError(
                    f"The translation at {rows.where(index)} lacks a language.",
                    received=", ".join(map(str, pair)),
                    hint=f"task.options.source_language={next(iter(pair))}",
                )
        columns = {name: cells for name, cells in rows.columns.items() if name != "translation"}
        for role, language in zip(("text", "target"), languages, strict=True):
            columns[role] = [pair[language] for pair in pairs]
        return super().normalize(Rows(columns, rows.files, rows.file_of, rows.lines))

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 sentences of a small language, whose words are translated one by one."""
        words = {"the": "la", "cat": "gato", "dog": "hundo", "sees": "vidas", "likes": "amas"}
        words |= {"a": "unu", "bird": "birdo", "fish": "fiso", "and": "kaj", "old": "alta"}
        nouns, verbs = ("cat", "dog", "bird", "fish"), ("sees", "likes")
        sources = [
            f"the {'old ' if n % 5 == 0 else ''}{nouns[n % 4]} {verbs[n // 4 % 2]} a "
            f"{nouns[(n // 8 + 1) % 4]} and {'the' if n % 3 else 'a'} {nouns[n // 20 % 4]}"
            for n in range(80)
        ]
        targets = [" ".join(words[word] for word in source.split()) for source in sources]
        return Rows.of({"text": sources, "target": targets}, name="toy")

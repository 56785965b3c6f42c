"""`translation`: a text in one language, the same in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from luthier.errors import DataError
from luthier.metrics.generation import measure_translations, signatures
from luthier.protocols import Column
from luthier.records import Finding, Measure, Predictions, Rows, Target
from luthier.task_types.seq2seq import Generation, GenerationOptions


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


class Translation(Generation):
    """A text in one language, the same in another."""

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

    def __init__(self, options: TranslationOptions):
        self.options = options
        self.main_metric: str = options.main_metric

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Take texts out of `translation: {en: …, de: …}`, as data sets of the hub have it."""
        if "text" in rows or "translation" not in rows:
            return rows, []
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
        return Rows(columns, rows.files, rows.file_of, rows.lines), []

    def prepare_tokenizer(self, tokenizer: Any) -> Any:
        """Set the tokenizer's languages.

        Raises:
            DataError: It has none, or not these.
        """
        asked = {"src_lang": self.options.source_language, "tgt_lang": self.options.target_language}
        for name, code in asked.items():
            if code is None or not hasattr(tokenizer, name):
                continue
            if tokenizer.convert_tokens_to_ids(code) == tokenizer.unk_token_id:
                raise DataError(
                    "The tokenizer does not know this language.",
                    received=code,
                    hint="a code as the model's page has it, such as en_XX or eng_Latn",
                )
            setattr(tokenizer, name, code)
        return tokenizer

    def generation(self, tokenizer: Any, *, max_tokens: int) -> Mapping[str, Any]:
        """Begin with the target language's code where the tokenizer has such codes."""
        settings = dict(super().generation(tokenizer, max_tokens=max_tokens))
        code = self.options.target_language
        if code is not None and hasattr(tokenizer, "tgt_lang"):
            settings["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(code)
        return settings

    def measure(self, gold: Any, predictions: Predictions, target: Target) -> Measure:
        """Prepare chrF, BLEU and TER as sacreBLEU defines them."""
        return measure_translations(list(gold), list(predictions.answers))

    def error_analysis(
        self, gold: Any, predictions: Predictions, rows: Rows, target: Target
    ) -> dict[str, Any]:
        """Set translations beside sources and references, with the metrics' signatures."""
        found = super().error_analysis(gold, predictions, rows, target)
        found["generations"]["signatures"] = signatures()
        return found

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 sentences of a small language, whose words are turned one by one."""
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

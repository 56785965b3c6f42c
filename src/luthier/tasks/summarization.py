"""`summarization`: a long text, a short one that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from luthier.columns import Column
from luthier.metrics.generation import measure_summaries
from luthier.ragged import Array
from luthier.records import Measure, Predictions, Rows
from luthier.task_types.seq2seq import GenerationOptions, Seq2Seq, Seq2SeqCodec


class SummarizationOptions(GenerationOptions):
    """Options of summarization."""

    no_repeat_ngram_size: int = Field(3, ge=0, description="No run of so many tokens twice.")
    main_metric: Literal["rougeL", "rouge1", "rouge2"] = Field(
        "rougeL", description="The metric of the verdict."
    )


@dataclass(frozen=True)
class SummarizationCodec(Seq2SeqCodec[SummarizationOptions]):
    """A long text, a short one that says the same."""

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare ROUGE-1, ROUGE-2 and ROUGE-L."""
        return measure_summaries(list(gold), list(predictions.answers))


class Summarization(Seq2Seq[SummarizationOptions]):
    """A long text, a short one that says the same."""

    Codec = SummarizationCodec
    name: ClassVar[str] = "summarization"
    hub_task: ClassVar[str] = "summarization"
    Options = SummarizationOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "document", "article", "dialogue", "body", "content")),
        Column("target", "reference", ("summary", "highlights", "abstract", "target", "tldr")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("lead", "before-tuning")
    answer_key: ClassVar[str] = "summary_text"

    @staticmethod
    def toy_rows() -> Rows:
        """Make 72 reports whose summary is the one thing that happened."""
        places = ("harbour", "market", "station", "bridge", "school", "park")
        events = ("a fire", "a feast", "a flood", "a strike")
        texts, targets = [], []
        for n in range(72):
            place, event = places[n % 6], events[n // 6 % 4]
            texts.append(
                f"It was day {n}. The people went to work. There was {event} at the {place}. "
                "Then all went home."
            )
            targets.append(f"{event} at the {place}")
        return Rows.of({"text": texts, "target": targets}, name="toy")

"""`question-answering`: a question, and the words of a text that answer it, if any do.

Rajpurkar et al. 2016 and 2018, https://arxiv.org/abs/1606.05250 and https://arxiv.org/abs/1806.03822.
A question has no answer where the score of none exceeds that of the best answer by more than a
threshold, which is tuned on validation rows (Devlin et al. 2018, section 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.codec import LOSS
from luthier.columns import Column
from luthier.declarations import JSON
from luthier.explanation import Decision, Words
from luthier.formats.qa_answers import Question, canonical, questions_of
from luthier.hf_types import Tokenizer
from luthier.items import Batch, ItemField, Items
from luthier.metrics.answers import best_null_threshold, exact_match, measure_answers, token_f1
from luthier.metrics.softmax import softmax
from luthier.objective import Objective
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Section
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.results import Finding, Mistake
from luthier.task_types.answer_spans import AnswerLayout, best_spans, label_windows
from luthier.task_types.defaults import CodecDefaults, TaskDefaults, column_of
from luthier.task_types.encode_inputs import items_of_windows
from luthier.task_types.explained_spans import decision_of_none, decisions_of_span
from luthier.task_types.explained_texts import texts_at, words_of_texts
from luthier.task_types.mistakes import mistaken_answers
from luthier.text.windows import tokenize_windows

N_BEST = 20
MOST_SHOWN = 200


class QuestionAnsweringOptions(Section):
    """How answers are looked for."""

    max_answer_tokens: int = Field(30, ge=1, description="Tokens that an answer may have.")
    null_threshold: float | Literal["tuned"] = Field(
        "tuned", description="How much better none must be than the best answer to be given."
    )
    main_metric: Literal["f1", "exact_match"] = Field("f1", description="Of the verdict.")


@dataclass(frozen=True)
class QuestionAnsweringCodec(CodecDefaults[QuestionAnsweringOptions]):
    """A question, and the words of a text that answer it."""

    def gold(self, rows: Rows) -> Array:
        """Read contexts and gold answers, (rows,) of `Question`."""
        return questions_of(rows)

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Tokenize questions with windows of their contexts; find the tokens of the answers."""
        made = tokenize_windows(
            self.processor,
            *self.task.texts(rows),
            max_tokens=self.limits.max_tokens,
            stride=self.limits.stride,
        )
        nulls = null_places(made.inputs["input_ids"], self.processor)
        targets = None
        if "answers" in rows:
            spans = [one.spans for one in questions_of(rows)]
            targets = ItemField(label_windows(made, nulls, spans))
        layout = AnswerLayout(made.spans, made.places, nulls)
        return items_of_windows(made, self.processor, targets, layout)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Pad the windows; padding on the left moves the answers."""
        batch = super().batch(items, chosen, kind=kind, epoch=epoch)
        if batch.targets is None or self.padding_side == "right":
            return batch
        moved = batch.inputs["input_ids"].shape[1] - items.cost[chosen]  # (batch,)
        return replace(batch, targets=batch.targets + moved[:, None])

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Find the first and the last token of the answer."""
        return Objective("span", label_smoothing=label_smoothing)

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Return each row's score of no answer and its best answers, (rows, 1 + 20, 3).

        Each is (first character, one past the last, score); none comes first, as (-1, -1, score).
        """
        return best_spans(
            inferred["span-logits"],
            items,
            len(rows),
            n_best=N_BEST,
            max_tokens=self.options.max_answer_tokens,
        )

    def tuned(self, outputs: Outputs, gold: Array) -> QuestionAnsweringCodec:
        """Choose the threshold of no answer by the best mean F1 (or exact match) on validation."""
        if "none" not in self.target.names:
            return self
        if self.options.null_threshold != "tuned":
            return self.with_target(thresholds=(float(self.options.null_threshold),))
        score = token_f1 if self.task.main_metric == "f1" else exact_match
        best = [
            score(one.text_at(*outputs[row, 1, :2]), one.answers) for row, one in enumerate(gold)
        ]
        nothing = [float(not one.answers) for one in gold]
        threshold = best_null_threshold(
            outputs[:, 0, 2] - outputs[:, 1, 2], np.array(best), np.array(nothing)
        )
        return self.with_target(thresholds=(float(threshold),))

    def decode(self, outputs: Outputs) -> Predictions:
        """Return the best answer as characters, (rows, 2), or (-1, -1) for none."""
        answers = outputs[:, 1, :2].astype(np.int64)
        if "none" in self.target.names:
            threshold = (self.target.thresholds or (0.0,))[0]
            is_none = outputs[:, 0, 2] - outputs[:, 1, 2] > threshold
            answers[is_none] = -1
        return Predictions(answers, None, outputs)

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare exact match and F1 by SQuAD's rules."""
        texts = [one.text_at(*span) for one, span in zip(gold, predictions.answers, strict=True)]
        return measure_answers([list(one.answers) for one in gold], texts)

    def mistakes(self, gold: Array, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List answers that lack some F1, by their share of the best answers' probability."""
        texts = [one.text_at(*said) for one, said in zip(gold, predictions.answers, strict=True)]
        alike = [token_f1(text, one.answers) for text, one in zip(texts, gold, strict=True)]
        sureness = []
        for row in range(len(gold)):
            _, shares, is_best = self._candidates(predictions, row)
            sureness.append(float(shares[is_best].max(initial=0.0)))
        return mistaken_answers(np.array(sureness), np.array(alike))

    def _candidates(self, predictions: Predictions, index: int) -> tuple[Array, Array, Array]:
        """Return a row's best answers, none among them if some rows have none.

        Returns:
            (candidates, 3); their probabilities, (candidates,); and which of them is the answer.
        """
        found = predictions.outputs[index]
        kept = found if "none" in self.target.names else found[1:]
        is_best = (kept[:, :2] == predictions.answers[index]).all(axis=1)
        return kept, softmax(kept[:, 2]), is_best

    def decisions(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """Explain where the answer starts and ends, or that there is none."""
        first, past = span_of(predictions.answers[index])
        if label == "none":
            first, past = -1, -1
        elif label == "answer" and first < 0:
            first, past = predictions.outputs[index, 1, :2].astype(int).tolist()
        logits = inferred["span-logits"]
        if first < 0:
            return [decision_of_none(logits, index, items)]
        text = str(rows["context"][index])[first:past]
        return decisions_of_span(logits, index, items, (first, past), name=text)

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of the question and of the context."""
        roles = self.task.input_roles
        texts = texts_at(rows, roles, int(items.rows[item]))
        return words_of_texts(self, texts, roles, items, item, windowed=True)

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Answer that there is none, (rows, 1 + 20, 3)."""
        made = np.full((len(rows), 1 + N_BEST, 3), -1.0)
        made[:, 1:, 2] = -1e4
        return made

    def to_json(self, answers: Array, index: int, rows: Rows) -> Any:
        """Write an answer's text, or a list of gold answers."""
        answer = answers[index]
        if isinstance(answer, Question):
            return list(answer.answers)
        return Question(str(rows["context"][index]), (), ()).text_at(*answer)

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read answers back by their places in the contexts."""
        spans = np.full((len(kept), 2), -1, dtype=np.int64)
        for row, one in enumerate(kept):
            if one["answer"]:
                first = str(rows["context"][row]).index(one["answer"])
                spans[row] = first, first + len(one["answer"])
        return Predictions(spans, None, self.uninformed_outputs(rows))

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, top_k: int | None = 1
    ) -> JSON:
        """Return `{"score", "start", "end", "answer"}`; a list, best first, unless `top_k` is 1.

        No answer is an empty text from 0 to 0.
        """
        asked = Question(str(rows["context"][index]), (), ())
        kept, shares, is_best = self._candidates(predictions, index)
        order = np.argsort(-kept[:, 2], kind="stable").tolist()
        order = [*np.flatnonzero(is_best)[:1], *(one for one in order if not is_best[one])]
        answers = [
            {
                "score": float(shares[one]),
                "start": max(int(kept[one, 0]), 0),
                "end": max(int(kept[one, 1]), 0),
                "answer": asked.text_at(*kept[one, :2]),
            }
            for one in order[:top_k]
            if kept[one, 2] > -1e3 or len(kept) == 1
        ]
        return answers[0] if top_k == 1 else answers

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the best answer."""
        best = answer[0] if isinstance(answer, list) else answer
        return {
            "prediction": best["answer"],
            "score": f"{best['score']:.6g}",
            "start": best["start"],
            "end": best["end"],
        }

    def error_analysis(self, gold: Array, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Show answers in their contexts beside the gold ones, lowest F1 first."""
        shown = []
        for row, one in enumerate(gold):
            first, past = (int(end) for end in predictions.answers[row])
            shown.append(
                {
                    "where": rows.where(row),
                    "question": str(rows["question"][row]),
                    "context": one.context,
                    "gold": [list(span) for span in one.spans],
                    "gold_texts": list(one.answers),
                    "answer": [first, past],
                    "answer_text": one.text_at(first, past),
                    "f1": token_f1(one.text_at(first, past), list(one.answers)),
                }
            )
        shown.sort(key=lambda each: each["f1"])
        return {"answers": {"rows": shown[:MOST_SHOWN], "n": len(rows)}}


class QuestionAnswering(TaskDefaults[QuestionAnsweringOptions]):
    """A question, and the words of a text that answer it."""

    Codec = QuestionAnsweringCodec
    name: ClassVar[str] = "question-answering"
    hub_task: ClassVar[str] = "question-answering"
    unit: ClassVar[str] = "span"
    kind: ClassVar[str] = "answer"
    Options = QuestionAnsweringOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("question", "text", ("question", "query")),
        Column("context", "text", ("context", "passage", "paragraph", "document", "text")),
        Column("answers", "answers", ("answers", "answer", "answer_text")),
    )
    alternative_columns: ClassVar[tuple[str, ...]] = ("answer_start",)
    auto_model: ClassVar[str] = "AutoModelForQuestionAnswering"
    windows: ClassVar[bool | None] = True
    needs_validation_outputs: ClassVar[bool] = True
    validation_kind: str = "span-logits"
    baselines: ClassVar[tuple[str, ...]] = ("no-answer", "first-sentence", "lexical-overlap")

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Normalise answers, and report those that are not at the given place."""
        return canonical(rows)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The columns of answers, and of where they start."""
        return ("answers", *self.alternative_columns)

    def learn_target(self, rows: Rows) -> Target:
        """Learn whether some questions have no answer.

        There are two names either way, since the head has two outputs: the scores of the first
        and of the last token.
        """
        some_have_none = any(len(answers) == 0 for answers in column_of(rows, "answers"))
        return Target(self.kind, ("answer", "none") if some_have_none else ("first", "last"))

    @staticmethod
    def toy_rows() -> Rows:
        """Make 84 questions on who did what; every seventh has no answer."""
        people = ("Ada", "Bela", "Cem", "Dana", "Emil", "Fina")
        deeds = {"baked": "a cake", "drove": "a truck", "wrote": "a song", "grew": "a rose"}
        questions, contexts, answers = [], [], []
        for n in range(84):
            one, two = people[n % 6], people[(n + 1 + n // 6 % 4) % 6]
            did, also = list(deeds)[n % 4], list(deeds)[(n + 1 + n // 4 % 3) % 4]
            context = f"On day {n} {one} {did} {deeds[did]} and {two} {also} {deeds[also]}."
            asked = did if n % 2 else also
            person: str | None = one if n % 2 else two
            if n % 7 == 0:
                asked, person = next(deed for deed in deeds if deed not in (did, also)), None
            questions.append(f"Who {asked} {deeds[asked]}?")
            contexts.append(context)
            start = 0 if person is None else context.index(f"{person} {asked}")
            answers.append([] if person is None else [{"text": person, "answer_start": start}])
        return Rows.of({"question": questions, "context": contexts, "answers": answers}, name="toy")


def span_of(answer: Any) -> tuple[int, int]:
    """Return the characters of an answer, or of the first gold one; (-1, -1) for none."""
    if isinstance(answer, Question):
        return answer.spans[0] if answer.spans else (-1, -1)
    return int(answer[0]), int(answer[1])


def null_places(ids: Ragged, tokenizer: Tokenizer) -> Array:
    """Return each window's token that stands for no answer: [CLS], or the first, (windows,)."""
    places = np.zeros(len(ids), dtype=np.int64)
    if tokenizer.cls_token_id is not None:
        for window in range(len(ids)):
            found = np.flatnonzero(ids[window] == tokenizer.cls_token_id)
            places[window] = found[0] if len(found) else 0
    return places

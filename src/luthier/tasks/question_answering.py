"""`question-answering`: a question, and the words of a text that answer it, if any do.

Rajpurkar et al. 2016 and 2018, https://arxiv.org/abs/1606.05250 and https://arxiv.org/abs/1806.03822.
Whether a question has no answer is decided as by Devlin et al. 2018, section 4.3: where the score
of none beats that of the best answer by more than a threshold, which validation chooses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.special import softmax

from luthier.formats.qa_answers import Question, canonical, questions_of
from luthier.metrics.answers import (
    best_null_threshold,
    exact_match,
    measure_answers,
    token_f1,
)
from luthier.protocols import Column
from luthier.recipe.tree import Section
from luthier.records import (
    Array,
    Batch,
    Encoded,
    Finding,
    Measure,
    Objective,
    Outputs,
    Predictions,
    Rows,
    Target,
)
from luthier.task_types.answer_spans import best_spans, label_windows
from luthier.task_types.defaults import Answering, column_of, texts_of
from luthier.text.batches import pad
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


class QuestionAnswering(Answering):
    """A question, and the words of a text that answer it."""

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
    auto_model: ClassVar[str] = "AutoModelForQuestionAnswering"
    windows: ClassVar[bool | None] = True
    needs_validation_outputs: ClassVar[bool] = True
    validation_kind: str = "span-logits"
    baselines: ClassVar[tuple[str, ...]] = ("no-answer", "first-sentence", "lexical-overlap")

    def __init__(self, options: QuestionAnsweringOptions):
        self.options = options
        self.main_metric: str = options.main_metric

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Bring answers into one shape; find those that do not stand where they should."""
        return canonical(rows)

    def learn_target(self, rows: Rows) -> Target:
        """See whether some questions have no answer.

        There are two names either way: by their number a head knows its outputs, which are scores
        of the first and the last token.
        """
        some_have_none = any(len(answers) == 0 for answers in column_of(rows, "answers"))
        return Target(self.kind, ("answer", "none") if some_have_none else ("first", "last"))

    def gold(self, rows: Rows, target: Target) -> Array:
        """Give contexts and true answers, (rows,) of `Question`."""
        return questions_of(rows)

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give questions and contexts."""
        return texts_of(rows, "question"), texts_of(rows, "context")

    def encode(
        self,
        rows: Rows,
        *,
        tokenizer: Any,
        target: Target,
        max_tokens: int,
        stride: int | None = None,
        training: bool = False,
    ) -> Encoded:
        """Tokenize questions with windows of their contexts; find the answers' tokens."""
        made = tokenize_windows(tokenizer, *self.texts(rows), max_tokens=max_tokens, stride=stride)
        nulls = null_places(made.inputs["input_ids"], tokenizer)
        targets = None
        if "answers" in rows:
            targets = label_windows(made, nulls, [one.spans for one in questions_of(rows)])
        return Encoded(
            made.inputs,
            targets,
            made.full_lengths,
            row_of=made.row_of,
            kept_lengths=made.kept_lengths,
            marks={"spans": made.spans, "places": made.places, "nulls": nulls},
        )

    def collate(
        self,
        encoded: Encoded,
        indices: Array,
        *,
        tokenizer: Any,
        reading: str | None = None,
        epoch: int | None = None,
    ) -> Batch:
        """Pad the windows; padding on the left moves the answers."""
        batch = pad(encoded.inputs, indices, tokenizer=tokenizer)
        if encoded.targets is not None and reading is None:
            borders = np.asarray(encoded.targets)[indices]
            if tokenizer.padding_side == "left":
                width = batch["input_ids"].shape[1]
                borders = borders + (width - encoded.lengths[indices])[:, None]
            batch["labels"] = borders
        return batch

    def objective(self, target: Target, gold: Any, *, label_smoothing: float) -> Objective:
        """Find the first and the last token of the answer."""
        return Objective("span", label_smoothing=label_smoothing)

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Give each row none's score and its best answers, (rows, 1 + 20, 3).

        Each is (first character, one past the last, score); none comes first, as (-1, -1, score).
        """
        return best_spans(
            read["span-logits"],
            encoded,
            len(rows),
            n_best=N_BEST,
            max_tokens=self.options.max_answer_tokens,
        )

    def tune(self, outputs: Outputs, gold: Any, target: Target) -> Target:
        """Choose the threshold of none by the best mean F1 (or exact match) on validation."""
        if "none" not in target.names:
            return target
        if self.options.null_threshold != "tuned":
            return replace(target, thresholds=(float(self.options.null_threshold),))
        score = token_f1 if self.main_metric == "f1" else exact_match
        said = [
            score(one.text_at(*outputs[row, 1, :2]), one.answers) for row, one in enumerate(gold)
        ]
        nothing = [float(not one.answers) for one in gold]
        threshold = best_null_threshold(
            outputs[:, 0, 2] - outputs[:, 1, 2], np.array(said), np.array(nothing)
        )
        return replace(target, thresholds=(float(threshold),))

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Give the best answer as characters, (rows, 2), or (-1, -1) for none."""
        answers = outputs[:, 1, :2].astype(np.int64)
        if "none" in target.names:
            threshold = (target.thresholds or (0.0,))[0]
            is_none = outputs[:, 0, 2] - outputs[:, 1, 2] > threshold
            answers[is_none] = -1
        return Predictions(answers, None, outputs)

    def measure(self, gold: Any, predictions: Predictions, target: Target) -> Measure:
        """Prepare exact match and F1 by SQuAD's rules."""
        said = [one.text_at(*span) for one, span in zip(gold, predictions.answers, strict=True)]
        return measure_answers([list(one.answers) for one in gold], said)

    def uninformed_outputs(self, rows: Rows, target: Target, *, watched: bool = False) -> Outputs:
        """Answer nothing."""
        made = np.full((len(rows), 1 + N_BEST, 3), -1.0)
        made[:, 1:, 2] = -1e4
        return made

    def to_json(self, answers: Any, index: int, rows: Rows, target: Target) -> Any:
        """Give an answer's text, or a list of true answers."""
        answer = answers[index]
        if isinstance(answer, Question):
            return list(answer.answers)
        return Question(str(rows["context"][index]), (), ()).text_at(*answer)

    def from_json(
        self, said: Sequence[Mapping[str, Any]], rows: Rows, target: Target
    ) -> Predictions:
        """Find the answers in their contexts again."""
        spans = np.full((len(said), 2), -1, dtype=np.int64)
        for row, one in enumerate(said):
            if one["answer"]:
                first = str(rows["context"][row]).index(one["answer"])
                spans[row] = first, first + len(one["answer"])
        return Predictions(spans, None, self.uninformed_outputs(rows, target))

    def answer(
        self,
        predictions: Predictions,
        index: int,
        rows: Rows,
        target: Target,
        *,
        top_k: int | None = 1,
    ) -> Any:
        """Give `{"score", "start", "end", "answer"}`; a list, best first, unless `top_k` is 1.

        Where the answer is none, it is empty, with 0 for both ends.
        """
        said = predictions.outputs[index]
        asked = Question(str(rows["context"][index]), (), ())
        kept = said if "none" in target.names else said[1:]
        shares = softmax(kept[:, 2])
        order = np.argsort(-kept[:, 2], kind="stable").tolist()
        is_best = (kept[:, :2] == predictions.answers[index]).all(axis=1)
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

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Lay the best answer out."""
        best = answer[0] if isinstance(answer, list) else answer
        return {
            "prediction": best["answer"],
            "score": f"{best['score']:.6g}",
            "start": best["start"],
            "end": best["end"],
        }

    def error_analysis(
        self, gold: Any, predictions: Predictions, rows: Rows, target: Target
    ) -> dict[str, Any]:
        """Show answers in their contexts beside the true ones, the worst first."""
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


def null_places(ids: Any, tokenizer: Any) -> Array:
    """Say which token of every window stands for no answer: the classifier's, or the first."""
    places = np.zeros(len(ids), dtype=np.int64)
    if tokenizer.cls_token_id is not None:
        for window in range(len(ids)):
            found = np.flatnonzero(ids[window] == tokenizer.cls_token_id)
            places[window] = found[0] if len(found) else 0
    return places

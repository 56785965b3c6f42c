"""What is trained in measurements: where the rows are, and how Hugging Face's scripts encode them.

Written after `run_glue.py`, `run_ner.py`, `run_qa.py` and `run_translation.py` of Transformers'
examples. Luthier reads and encodes the same files by itself; `Problem.recipe` says how.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import MINILM

Encoded = dict[str, list[Any]]  # column to its values, item by item


@dataclass(frozen=True)
class Tokenization:
    """How rows become token ids.

    Args:
        tokenizer: The model's tokenizer.
        names: Names of the labels, in the order of their ids.
        max_tokens: Tokens that are kept of each row, or of each window of it.
        stride: Tokens that neighbouring windows share; None where rows have no windows.
    """

    tokenizer: Any
    names: list[str]
    max_tokens: int
    stride: int | None = None


@dataclass(frozen=True)
class Problem:
    """A task on given files.

    Args:
        recipe: Its task, and of its data what concerns columns, as in a recipe.
        file: The training file, in the folder of the data.
        read: That file to rows, in its order.
        encode: The rows, and how they are tokenized, to items.
        auto_model: The Auto class of its models.
        names: The rows to the names of the labels.
        max_tokens: Kept of each row. `stride`: that windows share.
        model: What is trained, unless asked otherwise.
    """

    recipe: dict[str, Any]
    file: str
    read: Callable[[Path], list[Any]]
    encode: Callable[[Any, Tokenization], Encoded]
    auto_model: str
    names: Callable[[Sequence[Any]], list[str]]
    max_tokens: int
    stride: int | None = None
    model: str = "minilm"
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def problem_type(self) -> str | None:
        """What a configuration of Transformers calls it."""
        is_of_rows = self.auto_model == "AutoModelForSequenceClassification"
        return "single_label_classification" if is_of_rows else None

    def rows(self, folder: Path, n_rows: int | None) -> list[Any]:
        """Read the first rows of a fixed shuffle, or all in order."""
        rows = self.read(folder / self.file)
        return rows if n_rows is None else [rows[i] for i in chosen(len(rows), n_rows)]


def chosen(n_rows: int, n_chosen: int) -> list[int]:
    """Choose rows, the same for all programs; over and over where more are asked for."""
    order = np.random.default_rng(0).permutation(n_rows)
    return np.resize(order, n_chosen).tolist()


def review_recipe(train: str | Path, *, label: str = "sentiment", **data: Any) -> dict[str, Any]:
    """Begin a recipe that trains MiniLM on texts with one label each.

    Args:
        train: The training file.
        label: Name of the column with the labels.
        data: Further fields of the recipe's section `data`.
    """
    columns = {"text": "text", "label": label}
    return {
        "model": MINILM,
        "task": "text-classification",
        "data": {"train": str(train), "columns": columns, **data},
    }


def read_reviews(path: Path) -> list[tuple[str, str]]:
    """Read texts and their labels."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["sentiment"]) for row in csv.DictReader(file)]


def encode_reviews(rows: Sequence[tuple[str, str]], how: Tokenization) -> Encoded:
    """Encode texts that have one label each."""
    encoded = how.tokenizer([text for text, _ in rows], truncation=True, max_length=how.max_tokens)
    return {**encoded, "labels": [how.names.index(label) for _, label in rows]}


def read_conll(path: Path) -> list[tuple[list[str], list[str]]]:
    """Read words and tags, sentence by sentence."""
    found: list[tuple[list[str], list[str]]] = []
    words: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            word, tag = line.split("\t")[:2]
            words.append(word)
            tags.append(tag)
        elif words:
            found.append((words, tags))
            words, tags = [], []
    return found


def encode_entities(rows: Sequence[tuple[list[str], list[str]]], how: Tokenization) -> Encoded:
    """Encode words with tags; a word is answered by its first token."""
    ids = {name: index for index, name in enumerate(how.names)}
    encoded = how.tokenizer(
        [words for words, _ in rows],
        is_split_into_words=True,
        truncation=True,
        max_length=how.max_tokens,
    )
    labels = []
    for row, (_, tags) in enumerate(rows):
        before, of_row = None, []
        for word in encoded.word_ids(row):
            is_first = word is not None and word != before
            of_row.append(ids.get(tags[word], 0) if is_first else -100)
            before = word
        labels.append(of_row)
    return {**encoded, "labels": labels}


def read_squad(path: Path) -> list[dict[str, Any]]:
    """Read questions, one after another."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [
        {**asked, "context": paragraph["context"]}
        for article in articles
        for paragraph in article["paragraphs"]
        for asked in paragraph["qas"]
    ]


def tokenize_questions(rows: Sequence[dict[str, Any]], how: Tokenization) -> Any:
    """Tokenize questions with their texts, in windows."""
    return how.tokenizer(
        [row["question"] for row in rows],
        [row["context"] for row in rows],
        truncation="only_second",
        max_length=how.max_tokens,
        stride=how.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def encode_answers(rows: Sequence[dict[str, Any]], how: Tokenization) -> Encoded:
    """Encode questions and their texts in windows, with the answers' borders."""
    encoded = tokenize_questions(rows, how)
    borders = [_borders(encoded, window, rows) for window in range(len(encoded["input_ids"]))]
    return {
        **{name: encoded[name] for name in ("input_ids", "token_type_ids", "attention_mask")},
        "start_positions": [start for start, _ in borders],
        "end_positions": [end for _, end in borders],
    }


def _borders(encoded: Any, window: int, rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Find the answer's tokens in a window, or the first token twice."""
    found = rows[encoded["overflow_to_sample_mapping"][window]]["answers"]
    if not found:
        return 0, 0
    first = found[0]["answer_start"]
    past = first + len(found[0]["text"])
    offsets, parts = encoded["offset_mapping"][window], encoded.sequence_ids(window)
    inside = [place for place, part in enumerate(parts) if part == 1]
    if offsets[inside[0]][0] > first or offsets[inside[-1]][1] < past:
        return 0, 0
    start = max(place for place in inside if offsets[place][0] <= first)
    end = min(place for place in inside if offsets[place][1] >= past)
    return start, end


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read sentences and their translations, line by line, from `train.{en,de}`."""
    sides = [
        path.with_suffix(suffix).read_text(encoding="utf-8").splitlines()
        for suffix in (".en", ".de")
    ]
    return list(zip(*sides, strict=True))


def encode_pairs(rows: Sequence[tuple[str, str]], how: Tokenization) -> Encoded:
    """Encode sentences and their translations."""
    encoded = how.tokenizer(
        [source for source, _ in rows],
        text_target=[target for _, target in rows],
        truncation=True,
        max_length=how.max_tokens,
    )
    return {name: encoded[name] for name in ("input_ids", "attention_mask", "labels")}


PROBLEMS = {
    "reviews": Problem(
        {"task": "text-classification"},
        "train.csv",
        read_reviews,
        encode_reviews,
        "AutoModelForSequenceClassification",
        lambda rows: sorted({label for _, label in rows}),
        max_tokens=128,
        data={"columns": {"text": "text", "label": "sentiment"}},
    ),
    "entities": Problem(
        {"task": "token-classification"},
        "train.conll",
        read_conll,
        encode_entities,
        "AutoModelForTokenClassification",
        lambda rows: sorted({tag for _, tags in rows for tag in tags}),
        max_tokens=128,
    ),
    "answers": Problem(
        {"task": "question-answering"},
        "train.json",
        read_squad,
        encode_answers,
        "AutoModelForQuestionAnswering",
        lambda rows: [],
        max_tokens=384,
        stride=128,
        data={"stride": 128},
    ),
    "translation": Problem(
        {"task": {"name": "translation", "options": {"max_target_tokens": 128}}},
        "train.{en,de}",
        read_pairs,
        encode_pairs,
        "AutoModelForSeq2SeqLM",
        lambda rows: [],
        max_tokens=128,
        model="marian",
        data={"columns": {"text": "en", "target": "de"}},
    ),
}

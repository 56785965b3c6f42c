"""The model card: what someone who only has `model/` needs to know, as the Hugging Face hub reads it.

https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from luthier.report import words
from luthier.report.facts import Facts, doubts, read_facts
from luthier.runs import RunFolder

SYSTEM = "fine-tuned"


def write_model_card(folder: Path) -> Path | None:
    """Write `model/README.md`; None where the run came to no model."""
    run = RunFolder(folder)
    if not run.model.is_dir():
        return None
    facts = read_facts(Path(folder))
    page = Environment(
        loader=PackageLoader("luthier.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.globals.update({name: getattr(words, name) for name in words.__all__})
    front = yaml.safe_dump(front_matter(facts), sort_keys=False, allow_unicode=True)
    body = page.get_template("model_card.md").render(
        facts=facts,
        doubts=doubts(facts),
        files=sorted(
            {Path(file).name for split in facts.data["splits"].values() for file in split["files"]}
        ),
        is_plain=not (run.model / "head.json").exists()
        and not (run.model / "adapter_config.json").exists(),
    )
    path = run.model / "README.md"
    path.write_text(f"---\n{front}---\n{body}", encoding="utf-8")
    return path


def front_matter(facts: Facts) -> dict[str, Any]:
    """Say what the hub indexes: base model, task, and the results."""
    base = facts.recipe["model"]["name"]
    front: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["luthier", facts.recipe["task"]["name"]],
    }
    if ":" not in base and not Path(base).is_absolute():
        front["base_model"] = base
    scores = facts.scores.get(SYSTEM, {})
    results = [
        {"type": name, "value": score["value"]}
        for name, score in scores.items()
        if score["value"] is not None
    ]
    if results:
        front["metrics"] = [facts.metric]
        front["model-index"] = [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": "text-classification"},
                        "dataset": {"name": "own data", "type": "own", "split": "test"},
                        "metrics": results,
                    }
                ],
            }
        ]
    return front

"""What a run folder says, read once; whatever the run did not get to is empty.

The first step of `render.py` and `model_card.py`. The folder may be that of a failed run, of one
that is still running, or damaged: a document that cannot be read is named, not fatal.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from luthier.declarations import JSON, Panel
from luthier.errors import LuthierError, RunError
from luthier.recipe.yaml_text import write_yaml
from luthier.report.old_analysis import panels_of_analysis
from luthier.runs import DOCUMENTS, RunFolder
from luthier.runs.result import verify
from luthier.runs.shareable import is_local, last_part, names_of, shareable

Mapped = dict[str, JSON]


@dataclass(frozen=True)
class Facts:
    """A run, as far as it got.

    Args:
        name: The folder's name.
        status: `state`, and for a failed run `reason` and `hint`.
        recipe: As a mapping; empty where this version cannot read it. Here and elsewhere, paths of
            the machine are cut to what can be shared.
        recipe_text: The recipe as YAML.
        base_model: Name of the pre-trained model, as others can read it; None if it is unknown.
        data: The content of data.json.
        adaptation: The content of adaptation.json; empty where there was none.
        scores: The content of scores.json: system to metric to score.
        comparison: The content of comparison.json.
        also: The content of also.json; empty where no other rows were scored.
        environment: The content of environment.json.
        autotune: The content of autotune.json, by phase.
        target: The content of target.json.
        panels: What the run itself has to show, from panels.json.
        curves: Phase to the events that carry a loss or scores.
        told: Phase to the messages of its training that scores must be read with.
        attempts: Each time that the run was started or resumed.
        unreadable: Names of documents that exist but are damaged.
    """

    name: str
    status: Mapped
    recipe: Mapped
    recipe_text: str
    base_model: str | None
    data: Mapped
    adaptation: Mapped
    scores: dict[str, dict[str, Mapped]]
    comparison: Mapped
    also: Mapped
    environment: Mapped
    autotune: Mapped
    target: Mapped
    panels: tuple[Panel, ...]
    curves: dict[str, list[Mapped]]
    told: dict[str, list[str]]
    attempts: list[Mapped]
    unreadable: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The metric of the verdict."""
        known = next(iter(self.scores.values()), {})
        return str(self.comparison.get("main_metric") or next(iter(known), "accuracy"))

    @property
    def validation_metric(self) -> str:
        """The metric on validation that chose the best weights."""
        return str(self.comparison.get("validation_metric") or self.metric)

    @property
    def system(self) -> str:
        """The system that is judged."""
        return str(self.comparison.get("system") or next(iter(self.scores), "fine-tuned"))

    @property
    def kind(self) -> str:
        """What is predicted: `single-label`, `multi-label`, `number` …; "" if that is unknown."""
        return str(self.target.get("kind") or "")

    @property
    def confidence(self) -> float:
        """Level of the intervals."""
        return float(self.comparison.get("confidence") or 0.95)

    @property
    def main_score(self) -> Mapped:
        """The judged system's score by the metric of the verdict, or nothing."""
        return self.scores.get(self.system, {}).get(self.metric) or {}

    @property
    def splits(self) -> dict[str, Mapped]:
        """What is known of each split."""
        return self.data.get("splits") or {}

    @property
    def findings(self) -> list[Mapped]:
        """What the data doctor found."""
        return self.data.get("findings") or []

    @property
    def comparisons(self) -> list[Mapped]:
        """The verdicts."""
        return self.comparison.get("comparisons") or []

    def panel(self, kind: str) -> JSON:
        """Give the data of the run's first panel of a kind; None if there is none."""
        return next((panel.data for panel in self.panels if panel.kind == kind), None)

    def asked(self, section: str, field: str) -> JSON:
        """Look up a field of the recipe; None where it is unknown."""
        return (self.recipe.get(section) or {}).get(field)


def read_facts(path: Path, *, status: Mapped | None = None) -> Facts:
    """Read a run folder.

    Args:
        path: The folder.
        status: The status that the run is about to write; None takes the one it has written.

    Raises:
        RunError: There is no run at that path, or it is finished and damaged.
    """
    run = RunFolder.open(path)
    if status is None and run.reached == "finished":
        verify(run.path, run.state())
    unreadable: list[str] = []
    documents = {name: _document(run, name, unreadable) for name in DOCUMENTS}
    recipe = _recipe(run, unreadable)
    base_model = base_model_of(recipe)
    names = names_of([recipe, documents["data"].get("splits")], [run.path.absolute()])
    documents, recipe = shareable(documents, names), shareable(recipe, names)
    said = documents.pop("status")
    events = _events(run, unreadable)
    return Facts(
        name=run.path.resolve().name,
        status=shareable(status, names) or said or {"state": "unknown"},
        recipe=recipe,
        recipe_text=write_yaml(recipe) if recipe else "",
        base_model=base_model,
        panels=_panels(documents.pop("panels"), unreadable),
        curves=_events_by_phase(events, "loss", "scores", "spike"),
        told={
            phase: list(dict.fromkeys(str(event.get("message")) for event in found))
            for phase, found in _events_by_phase(events, "is_lasting").items()
        },
        attempts=documents.pop("attempts").get("attempts") or [],
        unreadable=tuple(unreadable),
        **documents,
    )


def base_model_of(recipe: Mapped) -> str | None:
    """Name a recipe's model as others can read it: of a folder, the last part."""
    name = str((recipe.get("model") or {}).get("name") or "").removeprefix("package:")
    is_folder = is_local(name) or name.startswith(".") or name.count("/") > 1
    return (last_part(name) if is_folder else name) or None


def _document(run: RunFolder, name: str, unreadable: list[str]) -> Mapped:
    try:
        found = run.read_json(name)
    except (ValueError, RecursionError, RunError):  # not JSON, or not UTF-8
        found = name
    if found is None or isinstance(found, dict):
        return found or {}
    unreadable.append(name)
    return {}


def _panels(document: Mapped, unreadable: list[str]) -> tuple[Panel, ...]:
    if document and "panels" not in document:  # analysis.json of a run before version 0.2
        return panels_of_analysis(document)
    try:
        return tuple(
            Panel(str(one["kind"]), str(one.get("heading") or ""), one.get("data"))
            for one in document.get("panels") or ()
        )
    except (TypeError, KeyError, AttributeError):
        unreadable.append("panels")
        return ()


def _recipe(run: RunFolder, unreadable: list[str]) -> Mapped:
    try:
        recipe = run.recipe()
    except (ValidationError, yaml.YAMLError, ValueError, RecursionError, LuthierError):
        unreadable.append("recipe")
        return {}
    return recipe.model_dump(mode="json")


def _events(run: RunFolder, unreadable: list[str]) -> list[Mapped]:
    events: list[Mapped] = []
    try:
        events += (dict(event) for event in run.events.read())
    except (ValueError, TypeError, RecursionError, AttributeError, RunError):
        unreadable.append("events")
    return events


def _events_by_phase(events: list[Mapped], *fields: str) -> dict[str, list[Mapped]]:
    """Sort the events that have one of the fields by their phases."""
    by_phase: dict[str, list[Mapped]] = defaultdict(list)
    for event in events:
        if any(event.get(name) not in (None, False) for name in fields):
            by_phase[str(event.get("phase", "training"))].append(event)
    return dict(by_phase)

"""Sums a search up: its document, its page, and the recipe of its best trial."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from luthier.errors import RunError
from luthier.report.tune import write_search
from luthier.runs import plain
from luthier.runs.files import to_yaml, write_whole
from luthier.runs.lock import Lock, Owned
from luthier.studies.results import Results
from luthier.studies.statistics import Estimate
from luthier.studies.tuning.found import Found, Searched, sentences_of
from luthier.studies.tuning.importance import what_mattered
from luthier.studies.tuning.space import Space, with_values
from luthier.studies.tuning.trials import Arm
from luthier.studies.tuning.worker import POLL, Search


def sum_up_search(
    name: str,
    folder: Path,
    search: Search,
    parts: Mapping[Arm, Searched],
    fresh: Results | None,
    validation: Mapping[str, Estimate],
    n_validation: int,
) -> Found:
    """Sum a search up, and write its document, its page and the best recipe."""
    best, confidence = parts["tpe"].winner, search.recipe.evaluation.confidence
    journal = search.journal(folder, "tpe")
    paths, seed = [one.path for one in search.space], search.recipe.training.seed
    mattered = what_mattered(journal.study, paths, seed=seed, confidence=confidence)
    said = sentences_of(
        parts["tpe"],
        parts.get("random"),
        mattered,
        fresh,
        validation,
        metric=search.metric,
        n_validation=n_validation,
    )
    found = Found(
        name=name,
        metric=search.metric,
        confidence=confidence,
        space={one.path: one.plain for one in search.space},
        search=parts["tpe"],
        random=parts.get("random"),
        mattered=tuple(mattered),
        fresh=fresh,
        validation=validation,
        sentences=tuple(said),
        notes=tuple(notes_on(search.space, search, fresh)),
        n_validation=n_validation,
        folder=str(folder),
    )
    if best is not None:
        made = with_values(search.recipe, dict(best.values))
        write_whole(folder / "recipe.yaml", [to_yaml(made)])
    document = {key: value for key, value in plain(found).items() if key != "folder"}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    write_whole(folder / "tune.json", [text])
    write_search(folder, document)
    return found


def notes_on(space: Space, search: Search, fresh: Results | None) -> list[str]:
    """Tell the protocol."""
    return [
        f"{search.n_trials} trials over {len(space)} settings, chosen by TPE; all with the seed "
        f"{search.recipe.training.seed} and the same rows.",
        "Trials are scored on validation rows alone; test rows judge fresh seeds of the best.",
        "Trials that lag behind the median of others after the same share of their training are "
        "pruned."
        if search.prune
        else "Every trial is trained to its end.",
        "Trials that failed count as trials; nothing is learned from them.",
        *(fresh.notes if fresh is not None else ()),
        "Which settings mattered: fANOVA over the trials that finished, which lie where the search "
        "looked; intervals by resampled trials, p-values by shuffled scores, corrected for the "
        "number of settings (Holm).",
    ]


class Finishing:
    """The right to finish a search: a second process waits, and finds what the first one made.

    Args:
        folder: Of the study.
    """

    def __init__(self, folder: Path):
        owned = Owned(lock="finish.lock", owner="finish.json")
        self.lock = Lock(folder / "claims", owned)

    def __enter__(self) -> None:
        while True:
            try:
                return self.lock.take()
            except RunError:
                time.sleep(POLL)

    def __exit__(self, *problem: object) -> None:
        self.lock.release()

"""Plays of a rehearsal, each kept as a file that is read the next time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from luthier.data.fingerprint import cell_digest
from luthier.errors import RunError
from luthier.labelling.orders import RECIPE
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.rehearsal.play import Played, Stage
from luthier.runs import plain
from luthier.runs.files import write_whole

OnBatch = Callable[[str, int, int, int, float | None], None]


def about_of(recipe: Recipe, train: Rows, test: Rows, options: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what plays depend on, so that those of another rehearsal are not mixed in."""
    tree = recipe.model_dump(mode="json")
    kept = {key: tree[key] for key in ("model", "task", "data")}
    if options["method"] == RECIPE:
        kept |= {key: tree[key] for key in ("method", "training", "regularisers")}
    rows = [[list(map(str, one[column])) for column in one.columns] for one in (train, test)]
    return {**kept, **options, "rows": cell_digest(rows).hex()}


class Plays:
    """Plays strategies, and keeps each play as a file that is read the next time.

    Args:
        folder: Of the files.
        about: What plays depend on.
        open_stage: Loads the model; called once, where something is to be played.
    """

    def __init__(self, folder: Path, about: dict[str, Any], open_stage: Callable[[], Stage]):
        self.folder, self.about, self.open_stage = folder, plain(about), open_stage
        self.stage: Stage | None = None

    def play(self, by: str, seed: int, on_batch: OnBatch) -> Played:
        """Play a strategy, or read how it was played.

        Raises:
            RunError: The file is of another rehearsal.
        """
        path, n_batches = self.folder / f"{by}-seed{seed}.json", self.about["rounds"] + 1
        kept = self._read(path)
        if kept is None:
            if self.stage is None:
                self.stage = self.open_stage()
            played = self.stage.play(
                by, seed, lambda number: on_batch(by, seed, number, n_batches, None)
            )
            arrays = {"values": played.values, "resampled": played.resampled}
            arrays |= {"n_labelled": played.n_labelled}
            text = json.dumps({"about": self.about, **plain(arrays)})
            write_whole(path, [text + "\n"])
        else:
            played = Played(
                by, seed, *(np.array(kept[key]) for key in ("values", "resampled", "n_labelled"))
            )
        on_batch(by, seed, n_batches, n_batches, float(played.values[-1]))
        return played

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.is_file():
            return None
        try:
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            before = kept["about"]
        except (ValueError, LookupError, TypeError):
            raise RunError(
                "A file of the rehearsal cannot be read.",
                received=str(path),
                hint="delete it; the same command plays it again",
            ) from None
        changed = [key for key in self.about if before.get(key) != self.about[key]]
        if changed:
            raise RunError(
                "The folder holds another rehearsal.",
                received=f"{path}: other {', '.join(changed)}",
                hint="--out another folder begins another one",
            )
        return kept

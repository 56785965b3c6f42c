"""Several models that answer together, by the mean of their calibrated probabilities.

`luthier folds --ensemble` makes one of the models of all folds: `ensemble.json` in its folder names
them. It is asked like any run; `averaging.py` says what the mean is of.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from luthier.errors import RunError
from luthier.prediction.averaging import Voice, mean_of
from luthier.prediction.predictor import Predictor
from luthier.records import Outputs, Rows, Target
from luthier.runs import RunFolder
from luthier.runs.files import damaged
from luthier.runs.portable import open_trained

DOCUMENT = "ensemble"


class Ensemble(Predictor):
    """All models of an ensemble with what they need to predict; they are in memory together.

    Args:
        folder: The finished run, which has an `ensemble.json`.
        overrides: How files are read, where that differs from the run's recipe.

    Raises:
        RunError: A model is missing, or a document is damaged.
    """

    def __init__(self, folder: RunFolder, overrides: Sequence[str] = ()):
        document = folder.read_json(DOCUMENT)
        try:
            places = [str(one["folder"]) for one in document["members"]]
            temperatures = [float(one["temperature"]) for one in document["members"]]
            target = TypeAdapter(Target).validate_python(document["target"])
        except (LookupError, TypeError, ValueError, ValidationError) as problem:
            raise damaged(folder.path / f"{DOCUMENT}.json", problem) from problem
        members = [Predictor(open_trained(folder.path / place), overrides) for place in places]
        self.join(folder, members, temperatures, target)

    def join(
        self,
        folder: RunFolder,
        members: Sequence[Predictor],
        temperatures: Sequence[float],
        target: Target,
    ) -> None:
        """Let models answer together.

        Args:
            folder: Where they are.
            members: The models.
            temperatures: Divisor of each model's logits.
            target: What they predict together.
        """
        self.folder, self._evidence = folder, None
        self.members, self.temperatures = list(members), list(temperatures)
        self.recipe = members[0].recipe
        codec: Any = members[0].codec
        changed = {name: getattr(target, name) for name in ("names", "thresholds", "mean", "scale")}
        self.codec = codec.with_target(**changed, rejection=None)  # rules are of one model alone

    def __getattr__(self, name: str) -> Any:
        """Refuse what is asked of one model's weights.

        Raises:
            RunError: The model is asked for, of which there are several.
        """
        if name == "model" and "members" in vars(self):
            raise RunError(
                f"This is an ensemble of {len(self.members)} models, none of which answers alone.",
                received=str(self.folder.model.parent),
                hint=f"one of them: {self.members[0].folder.model.parent}; "
                "or luthier folds RECIPE --distil, which trains one model on their answers",
            )
        raise AttributeError(name)

    def outputs(self, rows: Rows, *, answering: bool = False) -> Outputs:
        """Run every model over rows; return outputs of the mean of their probabilities."""
        voices = [
            Voice(one.outputs(rows, answering=answering), one.target, temperature)
            for one, temperature in zip(self.members, self.temperatures, strict=True)
        ]
        return mean_of(voices, self.target)

    def rounded(self, precision: str) -> Ensemble:
        """Return the ensemble with every model in lower precision.

        Raises:
            ModelError: A model or this build of PyTorch does not support it.
        """
        made = copy.copy(self)
        made.members = [one.rounded(precision) for one in self.members]
        return made


def is_ensemble(folder: object) -> bool:
    """Return whether a folder is that of several models that answer together."""
    return isinstance(folder, (str, Path)) and (Path(folder) / f"{DOCUMENT}.json").is_file()

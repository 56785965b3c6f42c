"""`back-translation`: replaces a text by what two runs of one's own make of it, there and back.

Sennrich et al. 2016, https://arxiv.org/abs/1511.06709, translated back to get sources; here both
ways are gone to get another wording of a labelled text, as Xie et al. 2020, section 2.2,
https://arxiv.org/abs/1904.12848, do. Deviation: one wording a text, the likeliest, and not one
drawn. Each training text is translated once and kept in the run folder; which epochs read it
instead of the text is drawn.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from luthier.errors import RecipeError
from luthier.job import Augmenter, Job
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Section
from luthier.records import Rows, StepInfo
from luthier.runs import RunFolder
from luthier.task_types.answers_of_run import answers_of_run

DOCUMENT = "back-translations"


class BackTranslationOptions(Section):
    """The runs that translate, and how often."""

    there: str | None = Field(
        None, description="Folder of a run that translates from the texts' language; required."
    )
    back: str | None = Field(
        None, description="Folder of a run that translates into the texts' language; required."
    )
    chance: float = Field(
        0.5, gt=0, le=1, description="Chance that an epoch reads the other wording of a text."
    )


class BackTranslation(Augmenter):
    """Read another wording of a text, made by translating it there and back."""

    name: ClassVar[str] = "back-translation"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options: ClassVar[type[Section]] = BackTranslationOptions
    documents: ClassVar[Mapping[str, str]] = {DOCUMENT: "training texts in other words"}

    def __init__(self, options: BackTranslationOptions):
        self.options = options
        self.wording: dict[str, str] = {}

    def prepare(self, job: Job, texts: Sequence[str]) -> Generator[StepInfo, None, None]:
        """Translate all texts there and back, unless this run did so before.

        Raises:
            RecipeError: A run is not named, or translates nothing.
        """
        run, wanted = job.session.run, list(dict.fromkeys(texts))
        ways = [self._open(name) for name in ("there", "back")]
        kept = None if run is None else run.read_json(DOCUMENT)
        self.wording |= kept["texts"] if kept else {}
        missing = [text for text in wanted if text not in self.wording]
        if missing:
            there = yield from translate(ways[0], missing, job, phase="translating there")
            back = yield from translate(ways[1], there, job, phase="translating back")
            self.wording |= dict(zip(missing, back, strict=True))
            if run is not None:
                run.write_json(DOCUMENT, {"texts": self.wording})
        changed = sum(self.wording[text].strip() not in ("", text.strip()) for text in wanted)
        yield StepInfo(
            "other wordings",
            0,
            0,
            message=f"Back-translation: {changed:,} of {len(wanted):,} training texts came back in "
            "other words; whether they still mean the same is for you to read, in "
            f"{DOCUMENT}.json.",
            is_lasting=True,
        )

    def change(self, text: str, random: np.random.Generator) -> str:
        """Read the other wording of a text, by chance."""
        if random.random() >= self.options.chance:
            return text
        return self.wording.get(text, "").strip() or text

    def _open(self, name: str) -> RunFolder:
        """Open a run that translates."""
        path = getattr(self.options, name)
        if path is None:
            raise RecipeError(
                "Back-translation needs two runs that translate, there and back.",
                received=f"no option {name}",
                hint="augmentation=[{name: back-translation, options: {there: RUN, back: RUN}}]",
            )
        folder = RunFolder.open(path).require_finished()
        if make_plugin("tasks", folder.recipe().task).kind != "text":
            raise RecipeError(
                "Back-translation needs runs that translate.",
                received=f"{name}: {path}, a run of {folder.recipe().task.name}",
                hint="a run of task: translation",
            )
        return folder


def translate(
    folder: RunFolder, texts: Sequence[str], job: Job, *, phase: str
) -> Generator[StepInfo, None, list[str]]:
    """Write what a run's model makes of texts."""
    role = make_plugin("tasks", folder.recipe().task).input_roles[0]
    rows = Rows.of({role: list(texts)})
    answers = yield from answers_of_run(folder, rows, job.plan.training, phase=phase)
    return [str(one) for one in answers.answers]

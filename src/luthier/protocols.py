"""The kinds of plug-in, each one a contract.

A plug-in is one file in its kind's folder and one line in the catalogue (`registry.py`): a class
with a kebab-case `name`, a pydantic `Options` class, and a constructor that takes those options.
Tests in `tests/conformance/` hold the whole catalogue to these contracts. Contracts that stand
elsewhere: `Codec` (`codec.py`), `Regulariser` (`job.py`), `Input` (`columns.py`), `Explainer`
(`explanation.py`), `Query` (`query.py`) and `Engine` (`engines.py`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from luthier.codec import Codec
from luthier.columns import Column, Limits
from luthier.hf_types import Model, Tokenizer
from luthier.job import Job
from luthier.records import Outputs, Rows, StepInfo, Target
from luthier.results import Finding

WRITTEN = ("sequence", "token", "span", "generation", "language", "choice")  # units of texts
UNITS = frozenset((*WRITTEN, "media", "joint"))
KINDS = frozenset(
    {"single-label", "multi-label", "number", "tags", "answer", "text", "language", "choice"}
)


class Task(Protocol):
    """A task's description: its columns, what it learns from, and what it is compared with.

    A task knows no engine and no model; what depends on the target or on a processor is its codec.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # what is judged; methods name the units that they learn
    kind: ClassVar[str]  # of the target; baselines name the kinds that they fit
    Options: ClassVar[type]
    options: Any
    columns: ClassVar[tuple[Column, ...]]
    alternative_columns: ClassVar[tuple[str, ...]]  # columns that `normalize` builds inputs from
    optional_columns: ClassVar[tuple[str, ...]]  # those of them read only if the recipe names them
    possible_answer_role: ClassVar[str | None]  # answers that rows may have without being needed
    input_roles: tuple[str, ...]  # columns that a model reads
    answer_role: str | None  # column of the gold answers; None where the text itself is learned
    answer_columns: tuple[str, ...]  # columns that gold answers may be read from
    auto_model: ClassVar[str]  # Auto class of Transformers that loads the trained model
    hub_task: ClassVar[str]  # its name on the hub, for the model card
    problem_type: ClassVar[str | None]  # as in a Transformers config
    baselines: ClassVar[tuple[str, ...]]  # compared with when the recipe names none
    windows: ClassVar[bool | None]  # whether long rows are windowed by default; None: never
    crf: bool  # whether a CRF weighs which label follows which
    needs_validation_outputs: ClassVar[bool]  # whether decoding is tuned on validation rows
    wraps_single: ClassVar[bool]  # whether the answer to one bare text is put in a list
    validation_kind: str  # kind of inference that scores validation rows
    validation_metric: str  # metric of early stopping and of the best model
    main_metric: str  # metric of the verdict

    def gather(self, rows: Rows) -> Rows:
        """Make one row of those that are answered together, such as the words of a sentence."""
        ...

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Normalise the columns, and report what was repaired.

        Raises:
            DataError: A cell cannot be read; the error names its file and line.
        """
        ...

    def learn_target(self, rows: Rows) -> Target:
        """Learn from the training rows what is to be predicted."""
        ...

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Return the texts of each text column, for baselines that read words."""
        ...

    def codec(
        self,
        target: Target,
        processor: Tokenizer | None = None,
        limits: Limits | None = None,
        *,
        seed: int = 0,
    ) -> Codec:
        """Bind the task to a target and, to encode rows, to a processor."""
        ...

    @staticmethod
    def toy_rows() -> Rows:
        """Make a few dozen learnable rows for tests and documentation."""
        ...


class Method(Protocol):
    """How a model learns a task.

    `engines` names the engines besides PyTorch's that can train it, for methods that need no more
    than a model whose parameters say which of them are trained.
    """

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]  # kinds of target that it fits
    Options: ClassVar[type]
    defaults: ClassVar[Mapping[str, Any]]  # of the training section, where the recipe is silent
    search_space: ClassVar[
        Mapping[str, Any]
    ]  # of `luthier tune`: field of the recipe to interval or list
    beside: Mapping[str, Mapping[str, Outputs]]  # systems that `fit` trained on the way, judged too

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train, yielding every step; the generator's return value is the trained model."""
        ...

    def save(self, model: Model, processor: Tokenizer | None, folder: Path) -> None:
        """Write the trained model and its processor to `folder`."""
        ...

    def load(self, folder: Path) -> tuple[Model, Tokenizer | None]:
        """Load the model, ready to predict, and the processor that `save` wrote."""
        ...


class Baseline(Protocol):
    """What a fine-tuned model must beat, scored on the same rows."""

    name: ClassVar[str]
    units: ClassVar[frozenset[str]]
    kinds: ClassVar[frozenset[str]]  # kinds of target that it fits
    Options: ClassVar[type]

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Learn from the training rows; return outputs for each of `problem.scored_splits`.

        `Predictions` in their place are answers already decided on, which nothing tunes.
        """
        ...

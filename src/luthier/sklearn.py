"""Fine-tuned models as estimators of scikit-learn, for its pipelines, searches and folds.

Texts and labels ─► the training of a run, on all rows and without a run folder ─► probabilities.
A run judges what it trains; here scikit-learn does. `import luthier.sklearn` loads it: nothing else
of Luthier does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from luthier.build_problem import make_codec, make_job
from luthier.data.labels import label_name
from luthier.exporters.place import aside, refuse_taken
from luthier.models.load import quietly
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.starter import MODEL
from luthier.records import Rows, Splits, Target
from luthier.runs.portable import write_portable
from luthier.seeding import seed_of
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows
from luthier.training.state import random_numbers, random_states, seed_all, set_random

TASK = "text-classification"
TRAINING = (
    *("learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size"),
    *("per_device_eval_batch_size", "weight_decay", "warmup_steps", "lr_scheduler_type"),
    *("label_smoothing_factor", "early_stopping_patience", "use_cpu"),
)


class TextClassifier(ClassifierMixin, BaseEstimator):
    """Fine-tunes a pre-trained model to give each text one label.

    Parameters are named as the fields of a recipe; None leaves a field to the method or to the
    recipe's default. All rows that `fit` is given are learned from, unless `validation` keeps some
    back to choose the best epoch by.

    Args:
        model: A hub id, a folder, or `package:NAME`.
        method: A method's name, or `{"name": …, "options": {…}}`.
        learning_rate: Peak learning rate.
        num_train_epochs: Passes over the training rows.
        max_steps: Optimizer steps; above 0, it overrides the epochs.
        per_device_train_batch_size: Rows per training batch.
        per_device_eval_batch_size: Rows per batch of predictions.
        weight_decay: Weight decay.
        warmup_steps: Warm-up steps; below 1: share of all steps.
        lr_scheduler_type: A schedule of Transformers.
        label_smoothing_factor: Share of the probability spread over all labels.
        early_stopping_patience: Evaluations without improvement before it stops.
        use_cpu: Whether to train on the CPU even if there is a GPU.
        max_tokens: Tokens that are read of a text.
        validation: Share (below 1) or number of rows to choose the best epoch by; 0: none.
        random_state: The recipe's seed: a number, or what draws one.
        recipe: Whatever else a recipe can say, section by section; the parameters above precede.

    Attributes:
        classes_: The labels, sorted, (labels,).

    Example:
        from luthier.sklearn import TextClassifier
        from sklearn.model_selection import cross_val_score

        print(cross_val_score(TextClassifier(method="lora"), texts, labels))
    """

    def __init__(
        self,
        model: str = MODEL,
        *,
        method: str | Mapping[str, Any] = "full",
        learning_rate: float | None = None,
        num_train_epochs: float | None = None,
        max_steps: int | None = None,
        per_device_train_batch_size: int | None = None,
        per_device_eval_batch_size: int | None = None,
        weight_decay: float | None = None,
        warmup_steps: float | None = None,
        lr_scheduler_type: str | None = None,
        label_smoothing_factor: float | None = None,
        early_stopping_patience: int | None = None,
        use_cpu: bool | None = None,
        max_tokens: int | None = None,
        validation: float = 0,
        random_state: Any = 0,
        recipe: Mapping[str, Any] | None = None,
    ):
        self.model = model
        self.method = method
        self.learning_rate = learning_rate
        self.num_train_epochs = num_train_epochs
        self.max_steps = max_steps
        self.per_device_train_batch_size = per_device_train_batch_size
        self.per_device_eval_batch_size = per_device_eval_batch_size
        self.weight_decay = weight_decay
        self.warmup_steps = warmup_steps
        self.lr_scheduler_type = lr_scheduler_type
        self.label_smoothing_factor = label_smoothing_factor
        self.early_stopping_patience = early_stopping_patience
        self.use_cpu = use_cpu
        self.max_tokens = max_tokens
        self.validation = validation
        self.random_state = random_state
        self.recipe = recipe

    def __sklearn_tags__(self) -> Tags:
        """Say that texts are read, one each, and no tables of numbers."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(self, X: Any, y: Any) -> TextClassifier:  # noqa: N803, scikit-learn's name
        """Fine-tune the model.

        Args:
            X: Texts: a list, an array, a pandas Series, or a table of one column, (rows,).
            y: Their labels, texts or numbers, (rows,).

        Raises:
            ValueError: The texts are no texts, or the labels fewer than two.
            LuthierError: A parameter, the recipe or the model is wrong.
        """
        texts = texts_of(X)
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but it is None")
        labels = column_or_1d(y, warn=True)
        check_consistent_length(texts, labels)
        check_classification_targets(labels)
        self.classes_, ids = np.unique(labels, return_inverse=True)
        names = names_of(self.classes_.tolist())
        self.recipe_ = read_recipe(self._tree())
        task = make_plugin("tasks", self.recipe_.task)
        rows = Rows.of({"text": texts, "label": [names[one] for one in ids]})
        splits = self._split(rows, ids)
        states, numbers = random_states(), random_numbers()
        try:
            with quietly():
                self.codec_ = make_codec(self.recipe_, task, Target(task.kind, names))
                items = {
                    split: self.codec_.encode(part, training=split == "train")
                    for split, part in splits.items()
                }
                job = make_job(self.recipe_, self.codec_, splits, items)
                model = job.session.make_model(True)
                seed_all(seed_of(self.recipe_.training.seed, "method"))
                method = make_plugin("methods", self.recipe_.method)
                self.model_ = follow(method.fit(model, job), lambda info: None)
        finally:
            set_random(states, numbers)
        return self

    def _tree(self) -> dict[str, Any]:
        """Write the parameters as a recipe."""
        given = {name: dict(section) for name, section in (self.recipe or {}).items()}
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31 - 1)
        asked = {name: one for name in TRAINING if (one := getattr(self, name)) is not None}
        limits = {} if self.max_tokens is None else {"max_tokens": self.max_tokens}
        rows = {split: f"memory:{split}" for split in ("train", "validation", "test")}
        return {
            **given,
            "model": {**given.get("model", {}), "name": str(self.model)},
            "task": {"name": TASK, **given.get("task", {})},
            "method": self.method,
            "data": {**given.get("data", {}), **limits, **rows},
            "training": {**given.get("training", {}), **asked, "seed": int(seed)},
            "baselines": [],
        }

    def _split(self, rows: Rows, ids: Array) -> Splits:
        """Keep rows back for validation, if any are asked for; there are no test rows."""
        everyone = np.arange(len(rows))
        train, validation = everyone, everyone[:0]
        if self.validation:
            train, validation = train_test_split(
                everyone,
                test_size=self.validation,
                stratify=ids,
                random_state=seed_of(self.recipe_.training.seed, "split") % 2**32,
            )
        return Splits(rows.take(np.sort(train)), rows.take(np.sort(validation)), rows.take([]))

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """Estimate the probability of every label, (rows, labels), in the order of `classes_`."""
        check_is_fitted(self)
        rows = Rows.of({"text": texts_of(X)})
        steps = infer_rows(
            self.model_,
            self.codec_.encode(rows),
            rows,
            self.codec_,
            batch_size=self.recipe_.training.per_device_eval_batch_size,
            kinds=self.codec_.inference_kinds(),
        )
        outputs = follow(steps, lambda info: None)
        probabilities: Array = np.asarray(self.codec_.decode(outputs).probabilities)
        return probabilities

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Give each text the most probable label, (rows,)."""
        best = self.predict_proba(X).argmax(axis=1)
        predicted: Array = self.classes_[best]
        return predicted

    def save(self, folder: str | Path) -> Path:
        """Write the model, so that `luthier.load` and `luthier predict` read it.

        Args:
            folder: A folder that does not exist, or is empty.

        Raises:
            RunError: The folder is not empty.
        """
        check_is_fitted(self)
        path = Path(folder)
        refuse_taken(path)
        with aside(path) as written:
            method = make_plugin("methods", self.recipe_.method)
            method.save(self.model_, self.codec_.processor, written)
            write_portable(written, self.recipe_, self.codec_.target)
        return path


def texts_of(given: Any) -> list[str]:
    """Read texts as scikit-learn passes them on.

    Raises:
        ValueError: They are none, or one of them is no text.
    """
    if isinstance(given, str):
        raise ValueError("Expected a list of texts, received one text: put it into a list.")
    cells = np.asarray(given, dtype=object)
    if cells.ndim == 2 and cells.shape[1] == 1:
        cells = cells[:, 0]
    if cells.ndim != 1:
        raise ValueError(f"Expected texts, (rows,); received an array of shape {cells.shape}.")
    if len(cells) == 0:
        raise ValueError("Expected texts; received 0 of them, while a minimum of 1 is required.")
    for row, cell in enumerate(cells):
        if not isinstance(cell, str):
            raise ValueError(f"Expected a text in row {row}; received {cell!r}.")
    return [str(cell) for cell in cells]


def names_of(classes: Sequence[Any]) -> tuple[str, ...]:
    """Name labels as a model does, one name for each.

    Raises:
        ValueError: They are fewer than two, or two have the same name.
    """
    if len(classes) < 2:
        raise ValueError(f"Expected two classes or more in y; received only 1 class: {classes[0]}")
    names = tuple(map(label_name, classes))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Expected labels of different names; received '{twice}' more than once.")
    return names

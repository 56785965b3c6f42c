"""Sets up TensorFlow and Keras; called before either of them is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec

from luthier.environment import install_command
from luthier.errors import ModelError, RecipeError, RunError
from luthier.keras_engine import FAMILIES
from luthier.registry import names

PACKAGES = ("tensorflow", "keras", "keras_hub")


def require(asked: str, *, otherwise: str) -> None:
    """Raise if a package is missing.

    Args:
        asked: The option that needs it, as the user wrote it.
        otherwise: The option to use instead, for the hint.

    Raises:
        RecipeError: TensorFlow, Keras or KerasHub is not installed.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise RecipeError(
            "The TensorFlow engine is not installed.",
            received=f"{asked} without {' and '.join(missing)}",
            hint=f"{install_command('tensorflow')}, or {otherwise}",
        )


def require_twin(family: str, asked: str, *, otherwise: str) -> None:
    """Raise if a family of models has no twin.

    Args:
        family: Model type in the checkpoint's configuration.
        asked: The option that needs a twin, as the user wrote it.
        otherwise: The option to use instead, for the hint.

    Raises:
        ModelError: The family has no twin.
    """
    known = names(FAMILIES)
    if family not in known:
        hint = f"one of {', '.join(known)}, or {otherwise}"
        raise no_twin("this family", f"{asked} and a model of {family}", hint=hint)


def no_twin(what: str, received: str, *, hint: str = "engine=torch") -> ModelError:
    """Make the error for a part of a model, such as "this head", that has no twin."""
    return ModelError(f"There is no twin of {what} for TensorFlow.", received=received, hint=hint)


def set_up() -> None:
    """Select TensorFlow as the backend of Keras.

    Raises:
        RunError: This process has already imported Keras with another backend.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors, but no news
    is_imported = "tensorflow" in sys.modules  # on import, its C++ code prints unasked
    with nullcontext() if is_imported else silenced():
        import keras
        import tensorflow

        tensorflow.config.list_logical_devices()  # the search for devices prints, too
    if keras.backend.backend() != "tensorflow":
        raise RunError(
            "Keras was imported with another backend, which can no longer be changed.",
            received=f"keras on {keras.backend.backend()}",
            hint="KERAS_BACKEND=tensorflow in the environment, or engine=torch",
        )


@contextmanager
def silenced() -> Iterator[None]:
    """Discard what C++ code writes to standard error, which Python cannot capture."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

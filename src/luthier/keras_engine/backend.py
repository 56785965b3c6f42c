"""TensorFlow and Keras as this package wants them: imported through here, and nowhere before."""

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
    """Raise where a package is missing.

    Args:
        asked: What needs it, as the user wrote it.
        otherwise: What to write instead.

    Raises:
        RecipeError: TensorFlow, Keras or KerasHub is not there.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise RecipeError(
            "The TensorFlow engine is not installed.",
            received=f"{asked} without {' and '.join(missing)}",
            hint=f"{install_command('tensorflow')}, or {otherwise}",
        )


def require_twin(family: str, asked: str, *, otherwise: str) -> None:
    """Raise where there is no twin of a family of models.

    Args:
        family: By its name in a configuration.
        asked: What needs it, as the user wrote it.
        otherwise: What to write instead.

    Raises:
        ModelError: There is none.
    """
    known = names(FAMILIES)
    if family not in known:
        raise ModelError(
            "There is no twin of this family for TensorFlow.",
            received=f"{asked} and a model of {family}",
            hint=f"one of {', '.join(known)}, or {otherwise}",
        )


def set_up() -> None:
    """Have Keras compute by TensorFlow; before either is imported.

    Raises:
        RunError: Keras has been imported in this process, with another backend.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # what is wrong, not what was found
    is_there = "tensorflow" in sys.modules  # before it is, nothing stops C++ code from printing
    with nullcontext() if is_there else unheard():
        import keras
        import tensorflow

        tensorflow.config.list_logical_devices()  # looks for them, and tells
    if keras.backend.backend() != "tensorflow":
        raise RunError(
            "Keras has been imported with another backend, which cannot be changed any more.",
            received=f"keras on {keras.backend.backend()}",
            hint="KERAS_BACKEND=tensorflow in the environment, or engine=torch",
        )


@contextmanager
def unheard() -> Iterator[None]:
    """Keep from the screen what is printed there past Python."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

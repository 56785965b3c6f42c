"""Makes Transformers quick to import in a process that does nothing but ask a model.

Its models import PyTorch's compiler and its algebra, sharded tensors, SciPy's optimisers and the
names of all model families: half of the seconds that `luthier predict` takes, for what asking one
model on one device never calls. Here these are loaded when somebody asks for something in them,
and PyTorch says that it has no `torch.distributed`, as some builds have none. What a model
computes stays the same.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from types import ModuleType
from typing import Any

import torch


class Deferred(ModuleType):
    """A package that is there, and whose code runs once somebody asks for something in it."""

    def __getattr__(self, name: str) -> Any:
        """Give a stand-in for what is taken by name; else run the package's code."""
        if name.startswith("__"):  # asked by the import system
            raise AttributeError(name)
        stand_in = TAKEN[self.__name__].get(name)
        return stand_in or getattr(loaded(self.__name__), name)


def loaded(name: str) -> ModuleType:
    """Run the code of a deferred package, once."""
    module: ModuleType = sys.modules[name]
    if isinstance(module, Deferred):
        spec = module.__spec__
        setattr(module, "__class__", ModuleType)  # noqa: B010
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module(module)
    return sys.modules[name]  # some replace themselves


def unmarked(function: Any = None, *_: Any, **__: Any) -> Any:
    """Return a function that need not be marked for a compiler; without one, a decorator."""
    return unmarked if function is None else function


def linear_sum_assignment(*given: Any, **named: Any) -> Any:
    """Assign objects that are detected in images; texts need none."""
    return loaded("scipy.optimize").linear_sum_assignment(*given, **named)


def with_numbers(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Draw the numbers of tensors that have some; weights that are still to be read have none."""

    @wraps(draw)
    def drawn(tensor: torch.Tensor, *given: Any, **named: Any) -> torch.Tensor:
        return tensor if tensor.is_meta else draw(tensor, *given, **named)

    return drawn


def of_numbers(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of sizes that are plain numbers; others are symbols of the compiler."""

    def function(*given: Any, **named: Any) -> Any:
        if any(isinstance(one, SYMBOLS) for one in given):
            return getattr(loaded(SHAPES), name)(*given, **named)
        return plain(*given, **named)

    return function


SYMBOLS = (torch.SymInt, torch.SymBool, torch.SymFloat)
SHAPES = "torch.fx.experimental.symbolic_shapes"  # which imports SymPy
OF_SIZES: Mapping[str, Callable[..., Any]] = {  # asked whenever a weight is made without numbers
    **dict.fromkeys(("expect_true", "guard_or_false", "guard_or_true"), bool),
    **dict.fromkeys(("guard_size_oblivious", "statically_known_true"), bool),
    "sym_and": lambda *given: all(given),
    "sym_or": lambda *given: any(given),
    "sym_eq": lambda one, other: bool(one == other),
    "is_nested_int": lambda size: False,
    "has_guarding_hint": lambda size: True,
    "guarding_hint_or_throw": lambda size: size,
}
# Package to what PyTorch and Transformers take from it by name while they prepare a model.
TAKEN: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "torch._dynamo": dict.fromkeys(
        ("allow_in_graph", "assume_constant_result", "disable"), unmarked
    ),
    "scipy.optimize": {"linear_sum_assignment": linear_sum_assignment},
    SHAPES: {name: of_numbers(name, plain) for name, plain in OF_SIZES.items()},
    "transformers.models": {},  # reads the source of all of its families
}


def import_lean() -> None:
    """Prepare this process to import Transformers in half of the time.

    To be called in a process that only answers. Where its models are imported already, nothing is
    changed; what is not installed is not missed.
    """
    if "transformers.modeling_utils" in sys.modules:
        return
    torch.distributed.is_available = bool
    torch.nn.init.normal_ = with_numbers(torch.nn.init.normal_)
    for name in TAKEN:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
        if spec is not None:
            module = importlib.util.module_from_spec(spec)
            module.__class__ = Deferred
            sys.modules[name] = module

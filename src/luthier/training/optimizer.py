"""Makes the optimizer and the learning-rate schedule of a training section.

Names are those of `TrainingArguments`; the optimizers are PyTorch's and the schedules are
Transformers'. Weights of two and more dimensions decay; norms and biases, all of one dimension,
do not (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, as commonly practised).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import SchedulerType, get_scheduler

from luthier.errors import RecipeError, suggestion
from luthier.recipe.tree import Training

OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "adamw_torch": (torch.optim.AdamW, {}),
    "adamw_torch_fused": (torch.optim.AdamW, {"fused": True}),
    "adam": (torch.optim.Adam, {}),
    "sgd": (torch.optim.SGD, {}),
    "adafactor": (torch.optim.Adafactor, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adagrad": (torch.optim.Adagrad, {}),
    "nadam": (torch.optim.NAdam, {}),
    "radam": (torch.optim.RAdam, {}),
    "adamax": (torch.optim.Adamax, {}),
}
COMPILERS = ("inductor", "aot_eager", "eager", "cudagraphs")
MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
# ReduceLROnPlateau is driven by scores, not by steps; Greedy and the rest of its kind likewise.
SCHEDULES = tuple(kind.value for kind in SchedulerType if kind.value != "reduce_lr_on_plateau")


def check_training(settings: Training) -> None:
    """Reject names and options that could only fail later.

    Raises:
        RecipeError: An optimizer, schedule or option is unknown; all problems are listed.
    """
    problems = []
    for field, known in (
        ("optim", tuple(OPTIMIZERS)),
        ("lr_scheduler_type", SCHEDULES),
        ("torch_compile_backend", COMPILERS),
        ("torch_compile_mode", MODES),
    ):
        chosen = getattr(settings, field)
        if chosen is not None and chosen not in known:
            advice = suggestion(chosen, known, quote="'")
            problems.append(f"training.{field}: there is no '{chosen}'; {advice}")
    if not problems:
        optimizer, _ = OPTIMIZERS[settings.optim]
        allowed = set(inspect.signature(optimizer).parameters) - {"params", "lr", "weight_decay"}
        for option in sorted(set(settings.optim_args) - allowed):
            problems.append(
                f"training.optim_args.{option}: {settings.optim} has no such option; "
                f"it has {', '.join(sorted(allowed))}"
            )
        problems += _try_out(settings)
    if settings.bf16 is True and settings.fp16:
        problems.append("training: bf16 and fp16 exclude each other; choose one")
    if settings.eval_strategy == "steps" and settings.eval_steps is None:
        problems.append("training.eval_steps: needed with eval_strategy=steps")
    if problems:
        raise RecipeError(
            "The training section is invalid.",
            received="; ".join(problems),
            hint="correct each of them; `luthier schema` lists all fields",
        )


def _try_out(settings: Training) -> list[str]:
    """Build both on one weight, to report a wrong value before any work."""
    weight = nn.Parameter(torch.zeros(2, 2))
    try:
        make_schedule(make_optimizer([("weight", weight)], settings), settings, n_steps=10)
    except (TypeError, ValueError) as problem:
        return [f"training.optim_args or training.lr_scheduler_kwargs: {problem}"]
    return []


def groups_of(
    parameters: Iterable[tuple[str, nn.Parameter]],
    settings: Training,
    *,
    lr_multipliers: Mapping[str, float] | None = None,
    undecayed: Container[str] = (),
) -> list[dict[str, Any]]:
    """Group the trained parameters by weight decay and learning rate.

    Args:
        parameters: (name, parameter) pairs, as `model.named_parameters()` gives them.
        settings: The recipe's training section.
        lr_multipliers: Maps a parameter to its multiple of the learning rate, where it is not 1.
        undecayed: Names of parameters that do not decay, whatever their shape.
    """
    by_kind: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            decays = parameter.ndim >= 2 and name not in undecayed
            kind = ((lr_multipliers or {}).get(name, 1.0), decays)
            by_kind.setdefault(kind, []).append(parameter)
    return [
        {
            "params": by_kind[share, decays],
            "weight_decay": settings.weight_decay if decays else 0.0,
            "lr": share * settings.learning_rate,
        }
        for share, decays in sorted(by_kind, reverse=True)
    ]


def make_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]],
    settings: Training,
    *,
    lr_multipliers: Mapping[str, float] | None = None,
    undecayed: Container[str] = (),
) -> torch.optim.Optimizer:
    """Make the optimizer of the trained parameters; arguments as of `groups_of`."""
    groups = groups_of(parameters, settings, lr_multipliers=lr_multipliers, undecayed=undecayed)
    optimizer, fixed = OPTIMIZERS[settings.optim]
    options: dict[str, Any] = {**fixed, **settings.optim_args}
    known = inspect.signature(optimizer).parameters
    if "betas" in known:
        options.setdefault("betas", (settings.adam_beta1, settings.adam_beta2))
        options.setdefault("eps", settings.adam_epsilon)
    return optimizer(groups, lr=settings.learning_rate, **options)


def make_schedule(
    optimizer: torch.optim.Optimizer, settings: Training, *, n_steps: int
) -> LRScheduler:
    """Make the learning-rate schedule over `n_steps` optimizer steps.

    A share of warm-up is rounded up, but leaves one step: the first step of a warm-up has rate 0.
    """
    warmup = settings.warmup_steps
    n_warmup = min(math.ceil(warmup * n_steps), n_steps - 1) if warmup < 1 else int(warmup)
    schedule: LRScheduler = get_scheduler(
        settings.lr_scheduler_type,
        optimizer,
        num_warmup_steps=n_warmup,
        num_training_steps=n_steps,
        scheduler_specific_kwargs=dict(settings.lr_scheduler_kwargs),
    )
    return schedule


def set_rate(schedule: LRScheduler) -> None:
    """Set the rate of the next step, in case the schedule is longer than when it was saved."""
    if isinstance(schedule, LambdaLR):
        for group, base, factor in zip(
            schedule.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
        ):
            group["lr"] = base * factor(schedule.last_epoch)

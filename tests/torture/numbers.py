"""R8: a loss, a gradient, a weight or a row that is no finite number stops the run at that step."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from luthier.training import engine
from tests.torture.trial import Bench, Ended

TRAINING = {
    "max_steps": 12,
    "logging_steps": 5,
    "eval_strategy": "no",
    "save_strategy": "steps",
    "save_steps": 2,
}
KINDS = ("loss", "infinite loss", "gradient", "row", "weight")


def bench(folder: Path) -> Bench:
    """Make the bench on which numbers are spoilt."""
    return Bench(folder, training=TRAINING, baselines=[])


def trials(made: Bench, n: int, *, seed: int = 0) -> list[bool]:
    """Spoil `n` runs, each at a random step; say of each whether that was seen and named."""
    chance = random.Random(seed)
    return [_trial(made, KINDS[number % len(KINDS)], number, chance) for number in range(n)]


def _trial(made: Bench, kind: str, number: int, chance: random.Random) -> bool:
    step = chance.randint(1, TRAINING["max_steps"] - 1)  # type: ignore[operator, arg-type]
    out = f"{kind}-{number}".replace(" ", "-")
    ended = made.begin(out, before=spoiling(kind, step)).wait()
    state = made.run(out).state()
    newest, problems = made.run(out).checkpoints("fine-tuning").newest()
    finite = newest is None or all(
        bool(torch.isfinite(one).all())
        for one in load_file(newest.path / "weights.safetensors").values()
    )
    kept = 0 if newest is None else newest.step
    named = _is_named(ended, kind, step)
    ends = ended.code == 2 and "Traceback" not in ended.said and state["state"] == "failed"
    return ends and named and finite and not problems and kept <= step


def _is_named(ended: Ended, kind: str, step: int) -> bool:
    if kind == "weight":  # seen at the next step, or when it is to be saved
        return any(f"step {one}" in ended.said for one in (step, step + 1))
    has_rows = "rows.csv:" in ended.said and f"at step {step}," in ended.said
    if kind == "row":
        return has_rows and ended.said.count("rows.csv:") == 1 and "from the rows" in ended.said
    return has_rows and "training.learning_rate=" in ended.said


def spoiling(kind: str, step: int) -> Callable[[], None]:
    """Make what spoils a number of a run at a step."""

    def prepare() -> None:
        gradient, summed, take = engine.Update.gradient, engine.Update.summed, engine.Update.step
        now = {"step": 0, "victim": None}

        def counted(self: Any, batches: Any) -> Any:
            now["step"] += 1
            if kind == "row" and now["step"] == step:
                now["victim"] = batches[0].inputs["input_ids"][0].tolist()
            return gradient(self, batches)

        def spoilt(self: Any, batch: Any) -> Any:
            total = summed(self, batch)
            if kind == "row" and now["victim"] is not None:
                return total * (float("nan") if _has(batch, now["victim"]) else 1.0)
            if now["step"] != step:
                return total
            if kind == "gradient":
                total.register_hook(lambda gradient: gradient * float("nan"))
            factor = {"loss": float("nan"), "infinite loss": float("inf")}.get(kind, 1.0)
            return total * factor

        def taken(self: Any) -> None:
            take(self)
            if kind == "weight" and now["step"] == step:
                with torch.no_grad():
                    next(self.model.parameters()).view(-1)[:] = float("inf")

        engine.Update.gradient = counted  # type: ignore[method-assign]
        engine.Update.summed = spoilt  # type: ignore[method-assign]
        engine.Update.step = taken  # type: ignore[method-assign]

    return prepare


def _has(batch: Any, victim: list[int]) -> bool:
    """Say whether a row stands in a batch, padded differently or not."""
    wanted = [token for token in victim if token]
    return any(
        [token for token in row.tolist() if token] == wanted for row in batch.inputs["input_ids"]
    )

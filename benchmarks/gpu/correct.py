"""Is every speed-up the same function on the device, and does no step wait for it?

Each trains the same few steps in float32 without dropout, and its weights are compared with those
of the plain training. Between the first call of the model and the end of the optimizer's step,
PyTorch is told to raise where it waits for the GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks.luthier_arm import LuthierArm
from benchmarks.problems import PROBLEMS

PLAIN = ("training.unpadded=false", "training.torch_compile=false")
UNPADDED = ("training.unpadded=true",)
COMPILED = ("training.unpadded=false", "training.torch_compile=true")
GRAPHS = (*COMPILED, "training.torch_compile_mode=reduce-overhead")
CHEAPLY = "training.torch_compile_backend=eager"  # traced, but nothing is compiled
SPEED_UPS: dict[str, tuple[str, ...]] = {
    "plain": PLAIN,
    "unpadded": UNPADDED,
    "compile": COMPILED,
    "CUDA graphs": GRAPHS,
    "unpadded + compile": (*UNPADDED, "training.torch_compile=true"),
    "unpadded + CUDA graphs": (
        *UNPADDED,
        "training.torch_compile=true",
        "training.torch_compile_mode=reduce-overhead",
    ),
}
EXACT = 1e-4  # of the largest weight; float32 sums in another order


@contextmanager
def raising_where_it_waits(model: nn.Module, *, device: str) -> Iterator[None]:
    """Have PyTorch raise where a step waits for the GPU."""
    if device == "cpu":
        yield
        return

    def begin(module: nn.Module, *_: Any) -> None:
        if module.training:
            torch.cuda.set_sync_debug_mode("error")

    def end(*_: Any) -> None:
        torch.cuda.set_sync_debug_mode("default")

    hooks = [
        model.register_forward_pre_hook(begin),
        register_optimizer_step_post_hook(end),
    ]
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
        for hook in hooks:
            hook.remove()


def trained(options: argparse.Namespace, changes: tuple[str, ...], *, strict: bool) -> Any:
    """Train without dropout in float32; give the weights on the CPU."""
    asked = {**vars(options), "set": [*options.set, *changes, "training.bf16=false"]}
    arm = LuthierArm.make(PROBLEMS[options.problem], argparse.Namespace(**asked))
    for part in arm.model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    device = options.device if strict else "cpu"
    with raising_where_it_waits(arm.model, device=device):
        model = arm.train()
    return {name: one.detach().cpu() for name, one in model.named_parameters()}


def compare_speed_up(options: argparse.Namespace, name: str, plain: Any) -> dict[str, Any]:
    """Say how far a speed-up's weights are from the plain training's, and whether it waits."""
    found: dict[str, Any] = {"speed-up": name, "waits": "no"}
    try:
        weights = trained(options, SPEED_UPS[name], strict=True)
    except RuntimeError as problem:
        found["waits"] = str(problem).splitlines()[0][:80]
        weights = trained(options, SPEED_UPS[name], strict=False)
    far = max(float((weights[one] - plain[one]).abs().max()) for one in plain)
    largest = max(float(one.abs().max()) for one in plain.values())
    found["difference"] = far / largest
    found["is the same"] = far / largest < EXACT
    return found

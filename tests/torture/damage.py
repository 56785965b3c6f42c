"""R3: a checkpoint that is not as it was written is named, and the one before is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests.torture.kills import TRAINING, dying_after_save
from tests.torture.trial import Bench, file_hash

VARIANTS: dict[str, dict[str, object]] = {
    "full": {},
    "lora": {"method": "lora"},
    "tags": {"task": "token-classification"},
}
NEWEST, BEFORE = "checkpoint-12", "checkpoint-8"


def delete(file: Path, other: Path) -> None:
    """Delete the file."""
    file.unlink()


def cut(share: float) -> Callable[[Path, Path], None]:
    """Keep the beginning alone."""

    def damage(file: Path, other: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * share)])

    return damage


def flip(share: float) -> Callable[[Path, Path], None]:
    """Turn one bit around."""

    def damage(file: Path, other: Path) -> None:
        content = bytearray(file.read_bytes())
        content[min(int(len(content) * share), len(content) - 1)] ^= 4
        file.write_bytes(bytes(content))

    return damage


def swap(file: Path, other: Path) -> None:
    """Put the file of the older checkpoint there."""
    shutil.copyfile(other, file)


def not_a_number(file: Path, other: Path) -> None:
    """Put NaN into the first tensor, in a file that is as whole as ever."""
    tensors = load_file(file)
    name = next(iter(tensors))
    tensors[name] = torch.full_like(
        tensors[name], float("nan") if tensors[name].is_floating_point() else 0
    )
    save_file(tensors, file)


DAMAGES: dict[str, Callable[[Path, Path], None]] = {
    "deleted": delete,
    "empty": cut(0.0),
    "cut": cut(0.6),
    "bit at the start": flip(0.0),
    "bit in the middle": flip(0.5),
    "bit at the end": flip(1.0),
    "of another step": swap,
    "not a number": not_a_number,
}


def bench(folder: Path, variant: str) -> Bench:
    """Make a bench with a run that was never interrupted, and one killed with two checkpoints."""
    made = Bench(folder, training=TRAINING, baselines=[], **VARIANTS[variant])  # type: ignore[arg-type]
    assert made.finish("whole").code == 0
    assert made.begin("killed", before=dying_after_save(3)).wait().code < 0
    return made


def cases(made: Bench) -> Iterator[tuple[str, str]]:
    """Walk over (file, damage) pairs."""
    folder = _checkpoints(made, "killed") / NEWEST
    for file in sorted(path.name for path in folder.iterdir()):
        for damage in DAMAGES:
            if damage == "not a number" and not file.endswith(".safetensors"):
                continue
            if damage == "of another step" and not (folder.parent / BEFORE / file).exists():
                continue
            yield file, damage


def trial(made: Bench, file: str, damage: str) -> bool:
    """Damage a file; say whether that is named, the older one used, and the weights the same."""
    out = f"{file}-{damage}".replace(" ", "-")
    shutil.copytree(made.folder / "killed", made.folder / out)
    folder = _checkpoints(made, out)
    before = file_hash(folder / NEWEST / file)
    DAMAGES[damage](folder / NEWEST / file, folder / BEFORE / file)
    if damage != "deleted" and file_hash(folder / NEWEST / file) == before:
        return True  # nothing was changed: both steps have the same file
    ended = made.finish(out)
    resumed = made.run(out).attempts()[-1].get("resumed", [])
    is_named = any(f"{NEWEST}/{file}" in note for one in resumed for note in one["notes"])
    went_on = [one["step"] for one in resumed]
    same = ended.code == 0 and made.model_hash(out) == made.model_hash("whole")
    return same and is_named and went_on == [8]


def _checkpoints(made: Bench, out: str) -> Path:
    return made.folder / out / "checkpoints" / "fine-tuning"

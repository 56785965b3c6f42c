"""`lora`: freeze the model and learn low-rank changes of its linear layers, through peft.

W x becomes W x + (alpha / rank) B A x, with only A (rank, inputs), B (outputs, rank) and the head
trained. Hu et al. 2021, https://arxiv.org/abs/2106.09685. Deviation: the paper adapts the
attention's query and value only; by default all linear layers of every block are adapted.

The run's `model/` is the plain checkpoint with the changes merged in, and `model/adapter/` keeps
them apart in peft's format. With `merge: false` only the adapter is kept, a few per cent of the
size, and reading the run back needs the base model again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from luthier.errors import ModelError
from luthier.protocols import KINDS, UNITS
from luthier.recipe.tree import Section
from luthier.records import Job, StepInfo
from luthier.seeding import seed_of

ADAPTER, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
FIELDS = ("lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "fan_in_fan_out")


class LoraOptions(Section):
    """The size and place of the low-rank changes."""

    rank: int = Field(8, ge=1, description="Rank of each change.")
    alpha: float = Field(16.0, gt=0, description="Changes are scaled by alpha / rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before each change.")
    target_modules: Literal["all-linear"] | list[str] = Field(
        "all-linear", description="Layers to change, by the end of their names."
    )
    merge: bool = Field(True, description="Leave one plain checkpoint; false: the adapter alone.")


class Lora:
    """Learn low-rank changes of the linear layers, and the head."""

    name: ClassVar[str] = "lora"
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    Options = LoraOptions

    def __init__(self, options: LoraOptions):
        self.options = options

    def fit(self, model: Any, job: Job) -> Generator[StepInfo, None, Any]:
        """Wrap the model, train the wrapping and the head, and give the wrapped model."""
        import torch
        from peft import LoraConfig, get_peft_model

        from luthier.models.anatomy import head_modules, is_transposed, linear_layers
        from luthier.training.loop import train

        if not self.options.merge:
            refuse_a_changed_base(model)
        linear = linear_layers(model)
        targets = self.options.target_modules
        if targets == "all-linear":
            targets = linear
        else:
            refuse_unknown_targets(targets, linear)
        config = LoraConfig(
            r=self.options.rank,
            lora_alpha=self.options.alpha,  # type: ignore[arg-type]
            lora_dropout=self.options.dropout,
            target_modules=targets,
            modules_to_save=list(head_modules(model)),
            fan_in_fan_out=is_transposed(model),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_of(job.training.seed, self.name))  # A begins at random
            wrapped = get_peft_model(model, config)
        return (yield from train(wrapped, job))

    def save(self, model: Any, tokenizer: Any, folder: Path) -> None:
        """Write the merged checkpoint and, beside it, the adapter; or the adapter alone."""
        from luthier.models.load import save_model

        adapter = folder / "adapter" if self.options.merge else folder
        model.save_pretrained(adapter)
        if self.options.merge:
            save_model(model.merge_and_unload(), tokenizer, folder)
        else:
            model.config.architectures = [type(model.get_base_model()).__name__]
            model.config.save_pretrained(folder)
            tokenizer.save_pretrained(folder)

    def load(self, folder: Path) -> tuple[Any, Any]:
        """Read the merged checkpoint, or put the adapter onto its base again and merge."""
        from peft import PeftModel

        from luthier.models.load import config_at, load_saved, tokenizer_at
        from luthier.models.opening import check_folder, read_json, telling_what_failed

        if not (folder / ADAPTER).is_file():
            return load_saved(folder)
        check_folder(folder)
        kept = read_json(folder / ADAPTER)
        if not (folder / WEIGHTS).is_file():
            raise ModelError(
                "The adapter has no safetensors weights; pickled ones are never opened.",
                received=f"no {WEIGHTS} beside {folder / ADAPTER}",
                hint="copy the run's model folder whole, or run the recipe again",
            )
        with telling_what_failed(str(folder / ADAPTER)):
            base = _read_base(kept["base_model_name_or_path"], config_at(folder))
            adapter = PeftModel.from_pretrained(base, str(folder), config=adapter_config(kept))
        return adapter.merge_and_unload().eval(), tokenizer_at(folder)


def adapter_config(kept: Mapping[str, Any]) -> Any:
    """Make peft's configuration again from the fields that `fit` sets, and from no others.

    Others name modules to import (`megatron_core`) and files of covariances, which are pickles.
    """
    from peft import LoraConfig

    return LoraConfig(**{field: kept[field] for field in ("r", *FIELDS)})


def refuse_unknown_targets(targets: list[str], linear: list[str]) -> None:
    """Raise where a target is the end of no linear layer's name."""
    for target in targets:
        if not any(name == target or name.endswith(f".{target}") for name in linear):
            ends = sorted({name.rsplit(".", 1)[-1] for name in linear})
            raise ModelError(
                f"No linear layer of this model is called '{target}'.",
                received=f"method.options.target_modules={targets}",
                hint=f"all-linear, or names among {', '.join(ends)}",
            )


def _read_base(base: str, config: Any) -> Any:
    """Read the base model as the hub or its folder has it, with a fresh head."""
    from luthier.models.load import SAFELY, class_of
    from luthier.models.sources import locate

    return class_of(config).from_pretrained(
        locate(base), config=config, ignore_mismatched_sizes=True, **SAFELY
    )


def refuse_a_changed_base(model: Any) -> None:
    """Raise where the adapter alone would not be enough to rebuild the model.

    Layers that the recipe re-initialises or a head of ours are in no checkpoint: without a merged
    one they would be lost.
    """
    from luthier.models.anatomy import head_modules
    from luthier.models.heads import needs

    if needs(model) is None:
        fresh = dict(_read_base(model.config.name_or_path, model.config).named_parameters())
        head = head_modules(model)
        changed = [
            name
            for name, parameter in model.named_parameters()
            if not name.startswith(tuple(f"{module}." for module in head))
            and (name not in fresh or not parameter.equal(fresh[name]))
        ]
        if not changed:
            return
    raise ModelError(
        "The adapter alone would not be enough: the recipe changes the base model's structure.",
        received="method.options.merge=false",
        hint="method.options.merge=true",
    )

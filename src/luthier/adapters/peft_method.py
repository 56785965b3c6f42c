"""What methods that use peft share: wrap a model, train it, save it and load it.

A run's `model/` is a plain checkpoint with the adapter merged in, and `model/adapter/` holds the
adapter alone in peft's format. If the adapter cannot be merged (prompts are not weights of the
model) or the recipe asks to keep it apart, `model/` is the adapter alone, and loading it needs the
base model.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from pydantic import Field

from luthier.adapters.base_model import (
    ADAPTER_FILE,
    Base,
    describe_base,
    forget_folder,
    head_of,
    place_of_base,
    put_in_order,
    read_base,
    read_known,
    write_known,
)
from luthier.adapters.peft_config import (
    check_options,
    config_class,
    is_prompt,
    place,
    width_of_words,
)
from luthier.adapters.prompts import refuse_no_room, say_of_tokens, unpacked
from luthier.errors import ModelError
from luthier.hf_types import Model, Tokenizer
from luthier.job import Job, Regulariser
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.protocols import KINDS, UNITS, WRITTEN
from luthier.recipe.tree import Section
from luthier.records import StepInfo
from luthier.seeding import seed_of

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from torch import nn

REFUSALS = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, ImportError)
WEIGHTS = "adapter_model.safetensors"
KNOWN_BASE = "known_base"  # attribute of a wrapped model: its `Base`


class LayerOptions(Section):
    """Options of tuners that change layers."""

    target_modules: str | list[str] = Field(
        "auto", description="Layers to change, by the end of their names; auto: all that fit."
    )
    merge: bool = Field(True, description="Leave one plain checkpoint; false: the adapter alone.")


class PromptOptions(Section):
    """The length of the prompt."""

    num_virtual_tokens: int = Field(16, ge=1, description="Learned states before every text.")


class PeftMethod(PlainCheckpoint):
    """Train the weights that a tuner of peft adds to a model, and the head.

    A plug-in names the tuner (`tuner`) and its settings (`settings`).
    """

    name: ClassVar[str]
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    Options: ClassVar[type[Section]] = LayerOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3}
    learns_soft_labels: ClassVar[bool] = True
    reads_anew: ClassVar[bool] = True
    options: Any
    tuner: str

    def __init__(self, options: Section):
        self.options = options

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the tuner's settings as fields of peft's configuration, without its targets."""
        return {}

    def fields(self, model: Model) -> dict[str, Any]:
        """Return all fields of peft's configuration that are set."""
        config, own = config_class(self.tuner), self.settings(model)
        check_options(config, own)
        return {**place(config, model, getattr(self.options, "target_modules", "auto")), **own}

    @property
    def is_merged(self) -> bool:
        """Whether the adapter is merged into a plain checkpoint; prompts cannot be."""
        return not is_prompt(config_class(self.tuner)) and bool(self.options.merge)

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Wrap the model, train the adapter and the head, and return the wrapped model."""
        from luthier.training.loop import train

        config = config_class(self.tuner)
        if is_prompt(config):
            job = unpacked(job)
            refuse_no_room(model, job, n_tokens=self.settings(model)["num_virtual_tokens"])
        alone = not self.is_merged
        base = describe_base(model, is_prompt=is_prompt(config)) if alone else None
        wrapped = self.wrap(model, config, seed=job.plan.training.seed)
        setattr(wrapped, KNOWN_BASE, base)  # as it was before any rounding
        try_out(self.tuner, wrapped, job)
        if self.is_merged and not self.can_merge(wrapped):
            raise ModelError(
                f"What {self.tuner} learns cannot be merged into the model's weights.",
                received="method.options.merge=true",
                hint="method.options.merge=false keeps the adapter alone",
            )
        regularisers = (*self.hooks(wrapped), *job.plan.regularisers)
        job = job.with_plan(regularisers=regularisers)
        trained: Model = yield from train(cast("Model", wrapped), job)
        return trained

    def hooks(self, wrapped: PeftModel) -> tuple[Regulariser, ...]:
        """Return what a tuner does between steps: AdaLoRA allocates ranks."""
        if not hasattr(wrapped.base_model, "rankallocator"):
            return ()
        from luthier.adapters.rank_allocation import RankAllocation

        return (RankAllocation(self.settings(cast("Model", wrapped))),)

    def wrap(self, model: Model, config: type[PeftConfig], *, seed: int) -> PeftModel:
        """Add the tuner to the model; its initial weights follow from the seed.

        Raises:
            ModelError: peft refuses the model or the settings.
        """
        import torch
        from peft import get_peft_model

        fields = self.fields(model)
        try:
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Unsupported layer type")  # norms, as asked for
                warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
                torch.manual_seed(seed_of(seed, self.name))
                wrapped = get_peft_model(model, config(**fields))
        except REFUSALS as problem:
            raise unfit(self.tuner, model, problem) from problem
        return say_of_tokens(wrapped) if is_prompt(config) else wrapped

    def can_merge(self, wrapped: nn.Module) -> bool:
        """Return whether the adapter can be merged, tried on one layer."""
        return can_merge(wrapped)

    def save(self, model: Model, processor: Tokenizer | None, folder: Path) -> None:
        """Write the merged checkpoint with the adapter beside it, or the adapter alone."""
        from luthier.models.load import save_model

        wrapped = cast("PeftModel", model)
        put_in_order(wrapped)
        if self.is_merged:
            wrapped.save_pretrained(str(folder / "adapter"))
            forget_folder(folder / "adapter")
            save_model(merged(wrapped), processor, folder)
            return
        wrapped.save_pretrained(str(folder))
        forget_folder(folder)
        known: Base | None = getattr(model, KNOWN_BASE)
        if known is not None:
            write_known(known, folder)
        model.config.architectures = [type(wrapped.get_base_model()).__name__]
        model.config.save_pretrained(folder)
        if cast(Any, model).can_generate():
            model.generation_config.save_pretrained(folder)
        if processor is not None:
            processor.save_pretrained(folder)

    def load(self, folder: Path) -> tuple[Model, Tokenizer | None]:
        """Load the merged checkpoint, or the base model with its adapter, merged if possible.

        Raises:
            ModelError: See `load_apart`.
        """
        model, tokenizer = self.load_apart(folder)
        is_apart = not is_prompt(config_class(self.tuner)) and hasattr(model, "peft_config")
        if is_apart and self.can_merge(model):
            model = merged(cast("PeftModel", model))
        return model.eval(), tokenizer

    def load_apart(self, folder: Path) -> tuple[Model, Tokenizer | None]:
        """Load the model as `save` wrote it: a standalone adapter stays unmerged.

        Raises:
            ModelError: The folder is incomplete, or the base model is another one.
        """
        from luthier.models.load import class_of, config_at, load_saved, quietly, tokenizer_at
        from luthier.models.safety import check_folder, read_json, telling_what_failed

        if not (folder / ADAPTER_FILE).is_file():
            return load_saved(folder)
        check_folder(folder)
        kept, known = read_json(folder / ADAPTER_FILE), read_known(folder)
        if not (folder / WEIGHTS).is_file():
            raise ModelError(
                "The adapter has no safetensors weights; pickled ones are never opened.",
                received=f"no {WEIGHTS} beside {folder / ADAPTER_FILE}",
                hint="copy the run's model folder whole, or run the recipe again",
            )
        with quietly(), telling_what_failed(str(folder / ADAPTER_FILE)):
            config = config_at(folder)
            name = place_of_base(str(kept["base_model_name_or_path"]), folder)
            head = head_of(known, kept)
            base = read_base(class_of(config), name, config, known=known, head=head)
            take_generation(base, folder)
            model = self.put_on(base, folder, kept)
        return model.eval(), tokenizer_at(folder)

    def put_on(self, base: Model, folder: Path, kept: Mapping[str, Any]) -> Model:
        """Add a saved adapter to its base model.

        Its configuration is rebuilt from the fields that `fit` sets alone, as other fields name
        modules to import or files to unpickle. Numbers and lists of layers are taken from the
        saved adapter; strings are not, as some make peft read files.
        """
        from peft import PeftModel

        config = config_class(self.tuner)
        fields = {
            name: kept[name] if is_size_or_place(kept.get(name)) else value
            for name, value in self.fields(base).items()
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            model = PeftModel.from_pretrained(base, str(folder), config=config(**fields))
        return cast("Model", say_of_tokens(model) if is_prompt(config) else model)


class PromptMethod(PeftMethod):
    """A tuner whose learned states stand before every text."""

    units: ClassVar[frozenset[str]] = frozenset(WRITTEN) - {"choice"}
    Options: ClassVar[type[Section]] = PromptOptions

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the length and the width of the prompt."""
        return {"num_virtual_tokens": self.options.num_virtual_tokens, **width_of_words(model)}


def is_size_or_place(value: Any) -> bool:
    """Return whether a saved value is a number or a list of names, which cannot name a file.

    >>> [is_size_or_place(value) for value in (8, 0.5, ["query"], "corda", {"a": 1}, None)]
    [True, True, True, False, False, False]
    """
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, (int, float))


def can_merge(wrapped: nn.Module) -> bool:
    """Return whether an adapter can be merged into the model, tried on a copy of one layer."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for part in wrapped.modules():
        if isinstance(part, BaseTunerLayer):
            try:
                copy.deepcopy(part).merge()
            except NotImplementedError:  # the tuner acts beside its layers only
                return False
            return True
    return False


def merged(wrapped: PeftModel) -> Model:
    """Return the plain model with the adapter merged into its weights.

    The trained head replaces its wrapper first: some tuners would leave it in the wrapper, which is
    not part of a checkpoint, and others mistake a head of several layers for one layer.
    """
    from peft.utils import ModulesToSaveWrapper

    for name, part in list(wrapped.named_modules()):
        if isinstance(part, ModulesToSaveWrapper):
            owner, _, own_name = name.rpartition(".")
            setattr(wrapped.get_submodule(owner), own_name, part.modules_to_save["default"])
    plain: Model = wrapped.merge_and_unload()
    return plain


def try_out(tuner: str, wrapped: PeftModel, job: Job) -> None:
    """Run the wrapped model on two items, as some tuners report a misfit only then.

    Raises:
        ModelError: It does not run, or asks for work between the steps that is not done here.
    """
    import torch

    from luthier.training.model_calls import run_model, to_tensors

    if getattr(wrapped.peft_config["default"], "use_asa", False):
        problem = NotImplementedError("it must be told of every step, which is not done here")
        raise unfit(tuner, wrapped, problem)
    some = np.arange(min(2, len(job.problem.items["train"])))
    batch = to_tensors(job.problem.codec.batch(job.problem.items["train"], some, epoch=0))
    is_writer = job.plan.objective.name == "sequence-to-sequence"
    try:
        with torch.no_grad():
            run_model(wrapped.eval(), batch, decoder=is_writer)
    except REFUSALS as problem:
        raise unfit(tuner, wrapped, problem) from problem


def unfit(tuner: str, model: Model | PeftModel, problem: Exception) -> ModelError:
    """Make the error for a tuner that does not fit a model, with peft's reason."""
    said = " ".join(str(problem).split()) or type(problem).__name__
    return ModelError(
        f"peft's {tuner} does not fit this {model.config.model_type}: {said[:300]}",
        received=f"method.options for {tuner}",
        hint="method.options.config with numbers that fit the layers, or method=lora",
    )


def take_generation(model: Model, folder: Path) -> None:
    """Read the generation settings that were saved with a model, if any."""
    from transformers import GenerationConfig

    from luthier.models.safety import read_json

    path = folder / "generation_config.json"
    if path.is_file():
        model.generation_config = GenerationConfig.from_dict(read_json(path))

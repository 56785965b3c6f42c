"""What all methods have in common that go through peft: wrap, train, keep, and put together again.

The run's `model/` is the plain checkpoint with the changes merged in, and `model/adapter/` keeps
them apart in peft's format. Where they cannot be merged (prompts are no weights of the model), or
shall not be, `model/` is the adapter alone, and reading it back needs the base model again.
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
    Base,
    describe_base,
    head_of,
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
from luthier.protocols import KINDS, UNITS, Job, Regulariser
from luthier.recipe.tree import Section
from luthier.records import StepInfo
from luthier.seeding import seed_of

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from torch import nn

REFUSALS = (ValueError, TypeError, AttributeError, LookupError, RuntimeError, ImportError)
ADAPTER, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
KNOWN_BASE = "known_base"  # attribute of a wrapped model: its `Base`


class LayerOptions(Section):
    """Where changes of layers are made, and what is kept of them."""

    target_modules: str | list[str] = Field(
        "auto", description="Layers to change, by the end of their names; auto: all that fit."
    )
    merge: bool = Field(True, description="Leave one plain checkpoint; false: the adapter alone.")


class PromptOptions(Section):
    """The length of the prompt."""

    num_virtual_tokens: int = Field(16, ge=1, description="Learned states before every text.")


class PeftMethod:
    """Learn what a tuner of peft adds to the model, and the head.

    A plug-in says which tuner (`tuner`) and how it is set (`settings`).
    """

    name: ClassVar[str]
    units: ClassVar[frozenset[str]] = UNITS
    kinds: ClassVar[frozenset[str]] = KINDS
    Options: ClassVar[type[Section]] = LayerOptions
    defaults: ClassVar[Mapping[str, Any]] = {"learning_rate": 1e-3}
    options: Any
    tuner: str

    def __init__(self, options: Section):
        self.options = options

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the tuner's settings, in peft's own fields, besides the layers it changes."""
        return {}

    def fields(self, model: Model) -> dict[str, Any]:
        """Give all fields of peft's configuration that are set."""
        config, own = config_class(self.tuner), self.settings(model)
        check_options(config, own)
        return {**place(config, model, getattr(self.options, "target_modules", "auto")), **own}

    @property
    def is_merged(self) -> bool:
        """Whether one plain checkpoint is left; prompts are no weights of the model."""
        return not is_prompt(config_class(self.tuner)) and bool(self.options.merge)

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Wrap the model, train the wrapping and the head, and give the wrapped model."""
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
        """Put the tuner onto the model; what begins at random follows from the seed.

        Raises:
            ModelError: peft says that it does not fit.
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
        """Say whether what is learned can become weights of the model, tried on one layer."""
        return can_merge(wrapped)

    def save(self, model: PeftModel, tokenizer: Tokenizer, folder: Path) -> None:
        """Write the merged checkpoint and, beside it, the adapter; or the adapter alone."""
        from luthier.models.load import save_model

        if self.is_merged:
            model.save_pretrained(str(folder / "adapter"))
            save_model(merged(model), tokenizer, folder)
            return
        model.save_pretrained(str(folder))
        known: Base | None = getattr(model, KNOWN_BASE)
        if known is not None:
            write_known(known, folder)
        model.config.architectures = [type(model.get_base_model()).__name__]
        model.config.save_pretrained(folder)
        if model.can_generate():
            model.generation_config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    def load(self, folder: Path) -> tuple[Model, Tokenizer]:
        """Read the merged checkpoint, or put the adapter onto its base again, merged if it can be.

        Raises:
            ModelError: As `load_apart` does.
        """
        model, tokenizer = self.load_apart(folder)
        is_apart = not is_prompt(config_class(self.tuner)) and hasattr(model, "peft_config")
        if is_apart and self.can_merge(model):
            model = merged(cast("PeftModel", model))
        return model.eval(), tokenizer

    def load_apart(self, folder: Path) -> tuple[Model, Tokenizer]:
        """Read the model as `save` left it: an adapter that was kept alone stays unmerged.

        Raises:
            ModelError: The folder is not whole, or another base model lies where its own was.
        """
        from luthier.models.load import class_of, config_at, load_saved, quietly, tokenizer_at
        from luthier.models.safety import check_folder, read_json, telling_what_failed

        if not (folder / ADAPTER).is_file():
            return load_saved(folder)
        check_folder(folder)
        kept, known = read_json(folder / ADAPTER), read_known(folder)
        if not (folder / WEIGHTS).is_file():
            raise ModelError(
                "The adapter has no safetensors weights; pickled ones are never opened.",
                received=f"no {WEIGHTS} beside {folder / ADAPTER}",
                hint="copy the run's model folder whole, or run the recipe again",
            )
        with quietly(), telling_what_failed(str(folder / ADAPTER)):
            config = config_at(folder)
            name, head = str(kept["base_model_name_or_path"]), head_of(known, kept)
            base = read_base(class_of(config), name, config, known=known, head=head)
            take_generation(base, folder)
            model = self.put_on(base, folder, kept)
        return model.eval(), tokenizer_at(folder)

    def put_on(self, base: Model, folder: Path, kept: Mapping[str, Any]) -> Model:
        """Put a kept adapter onto its base.

        Its configuration is made again from the fields that `fit` sets, and from no others: others
        name modules to import and files that are pickles. Of these, numbers and lists of layers
        are those that were kept; words are our own, since some have peft read files.
        """
        from peft import PeftModel

        config = config_class(self.tuner)
        fields = {
            name: kept[name] if is_size_or_place(kept.get(name)) else value
            for name, value in self.fields(base).items()
        }
        model = PeftModel.from_pretrained(base, str(folder), config=config(**fields))
        return cast("Model", say_of_tokens(model) if is_prompt(config) else model)


class PromptMethod(PeftMethod):
    """A tuner whose learned states stand before every text."""

    units: ClassVar[frozenset[str]] = UNITS - {"choice"}
    Options: ClassVar[type[Section]] = PromptOptions

    def settings(self, model: Model) -> dict[str, Any]:
        """Return the length and the width of the prompt."""
        return {"num_virtual_tokens": self.options.num_virtual_tokens, **width_of_words(model)}


def is_size_or_place(value: Any) -> bool:
    """Say whether a kept value is a number or a list of names: what cannot lead anywhere.

    >>> [is_size_or_place(value) for value in (8, 0.5, ["query"], "corda", {"a": 1}, None)]
    [True, True, True, False, False, False]
    """
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, (int, float))


def can_merge(wrapped: nn.Module) -> bool:
    """Say whether what is learned can become weights of the model, tried on a copy of a layer."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for part in wrapped.modules():
        if isinstance(part, BaseTunerLayer):
            try:
                copy.deepcopy(part).merge()
            except NotImplementedError:  # a tuner that only acts beside its layers
                return False
            return True
    return False


def merged(wrapped: PeftModel) -> Model:
    """Give the plain model with what was learned in its own weights.

    The learned head is put in its place first: some tuners would leave it in its wrapper, which no
    checkpoint knows, and others take a head of several layers for one.
    """
    from peft.utils import ModulesToSaveWrapper

    for name, part in list(wrapped.named_modules()):
        if isinstance(part, ModulesToSaveWrapper):
            owner, _, own_name = name.rpartition(".")
            setattr(wrapped.get_submodule(owner), own_name, part.modules_to_save["default"])
    plain: Model = wrapped.merge_and_unload()
    return plain


def try_out(tuner: str, wrapped: PeftModel, job: Job) -> None:
    """Run the wrapped model on two items: some tuners only then say what they lack.

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
    """Say that a tuner does not fit a model, in peft's words."""
    said = " ".join(str(problem).split()) or type(problem).__name__
    return ModelError(
        f"peft's {tuner} does not fit this {model.config.model_type}: {said[:300]}",
        received=f"method.options for {tuner}",
        hint="method.options.config with numbers that fit the layers, or method=lora",
    )


def take_generation(model: Model, folder: Path) -> None:
    """Have the model write as it did, where it writes."""
    from transformers import GenerationConfig

    from luthier.models.safety import read_json

    path = folder / "generation_config.json"
    if path.is_file():
        model.generation_config = GenerationConfig.from_dict(read_json(path))

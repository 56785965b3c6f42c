"""The PyTorch engine: devices and precision by Accelerate, and exact speed-ups.

Device and precision: `devices.py`, `autotune.py`. Speed-ups: `speedups.py`. One optimizer step:
`update.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import ClassVar

from accelerate.data_loader import prepare_data_loader
from torch import Tensor

from luthier.distributed.group import group
from luthier.engines import Loader
from luthier.hf_types import Config, Model
from luthier.job import BatchSampler, Job
from luthier.models.speedups.host_copies import is_far
from luthier.models.structure import compute_again
from luthier.recipe.tree import Training
from luthier.training.augmented import AugmentedRows
from luthier.training.autotune import calibrate, precision_of
from luthier.training.batch_sampler import make_loader, n_shares_of
from luthier.training.devices import keep_few_kernels, make_accelerator
from luthier.training.labelled_positions import can_skip_unlabelled
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import TensorBatch
from luthier.training.optimizer import check_training, make_optimizer
from luthier.training.packing_check import refuse_leaking_blocks
from luthier.training.speedups import speed_ups
from luthier.training.together import refuse_alone
from luthier.training.update import Update


class TorchEngine:
    """Trains a model in place with PyTorch.

    Args:
        model: The model to train.
        job: The rows, the session and the plan.
    """

    name: ClassVar[str] = "torch"

    def __init__(self, model: Model, job: Job):
        settings: Training = job.plan.training
        keep_few_kernels()
        choice = calibrate(model, job)
        self.notice = None if choice is None else choice.words
        settings = settings.model_copy(update={"bf16": precision_of(settings, choice)})
        self.model, self.job = model, job.with_plan(training=settings)
        self.accelerator = make_accelerator(settings)
        refuse_alone(self.job)
        self.reads_without_sync = not is_far(self.accelerator.device)
        self.scaler = self.accelerator.scaler
        if settings.gradient_checkpointing:
            compute_again(model)
        if "position_ids" in job.problem.items["train"].inputs:
            refuse_leaking_blocks(model)
        self.only_labelled = can_skip_unlabelled(model, self.job)
        self._prepared: Model = model
        for one in self.job.plan.regularisers:
            one.prepare(model, self.job.plan)

    @staticmethod
    def check(settings: Training) -> None:
        """Reject settings that could only fail later.

        Raises:
            RecipeError: An unknown optimizer, schedule or option.
        """
        check_training(settings)

    @staticmethod
    def check_model(config: Config) -> None:
        """Accept any model of Transformers."""

    @contextmanager
    def working(self) -> Iterator[str | None]:
        """Apply the speed-ups; yield why padding is computed, if its removal was requested."""
        is_asked = self.job.plan.training.unpadded is True
        with speed_ups(self.model, self.job, self.accelerator) as reason, ExitStack() as self._undo:
            yield reason if is_asked else None
            # mixed precision ends with training
            self.accelerator.unwrap_model(self._prepared, keep_fp32_wrapper=False)

    def prepare(self, order: BatchSampler, pieces: MicroBatches) -> Loader:
        """Make the optimizer and the data loader."""
        job, settings = self.job, self.job.plan.training
        # gradients are summed by `Update` and batches shared by their sampler: the model is not
        # wrapped for several processes, and the loader is given as if there were one
        self._prepared = self.accelerator.prepare_model(self.model, evaluation_mode=True)
        if settings.sharding != "none" and group().size > 1:
            from luthier.training.sharding import sharded  # it loads seconds of PyTorch

            self._undo.enter_context(sharded(self.model))
        parameters = list(self.model.named_parameters())
        optimizer = make_optimizer(
            parameters,
            settings,
            lr_multipliers={
                **getattr(self.model, "lr_multipliers", {}),
                **job.plan.lr_multipliers,
            },
            undecayed={
                name
                for name, _ in parameters
                if any(one.decays(name) for one in job.plan.regularisers)
            },
        )
        self.optimizer = self.accelerator.prepare_optimizer(optimizer)
        loader = prepare_data_loader(
            make_loader(
                job.problem.items["train"],
                AugmentedRows(job) if job.plan.augmenters else job.problem.codec,
                order,
                n_workers=settings.dataloader_num_workers,
                n_shares=n_shares_of(settings),
            ),
            num_processes=1,
            process_index=0,
        )
        self.update = Update(
            self._prepared,
            self.optimizer,
            self.accelerator,
            job,
            pieces,
            only_labelled=self.only_labelled,
        )
        prepared: Loader = loader
        return prepared

    def load_from_model(self) -> None:
        """Do nothing: the model's weights are the ones that are trained."""

    def gradient(self, batches: list[TensorBatch]) -> tuple[Tensor, Tensor]:
        """Compute the gradient over batches; return the mean loss and the norm on the device."""
        return self.update.gradient(batches)

    def loss_of(self, batch: TensorBatch) -> Tensor:
        """Compute the summed loss of a batch."""
        return self.update.summed(batch)

    def step(self) -> None:
        """Take an optimizer step."""
        self.update.step()

    def sync_model(self) -> Model:
        """Return the prepared model with its current weights."""
        return self._prepared

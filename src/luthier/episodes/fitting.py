"""Train a model on episodes with the training loop, and give it a head of class means.

Episodes teach the body to separate classes in general. The saved head is computed at the
end from all training rows; evaluations during training compute such a head too.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from luthier.episodes.adaptation import (
    LinearHead,
    class_means,
    head_of_means,
    put_head_on,
    take_head_off,
    trained_weights,
)
from luthier.episodes.learner import EpisodeCodec, EpisodeLearner, Study, encode_episodes
from luthier.episodes.options import EpisodeOptions
from luthier.episodes.plan import Plan, plan_episodes
from luthier.errors import ModelError, RecipeError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.heads import PooledClassifier
from luthier.models.structure import trunk
from luthier.objective import Objective
from luthier.recipe.tree import Training
from luthier.records import StepInfo
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.predict import infer_items


def fit_on_episodes(
    model: Model,
    job: Job,
    options: EpisodeOptions,
    study: Study,
    *,
    loss: str = "cross-entropy",
    replaces_weights: bool = False,
) -> Generator[StepInfo, None, PooledClassifier]:
    """Train the body on episodes, and return the model with a head of class means.

    Args:
        model: A classification model.
        job: The training job.
        options: Size and number of episodes.
        study: Computes logits or the loss of one episode.
        loss: Name of the objective for the logits; `own` if `study` computes the loss itself.
        replaces_weights: Whether `study` runs the model with other weights than the model's own.

    Raises:
        RecipeError: The recipe asks for something that episodes do not support.
        DataError: There are too few rows.
        ModelError: The model has no single vector per text, or its whole body is frozen.
    """
    plan = plan_episodes(job, options)
    if replaces_weights and job.plan.training.gradient_checkpointing:
        raise RecipeError(
            "Activations cannot be recomputed if an episode changes the weights.",
            received="training.gradient_checkpointing=true",
            hint="training.gradient_checkpointing=false, or method=prototypical-networks",
        )
    body = body_of(model, n_outputs=job.problem.codec.target.n_outputs)
    yield StepInfo("planning episodes", 1, 1, message=plan.story)
    learner = EpisodeLearner(body, plan.shape, study)
    head_by = partial(learn_head, learner, job, temperature=options.temperature)

    codec = EpisodeCodec(
        job.problem.codec, job.problem.items["train"], lambda: follow(head_by(), lambda info: None)
    )
    episodes = encode_episodes(job.problem.items["train"], plan)
    episodic = job.with_problem(
        codec=codec, items={**job.problem.items, "train": episodes}
    ).with_plan(
        objective=Objective(loss, label_smoothing=job.plan.objective.label_smoothing),
        training=settings_of(job, options, plan),
    )
    yield from told(train(learner, episodic), job, options, plan)
    put_head_on(body, (yield from head_by()))
    return body.eval()


def body_of(model: Model, *, n_outputs: int) -> PooledClassifier:
    """Remove the head; a model without pooled features gets a mean over its last states.

    Pre-trained poolers were trained for another objective, and class means of their outputs
    classify poorly; sentence encoders use the mean of the states.

    Raises:
        ModelError: The model is an encoder-decoder, or its whole body is frozen.
    """
    if not isinstance(model, PooledClassifier):
        if getattr(model.config, "is_encoder_decoder", False):
            raise ModelError(
                f"A {model.config.model_type} encodes and decodes: it has no one vector per text.",
                received=model.config.model_type,
                hint="method=full, or an encoder such as MiniLM",
            )
        with torch.random.fork_rng(devices=[]):
            model = PooledClassifier(
                trunk(model), n_outputs=n_outputs, pooling="mean", hidden_layers=(), dropout=0.0
            )
    take_head_off(model)
    if not trained_weights(model):
        raise ModelError(
            "The model's whole body is frozen, and episodes train nothing else.",
            received="no weight that may be trained",
            hint="a smaller model.freeze_bottom, or method=linear-probe",
        )
    return model


def settings_of(job: Job, options: EpisodeOptions, plan: Plan) -> Training:
    """Return settings for one pass over the plan, with evaluations as often as the recipe asks."""
    settings: Training = job.plan.training
    per_step = options.meta_batch * settings.gradient_accumulation_steps
    n_steps = math.ceil(len(plan) / per_step)
    every = max(1, math.ceil(n_steps / max(1.0, settings.num_train_epochs)))
    changes: dict[str, Any] = {
        "per_device_train_batch_size": options.meta_batch,
        "tokens_per_batch": None,
        "train_sampling_strategy": "sequential",
        "num_train_epochs": 1.0,
        "max_steps": -1,
    }
    if settings.eval_strategy == "epoch" or settings.eval_steps is None:
        changes["eval_steps"] = every
    if settings.eval_strategy == "epoch":
        changes["eval_strategy"] = "steps"
    if settings.save_strategy == "epoch":
        changes |= {"save_strategy": "steps", "save_steps": every}
    return settings.model_copy(update=changes)


def told(
    steps: Generator[StepInfo, None, Any], job: Job, options: EpisodeOptions, plan: Plan
) -> Generator[StepInfo, None, Any]:
    """Report rows and epochs as other methods do, counting an episode as a batch of its rows."""
    per_step = options.meta_batch * job.plan.training.gradient_accumulation_steps
    n_rows = len(np.unique(job.problem.items["train"].rows))
    while True:
        try:
            info = next(steps)
        except StopIteration as end:
            return end.value
        seen = min(info.step * per_step, len(plan)) * plan.shape.rows
        yield replace(info, rows=info.rows * plan.shape.rows, epoch=seen / n_rows)


def learn_head(
    learner: EpisodeLearner, job: Job, *, temperature: float | None
) -> Generator[StepInfo, None, LinearHead]:
    """Compute a head from the class means of all training rows."""
    items = job.problem.items["train"]
    features = yield from infer_items(
        learner,
        items,
        job.problem.codec,
        batch_size=job.plan.training.per_device_eval_batch_size,
        phase="class means",
    )
    labels = torch.from_numpy(items.target_array)
    means = class_means(torch.from_numpy(features), labels, job.problem.codec.target.n_outputs)
    device = next(learner.parameters()).device
    return head_of_means(means.to(device), temperature=temperature)

"""What the tests of the TensorFlow engine share: jobs on tiny models, trained by either engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.toys import toy_problem

QUIET = {"eval_strategy": "no", "use_cpu": True}


def problem(folder, task="text-classification", *, engine="tensorflow", **sections):
    """Prepare a task's toy rows on a tiny model, for an engine."""
    training = {**QUIET, **sections.pop("training", {})}
    return toy_problem(task, folder, engine=engine, training=training, **sections)[1]


def without_dropout(model: Any) -> Any:
    """Turn all dropout of a model off, in its configuration too, where the twin reads it."""
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        for name in ("dropout", "activation_dropout"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
    for name in (
        *("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"),
        *("dropout", "attention_dropout", "seq_classif_dropout", "dropout_rate", "pooler_dropout"),
        *("activation_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop", "summary_last_dropout"),
        "classifier_dropout_prob",
    ):
        if getattr(model.config, name, None) is not None:
            setattr(model.config, name, 0.0)
    return model


def weights_after(prepared, *, dropout=True, seen=None) -> dict[str, np.ndarray]:
    """Train, and give all weights."""
    model = prepared.job.session.make_model(True)
    if not dropout:
        model = without_dropout(model)
    model = follow(train(model, prepared.job), (lambda info: None) if seen is None else seen.append)
    return {name: one.detach().numpy().copy() for name, one in model.named_parameters()}


def furthest(some: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> float:
    """Give the largest difference of any weight."""
    assert some.keys() == others.keys()
    return max(float(np.abs(some[name] - others[name]).max()) for name in some)

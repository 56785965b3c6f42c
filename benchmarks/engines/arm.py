"""Train once in this process, timed, and score the test rows; prints one line of JSON.

python -m benchmarks.engines.arm tensorflow --data FOLDER --rows 2000 --seed 0

From raw texts to trained weights: tokenization, the building of Keras's graph and its compilation
are timed; imports and the reading of files and model are not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import warnings
from importlib import import_module
from typing import Any

from benchmarks.arms import accuracy, arguments
from benchmarks.luthier_arm import LuthierArm
from benchmarks.peers import DECAY, WARMUP
from benchmarks.problems import PROBLEMS, chosen, read_reviews
from benchmarks.watch import Watch
from luthier.models.locate import local_folder

ARMS = ("torch", "tensorflow", "keras-hub")
Found = dict[str, Any]


def by_luthier(options: argparse.Namespace) -> Found:
    """Train by one of Luthier's engines."""
    if options.arm == "tensorflow":
        from luthier.keras_engine.backend import set_up

        set_up()
        import_module("luthier.keras_engine.update")  # and what it needs, before the clock starts
    options.set = [f"engine={options.arm}", "training.bf16=false", *options.set]
    problem = PROBLEMS["reviews"]
    arm = LuthierArm.make(problem, options)
    with Watch() as watch:
        model = arm.train()
    names = list(arm.task.learn_target(arm.rows).names)
    most = options.max_tokens or problem.max_tokens
    right = accuracy(model, arm.tokenizer, options.data / "test.csv", names, most)
    return {**watch.found(), "accuracy": right}


def by_keras_hub(options: argparse.Namespace) -> Found:
    """Train by KerasHub's classifier, as its guides do."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import keras_hub

    keras.utils.set_random_seed(options.seed)
    every = read_reviews(options.data / "train.csv")
    rows = [every[i] for i in chosen(len(every), options.rows)] if options.rows else every
    names = sorted({label for _, label in rows})
    most = options.max_tokens or PROBLEMS["reviews"].max_tokens
    folder = str(local_folder(options.model))
    preprocessor = keras_hub.models.BertTextClassifierPreprocessor.from_preset(
        folder, sequence_length=most
    )
    model = keras_hub.models.BertTextClassifier.from_preset(
        folder, num_classes=len(names), preprocessor=preprocessor
    )
    texts, labels = [text for text, _ in rows], [names.index(label) for _, label in rows]
    n_steps = math.ceil(len(rows) / options.batch_size) * int(options.epochs)
    warmup = math.ceil(WARMUP * n_steps)
    rate = keras.optimizers.schedules.PolynomialDecay(
        options.learning_rate, n_steps - warmup, end_learning_rate=0.0
    )
    optimizer = keras.optimizers.AdamW(
        Warmed(rate, options.learning_rate, warmup), weight_decay=DECAY, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    with Watch() as watch:
        model.compile(
            optimizer=optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        model.fit(
            texts, labels, batch_size=options.batch_size, epochs=int(options.epochs), verbose=0
        )
    asked = read_reviews(options.data / "test.csv")
    said = model.predict([text for text, _ in asked], verbose=0).argmax(axis=-1)
    right = sum(names[k] == label for k, (_, label) in zip(said, asked, strict=True))
    return {**watch.found(), "accuracy": right / len(asked)}


def Warmed(after: Any, rate: float, n_steps: int) -> Any:  # noqa: N802
    """Make a schedule that rises to another's beginning; its class needs Keras."""
    import keras
    from keras import ops

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            step = ops.cast(step, "float32")
            return ops.where(step < n_steps, rate * step / max(1, n_steps), after(step - n_steps))

        def get_config(self) -> dict[str, Any]:
            return {}

    return Schedule()


def main() -> None:
    """Run the arm that the command line names."""
    warnings.filterwarnings("ignore")
    parser = arguments(__doc__ or "")
    parser.add_argument("arm", choices=ARMS)
    options = parser.parse_args()
    found = by_keras_hub(options) if options.arm == "keras-hub" else by_luthier(options)
    rows = options.rows or len(read_reviews(options.data / "train.csv"))
    found |= {"arm": options.arm, "seed": options.seed, "rows": rows}
    found["rows_per_second"] = round(rows * options.epochs / found["seconds"], 2)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Train SetFit on the rows given on standard input and print its answers: run by its own Python.

It is given the same rows, the same number of steps and the same checkpoint; batch size, sampling,
head and, unless told otherwise, the learning rate are its defaults.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

from datasets import Dataset, disable_progress_bars  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from setfit import SetFitModel, Trainer, TrainingArguments  # noqa: E402
from setfit.modeling import LogisticRegression  # noqa: E402


def main() -> None:
    """Train and answer."""
    disable_progress_bars()
    given = json.load(sys.stdin)
    body = SentenceTransformer(given["model"], device="cpu")
    model = SetFitModel(model_body=body, model_head=LogisticRegression(max_iter=1000))
    rows = Dataset.from_dict({"text": given["texts"], "label": given["labels"]})
    rate = given["learning_rate"]
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        batch_size=16,
        max_steps=given["steps"],
        seed=given["seed"],
        save_strategy="no",
        eval_strategy="no",
        show_progress_bar=False,
        **({"body_learning_rate": rate} if rate else {}),
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    before = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - before
    answers = [int(one) for one in model.predict(given["test_texts"], batch_size=64)]
    print(json.dumps({"answers": answers, "seconds": seconds}))


if __name__ == "__main__":
    main()

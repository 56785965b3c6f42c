"""R5: a run that went on is, to the last bit, the one never interrupted; R6: so is a rerun.

Compared are the model, everything in the last checkpoint (weights, moments, random states,
schedule, best score, patience), the logged rows, and which step was best.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.tiny import write_tiny_model
from tests.torture.kills import dying_after_save
from tests.torture.trial import Bench, Starter, file_hash, logged

TRAINING: dict[str, Any] = {
    "max_steps": 13,
    "logging_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 3,
    "save_strategy": "steps",
    "save_steps": 4,
    "save_total_limit": 2,
}
FAMILY = {"translation": "t5", "summarization": "bart", "causal-lm": "gpt2"}
TASKS = (
    "text-classification",
    "multi-label-classification",
    "text-regression",
    "pair-classification",
    "token-classification",
    "question-answering",
    "translation",
    "summarization",
    "causal-lm",
    "masked-lm",
    "multiple-choice",
)
SCHEDULES = ("cosine", "constant_with_warmup", "polynomial", "inverse_sqrt", "cosine_with_restarts")
OPTIMIZERS = ("adamw_torch", "sgd", "adafactor", "rmsprop", "adagrad", "nadam", "radam", "adamax")

EPISODES = {"shots": 1, "meta_batch": 2}
PROMPTS = {"num_virtual_tokens": 3}
METHODS: dict[str, dict[str, Any]] = {  # every method, and the sections of a recipe for it
    **{
        name: {"method": name}
        for name in (
            *("full", "linear-probe", "prototypes", "knn", "contrastive", "layer-wise"),
            *("gradual-unfreezing", "lora", "qlora", "ia3", "bitfit", "distillation"),
            "prototypical-networks",
        )
    },
    "prompt-mlm": {"method": "prompt-mlm", "head": "MaskedLM"},
    **{
        name: {"method": {"name": name, "options": options}}
        for name, options in (
            ("top-layers", {"n_layers": 1}),
            ("head-first", {"head_steps": 9}),  # killed while the head is alone
            ("prefix-tuning", PROMPTS),
            ("prompt-tuning", PROMPTS),
            ("p-tuning", PROMPTS),
            ("peft", {"tuner": "VERA"}),
            ("maml", EPISODES),
            ("reptile", EPISODES),
            ("self-training", {"threshold": 0.3}),
            ("coral", {}),
            ("dann", {}),
        )
    },
}
AT_ONCE = ("prototypes", "knn")  # methods that take no steps, so that nothing is saved between
KEPT = ("checkpoints/", "model/", "adapter/")
BESIDE = ("events.jsonl", "README.md")  # they tell the time


def cells() -> dict[str, dict[str, Any]]:
    """Name the cells: what is varied, and the sections of the recipe for it."""
    found: dict[str, dict[str, Any]] = {f"task {task}": {"task": task} for task in TASKS}
    found |= {f"schedule {name}": _training(lr_scheduler_type=name) for name in SCHEDULES}
    found |= {f"optimizer {name}": _training(optim=name) for name in OPTIMIZERS}
    found["optimizer sgd with momentum"] = _training(optim="sgd", optim_args={"momentum": 0.9})
    found["optimizer amsgrad"] = _training(optim="adamw_torch", optim_args={"amsgrad": True})
    for workers in (0, 2):
        many = {"dataloader_num_workers": workers}
        where = f"{workers} workers"
        found |= {
            f"plain, {where}": _training(**many),
            f"accumulation, {where}": _training(gradient_accumulation_steps=3, **many),
            f"end of an epoch, {where}": _training(
                max_steps=-1,
                num_train_epochs=4,
                save_strategy="epoch",
                eval_strategy="epoch",
                **many,
            ),
            f"label smoothing, {where}": _training(label_smoothing_factor=0.1, **many),
            f"early stopping, {where}": _training(
                early_stopping_patience=2, eval_steps=2, learning_rate=1e-9, **many
            ),
            f"random order, {where}": _training(train_sampling_strategy="random", **many),
            f"order of the file, {where}": _training(train_sampling_strategy="sequential", **many),
            f"lora, {where}": {"method": "lora", **_training(**many)},
            f"masks drawn anew, {where}": {"task": "masked-lm", **_training(**many)},
            f"packed blocks, {where}": {"task": "causal-lm", **_training(**many)},
        }
    found |= {
        "lora with dropout": {"method": {"name": "lora", "options": {"dropout": 0.3}}},
        "lora, adapter alone": {"method": {"name": "lora", "options": {"merge": False}}},
        "dora": {"method": {"name": "lora", "options": {"use_dora": True}}},
        **{name: how for name, how in METHODS.items() if name not in ("full", "lora", *AT_ONCE)},
        "head with dropout": {"model": {"pooling": "mean", "head_dropout": 0.3}},
        "hidden head": {"model": {"pooling": "attention", "head_hidden_layers": [8]}},
        "frozen bottom": {"model": {"freeze_bottom": 1, "freeze_embeddings": True}},
        "fresh top": {"model": {"reinitialise_top": 1}},
        "crf": {"task": "token-classification", "options": {"crf": True}},
        "focal loss": {"options": {"loss": "focal"}},
        "class weights": {"options": {"class_weights": "balanced"}},
        "windows": {"data": {"max_tokens": 8, "long_texts": "windows"}},
        "bfloat16": _training(bf16=True),
        "gradient checkpointing": _training(gradient_checkpointing=True),
        "saved beside the training": _training(save_in_background=True),
        "no clipping": _training(max_grad_norm=0),
        "last weights kept": _training(load_best_model_at_end=False),
        "every step evaluated": _training(eval_steps=1),
        "never evaluated": _training(eval_strategy="no"),
        "another seed": _training(seed=7),
        "baseline from scratch": {"baselines": ["from-scratch"]},
    }
    for family in ("roberta", "albert", "deberta-v2", "xlnet", "modernbert", "gpt2", "llama"):
        found[f"family {family}"] = {"family": family}
    return found


def _training(**changes: Any) -> dict[str, Any]:
    return {"training": changes}


def bench(folder: Path, sections: dict[str, Any]) -> Bench:
    """Make the bench of a cell."""
    asked = {"task": "text-classification", "baselines": [], **sections}
    family = asked.pop("family", FAMILY.get(asked["task"], "bert"))
    base = write_tiny_model(family, folder / "base", head=asked.pop("head", None))
    if asked.get("method") == "distillation":
        teacher = Bench(folder / "teacher", base=base, baselines=[])
        assert teacher.finish("run").code == 0
        options = {"teacher": str(teacher.folder / "run")}
        asked["method"] = {"name": "distillation", "options": options}
    training = {**TRAINING, **asked.pop("training", {})}
    return Bench(folder, base=base, training=training, **asked)


def trial(
    folder: Path, sections: dict[str, Any], *, after: int = 2, starter: Starter | None = None
) -> list[str]:
    """Run a cell through, and once killed after a save; name what differs.

    Args:
        folder: Where the runs lie.
        sections: Of the recipe.
        after: How many saves come before the kill.
        starter: Of the process that goes on, if it is to have other hashes than the killed one.
    """
    made = bench(folder, sections)
    whole = made.finish("whole")
    killed = made.begin("killed", before=dying_after_save(after)).wait()
    gone_on = made.finish("killed") if starter is None else made.finish_by(starter, "killed")
    if (whole.code, killed.code, gone_on.code) != (0, -9, 0):
        said = (whole.said + killed.said + gone_on.said)[-900:]
        return [f"ended with {whole.code}, {killed.code}, {gone_on.code}: {said}"]
    return differences(made, "whole", "killed")


def differences(made: Bench, one: str, other: str) -> list[str]:
    """Name what two runs of a bench differ in."""
    found = []
    if logged(made.run(one)) != logged(made.run(other)):
        found.append("logged rows")
    for path in sorted((made.folder / one).rglob("*")):
        name = path.relative_to(made.folder / one).as_posix()
        if not name.startswith(KEPT) or not path.is_file() or path.name in BESIDE:
            continue
        twin = made.folder / other / name
        if path.name == "manifest.json":
            same = _best(path) == _best(twin)
        elif path.name == "luthier.json":
            same = _without_workers(path) == _without_workers(twin)
        else:
            same = twin.is_file() and file_hash(path) == file_hash(twin)
        if not same:
            found.append(name)
    return found


def _best(path: Path) -> object:
    return json.loads(path.read_text("utf-8"))["about"]["best_step"] if path.is_file() else "none"


def _without_workers(path: Path) -> object:
    """Read what a model tells of its run, but for the number of workers, which changes nothing."""
    content = json.loads(path.read_text("utf-8"))
    del content["recipe"]["training"]["dataloader_num_workers"]
    return content


def reruns(folder: Path, n: int) -> list[bool]:
    """R6: run a recipe `n` times anew, by other numbers of workers; compare with the first."""
    made = bench(folder, {})
    assert made.finish("whole").code == 0
    same = []
    for number in range(n):
        workers = (0, 1, 2, 4)[number % 4]
        code = made.finish(f"again-{number}", f"training.dataloader_num_workers={workers}").code
        same.append(code == 0 and differences(made, "whole", f"again-{number}") == [])
    return same

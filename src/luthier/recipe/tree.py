"""The recipe: one frozen tree that YAML, the command line and Python share.

Training fields are named as in `transformers.TrainingArguments`. Each field's description is the
one text that CLI help, the JSON Schema and the docs show. Building one from a file: `load.py`;
checking plug-in options: `checks.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of the recipe: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _named(value: Any) -> Any:
    """Let a bare string stand for `{name: …}`."""
    return {"name": value} if isinstance(value, str) else value


class Plugin(Section):
    """A plug-in: its name, or `{name: …, options: {…}}`."""

    name: str = Field(description="Name in the catalogue; see `luthier list`.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of that plug-in.")


class Model(Section):
    """Which pre-trained model to start from, and what to change in its structure."""

    name: str = Field(description="A hub id, a local folder, or package:NAME.")
    revision: str | None = Field(None, description="Branch, tag or commit on the hub.")
    pooling: Literal["default", "cls", "mean", "max", "attention"] = Field(
        "default", description="How token states become one vector; default: the model's own way."
    )
    head_hidden_layers: tuple[int, ...] = Field(
        (), description="Widths of hidden layers put into the head."
    )
    head_dropout: float | None = Field(
        None, ge=0, lt=1, description="Dropout before the last layer; null: the model's own."
    )
    drop_top: int = Field(0, ge=0, description="Layers removed at the top.")
    reinitialise_top: int = Field(0, ge=0, description="Layers at the top given fresh weights.")
    freeze_embeddings: bool = Field(False, description="Do not train the embeddings.")
    freeze_bottom: int = Field(0, ge=0, description="Layers at the bottom that are not trained.")
    new_tokens: tuple[str, ...] = Field((), description="Tokens added to the vocabulary.")
    ignore_unsafe_files: bool = Field(
        False,
        description="Accept a folder with files that could run code; they are left unopened, and "
        "the run says so.",
    )


class Split(Section):
    """How missing splits are made from the training file."""

    validation: float | int = Field(
        0.1, description="Share (below 1) or number of rows for validation; 0 for none."
    )
    test: float | int = Field(0.2, description="Share (below 1) or number of rows for the test.")
    group_by: str | None = Field(
        None, description="Column whose equal values never stand in two splits."
    )
    stratify: bool = Field(True, description="Keep the shares of the labels in every split.")
    seed: int | None = Field(
        None, ge=0, description="What the splits follow from; null: training.seed."
    )
    n_folds: int | None = Field(None, ge=2, description="Cut the rows into this many folds.")
    fold: int = Field(0, ge=0, description="Which of the folds is the test set.")


class Data(Section):
    """Where the rows are, which column plays which role, and how they are split."""

    train: str | list[str] = Field(
        description="A file, a folder, files, package:NAME/FILE or hub:NAME."
    )
    validation: str | list[str] | None = Field(None, description="Likewise; null: split off train.")
    test: str | list[str] | None = Field(None, description="Likewise; null: split off train.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="The task's role to the file's column."
    )
    encoding: str | None = Field(None, description="Text encoding; null: detected and said.")
    delimiter: str | None = Field(None, description="Column delimiter; null: detected and said.")
    split: Split = Field(default=Split(), description="How missing splits are made.")
    limit: dict[Literal["train", "validation", "test"], int] = Field(
        default_factory=dict, description="Use at most so many rows of a split, drawn by the seed."
    )
    shots: int | None = Field(
        None, ge=1, description="Training rows of each label, drawn by the seed; null: all rows."
    )
    max_tokens: int | None = Field(
        None, ge=4, description="Tokens kept of each row; null: the model's limit, at most 512."
    )
    long_texts: Literal["cut", "windows"] | None = Field(
        None,
        description="What happens to texts of more tokens: cut off, or read in windows that "
        "overlap; null: windows for entities and answers, else cut.",
    )
    stride: int | None = Field(
        None, ge=0, description="Tokens that neighbouring windows share; null: a quarter."
    )
    drop_leaks: bool = Field(
        False, description="Drop training and validation rows whose text is also in the test set."
    )
    ignore_findings: tuple[str, ...] = Field(
        (), description="Codes of doctor's errors that shall not stop the run."
    )


class Training(Section):
    """Optimizer, schedule, batches and stopping; names as in `TrainingArguments`."""

    learning_rate: float = Field(5e-5, gt=0, description="Peak learning rate.")
    num_train_epochs: float = Field(3.0, gt=0, description="Passes over the training rows.")
    max_steps: int = Field(-1, description="Optimizer steps; when above 0, overrides the epochs.")
    per_device_train_batch_size: int = Field(16, ge=1, description="Rows in a training batch.")
    tokens_per_batch: int | None = Field(
        None,
        ge=1,
        description="Tokens in a training batch, padding not counted, instead of a number of rows; "
        "a longer row stands alone; null: rows.",
    )
    per_device_eval_batch_size: int = Field(
        64,
        ge=1,
        description="Rows of 64 tokens that an evaluation batch may hold; of shorter rows more "
        "stand in it, of longer ones fewer. On a CPU, batches are no larger than its cache.",
    )
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="Batches whose gradients are summed before each step."
    )
    optim: str = Field(
        "adamw_torch_fused",
        description="adamw_torch, adamw_torch_fused, adam, sgd, adafactor, rmsprop, adagrad …",
    )
    optim_args: dict[str, float | bool] = Field(
        default_factory=dict, description="Extra optimizer options, such as momentum, nesterov."
    )
    weight_decay: float = Field(0.01, ge=0, description="Decay of weights; not norms and biases.")
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="First moment's decay.")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="Second moment's decay.")
    adam_epsilon: float = Field(1e-8, gt=0, description="Added to Adam's denominator.")
    lr_scheduler_type: str = Field(
        "linear", description="A schedule of Transformers: linear, cosine, constant …"
    )
    lr_scheduler_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Extra options of the schedule."
    )
    warmup_steps: float = Field(
        0.1, ge=0, description="Steps of warm-up; below 1: share of all steps."
    )
    max_grad_norm: float = Field(1.0, ge=0, description="Gradients are clipped to it; 0: never.")
    label_smoothing_factor: float = Field(
        0.0, ge=0, lt=1, description="Share of the target spread over all labels."
    )
    train_sampling_strategy: Literal["random", "group_by_length", "sequential"] = Field(
        "group_by_length",
        description="Order of rows; group_by_length puts rows of like length together, so batches "
        "are no longer drawn at random, only their order is.",
    )
    eval_strategy: Literal["epoch", "steps", "no"] = Field(
        "epoch", description="When to score the validation rows."
    )
    eval_steps: int | None = Field(None, ge=1, description="Steps between evaluations.")
    load_best_model_at_end: bool = Field(
        True, description="Keep the weights that scored best on validation."
    )
    metric_for_best_model: str | None = Field(
        None, description="Metric to follow; null: the task's main metric."
    )
    early_stopping_patience: int | None = Field(
        None, ge=1, description="Stop after so many evaluations without a better score."
    )
    early_stopping_threshold: float = Field(
        0.0, ge=0, description="How much better a score must be to count."
    )
    save_strategy: Literal["auto", "steps", "epoch", "no"] = Field(
        "auto",
        description="When to save what going on needs; auto: every minute or so, for 4 % of the "
        "time at most.",
    )
    save_steps: int = Field(500, ge=1, description="Steps between saves of save_strategy=steps.")
    save_total_limit: int | None = Field(
        None,
        ge=1,
        description="Newest checkpoints to keep, the best beside them, also after the run; null: "
        "two, until the run is finished.",
    )
    save_in_background: bool = Field(
        False, description="Write checkpoints beside the training, from a copy in memory."
    )
    logging_steps: int = Field(10, ge=1, description="Steps between lines in events.jsonl.")
    bf16: bool | Literal["auto"] = Field(
        "auto",
        description="Train in bfloat16 mixed precision; auto: in long trainings, where a "
        "measurement shows that it is much faster here.",
    )
    fp16: bool = Field(False, description="Train in float16 mixed precision (GPU).")
    gradient_checkpointing: bool = Field(
        False, description="Trade time for memory: compute activations again going back."
    )
    auto_batch_size: bool = Field(
        False, description="Cut batches that do not fit into memory; the gradient is the same."
    )
    torch_compile: bool = Field(
        False,
        description="Compile the model by PyTorch, for any lengths; instead of what is left out "
        "on a CPU.",
    )
    torch_compile_backend: str | None = Field(
        None, description="By which of its backends; null: inductor, which needs a C++ compiler."
    )
    torch_compile_mode: str | None = Field(
        None, description="How: default, reduce-overhead (CUDA graphs), max-autotune …"
    )
    unpadded: bool | Literal["auto"] = Field(
        "auto",
        description="Leave padding out of all layers; the function is the same. auto: on a CPU; "
        "true: on a GPU too, which was not measured on one yet.",
    )
    cls_only: bool = Field(
        True, description="With it, compute only what the head reads in the last layer."
    )
    compact_vocabulary: bool = Field(
        True, description="On a CPU, train only the embeddings of words that the rows have."
    )
    labelled_only: bool = Field(
        True, description="Score words only where there is a label; the loss is the same."
    )
    fast_dropout: bool = Field(True, description="On a CPU, draw dropout's masks cheaply.")
    tokens_at_once: int | None = Field(
        2048,
        ge=1,
        description="On a CPU, cut batches of more tokens; the gradient is the same. null: never.",
    )
    dataloader_num_workers: int = Field(0, ge=0, description="Processes that make batches.")
    use_cpu: bool = Field(False, description="Stay on the CPU even where there is a GPU.")
    seed: int = Field(0, ge=0, description="Everything random follows from it.")


class Evaluation(Section):
    """How the verdict is reached."""

    n_resamples: int = Field(1000, ge=100, description="Bootstrap resamples behind intervals.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Level of the intervals.")
    slices: tuple[str, ...] = Field((), description="Columns whose values are scored apart.")


class Recipe(Section):
    """A whole run: what goes in; a run folder comes out."""

    model: Annotated[Model, BeforeValidator(_named)] = Field(description="The pre-trained model.")
    task: Annotated[Plugin, BeforeValidator(_named)] = Field(description="What to learn.")
    data: Data = Field(description="The rows.")
    method: Annotated[Plugin, BeforeValidator(_named)] = Field(
        default_factory=lambda: Plugin(name="full"), description="How to learn it."
    )
    engine: Literal["torch", "tensorflow"] = Field(
        "torch", description="What computes the training; tensorflow needs luthier[tensorflow]."
    )
    training: Training = Field(default=Training(), description="How to train.")
    regularisers: list[Annotated[Plugin, BeforeValidator(_named)]] = Field(
        default_factory=list, description="Hooks in training against over-fitting, in order."
    )
    baselines: list[Annotated[Plugin, BeforeValidator(_named)]] | None = Field(
        None, description="What to beat; null: the task's own choice; []: nothing."
    )
    evaluation: Evaluation = Field(default=Evaluation(), description="How to judge.")

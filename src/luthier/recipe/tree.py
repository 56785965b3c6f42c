"""The recipe: one frozen tree of fields, shared by YAML, the command line and Python.

Training fields are named as in `transformers.TrainingArguments`. Each field's description is the
text shown by the JSON Schema, editors and the docs. `load.py` reads a recipe from a file, and
`checks.py` checks the options of its plug-ins.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from luthier.recipe.adaptation import Adaptation
from luthier.recipe.further import Replay, RowWeights, as_named
from luthier.recipe.section import NoOptions as NoOptions
from luthier.recipe.section import Section as Section
from luthier.recipe.weak import LabellingFunction


def _named(value: object) -> object:
    """Expand a bare string to `{name: …}`."""
    return {"name": value} if isinstance(value, str) else value


def name_of_column(value: object) -> object:
    """Read numbers as the names of columns without a header."""
    if isinstance(value, (list, tuple)):
        return [name_of_column(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Tables = Literal["csv", "tsv", "json", "jsonl", "parquet", "arrow"]
Format = Literal[Tables, "conll", "text", "tmx", "xliff", "webdataset"]


def _none_as_zero(value: object) -> object:
    """Read null, which recipes of earlier versions had, as 0."""
    return 0 if value is None else value


class Plugin(Section):
    """A plug-in: its name, or `{name: …, options: {…}}`."""

    name: str = Field(description="Name of the plug-in; `luthier list` shows all names.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of the plug-in.")


class Model(Section):
    """The pre-trained model to start from, and changes to its structure."""

    name: str = Field(description="A Hugging Face hub id, a local folder, or package:NAME.")
    revision: str | None = Field(None, description="Branch, tag or commit on the hub.")
    pooling: Literal["default", "cls", "mean", "max", "attention"] = Field(
        "default", description="How token states become one vector; default: as the model does it."
    )
    head_hidden_layers: tuple[int, ...] = Field(
        (), description="Widths of additional hidden layers in the head."
    )
    head_dropout: float | None = Field(
        None, ge=0, lt=1, description="Dropout before the last layer; null: the model's own."
    )
    drop_top: int = Field(0, ge=0, description="Number of top layers to remove.")
    reinitialise_top: int = Field(0, ge=0, description="Number of top layers to reinitialise.")
    freeze_embeddings: bool = Field(False, description="Keep the embeddings frozen.")
    freeze_bottom: int = Field(0, ge=0, description="Number of bottom layers to freeze.")
    new_tokens: tuple[str, ...] = Field((), description="Tokens to add to the vocabulary.")
    ignore_unsafe_files: bool = Field(
        False, description="Accept a folder with files that could run code; they are never opened."
    )


def _several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


class Split(Section):
    """How validation and test splits are made from the training rows if they have no file."""

    validation: float | int = Field(
        0.1, description="Share (below 1) or number of rows for validation; 0: none."
    )
    test: float | int = Field(0.2, description="Share (below 1) or number of rows for testing.")
    group_by: Annotated[str | None, BeforeValidator(name_of_column)] = Field(
        None, description="Column whose rows of equal value stay in the same split."
    )
    stratify: bool = Field(True, description="Keep the label proportions in every split.")
    seed: Annotated[int, BeforeValidator(_none_as_zero)] = Field(
        0, ge=0, description="Seed of the splits and of the rows in them; training.seed moves none."
    )
    n_folds: int | None = Field(
        None, ge=2, description="Number of cross-validation folds; each is the test set once."
    )
    folds_of: Literal["all", "rest"] = Field(
        "all",
        description="Rows to cut into folds: all training rows, or the rest beside the test set, "
        "which is then that of a run without folds, and judged by none of them.",
    )
    fold: int | None = Field(
        None, ge=0, description="The one fold to run, from 0; null: all, judged together."
    )


class Data(Section):
    """Where the rows are, the role of each column, and how the rows are split."""

    train: str | list[str] = Field(
        description="A file, a folder, a list of files, package:NAME/FILE or hub:NAME."
    )
    validation: str | list[str] | None = Field(None, description="Likewise; null: split off train.")
    test: str | list[str] | None = Field(None, description="Likewise; null: split off train.")
    unlabelled: str | list[str] | None = Field(
        None,
        description="Further rows, without answers, for methods that learn from such as well.",
    )
    replay: Replay | None = Field(
        None, description="Rows of an earlier task, mixed into every batch; null: none."
    )
    row_weights: RowWeights | None = Field(
        None, description="Weights of training rows by how like another domain; null: all weigh 1."
    )
    columns: dict[str, Annotated[str | list[str], BeforeValidator(name_of_column)]] = Field(
        default_factory=dict,
        description="For each column role of the task, the column's name in the file; for labels "
        "and choices, also a list of columns.",
    )
    annotator: Annotated[str | None, BeforeValidator(name_of_column)] = Field(
        None,
        description="Column that names who answered: rows of one text by several become one row, "
        "with the probability of each label as what is learned; null: every row stands alone.",
    )
    weak: tuple[LabellingFunction, ...] | None = Field(
        None,
        description="Functions that label those training rows which have no label, by votes; null: "
        "they are left out.",
    )
    labels_from: str | None = Field(
        None,
        description="A file of corrected labels, by the place of their rows or by their texts; "
        "null: the labels are as the files have them.",
    )
    no_answer: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        (), description="An answer, or several, that stand for none (-); their rows are left out."
    )
    format: Format | None = Field(None, description="Format of the files; null: by their endings.")
    encoding: str | None = Field(None, description="Text encoding; null: detect and report it.")
    delimiter: str | None = Field(None, description="Column delimiter; null: detect and report it.")
    quoting: Literal["doubled", "backslash", "none"] | None = Field(
        None,
        description="How tables write quotes in quoted cells; none: quotes are ordinary "
        "characters; null: detect it.",
    )
    header: Literal["first", "none"] | list[str] | None = Field(
        None,
        description="Where tables name their columns: in the first line, or none: columns are "
        "called 1, 2 …; or the names; null: the first line, with a warning if it looks like a row.",
    )
    max_row_bytes: int = Field(
        1 << 24, ge=1, description="Maximum bytes of a line or a cell; longer ones are refused."
    )
    split: Split = Field(default=Split(), description="How missing splits are made.")
    limit: dict[Literal["train", "validation", "test"], int] = Field(
        default_factory=dict,
        description="Maximum rows of a split: of train drawn by training.seed, with a row of each "
        "label at least; of the others by data.split.seed, as they are.",
    )
    shots: int | None = Field(
        None, ge=1, description="Training rows per label, drawn by training.seed; null: all rows."
    )
    max_tokens: int | None = Field(
        None, ge=4, description="Maximum tokens per row; null: the model's limit, at most 512."
    )
    long_texts: Literal["cut", "windows"] | None = Field(
        None,
        description="What to do with longer texts: cut truncates them, windows reads them in "
        "overlapping windows; null: windows for entities and answers, otherwise cut.",
    )
    stride: int | None = Field(
        None, ge=0, description="Tokens by which neighbouring windows overlap; null: a quarter."
    )
    media: str | None = Field(
        None,
        description="Folder that paths of images and sounds are relative to; null: that of the "
        "file which names them.",
    )
    max_seconds: float | None = Field(
        None, gt=0, le=600, description="Maximum seconds of a sound; null: 10."
    )
    drop_leaks: bool = Field(
        False,
        description="Drop training and validation rows whose text also occurs in the test set.",
    )
    ignore_findings: tuple[str, ...] = Field(
        (), description="Codes of data doctor errors that do not stop the run."
    )

    @property
    def form(self) -> dict[str, Any]:
        """How the files are written, as `luthier.data.readers.read.read` takes it."""
        names = ("format", "encoding", "delimiter", "quoting", "header", "max_row_bytes")
        return {name: getattr(self, name) for name in names}


class Training(Section):
    """Optimizer, schedule, batches and stopping, named as in `TrainingArguments`."""

    learning_rate: float = Field(5e-5, gt=0, description="Peak learning rate.")
    num_train_epochs: float = Field(3.0, gt=0, description="Passes over the training rows.")
    max_steps: int = Field(-1, description="Optimizer steps; above 0, it overrides the epochs.")
    per_device_train_batch_size: int = Field(16, ge=1, description="Rows per training batch.")
    tokens_per_batch: int | None = Field(
        None,
        ge=1,
        description="Maximum tokens per training batch, without padding, instead of a number of "
        "rows; a longer row forms a batch of its own; null: count rows.",
    )
    per_device_eval_batch_size: int = Field(
        64,
        ge=1,
        description="Rows per evaluation batch if rows have 64 tokens; shorter rows make larger "
        "batches, longer ones smaller. On a CPU, batches are limited to the size of its cache.",
    )
    gradient_accumulation_steps: int = Field(
        1, ge=1, description="Batches whose gradients are accumulated before each optimizer step."
    )
    optim: str = Field(
        "adamw_torch_fused",
        description="adamw_torch, adamw_torch_fused, adam, sgd, adafactor, rmsprop, adagrad …",
    )
    optim_args: dict[str, float | bool] = Field(
        default_factory=dict, description="Further optimizer options, such as momentum or nesterov."
    )
    weight_decay: float = Field(0.01, ge=0, description="Weight decay, not of norms and biases.")
    adam_beta1: float = Field(0.9, ge=0, lt=1, description="Adam's decay of the first moment.")
    adam_beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay of the second moment.")
    adam_epsilon: float = Field(1e-8, gt=0, description="Constant added to Adam's denominator.")
    lr_scheduler_type: str = Field(
        "linear", description="A schedule of Transformers: linear, cosine, constant …"
    )
    lr_scheduler_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Further options of the schedule."
    )
    warmup_steps: float = Field(
        0.1, ge=0, description="Warm-up steps; below 1: share of all steps."
    )
    max_grad_norm: float = Field(1.0, ge=0, description="Maximum gradient norm; 0: no clipping.")
    label_smoothing_factor: float = Field(
        0.0, ge=0, lt=1, description="Share of the target probability spread over all labels."
    )
    train_sampling_strategy: Literal["random", "group_by_length", "sequential"] = Field(
        "group_by_length",
        description="Order of rows; group_by_length batches rows of similar length, so that only "
        "the order of the batches is random.",
    )
    eval_strategy: Literal["epoch", "steps", "no"] = Field(
        "epoch", description="When to evaluate on the validation rows."
    )
    eval_steps: int | None = Field(None, ge=1, description="Steps between evaluations.")
    load_best_model_at_end: bool = Field(
        True, description="Keep the weights with the best validation score."
    )
    metric_for_best_model: str | None = Field(
        None, description="Metric that selects the best weights; null: the task's main metric."
    )
    early_stopping_patience: int | None = Field(
        None, ge=1, description="Stop after this many evaluations without improvement."
    )
    early_stopping_threshold: float = Field(
        0.0, ge=0, description="Smallest change of a score that counts as improvement."
    )
    save_strategy: Literal["auto", "steps", "epoch", "no"] = Field(
        "auto",
        description="When to save checkpoints, from which a run can be resumed; auto: about every "
        "minute, using at most 4 % of the time.",
    )
    save_steps: int = Field(500, ge=1, description="Steps between saves, for save_strategy=steps.")
    save_total_limit: int | None = Field(
        None,
        ge=1,
        description="Newest checkpoints to keep, beside the best, even after the run; null: two, "
        "until the run is finished.",
    )
    save_in_background: bool = Field(
        False, description="Write checkpoints in the background, from a copy in memory."
    )
    sharding: Literal["none", "fsdp"] = Field(
        "none",
        description="With several processes: fsdp shards weights, gradients and moments over them, "
        "for models too large for one; none: each holds all of them, which is faster.",
    )
    virtual_processes: int | None = Field(
        None, ge=1, description="Shares of a batch, each with its dropout; null: one a process."
    )
    logging_steps: int = Field(10, ge=1, description="Steps between entries in events.jsonl.")
    bf16: bool | Literal["auto"] = Field(
        "auto",
        description="Train in bfloat16 mixed precision; auto: only for long trainings, and if a "
        "measurement on this machine shows that it is much faster.",
    )
    fp16: bool = Field(False, description="Train in float16 mixed precision (GPU).")
    gradient_checkpointing: bool = Field(
        False,
        description="Save memory at the cost of time: recompute activations in the backward pass.",
    )
    auto_batch_size: bool = Field(
        False,
        description="Split batches that do not fit into memory; the gradient does not change.",
    )
    torch_compile: bool = Field(
        False,
        description="Compile the model with torch.compile, for any sequence length; replaces the "
        "speed-ups on a CPU.",
    )
    torch_compile_backend: str | None = Field(
        None, description="Backend of torch.compile; null: inductor, which needs a C++ compiler."
    )
    torch_compile_mode: str | None = Field(
        None,
        description="Mode of torch.compile: default, reduce-overhead (CUDA graphs), max-autotune …",
    )
    unpadded: bool | Literal["auto"] = Field(
        "auto",
        description="Skip padding in all layers; the result is the same. auto: on a CPU; true: "
        "always, although its speed on a GPU has not been measured.",
    )
    cls_only: bool = Field(
        True, description="With unpadded, compute only those last-layer states that the head reads."
    )
    compact_vocabulary: bool = Field(
        True, description="On a CPU, train only the embeddings of tokens that occur in the rows."
    )
    labelled_only: bool = Field(
        True, description="Compute logits only for labelled positions; the loss does not change."
    )
    fast_dropout: bool = Field(True, description="On a CPU, sample dropout masks faster.")
    tokens_at_once: int | None = Field(
        2048,
        ge=1,
        description="On a CPU, split batches of more tokens, with the same gradient; null: no.",
    )
    dataloader_num_workers: int = Field(0, ge=0, description="Processes that prepare batches.")
    use_cpu: bool = Field(False, description="Train on the CPU even if there is a GPU.")
    seed: int = Field(0, ge=0, description="Seed of all random decisions.")


class Evaluation(Section):
    """How systems are scored and compared."""

    n_resamples: int = Field(1000, ge=100, description="Bootstrap resamples for the intervals.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Confidence level of the intervals.")
    slices: Annotated[tuple[str, ...], BeforeValidator(name_of_column)] = Field(
        (), description="Columns whose values are scored separately."
    )
    also: Annotated[dict[str, str | list[str]], BeforeValidator(as_named)] = Field(
        default_factory=dict,
        description="Further labelled files, by a name for each, that the trained model is scored "
        "on beside what it could do before: {old: FILE}.",
    )
    reject: str | None = Field(
        None,
        description="Tell texts that fit no label, by a score and a threshold fitted on validation "
        "rows: the label of such rows, which is not learned; or auto, where no rows are labelled "
        "so; null: a label is always answered.",
    )
    explained_rows: int = Field(
        10,
        ge=0,
        description="Test rows that the report explains word by word, at most; fewer where that "
        "would take more than a small share of the training's work; 0: none.",
    )


class Recipe(Section):
    """The complete description of a run."""

    model: Annotated[Model, BeforeValidator(_named)] = Field(description="The pre-trained model.")
    task: Annotated[Plugin, BeforeValidator(_named)] = Field(description="The task to learn.")
    data: Data = Field(description="The rows to learn from and to test on.")
    adaptation: Adaptation | None = Field(
        None, description="Texts whose language the model learns before the method; null: none."
    )
    method: Annotated[Plugin, BeforeValidator(_named)] = Field(
        default_factory=lambda: Plugin(name="full"), description="The fine-tuning method."
    )
    engine: Literal["torch", "tensorflow"] = Field(
        "torch",
        description="Library that computes training; tensorflow needs the extra tensorflow.",
    )
    training: Training = Field(default=Training(), description="How to train.")
    regularisers: list[Annotated[Plugin, BeforeValidator(_named)]] = Field(
        default_factory=list, description="Hooks in training against over-fitting, in order."
    )
    augmentation: list[Annotated[Plugin, BeforeValidator(_named)]] = Field(
        default_factory=list, description="Ways of changing training texts in every epoch."
    )
    baselines: list[Annotated[Plugin, BeforeValidator(_named)]] | None = Field(
        None, description="Baselines to compare with; null: the task's own choice; []: none."
    )
    evaluation: Evaluation = Field(default=Evaluation(), description="How to evaluate.")

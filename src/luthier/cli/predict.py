"""`luthier predict`: answers for texts or for a file. See `app.py`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luthier.cli.visible import escaped, visible
from luthier.errors import DataError, RecipeError, nearest
from luthier.process import importing

if TYPE_CHECKING:
    from luthier.prediction.predictor import Predictor
    from luthier.protocols import Task

Answer = dict[str, Any]
InputsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NAME=VALUE",
        help="One input of one row, such as photo=new.png; once for each. What is not given is "
        "absent, in tasks with several inputs.",
    ),
]
BackendOption = Annotated[
    str,
    typer.Option(
        help="auto, torch, onnx or openvino; of a run, the last two answer from an export that is "
        "made once and kept in its folder."
    ),
]
RunArgument = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]


def predict(
    folder: RunArgument,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Texts; or pipe them in, one per line. With --file: how it is read, such as "
            "data.columns.text=review.",
        ),
    ] = None,
    pair: Annotated[
        str | None, typer.Option(help="Second text, for tasks that read two: a context, say.")
    ] = None,
    inputs: InputsOption = None,
    file: Annotated[Path | None, typer.Option(help="Data file to predict.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output file for --file: .csv or .jsonl")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Number of answers per text.")] = None,
    aggregation_strategy: Annotated[
        str | None, typer.Option(help="How tokens form entities: words, none, simple, first …")
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option(
            help='Answer "unsure" below the score from which validation rows show that so many '
            "answers are right; for runs with evaluation.reject."
        ),
    ] = None,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Faster on some CPUs, less exact: see evaluate.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Faster on CPUs, less exact: see evaluate.")
    ] = False,
    backend: BackendOption = "auto",
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="With --file: by the way that is fastest here, and what is lost by it.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON per text.")] = False,
) -> None:
    """Predict texts or a file with the model of a run."""
    if (file is None) != (out is None):
        raise DataError(
            "--file and --out are used together.",
            received="--file without --out" if file else "--out without --file",
            hint="--file in.csv --out predictions.csv",
        )
    if file is None:
        command = f"luthier predict {folder} --file in.csv --out predictions.csv"
        refuse_reading(texts or [], command)
    elif pair is not None:
        raise DataError(
            "Second texts of a file are a column of it.",
            received="--pair and --file",
            hint="leave out --pair; data.columns.text_pair=COLUMN names the column",
        )
    if inputs and (file is not None or texts or pair is not None):
        raise alone(f"luthier predict {folder}", inputs)
    if file is None and not texts and not inputs and not sys.stdin.isatty():
        texts = [line.rstrip("\r\n") for line in sys.stdin]
    if file is None and not texts and not inputs:
        raise DataError("Expected texts to predict.", hint=f'luthier predict {folder} "some text"')
    overrides = (texts or ()) if file is not None else ()
    precision = precision_of(bf16=bf16, int8=int8)
    if fast:
        refuse_beside_fast(file, precision, backend, min_precision)
        predictor = fastest_predictor(folder, file, overrides)
    else:
        predictor = opened(folder, overrides, backend, min_precision)
    if precision is not None:
        predictor = predictor.rounded(precision)
    options = predictor.asked(top_k=top_k, aggregation_strategy=aggregation_strategy)
    if file is not None and out is not None:
        from luthier.cli.progress import counted, watching

        notes: list[str] = []
        with watching() as listener:
            n_rows = predictor.predict_file(
                str(file),
                out,
                on_progress=counted(listener, "predicting"),
                on_note=notes.append,
                **options,
            )
        for note in notes:
            print(visible(note))
        print(visible(f"Wrote {n_rows:,} predictions to {out}"))
        return
    if inputs:
        row = row_of(inputs, predictor.task.input_roles)
        shown = ", ".join(f"{role}: {value}" for role, value in row.items())
        _print_answers([shown], [predictor(row, **options)], as_json=as_json)
        return
    refuse_other_pair(folder, predictor.task, is_pair=pair is not None)
    columns = [texts or []] if pair is None else [texts or [], [pair] * len(texts or ())]
    answers = predictor(*columns, **options)
    _print_answers(texts or [], answers, as_json=as_json)


def opened(
    folder: Path, overrides: Sequence[str], backend: str, min_precision: float | None
) -> Predictor:
    """Load the model of a folder by what shall compute it."""
    from luthier.onnx_models.description import is_onnx

    if backend in ("auto", "torch") and not is_onnx(folder):
        with importing():
            from luthier.models.lean import import_lean

            import_lean()
    if backend != "auto":
        from luthier.backends.kept import folder_for

        folder = folder_for(folder, backend, on_note=_note)
    with importing():
        from luthier.prediction.predictor import load

        return load(folder, overrides, backend=backend, min_precision=min_precision)


def fastest_predictor(folder: Path, file: Path | None, overrides: Sequence[str]) -> Predictor:
    """Take the fastest way to answer a file, and say which it is and what is lost."""
    from luthier.backends.fastest import fastest
    from luthier.cli.show_fastest import fastest_table
    from luthier.cli.tables import print_table

    predictor, found = fastest(folder, str(file), overrides, on_note=_note)
    print_table(fastest_table(found), notes=[found.loss])
    return predictor


def refuse_beside_fast(
    file: Path | None, precision: str | None, backend: str, min_precision: float | None
) -> None:
    """Refuse --fast without a file, or with another way of answering.

    Raises:
        DataError: It is.
    """
    if file is None:
        raise DataError(
            "--fast measures on the rows of a file.",
            received="--fast without --file",
            hint="--file in.csv --out predictions.csv --fast",
        )
    others = {
        f"--{precision}": precision,
        f"--backend {backend}": backend != "auto",
        f"--min-precision {min_precision}": min_precision,
    }
    if other := next((name for name, is_given in others.items() if is_given), None):
        raise DataError(
            "--fast chooses among all ways of answering.",
            received=f"--fast {other}",
            hint=f"--fast alone, or {other} alone",
        )


def _note(words: str) -> None:
    print(visible(words), file=sys.stderr, flush=True)


def refuse_reading(texts: list[str], command: str) -> None:
    """Refuse how a file is read where there is no file; a text like it can be piped in.

    Args:
        texts: What may be texts.
        command: The command with a file.
    """
    from luthier.prediction.options import READING

    given = [text for text in texts if text.startswith(READING) and "=" in text.split()[0]]
    if given:
        raise DataError(
            "This says how a file is read, and no --file is given.",
            received=given[0],
            hint=f"{command} {given[0]}",
        )


def alone(command: str, inputs: list[str]) -> DataError:
    """Make the error that one row is given by its inputs, and others in another way."""
    return DataError(
        "--input gives one row, alone.",
        received="--input with texts or rows of another kind",
        hint=" ".join([command, *(f"--input {one}" for one in inputs)]),
    )


def row_of(inputs: list[str], roles: Sequence[str] = ()) -> dict[str, str | None]:
    """Make a row of `name=value`; an empty value is an absent input.

    Args:
        inputs: What was given.
        roles: The names that there are; empty where they are not known yet.

    Raises:
        DataError: The task has no such input, or it is given twice.
    """
    row: dict[str, str | None] = {}
    for one in inputs:
        role, equals, value = one.partition("=")
        if not equals or role in row or (roles and role not in roles):
            close = nearest(role, roles) or (roles[0] if roles else role)
            raise DataError(
                f"Each input is given once{', as one of ' if roles else ''}{', '.join(roles)}.",
                received=f"--input {one[:100]}",
                hint=f"--input {close}={value or 'VALUE'}",
            )
        row[role] = value or None
    return row


def refuse_other_pair(folder: Path, task: Task, *, is_pair: bool, command: str = "predict") -> None:
    """Refuse a second text where the task reads one, and one alone where it reads two."""
    roles = task.input_roles
    if is_pair != (len(roles) == 2):
        raise DataError(
            f"The task {task.name} reads {' and '.join(roles)}.",
            received="--pair" if is_pair else f"{roles[0]} alone",
            hint=f'luthier predict {folder} "{roles[0]}"'
            + ("" if is_pair else f' --pair "{roles[1]}"'),
        )


def precision_of(**asked: bool) -> str | None:
    """Return the requested precision, or None."""
    given = [name for name, is_given in asked.items() if is_given]
    if len(given) > 1:
        raise RecipeError(
            "Choose one precision.",
            received=" ".join(f"--{name}" for name in given),
            hint=f"only --{given[0]}",
        )
    return given[0] if given else None


def _print_answers(texts: list[str], answers: list[Any], *, as_json: bool) -> None:
    for text, answer in zip(texts, answers, strict=True):
        if as_json:
            print(escaped(json.dumps(answer, ensure_ascii=False)))
            continue
        labels = answer if isinstance(answer, list) else [answer]
        said = "  ".join(_answer_words(label) for label in labels) or "(nothing)"
        shown = " ".join(text.split())
        print(visible(f"{said}  {shown if len(shown) <= 60 else shown[:59] + '…'}"))


def _answer_words(answer: Answer | list[Answer]) -> str:
    """Format an answer of any task: what is predicted, and its score."""
    if isinstance(answer, list):
        return "  ".join(map(_answer_words, answer))
    score = f"{answer['score']:.3f}" if isinstance(answer.get("score"), float) else ""
    if "entity_group" in answer or "entity" in answer:
        kind = answer.get("entity_group", answer.get("entity"))
        return f"{answer['word']} [{kind} {score}]"
    texts = ("label", "answer", "token_str", "translation_text", "summary_text", "generated_text")
    given = next((answer[name] for name in texts if name in answer), "")
    if isinstance(given, list):  # a conversation; its last message is new
        given = given[-1]["content"]
    instead = f" (instead of {answer['instead_of']})" if "instead_of" in answer else ""
    return f"{given or '(none)'} {score}{instead}".rstrip()

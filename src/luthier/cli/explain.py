"""`luthier explain`: which words spoke for an answer, and which against it. See `app.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from luthier.cli.predict import InputsOption, RunArgument, alone, refuse_reading, row_of
from luthier.cli.visible import escaped, visible
from luthier.errors import DataError

if TYPE_CHECKING:
    from luthier.explaining.explain import Explanations

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT",
        help="Texts; or pipe them in, one per line. With --file: how it is read, such as "
        "data.columns.text=review.",
    ),
]
Pair = Annotated[
    str | None, typer.Option(help="Second text, for tasks that read two: a context, say.")
]
File = Annotated[Path | None, typer.Option(help="Data file whose rows are explained.")]
Rows = Annotated[
    list[str] | None,
    typer.Option(help="Rows of the run, such as test:17,42 or train:0-9.", metavar="SPLIT:N,N"),
]
Errors = Annotated[
    int | None,
    typer.Option(min=1, help="So many mistakes on the test rows, the most confident first."),
]
By = Annotated[str, typer.Option(help="How words are weighed; see `luthier list explainers`.")]
Aim = Annotated[str, typer.Option(help="What is explained: predicted, gold, or a label.")]
ContextOnly = Annotated[
    bool,
    typer.Option("--context-only", help="Hide the words of an entity or an answer themselves."),
]
Neighbours = Annotated[
    int | None, typer.Option(min=1, help="List so many of the nearest training rows.")
]
Influence = Annotated[
    int | None,
    typer.Option(
        min=1, help="List so many training rows that helped the answer most, and against it."
    ),
]
Out = Annotated[Path | None, typer.Option(help="A page to write, such as why.html.")]
Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Check on test rows whether explanations are true; --by takes A,B."
    ),
]
ByLabel = Annotated[
    bool, typer.Option("--words", help="List words by label over test rows, and shortcuts.")
]
NRows = Annotated[
    int | None, typer.Option(min=1, help="Test rows of --check (100) and --words (300).")
]
Many = Annotated[
    bool, typer.Option("--yes", help="Explain more than 10,000 rows, however long it takes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print a line of JSON per row.")]


def explain(
    folder: RunArgument,
    texts: Texts = None,
    pair: Pair = None,
    inputs: InputsOption = None,
    file: File = None,
    rows: Rows = None,
    errors: Errors = None,
    by: By = "integrated-gradients",
    target: Aim = "predicted",
    context_only: ContextOnly = False,
    neighbours: Neighbours = None,
    influence: Influence = None,
    out: Out = None,
    check: Check = False,
    words: ByLabel = False,
    n_rows: NRows = None,
    many: Many = False,
    as_json: AsJson = False,
) -> None:
    """Say which words speak for the model's answers, and which against them."""
    if check or words:
        from luthier.cli.explain_rows import check_rows, list_words, refuse_single_rows

        asked = "--check" if check else "--words"
        single = {"--file": file, "--rows": rows, "--errors": errors, "--out": out}
        single |= {"--neighbours": neighbours, "--influence": influence, "a text": texts}
        single |= {"--context-only": context_only} | ({"--words": words} if check else {})
        refuse_single_rows(folder, asked, **single)
        (check_rows if check else list_words)(folder, by=by, n_rows=n_rows, as_json=as_json)
        return
    explain_single(
        folder,
        {
            "rows": rows or (),
            "errors": errors,
            **read(folder, texts or [], pair, file, rows, errors, inputs=inputs),
        }
        | {"by": by, "target": target, "context_only": context_only}
        | {"neighbours": neighbours, "influence": influence, "out": out, "many": many},
        as_json=as_json,
    )


def read(
    folder: Path,
    texts: list[str],
    pair: str | None,
    file: Path | None,
    rows: list[str] | None,
    errors: int | None,
    *,
    inputs: list[str] | None = None,
) -> dict[str, Any]:
    """Take typed and piped texts, or a file and how it is read, as `luthier.explain` has them."""
    if file is None:
        refuse_reading(texts, f"luthier explain {folder} --file in.csv")
    if pair is not None and not texts:
        raise DataError(
            "A second text is given with a first one.",
            received="--pair alone",
            hint=f'luthier explain {folder} "first text" --pair "second text"',
        )
    is_typed = file is None and not rows and errors is None
    if inputs:
        if texts or not is_typed:
            raise alone(f"luthier explain {folder}", inputs)
        return {"texts": row_of(inputs)}
    if is_typed and not texts and not sys.stdin.isatty():
        texts = [line.rstrip("\r\n") for line in sys.stdin]
    overrides = [one for one in texts if file is not None and "=" in one]
    given = [one for one in texts if one not in overrides]
    return {
        "data": None if file is None else str(file),
        "overrides": overrides,
        "texts": given or None,
        "pair": None if pair is None else [pair] * len(given),
    }


def explain_single(folder: Path, asked: dict[str, Any], *, as_json: bool) -> None:
    """Explain rows one by one, and print them.

    Args:
        folder: The run.
        asked: Arguments of `luthier.explain`.
        as_json: Whether each is printed as a line of JSON once it is explained.
    """
    from luthier.models.lean import import_lean

    import_lean()
    from luthier.cli.progress import counted, watching
    from luthier.cli.show_explanations import show_explanations
    from luthier.explain_run.explain import explain as explain_run

    notes: list[str] = []
    explained: list[Explanations] = []
    is_quick = asked["texts"] is not None and not (asked["neighbours"] or asked["influence"])
    try:
        with watching(quiet=is_quick) as listener:
            explain_run(
                folder,
                **asked,
                on_progress=counted(listener, "explaining"),
                on_reading=counted(listener, "reading the training rows"),
                on_answering=counted(listener, "answering the test rows"),
                on_note=notes.append,
                on_row=print_lines if as_json else explained.append,
            )
    finally:  # who stops it sees what was explained so far
        for note in notes:
            print(visible(note), file=sys.stderr)
        show_explanations(explained)
    if asked["out"] is not None and not as_json:
        print(visible(f"Page: {asked['out']}"))


def print_lines(row: Explanations) -> None:
    """Print the explanations of a row as a line of JSON."""
    print(escaped(json.dumps(row.to_json(), ensure_ascii=False)), flush=True)

"""`luthier explain`: which words spoke for an answer, and which against it. See `app.py`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from luthier.cli.predict import RunArgument, refuse_reading
from luthier.cli.visible import escaped, visible
from luthier.errors import DataError

if TYPE_CHECKING:
    from luthier.explaining.explain import Explanations


def explain(
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
    file: Annotated[Path | None, typer.Option(help="Data file whose rows are explained.")] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(help="Rows of the run, such as test:17,42 or train:0-9.", metavar="SPLIT:N,N"),
    ] = None,
    errors: Annotated[
        int | None,
        typer.Option(min=1, help="So many test rows that were wrong, the most confident first."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="How words are weighed; see `luthier list explainers`.")
    ] = "integrated-gradients",
    target: Annotated[
        str, typer.Option(help="What is explained: predicted, gold, or a label.")
    ] = "predicted",
    neighbours: Annotated[
        int | None, typer.Option(min=1, help="List so many of the nearest training rows.")
    ] = None,
    influence: Annotated[
        int | None,
        typer.Option(
            min=1, help="List so many training rows that helped the answer most, and against it."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A page to write, such as why.html.")] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check on test rows whether explanations are true; --by takes A,B."
        ),
    ] = False,
    words: Annotated[
        bool, typer.Option("--words", help="List words by label over test rows, and shortcuts.")
    ] = False,
    n_rows: Annotated[
        int | None, typer.Option(min=1, help="Test rows of --check (100) and --words (300).")
    ] = None,
    many: Annotated[
        bool, typer.Option("--yes", help="Explain more than 10,000 rows, however long it takes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON per row.")] = False,
) -> None:
    """Say which words speak for the model's answers, and which against them."""
    if check or words:
        from luthier.cli.explain_rows import check_rows, list_words, refuse_single_rows

        asked = "--check" if check else "--words"
        single = {"--file": file, "--rows": rows, "--errors": errors, "--out": out}
        single |= {"--neighbours": neighbours, "--influence": influence, "a text": texts}
        refuse_single_rows(folder, asked, **single, **({"--words": words} if check else {}))
        (check_rows if check else list_words)(folder, by=by, n_rows=n_rows, as_json=as_json)
        return
    if file is None:
        refuse_reading(texts or [], f"luthier explain {folder} --file in.csv")
    if pair is not None and not texts:
        raise DataError(
            "A second text is given with a first one.",
            received="--pair alone",
            hint=f'luthier explain {folder} "first text" --pair "second text"',
        )
    is_typed = file is None and not rows and errors is None
    if is_typed and not texts and not sys.stdin.isatty():
        texts = [line.rstrip("\r\n") for line in sys.stdin]
    from luthier.models.lean import import_lean

    import_lean()
    from luthier.cli.progress import counted, watching
    from luthier.cli.show_explanations import show_explanations
    from luthier.explain_run import explain as explain_run

    overrides = [one for one in texts or () if file is not None and "=" in one]
    given = [one for one in texts or () if one not in overrides]
    notes: list[str] = []
    explained: list[Explanations] = []
    is_quick = is_typed and neighbours is None and influence is None
    on_row = print_lines if as_json else explained.append
    try:
        with watching(quiet=is_quick) as listener:
            explain_run(
                folder,
                None if file is None else str(file),
                overrides,
                texts=given or None,
                pair=None if pair is None else [pair] * len(given),
                rows=rows or (),
                errors=errors,
                by=by,
                target=target,
                neighbours=neighbours,
                influence=influence,
                out=out,
                many=many,
                on_progress=counted(listener, "explaining"),
                on_reading=counted(listener, "reading the training rows"),
                on_note=notes.append,
                on_row=on_row,
            )
    finally:  # who stops it sees what was explained so far
        for note in notes:
            print(visible(note), file=sys.stderr)
        show_explanations(explained)
    if out is not None and not as_json:
        print(visible(f"Page: {out}"))


def print_lines(row: Explanations) -> None:
    """Print the explanations of a row as a line of JSON."""
    print(escaped(json.dumps(row.to_json(), ensure_ascii=False)), flush=True)

"""`luthier track`: a run's numbers for a tracker, while it goes on or afterwards. See `app.py`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from luthier.cli.predict import RunArgument
from luthier.cli.visible import visible


def track(
    folder: RunArgument,
    to: Annotated[str, typer.Option(help="tensorboard, mlflow or wandb.")] = "tensorboard",
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Let the tracker send, as it is configured.")
    ] = False,
) -> None:
    """Tell a tracker a run's losses and scores, each once, while it goes on or afterwards."""
    from luthier.tracking.follow import track as track_run

    def tell(n: int) -> None:
        print(f"{n:,} numbers", file=sys.stderr, flush=True)

    address, n = track_run(folder, to, follow=follow, online=online, on_news=tell)
    print(visible(f"{n:,} new numbers: {address}"))

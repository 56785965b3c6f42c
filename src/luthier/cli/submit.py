"""`luthier submit`: a run as the job of a cluster. See `app.py`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.visible import visible


def submit(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, a .yaml file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SECTION.FIELD=VALUE", help="Changes to the recipe.", show_default=False
        ),
    ] = None,
    to: Annotated[str, typer.Option(help="slurm, kubernetes or skypilot.")] = "slurm",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; default: runs/RECIPE-job.")
    ] = None,
    gpus: Annotated[str | None, typer.Option(help="GPUs: 2, or with their kind, h100:2.")] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that train together; default: one for each GPU."),
    ] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Cores.")] = None,
    memory: Annotated[str | None, typer.Option(help="Main memory, such as 64G.")] = None,
    time: Annotated[str | None, typer.Option(help="Longest time: HH:MM:SS or D-HH:MM:SS.")] = None,
    partition: Annotated[str | None, typer.Option(help="Part of the cluster (slurm).")] = None,
    image: Annotated[
        str | None, typer.Option(help="Container image (kubernetes, skypilot).")
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(help="What keeps runs: a volume's claim (kubernetes) or a bucket (skypilot)."),
    ] = None,
    restarts: Annotated[
        int, typer.Option(min=0, help="How often at most the run is resumed.")
    ] = 20,
    file: Annotated[
        Path | None, typer.Option(help="Where the job file is written; default: named by the job.")
    ] = None,
    is_sent: Annotated[
        bool, typer.Option("--send", help="Give the job to the scheduler as well.")
    ] = False,
) -> None:
    """Write the job file of a run for a cluster, and print it; a job cut short is resumed.

    Nothing is sent without --send, which calls sbatch, kubectl or sky.
    """
    from luthier.recipe.load import read_recipe
    from luthier.submission.asked import Asked
    from luthier.submission.schedulers import scheduler_of, send, sending, write_job

    scheduler_of(to)
    asked = Asked(
        recipe,
        overrides or (),
        out or Path("runs") / f"{recipe.stem}-job",
        Path.cwd(),
        time=time,
        gpus=gpus,
        cpus=cpus,
        memory=memory,
        partition=partition,
        image=image,
        volume=volume,
        restarts=restarts,
    ).with_processes(processes)
    read_recipe(recipe, overrides or ())  # what is wrong in it is told here, not in a queue
    place, text = write_job(asked, to, file)
    print(visible(text), end="")
    words = shlex.join(sending(to, place))
    if is_sent:
        send(to, place)
        print(visible(f"Sent: {words}"), file=sys.stderr)
    else:
        print(visible(f"Written to {place}; nothing was sent: --send, or {words}"), file=sys.stderr)

"""A task of SkyPilot, to be launched as a managed job, whose machine may be taken away.

The folder of the command is copied to the machine, and runs are kept in a bucket, so that another
machine resumes them. SkyPilot is never imported.
https://docs.skypilot.co/en/latest/examples/managed-jobs.html
"""

from __future__ import annotations

import shlex

from luthier.errors import ArgumentError
from luthier.recipe.yaml_text import write_yaml
from luthier.submission.asked import Asked

PLACE = "/luthier"


def write(asked: Asked, mark: str) -> str:
    """Write the task.

    Args:
        asked: The job.
        mark: A comment for its head.

    Raises:
        ArgumentError: SkyPilot does not have an option, or needs one that is missing.
    """
    asked.refuse("partition", "time", scheduler="skypilot")
    asked.refuse_elsewhere(scheduler="skypilot")
    bucket = asked.require("volume", scheduler="skypilot", why="the bucket that keeps the runs")
    resources: dict[str, object] = {}
    if asked.gpus is not None:
        if asked.kind_of_gpu is None:
            raise ArgumentError(
                "SkyPilot looks for GPUs by their kind.",
                received=f"--gpus {asked.gpus} --to skypilot",
                hint=f"--gpus h100:{asked.gpus}, or another of `sky show-gpus`",
            )
        resources["accelerators"] = asked.gpus
    if asked.cpus is not None:
        resources["cpus"] = f"{asked.cpus}+"
    if asked.memory is not None:
        resources["memory"] = f"{gigabytes_of(asked.memory)}+"
    if asked.image is not None:
        resources["image_id"] = f"docker:{asked.image}"
    resources["job_recovery"] = {"max_restarts_on_errors": asked.restarts}
    task: dict[str, object] = {
        "name": asked.name,
        "workdir": ".",
        "resources": resources,
        "file_mounts": {PLACE: {"name": bucket, "mode": "MOUNT_CACHED"}},
    }
    if asked.image is None:
        task["setup"] = shlex.join(["pip", "install", "luthier[train]"])
    task["run"] = asked.spelled(below=PLACE)
    return f"{mark}\n" + write_yaml(task)


def gigabytes_of(memory: str) -> int:
    """Count the gigabytes of a size such as 64G, at least one.

    >>> [gigabytes_of(size) for size in ("64G", "2T", "1500M")]
    [64, 2048, 2]
    """
    megabytes = int(memory[:-1]) * {"M": 1, "G": 1024, "T": 1024**2}[memory[-1]]
    return -(-megabytes // 1024)

"""A Job of Kubernetes on a volume that outlives its pods.

Recipe, data and runs lie on the volume, which is the folder of the command. A pod that is asked to
leave saves the run, and a new one resumes it; a recipe that is wrong fails the job at once.
https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

from luthier.recipe.yaml_text import write_yaml
from luthier.submission.asked import GRACE, WRONG, Asked

PLACE = "/work"
FAILS_AGAIN = {
    "action": "FailJob",
    "onExitCodes": {"containerName": "luthier", "operator": "In", "values": [WRONG]},
}
DISRUPTED = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
UNITS = {"M": "Mi", "G": "Gi", "T": "Ti"}


def write(asked: Asked, mark: str) -> str:
    """Write the manifest.

    Args:
        asked: The job.
        mark: A comment for its head.

    Raises:
        ArgumentError: Kubernetes does not have an option, or needs one that is missing.
    """
    asked.refuse("partition", scheduler="kubernetes")
    asked.refuse_elsewhere(scheduler="kubernetes")
    image = asked.require("image", scheduler="kubernetes", why="what the pods run")
    volume = asked.require(
        "volume", scheduler="kubernetes", why="the claim of a volume with recipe, data and runs"
    )
    spec: dict[str, object] = {
        "backoffLimit": asked.restarts,
        "podFailurePolicy": {"rules": [FAILS_AGAIN, DISRUPTED]},
        "template": {"spec": _pod(asked, image, volume)},
    }
    if asked.time is not None:
        spec = {"activeDeadlineSeconds": seconds_of(asked.time), **spec}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": asked.name},
        "spec": spec,
    }
    return f"{mark}\n" + write_yaml(job)


def _pod(asked: Asked, image: str, volume: str) -> dict[str, object]:
    mounts = [{"name": "work", "mountPath": PLACE}]
    volumes: list[dict[str, object]] = [
        {"name": "work", "persistentVolumeClaim": {"claimName": volume}}
    ]
    if asked.processes > 1:  # which exchange gradients in shared memory
        mounts.append({"name": "shared-memory", "mountPath": "/dev/shm"})
        volumes.append({"name": "shared-memory", "emptyDir": {"medium": "Memory"}})
    container = {
        "name": "luthier",
        "image": image,
        "command": [literal(word) for word in asked.command()],
        "workingDir": PLACE,
        "resources": {"limits": _limits(asked)},
        "volumeMounts": mounts,
    }
    pod: dict[str, object] = {
        "restartPolicy": "Never",  # the job makes a new pod, also where the node is gone
        "terminationGracePeriodSeconds": GRACE,
        "containers": [container],
        "volumes": volumes,
    }
    if asked.kind_of_gpu is not None:
        pod["nodeSelector"] = {"nvidia.com/gpu.product": asked.kind_of_gpu}
    return pod


def _limits(asked: Asked) -> dict[str, object]:
    limits: dict[str, object] = {}
    if asked.n_gpus:
        limits["nvidia.com/gpu"] = asked.n_gpus
    if asked.cpus is not None:
        limits["cpu"] = asked.cpus
    if asked.memory is not None:
        limits["memory"] = asked.memory[:-1] + UNITS[asked.memory[-1]]
    return limits


def literal(word: str) -> str:
    """Write a word of a command so that Kubernetes expands no `$(NAME)` in it.

    >>> literal("$(HOME)")
    '$$(HOME)'
    """
    return word.replace("$", "$$")


def seconds_of(time: str) -> int:
    """Count the seconds of D-HH:MM:SS.

    >>> seconds_of("1-00:00:30")
    86430
    """
    days, _, clock = time.rpartition("-")
    hours, minutes, seconds = map(int, clock.split(":"))
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds

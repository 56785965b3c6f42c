"""Where the runs of a study are made: processes of this machine, or a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass

from luthier.errors import ArgumentError, suggestion

PROCESSES, RAY = "processes", "ray"


@dataclass(frozen=True)
class Workers:
    """Where runs are made, and how many at once.

    Args:
        on: `processes` or `ray`.
        n: How many at once; None: one, or as many as a Ray cluster has room for.

    Raises:
        ArgumentError: There is no such place, or fewer than one run at once.
    """

    on: str = PROCESSES
    n: int | None = None

    def __post_init__(self) -> None:
        """Check the place."""
        if self.on not in (PROCESSES, RAY):
            raise ArgumentError(
                "Runs of a study are made in processes of this machine, or on a Ray cluster.",
                received=f"--on {self.on}",
                hint=suggestion(self.on, (PROCESSES, RAY)),
            )

        if self.n is not None and self.n < 1:
            raise ArgumentError(
                "At least one run of a study is made at once.",
                received=f"jobs={self.n}",
                hint="jobs=1, or a larger number",
            )

    @classmethod
    def of(cls, jobs: int | Workers) -> Workers:
        """Take a number for that of processes on this machine."""
        return jobs if isinstance(jobs, Workers) else cls(n=jobs)

    @property
    def is_one(self) -> bool:
        """Whether runs are made one after the other, in this process."""
        return self.on == PROCESSES and self.n in (None, 1)

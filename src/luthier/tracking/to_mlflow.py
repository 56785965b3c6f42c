"""MLflow: a run in the store that the user configured, or in a database of the run's own.

The tracked run is found again by a tag, and what it has is asked of it, so nothing is written twice
whenever either side was stopped.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import ArgumentError, RunError
from luthier.tracking.numbers import Number
from luthier.tracking.tracker import OFFLINE, Told

URI, LOCAL = "MLFLOW_TRACKING_URI", ("sqlite:", "file:")
EXPERIMENT, TAG = "MLFLOW_EXPERIMENT_NAME", "luthier.run"
AT_ONCE, LONGEST = 100, 500  # parameters in a call, characters of one


class ToMlflow:
    """Writes metrics and the recipe's fields to MLflow.

    Args:
        told: The run.
        online: Whether it may be a server.

    Raises:
        ArgumentError: A server is configured, and `online` is not given.
        RunError: The store cannot be opened.
    """

    def __init__(self, told: Told, *, online: bool):
        uri = os.environ.get(URI) or f"sqlite:///{told.place.resolve()}/mlflow.db"
        if not online and "://" in uri and not uri.startswith(LOCAL):
            raise ArgumentError(
                f"MLflow is configured to send to a server, and {OFFLINE}.",
                received=f"{URI}={uri.partition('://')[0]}://…",
                hint=f"--online, or {URI}=sqlite:///mlflow.db",
            )
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self._uri = uri
        try:
            self._client: Any = MlflowClient(tracking_uri=uri)
            self._id = self._found(told) or self._begun(told)
        except MlflowException as problem:
            raise RunError(
                "MLflow did not begin a run.",
                received=str(problem),
                hint=f"{URI}=sqlite:///mlflow.db, or a server that answers",
            ) from None

    def _experiment(self) -> str:
        name = os.environ.get(EXPERIMENT, "luthier")
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _found(self, told: Told) -> str | None:
        asked = f"tags.`{TAG}` = '{told.id}'"
        runs = self._client.search_runs([self._experiment()], filter_string=asked)
        return str(runs[0].info.run_id) if runs else None

    def _begun(self, told: Told) -> str:
        from mlflow.entities import Param

        begun = self._client.create_run(
            self._experiment(), tags={TAG: told.id}, run_name=told.name
        ).info.run_id
        fields = [Param(name, str(one)[:LONGEST]) for name, one in told.recipe.items()]
        for first in range(0, len(fields), AT_ONCE):
            self._client.log_batch(begun, params=fields[first : first + AT_ONCE])
        return str(begun)

    def known(self) -> Mapping[str, int]:
        """Ask for the last step of every metric of the run."""
        series = self._client.get_run(self._id).data.metrics
        return {
            name: max(one.step for one in self._client.get_metric_history(self._id, name))
            for name in series
        }

    def write(self, numbers: Sequence[Number]) -> None:
        """Log metrics, of which the store is told before this returns."""
        from mlflow.entities import Metric

        made = [Metric(one.series, one.value, round(one.time * 1000), one.step) for one in numbers]
        for first in range(0, len(made), AT_ONCE):
            part = made[first : first + AT_ONCE]
            self._client.log_batch(self._id, metrics=part, synchronous=True)

    def close(self, *, is_over: bool) -> None:
        """End the run, if it is over."""
        if is_over:
            self._client.set_terminated(self._id)

    @property
    def address(self) -> str:
        """The store and the run in it."""
        return f"{self._uri}, run {self._id}"

"""Train one method once in this process, timed, and score it; prints one line of JSON.

python benchmarks/methods/arm.py RECIPE [SECTION.FIELD=VALUE ...]

The clock runs over the method alone: from a model that is read and rows that are tokenized to the
trained model, stored states and validation included.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from luthier.build_problem import prepare
from luthier.models.load import quietly
from luthier.models.structure import count_parameters
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.training.listeners import follow
from luthier.training.predict import predict


def main() -> None:
    """Follow the recipe given on the command line."""
    source: dict[str, Any] = json.loads(sys.argv[1])
    recipe = read_recipe(source, sys.argv[2:])
    with quietly():
        job = prepare(recipe, make_plugin("tasks", recipe.task)).job
        model = job.session.make_model(True)
        method = make_plugin("methods", recipe.method)
        seen = 0

        def count(info: Any) -> None:
            nonlocal seen
            seen += info.rows if info.phase == job.session.phase else 0

        before, cpu = time.perf_counter(), time.process_time()
        model = follow(method.fit(model, job), count)
        seconds, cpu = time.perf_counter() - before, time.process_time() - cpu
        total, trained = count_parameters(model)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        outputs = follow(predict(model, job, "test", phase="predicting"), lambda info: None)
    predictions = job.problem.codec.decode(outputs)
    gold = job.problem.codec.gold(job.problem.splits.test)
    scores = job.problem.codec.measure(gold, predictions)(None)
    result = {
        "method": recipe.method.name,
        "seed": recipe.training.seed,
        "accuracy": scores["accuracy"],
        "n_test": len(gold),
        "rows_per_second": seen / seconds,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mib": peak,
        "parameters": total,
        "trained": trained,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""How fast is training for entities, answers and translation against Hugging Face's?

python -m benchmarks task-speed --problem entities --data FOLDER
"""

from __future__ import annotations

from benchmarks.comparison import compare, options_of
from benchmarks.problems import PROBLEMS

SMALL = {  # defaults with which a measurement takes some minutes
    "reviews": {"rows": 320, "epochs": 2},
    "entities": {"rows": 320, "epochs": 2},
    "answers": {"rows": 16, "epochs": 1, "sweep_rows": 8},
    "translation": {"rows": 1600, "epochs": 1, "sweep_rows": 320},
}


def main() -> None:
    """Measure one problem, with defaults of its own."""
    first = options_of(__doc__ or "")
    asked, _ = first.parse_known_args()
    own = {"model": PROBLEMS[asked.problem].model, "rounds": 5, **SMALL[asked.problem]}
    first.set_defaults(**own)
    options = first.parse_args()
    compare(options, f"task-speed-{options.problem}")

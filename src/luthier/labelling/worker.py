"""The process beside a desk: reads orders from its input, a line each, and answers on its output.

The first line opens it: the recipe, the target and the method. It ends as soon as its input does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from contextlib import suppress
from typing import Any

from luthier.errors import LuthierError
from luthier.labelling.orders import Order
from luthier.process import take_output
from luthier.recipe.checks import check, make_plugin
from luthier.records import Target
from luthier.signals import leave_alone


def main() -> None:
    """Answer orders until the input ends."""
    out = take_output()
    leave_alone()
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    opening = json.loads(lines.get())
    with suppress(OSError, AttributeError):
        os.nice(opening["nice"])

    def tell(message: Any) -> None:
        from luthier.runs.files import plain

        out.write(json.dumps(plain(message)) + "\n")
        out.flush()

    chooser: Any = None
    while True:
        order = Order(**json.loads(lines.get()))
        try:
            if chooser is None:
                chooser = _open(opening, tell)
            tell(chooser.answer(order))
        except LuthierError as problem:
            tell({"failed": [problem.problem, problem.received, problem.hint]})
        except (RuntimeError, ValueError, MemoryError) as problem:
            words = " ".join(str(problem).split())[:300]
            tell({"failed": ["The training failed.", f"{type(problem).__name__}: {words}", None]})


def _open(opening: dict[str, Any], tell: Any) -> Any:
    from luthier.labelling.chooser import TrainingChooser

    recipe = check(opening["recipe"])
    target = Target(**{**opening["target"], "names": tuple(opening["target"]["names"])})
    return TrainingChooser(
        recipe,
        make_plugin("tasks", recipe.task),
        target,
        opening["method"],
        lambda phase, done, total: tell({"doing": [phase, done, total]}),
    )


def _read(lines: queue.Queue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)  # the desk is gone


if __name__ == "__main__":
    main()

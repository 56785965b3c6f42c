"""From `hub:NAME` to columns: data sets of the Hugging Face hub, by the `datasets` library.

Code that comes with a data set is never run: `datasets` 4 and later refuses loading scripts, and
nothing here asks for them.
"""

from __future__ import annotations

from luthier.data.delimited import Table
from luthier.data.frames import table_of_dataset
from luthier.errors import DataError

FORM = "hub:NAME, hub:NAME:SPLIT or hub:NAME:CONFIG:SPLIT"


def read_hub(source: str) -> Table:
    """Read a data set of the hub; without a split, its `train`.

    Args:
        source: `hub:NAME`, `hub:NAME:SPLIT` or `hub:NAME:CONFIG:SPLIT`.

    Raises:
        DataError: It cannot be had: no such data set, configuration or split, or no network.
    """
    parts = source.removeprefix("hub:").split(":")
    if len(parts) > 3 or not all(parts):
        raise DataError("This names no data set of the hub.", received=source, hint=FORM)
    name = parts[0]
    split = parts[-1] if len(parts) > 1 else "train"
    config = parts[1] if len(parts) == 3 else None

    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    # Its parents are those of whichever HTTP library the hub's client stands on.
    unreachable = (*HfHubHTTPError.__bases__, DatasetsError)

    try:
        dataset = load_dataset(name, config, split=split)
    except (*unreachable, OSError, ValueError, RuntimeError, KeyError) as problem:
        first = (str(problem).splitlines() or [""])[0]
        raise DataError(
            f"The data set '{name}' cannot be had from the hub.",
            received=f"{source}: {first[:200] or type(problem).__name__}",
            hint=f"check name and network; the form is {FORM}; offline: data.train=FILE",
        ) from problem
    table = table_of_dataset(dataset, name=source)
    said = () if len(parts) > 1 else ("split train",)
    return Table(table.columns, table.lines, (*said, *table.notes))

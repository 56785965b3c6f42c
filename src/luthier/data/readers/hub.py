"""From `hub:NAME` to columns: data sets of the Hugging Face hub, by the `datasets` library.

Code that comes with a data set is never run: `datasets` 4 and later refuses loading scripts, and
nothing here asks for them. It takes a folder of that name for the data set, and the name of one of
its own readers (`pandas`, say, which unpickled until lately) for all that lies in the current
folder; neither is the hub, and both are refused.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from luthier.data.readers.delimited import Table
from luthier.data.readers.frames import table_of_dataset
from luthier.errors import DataError
from luthier.paths import is_hub_name

FORM = "hub:NAME, hub:NAME:SPLIT or hub:NAME:CONFIG:SPLIT"


def read_hub(source: str) -> Table:
    """Read a data set of the hub; without a split, its `train`.

    Args:
        source: `hub:NAME`, `hub:NAME:SPLIT` or `hub:NAME:CONFIG:SPLIT`.

    Raises:
        DataError: It cannot be had: no such data set, configuration or split, or no network.
    """
    parts = source.removeprefix("hub:").split(":")
    name = parts[0]
    if len(parts) > 3 or not all(parts) or not is_hub_name(name):
        raise DataError("This names no data set of the hub.", received=source[:200], hint=FORM)
    if Path(name).exists():
        raise DataError(
            f"hub:{name} is a name on the hub, and there is a file or folder called so here.",
            received=source,
            hint=f"data.train={name} for what is here; or run it in another folder",
        )
    split = parts[-1] if len(parts) > 1 else "train"
    config = parts[1] if len(parts) == 3 else None

    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    if name.isidentifier() and find_spec(f"datasets.packaged_modules.{name}"):
        raise DataError(
            f"'{name}' is a reader of files, and no data set of the hub.",
            received=source,
            hint="data.train=FILE",
        )

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

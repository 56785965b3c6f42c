"""Reads data sets of the Hugging Face hub (`hub:NAME`) with the `datasets` library.

Code that comes with a data set is never run: `datasets` 4 and later refuses loading scripts. Two
kinds of names are refused because `datasets` would read local files in place of the hub: names of
existing files or folders, and names of its own readers (`pandas`, say, which used to unpickle).
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
    """Read a data set of the hub; the split is `train` unless given.

    Args:
        source: `hub:NAME`, `hub:NAME:SPLIT` or `hub:NAME:CONFIG:SPLIT`.

    Raises:
        DataError: There is no such data set, configuration or split, or no network.
    """
    parts = source.removeprefix("hub:").split(":")
    name = parts[0]
    if len(parts) > 3 or not all(parts) or not is_hub_name(name):
        raise DataError(
            "This is not the name of a data set on the hub.", received=source[:200], hint=FORM
        )
    if Path(name).exists():
        raise DataError(
            f"hub:{name} refers to the hub, but a file or folder of that name exists here.",
            received=source,
            hint=f"data.train={name} for the local one, or run in another folder",
        )
    split = parts[-1] if len(parts) > 1 else "train"
    config = parts[1] if len(parts) == 3 else None

    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    if name.isidentifier() and find_spec(f"datasets.packaged_modules.{name}"):
        raise DataError(
            f"'{name}' is a file reader of datasets, not a data set on the hub.",
            received=source,
            hint="data.train=FILE",
        )

    # Its base classes are the errors of the HTTP library that the hub's client uses.
    unreachable = (*HfHubHTTPError.__bases__, DatasetsError)

    try:
        dataset = load_dataset(name, config, split=split)
    except (*unreachable, OSError, ValueError, RuntimeError, KeyError) as problem:
        first = (str(problem).splitlines() or [""])[0]
        raise DataError(
            f"The data set '{name}' cannot be loaded from the hub.",
            received=f"{source}: {first[:200] or type(problem).__name__}",
            hint=f"check the name and the network; the form is {FORM}; offline: data.train=FILE",
        ) from problem
    table = table_of_dataset(dataset, name=source)
    notes = () if len(parts) > 1 else ("split train",)
    return Table(table.columns, table.lines, (*notes, *table.notes))

"""Replaces class numbers by class names, as the `datasets` library keeps them beside a table.

Its features say the type of each column, also in the metadata of Parquet and Arrow files:

    {"label": {"_type": "ClassLabel", "names": ["neg", "pos"]},
     "tags": {"_type": "List", "feature": {"_type": "ClassLabel", "names": ["O", "B-PER"]}}}

https://huggingface.co/docs/datasets/about_dataset_features
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from luthier.errors import DataError

LISTS = ("Sequence", "List", "LargeList")
KEY = b"huggingface"
Naming = Callable[[Any], Any]


def features_in(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """Read the features from the metadata of an Arrow schema; {} if there are none."""
    try:
        features = json.loads((metadata or {})[KEY])["info"]["features"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def name_classes(
    columns: Mapping[str, Sequence[Any]], features: Mapping[str, Any], *, name: str
) -> tuple[dict[str, Sequence[Any]], tuple[str, ...]]:
    """Replace class numbers by class names, also inside lists and mappings.

    Args:
        columns: Column name to values.
        features: Column name to its feature, as `datasets` writes it to JSON.
        name: The name of the file in messages.

    Returns:
        The columns, and notes on those that changed.

    Raises:
        DataError: A number has no name.
    """
    named, notes = dict(columns), []
    for column, feature in features.items():
        naming = _naming(feature)
        if naming is None or column not in columns:
            continue
        try:
            named[column] = [naming(value) for value in columns[column]]
        except IndexError as problem:
            raise DataError(
                f"{name}: the column {column} has a class number without a name.",
                received=str(problem),
                hint="write the file again with a ClassLabel that names all classes",
            ) from problem
        notes.append(f"column {column}: class numbers replaced by class names")
    return named, tuple(notes)


def _naming(feature: Any) -> Naming | None:
    """Make the function that names the classes in a value, or in each of a list of values."""
    if isinstance(feature, list) and len(feature) == 1:  # an older way to write lists
        return _naming(feature[0])
    if not isinstance(feature, Mapping):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel" and isinstance(feature.get("names"), list):
        return _in_class([str(name) for name in feature["names"]])
    if kind in LISTS:
        return _naming(feature.get("feature"))
    return None if isinstance(kind, str) else _in_mapping(feature)


def _in_class(names: Sequence[str]) -> Naming:
    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(one) for one in value]
        if not isinstance(value, int):
            return value
        if value >= len(names):
            raise IndexError(f"{value}, but there are {len(names)} names: {', '.join(names[:10])}")
        return names[value] if value >= 0 else None

    return named


def _in_mapping(feature: Mapping[str, Any]) -> Naming | None:
    namings = {key: naming for key, one in feature.items() if (naming := _naming(one))}
    if not namings:
        return None

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(one) for one in value]
        if not isinstance(value, Mapping):
            return value
        return {key: namings[key](one) if key in namings else one for key, one in value.items()}

    return named

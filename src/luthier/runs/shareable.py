"""What may be shared of a run names files, but not the folders of this machine.

A run's documents, its report and its model are what people pass on. `recipe.yaml` alone keeps whole
paths: a run is resumed, and an adapter put on its base model, by what it says.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from luthier.declarations import JSON

Names = Mapping[str, str]  # a path of this machine -> what it is called elsewhere
PATTERN = re.compile(r"[*?\[]")  # of a path that stands for many files


def is_local(path: str) -> bool:
    r"""Say whether a text is an absolute path, or one below somebody's home.

    >>> [is_local(path) for path in ("/data/a.csv", "C:\\a.csv", "~/a.csv", "google/bert", "/")]
    [True, True, True, False, False]
    """
    is_path = path.startswith("~") or any(
        kind(path).is_absolute() for kind in (PurePosixPath, PureWindowsPath)
    )
    return is_path and "\n" not in path and bool(last_part(path))


def last_part(path: str) -> str:
    r"""Keep the last part of a path, of either kind of slash.

    >>> last_part("/home/ada/reviews.csv"), last_part("C:\\ada\\model\\"), last_part("/")
    ('reviews.csv', 'model', '')
    """
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def names_of(tree: JSON, places: Iterable[str | PurePath] = ()) -> Names:
    """Collect the paths that a recipe names, and say what each is called elsewhere.

    Args:
        tree: The recipe, as JSON can hold it.
        places: More paths, such as those of files that were read.
    """
    names: dict[str, str] = {}
    folders = (Path.cwd(), *map(str, places))
    for path in filter(is_local, (*_texts(tree), *map(str, folders))):
        whole = path
        if PATTERN.search(path):  # the folder before the first part that is a pattern
            whole = re.split(r"[/\\](?=[^/\\]*[*?\[])", path)[0]
        for one in (whole, str(_parent(whole))):
            if is_local(one):
                names[one] = last_part(one)
    home = os.path.expanduser("~")
    return names | ({home: "~"} if is_local(home) else {})


def _parent(path: str) -> PurePath:
    kind = PureWindowsPath if "\\" in path else PurePosixPath
    return kind(path).parent


def _texts(tree: JSON) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _texts(value)


def shareable(value: JSON, names: Names) -> JSON:
    """Call paths by their names in every text of a document.

    >>> shareable({"at": ["/home/ada/a.csv:7:text"]}, names_of("/home/ada/a.csv"))
    {'at': ['a.csv:7:text']}
    """
    if not names:
        return value
    known = "|".join(re.escape(path) for path in sorted(names, key=len, reverse=True))
    return _called(value, re.compile(rf"(?<![\w/\\.~-])(?:{known})(?![\w-])"), names)


def _called(value: JSON, known: re.Pattern[str], names: Names) -> JSON:
    if isinstance(value, str):
        return known.sub(lambda found: names[found[0]], value)
    if isinstance(value, dict):
        return {key: _called(one, known, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_called(one, known, names) for one in value]
    return value

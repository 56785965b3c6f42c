"""Prepare the panels on where a run came from: its data, and how to reproduce it."""

from __future__ import annotations

from markupsafe import Markup

from luthier.declarations import JSON
from luthier.report import figures
from luthier.report.facts import Facts

SEVERITIES = ("error", "warning", "note")
MOST_LABELS_OPEN = 12


def data(facts: Facts) -> dict[str, JSON] | None:
    """Lay out findings, splits, label counts and lengths."""
    if not facts.data:
        return None
    findings = sorted(facts.findings, key=_rank)
    return {
        "findings": findings,
        "splits": facts.splits,
        "reading": facts.data.get("reading") or [],
        "labels": _label_counts(facts),
        "lengths": _lengths(facts),
        "tokens": {name: one for name, one in (facts.data.get("tokens") or {}).items() if one},
    }


def _rank(finding: dict[str, JSON]) -> int:
    severity = finding.get("severity")
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _label_counts(facts: Facts) -> dict[str, JSON] | None:
    counted = {
        split: {name: n or 0 for name, n in found["labels"].items()}
        for split, found in facts.splits.items()
        if found.get("labels")
    }
    if not counted:
        return None
    names = dict.fromkeys(name for labels in counted.values() for name in labels)
    most = max((n for labels in counted.values() for n in labels.values()), default=1) or 1
    first = next(iter(counted))
    rows = [
        {
            "label": name,
            "counts": {split: labels.get(name, 0) for split, labels in counted.items()},
            "share": round(counted[first].get(name, 0) / most * 100, 1),
        }
        for name in names
    ]
    rows.sort(key=lambda row: -row["counts"][first])
    return {"splits": list(counted), "rows": rows, "is_long": len(rows) > MOST_LABELS_OPEN}


def _lengths(facts: Facts) -> Markup | None:
    tokens = facts.data.get("tokens") or {}
    drawn = (tokens.get("train") or {}).get("histogram")
    if not drawn:
        return None
    edges, counts = drawn.get("edges") or [], drawn.get("counts") or []
    if len(edges) != len(counts) + 1 or None in (*edges, *counts):
        return None
    return figures.histogram(edges, counts, label="Tokens of training rows")


def reproduction(facts: Facts) -> dict[str, JSON] | None:
    """Lay out the recipe, the machine, the versions and the cost."""
    about = facts.environment
    if not facts.recipe_text and not about:
        return None
    phases = {
        name: spent for name, spent in (about.get("phases") or {}).items() if (spent or 0) >= 0.05
    }
    longest = max(phases.values(), default=1) or 1
    return {
        "about": about,
        "phases": [
            {"name": name, "seconds": spent, "share": round(spent / longest * 100, 1)}
            for name, spent in phases.items()
        ],
        "hashes": {split: found.get("sha256") for split, found in facts.splits.items() if found},
        "packages": {
            name: version for name, version in (about.get("packages") or {}).items() if version
        },
    }

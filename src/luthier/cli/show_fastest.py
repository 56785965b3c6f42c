"""The ways in which a run can answer, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luthier.cli.tables import Column, Table

if TYPE_CHECKING:
    from luthier.backends.fastest import Fastest


def fastest_table(found: Fastest) -> Table:
    """Lay out the ways in which a run can answer, the fastest first; then those not at hand."""
    rows: list[dict[str, Any]] = [
        {"way": way, "milliseconds": spent, "note": "taken" if way == found.way else ""}
        for way, spent in sorted(found.milliseconds.items(), key=lambda one: one[1])
    ]
    rows += [{"way": way, "milliseconds": None, "note": why} for way, why in found.lacking.items()]
    return Table(
        (
            Column("way", lambda row: str(row["way"])),
            Column("ms a row", lambda row: milliseconds_words(row["milliseconds"]), is_number=True),
            Column("", lambda row: str(row["note"])),
        ),
        rows,
        title=f"Least time on this machine, {found.rows} rows of the file",
    )


def milliseconds_words(spent: float | None) -> str:
    """Write a time; a dash where there is none."""
    return "–" if spent is None else f"{spent:.2f}"

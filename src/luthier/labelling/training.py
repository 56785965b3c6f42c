"""The command that trains on what was labelled, and judges by rows that may judge."""

from __future__ import annotations

import os

from luthier.labelling.answers import names_in
from luthier.labelling.desk import Desk
from luthier.records import Rows

UNLEARNED = "Its test rows are not the audit rows yet, as these have labels that no other row has:"
BIASED = (
    "Without audit rows, test rows are some that a model chose: scores on them say little about "
    "other rows."
)


def training_command(desk: Desk, recipe: str, out: str) -> tuple[list[str], str]:
    """Write the command, and what is to be known of its scores.

    It tests on the recipe's own test file, else on the audit rows, and takes no validation rows
    from those that a model chose.

    Args:
        desk: The desk.
        recipe: The path of the recipe.
        out: The file of labels.
    """
    data, path = desk.recipe.data, str(desk.journal.path)
    sources = data.train if isinstance(data.train, list) else [data.train]
    others = [one for one in sources if os.path.abspath(one) != path]
    command = ["luthier", "run", recipe]
    if len(others) == len(sources):
        named = [_near(one) for one in [*others, path]]
        command.append(f"data.train=[{', '.join(named)}]" if others else f"data.train={out}")
    warning = ""
    if data.test is None:
        unlearned = _unlearned(desk)
        has_audit = any(one["audit"] for one in desk.answered.standing)
        if has_audit and not unlearned:
            command.append(f"data.test={out}")
        elif has_audit:
            some = ", ".join(unlearned[:3]) + (" …" if len(unlearned) > 3 else "")
            warning = f"{UNLEARNED} {some}. Label on, and audit rows can be the test rows."
        else:
            warning = BIASED
    if data.validation is None and data.split.validation != 0:
        command.append("data.split.validation=0")
    return command, warning


def _unlearned(desk: Desk) -> list[str]:
    """List the labels that audit rows alone have, which a run would refuse to be tested on."""
    role, kind = desk.batches.role, desk.batches.task.kind
    cells = {audit: desk.answered.columns([role], audit=audit)[role] for audit in (True, False)}
    known = [] if desk.batches.known is None else [*desk.batches.known[role]]
    learned = names_in(Rows.of({role: [*cells[False], *known]}), kind)
    return [name for name in names_in(Rows.of({role: cells[True]}), kind) if name not in learned]


def _near(source: str) -> str:
    """Write a path as seen from the current folder, where that is shorter."""
    if not os.path.isabs(source):
        return source
    near = os.path.relpath(source)
    return near if len(near) < len(source) else source

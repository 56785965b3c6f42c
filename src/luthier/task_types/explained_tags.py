"""Tags of words as decisions: an entity, or a word whose tag is of interest.

Every word was tagged by its first token, in the window that has most around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from luthier.explanation import Choice, Decision
from luthier.items import Items
from luthier.ragged import Array, Ragged
from luthier.records import Rows
from luthier.task_types.token_outputs import WordLayout
from luthier.text.tags import split_tag

OUTSIDE = "O"


@dataclass(frozen=True)
class TaggedWords:
    """Words that stand together, and their tags.

    Args:
        words: Numbers of the words.
        tags: A tag id for each.
        kind: What they are: the type of an entity, or a tag.
        note: What a reader should know.
    """

    words: range
    tags: Sequence[int]
    kind: str
    note: str = ""

    def labelled(self, label: str, names: Sequence[str]) -> TaggedWords:
        """Give the words another label."""
        return replace(self, tags=tags_like(label, names, len(self.words)), kind=label)

    def decision(self, index: int, items: Items, rows: Rows) -> Decision | None:
        """Describe their tags as one decision.

        Args:
            index: The row.
            items: The encoded rows, with their `WordLayout`.
            rows: The rows.

        Returns:
            None if the model did not read the words.
        """
        layout: WordLayout = items.layout
        windows = np.flatnonzero(items.rows == index).tolist()
        window = _owner(layout, windows, self.words[0])
        if window is None:
            return None
        firsts = [np.flatnonzero(layout.words[window] == word)[:1] for word in self.words]
        choices = tuple(
            Choice((int(first[0]), slice(None)), int(tag))
            for first, tag in zip(firsts, self.tags, strict=True)
            if len(first)
        )
        borders = rows["words"][index]
        span = int(borders[self.words[0]][0]), int(borders[self.words[-1]][1])
        name = f"{self.kind}: {str(rows['text'][index])[slice(*span)]}"
        made = Decision(name, window, "token-logits", choices, role="text", span=span)
        which = f"window {windows.index(window) + 1} of {len(windows)} tagged it and is shown"
        notes = [self.note, which if len(windows) > 1 else ""]
        return replace(made, note="; ".join(filter(None, notes)))


def _owner(layout: WordLayout, windows: Sequence[int], word: int) -> int | None:
    """Return the window that tags a word; None if none read it."""
    offsets = layout.words.offsets
    for window in windows:
        owned = layout.owned[offsets[window] : offsets[window + 1]]
        if (owned & (layout.words[window] == word)).any():
            return window
    return None


def tags_like(label: str, names: Sequence[str], n_words: int) -> list[int]:
    """Return the tags of words that all have a label: the first one as named, the others within.

    >>> tags_like("B-LOC", ("O", "B-LOC", "I-LOC"), 3)
    [1, 2, 2]
    """
    inside = f"I-{label[2:]}" if label.startswith("B-") else label
    later = names.index(inside if inside in names else label)
    return [names.index(label), *[later] * (n_words - 1)]


def kind_of(tags: Sequence[int], names: Sequence[str]) -> str:
    """Say what tags make of words: a type, several, or no entity.

    >>> kind_of([1, 2], ("O", "B-LOC", "I-LOC")), kind_of([0], ("O", "B-LOC", "I-LOC"))
    ('LOC', 'no entity')
    """
    parts = [split_tag(names[tag]) for tag in tags if tag >= 0 and names[tag] != OUTSIDE]
    return ", ".join(dict.fromkeys(kind or prefix for prefix, kind in parts)) or "no entity"


def usual_tag(answers: Ragged, names: Sequence[str]) -> int:
    """Return the tag that says nothing: `O`, or else the one that most words have."""
    if OUTSIDE in names:
        return names.index(OUTSIDE)
    values: Array = answers.values
    counted = Counter(values[values >= 0].tolist()).most_common(1)
    return int(counted[0][0]) if counted else -1

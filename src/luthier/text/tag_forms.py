"""Other ways to write the prefix of a tag than `B-PER`: `B_PER`, `B:PER`, `PER-B`, `PER_B`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from luthier.text.tags import OUTSIDE

PREFIXES = frozenset("BILUES")
MARKS = "-_:/"


@dataclass(frozen=True)
class TagForm:
    """A way to write tags.

    Args:
        mark: What stands between the two parts.
        is_suffix: Whether the prefix of the scheme stands last.
        example: A tag that is written so.
    """

    mark: str
    is_suffix: bool
    example: str

    def split(self, tag: str) -> tuple[str, str]:
        """Return the prefix of the scheme, and the type."""
        if self.is_suffix:
            kind, _, prefix = tag.rpartition(self.mark)
        else:
            prefix, _, kind = tag.partition(self.mark)
        return prefix, kind

    @property
    def usual(self) -> str:
        """The example as it is usually written."""
        return "-".join(self.split(self.example))

    def fits(self, tags: Iterable[str]) -> bool:
        """Say whether all tags can be written so."""
        return all(prefix in PREFIXES and kind for prefix, kind in map(self.split, tags))


def other_form(sentences: Iterable[Sequence[str]]) -> TagForm | None:
    """Find the form in which all tags are written; None if it is the usual one, or none of these.

    >>> other_form([["O", "PER-B", "PER-I"]]).usual, other_form([["B-PER", "O"]])
    ('B-PER', None)
    """
    tags = sorted({tag for one in sentences for tag in one} - {OUTSIDE})
    if not tags:
        return None
    for is_suffix in (False, True):
        for mark in MARKS:
            form = TagForm(mark, is_suffix, tags[0])
            if form.fits(tags):
                return None if (mark, is_suffix) == ("-", False) else form
    return None


def in_usual_form(tags: Sequence[str], form: TagForm) -> list[str]:
    """Write tags in the usual form."""
    return [tag if tag == OUTSIDE else "-".join(form.split(tag)) for tag in tags]

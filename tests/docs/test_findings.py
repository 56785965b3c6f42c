"""Every finding that the source can emit has a page, and every page a finding."""

import ast
from pathlib import Path

from tests.architecture.source import FILES, ROOT, tree_of

PAGES = Path(ROOT) / "docs" / "findings"


def codes():
    """Collect the codes that stand first in calls that make findings."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            first = node.args[0]
            if name in ("finding", "Finding", "told", "Truncation") and isinstance(
                first, ast.Constant
            ):
                yield first.value


def test_every_finding_has_a_page_and_every_page_a_finding():
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    assert set(codes()) == pages
    assert len(pages) > 35


def test_the_index_names_every_page():
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in PAGES.glob("*.md") if f"]({path.name})" not in index] == [
        "README.md"
    ]


def test_a_page_says_why_and_what_to_do():
    for path in PAGES.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert path.stem == "README" or (
            "**Why it matters.**" in text and "**What to do.**" in text
        )

"""The report is whole, inert and small, whatever the run came to and whatever its data holds."""

import json
import re
from html.parser import HTMLParser

import pytest

from luthier.errors import RunError
from luthier.report.render import hash_of, write_report
from luthier.runs import DOCUMENTS
from tests.unit.report.fake_run import HOSTILE, LABELS, fake_run, make_old, panel, set_panels

SECTIONS = [
    "verdict",
    "comparison",
    "limits",
    "curves",
    "confusion",
    "calibration",
    "labels",
    "slices",
    "mistakes",
    "data",
    "reproduce",
]
VOID = {"meta", "br", "wbr", "input", "img", "link"}


class Page(HTMLParser):
    """A page as a browser would part it: elements with their attributes, and texts."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.scripts = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.texts.append(data)


def page_of(folder):
    html = write_report(folder).read_text(encoding="utf-8")
    return Page(html), html


def sections(page):
    return [attrs["id"] for tag, attrs in page.elements if tag == "section"]


def test_all_sections_stand_in_order_with_the_verdict_first(tmp_path):
    page, html = page_of(fake_run(tmp_path / "run"))
    assert sections(page) == SECTIONS
    assert page.open == []
    assert html.index("Better than majority") < html.index("Every system on the same rows</h2>")


def test_each_verdict_has_the_colour_of_its_outcome(tmp_path):
    _, html = page_of(fake_run(tmp_path / "run"))
    colours = re.findall(r'<li class="(\w+)"><span class="sign"', html)
    assert colours == ["better", "unclear"]


def test_main_metric_stands_with_interval_and_rows(tmp_path):
    _, html = page_of(fake_run(tmp_path / "run"))
    verdict = html[html.index('id="verdict"') : html.index('id="comparison"')]
    assert "80.0 %" in verdict
    assert "70.0 to 90.0 %" in verdict
    assert "300 test rows" in verdict


def test_limits_name_seed_leak_calibration_and_size(tmp_path):
    _, html = page_of(fake_run(tmp_path / "run"))
    limits = html[html.index('id="limits"') : html.index('id="curves"')]
    for words in ("with seed 0", "3 rows of the test set", "100 validation rows", "300 test rows"):
        assert words in limits


@pytest.mark.parametrize("document", [*(d for d in DOCUMENTS if d != "status"), "events"])
def test_an_absent_document_leaves_its_sections_out(tmp_path, document):
    page, _ = page_of(fake_run(tmp_path / "run", without=(document,)))
    assert page.open == []
    assert sections(page)[0] == "verdict"
    assert len(sections(page)) >= 6


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("damage", ['{"half": ', "[]", "null", "\0", '"text"'])
def test_a_damaged_document_is_named_or_passed_over(tmp_path, document, damage):
    folder = fake_run(tmp_path / "run")
    (folder / f"{document}.json").write_text(damage)
    page, html = page_of(folder)
    assert page.open == []
    assert damage == "null" or f"Damaged and left out: {document}" in html


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if d != "status"])
def test_unknown_numbers_become_dashes(tmp_path, document):
    folder = fake_run(tmp_path / "run")
    path = folder / f"{document}.json"
    path.write_text(json.dumps(without_numbers(json.loads(path.read_text()))))
    page, html = page_of(folder)
    assert page.open == []
    assert ">None<" not in html
    assert "nan" not in re.findall(r"\w+", html)


def without_numbers(content):
    if isinstance(content, dict):
        return {key: without_numbers(value) for key, value in content.items()}
    if isinstance(content, list):
        return [without_numbers(value) for value in content]
    return None if isinstance(content, (int, float)) else content


def test_a_failed_run_shows_reason_and_fix_and_what_there_is(tmp_path):
    folder = fake_run(tmp_path / "run", without=("scores", "comparison", "panels"))
    path = folder / "status.json"
    path.write_text(json.dumps({"state": "failed", "reason": "The loss is NaN.", "hint": "lower"}))
    page, html = page_of(folder)
    assert "This run failed." in html
    assert "The loss is NaN." in html
    assert "<code>lower</code>" in html
    assert sections(page) == ["verdict", "curves", "data", "reproduce"]


def test_a_run_that_only_has_a_recipe_has_a_page(tmp_path):
    (tmp_path / "recipe.yaml").write_text("nothing: known")
    page, html = page_of(tmp_path)
    assert "Damaged and left out: recipe" in html
    assert page.open == []


def test_no_run_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no run in this folder"):
        write_report(tmp_path / "nothing")


def test_hostile_texts_labels_and_columns_are_inert(tmp_path):
    folder = fake_run(tmp_path / "run", labels=(HOSTILE, "fine", "good"), text=HOSTILE)
    plain, _ = page_of(fake_run(tmp_path / "plain"))
    page, html = page_of(folder)
    assert page.open == []
    assert "onerror=alert(2)>49" not in html
    count = [tag for tag, _ in page.elements].count
    assert count("script") == [tag for tag, _ in plain.elements].count("script")
    assert count("style") == 1
    assert count("img") == 0
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert HOSTILE in "".join(page.texts)


NAMES = {
    "scores.json": ("majority", "macro_f1"),
    "data.json": ("train", "bad", "warning", "ab" * 32),
    "comparison.json": ("better than majority", "accuracy", "McNemar's exact test"),
    "panels.json": ("bad", "length", "1–9 tokens", "/home/ada/reviews.csv:2"),
    "environment.json": ("torch", "2.13.0", "fine-tuning", "luthier run", "2026-11-23"),
    "events.jsonl": ("fine-tuning", "accuracy"),
    "status.json": ("finished",),
}


@pytest.mark.parametrize(("file", "name"), [(f, name) for f in NAMES for name in NAMES[f]])
def test_hostile_names_anywhere_are_inert(tmp_path, file, name):
    path = fake_run(tmp_path / "run") / file
    text = path.read_text(encoding="utf-8")
    assert name in text
    path.write_text(text.replace(name, json.dumps(HOSTILE)[1:-1]), encoding="utf-8")
    page, _ = page_of(path.parent)
    tags = [tag for tag, _ in page.elements]
    assert page.open == []
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (2, 1, 0)
    assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")]


def test_nothing_is_loaded_from_outside(tmp_path):
    page, html = page_of(fake_run(tmp_path / "run"))
    policies = [a["content"] for _, a in page.elements if a.get("http-equiv")]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline';")
    for tag, attrs in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
    assert "url(" not in html
    assert "@import" not in html


def test_many_labels_are_listed_by_pair_in_a_small_file(tmp_path):
    labels = tuple(f"intent number {index}" for index in range(77))
    folder = fake_run(tmp_path / "run", labels=labels, text="word " * 100, n_mistakes=200)
    path = write_report(folder)
    html = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    assert "There are 77 labels. These pairs are confused most" in html


def test_long_curves_are_thinned(tmp_path):
    folder = fake_run(tmp_path / "run")
    with (folder / "events.jsonl").open("a") as file:
        for step in range(21, 30_000):
            file.write(json.dumps({"phase": "fine-tuning", "step": step, "loss": 0.5}) + "\n")
    assert write_report(folder).stat().st_size < 300_000


def test_numbers_are_drawn_as_scatter_and_residuals(tmp_path):
    folder = fake_run(tmp_path / "run")
    set_panels(folder, numbers={"pairs": [[1.0, 1.5], [2.0, 1.75], [3.0, None]]})
    (folder / "target.json").write_text('{"kind": "number", "names": ["stars"]}')
    page, html = page_of(folder)
    assert "numbers" in sections(page)
    assert html.count('class="speck"') == 2


def test_texts_in_any_script_are_kept(tmp_path):
    _, html = page_of(fake_run(tmp_path / "run", text="שלום 你好 🌦 e\u0301"))
    assert "שלום 你好 🌦 e\u0301" in html


def test_writing_twice_gives_the_same_bytes(tmp_path):
    folder = fake_run(tmp_path / "run", labels=LABELS)
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_several_labels_a_row_are_listed_and_each_can_be_filtered_by(tmp_path):
    folder = fake_run(tmp_path / "run")
    mistakes = panel(folder, "mistakes")
    mistakes["rows"][0] |= {"gold": ["good", "long"], "answer": []}
    set_panels(folder, mistakes=mistakes, confusion=None, calibration=None)
    (folder / "target.json").write_text(
        json.dumps({"kind": "multi-label", "names": LABELS, "thresholds": [0.5, 0.4, 0.6]})
    )
    page, html = page_of(folder)
    assert {"confusion", "calibration"}.isdisjoint(sections(page))
    assert "<option>long</option>" in html
    assert "no label" in html
    assert "threshold was tuned on the validation rows" in html


def test_a_document_of_another_shape_ends_in_words(tmp_path):
    folder = fake_run(tmp_path / "run")
    (folder / "scores.json").write_text('{"fine-tuned": "x"}')
    with pytest.raises(RunError, match="not as Luthier writes it") as caught:
        write_report(folder)
    assert str(folder) in caught.value.received


def test_the_policy_knows_the_pages_own_script_alone(tmp_path):
    html = write_report(fake_run(tmp_path / "run")).read_text(encoding="utf-8")
    inside = html.rpartition("<script>")[2].partition("</script>")[0]
    assert f"script-src '{hash_of(inside)}'" in html
    assert "script-src 'unsafe-inline'" not in html


def test_what_was_measured_before_training_is_shown(tmp_path):
    _, html = page_of(fake_run(tmp_path / "run"))
    assert "bfloat16 mixed precision" in html
    assert "140" in html
    _, html = page_of(fake_run(tmp_path / "other", without=("autotune",)))
    assert "measured to be fastest" not in html


def test_a_run_of_an_older_version_has_the_same_report(tmp_path, caplog):
    new = fake_run(tmp_path / "new" / "run")
    old = make_old(fake_run(tmp_path / "old" / "run"))
    assert page_of(old)[1] == page_of(new)[1]
    told = [record.getMessage() for record in caplog.records]
    for file in ("analysis.json", "calibration.json", "comparison.json"):
        (line,) = [one for one in told if str(old / file) in one]
        assert "next release" in line
    assert not any(str(new) in one for one in told)

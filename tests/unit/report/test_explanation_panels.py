"""What many explanations show is on the page in words and figures, with every text escaped."""

import pytest

from luthier.declarations import Panel
from luthier.explaining.check_verdict import sentences
from luthier.explaining.checked import Check, Checked, Erased
from luthier.explaining.word_records import GlobalWords, LabelWords, Shortcut, WordEffect
from luthier.report.facts import read_facts
from luthier.report.panels import draw
from luthier.results import Score
from luthier.runs.files import plain
from tests.unit.report.fake_run import HOSTILE, fake_run
from tests.unit.report.test_report import Page

HALF, NONE = Score(0.5, 0.4, 0.6, 20), Score(float("nan"), float("nan"), float("nan"), 0)


@pytest.fixture
def facts(tmp_path):
    return read_facts(fake_run(tmp_path / "facts"))


def erased(measure, *, gain=0.3, p_value=0.001):
    found = Score(gain, gain - 0.1, gain + 0.1, 20)
    random = Score(0.2, 0.1, 0.3, 20)
    return Erased(measure, "replaced", HALF, random, found, p_value, False, (), (), p_value)


def made(*explainers, **about):
    found = Check(explainers, 20, 22, (0.1, 0.5), "probability", "[MASK]", 0.95, 1000, 3.0, **about)
    return found, list(sentences(found))


def explainer(name, *, head=0.5, losses=(), error=None):
    worst = None if error is None else 2 * error
    mean = None if error is None else Score(error, 0.0, error, 20)
    alike = {"head": Score(head, head - 0.1, head + 0.05, 20), "all weights": NONE}
    return Checked(name, losses, mean, worst, alike, Score(0.15, 0.1, 0.2, 20))


def page_of(panel, facts):
    (drawn,) = draw([panel], facts)
    page = Page(drawn.body)
    assert page.open == []
    return drawn, " ".join(" ".join(page.texts).split())


def test_a_check_says_what_it_found_and_draws_it(facts):
    both = (erased("comprehensiveness"), erased("sufficiency"))
    check, said = made(explainer("gradients", losses=both, error=0.002), notes=("a note",))
    assert said[0].startswith("gradients is better than random words in all two measures")
    assert "0.20% on average, 0.40% at most" in said[1]
    assert "names other words when the head's weights are drawn anew" in said[2]
    assert "no row has words enough" in said[3]
    data = plain({**check.to_json(), "verdict": said})
    drawn, texts = page_of(Panel("explanation-check", "", data), facts)
    assert drawn.heading == "Are explanations true?"
    for words in (said[0], "without its best words", "with its best words alone", "10 and 50 %"):
        assert words in texts
    assert "a note" in texts
    assert drawn.body.count('class="reference"') == 4  # random words are a line, not a colour


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([(0.3, 0.001), (0.01, 0.8)], "better than random words in one of two measures; the rest"),
        ([(-0.2, 0.001), (0.01, 0.8)], "worse than random words by 0.200"),
        ([(0.01, 0.7), (0.02, 0.8)], "not distinguishable from random words"),
    ],
)
def test_the_verdict_says_how_sure_it_is(gains, expected):
    names = ("comprehensiveness", "sufficiency")
    losses = tuple(
        erased(name, gain=gain, p_value=p) for name, (gain, p) in zip(names, gains, strict=True)
    )
    _, said = made(explainer("norm", losses=losses, head=0.95))
    assert expected in said[0]
    assert "its head's weights do not matter to norm, so it says nothing about the label" in said[1]


def test_words_and_shortcuts_are_listed_with_intervals(facts):
    word = WordEffect(HOSTILE, "snow", HALF, 12, 1.5)
    shortcut = Shortcut(
        word=HOSTILE,
        label="snow",
        importance=6.5,
        outlying=9.1,
        n_explained=20,
        n_training=12,
        training_share=1.0,
        with_word=HALF,
        without_word=HALF,
        masked=HALF,
        change=Score(-0.25, -0.3, -0.2, 20),
        all_rows=HALF,
        all_masked=HALF,
        p_value=0.001,
        p_is_bound=True,
        sentence=f"“{HOSTILE}” matters",
    )
    labels = (LabelWords("snow", 20, 3, (word,), ()),)
    about = ("accuracy", 20, 40, 60, 5, 0.95, False, 1.0, ("a note",))
    found = GlobalWords("gradients", labels, (shortcut,), *about)
    drawn, texts = page_of(Panel("explanation-words", "", plain(found.to_json())), facts)
    assert "<script" not in drawn.body
    for words in ("words that speak for it", "+0.500", "[+0.400, +0.600]", "100 % of 12"):
        assert words in texts
    assert "-25.0 [-30.0, -20.0]" in texts
    bare = GlobalWords("gradients", labels, (), *about)
    _, texts = page_of(Panel("explanation-words", "", plain(bare.to_json())), facts)
    assert "looks like a shortcut" in texts

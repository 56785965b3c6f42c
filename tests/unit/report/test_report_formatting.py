"""Numbers, times and names read as people write them."""

import pytest

from luthier.report import formatting
from luthier.report.model_card import write_model_card
from luthier.report.render import write_report
from tests.unit.report.fake_run import fake_run


@pytest.mark.parametrize(
    ("value", "metric", "said"),
    [
        (0.8713, "accuracy", "87.1 %"),
        (0.4121, "log_loss", "0.412"),
        (1234.56, "mae", "1,235"),
        (0.00004, "brier", "4e-05"),
        (-0.25, "pearson", "-0.250"),
        (None, "accuracy", "–"),
        (None, "log_loss", "–"),
    ],
)
def test_scores_are_written_in_their_unit(value, metric, said):
    assert formatting.amount(value, metric) == said


def test_intervals_are_written_in_their_unit():
    assert formatting.interval(0.85, 0.89, "accuracy") == "85.0 to 89.0 %"
    assert formatting.interval(0.4, 0.51, "log_loss") == "0.400 to 0.510"
    assert formatting.interval(None, 0.5, "accuracy") == "–"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (4.21, "4.2 s"), (59.97, "1 min 0 s"), (184, "3 min 4 s"), (7265, "2 h 1 min")],
)
def test_times_are_written_with_the_units_that_count(seconds, said):
    assert formatting.duration(seconds) == said


def test_answers_of_every_kind_are_written():
    assert formatting.answer("spam") == "spam"
    assert formatting.answer(["a", "b"]) == "a, b"
    assert formatting.answer([]) == "no label"
    assert formatting.answer(4.33219) == "4.332"
    assert formatting.answer(None) == "–"


def test_long_lists_end_in_how_many_more():
    assert formatting.listed(["a"]) == "a"
    assert formatting.listed(["a", "b", "c"]) == "a, b and c"
    assert formatting.listed(list("abcdefgh"), most=2) == "a, b and 6 more"
    assert formatting.listed([]) == ""


def test_folders_are_left_out_of_names():
    assert formatting.base_name("/home/ada/reviews.csv:7:text") == "reviews.csv:7:text"
    assert formatting.base_name("C:\\data\\reviews.csv") == "reviews.csv"
    assert formatting.base_name("reviews.csv") == "reviews.csv"
    assert formatting.base_name("folder/") == "folder"


def test_a_moment_that_is_none_is_shown_as_it_is():
    assert formatting.moment("2026-11-23T18:37:13+00:00") == "23 November 2026, 18:37 UTC"
    assert formatting.moment("yesterday") == "yesterday"
    assert formatting.moment(None) == "–"


def test_half_a_surrogate_pair_does_not_stop_a_report_or_a_card(tmp_path):
    folder = fake_run(tmp_path / "run")
    for name in ("panels.json", "target.json"):
        path = folder / name
        path.write_text(path.read_text().replace('"bad"', '"b\\ud800d"'))
    assert "b?d" in write_report(folder).read_text(encoding="utf-8")
    assert "b?d" in write_model_card(folder).read_text(encoding="utf-8")

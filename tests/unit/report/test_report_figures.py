"""Figures keep to their scale, and to what is known."""

import re

import pytest

from luthier.report import figures
from luthier.report.figures import Scale, Series


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.612, 0.694), (-3.2, 7), (0, 12_345), (1e-6, 3e-6), (5, 5)]
)
def test_ticks_are_few_and_inside(low, high):
    ticks = Scale(low, high).ticks(5)
    assert len(ticks) <= 6
    assert ticks == sorted(ticks)
    assert all(low - 1e-9 <= tick <= max(high, low + 1) + 1e-9 for tick in ticks)


def test_scales_of_shares_stay_between_none_and_all():
    scale = Scale.of([0.01, 0.99], least=0, most=1)
    assert (scale.low, scale.high) == (0, 1)
    assert Scale.of([]).low < Scale.of([]).high
    assert Scale.of([0.7]).low < 0.7 < Scale.of([0.7]).high


def test_an_interval_lies_around_its_value():
    bar = figures.interval_bar({"value": 0.5, "low": 0.25, "high": 0.75}, Scale(0, 1))
    assert '<line x1="25%" y1="15" x2="75%" y2="15" class="whisker"/>' in bar
    assert '<circle cx="50%"' in bar


def test_a_value_that_is_not_known_is_not_drawn():
    bar = figures.interval_bar({"value": None, "low": None, "high": None}, Scale(0, 1))
    assert "<circle" not in bar
    assert "whisker" not in bar


def test_a_chart_without_points_is_none():
    assert figures.chart([Series("loss", [])], label="loss") is None


def test_the_best_point_is_ringed():
    drawn = figures.chart(
        [Series("accuracy", [(1, 0.5), (2, 0.7)], "dotted")], label="accuracy", marked=(2, 0.7)
    )
    ring = re.search(r'<circle cx="([\d.]+)%" cy="([\d.]+)" r="8" class="ring">', drawn)
    assert ring
    assert f'<circle cx="{ring[1]}%" cy="{ring[2]}" r="3.5" class="dotted">' in drawn


def test_smoothing_keeps_a_constant_and_the_first_value():
    assert [y for _, y in figures.smooth([(1, 3.0), (2, 3.0), (3, 3.0)])] == pytest.approx(
        [3.0] * 3
    )
    assert figures.smooth([(1, 7.0), (2, 0.0)])[0] == (1, pytest.approx(7.0))


def test_spread_counts_every_value_once_and_is_centred_on_zero():
    edges, counts = figures.spread([-1.0, -0.1, 0.0, 0.1, 2.0])
    assert sum(counts) == 5
    assert edges[0] == -edges[-1] == -2.0
    assert figures.spread([])[1] == [0] * 25


def test_labels_of_figures_are_escaped():
    drawn = figures.svg(10, [figures.text("0%", 1, "<b>")], label='"><script>')
    assert "<script>" not in drawn
    assert "<b>" not in drawn

"""Learning curves that are known, continued: what is found, what is refused, and what is said."""

from functools import partial

import numpy as np
import pytest

from luthier.errors import DataError, RecipeError
from luthier.recipe.load import read_recipe
from luthier.studies.ceiling import agreement_of_annotators, refuse_reached
from luthier.studies.curve import errors_of_back_test, fit, slopes, weights_of
from luthier.studies.expected import LearningCurve, best_of
from luthier.studies.forecast_plan import are_even, sizes_of, targets_of
from luthier.studies.said_of_forecast import sentences_of

SIZES = np.array([50.0, 100, 150, 200, 300, 400])
EVEN = np.ones(len(SIZES))


def power_law(sizes, floor=0.0, gain=2.0, exponent=0.5):
    return floor + gain * np.asarray(sizes, dtype=float) ** -exponent


def curve_of(error_of, metric="accuracy", *, noise=0.01, n_draws=5, n_test=400, seed=0, **options):
    """Make a curve of scores whose errors are known, with draws and test rows that differ."""
    random = np.random.default_rng(seed)
    errors = error_of(SIZES)
    draws = errors + noise * random.normal(size=(n_draws, len(SIZES)))
    resampled = draws[:, :, None] + 0.4 / np.sqrt(n_test) * random.normal(size=200)
    best = best_of(metric, options.get("ceiling"))
    sign = 1 if metric in ("accuracy", "chrf") else -1
    return LearningCurve(metric, SIZES, best - sign * draws, best - sign * resampled, **options)


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_a_power_law_is_found(floor):
    errors = power_law(SIZES, floor)
    found = fit(SIZES, errors[None], EVEN, has_floor=bool(floor))
    assert found.floor == pytest.approx([floor], abs=1e-9)
    assert found.exponent == pytest.approx([0.5])
    assert found.at(1600) == pytest.approx(power_law([1600], floor), abs=1e-9)


def test_many_curves_are_fitted_as_each_alone():
    random = np.random.default_rng(0)
    errors = power_law(SIZES, 0.1) + 0.02 * random.normal(size=(9, len(SIZES)))
    weights = random.random(len(SIZES)) + 0.5
    for has_floor in (False, True):
        together = fit(SIZES, errors, weights, has_floor=has_floor).at(900)
        alone = [fit(SIZES, one[None], weights, has_floor=has_floor).at(900)[0] for one in errors]
        assert together == pytest.approx(alone)


@pytest.mark.parametrize("has_floor", [False, True])
def test_no_other_curve_of_the_grid_fits_better(has_floor):
    random = np.random.default_rng(1)
    errors = power_law(SIZES, 0.1) + 0.05 * random.normal(size=len(SIZES))
    weights = random.random(len(SIZES)) + 0.5
    found = fit(SIZES, errors[None], weights, has_floor=has_floor)
    least = (weights * (np.array([found.at(size)[0] for size in SIZES]) - errors) ** 2).sum()
    for floor in np.linspace(0, 0.4, 21) if has_floor else [0.0]:
        for gain in np.linspace(0, 1, 41):
            for exponent in np.linspace(0.01, 2, 20):
                other = floor + gain * (SIZES / SIZES[-1]) ** -exponent
                assert (weights * (other - errors) ** 2).sum() >= least - 1e-9


def test_errors_that_rise_leave_nothing_to_gain():
    found = fit(SIZES, power_law(SIZES)[None, ::-1], EVEN, has_floor=True)
    assert found.at(3200) == pytest.approx(found.at(400))


def test_sizes_whose_draws_differ_less_weigh_more_but_none_rules():
    random = np.random.default_rng(0)
    draws = 0.3 + random.normal(size=(5, 3)) * np.array([0.05, 0.01, 0.0])
    weights = weights_of(draws)
    assert weights[0] < weights[1] <= weights[2] < 10 * weights[0]
    assert weights_of(draws[:1]).tolist() == [1, 1, 1]
    assert weights_of(np.full((5, 3), 0.3)).tolist() == [1, 1, 1]


def test_a_back_test_misses_nothing_of_a_power_law_and_something_of_another_curve():
    exact = np.array([*errors_of_back_test(SIZES, power_law(SIZES), EVEN)])
    assert exact[:, 0] == pytest.approx(0, abs=0.004)
    assert exact[0, 1] == pytest.approx(np.log2(200 / 150))
    steps = np.array([0.4, 0.4, 0.4, 0.2, 0.2, 0.2])
    assert max(missed for missed, _ in errors_of_back_test(SIZES, steps, EVEN)) > 0.1


def test_a_slope_is_what_the_error_falls_with_each_doubling():
    errors = 0.5 - 0.03 * np.log2(SIZES)
    assert slopes(SIZES, errors[None], EVEN) == pytest.approx([0.03])


def test_a_forecast_gives_the_score_and_the_gain_with_their_bands():
    found = curve_of(power_law).at(800)
    assert found.doublings == 1
    assert found.score == pytest.approx(1 - power_law(800), abs=0.01)
    assert found.gain == pytest.approx(power_law(400) - power_law(800), abs=0.005)
    assert found.low < found.score < found.high
    assert found.gain_low < found.gain < found.gain_high


def test_bands_widen_with_each_doubling():
    curve = curve_of(power_law, n_test=40_000)
    widths = [one.high - one.low for one in map(curve.at, (400, 800, 1600, 3200))]
    assert sorted(widths) == widths
    assert widths[-1] > 2 * widths[0]


def test_bands_hold_what_comes_in_nine_of_ten_cases():
    for error_of in (power_law, partial(power_law, floor=0.1)):
        found = [curve_of(error_of, seed=seed).at(1600) for seed in range(20)]
        assert sum(one.low <= 1 - error_of(1600) <= one.high for one in found) >= 18


def test_nothing_is_promised_above_a_ceiling():
    free, held = curve_of(power_law, noise=0.001), curve_of(power_law, noise=0.001, ceiling=0.92)
    assert held.at(3200).high <= 0.92 < free.at(3200).high


@pytest.mark.parametrize("metric", ["rmse", "log_loss", "perplexity"])
def test_where_less_is_better_a_gain_is_below_zero(metric):
    found = curve_of(power_law, metric).at(800)
    best = best_of(metric, None)
    assert found.score == pytest.approx(best + power_law(800), abs=0.01)
    assert found.gain < 0
    assert found.low < found.score < found.high
    assert found.gain_low < found.gain < found.gain_high
    assert found.low >= best


def test_a_metric_of_a_hundred_is_continued_too():
    found = curve_of(lambda sizes: 100 * power_law(sizes), "chrf", noise=0.5).at(800)
    assert found.score == pytest.approx(100 - 100 * power_law(800), abs=1.5)
    assert found.high - found.low > 2


def test_a_metric_without_a_best_value_is_refused_by_its_name():
    with pytest.raises(RecipeError, match="'strangeness' has no best value") as caught:
        best_of("strangeness", None)
    assert "main_metric" in caught.value.hint


@pytest.mark.parametrize(
    ("metric", "ceiling", "hint"),
    [("accuracy", 85.0, "--ceiling 0.85"), ("accuracy", -1.0, "--ceiling 0.9"), ("rmse", -1.0, "")],
)
def test_a_ceiling_that_is_no_score_is_refused(metric, ceiling, hint):
    with pytest.raises(RecipeError, match="A ceiling is a score") as caught:
        best_of(metric, ceiling)
    assert hint in caught.value.hint


def test_a_ceiling_below_what_is_scored_is_refused():
    scores = np.tile(1 - power_law(SIZES), (3, 1))
    with pytest.raises(DataError, match="below what is scored already") as caught:
        LearningCurve("accuracy", SIZES, scores, scores[:, :, None], ceiling=0.85)
    assert "--ceiling" in caught.value.hint


def test_a_flat_curve_says_that_more_labels_will_not_help():
    with pytest.raises(DataError, match="more labels of this kind will not help") as caught:
        curve_of(lambda sizes: np.full(len(sizes), 0.2), noise=0.002, n_test=40_000)
    assert "a doubling" in caught.value.received


def test_a_curve_that_is_all_noise_says_nothing():
    with pytest.raises(DataError, match="cannot be told from a flat one") as caught:
        curve_of(lambda sizes: np.full(len(sizes), 0.2), noise=0.1)
    assert "--seeds 10" in caught.value.hint


def test_a_curve_that_is_no_power_law_is_refused():
    steep = np.array([0.9, 0.2, 0.08, 0.04, 0.02, 0.01])
    with pytest.raises(DataError, match="rises too steeply") as caught:
        curve_of(lambda sizes: steep, noise=0.001)
    assert caught.value.hint == "--sizes from 100 on"


def test_four_sizes_are_no_curve():
    with pytest.raises(DataError, match="needs 5 sizes") as caught:
        LearningCurve("accuracy", SIZES[:4], np.zeros((2, 4)), np.zeros((2, 4, 9)))
    assert "--sizes" in caught.value.hint


def test_sizes_are_shares_of_all_unless_they_are_named():
    assert sizes_of(None, 1000) == [125, 250, 375, 500, 750, 1000]
    assert sizes_of([100, 50, 20, 80, 10, 100], 100) == [10, 20, 50, 80, 100]


@pytest.mark.parametrize(
    ("sizes", "n_rows", "said"),
    [
        (None, 30, "needs 40 training rows"),
        ([10, 20, 30, 40, 500], 100, "from 2 to 100"),
        ([1, 20, 30, 40, 50], 100, "from 2 to 100"),
        ([10, 20, 30], 100, "needs 5 sizes"),
    ],
)
def test_sizes_that_make_no_curve_are_refused(sizes, n_rows, said):
    with pytest.raises((DataError, RecipeError), match=said) as caught:
        sizes_of(sizes, n_rows)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("to", "said", "hint"),
    [
        ([300, 900], "more labels than there are, 400", "--to 800"),
        ([], "more labels than there are", "--to 800"),
        ([800, 4000], "more than 8 times", "--to 3200 at most"),
    ],
)
def test_a_forecast_looks_ahead_and_not_too_far(to, said, hint):
    with pytest.raises(RecipeError, match=said) as caught:
        targets_of(to, 400)
    assert caught.value.hint == hint
    assert targets_of([3200, 800, 800], 400) == [800, 3200]


def test_labels_are_even_unless_one_is_rare():
    assert are_even(["a", "b", "b"] * 10)
    assert not are_even(["a"] + ["b"] * 30)


def test_sentences_say_what_more_labels_bring():
    curve = curve_of(power_law)
    said = [*sentences_of([curve.at(600), curve.at(1600)], curve, 400)]
    assert said[0].startswith("+200 labels ≈ +1.8 points (+")
    assert "with 600, accuracy 92." in said[0]
    assert "a hint" in said[1]
    assert "a hint" not in said[0]
    assert said[-1].endswith("points a doubling.")


def test_sentences_on_numbers_have_no_points():
    curve = curve_of(power_law, "rmse")
    said = [*sentences_of([curve.at(600)], curve, 400)]
    assert "≈ -0.01" in said[0]
    assert "points" not in said[0]


def answered_by(tmp_path, *, share_right, n_texts=60, column="who"):
    """Write a file that three annotators answered, each right in a share of the texts."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, n_texts)
    lines = [f"text,label,{column}"]
    for name in ("ann", "bob", "cem"):
        right = draw.random(n_texts) < share_right
        said = np.where(right, truth, 1 - truth)
        lines += [f"text number {at},{'ab'[one]},{name}" for at, one in enumerate(said)]
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    data = {"train": str(path), "annotator": "who"}
    return read_recipe({"model": "m", "task": "text-classification", "data": data})


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_annotators_are_scored_by_what_the_others_say(tmp_path, metric):
    sure = agreement_of_annotators(answered_by(tmp_path, share_right=1.0), metric)
    assert (sure.value, sure.n) == (1.0, 60)
    unsure = agreement_of_annotators(answered_by(tmp_path, share_right=0.8), metric)
    assert unsure.low < unsure.value < unsure.high < 1
    assert unsure.n == 60
    assert agreement_of_annotators(answered_by(tmp_path, share_right=0.8), "log_loss") is None


def test_a_model_as_good_as_annotators_agree_is_promised_nothing(tmp_path):
    agreed = agreement_of_annotators(answered_by(tmp_path, share_right=0.8), "accuracy")
    refuse_reached(agreed, np.array([0.5, 0.6]), "accuracy", 400)
    with pytest.raises(DataError, match=r"(?s)as annotators agree.*by what most others say"):
        refuse_reached(agreed, np.array([0.9, 0.95]), "accuracy", 400)

"""The headline says for each baseline how it ended, in the order of what matters."""

import dataclasses

import pytest

from luthier.report.facts import read_facts
from luthier.report.verdict import comparison, verdict
from tests.unit.report.fake_run import fake_run


@pytest.fixture
def facts(tmp_path):
    return read_facts(fake_run(tmp_path / "run"))


def judged(facts, **verdicts):
    """Give the run other verdicts, baseline by baseline."""
    comparisons = [
        {"baseline": name, "verdict": said, "test": "paired bootstrap"}
        for name, said in verdicts.items()
    ]
    return dataclasses.replace(facts, comparison={**facts.comparison, "comparisons": comparisons})


def headline(facts):
    return "".join(words for _, words in verdict(facts)["headline"])


def test_beating_every_baseline_is_said_in_one_word(facts):
    won = judged(facts, a="better than a by 3.0 points", b="better than b by 2.0 points")
    assert headline(won) == "Fine-tuning beats all 2 baselines."


def test_mixed_outcomes_are_told_apart(facts):
    mixed = judged(
        facts,
        a="not distinguishable from a (0.1 points)",
        b="worse than b by 2.0 points",
        c="better than c by 3.0 points",
        d="better than d by 4.0 points",
    )
    assert headline(mixed) == (
        "The fine-tuned model is better than c and d, worse than b, not distinguishable from a."
    )
    assert [kind for kind, _ in verdict(mixed)["headline"] if kind] == [
        "better",
        "worse",
        "unclear",
    ]


def test_no_baseline_and_no_scores_are_said(facts):
    assert headline(judged(facts)) == "Nothing to compare with: no baseline was fitted."
    assert "nothing was judged" in headline(dataclasses.replace(facts, scores={}))


def test_a_sentence_is_parted_into_its_claim_and_its_numbers(facts):
    said = verdict(
        judged(
            facts,
            a="better than a by 3.0 points of accuracy, 95 % interval 1.0 to 5.0, p = 0.01",
            b="not distinguishable from b (-0.1 points of accuracy, p = 0.43): about 900 rows "
            "would be needed",
        )
    )["sentences"]
    assert said[0]["lead"] == "Better than a by 3.0 points of accuracy"
    assert said[0]["rest"] == "95 % interval 1.0 to 5.0, p = 0.01 · paired bootstrap"
    assert said[1]["lead"] == "Not distinguishable from b"
    assert said[1]["rest"].startswith("−0.1 points of accuracy, p = 0.43: about 900 rows")


def test_the_best_of_a_metric_is_the_lowest_where_less_is_better(facts):
    rows = {row["name"]: row["cells"] for row in comparison(facts)["rows"]}
    assert rows["fine-tuned"]["accuracy"]["best"]
    assert rows["tfidf-linear"]["log_loss"]["best"]
    assert rows["majority"]["log_loss"]["value"] == "–"


def test_a_system_alone_is_the_best_of_nothing(facts):
    alone = dataclasses.replace(facts, scores={"fine-tuned": facts.scores["fine-tuned"]})
    (row,) = comparison(alone)["rows"]
    assert not any(cell["best"] for cell in row["cells"].values())

"""What the report does not know follows from what the run did."""

import dataclasses

import pytest

from luthier.report.facts import read_facts
from luthier.report.limits import limits
from luthier.report.render import write_report
from tests.unit.report.fake_run import fake_run


@pytest.fixture
def facts(tmp_path):
    return read_facts(fake_run(tmp_path / "run"))


def said(facts, about):
    return [words for name, words in limits(facts) if name == about]


def test_the_interval_says_how_uncertain_the_score_is(facts):
    assert said(facts, "Size") == ["300 test rows leave accuracy uncertain by about ±10.0 points."]


def test_a_test_file_of_its_own_reaches_no_further_either(facts):
    assert "same source" in said(facts, "Reach")[0]
    splits = {**facts.splits, "test": {**facts.splits["test"], "files": ["other.csv"]}}
    other = dataclasses.replace(facts, data={**facts.data, "splits": splits})
    assert "beyond this one test set" in said(other, "Reach")[0]


def test_labels_with_few_test_rows_are_named(facts):
    assert said(facts, "Rare labels")[0].startswith("1 label has fewer than 20 test rows")


def test_leaks_that_were_dropped_are_no_doubt_any_more(facts):
    assert "3 rows of the test set" in said(facts, "Data")[0]
    data = {**facts.recipe["data"], "drop_leaks": True}
    dropped = dataclasses.replace(facts, recipe={**facts.recipe, "data": data})
    assert said(dropped, "Data") == []


def test_a_fix_that_the_run_made_is_told_as_done(tmp_path):
    folder = fake_run(tmp_path / "run")
    assert "Fix: <code>data.drop_leaks=true" in write_report(folder).read_text(encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("drop_leaks: false", "drop_leaks: true"))
    html = write_report(folder).read_text(encoding="utf-8")
    assert "Done by this run: <code>data.drop_leaks=true" in html


def test_no_baseline_is_a_doubt(facts):
    alone = dataclasses.replace(facts, comparison={**facts.comparison, "comparisons": []})
    assert "something simpler" in said(alone, "Baselines")[0]
    assert said(alone, "Comparisons") == []


def test_no_validation_rows_is_a_doubt(facts):
    splits = {**facts.splits, "validation": {"rows": 0}}
    without = dataclasses.replace(facts, data={**facts.data, "splits": splits})
    assert "the last weights were kept" in said(without, "Validation")[0]


def test_tuned_thresholds_are_a_doubt(facts):
    tuned = dataclasses.replace(facts, target={**facts.target, "thresholds": [0.4, 0.5, 0.6]})
    assert "threshold" in said(tuned, "Thresholds")[0]


def test_a_run_without_scores_has_nothing_to_doubt(facts):
    assert limits(dataclasses.replace(facts, scores={})) == []


def test_interruptions_are_told_with_where_it_went_on_and_what_changed(facts):
    attempts = [
        {"started": "1", "changes": []},
        {"started": "2", "changes": [], "reason": "Stopped by Ctrl-C.", "resumed": []},
        {
            "started": "3",
            "changes": ["training.max_steps: 9 before, 12 now"],
            "resumed": [{"phase": "fine-tuning", "step": 4, "notes": ["torch was 1 then"]}],
        },
    ]
    story, *more = said(dataclasses.replace(facts, attempts=attempts), "Interruptions")
    assert "interrupted 2 times (it was killed; Stopped by Ctrl-C.)" in story
    assert "resumed after step 4 of fine-tuning" in story
    assert more == [
        "torch was 1 then.",
        "training.max_steps: 9 before, 12 now, changed when the run resumed.",
    ]
    assert said(dataclasses.replace(facts, attempts=attempts[:1]), "Interruptions") == []


def test_spikes_of_the_loss_are_told_with_their_steps(tmp_path):
    folder = fake_run(tmp_path / "run")
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"phase": "fine-tuning", "step": 77, "spike": 9.5, "time": 1.0}\n')
    (told,) = said(read_facts(folder), "Loss")
    assert "at step 77" in told
    write_report(folder)

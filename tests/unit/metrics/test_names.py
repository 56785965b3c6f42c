"""A metric is described by whoever brings it; one that nobody describes is a plain number."""

import pytest

from luthier.cli.show import heading
from luthier.declarations import MILLISECONDS, Metric
from luthier.errors import LuthierError
from luthier.evaluation.sentences import tell
from luthier.metrics.names import as_points, declared_metric, lower_is_better, metric_of, title
from luthier.registry import declared
from luthier.report import formatting
from luthier.report.facts import read_facts
from luthier.report.render import write_report
from luthier.report.verdict import comparison
from luthier.results import Comparison
from luthier.runs import RunFolder
from tests.packages import forget, install
from tests.unit.report.fake_run import fake_run

LATENCY = """
from luthier.declarations import MILLISECONDS, Metric

METRICS = (Metric("latency", "latency a row", unit=MILLISECONDS, higher_is_better=False),)

class Task:
    metrics = (Metric("charm", "charm", higher_is_better=True),)
"""


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """Install a package that brings a metric, and a task that brings another."""
    install(
        tmp_path / "site", monkeypatch, LATENCY, metrics={"own": "METRICS"}, tasks={"own": "Task"}
    )
    yield
    monkeypatch.undo()
    forget()


def compared(metric, difference=12.3):
    """Compare two systems by a metric."""
    made = Comparison(
        "ours", "majority", metric, difference, 10.0, 15.0, 0.001, 0.001, "t", 9, None, ""
    )
    return tell(made, is_clear=True, confidence=0.95).verdict


def test_no_two_declarations_of_a_name_differ():
    found: dict[str, Metric] = {}
    for metric in declared("metrics"):
        assert found.setdefault(metric.name, metric) == metric


def test_an_undeclared_metric_is_a_plain_number_with_its_own_name():
    assert declared_metric("tokens_per_joule") is None
    assert formatting.amount(12.3, "tokens_per_joule") == "12.30"
    assert formatting.interval(1.5, 2.5, "tokens_per_joule") == "1.500 to 2.500"
    assert title("tokens_per_joule") == "tokens_per_joule"
    assert not as_points("tokens_per_joule")


def test_the_direction_of_an_undeclared_metric_is_asked_for():
    with pytest.raises(LuthierError, match="which direction is better is not declared") as caught:
        lower_is_better("tokens_per_joule")
    assert 'Metric("tokens_per_joule"' in caught.value.hint
    with pytest.raises(TypeError):
        Metric("charm", "charm")  # type: ignore[call-arg]


def test_the_report_says_that_a_direction_is_unknown(tmp_path):
    folder = fake_run(tmp_path / "run")
    run = RunFolder(folder)
    scores = run.read_json("scores")
    for number, system in enumerate(scores.values()):
        system["tokens_per_joule"] = {"value": 12.3 + number, "low": 11.0, "high": 13.0, "n": 9}
    run.write_json("scores", scores)
    shown = comparison(read_facts(folder))
    assert shown["directionless"] == {"tokens_per_joule"}
    assert not any(row["cells"]["tokens_per_joule"]["best"] for row in shown["rows"])
    html = write_report(folder).read_text(encoding="utf-8")
    assert 'tokens_per_joule <abbr title="which direction is better is not declared">?' in html
    assert "12.30" in html
    assert "1230" not in html


def test_a_package_brings_a_metric_with_its_unit_and_direction(third_party):
    assert metric_of("latency").unit == MILLISECONDS
    assert lower_is_better("latency")
    assert formatting.amount(12.34, "latency") == "12.3 ms"
    assert formatting.interval(12.34, 15.0, "latency") == "12.3 to 15.0 ms"
    assert formatting.difference(0.5, "latency") == "0.5 ms"
    assert (heading("latency"), heading("accuracy")) == ("latency a row, ms", "accuracy")
    assert compared("latency").startswith(
        "better than majority by 12.3 ms (latency a row), 95 % interval 10.0 ms to 15.0 ms"
    )


def test_a_task_brings_its_own_metrics_in_its_class(third_party):
    assert metric_of("charm") == Metric("charm", "charm", higher_is_better=True)
    assert compared("charm").startswith("better than majority by 12.300 (charm)")

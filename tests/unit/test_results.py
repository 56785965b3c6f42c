"""Results as a notebook draws them."""

from luthier.results import RunResult, Score


def test_a_result_draws_itself_and_runs_nothing():
    scores = {
        "<script>x</script>": {"accuracy": Score(0.5, 0.25, 0.75, 12), "f1": Score(1, 1, 1, 12)},
        "majority": {"accuracy": Score(0.25, 0, 0.5, 12)},
    }
    html = RunResult("run", scores, (), (), "r.html", ("a & b",))._repr_html_()
    assert "<script>" not in html
    assert "0.500 <small>[0.250, 0.750], n = 12</small>" in html
    assert "a &amp; b" in html
    assert "Report: r.html" in html

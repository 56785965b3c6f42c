"""An error says what was expected, what was received, and the fix."""

from luthier.errors import DataError, LuthierError, nearest


def test_an_error_shows_problem_received_and_fix():
    error = DataError("The file has no column called 'label'.", received="a, b", hint="x=y")
    assert str(error).splitlines() == [
        "The file has no column called 'label'.",
        "  received: a, b",
        "  fix:      x=y",
    ]
    assert isinstance(error, LuthierError)


def test_parts_that_are_unknown_are_left_out():
    assert str(DataError("Empty.")) == "Empty."


def test_nearest_finds_typos_and_refuses_strangers():
    assert nearest("sentimnt", ["text", "sentiment"]) == "sentiment"
    assert nearest("zzz", ["text", "sentiment"]) is None


def test_a_notebook_shows_no_traceback():
    """IPython asks an exception for what it shows by this name."""
    problem = LuthierError("There is no file.", received="a.csv", hint="b.csv")
    assert problem._render_traceback_() == [str(problem)]


def test_what_was_received_is_shown_up_to_a_length_that_can_be_read():
    problem = LuthierError("Wrong.", received="a" * 10_000, hint="b" * 10_000)
    assert len(str(problem)) < 5000
    assert "and 8,000 more characters" in str(problem)

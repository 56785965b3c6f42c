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

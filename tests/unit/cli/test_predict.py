"""What `luthier predict` refuses before it answers, with fixes that the command line takes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from luthier.cli.app import app
from luthier.cli.predict import refuse_other_pair, row_of
from luthier.errors import DataError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin


def call(*arguments, **given):
    return CliRunner().invoke(app, [str(one) for one in arguments], **given)


@pytest.mark.parametrize(
    ("name", "is_pair", "hint"),
    [
        ("pair-classification", False, 'luthier predict runs/a "text" --pair "text_pair"'),
        ("question-answering", False, 'luthier predict runs/a "question" --pair "context"'),
        ("multiple-choice", False, 'luthier predict runs/a "text" --pair "choices"'),
        ("text-classification", True, 'luthier predict runs/a "text"'),
    ],
)
def test_a_second_text_is_an_option_of_the_command(name, is_pair, hint):
    task = make_plugin("tasks", Plugin(name=name))
    refuse_other_pair(Path("runs/a"), task, is_pair=not is_pair)
    with pytest.raises(DataError) as caught:
        refuse_other_pair(Path("runs/a"), task, is_pair=is_pair)
    assert caught.value.hint == hint


def test_how_a_file_is_read_is_no_text():
    result = call("predict", "runs/one", "some text", "data.delimiter=;")
    assert result.exit_code == 2
    assert "no --file is given" in result.stderr
    assert "--file in.csv --out predictions.csv data.delimiter=;" in result.stderr


def test_second_texts_of_a_file_are_a_column():
    given = ("--file", "in.csv", "--out", "out.csv", "--pair", "a text")
    result = call("predict", "runs/one", *given)
    assert result.exit_code == 2
    assert "data.columns.text_pair=COLUMN" in result.stderr


def test_one_row_is_given_by_the_names_of_its_inputs():
    roles = ("title", "photo")
    assert row_of(["photo=a=b.jpg", "title="], roles) == {"photo": "a=b.jpg", "title": None}
    for wrong, hint in (
        (["foto=a.jpg"], "--input photo=a.jpg"),
        (["title"], "--input title=VALUE"),
        (["title=a", "title=b"], "--input title=b"),
    ):
        with pytest.raises(DataError) as caught:
            row_of(wrong, roles)
        assert caught.value.hint == hint


def test_one_row_is_given_alone():
    result = call("predict", "runs/one", "a text", "--input", "photo=a.jpg")
    assert result.exit_code == 2
    assert "--input gives one row, alone" in result.stderr

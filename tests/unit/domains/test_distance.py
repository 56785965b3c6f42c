"""`luthier distance`: files of any format, equal lengths, and errors with a fix that works."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.domains.compared_texts import in_equal_amounts, of_equal_length, vocabulary
from luthier.domains.distance import Side, sentences
from luthier.domains.texts import texts_of
from luthier.domains.two_samples import Difference
from luthier.errors import ArgumentError, DataError
from luthier.runs import plain
from luthier.text.words import split_words
from tests.toys import toy_rows, toy_tree, write_csv

NEWS = [f"stocks of company {n} rise and markets fall by {n} points today" for n in range(60)]


@pytest.fixture
def files(tmp_path):
    """Toy rows as a CSV file, and news as lines with a byte order mark, CRLF and an emoji."""
    toys = write_csv(toy_rows("text-classification"), tmp_path / "toys.csv")
    news = tmp_path / "news.txt"
    news.write_bytes(("\r\n".join([*NEWS, "a 🦄 rises today"]) + "\r\n").encode("utf-8-sig"))
    return toys, news


@pytest.fixture
def model(tiny_model):
    return str(tiny_model("bert"))


def few(model, **options):
    return {"model": model, "n_texts": 30, "n_permutations": 99, **options}


def call(*words):
    return CliRunner().invoke(app, ["distance", *map(str, words)])


def test_two_domains_are_apart_and_python_says_what_the_command_says(files, model):
    steps = []
    found = luthier.distance(*files, **few(model, listeners=[steps.append]))
    assert found.proxy_a.value > 1.5
    assert found.proxy_a.p == found.mmd.p == 0.01
    assert found.words_in_common < min(found.first.halves, found.second.halves)
    assert "far apart" in found.meaning[0]
    assert {step.phase for step in steps} == {"reading the texts"}
    asked = ("--model", model, "--texts", 30, "--permutations", 99)
    told = call(*files, *asked, "--json", "--quiet")
    assert json.loads(told.stdout) == plain(asdict(found))
    table = call(*files, *asked).stdout
    assert "toys.csv" in table
    assert "proxy A-distance" in table


def test_halves_of_one_file_are_far_nearer_than_two_domains(files, tmp_path, model):
    shuffled = [NEWS[row] for row in np.random.default_rng(0).permutation(len(NEWS))]
    halves = []
    for half in range(2):
        halves.append(tmp_path / f"half{half}.txt")
        halves[-1].write_text("\n".join(shuffled[half::2]), encoding="utf-8")
    near = luthier.distance(*halves, **few(model, n_permutations=999))
    far = luthier.distance(*files, **few(model, n_permutations=999))
    assert near.proxy_a.p > 0.001 == far.proxy_a.p
    assert near.proxy_a.value < far.proxy_a.value / 2
    assert near.mmd.value < far.mmd.value / 2


def test_what_chance_gives_is_called_no_difference():
    side = Side("a.txt", 30, 5.0, 1.0, 0.0, 0.5, ())
    (first, second) = sentences((side, side), Difference(0.1, 0.0, 0.3, 0.4), 0.5, 0)
    assert "do not tell the two apart" in first
    assert "50% of their words in common" in second


def test_the_same_seed_draws_the_same(files, model):
    assert luthier.distance(*files, **few(model)) == luthier.distance(*files, **few(model))


def test_texts_of_a_recipe_are_those_of_its_training_rows(files, tiny_model, tmp_path):
    tree = toy_tree("text-classification", tiny_model("bert"))
    tree["data"]["train"] = str(files[0])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(tree), encoding="utf-8")
    found = texts_of(recipe)
    whole = texts_of(files[0])
    assert {*found.texts} < {*whole.texts}
    assert luthier.distance(recipe, files[1], n_texts=20, n_permutations=99).model == str(
        tiny_model("bert")
    )


def test_texts_are_cut_to_equal_lengths_and_keep_no_end():
    first = ["One two three four five six .", "Seven eight ."]
    second = ["A b c .", "D e f g h i j k l m n o ."]
    ours, theirs = of_equal_length(first, second)
    lengths = [[len(split_words(text)) for text in one] for one in (ours, theirs)]
    assert lengths[0] == lengths[1] == [2, 6]
    assert not any(text.endswith(".") for text in [*ours, *theirs])


def test_vocabularies_come_from_as_many_words():
    many, few_words = ["a b c d e f g h"] * 50, ["a b"] * 50
    ours, theirs = in_equal_amounts(many, few_words, np.random.default_rng(0))
    counts = [sum(len(split_words(text)) for text in one) for one in (ours, theirs)]
    assert counts == [104, 100]


def test_a_word_of_two_texts_and_the_commonest_words_are_in_no_vocabulary():
    texts = [f"{' '.join(f'common{c}' for c in 'abcdefghij')} rare" for _ in range(2)]
    assert "rare" not in vocabulary(texts)


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        (("toys.csv", "toys.csv"), "no distance to itself", "another file"),
        (("toys.csv", "few.txt"), "20 different texts", "more texts"),
        (("toys.csv", "copy.csv"), "in the other one too", "do not hold the same"),
        (("toys.csv", "news.txt", "--column", "texte"), "called 'texte'", "--column text"),
        (("toys.csv", "absent.csv"), "absent.csv", ""),
        (("toys.csv", "empty.txt"), "", ""),
        (("toys.csv", "news.txt", *(["--column", "text"] * 3)), "one column of each", "--column"),
    ],
)
def test_what_cannot_be_compared_is_refused(words, problem, fix, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.txt").write_text("one text\none text\n" + "another\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    (tmp_path / "copy.csv").write_bytes(files[0].read_bytes())
    refused = call(*words)
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output
    assert problem in refused.output
    assert fix in refused.output


def test_a_column_of_each_file_can_be_named(tmp_path, model):
    rows = {"title": ["x"] * 40, "story": [f"day {n} was long" for n in range(40)]}
    from luthier.records import Rows

    file = write_csv(Rows.of(rows), tmp_path / "stories.csv")
    other = tmp_path / "news.txt"
    other.write_text("\n".join(NEWS), encoding="utf-8")
    found = luthier.distance(file, other, column=["story", "text"], **few(model))
    assert found.first.n_texts == 40


def test_numbers_out_of_range_are_refused(files):
    with pytest.raises(ArgumentError, match="n_texts"):
        luthier.distance(*files, n_texts=3)
    with pytest.raises(DataError):
        luthier.distance(files[0], files[0])

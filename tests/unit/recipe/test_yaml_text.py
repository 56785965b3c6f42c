"""YAML text: scalars of version 1.2, refusals, and messages with line and column."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from luthier.errors import RecipeError
from luthier.recipe.yaml_text import parse_word, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.5E+3", 1500.0),
        ("-3", -3),
        ("0x10", 16),
        (".5", 0.5),
        ("no", "no"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("true", True),
        ("null", None),
        ("", None),
        ("1:30", "1:30"),
        ("010", "010"),
        ("2024-01-02", "2024-01-02"),
        ("Review: #1", "Review: #1"),
        ("@file", "@file"),
    ],
)
def test_a_word_is_read_as_yaml_1_2_has_it(text, value):
    assert parse_word(text) == value
    assert type(parse_word(text)) is type(value)


def test_places_name_the_line_of_every_path():
    content, places = parse_yaml("\ufeffa: 1\nb:\n  c: [x,\n      y]\n", name="r.yaml")
    assert content == {"a": 1, "b": {"c": ["x", "y"]}}
    assert places == {"a": "r.yaml:1", "b": "r.yaml:2", "b.c": "r.yaml:3"} | {
        "b.c.0": "r.yaml:3",
        "b.c.1": "r.yaml:4",
    }


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a: 1\n\tb: 2\n", "r.yaml:2:1", "spaces"),
        ("a:\n  b: 1\n c: 2\n", "r.yaml:3:2", "indented"),
        ('a: "open\nb: 2\n', "r.yaml:1:4", "quotes"),
        ("a: [1, 2\nb: 3\n", "r.yaml:1:4", "brackets"),
        ("a: 1\nb: 2\na: 3\n", "r.yaml:3:1", "keep one of the two"),
        ("a: &x [1]\nb: *x\n", "r.yaml:2:4", "plain value"),
        ("a: !!python/object/apply:os.system [ls]\n", "r.yaml:1:4", "plain value"),
        ("a: !!int x\n", "r.yaml:1:4", ""),
    ],
)
def test_what_is_not_a_recipe_in_yaml_is_told_by_line_and_column(text, place, hint):
    with pytest.raises(RecipeError) as error:
        parse_yaml(text, name="r.yaml")
    assert error.value.problem.startswith(place)
    assert hint in (error.value.hint or "")


@pytest.mark.parametrize("text", ["a: \x00", "[" * 5000, "{" * 3000])
def test_hostile_text_ends_in_a_recipe_error(text):
    with pytest.raises(RecipeError):
        parse_yaml(text, name="r.yaml")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_but_never_crashes(text):
    with contextlib.suppress(RecipeError):
        parse_yaml(text, name="r.yaml")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(values)
def test_numbers_lists_and_mappings_written_by_pyyaml_read_back_equal(value):
    assert parse_yaml(yaml.safe_dump(value), name="r.yaml")[0] == value


def test_what_is_changed_in_a_recipe_is_not_in_the_next_reading_of_it():
    text = "data: {columns: [a]}\n"
    content, places = parse_yaml(text, name="r.yaml")
    content["data"]["columns"].append("b")
    places.clear()
    assert parse_yaml(text, name="r.yaml") == (
        {"data": {"columns": ["a"]}},
        {"data": "r.yaml:1", "data.columns": "r.yaml:1", "data.columns.0": "r.yaml:1"},
    )

"""A table is one record: rounded for people, exact for programs, escaped where it is needed."""

import csv
import io
import json

import pytest

from luthier.cli.tables import Column, Layout, Table, chosen, print_table, to_latex
from luthier.errors import RecipeError

TABLE = Table(
    (
        Column("system", lambda row: str(row["system"])),
        Column("accuracy [95% interval]", lambda row: f"{row['value']:.3f}", is_number=True),
    ),
    [
        {"system": "=cmd|'/c calc'!A1", "value": 0.1 + 0.2},
        {"system": r"a_b & {c} $5 100 % #1 ~x ^y \z <w>" + "\x1b[2J\n", "value": float("nan")},
    ],
    title="On 18 test rows",
)


def printed(capsys, layout, **options):
    print_table(TABLE, layout, **options)
    return capsys.readouterr().out


def test_people_read_rounded_numbers_a_title_and_notes(capsys):
    shown = printed(capsys, Layout.TABLE, notes=["they [b] differ"])
    assert "On 18 test rows" in shown
    assert "accuracy [95% interval]" in shown
    assert "0.300" in shown
    assert "• they [b] differ" in shown
    assert "\x1b" not in shown


def test_json_is_exact_and_strict(capsys):
    rows = json.loads(printed(capsys, Layout.JSON, notes=["x"]), parse_constant=pytest.fail)
    assert rows[0]["value"] == 0.1 + 0.2
    assert rows[1]["value"] is None
    assert rows[1]["system"] == TABLE.rows[1]["system"]


def test_json_holds_the_whole_record_where_there_is_one(capsys):
    said = json.loads(printed(capsys, Layout.JSON, record={"scores": TABLE.rows, "n": 18}))
    assert list(said) == ["scores", "n"]


def test_csv_is_exact_and_no_cell_is_a_formula(capsys):
    first, second = csv.DictReader(io.StringIO(printed(capsys, Layout.CSV)))
    assert float(first["value"]) == 0.1 + 0.2
    assert first["system"].startswith("'=")
    assert second["value"] == ""


def test_latex_acts_on_nothing_in_a_cell():
    *_, second, _, _ = to_latex(TABLE).splitlines()
    assert second == (
        r"a\_b \& \{c\} \$5 100 \% \#1 \textasciitilde{}x \textasciicircum{}y "
        r"\textbackslash{}z \textless{}w\textgreater{}␛{[}2J & nan \\"
    )


def test_a_table_without_rows_is_whole_in_every_layout(capsys):
    empty = Table(TABLE.columns, [])
    for layout in Layout:
        print_table(empty, layout)
    said = capsys.readouterr().out
    assert "[]" in said
    assert r"\end{tabular}" in said


def test_two_formats_at_once_are_refused():
    assert chosen(None, as_json=True) is chosen(Layout.JSON, as_json=True) is Layout.JSON
    assert chosen(None, as_json=False) is Layout.TABLE
    with pytest.raises(RecipeError, match="Choose one format"):
        chosen(Layout.CSV, as_json=True)

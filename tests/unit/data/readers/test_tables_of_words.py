"""Tables with a word and its tag a row, in which blank lines part sentences."""

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError
from luthier.first_recipe import first_recipe

NER = [("Ada", "B-PER"), ('"', "O"), (",", "O"), ("Rome", "B-LOC")]
POS = [("Ada", "NOUN"), ("sees", "VERB"), ("Rome", "NOUN"), (".", "PUNCT")]


def write(path, rows, mark, header=(), quotes=False):
    def cell(one):
        return '"' + one.replace('"', '""') + '"' if quotes and one in ',;"' else one

    line = mark.join(header) + "\n" if header else ""
    sentence = "".join(f"{cell(word)}{mark}{tag}\n" for word, tag in rows)
    path.write_text(line + "\n".join([sentence] * 12))
    return str(path)


@pytest.mark.parametrize("rows", [NER, POS])
@pytest.mark.parametrize("header", [(), ("word", "tag"), ("Token", "Label")])
@pytest.mark.parametrize(
    ("name", "mark", "quotes"),
    [
        ("a.csv", ",", True),
        ("a.csv", ",", False),
        ("a.csv", ";", True),
        ("a.tsv", "\t", False),
        ("a.tsv", " ", False),
        ("a.csv", " ", False),
    ],
)
def test_they_become_sentences(tmp_path, rows, header, name, mark, quotes):
    source = write(tmp_path / name, rows, mark, header, quotes)
    made = first_recipe(source, folder=tmp_path)
    assert made.tree["task"]["name" if isinstance(made.tree["task"], dict) else slice(None)] == (
        "token-classification"
    )
    data = made.tree["data"]
    assert data["format"] == "conll"
    assert data.get("header") == ("first" if header else None)
    read_rows, _ = read(source, columns=data["columns"], format="conll", header=data.get("header"))
    assert read_rows["tokens"] == [[word for word, _ in rows]] * 12
    assert read_rows["tags"] == [[tag for _, tag in rows]] * 12
    assert not [one for one in made.unsure if "refuse" in one]


def test_without_blank_lines_the_hint_says_to_put_them(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{word}\t{tag}\n" for word, tag in POS * 12))
    with pytest.raises(DataError) as caught:
        first_recipe(str(path), folder=tmp_path)
    assert "blank line after each sentence" in caught.value.hint


def test_texts_with_blank_lines_stay_a_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "text,label\n" + "\n".join(f"It was day {n}.,{'ab'[n % 2]}\n" for n in range(40))
    )
    assert "format" not in first_recipe(str(path), folder=tmp_path).tree["data"]

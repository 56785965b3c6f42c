"""Quotes and first lines that are misread are reported, and what is proposed reads them right."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

from luthier.data.readers.form import FORMATS, MisreadError
from luthier.data.readers.propose_form import read_as_proposed
from luthier.data.readers.read import read, read_and_check
from luthier.errors import DataError
from luthier.recipe.tree import Data, Evaluation

TEXTS = [
    f"the {thing} on day {n} was fine" for n, thing in enumerate(["film", "song", "meal"] * 12)
]
LABELS = ["good", "bad", "odd"] * 12


def table(tmp_path, texts, delimiter="\t", labels=LABELS, header="text{}label", name="a.tsv"):
    lines = [header.format(delimiter)] if header else []
    lines += [f"{text}{delimiter}{label}" for text, label in zip(texts, labels, strict=True)]
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / name


def with_quotes(*at):
    return [f'"{text}' if n in at else text for n, text in enumerate(TEXTS)]


def propose_form(path):
    return read_as_proposed(path)[2]


def codes(path, **form):
    return [(one.code, one.severity) for one in read_and_check(path, **form)[2]]


@pytest.mark.parametrize("delimiter", ["\t", ",", ";", "|"])
def test_lines_that_a_cell_swallows_are_counted(tmp_path, delimiter):
    texts = with_quotes(5)
    texts[20] += '"'
    path = table(tmp_path, texts, delimiter)
    rows, _, (found,) = read_and_check(path)
    assert len(rows) == 36 - 15
    assert (found.code, found.severity, found.count) == ("swallowed-lines", "error", 15)
    assert "15 lines" in found.message
    assert found.places == ("a.tsv:7",)
    assert found.fix == "data.quoting=none"
    assert propose_form(path) == {"quoting": "none"}
    assert read(path, quoting="none")[0]["text"] == texts


def test_a_cell_that_ends_where_another_begins_is_reported_too(tmp_path):
    path = table(tmp_path, with_quotes(5, 20))
    assert codes(path) == [("swallowed-lines", "error")]
    assert propose_form(path) == {"quoting": "none"}


def test_a_single_quote_in_the_file_names_the_way_to_read_it(tmp_path):
    path = table(tmp_path, with_quotes(30))
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.hint == "data.quoting=none"
    assert len(read(path, **propose_form(path))[0]) == 36


def test_two_columns_of_texts_are_only_suspected(tmp_path):
    texts = with_quotes(5)
    texts[20] += '"'
    path = table(tmp_path, texts, labels=[f"der {n}. Film war gut" for n in range(36)])
    (found,) = read_and_check(path)[2]
    assert (found.severity, found.count) == ("warning", 15)
    assert found.fix == "data.quoting=none, or data.quoting=doubled if these cells are right"
    assert propose_form(path) == {}


@pytest.mark.parametrize(
    "cell",
    [
        "First line\nsecond line",
        "Dear Sir,\nI write to you\n\nYours, A.",
        "one, two\nthree, four\nfive, six\nseven, eight",
        'He said ""no"", then\nleft, I think\n',
    ],
)
def test_quoted_cells_of_several_lines_are_silent(tmp_path, cell):
    texts = [f'"{cell} {n}"' for n in range(36)]
    path = table(tmp_path, texts, ",", name="a.csv")
    rows, notes, found = read_and_check(path)
    assert (len(rows), notes, found) == (36, [], [])
    assert propose_form(path) == {}


def test_the_user_may_say_that_quotes_are_right(tmp_path):
    path = table(tmp_path, with_quotes(5, 20))
    assert codes(path, quoting="doubled") == []


@pytest.mark.parametrize("text", ['he said \\"yes, sure\\"', '\\"Yes\\", he said', 'a \\"b\\" c'])
def test_quotes_may_be_escaped_by_backslashes(tmp_path, text):
    texts = [f'"{text}"' if n % 9 == 4 else f'"{one}"' for n, one in enumerate(TEXTS)]
    path = table(tmp_path, texts, ",", name="a.csv")
    rows, notes, found = read_and_check(path)
    assert rows["text"][4] == text.replace("\\", "")
    assert notes == ["a.csv: quotes are escaped by backslashes"]
    assert found == []
    assert read(path, quoting="backslash")[0]["text"] == rows["text"]


def test_other_backslashes_stay(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"C:\\new \\"x\\", \\n",a\n"D:\\x",b\n')
    rows, _ = read(tmp_path / "a.csv", quoting="backslash")
    assert rows["text"][0] == 'C:\\new "x", \\n'
    (tmp_path / "b.csv").write_text('text,label\n"C:\\",a\n"D:\\",b\n')
    assert read(tmp_path / "b.csv")[0]["text"] == ["C:\\", "D:\\"]


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (TEXTS, LABELS),
        (TEXTS, [str(n % 2) for n in range(36)]),
        (TEXTS, [str(n) for n in range(36)]),
        ([f"So it is {n}!" for n in range(36)], [f"Es ist {n}!" for n in range(36)]),
        (["Go."] + [f"Come home in {n} days." for n in range(35)], LABELS),
    ],
)
def test_a_first_line_that_is_a_row_is_reported(tmp_path, texts, labels):
    path = table(tmp_path, texts, labels=labels, header="")
    rows, _, (found,) = read_and_check(path)
    assert (found.code, found.severity, len(rows)) == ("no-header", "warning", 35)
    assert "data.header=none" in found.fix
    assert codes(path, header="first") == []
    assert propose_form(path) == {"header": "none"}
    rows, _ = read(path, columns={"text": "1", "label": "2"}, header="none")
    assert (rows["text"], rows["label"], rows.lines[0]) == (texts, labels, 1)
    assert read(path, header=["body", "stars"])[0]["stars"] == labels


def test_a_first_row_with_equal_cells_is_no_wrong_header(tmp_path):
    lines = [f"{n % 2}\t{n % 2}\t{text}" for n, text in enumerate(TEXTS)]
    (tmp_path / "a.tsv").write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.tsv")
    assert caught.value.hint == "data.header=none"
    assert propose_form(tmp_path / "a.tsv") == {"header": "none"}


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("text{}label", LABELS),
        ("What did you think of the film?{}Do you like films?", LABELS),
        ("text{}good", LABELS),
        ("0{}1", [str(n % 2) for n in range(36)]),
        ("a review of a film{}0", LABELS),
        ("{}label", LABELS),
    ],
)
def test_a_header_is_a_header(tmp_path, header, labels):
    path = table(tmp_path, TEXTS, labels=labels, header=header)
    assert codes(path) == []
    assert propose_form(path) == {}


def test_both_can_be_wrong_at_once(tmp_path):
    path = table(tmp_path, with_quotes(5, 20), header="")
    assert propose_form(path) == {"quoting": "none", "header": "none"}
    assert len(read(path, **propose_form(path))[0]) == 36


def test_names_must_be_as_many_as_columns(tmp_path):
    with pytest.raises(DataError, match="than the first row, which has 3"):
        read(table(tmp_path, TEXTS), header=["a", "b", "c"])


def test_files_of_any_name_are_read_as_told(tmp_path):
    (tmp_path / "eng.testa").write_text("U.N. B-ORG\nofficial O\n\nPeter B-PER\n")
    rows, _ = read(tmp_path / "eng.testa", format="conll")
    assert rows["tokens"] == [["U.N.", "official"], ["Peter"]]
    path = table(tmp_path, TEXTS, "@", name="a.txt")
    assert read(path, delimiter="@")[0]["label"] == LABELS
    assert list(read(path)[0].columns) == ["text"]
    (tmp_path / "a.txt").unlink()
    assert list(read(tmp_path, format="conll")[0].columns) == ["tokens", "tags"]


def test_a_recipe_names_the_formats_that_there_are():
    schema = Data.model_json_schema()["properties"]["format"]["anyOf"][0]
    assert tuple(schema["enum"]) == FORMATS


def test_columns_without_a_name_are_numbers_in_a_recipe():
    data = Data.model_validate({"train": "a.csv", "header": "none", "columns": {"text": 1}})
    assert data.columns == {"text": "1"}


def test_quotes_around_a_word_are_kept_where_quotes_are_ordinary(tmp_path):
    texts = [f'"Great" is what {n} said' if n % 12 == 3 else TEXTS[n] for n in range(36)]
    path = table(tmp_path, texts)
    assert read(path)[1] == [
        "a.tsv: line 5 has a quote inside a quoted cell that is not doubled; "
        "data.quoting=none keeps such quotes"
    ]
    assert read(path, **propose_form(path))[0]["text"] == texts


@pytest.mark.parametrize("header", ["", "text{}label"])
@pytest.mark.parametrize("mark", ["@", "\t", "|", ";", ","])
def test_lines_of_texts_with_labels_are_a_table(tmp_path, mark, header):
    texts = [f"{text} or so{mark if n % 5 == 0 else ''} they say" for n, text in enumerate(TEXTS)]
    texts = TEXTS if mark == "\t" else texts
    path = table(tmp_path, texts, mark, header=header, name="a.txt")
    if mark == "," and header:
        return  # a header without a comma in it, above texts that have some, is not told
    form = propose_form(path)
    rows, _ = read(path, **form)
    assert list(rows.columns.values()) == [texts, LABELS] or tuple(
        map(list, rows.columns.values())
    ) == (texts, LABELS)
    assert form["delimiter"] == {"\t": "tab"}.get(mark, mark)


def test_labels_may_stand_before_the_texts(tmp_path):
    path = table(
        tmp_path,
        LABELS,
        "@",
        labels=[text.replace("film", "@home") for text in TEXTS],
        header="",
        name="a.txt",
    )
    rows, _ = read(path, **propose_form(path))
    assert (list(rows["1"]), rows["2"][0]) == (LABELS, "the @home on day 0 was fine")


@pytest.mark.parametrize(
    "lines",
    [
        TEXTS,
        [f"Roses are red, violets are blue, line {n}" for n in range(30)],
        ["Hello, world", "Bye, world"] * 2,
        [f"write to me{n}@example{n}.org" for n in range(30)],
    ],
)
def test_prose_is_no_table(tmp_path, lines):
    (tmp_path / "a.txt").write_text("\n".join(lines))
    assert propose_form(tmp_path / "a.txt") == {}
    assert read(tmp_path / "a.txt")[0]["text"] == lines


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"text": "a"}\n{"text": "b"}\n', "jsonl"),
        ('[{"text": "a"}, {"text": "b"}]', "json"),
        ("U.N. NNP B-ORG\nofficial NN O\n\nPeter NNP B-PER\n" * 4, "conll"),
        ("a word\tlabel\n" * 9, "tsv"),
        ("some prose\nand more\n" * 9, "text"),
        ('<?xml version="1.0"?>\n<tmx version="1.4"><body/></tmx>', "tmx"),
    ],
)
def test_the_format_is_told_by_the_content_where_the_name_does_not(tmp_path, content, kind):
    (tmp_path / "eng.testa").write_text(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "eng.testa")
    assert caught.value.hint == f"data.format={kind}"


def test_files_that_can_run_code_are_never_proposed(tmp_path):
    (tmp_path / "a.pkl").write_text("text\tlabel\n" * 9)
    with pytest.raises(DataError, match="cannot be read") as caught:
        read(tmp_path / "a.pkl")
    assert "data.format" not in caught.value.hint


def test_columns_without_a_name_group_and_slice_rows():
    data = Data.model_validate({"train": "a.csv", "split": {"group_by": 3}})
    assert data.split.group_by == "3"
    assert Evaluation.model_validate({"slices": [3, "kind"]}).slices == ("3", "kind")


@pytest.mark.parametrize("seed", range(40))
def test_no_line_is_lost_in_silence(tmp_path, seed):
    random = Random(seed)
    delimiter, n_rows = random.choice("\t,;|"), random.randint(20, 36)
    texts, labels = TEXTS[:n_rows], LABELS[:n_rows]
    for row in random.sample(range(n_rows - 6), random.randint(1, 5)):
        texts = [f'"{text}' if n == row else text for n, text in enumerate(texts)]
    if random.random() < 0.5:
        texts = [f'{text}"' if n == n_rows - 3 else text for n, text in enumerate(texts)]
    path = table(tmp_path, texts, delimiter, labels)
    findings = []
    with suppress(MisreadError):
        rows, _, findings = read_and_check(path)
        assert len(rows) == n_rows or [one.code for one in findings] == ["swallowed-lines"]
    if not any(one.severity == "warning" for one in findings):
        assert read_as_proposed(path)[0]["text"] == texts

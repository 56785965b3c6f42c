"""Translation memories become columns by language; hostile XML is refused with its place."""

from __future__ import annotations

import pytest

from luthier.data.readers.delimited import Table
from luthier.data.readers.read import read
from luthier.data.readers.tmx import parse_tmx
from luthier.errors import DataError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n'
BOMB = (
    '<!DOCTYPE tmx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>\n'
    '<tmx><body><tu><tuv xml:lang="en"><seg>&c;</seg></tuv></tu></body></tmx>'
)
FILE = BOMB.replace('<!ENTITY a "ha">', '<!ENTITY a SYSTEM "file:///etc/passwd">')
OUTSIDE = BOMB.replace('<!ENTITY a "ha">', '<!ENTITY % p SYSTEM "http://a.b/c"> %p;')


def tu(**texts: str) -> str:
    variants = "".join(
        f'<tuv xml:lang="{language.replace("_", "-")}"><seg>{text}</seg></tuv>\n'
        for language, text in texts.items()
    )
    return f'<tu tuid="1">\n<note>no text</note>{variants}</tu>\n'


def tmx(*units: str) -> str:
    return f'{HEAD}<tmx version="1.4"><header srclang="en"/><body>\n{"".join(units)}</body></tmx>'


def parse(text: str) -> Table:
    return parse_tmx(text, name="a.tmx")


def refused(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse(text)
    assert caught.value.received
    assert caught.value.hint
    return caught.value


def test_a_unit_is_a_row_and_a_language_a_column():
    table = parse(tmx(tu(en="One &amp; two.", de="Eins &#38; zwei."), tu(en="Two.", de="Zwei.")))
    assert table.columns == {"en": ["One & two.", "Two."], "de": ["Eins & zwei.", "Zwei."]}
    assert table.lines == [4, 8]
    assert table.notes == ()


def test_a_language_that_a_unit_lacks_is_none():
    table = parse(tmx(tu(en_US="a", de="b"), tu(en="c", de=""), tu(), tu(de="d")))
    assert table.columns == {
        "en-us": ["a", None, None],
        "de": ["b", "", "d"],
        "en": [None, "c", None],
    }
    assert table.notes == (
        "1 units without text skipped",
        "2 rows without en-us",
        "2 rows without en",
    )


def test_old_files_say_lang_and_the_first_of_two_texts_is_kept():
    old = '<tu><tuv lang="EN"><seg>a</seg></tuv><tuv lang="en"><seg>b</seg></tuv></tu>'
    table = parse(tmx(old))
    assert table.columns == {"en": ["a"]}
    assert table.notes == ("1 further texts in the same language of a unit dropped",)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('Press <bpt i="1">&lt;b></bpt>OK<ept i="1">&lt;/b></ept>!', "Press OK!"),
        ('a<ph x="1">{0}</ph> b<it pos="begin">{</it> c<ut>\\x</ut>', "a b c"),
        ("<hi>One <hi>and</hi></hi> <b>two</b>", "One and two"),
        ("a <ph><sub>alt text</sub></ph>b", "a b"),
        ("a<!-- not this -->b<?nor this?>c<![CDATA[<d>]]>", "abc<d>"),
        ("\n   a\n  b \n", "a\n  b"),
    ],
)
def test_codes_go_and_marked_words_stay(written, text):
    assert parse(tmx(tu(en=written))).columns == {"en": [text]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("stated", ["", "UTF-8", "utf-16", "windows-1252"])
def test_any_encoding_is_read_whatever_the_file_says(tmp_path, encoding, stated):
    declared = f'<?xml version="1.0" encoding="{stated}"?>' if stated else ""
    text = declared + tmx(tu(en="naïve café", de="größer")).removeprefix(HEAD).replace("\n", "\r\n")
    path = tmp_path / "a.tmx"
    path.write_bytes(text.encode(encoding))
    rows, _ = read(path)
    assert rows["en"] == ["naïve café"]


@pytest.mark.parametrize("attack", [BOMB, FILE, OUTSIDE])
def test_entities_are_not_read(attack):
    error = refused(attack)
    assert error.problem.startswith("a.tmx:1: entities are defined")
    assert "root:" not in str(error)


def test_an_entity_of_a_dtd_elsewhere_is_unknown():
    assert "undefined entity &nbsp;" in refused(tmx(tu(en="a&nbsp;b"))).received


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("<tmx>\n<body>\n  <tu></body></tmx>", "a.tmx:3:9:"),
        ("<tmx>\n a & b</tmx>", "a.tmx:2:5:"),
        ("<tmx><body>", "a.tmx:1:12:"),
        ("no XML", "a.tmx:1:1:"),
        ("<tmx>\0</tmx>", "a.tmx:1:6:"),
        ("<tmx/><tmx/>", "a.tmx:1:7:"),
    ],
)
def test_malformed_xml_is_named_by_line_and_column(text, place):
    assert refused(text).problem == f"{place} this is not well-formed XML."


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (tmx(), "no texts"),
        (tmx(tu(en="")), "no texts"),
        ("<map><tu/></map>", "is not TMX"),
        (tmx("<tu>\n<tuv><seg>a</seg></tuv></tu>"), "a.tmx:5: a text has no language"),
        ("<tmx>\udc80</tmx>", "cannot be read"),
    ],
)
def test_files_without_texts_are_refused(text, word):
    assert word in refused(text).problem


def test_deep_files_do_no_harm():
    deep = "<hi>" * 100_000 + "a" + "</hi>" * 100_000
    assert parse(tmx(tu(en=deep))).columns == {"en": ["a"]}
    assert parse(tmx("<tu>" * 5000 + tu(en="b") + "</tu>" * 5000)).columns == {"en": ["b"]}

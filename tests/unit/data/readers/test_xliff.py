"""XLIFF of both versions becomes columns by language, and what is not translated is None."""

from __future__ import annotations

import pytest

from luthier.data.readers.delimited import Table
from luthier.data.readers.read import read
from luthier.data.readers.xliff import parse_xliff
from luthier.errors import DataError

NAMESPACE = "urn:oasis:names:tc:xliff:document"


def unit(source: str, target: str | None = None, extra: str = "", attributes: str = "") -> str:
    translated = "" if target is None else f"<target>{target}</target>"
    return (
        f'<trans-unit id="1"{attributes}>\n<source>{source}</source>{translated}{extra}'
        "</trans-unit>\n"
    )


def file(*units: str, languages: str = 'source-language="en-US" target-language="de"') -> str:
    inside = "".join(units)
    return f'<file original="a" {languages}><header/><body><group>{inside}</group></body></file>'


def version_1(*files: str) -> str:
    inside = "".join(files)
    return f'<xliff version="1.2" xmlns="{NAMESPACE}:1.2" xmlns:sdl="http://s">\n{inside}</xliff>'


def version_2(*units: str, languages: str = 'srcLang="en" trgLang="fr"') -> str:
    inside = "".join(units)
    return (
        f'<xliff version="2.0" xmlns="{NAMESPACE}:2.0" {languages}>\n'
        f'<file id="f">{inside}</file></xliff>'
    )


def parse(text: str) -> Table:
    return parse_xliff(text, name="a.xlf")


def refused(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse(text)
    assert caught.value.received
    assert caught.value.hint
    return caught.value


def test_version_1_has_a_row_for_each_unit():
    table = parse(version_1(file(unit("One.", "Eins."), unit("Two.", "Zwei."))))
    assert table.columns == {"en-us": ["One.", "Two."], "de": ["Eins.", "Zwei."]}
    assert table.lines == [2, 4]
    assert table.notes == ()


def test_version_2_has_a_row_for_each_segment():
    table = parse(
        version_2(
            '<group><unit id="1"><segment><source>One.</source><target>Un.</target></segment>\n'
            "<ignorable><source> </source></ignorable>"
            "<segment><source>Two.</source></segment></unit></group>"
        )
    )
    assert table.columns == {"en": ["One.", "Two."], "fr": ["Un.", None]}
    assert table.lines == [2, 3]
    assert table.notes == ("1 rows without fr",)


def test_what_is_not_translated_is_none():
    table = parse(version_1(file(unit("a"), unit("b", ""), unit("c", '<x id="1"/>'))))
    assert table.columns == {"en-us": ["a", "b", "c"], "de": [None, None, None]}


def test_files_of_several_languages_share_columns():
    other = file(unit("c", "d"), languages='source-language="en-US" target-language="FR"')
    table = parse(version_1(file(unit("a", "b")), other))
    assert table.columns == {"en-us": ["a", "c"], "de": ["b", None], "fr": [None, "d"]}


def test_suggestions_and_what_is_not_to_be_translated_are_left_out():
    suggestion = "<alt-trans><source>x</source><target>y</target></alt-trans><note>z</note>"
    table = parse(version_1(file(unit("a", "b", suggestion), unit("c", "", "", ' translate="no"'))))
    assert table.columns == {"en-us": ["a"], "de": ["b"]}
    assert table.notes == ("1 units marked translate=no dropped",)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('<g id="1">One <mrk mtype="seg" mid="1">and</mrk></g> two', "One and two"),
        ('a<x id="1"/> b<bx id="2"/> c<ex id="2"/>', "a b c"),
        ('a<bpt id="1">{b}</bpt>b<ept id="1">{/b}</ept><ph id="2">%s</ph><it>i</it>', "ab"),
    ],
)
def test_codes_of_version_1_go_and_marked_words_stay(written, text):
    assert parse(version_1(file(unit(written, written)))).columns == {"en-us": [text], "de": [text]}


def test_codes_of_version_2_go_and_marked_words_stay():
    written = (
        '<pc id="1">One <mrk id="m">and</mrk></pc> <ph id="2"/><sc id="3"/>two<ec/><cp hex="1"/>'
    )
    table = parse(version_2(f"<unit><segment><source>{written}</source></segment></unit>"))
    assert table.columns["en"] == ["One and two"]


@pytest.mark.parametrize("ending", [".xlf", ".xliff", ".sdlxliff"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding_is_read(tmp_path, ending, encoding):
    path = tmp_path / f"a{ending}"
    text = version_1(file(unit("naïve café", "größer"))).replace("\n", "\r\n")
    path.write_bytes(text.encode(encoding))
    rows, _ = read(path, columns={"text": "en-us", "target": "de"})
    assert dict(rows.columns) == {"text": ["naïve café"], "target": ["größer"]}
    assert rows.where(0) == f"{path}:2"


def test_a_language_may_stand_at_the_text():
    text = version_1(
        file("<trans-unit><source xml:lang='EN'>a</source></trans-unit>", languages="")
    )
    assert parse(text).columns == {"en": ["a"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (version_1(file(unit("a"), languages="")), ["a.xlf:3:", "language", "source-language"]),
        (
            version_1(file(unit("a", "b"), languages='source-language="en"')),
            ["a.xlf:3:", "target-language"],
        ),
        (
            version_1(file(unit("a", "b"), languages='source-language="x" target-language="X"')),
            ["a.xlf:2:", "same language"],
        ),
        (version_1(file()), ["no texts"]),
        (version_1(file(unit(""))), ["no texts"]),
        ("<html/>", ["is not XLIFF", "<html>"]),
        ("<xliff>\n<file></xliff>", ["a.xlf:2:9:", "well-formed"]),
        ('<!DOCTYPE xliff [<!ENTITY a "b">]><xliff/>', ["a.xlf:1:", "entities"]),
        ("", ["empty"]),
    ],
)
def test_files_that_do_not_fit_are_named(text, words):
    error = refused(text)
    for word in words:
        assert word in str(error)

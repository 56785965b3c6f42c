"""No character of a name or a cell reaches a terminal that would colour, hide or turn things."""

import json
import unicodedata

import pytest

from luthier.cli.tables import Column, Layout, Table, print_table
from luthier.cli.visible import escaped, visible

CODES = [
    *(0x00, 0x07, 0x08, 0x0B, 0x0C, 0x0D, 0x1B, 0x7F, 0x85, 0x90, 0x9B, 0x9D),
    *(0x061C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF, 0xE0041, 0xD800),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
]
KINDS = ("Cc", "Cf", "Cs", "Zl", "Zp")


@pytest.mark.parametrize("code", CODES, ids=hex)
@pytest.mark.parametrize("layout", [Layout.TABLE, Layout.JSON, Layout.LATEX])
def test_no_hostile_character_is_printed(code, layout, capsys):
    name = f"a{chr(code)}b"
    table = Table([Column(name, lambda row: row["name"])], [{"name": name}], title=name)
    print_table(table, layout, record={name: name} if layout is Layout.JSON else None)
    said = capsys.readouterr().out
    assert not [sign for sign in said if sign != "\n" and unicodedata.category(sign) in KINDS]
    if layout is Layout.JSON:
        assert json.loads(said) == {name: name}


def test_letters_and_emoji_stay():
    for text in ("Zoë 東京 नमस्ते", "👩\u200d🔬", "می\u200cخواهم", "a\tb\nc"):
        assert visible(text) == escaped(text) == text

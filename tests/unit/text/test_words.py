"""Texts are cut into words in any script."""

import time

import pytest

from luthier.text.words import split_words, word_range, words_around


def words(text):
    return [text[first:past] for first, past in split_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada's  e-mail, v2_b!", ["Ada", "'", "s", "e", "-", "mail", ",", "v2_b", "!"]),
        ("", []),
        (" \t\n\r\n\u00a0\u3000", []),
        ("北京大学abc", ["北", "京", "大", "学", "abc"]),
        ("コーヒー飲む", ["コ", "ー", "ヒ", "ー", "飲", "む"]),
        ("ユーザーID", ["ユ", "ー", "ザ", "ー", "ID"]),
        ("か\u3099く", ["か\u3099", "く"]),
        ("ภาษาไทย", ["ภ", "า", "ษ", "า", "ไ", "ท", "ย"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("اللُّغَة العَرَبِيَّة", ["اللُّغَة", "العَرَبِيَّة"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("п\u02bcять", ["п\u02bcять"]),
        ("👨‍👩‍👧👍🏽🇩🇪🇫🇷", ["👨‍👩‍👧", "👍🏽", "🇩🇪", "🇫🇷"]),
        ("hi👍🏽there", ["hi", "👍🏽", "there"]),
        ("a\u200d👩b", ["a\u200d", "👩", "b"]),
        ("5 °C=41°F", ["5", "°", "C", "=", "41", "°", "F"]),
    ],
)
def test_words_of_many_scripts(text, expected):
    assert words(text) == expected


def test_words_are_cut_at_the_borders_of_spans():
    text = "Nordkorea-Krise"
    assert split_words(text) == [(0, 9), (9, 10), (10, 15)]
    assert words_around(text, [(4, 9), (0, 9), (9, 15)]) == [(0, 4), (4, 9), (9, 10), (10, 15)]


def test_borders_in_blanks_cut_nothing():
    assert words_around("a  b", [(1, 2), (0, 4)]) == [(0, 1), (3, 4)]


def test_blanks_that_a_border_cuts_off_are_no_word():
    assert split_words(" \u0301") == [(0, 2)]  # one sign: a mark on a blank
    assert words_around(" \u0301", [(1, 2)]) == [(1, 2)]


def test_the_words_between_two_characters_are_found():
    three = [(0, 3), (4, 7), (8, 9)]
    assert word_range(three, 0, 9) == (0, 3)
    assert word_range(three, 3, 8) == (1, 2)
    assert word_range(three, 7, 8) == (2, 2)  # none
    assert word_range(three, 5, 6) == (2, 2)  # only a part of one
    assert word_range([], 0, 1) == (0, 0)


def test_a_long_text_is_cut_in_linear_time():
    started = time.perf_counter()
    assert len(split_words("Ada went, 北京 👍🏽 " * 20_000)) == 120_000
    assert len(split_words("a" * 500_000 + "\u0301" * 500_000)) == 1
    assert time.perf_counter() - started < 5

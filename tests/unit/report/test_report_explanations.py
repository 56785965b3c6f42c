"""Explanations are drawn word by word: by places, in two signs, and nothing in them runs."""

import re
from html import unescape

import pytest

from luthier.report.explanations import decision_view, draw, matrix, page, row_view
from tests.torture.inert import Strict, payloads
from tests.unit.report.fake_run import HOSTILE, explained


def laid_out(*rows):
    return page(rows, title="a run", target="predicted")


def words_in(html):
    """Give (sign, value, text) of the words that are drawn."""
    drawn = r'<span class="w (\w+)[^"]*" style="--s:[\d.]+" title="([^"]*)">([^<]*)</span>'
    return [(sign, value, unescape(text)) for sign, value, text in re.findall(drawn, html)]


def texts_in(html):
    """Give the texts as they are read, with their words."""
    found = re.findall(r'<div class="read" dir="auto">(.*?)</div>', html, flags=re.DOTALL)
    return [unescape(re.sub("<[^>]*>", "", one)) for one in found]


def test_words_are_told_apart_by_place_and_not_by_how_they_are_written():
    one = explained({"text": "no, no good no"}, "bad")
    for word, value in zip(one["words"], (1.0, 0.5, -0.7, 0.2, 0.01), strict=True):
        word["value"] = value
    drawn = words_in(draw([one]))
    assert drawn == [
        ("for", "+1.00", "no"),
        ("for", "+0.50", ","),
        ("against", "−0.70", "no"),
        ("for", "+0.20", "good"),
        ("none", "+0.01", "no"),
    ]


def test_signs_differ_in_more_than_their_colours():
    html = laid_out([explained({"text": "a b"}, "x")])
    rules = {
        sign: re.search(rf"\.why \.w\.{sign} {{([^}}]*: underline[^}}]*)}}", html)[1]
        for sign in ("for", "against")
    }
    assert "underline solid" in rules["for"]
    assert "underline dashed" in rules["against"]
    assert re.findall(r'<td class="n">([+−][^<]*)</td>', html) == ["+2.00", "−1.00"]


def test_texts_are_kept_as_they_are():
    text = '   three blanks,\r\n<b>not bold</b>\t& a "quote"'
    html = laid_out([explained({"text": text}, "x")])
    assert texts_in(html) == [text]
    assert re.search(r"\.why \.read {[^}]*white-space: pre-wrap", html)


def test_signs_that_turn_a_text_around_are_shown_and_other_texts_run_their_own_way():
    turned, hebrew = "abc \u202efed\u2066 \x1b[31m\0", "שלום \u200fעולם"
    html = laid_out([explained({"text": turned, "text_pair": hebrew}, "x")])
    assert texts_in(html) == ["abc �fed� ␛[31m␀", hebrew]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\0]", html)


@pytest.mark.parametrize("where", ["name", "text", "gold", "notes", "row", "neighbours"])
def test_no_payload_leaves_its_place(where):
    rows = []
    for text in [*payloads(), HOSTILE]:
        given = {
            "name": (explained({"text": "a b"}, text), {}),
            "text": (explained({"text": text, text: "a"}, "x"), {}),
            "gold": (explained({"text": "a"}, "x"), {"gold": [text], "predicted": text}),
            "notes": (explained({"text": "a"}, "x"), {"notes": [text], "replaced_by": text}),
            "row": (explained({"text": "a"}, "x"), {"row": text}),
            "neighbours": (
                explained({"text": "a"}, "x"),
                {"neighbours": [{text: {"a": text}}], "influential": [{"row": text, "gold": text}]},
            ),
        }[where]
        rows.append([{**given[0], **given[1]}] * 3)
    html = page(rows, title=payloads()[0], target=payloads()[1], notes=payloads())
    found = Strict(html)
    assert found.faults == []
    assert found.scripts == []
    assert "default-src 'none'" in html
    assert html.count("<style>") == 1


def test_what_was_decided_is_set_beside_the_gold_answer_and_the_sum():
    one = explained({"text": "a b"}, "good", gold="bad")
    html = unescape(laid_out([one]))
    assert "gold <b><bdi>bad" in html
    assert "93.0 %" in html
    assert "Log-odds +1.50 = +0.50 where every word is [MASK] + 1.00 of the words" in html
    assert "(error 0.42 %)" in html
    right = unescape(laid_out([{**one, "gold": "good", "predicted": "good"}]))
    assert "as the gold answer" in right
    assert "/home/ada" not in html


def test_an_explainer_whose_values_need_not_add_up_claims_no_sum():
    one = explained({"text": "a b"}, "good", reference=None, error=None, by="occlusion")
    assert "need not add up" in decision_view(one)["sum"]


def test_a_number_is_no_probability():
    one = explained({"text": "a b"}, "stars", is_number=True, score=3.5, probability=None)
    view = decision_view(one)
    assert (view["amount"], "Log-odds" in view["sum"]) == ("3.500", False)


def test_several_decisions_of_a_row_stand_below_one_another_and_side_by_side():
    source = {"source": "two dogs"}
    written = [explained(source, word, predicted="zwei Hunde .") for word in ("zwei", "Hunde", ".")]
    written[1]["words"] = written[1]["words"][:1]
    written[2]["words"][1]["value"] = 4.0
    made = matrix(written)
    assert made["columns"] == ["two", "dogs"]
    signs = [[cell["sign"] for cell in line["cells"]] for line in made["lines"]]
    assert signs == [["for", "against"], ["for", "absent"], ["for", "for"]]
    assert made["lines"][2]["cells"][0] == {"sign": "for", "strength": 0.5, "value": "+2.00"}
    view = row_view(written)
    assert len(view["decisions"]) + len(view["more"]) == 3
    assert row_view(written[:2])["matrix"] is None


def test_a_rows_own_words_are_framed():
    one = explained({"text": "Ada met Bo"}, "PER: Ada", span=["text", 0, 3])
    assert re.findall(r'class="w \w+ own"[^>]*>(\w+)<', draw([one])) == ["Ada"]


def test_rows_without_explanations_and_words_without_weight_are_drawn():
    flat = explained({"text": "a b"}, "x")
    for word in flat["words"]:
        word["value"] = 0.0
    html = laid_out([], [flat])
    assert "Nothing to explain" in html
    assert [sign for sign, *_ in words_in(html)][-2:] == ["none", "none"]


def test_very_many_rows_are_cut_and_counted():
    html = laid_out(*[[explained({"text": "a"}, "x")]] * 1001)
    assert "1 more rows are not on this page" in html
    assert html.count('class="row-why"') == 1000


def test_training_rows_are_listed_with_what_is_known_of_them():
    near = {"row": "/home/ada/train.csv:3", "texts": {"text": "a film"}, "gold": "good"}
    one = explained(
        {"text": "a b"},
        "good",
        neighbours=[near | {"similarity": 0.913, "agrees": True}],
        influential=[near | {"influence": -0.25, "cosine": -0.5}],
    )
    html = laid_out([one])
    cells = re.findall(r'<td dir="auto">([^<]*)</td>', html)
    assert cells[:5] == ["train.csv:3", "a film", "good", "-0.250", "-0.500"]
    assert cells[5:] == ["train.csv:3", "a film", "good", "0.913", "yes"]


def test_tags_are_not_repeated_and_one_of_several_gold_answers_is_right():
    entity = explained({"text": "Ada met Bo"}, "PER: Ada", span=["text", 0, 3])
    entity |= {"predicted": ["B-PER", "O", "O"], "gold": ["B-PER", "O", "B-PER"]}
    view = row_view([entity])
    assert (view["predicted"], view["gold"]) == ("", "B-PER, O, B-PER")
    answer = explained({"context": "a cake"}, "a cake", gold=["a cake", "cake"])
    assert row_view([answer])["is_right"]
    assert row_view([{**answer, "gold": []}])["gold"] == "none"

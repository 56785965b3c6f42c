"""Entities, answers and written texts are shown where they stand, and nothing in them runs."""

import pytest

from luthier.report.examples import answers, entities, generations, marked
from luthier.report.facts import read_facts
from luthier.report.render import write_report
from tests.unit.report.fake_run import HOSTILE, explained, fake_run, set_panels

TEXT = f"Ada went to Rome {HOSTILE}"
ANALYSIS = {
    "entities": {
        "counts": {"missed": 3, "type": 1},
        "n_gold": 9,
        "n_answers": 6,
        "n_wrong_rows": 2,
        "rows": [
            {
                "where": "a.conll:7",
                "text": TEXT,
                "gold": [[0, 3, "PER"], [12, 16, HOSTILE]],
                "answer": [[0, 3, "LOC"]],
                "errors": [{"kind": "type"}, {"kind": "missed"}, {"kind": "missed"}],
            }
        ],
    },
    "answers": {
        "n": 4,
        "rows": [
            {
                "where": "b.json:3",
                "question": HOSTILE,
                "context": "word " * 200 + "Ada baked a cake" + HOSTILE + " word" * 200,
                "gold": [[1000, 1009]],
                "gold_texts": [HOSTILE],
                "answer": [1004, 1016],
                "answer_text": "baked a cake",
                "f1": 0.5,
            },
            {"where": "b.json:4", "question": "?", "context": "", "gold": [], "answer": [-1, -1]},
        ],
    },
    "generations": {
        "n": 2,
        "rows": [{"where": "c:1", "source": TEXT, "gold": "x", "answer": HOSTILE, "chrf": 12.5}],
        "histogram": {"edges": [0, 50, 100], "counts": [1, 1]},
        "signatures": {"chrf": "chrF2|nrefs:1"},
    },
}

ANALYSIS["explanations"] = {
    "said": HOSTILE,
    "rows": [
        {
            "why": "right and sure",
            "explained": [
                explained({"text": TEXT, "text_pair": HOSTILE}, name, predicted=HOSTILE, gold="x")
                for name in ("PER: Ada", HOSTILE, "LOC: Rome")
            ],
        }
    ],
}


def page(tmp_path, analysis=ANALYSIS):
    folder = fake_run(tmp_path / "run")
    set_panels(folder, **analysis)
    return read_facts(folder), write_report(folder).read_text(encoding="utf-8")


def drawn(parts):
    """Write marks as [text LABEL]."""
    return "".join(
        f"[{drawn(part.parts) or part.text} {part.label}]" if part.label else part.text
        for part in parts
    )


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ([[12, 16, "LOC"], [0, 3, "PER"]], "[Ada PER] went to [Rome LOC]."),
        ([[0, 16, "TRIP"], [12, 16, "LOC"]], "[Ada went to [Rome LOC] TRIP]."),
        ([[0, 3, "PER"], [0, 3, "POET"]], "[[Ada POET] PER] went to Rome."),
        ([[0, 8, "A"], [4, 11, "B"]], "[Ada [went B …] A][ to … B] Rome."),
    ],
)
def test_spans_are_marked_in_their_text_also_where_they_overlap(spans, wanted):
    parts, n_undrawn = marked("Ada went to Rome.", spans)
    assert (drawn(parts), n_undrawn) == (wanted, 0)


def test_spans_that_cannot_be_drawn_are_counted(tmp_path):
    parts, n_undrawn = marked("Ada", [[0, 3, "PER"], [5, 9, "LOST"], [2, 2, "EMPTY"]])
    assert (drawn(parts), n_undrawn) == ("[Ada PER]", 2)
    _, n_undrawn = marked("Ada", [[0, 3, "PER"]] * 2000)
    assert n_undrawn == 1992
    entities = {"n_wrong_rows": 1, "rows": [{"text": "Ada", "gold": [[5, 9, "LOST"]]}]}
    _, html = page(tmp_path, {"entities": entities})
    assert "Not drawn: 1 entity whose borders lie outside the text" in html


def test_errors_are_counted_by_kind(tmp_path):
    shown = entities(ANALYSIS["entities"], page(tmp_path)[0])
    assert [(kind["name"], kind["n"]) for kind in shown["kinds"]][:3] == [
        ("missed", 3),
        ("found where there is none", 0),
        ("of another type", 1),
    ]
    assert shown["rows"][0]["errors"] == "1 type, 2 missed"


def test_true_and_given_answers_are_told_apart_and_far_text_is_cut(tmp_path):
    first, second = answers(ANALYSIS["answers"], page(tmp_path)[0])["rows"]
    kinds = {part["kind"]: part["text"] for part in first["context"] if part["kind"]}
    assert kinds == {"true": "Ada ", "both": "baked", "given": " a cake"}
    assert first["context"][0]["text"] == first["context"][-1]["text"][::-1] == "… "
    assert sum(len(part["text"]) for part in first["context"]) < 400
    assert second["gold"] == []


def test_written_texts_stand_beside_their_references(tmp_path):
    shown = generations(ANALYSIS["generations"], page(tmp_path)[0])
    assert shown["rows"][0]["chrf"] == "12.50"
    assert "svg" in str(shown["spread"])


def test_all_three_are_on_the_page_and_inert(tmp_path):
    _, html = page(tmp_path)
    for name in ("entities", "answers", "generations"):
        assert f'<section id="{name}"' in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "chrF2|nrefs:1" in html


def test_a_run_of_labels_has_none_of_them(tmp_path):
    facts, html = page(tmp_path, {})
    assert entities({}, facts) is answers({}, facts) is generations({}, facts) is None
    assert '<section id="entities"' not in html

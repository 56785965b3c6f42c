"""SQuAD's nested questions become rows, and what is missing is named by its place."""

from __future__ import annotations

import json

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError

CONTEXT = "Ada met Bob in Paris."


def question(**changes) -> dict:
    made = {
        "id": "q1",
        "question": "Where?",
        "answers": [{"text": "Paris", "answer_start": 15, "extra": 1}],
    } | changes
    return {key: value for key, value in made.items() if value != "left out"}


def squad(*questions, **changes) -> dict:
    paragraph = {"context": CONTEXT, "qas": list(questions)} | changes
    return {"version": "v2.0", "data": [{"title": "Trip", "paragraphs": [paragraph]}]}


def read_json(folder, content, encoding="utf-8"):
    path = folder / "a.json"
    path.write_bytes(json.dumps(content, ensure_ascii=False, indent=1).encode(encoding))
    return read(path)


def refused(folder, content) -> DataError:
    with pytest.raises(DataError) as caught:
        read_json(folder, content)
    assert caught.value.received
    assert caught.value.hint
    return caught.value


def test_version_1_has_an_answer_to_every_question(tmp_path):
    rows, notes = read_json(tmp_path, squad(question(), question(id=7)))
    assert dict(rows.columns) == {
        "id": ["q1", "7"],
        "title": ["Trip"] * 2,
        "context": [CONTEXT] * 2,
        "question": ["Where?"] * 2,
        "answers": [[{"text": "Paris", "answer_start": 15}]] * 2,
        "is_impossible": [False, False],
    }
    assert rows.lines.tolist() == [1, 2]
    assert notes == ["a.json: SQuAD: each row is a question"]


def test_version_2_has_questions_without(tmp_path):
    impossible = question(is_impossible=True, answers=[], plausible_answers=[{"text": "Bob"}])
    bare = question(is_impossible=True, answers="left out")
    rows, _ = read_json(tmp_path, squad(question(is_impossible=False), impossible, bare))
    assert rows["is_impossible"] == [False, True, True]
    assert [len(answers) for answers in rows["answers"]] == [1, 0, 0]


def test_questions_to_be_answered_have_no_answers(tmp_path):
    rows, _ = read_json(tmp_path, squad(question(answers="left out"), question(answers="left out")))
    assert list(rows.columns) == ["id", "title", "context", "question"]


def test_titles_and_ids_are_not_needed(tmp_path):
    content = squad(question(id="left out"))
    del content["data"][0]["title"]
    rows, _ = read_json(tmp_path, content)
    assert (rows["title"], rows["id"]) == ([""], ["data[0].paragraphs[0].qas[0]"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding_is_read(tmp_path, encoding):
    rows, notes = read_json(tmp_path, squad(question(question="Où est café Zoë?")), encoding)
    assert rows["question"] == ["Où est café Zoë?"]
    assert ("encoding" in notes[0]) == (encoding != "utf-8-sig")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (squad(question(question="left out")), ["data[0].paragraphs[0].qas[0]", "no 'question'"]),
        (squad(question(), question(answers="left out")), ["qas[1]", "no 'answers'"]),
        (squad(question(), question(answers={"text": "a"})), ["qas[1]", "another type"]),
        (squad(question(answers=["Paris"])), ["qas[0].answers[0]", "not an object"]),
        (squad(question(answers=[{"text": "a"}])), ["qas[0].answers[0]", "no 'answer_start'"]),
        (squad(question(answers=[{"text": 1, "answer_start": 1}])), ["answers[0]", "'text'"]),
        (squad(question(answers=[{"text": "a", "answer_start": True}])), ["'answer_start'"]),
        (squad(question(is_impossible="false")), ["'is_impossible'", "another type"]),
        (squad(question(), context=None), ["'context' of data[0].paragraphs[0]"]),
        (squad(question(), qas={}), ["'qas' of data[0].paragraphs[0]"]),
        (squad("Where?"), ["qas[0] is not an object"]),
        (squad(), ["no questions"]),
        ({"data": [{"paragraphs": []}, {"title": "b"}]}, ["data[1]", "no 'paragraphs'"]),
        ({"data": [{"paragraphs": ["a"]}, 3]}, ["data[0].paragraphs[0] is not an object"]),
        ({"data": [{"paragraphs": []}, 3]}, ["data[1] is not an object"]),
    ],
)
def test_what_is_missing_is_named_by_its_place(tmp_path, content, words):
    error = refused(tmp_path, content)
    assert error.problem.startswith("a.json")
    for word in words:
        assert word in error.problem


def test_other_json_with_data_stays_a_table(tmp_path):
    rows, notes = read_json(tmp_path, {"version": 1, "data": [{"text": "a"}, {"text": "b"}]})
    assert (rows["text"], notes) == (["a", "b"], [])


PARAGRAPH = {"context": CONTEXT, "qas": [question()]}
ARTICLE = {"title": "Trip", "paragraphs": [PARAGRAPH]}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([ARTICLE], "[0].paragraphs[0]"),
        ([PARAGRAPH], "[0]"),
        (ARTICLE, "[0].paragraphs[0]"),
        (PARAGRAPH, "[0]"),
        ({"data": [PARAGRAPH]}, "data[0]"),
        ({"version": 2, "articles": [ARTICLE]}, "articles[0].paragraphs[0]"),
    ],
)
def test_articles_and_paragraphs_may_stand_alone(tmp_path, content, place):
    rows, _ = read_json(tmp_path, content)
    assert (rows["question"], rows["context"]) == (["Where?"], [CONTEXT])
    text = json.dumps(content).replace('"question"', '"asked"')
    assert f"{place}.qas[0] has no 'question'" in refused(tmp_path, json.loads(text)).problem


def test_articles_may_have_a_line_each(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(ARTICLE)}\n{json.dumps(ARTICLE)}\n")
    assert read(path)[0]["question"] == ["Where?"] * 2


@pytest.mark.parametrize(
    "row",
    [
        {"title": "Trip", "paragraphs": ["Ada met Bob.", "In Paris."]},
        {"paragraphs": [{"raw": "Ada.", "sentences": [{"tokens": [{"orth": "Ada"}]}]}]},
    ],
)
def test_other_rows_with_paragraphs_stay_rows(tmp_path, row):
    rows, _ = read_json(tmp_path, [row, row])
    assert rows["paragraphs"] == [row["paragraphs"]] * 2

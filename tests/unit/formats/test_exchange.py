"""Labels go to the files of other tools and come back the same."""

import csv
import json

import numpy as np
import pytest

import luthier
from luthier.errors import DataError
from luthier.formats.exchange.answers import Answer
from luthier.formats.exchange.convert import TOOLS, columns_of, convert
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from tests.commands import in_a_new_process

PIECES = (
    *("Ada", "Zoë", "Zoe\u0308", "naïve", "नमस्ते", "👩‍👩‍👧", "😀", "🇨🇭", "e\u0301a", "東京", "=1+1"),
    *("\r\n", "\n", "\t", "\u2028", "«quote»", '"', "\\", "a,b", "🏳️‍🌈", "ﬃ", "\u00a0"),
)
LABELS = ("good", "so-so, or worse", "bad 😀", "été", "a" * 40)


def answers(kind, *, who=("7", "9"), n_texts=500):
    """Draw texts with emoji, combining marks and line ends, and answers to them."""
    random = np.random.default_rng(0)
    made = []
    for number in range(n_texts):
        words = [str(random.choice(PIECES)) for _ in range(random.integers(2, 9))]
        text = f"{number} " + " ".join(words)
        for one in who:
            value = str(random.choice(LABELS))
            if kind == "labels":
                drawn = random.choice(LABELS, random.integers(0, 4), replace=False)
                value = tuple(map(str, drawn))
            elif kind == "spans":
                starts = np.cumsum([0, *(len(word) + 1 for word in [str(number), *words])])
                chosen = sorted(random.choice(len(words) + 1, 2, replace=False))
                spans = [(int(starts[at]), int(starts[at + 1]) - 1, "Ä 😀") for at in chosen]
                value = tuple(span for span in spans if random.random() < 0.8)
            made.append(Answer(str(number + 1), text, one, kind, value))
    return made


def choices(label):
    """Write one choice as Label Studio does."""
    value = {"choices": [label or "cold"]}
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": value}]


@pytest.mark.parametrize("kind", ["label", "labels", "spans"])
@pytest.mark.parametrize("tool", TOOLS)
def test_five_hundred_texts_come_back_the_same(tool, kind, tmp_path):
    given = answers(kind)
    rows = columns_of(given)
    source = tmp_path / "rows.jsonl"
    lines = (dict(zip(rows, cells, strict=True)) for cells in zip(*rows.values(), strict=True))
    source.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    there = tmp_path / f"there{TOOLS[tool].suffix}"
    assert convert(source, tool, there).n_answers == 1000
    found = convert(there, "rows", tmp_path / "back.jsonl")
    assert (found.source, found.kind, found.n_texts) == (tool, kind, 500)
    assert found.annotators == ("7", "9")
    back = list(map(json.loads, (tmp_path / "back.jsonl").read_text("utf-8").split("\n")[:-1]))
    shown = {(one["id"], one["text"], one["annotator"], json.dumps(one[kind])) for one in back}
    values = rows[kind]
    wanted = {
        (one.id, one.text, one.annotator, json.dumps(value))
        for one, value in zip(given, values, strict=True)
    }
    assert shown == wanted
    assert len(back) == 1000


def write(path, content):
    lines = path.suffix == ".jsonl"
    text = "\n".join(map(json.dumps, content)) if lines else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(path, tmp_path, **options):
    found = convert(path, "rows", tmp_path / "back.jsonl", **options)
    lines = (tmp_path / "back.jsonl").read_text("utf-8").split("\n")[:-1]
    return list(map(json.loads, lines)), found


def studio(start, end, kept, text="😀 Ada met Bob"):
    value = {"start": start, "end": end, "labels": ["PER"]} | ({"text": kept} if kept else {})
    result = [{"type": "labels", "value": value}]
    return {"id": 1, "data": {"text": text}, "annotations": [{"completed_by": 1, "result": result}]}


@pytest.mark.parametrize(("start", "end"), [(2, 5), (3, 6)])
def test_offsets_of_browsers_and_of_programs_are_told_apart(start, end, tmp_path):
    back, _ = rows_of(write(tmp_path / "a.json", [studio(start, end, "Ada")]), tmp_path)
    assert back[0]["spans"] == [{"start": 2, "end": 5, "label": "PER"}]


def test_spans_that_keep_no_text_are_read_like_those_that_do(tmp_path):
    tasks = [studio(3, 6, "Ada"), studio(3, 6, None)]
    back, _ = rows_of(write(tmp_path / "a.json", tasks), tmp_path)
    assert [one["spans"][0]["start"] for one in back] == [2, 2]


def test_cancelled_annotations_say_nothing_and_users_are_annotators(tmp_path):
    def by(who, label, **more):
        result = [{"type": "choices", "value": {"choices": [label]}}]
        return {"completed_by": who, "result": result, **more}

    given = [by({"id": 3, "email": "a@b.c"}, "x"), by(4, "y"), by(5, "z", was_cancelled=True)]
    task = {"id": 8, "data": {"review": "some text", "stars": 3}, "annotations": given}
    back, found = rows_of(write(tmp_path / "a.json", [task]), tmp_path)
    assert [(one["annotator"], one["label"]) for one in back] == [("a@b.c", "x"), ("4", "y")]
    assert found.n_texts == 1


def test_forms_of_doccano(tmp_path):
    old = [
        {"id": 1, "text": "Ada met", "labels": [[0, 3, "PER"]]},
        {"id": 2, "text": "b", "labels": []},
    ]
    assert rows_of(write(tmp_path / "a.jsonl", old), tmp_path)[0][0]["spans"][0]["label"] == "PER"
    entity = {"label": "PER", "start_offset": 0, "end_offset": 3}
    new = [
        {"id": 1, "text": "Ada met", "entities": [entity]},
        {"id": 2, "text": "b", "entities": []},
    ]
    back, _ = rows_of(write(tmp_path / "a.jsonl", new), tmp_path)
    assert [one["spans"] for one in back] == [[{"start": 0, "end": 3, "label": "PER"}], []]


def test_what_prodigy_rejected_or_ignored_is_left_out(tmp_path):
    tasks = [
        {"text": f"text {at}", "accept": ["x"], "answer": answer, "_annotator_id": "ann"}
        for at, answer in enumerate(("accept", "reject", "ignore"))
    ]
    back, _ = rows_of(write(tmp_path / "a.jsonl", tasks), tmp_path)
    assert [(one["text"], one["label"]) for one in back] == [("text 0", "x")]


def test_the_last_token_of_a_span_is_counted_in(tmp_path):
    given = [Answer("1", "Ada Lovelace met Bob", None, "spans", ((0, 12, "PER"),))]
    (record,) = TOOLS["prodigy"].write(given)
    (span,) = record["spans"]
    assert (span["token_start"], span["token_end"]) == (0, 1)
    assert [one["text"] for one in record["tokens"]][:2] == ["Ada", "Lovelace"]


def test_suggestions_of_argilla_are_no_answers(tmp_path):
    record = {
        "id": "a",
        "fields": {"text": "some text"},
        "suggestions": {"label": {"value": "bad", "score": 0.9, "agent": "model"}},
        "responses": {"label": [{"value": "good", "user_id": "u1"}]},
    }
    back, _ = rows_of(write(tmp_path / "a.json", [record]), tmp_path)
    assert [(one["label"], one["annotator"]) for one in back] == [("good", "u1")]


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ([studio(4, 7, "Ada")], {}, "marks other words"),
        ([{"id": 1, "data": {"n": 1}, "annotations": [{"result": []}]}], {}, "has no text"),
        ([{"id": 1, "data": {"text": "a"}, "annotations": []}], {}, "has no answers"),
        ([{"text": "ab", "label": [[0, 9, "X"]]}], {}, "does not lie within its text"),
        ([{"words": "ab"}], {}, "of no tool that is known"),
        (
            [{"text": "ab", "label": "x"}],
            {"from_tool": "label-studio"},
            "cannot be read as a file|has no text",
        ),
        ([{"text": "ab", "label": "x"}], {"from_tool": "doccana"}, "did you mean 'doccano'?"),
        ([{"text": "ab", "label": "x"}], {"to": "prodgy"}, "did you mean 'prodigy'?"),
        ([{"text": "ab", "label": "x"}], {"to": "doccano"}, "end in .jsonl"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_words(content, options, words, tmp_path):
    file = write(tmp_path / "a.json", content)
    options = {"to": "rows", "out": tmp_path / "b.csv", **options}
    with pytest.raises(DataError) as problem:
        convert(file, **options)
    assert any(one in str(problem.value) for one in words.split("|"))


def test_several_questions_of_argilla_are_refused(tmp_path):
    responses = {name: [{"value": "x", "user_id": "u"}] for name in ("one", "two")}
    file = write(tmp_path / "a.json", [{"fields": {"text": "a"}, "responses": responses}])
    with pytest.raises(DataError, match="several questions"):
        convert(file, "rows", tmp_path / "b.csv")


def test_a_table_becomes_a_task_and_its_answers_are_compared(tmp_path):
    with (tmp_path / "a.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, lineterminator="\r\n")
        table.writerow(("text", "label", "annotator"))
        table.writerows((f"row {at} 😀", "xy"[at % 2], who) for at in range(9) for who in "ab")
    asked = ("convert", "a.csv", "--to", "label-studio", "--out", "tasks.json")
    back = ("convert", "tasks.json", "--to", "rows", "--out", "back.jsonl")
    (there, again), _ = in_a_new_process(asked, back, cwd=tmp_path)
    assert "Read 18 answers to 9 texts by 2 annotators (label) from rows" in there
    assert "from label-studio" in again
    found = luthier.agree(tmp_path / "back.jsonl", "annotator", label="label")
    assert found.value.value == 1.0


def test_what_stands_in_the_file_of_a_desk_is_converted_and_compared(tmp_path):
    def line(name, who, label, action="label"):
        kept = {"audit": False, "round": 1, "why": "margin", "text": f"text {name} is here"}
        return {"id": name, "annotator": who, "action": action, "label": label, **kept}

    lines = [line(at, who, "xy"[at % 2]) for at in range(4) for who in "ab"]
    lines += [line(0, "a", "y"), line(1, "a", None, "undo"), line(9, "b", None, "skip")]
    file = write(tmp_path / "labels.jsonl", lines)
    back, _ = rows_of(file, tmp_path)
    assert len(back) == 7
    assert ("text 0 is here", "a", "y") in {
        (one["text"], one["annotator"], one["label"]) for one in back
    }
    assert luthier.agree(file, "annotator", label="label").value.n == 3


def test_columns_of_rows_may_have_other_names(tmp_path):
    rows = [{"review": "some words", "verdict": "x", "worker": "w"}]
    file = write(tmp_path / "a.jsonl", rows)
    columns = {"text": "review", "label": "verdict", "annotator": "worker"}
    back, _ = rows_of(file, tmp_path, columns=columns)
    assert back == [{"text": "some words", "label": "x", "annotator": "w"}]
    with pytest.raises(DataError, match="no column called 'reviw'"):
        convert(file, "rows", tmp_path / "b.csv", columns={"text": "reviw"})


LABEL_STUDIO = [
    {
        "id": number,
        "data": {"text": text},
        "annotations": [
            {"completed_by": who, "was_cancelled": label is None, "result": choices(label)}
            for who, label in zip((1, 2, 3), labels, strict=True)
        ],
    }
    for number, (text, labels) in enumerate(
        [
            (f"the soup number {at} was {label}", (label, label, None if at % 5 else "good"))
            for at, label in enumerate(["cold", "good"] * 12)
        ],
        start=1,
    )
]


def test_a_recipe_reads_several_annotators_straight_from_a_tool(tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(LABEL_STUDIO), encoding="utf-8")
    recipe = read_recipe(
        {
            "model": "m",
            "task": "text-classification",
            "data": {"train": str(path), "annotator": "completed_by"},
        }
    )
    found = check_data(recipe, make_plugin("tasks", recipe.task))
    assert sum(len(rows) for _, rows in found.splits.items()) == len(LABEL_STUDIO)
    (merged,) = [one for one in found.findings if one.code == "annotators-merged"]
    assert "53 answers of 3 annotators became 24 rows" in merged.message
    assert "19 cancelled, rejected or ignored: left out" in found.notes
    assert "export.json: a file of label-studio" in found.notes
    nameless = [{**one, "annotations": [{"result": choices("good")}]} for one in LABEL_STUDIO]
    path.write_text(json.dumps(nameless), encoding="utf-8")
    with pytest.raises(DataError, match="does not say who answered"):
        check_data(recipe, make_plugin("tasks", recipe.task))


def test_what_says_nothing_is_counted(tmp_path):
    accepted = {"text": "warm", "accept": ["good"], "_annotator_id": "ann", "answer": "accept"}
    lines = [accepted, {**accepted, "answer": "reject"}, {**accepted, "answer": "ignore"}]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = convert(tmp_path / "tasks.jsonl", "rows", tmp_path / "rows.csv")
    assert found.notes[-1] == "2 cancelled, rejected or ignored: left out"


def test_the_file_of_the_desk_goes_to_a_tool(tmp_path):
    about = {"audit": False, "round": 0, "why": "random", "action": "label", "annotator": "ada"}
    lines = [
        {"id": "1", "text": "cold 😀", "label": "bad", **about},
        {"id": "2", "text": "warm", "label": "good", **about},
        {"id": "2", "text": "warm", "label": None, **about, "action": "undo"},
    ]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    said, _ = in_a_new_process(["label", "--export", "label-studio", "tasks.json"], cwd=tmp_path)
    assert "Read 1 answers to 1 texts by 1 annotators" in said[0]
    (task,) = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    assert task["data"]["text"] == "cold 😀"
    assert task["annotations"][0]["completed_by"] == {"email": "ada"}
    for words, told in (
        (["label", "--export", "label-studio", "tasks.json", "--out", "no.jsonl"], "no.jsonl"),
        (["label", "--export", "labelstudio", "tasks.json"], "label-studio"),
        (["label"], "--pool FILE"),
    ):
        _, problem = in_a_new_process(words, cwd=tmp_path, code=2)
        assert told in problem

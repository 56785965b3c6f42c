"""The desk in a terminal: keys, lines, what is drawn, and the command as a whole."""

import fcntl
import io
import json
import os
import pty
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import tty

import psutil
import pytest
from rich.console import Console
from typer.testing import CliRunner

from luthier.cli.app import app
from luthier.cli.keys import DOWN, END, ENTER, ESCAPE, UP, PosixKeys
from luthier.cli.label import News
from luthier.cli.label_screen import body, label_table, score_line, screen
from luthier.cli.label_typing import HELP, QUIT, SKIP, UNDO, Entry, Typed
from luthier.labelling.answers import Entities, OneLabel, SeveralLabels
from luthier.labelling.orders import Reply
from luthier.labelling.questions import Question
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.results import Score
from luthier.text.words import split_words
from tests.toys import toy_rows

MANY = tuple(f"label {n} {'of a long name ' * 3}".strip() for n in range(77))


def pressed(entry, *keys):
    """Press keys; give the first thing that is complete."""
    for key in keys:
        if (typed := entry.press(key)) is not None:
            return typed
    return None


def test_one_key_answers_where_there_are_nine_labels_at_most():
    assert pressed(Entry(OneLabel(("no", "yes"))), "2") == Typed(answer="yes")


def test_two_keys_answer_where_there_are_more():
    entry = Entry(OneLabel(MANY))
    assert pressed(entry, "0") is None
    assert pressed(entry, "7").answer == MANY[6]
    assert pressed(Entry(OneLabel(MANY)), "7", ENTER).answer == MANY[6]
    assert pressed(Entry(OneLabel(("0", "1", "2", "3", "10"))), "1", "0").answer == "10"
    assert pressed(Entry(OneLabel(("0", "1", "2", "3", "10"))), "1", ENTER).answer == "1"


def test_a_name_is_looked_for_after_a_slash():
    entry = Entry(OneLabel(("card_arrival", "card_linking", "age", "age_limit")))
    assert pressed(entry, *"/ard ink") is None
    assert entry.matches == ["card_linking"]
    assert pressed(entry, ENTER).answer == "card_linking"
    assert pressed(Entry(OneLabel(("age", "age_limit"))), *"/age", ENTER).answer == "age"


def test_several_matches_are_told_and_escape_begins_again():
    entry = Entry(OneLabel(("card_arrival", "card_linking")))
    assert pressed(entry, *"/card", ENTER) is None
    assert "2 labels begin like this" in entry.problem
    assert pressed(entry, ESCAPE) is None
    assert (entry.text, entry.problem) == ("", "")
    assert pressed(entry, "1").answer == "card_arrival"


@pytest.mark.parametrize(
    ("key", "command"), [("u", UNDO), ("s", SKIP), ("q", QUIT), ("?", HELP), (END, QUIT)]
)
def test_commands_are_single_keys_but_not_inside_a_search(key, command):
    assert pressed(Entry(OneLabel(("a", "b"))), key) == Typed(command)
    if key != END:
        assert pressed(Entry(OneLabel(("a", "b"))), "/", key) is None


@pytest.mark.parametrize("key", ["9", "0", "x", " ", "", "\x00", "é", UP])
def test_keys_without_a_meaning_do_nothing(key):
    entry = Entry(OneLabel(("a", "b")))
    assert pressed(entry, key) is None
    assert entry.text == ""
    assert pressed(entry, "1").answer == "a"


def test_several_labels_are_switched_and_sent_by_enter():
    entry = Entry(SeveralLabels(("joy", "anger", "fear")))
    assert pressed(entry, "3", "1", "2", "2") is None
    assert sorted(entry.chosen) == ["fear", "joy"]
    assert sorted(pressed(entry, ENTER).answer) == ["fear", "joy"]
    assert pressed(Entry(SeveralLabels(("joy", "anger"))), ENTER).answer == []


def test_entities_are_a_line_with_backspace():
    words = split_words("Ada met Bo")
    entry = Entry(Entities(("person",)), words)
    assert pressed(entry, *"1 1, 9", "backspace", *"3 pers") is None
    assert pressed(entry, ENTER).answer == [(0, 3, "person"), (8, 10, "person")]
    wrong = Entry(Entities(("person",)), words)
    assert pressed(wrong, *"9 1", ENTER) is None
    assert "from 1 to 3" in wrong.problem


@pytest.mark.parametrize(
    ("answers", "line", "typed"),
    [
        (OneLabel(("no", "yes")), "2\n", Typed(answer="yes")),
        (OneLabel(("no", "yes")), "yes\r\n", Typed(answer="yes")),
        (OneLabel(("no", "yes")), "/ye\n", Typed(answer="yes")),
        (OneLabel(("no", "yes")), "u\n", Typed(UNDO)),
        (SeveralLabels(("a", "b", "c")), "1 3\n", Typed(answer=["a", "c"])),
        (SeveralLabels(("a", "b", "c")), "\n", Typed(answer=[])),
        (OneLabel(("no", "yes")), "3\n", None),
        (OneLabel(("no", "yes")), "\n", None),
    ],
)
def test_a_line_is_a_whole_answer(answers, line, typed):
    assert Entry(answers).line(line) == typed


def test_keys_of_a_terminal_are_named_whatever_their_bytes():
    here, there = pty.openpty()
    tty.setraw(there)
    os.write(here, "1é\x1b[A\x1bOB\x7f\x1b[5~\x1b[200~x".encode())
    keys = PosixKeys(there)
    found = [keys.read(1.0) for _ in range(8)]
    assert found == ["1", "é", UP, DOWN, "backspace", UP, "", "x"]
    assert keys.read(0.0) is None
    os.write(here, "😀".encode()[:2])
    assert keys.read(0.1) is None
    os.write(here, "😀".encode()[2:])
    assert keys.read(0.1) == "😀"
    os.write(here, b"\x1b")
    assert keys.read(0.1) == ESCAPE
    os.close(there)
    os.close(here)


class Shown:
    """As much of a desk as is drawn."""

    latest, n_left, answered = None, 40, None

    def __init__(self, latest=None):
        self.latest, self.answered = latest, self
        self.standing, self.skipped = [{}] * 3, {"a"}


def drawn(answers, text, *, width=40, height=24, latest=None, entry=None, news=(), **more):
    words = split_words(text) if isinstance(answers, Entities) else ()
    question = Question("r1", {"text": text}, words, 2, "margin", **more)
    file = io.StringIO()
    console = Console(file=file, width=width, height=height)
    made = entry or Entry(answers, words)
    lines = screen(Shown(latest), question, made, news, console)
    for line in lines:
        console.print(line, soft_wrap=True)
    return file.getvalue().splitlines(), lines


NASTY = {
    "long": "a sentence that goes on and on " * 60,
    "one word": "x" * 3000,
    "emoji": "👩‍👩‍👧 and 🇪🇺 " * 40,
    "right to left": "שלום עולם، مرحبا " * 40,
    "wide": "日本語の文章です。" * 60,
    "control": "red \x1b[31m bell \x07 \x9b2J turned \u202e and\r\nlines\tand tabs",
    "empty lines": "\n\n\n" * 30,
}


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("answers", [OneLabel(("no", "yes")), OneLabel(MANY), Entities(MANY[:3])])
def test_any_text_fits_a_small_terminal_and_nothing_in_it_is_executed(answers, text, width):
    shown, lines = drawn(answers, text, width=width, height=16)
    assert len(lines) <= 16 + 6  # a text has four lines, whatever else there is
    assert all(line.cell_len < width for line in lines)
    assert not any(sign in line for line in shown for sign in "\x1b\x07\x9b\u202e\r")
    assert shown[-1].endswith("quit")


def test_a_long_text_is_moved_by_arrows_and_never_past_its_end():
    entry = Entry(OneLabel(("no", "yes")))
    first, _ = drawn(None, NASTY["long"], entry=entry, height=16)
    for _ in range(500):
        entry.press(DOWN)
    last, _ = drawn(None, NASTY["long"], entry=entry, height=16)
    assert any("↓" in line for line in first)
    assert any("↑" in line and "0 below" in line for line in last)
    entry.press(UP)
    moved, _ = drawn(None, NASTY["long"], entry=entry, height=16)
    assert any("1 below" in line or "2 below" in line for line in moved)


def test_seventy_seven_labels_leave_room_for_the_text():
    shown, lines = drawn(OneLabel(MANY), "a short text", width=80, height=24)
    assert len(lines) <= 24
    assert any("a short text" in line for line in shown)
    assert any("looks for a name" in line for line in shown)
    entry = Entry(OneLabel(MANY), text="/label 76")
    assert len(label_table(entry, 79)) == 1
    assert str(label_table(Entry(OneLabel(("a",)), text="/zz"), 39)[0]).startswith("no label has")


def test_labels_that_are_switched_on_are_marked():
    entry = Entry(SeveralLabels(("joy", "anger")), chosen=["anger"])
    assert " ".join(map(str, label_table(entry, 39))) == "1 [ ] joy    2 [x] anger"


def test_words_are_numbered_and_what_is_typed_is_marked():
    answers = Entities(("person",))
    entry = Entry(answers, split_words("Ada met Bo"), text="1 1, 3 pe")
    shown, _ = drawn(answers, "Ada met Bo", entry=entry)
    assert "[1]Ada(person) [2]met [3]Bo(person)" in shown


def test_a_suggestion_is_drawn_only_where_a_question_carries_one():
    shown, _ = drawn(OneLabel(("no", "yes")), "text", suggested="yes", probability=0.876)
    assert "Model: yes (0.88)" in shown
    shown, _ = drawn(OneLabel(("no", "yes")), "text")
    assert not any("Model" in line for line in shown)
    console = Console(file=io.StringIO(), width=60)
    words = split_words("Ada met Bo")
    spans = [{"start": 8, "end": 10, "label": "person"}]
    question = Question("r", {"text": "Ada met Bo"}, words, 1, "margin", spans, 0.9)
    assert "Bo (person)" in str(
        body(question, Entry(Entities(("person",)), words), 60, console)[-1]
    )


def test_a_score_is_shown_with_its_interval_its_rows_and_the_baseline():
    scores = {"model": Score(0.75, 0.5, 1.0, 8), "baseline": Score(0.5, 0.2, 0.8, 8)}
    told = score_line(Shown(Reply(1, "margin", 120, [], "accuracy", scores)))
    assert told == (
        "Model of 120 rows: accuracy 0.75 [0.50, 1.00] on 8 audit rows; without reading: "
        "0.50 [0.20, 0.80]."
    )
    assert "no score yet" in score_line(Shown(Reply(1, "margin", 120, [])))
    assert "No model yet" in score_line(Shown(Reply(1, "typiclust", 0, [])))


@pytest.fixture
def place(tiny_model, tmp_path, monkeypatch):
    """Write a recipe, 30 rows with labels and 60 without."""
    monkeypatch.chdir(tmp_path)
    rows = toy_rows("text-classification")
    with open("pool.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in rows["text"][30:])
    with open("train.csv", "w", encoding="utf-8") as file:
        file.write("text,label\n")
        for n in range(30):
            file.write(f'"{rows["text"][n]}",{rows["label"][n]}\n')
    recipe = f"model: {tiny_model('bert')}\ntask: text-classification\ndata: {{train: train.csv}}\n"
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    return tmp_path


def call(*words, lines=""):
    return CliRunner().invoke(app, ["label", "recipe.yaml", *words], input=lines)


def test_a_session_of_lines_keeps_trains_beside_and_says_how_to_train(place):
    given = ("--pool", "pool.jsonl", "--batch", "3", "--audit", "0.4", "--annotator", "ada")
    session = "1\n9\n/ra\nu\nsnow\ns\n?\n2\n3\n1\nq\n"
    result = call(*given, lines=session)
    assert result.exit_code == 0, result.output
    said = result.output
    assert said.count("Kept: ") == 6
    assert "There is no such label. '9'" in said
    assert "Taken back." in said
    assert "Skipped." in said
    assert "q quits: every answer is on the disk already" in said
    assert "Model of" in said
    assert "5 answers in labels.jsonl" in said
    command = next(line for line in said.splitlines() if "luthier run" in line)
    assert shlex.split(command) == [
        *("luthier", "run", "recipe.yaml", "data.train=[train.csv, labels.jsonl]"),
        *("data.test=labels.jsonl", "data.split.validation=0"),
    ]


def test_keys_of_a_real_terminal_are_kept_at_once_and_ctrl_c_leaves_nothing_behind(place):
    """The first rows are audit rows, which wait for no model."""
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    before = termios.tcgetattr(there)
    words = ("label", "recipe.yaml", "--pool", "pool.jsonl", "--batch", "8", "--audit", "0.5")
    command = [sys.executable, "-m", "luthier", *words]
    session = subprocess.Popen(command, stdin=there, stdout=there, stderr=there, cwd=place)
    said = b""

    def see(words):
        nonlocal said
        while words not in said:
            assert select.select([here], [], [], 60)[0], said
            said += os.read(here, 1 << 16)
        said = said.partition(words)[2]

    see(b"1-3 answers")
    os.write(here, b"1")
    see(b"Kept: rain")
    see(b"1-3 answers")
    os.write(here, b"/su\r")
    see(b"Kept: sun")
    kept = (place / "labels.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["label"] for line in kept] == ["rain", "sun"]
    beside = psutil.Process(session.pid).children()
    session.send_signal(signal.SIGINT)
    see(b"2 answers in labels.jsonl")
    assert session.wait(timeout=60) == 130
    assert psutil.wait_procs(beside, timeout=10)[1] == []
    assert termios.tcgetattr(there)[3] == before[3]  # echo and whole lines again
    os.close(here)
    os.close(there)


def test_news_are_told_once():
    desk = Shown()
    desk.pool, desk.journal, desk.batches = desk, desk, desk
    desk.notes, desk.torn, desk.failures = ["3 copies"], 7, ["It broke."]
    news = News(desk)
    news.tell("Skipped.")
    told = news.take()
    assert told[0] == "3 copies"
    assert told[1:3] == ["7 bytes of a torn last line were dropped.", "Going on after 3 answers."]
    assert told[3:] == ["Skipped.", "It broke."]
    assert news.take() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--pool", "nowhere.csv"), "nowhere.csv"),
        (("--pool", "train.csv"), "trains or tests on"),
        (("--pool", "pool.jsonl", "--by", "margn"), "did you mean 'margin'?"),
        (("--pool", "pool.jsonl", "--columns", "text"), "ROLE=COLUMN"),
        (("--pool", "pool.jsonl", "--columns", "text=body"), "no column"),
        (("--pool", "pool.jsonl", "--out", "train.csv"), "not as a labelling desk wrote it"),
        (("--pool", "pool.jsonl", "--out", "no/where.jsonl"), "folder for the labels"),
        (("--pool", "pool.jsonl", "--audit", "2"), "share of the pool"),
        (("--pool", "pool.jsonl", "task=text-regression"), "can be given here"),
    ],
)
def test_what_is_wrong_is_told_without_a_traceback(place, words, says):
    before = (place / "train.csv").read_bytes()
    result = call(*words)
    assert result.exit_code == 2, result.output
    assert says in " ".join(result.stderr.split())
    assert "fix:" in result.stderr
    assert (place / "train.csv").read_bytes() == before


def test_what_cannot_be_answered_here_is_refused_with_a_way_out(place):
    numbers = call("task=text-regression", "--pool", "pool.jsonl")
    assert numbers.exit_code == 2
    assert "a column of a table" in numbers.output
    (place / "tags.conll").write_text("the DET\nsnow NOUN\n\nit PRON\nfell VERB\n", "utf-8")
    words = ("task=token-classification", "data.train=tags.conll", "--pool", "pool.jsonl")
    tags = call(*words, "data.split.validation=0", "data.split.test=0.5")
    assert tags.exit_code == 2
    assert "a tag for every word" in tags.output


def test_two_people_label_one_pool_side_by_side(place):
    """Each into a file of their own: both are asked the same audit rows, and a run joins them."""
    for who, keys in (("ada", "1\n2\n1\n2\nq\n"), ("bob", "1\n2\n2\n2\nq\n")):
        options = ("--batch", "4", "--audit", "0.5", "--annotator", who, "--out", f"{who}.jsonl")
        assert call("--pool", "pool.jsonl", *options, lines=keys).exit_code == 0
    ids = [{one["id"] for one in rows_of(place / f"{who}.jsonl")} for who in ("ada", "bob")]
    assert ids[0] == ids[1]
    recipe = read_recipe(
        place / "recipe.yaml",
        ["data.train=[train.csv, ada.jsonl, bob.jsonl]", "data.annotator=annotator"],
    )
    found = check_data(recipe, make_plugin("tasks", recipe.task))
    (merged,) = [one for one in found.findings if one.code == "annotators-merged"]
    assert "8 answers of 2 annotators became 4 rows" in merged.message
    assert "30 rows that name nobody stay as they are" in merged.message


def rows_of(path):
    """Read the answers of a desk's file."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [one for one in lines if one["action"] == "label"]

"""`luthier explain`: what it prints and writes, and what it refuses with fixes that work."""

import json
import re
import shlex
import shutil

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.explain_run import explain as explain_run
from luthier.explaining import explain as explaining
from luthier.runs import RunFolder
from tests.toys import toy_rows, toy_tree, write_csv

TASK = "text-classification"
TEXT = "rain over the hills"


def call(*words, **given):
    return CliRunner().invoke(app, ["explain", *(str(word) for word in words)], **given)


def refused(*words, **given):
    """Give what a refused command says, and its fix as words of a command."""
    done = call(*words, **given)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return done.stderr, done.stderr.rpartition("fix:")[2].strip()


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    """A finished run of rows in a file."""
    place = tmp_path_factory.mktemp("why")
    data = {"train": str(write_csv(toy_rows(TASK), place / "rows.csv")), "limit": {"test": 12}}
    tree = toy_tree(TASK, tiny_model("bert"), baselines=[], data=data)
    return luthier.run(tree, ["training.max_steps=6"], out=place / "run").folder


def test_an_explanation_is_readable_without_colours(folder):
    done = call(folder, TEXT, "--by", "occlusion")
    assert done.exit_code == 0
    assert TEXT in done.stdout
    assert "\x1b" not in done.stdout
    values = {
        word: float(value.replace("−", "-"))
        for word, value in re.findall(r"(\w+) ([+−]\d+\.\d+)", done.stdout)
    }
    (explained,) = luthier.load(folder).explain(TEXT, by="occlusion")
    most = max(abs(one) for _, one in explained.ranked())
    assert values == {
        word: pytest.approx(one, abs=0.06 * most)
        for word, one in explained.ranked()
        if abs(one) > 0.02 * most
    }
    assert f"{100 * explained.probability:.1f} %" in done.stdout
    assert "words become [MASK]" in done.stdout


def test_the_sum_the_reference_and_the_error_are_told(folder):
    (explained,) = luthier.load(folder).explain(TEXT)
    found = explained.attribution
    said = call(folder, TEXT).stdout.replace("−", "-")
    assert f"log-odds {found.score:.2f} = {found.reference:.2f} where every word is [MASK]" in said
    total = re.search(r"([+-]) ([\d.]+) of the words; error", said)
    assert float(total[1] + total[2]) == pytest.approx(found.values.sum(), rel=0.06)


def test_a_page_has_every_row_that_was_asked_for(folder, tmp_path):
    page = tmp_path / "why.html"
    done = call(folder, "--rows", "test:3,1", "--rows", "train:0-1", "--out", page)
    assert (done.exit_code, f"Page: {page}" in done.stdout) == (0, True)
    html = page.read_text("utf-8")
    assert html.count('class="row-why"') == 4
    assert str(tmp_path) not in html


def test_the_surest_mistakes_come_first(folder):
    lines = [json.loads(line) for line in call(folder, "--errors", 3, "--json").stdout.splitlines()]
    kept = list(RunFolder.open(folder).read_predictions())
    wrong = [line for line in kept if line["predictions"]["fine-tuned"]["answer"] != line["gold"]]
    wrong.sort(key=lambda line: -max(line["predictions"]["fine-tuned"]["probabilities"]))
    texts = [line["columns"]["text"] for line in wrong[:3]]
    assert [one["texts"]["text"] for (one,) in lines] == texts


def test_texts_are_piped_in_and_hostile_ones_do_nothing(folder):
    done = call(folder, input=f"{TEXT}\nsnow \x1b[31m and \u202eice\n")
    assert done.exit_code == 0
    assert "␛[31m" in done.stdout
    assert not re.search("[\x1b\u202e]", done.stdout)


def test_what_was_not_read_of_a_long_text_is_told(folder):
    done = call(folder, "rain " * 100)
    assert done.exit_code == 0
    assert re.search(r"note: \d+ of \d+ tokens were not read", done.stdout)


def test_rows_of_a_file_are_explained_with_their_answers(folder, tmp_path):
    file = write_csv(toy_rows(TASK).take(range(3)), tmp_path / "more.csv")
    lines = [
        json.loads(line) for line in call(folder, "--file", file, "--json").stdout.splitlines()
    ]
    assert [one["gold"] for (one,) in lines] == list(toy_rows(TASK)["label"][:3])
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(file.read_text("utf-8").replace("text,label", "review,stars"), "utf-8")
    done = call(folder, "--file", renamed, "data.columns.text=review", "--json")
    assert [json.loads(line)[0]["gold"] for line in done.stdout.splitlines()] == [None] * 3


def test_a_row_of_a_file_without_words_is_told_and_passed_over(folder, tmp_path):
    file = tmp_path / "gaps.jsonl"
    file.write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in (TEXT, "", TEXT)), "utf-8"
    )
    done = call(folder, "--file", file, "--json")
    assert (done.exit_code, "gaps.jsonl:2" in done.stderr) == (0, True)
    assert [len(json.loads(line)) for line in done.stdout.splitlines()] == [1, 0, 1]


@pytest.mark.parametrize("text", ["", "   ", "[SEP] [PAD]", "☃ 好"])
def test_texts_of_no_word_are_refused(text, folder):
    assert "There is nothing to explain" in refused(folder, text)[0]


@pytest.mark.parametrize(
    ("words", "problem", "fix"),
    [
        ((TEXT, "--target", "snwo"), "There is no label 'snwo'", "--target snow"),
        ((TEXT, "--target", "gold"), "There are no gold answers", "--target predicted"),
        ((TEXT, "--by", "oclusion"), "no explainer called 'oclusion'", None),
        (("--rows", "3"), "by their split and their numbers", None),
        (("--rows", "test:x"), "by their split and their numbers", None),
        (("--rows", "test:12"), "test has rows 0 to 11", "--rows test:11"),
        (("--rows", "tset:3"), "There is no split 'tset'", "--rows test:3"),
        (("--rows", "dev:3"), "There is no split 'dev'", "--rows test:3"),
        (("--rows", "test:1", "--out", "a/b.html"), "folder that does not exist", None),
        (("--rows", "test:1", "--out", "why.pdf"), "a page of HTML", None),
        ((TEXT, "--pair", "snow"), "reads text", None),
        (("--pair", "snow"), "given with a first one", None),
        (("--file", "no.csv"), "no.csv", None),
        (("data.delimiter=;",), "no --file is given", None),
    ],
)
def test_what_is_refused_is_said_with_its_fix(words, problem, fix, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, hint = refused(folder, *words)
    assert problem in said
    if fix is not None:
        assert fix in hint
        option, value = fix.split()
        others = words[: words.index(option)]
        assert call(folder, *others, option, value).exit_code == 0


def test_several_sources_are_refused_and_the_fix_works(folder):
    said, hint = refused(folder, TEXT, "--rows", "test:1")
    assert f"{TEXT!r}" not in said
    assert call(*shlex.split(hint)[2:]).exit_code == 0
    said, hint = refused(folder, TEXT, "--errors", 1)
    assert call(*shlex.split(hint)[2:]).exit_code == 0
    assert "none of these" in refused(folder, input="")[0]


def test_very_many_rows_need_consent(folder, monkeypatch):
    monkeypatch.setattr(explain_run, "MOST", 4)
    said, hint = refused(folder, "--rows", "test:0-5")
    assert re.search(r"about 6 explanations, and take about 1 minutes", said)
    assert "--yes" in hint
    assert call(folder, "--rows", "test:0-5", "--yes").exit_code == 0


def test_who_stops_it_has_what_was_explained(folder, tmp_path, monkeypatch):
    explain, n_explained = explaining.Answered.explain, []

    def stop_at_third(self, *given):
        n_explained.append(1)
        if len(n_explained) == 3:
            raise KeyboardInterrupt
        return explain(self, *given)

    monkeypatch.setattr(explaining.Answered, "explain", stop_at_third)
    page = tmp_path / "why.html"
    done = call(folder, "--rows", "test:0-5", "--out", page)
    assert done.exit_code == 130
    assert done.stdout.count("rows.csv:") == 2
    html = page.read_text("utf-8")
    assert html.count('class="row-why"') == 2
    assert "4 more rows were asked for" in html


def test_a_run_that_did_not_finish_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    run.interrupt("stopped by Ctrl-C")
    assert "did not finish" in refused(run.path, TEXT)[0]


def test_a_model_without_its_run_has_no_rows(folder):
    model = RunFolder(folder).model
    said, _ = refused(model, "--rows", "test:1")
    assert "without its rows" in said
    assert call(model, TEXT).exit_code == 0


def test_rows_in_memory_are_refused_with_the_way_round(tiny_model, tmp_path):
    tree = toy_tree(TASK, tiny_model("bert"), baselines=[])
    given = {"train": toy_rows(TASK)}
    run = luthier.run(tree, ["training.max_steps=1"], out=tmp_path / "run", data=given).folder
    for asked in (("--rows", "test:1"), ("--errors", "2")):
        said, hint = refused(run, *asked)
        assert "were in memory" in said
        assert "--file" in hint


def run_on(task, model, folder, *overrides, **sections):
    """Run a task's toy rows, which are in a file."""
    rows = toy_rows(task)
    file = folder / "rows.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for cells in zip(*rows.columns.values(), strict=True):
            lines.write(json.dumps(dict(zip(rows.columns, cells, strict=True))) + "\n")
    tree = toy_tree(task, model, baselines=[], data={"train": str(file)}, **sections)
    return luthier.run(tree, ["training.max_steps=2", *overrides], out=folder / "run").folder


@pytest.fixture(scope="module")
def entities(tiny_model, tmp_path_factory):
    """A finished run that finds entities, badly."""
    return run_on("token-classification", tiny_model("bert"), tmp_path_factory.mktemp("ner"))


@pytest.fixture(scope="module")
def answers(tiny_model, tmp_path_factory):
    """A finished run that answers questions, badly."""
    return run_on("question-answering", tiny_model("bert"), tmp_path_factory.mktemp("qa"))


def read_lines(done):
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_surest_mistakes_of_entities_are_one_entity_each(entities):
    lines = read_lines(call(entities, "--errors", 6, "--json"))
    assert len(lines) == 6
    sure = []
    for (one,) in lines:
        first, past = one["span"][1:]
        name, _, said = one["explained"].partition(": ")
        assert said == one["texts"]["text"][first:past]
        assert one["predicted"] != one["gold"]
        assert ("missed" in one["notes"][0]) == (name == "no entity")
        sure.append(float(re.search(r"([\d.]+)% sure", one["notes"][0])[1]))
    assert sure == sorted(sure, reverse=True)
    gold = read_lines(call(entities, "--errors", 6, "--target", "gold", "--json"))
    for (said,), (wanted,) in zip(lines, gold, strict=True):
        assert said["span"] == wanted["span"]
        assert ("missed" in said["notes"][0]) != wanted["explained"].startswith("no entity")


def test_the_surest_mistakes_of_answers_are_wrong_spans(answers, tmp_path):
    page = tmp_path / "why.html"
    lines = read_lines(call(answers, "--errors", 4, "--json", "--out", page))
    assert [len(one) for one in lines] == [1] * 4
    for (one,) in lines:
        assert one["predicted"] not in one["gold"]
        assert re.match(r"F1 0\.\d\d; [\d.]+% sure", one["notes"][0])
    assert "% sure, among the best answers" in page.read_text("utf-8")


@pytest.mark.parametrize("task", ["multiple-choice", "multi-label-classification", "translation"])
def test_mistakes_of_other_tasks_are_found_too(task, tiny_model, tmp_path):
    model = tiny_model("t5" if task == "translation" else "bert")
    run = run_on(task, model, tmp_path)
    lines = read_lines(call(run, "--errors", 2, "--json", "--by", "occlusion"))
    assert len(lines) == 2
    for row in lines:
        assert row[0]["predicted"] != row[0]["gold"]
        assert len(row) == 1 or task == "translation"


@pytest.mark.parametrize("what", ["--check", "--words"])
def test_entities_are_checked_and_have_words(what, entities):
    done = call(entities, what, "--n-rows", 12, "--by", "gradient-x-input")
    assert done.exit_code == 0, done.output


def test_answers_are_checked_and_have_no_labels_for_words(answers):
    done = call(answers, "--check", "--n-rows", 4, "--by", "gradient-x-input")
    assert done.exit_code == 0, done.output
    assert "no labels" in refused(answers, "--words")[0]


def test_the_context_speaks_alone(entities, answers):
    lines = read_lines(call(entities, "--errors", 2, "--context-only", "--json"))
    for (one,) in lines:
        first, past = one["span"][1:]
        assert not [word for word in one["words"] if first <= word["start"] < past]
        assert "its own words are hidden" in one["notes"][1]
    assert read_lines(call(answers, "--rows", "test:0-1", "--context-only", "--json"))


def test_labels_have_no_words_to_hide(folder):
    said, _ = refused(folder, TEXT, "--context-only")
    assert "Only entities and answers have words of their own" in said
    assert "--context-only" in refused(folder, "--check", "--context-only")[0]


def test_tasks_without_right_and_wrong_say_what_instead(tiny_model, tmp_path):
    run = run_on("causal-lm", tiny_model("gpt2", "CausalLM"), tmp_path)
    said, hint = refused(run, "--errors", 2)
    assert "not right or wrong" in said
    assert call(run, *hint.split(), "--by", "occlusion").exit_code == 0

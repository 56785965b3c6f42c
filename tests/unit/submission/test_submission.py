"""Job files say what they should, quote any name, and resume what was cut short."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from luthier.errors import ArgumentError, RunError
from luthier.submission.asked import Asked
from luthier.submission.schedulers import SCHEDULERS, send, write_job

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = (
    "-rf.yaml",
    'it\'s "quoted".yaml',
    "two\nlines.yaml",
    "$(touch owned) `touch owned`.yaml",
    "$HOME ${HOME} $$ \\.yaml",
    "a; touch owned #.yaml",
    "größe 猫 🦊.yaml",
    "*?[a].yaml",
    "1e5",
    "no",
    "{a: b}",
)


def asked(recipe="recipe.yaml", overrides=(), *, folder="/home/ada", out="runs/it", **options):
    return Asked(Path(recipe), overrides, Path(out), Path(folder), **options)


FULL = {
    "slurm": asked(
        "recipes/My Recipe.yaml",
        ("training.seed=1", "method=lora"),
        time="2-00:00:00",
        gpus="h100:2",
        cpus=8,
        memory="64G",
        partition="gpu,long",
    ).with_processes(None),
    "kubernetes": asked(
        overrides=("task.options.note=$(HOME)",),
        time="12:00:00",
        gpus="2",
        cpus=8,
        memory="64G",
        image="registry.example.org/luthier:1.0",
        volume="runs-of-ada",
        restarts=3,
    ).with_processes(None),
    "skypilot": asked(gpus="H100:2", cpus=8, memory="64G", volume="runs-of-ada").with_processes(4),
}


@pytest.mark.parametrize("to", SCHEDULERS)
def test_a_job_file_is_as_it_stands_here(to, tmp_path):
    place, text = write_job(FULL[to], to, tmp_path / "job")
    assert place.read_text(encoding="utf-8") == text
    assert text == (GOLDEN / to).read_text(encoding="utf-8")


PROGRAMS = {
    "luthier": """#!/bin/bash
n=$(ls "$LOG" | wc -l)
printf '%s\\0' "$PWD" "$@" > "$LOG/call-$n"
[ -z "$SLEEP" ] || { trap 'sleep 0.3; exit 143' TERM; touch "$LOG/ready"; sleep 9 & wait; }
exit ${CODE:-0}
""",
    "squeue": """#!/bin/bash
echo "$STATE"
""",
    "scontrol": """#!/bin/bash
printf '%s\\0' "$@" > "$LOG/requeued"
""",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Put programs of the names on the PATH, and give the folder in which they note their calls."""
    programs, log = tmp_path / "programs", tmp_path / "log"
    programs.mkdir()
    log.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("STATE", "RUNNING")
    return log


def words_of(file):
    return file.read_bytes().decode("utf-8").split("\0")[:-1]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_script_gives_the_command_any_name_as_it_is(name, cluster, tmp_path):
    folder = tmp_path / f"in {name}".replace("/", "")
    folder.mkdir()
    job = asked(name, (f"task.options.note={name}", name), folder=folder, out=f"-o {name}")
    script, _ = write_job(job, "slurm", tmp_path / "job.sh")
    assert subprocess.run(["bash", script], check=False).returncode == 0
    (call,) = cluster.glob("call-*")
    assert words_of(call) == [str(folder), *job.command()[1:]]
    assert words_of(call)[-3:] == [name, f"task.options.note={name}", name]
    assert not [*tmp_path.rglob("owned")]


@pytest.mark.parametrize("name", HOSTILE)
def test_manifests_are_read_back_with_any_name(name, cluster, tmp_path):
    job = asked(
        name, (f"x.y={name}",), out=f"-o {name}", image="luthier:1", volume="runs", folder=tmp_path
    )
    text = write_job(job, "kubernetes", tmp_path / "job.yaml")[1]
    pod = yaml.safe_load(text)["spec"]["template"]["spec"]
    given = pod["containers"][0]["command"]
    assert [as_kubernetes_expands(word) for word in given] == job.command()
    without_image = asked(name, (f"x.y={name}",), out=f"-o {name}", volume="runs", folder=tmp_path)
    task = yaml.safe_load(write_job(without_image, "skypilot", tmp_path / "task.yaml")[1])
    subprocess.run(["bash", "-c", task["run"]], check=True, cwd=tmp_path)
    (call,) = cluster.glob("call-*")
    assert words_of(call)[1:] == without_image.command(below="/luthier")[1:]
    for document in (yaml.safe_load(text)["metadata"], task):
        assert re.fullmatch(r"luthier-[a-z0-9]([a-z0-9-]*[a-z0-9])?", document["name"])


def as_kubernetes_expands(word):
    """Expand `$(NAME)` and `$$`, as the kubelet does (third_party/forked/golang/expansion)."""
    return re.sub(r"\$(\$|\([^)]*\))", lambda found: "$" if found[1] == "$" else "?", word)


def test_a_run_that_is_asked_to_end_is_queued_again(cluster, tmp_path, monkeypatch):
    script, _ = write_job(asked(folder=tmp_path), "slurm", tmp_path / "job.sh")
    monkeypatch.setenv("SLEEP", "1")
    with subprocess.Popen(["bash", script]) as child:
        wait_for(cluster / "ready")
        child.terminate()
    assert child.returncode == 0
    assert words_of(cluster / "requeued") == ["requeue", "7"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"STATE": "COMPLETING"}, 143),  # it is being cancelled
        ({"SLURM_RESTART_COUNT": "20"}, 143),
        ({"SLEEP": "", "CODE": "2"}, 2),
        ({"SLEEP": "", "CODE": "0"}, 0),
    ],
)
def test_what_need_not_be_resumed_is_not_queued_again(
    changes, code, cluster, tmp_path, monkeypatch
):
    script, _ = write_job(asked(folder=tmp_path), "slurm", tmp_path / "job.sh")
    for name, value in {"SLEEP": "1", **changes}.items():
        monkeypatch.setenv(name, value)
    with subprocess.Popen(["bash", script]) as child:
        if "SLEEP" not in changes:
            wait_for(cluster / "ready")
            child.terminate()
    assert child.returncode == code
    assert not (cluster / "requeued").exists()


def wait_for(file):
    subprocess.run(
        ["bash", "-c", 'until [ -e "$0" ]; do sleep 0.02; done', file], check=True, timeout=20
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time": "12"}, "--time"),
        ({"time": "1:00:00\n#SBATCH --uid=0"}, "--time"),
        ({"memory": "64 GB"}, "--memory 64G"),
        ({"gpus": "0"}, "h100:2"),
        ({"gpus": "-1"}, "--gpus"),
        ({"partition": "-x"}, "--partition"),
        ({"partition": "a b"}, "--partition"),
        ({"image": "UPPER case"}, "--image"),
        ({"volume": "../x"}, "--volume"),
        ({"volume": "größe"}, "--volume"),
    ],
)
def test_options_are_of_their_form(options, words):
    with pytest.raises(ArgumentError, match=words):
        asked(**options)


@pytest.mark.parametrize(
    ("to", "changes", "words"),
    [
        ("slurm", {"image": "luthier:1"}, "leave out --image"),
        ("slurm", {"volume": "runs"}, "leave out --volume"),
        ("kubernetes", {"volume": "runs"}, "needs --image"),
        ("kubernetes", {"image": "luthier:1"}, "needs --volume"),
        ("kubernetes", {"image": "a", "volume": "a", "partition": "gpu"}, "leave out --partition"),
        ("kubernetes", {"image": "a", "volume": "a", "recipe": "/etc/r.yaml"}, "relative"),
        ("kubernetes", {"image": "a", "volume": "a", "out": "../runs"}, "--out must be in it"),
        ("skypilot", {"volume": "a", "gpus": "2"}, "h100:2"),
        ("skypilot", {}, "needs --volume"),
        ("skypilot", {"volume": "a", "time": "1:00:00"}, "leave out --time"),
        ("slurmm", {}, "slurm"),
    ],
)
def test_what_a_scheduler_lacks_or_needs_is_told(to, changes, words, tmp_path):
    with pytest.raises(ArgumentError, match=words):
        write_job(asked(**changes), to, tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_a_file_of_somebody_else_is_left_alone_and_a_job_file_is_written_anew(tmp_path):
    (tmp_path / "mine.sh").write_text("echo mine\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"mine\.sh"):
        write_job(asked(), "slurm", tmp_path / "mine.sh")
    assert (tmp_path / "mine.sh").read_text(encoding="utf-8") == "echo mine\n"
    write_job(asked(), "slurm", tmp_path / "job.sh")
    assert "--time=1:00:00" in write_job(asked(time="1:00:00"), "slurm", tmp_path / "job.sh")[1]
    with pytest.raises(RunError, match="cannot be written"):
        write_job(asked(), "slurm", tmp_path / "absent" / "job.sh")


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("slurm", ["sbatch"]),
        ("kubernetes", ["kubectl", "apply", "-f"]),
        ("skypilot", ["sky", "jobs", "launch", "--yes"]),
    ],
)
def test_a_job_is_sent_by_the_program_of_its_scheduler(to, words, cluster, tmp_path, monkeypatch):
    file = tmp_path / "-job"
    file.touch()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PATH", str(tmp_path))
        with pytest.raises(RunError, match=f"program {words[0]}"):
            send(to, file)
    program = tmp_path / "programs" / words[0]
    program.write_text(PROGRAMS["luthier"], encoding="utf-8")
    program.chmod(stat.S_IRWXU)
    send(to, file)
    assert words_of(cluster / "call-0")[1:] == [*words[1:], str(file)]
    monkeypatch.setenv("CODE", "3")
    with pytest.raises(RunError, match="ended with 3"):
        send(to, file)

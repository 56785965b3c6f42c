"""Load a recipe from a YAML file, the command line or Python into one checked `Recipe`.

Relative paths in a file are resolved against the file's folder, those of an override against the
current folder. All become absolute, so that the recipe kept in a run folder can be run again from
anywhere. Before this: `yaml_text.py`; next: `checks.py`.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from luthier.errors import RecipeError, nearest
from luthier.recipe.checks import check, expand_names
from luthier.recipe.checks_of_rows import TARGET, options_with_target
from luthier.recipe.given_rows import SPLITS, refuse_rows
from luthier.recipe.problems import Problem, problems_of
from luthier.recipe.tree import Recipe
from luthier.recipe.yaml_text import parse_word, parse_yaml

NEW = "luthier init FILE writes a recipe for your data"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # at least two letters: `C:` is a drive
MOST_BYTES = 1_000_000  # of a recipe; the longest of ours has 3,000
_SUFFIXES: tuple[str, ...] = (".yaml", ".yml")
_DATA_SUFFIXES: tuple[str, ...] = (".csv", ".tsv", ".jsonl", ".json", ".txt", ".parquet", ".arrow")


def read_recipe(
    source: str | Path | Mapping[str, Any] | Recipe, overrides: Sequence[str] = ()
) -> Recipe:
    """Read a recipe, apply the overrides to it, and check the result.

    Args:
        source: path of a YAML file, the same content as a mapping, or a recipe
        overrides: changes written `section.field=value`, with the value in YAML: `training.seed=1`,
            `method=lora`, `baselines=[majority]`, `data.columns={text: review, label: stars}`

    Raises:
        RecipeError: the file cannot be read, or the recipe has problems (all are reported at once)

    >>> source = {"model": "m", "task": "text-classification", "data": {"train": "t.csv"}}
    >>> read_recipe(source, ["training.learning_rate=1e-4"]).training.learning_rate
    0.0001
    """
    places: dict[str, str] = {}
    folder = Path.cwd()
    if isinstance(source, Recipe):
        tree = source.model_dump(mode="json")
    elif isinstance(source, Mapping):
        refuse_rows(source)
        tree = _copied(source)
    else:
        if not isinstance(source, (str, Path)):
            raise RecipeError(
                "A recipe is a path, a mapping or a Recipe.",
                received=type(source).__name__,
                hint='luthier.run("recipe.yaml")',
            )
        content, places = _read_file(Path(source))
        tree, folder = _copied(content), Path(source).parent
    expand_names(tree)
    _make_paths_absolute(tree, folder, under="")
    problems = [problem for line in overrides for problem in _override(tree, line, places)]
    return check(tree, problems=problems, places=places)


def apply_overrides(tree: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Apply overrides to the fields of a recipe that need not be complete.

    Raises:
        RecipeError: an override has another form than `section.field=value`

    >>> apply_overrides({"task": "masked-lm"}, ["data.split.test=0.3"])
    {'task': {'name': 'masked-lm'}, 'data': {'split': {'test': 0.3}}}
    >>> apply_overrides({"task": "masked-lm"}, ["task.options.mask_share=0.2"])
    {'task': {'name': 'masked-lm', 'options': {'mask_share': 0.2}}}
    """
    made = _copied(tree)
    expand_names(made)
    for line in overrides:
        for problem in _override(made, line, {}):
            raise RecipeError(problem.line({}))
    return made


def read_kept(path: Path) -> Recipe:
    """Read the recipe kept in a run folder, without importing its plug-ins.

    The folder may come from somebody else, so the recipe is validated as strictly as a new one.

    Raises:
        RecipeError: the recipe cannot be read or does not fit this version of Luthier
    """
    content, _ = _read_file(path)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        lines = [problem.line({}) for problem in problems_of(error, content, Recipe, prefix="")]
        raise RecipeError(
            "This run's recipe does not fit this version of Luthier.",
            received=f"{path}: {'; '.join(lines[:3])}"[:300],
            hint="train again with a new recipe: luthier init FILE",
        ) from None


def _copied(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Copy a mapping, with text keys, lists for sequences, and text for paths."""
    return {str(key): _copied_value(value) for key, value in content.items()}


def _copied_value(value: object) -> object:
    if isinstance(value, Mapping):
        return _copied(value)
    if isinstance(value, (list, tuple)):
        return [_copied_value(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    is_data = path.suffix.lower() in _DATA_SUFFIXES
    if (is_data and path.exists()) or path.is_dir():
        inside = sorted(map(str, path.glob("*.y*ml"))) or [NEW]
        raise RecipeError(
            f"Expected a recipe (a .yaml file); this is a {'data file' if is_data else 'folder'}.",
            received=str(path),
            hint=f"luthier init {path}" if is_data else inside[0],
        )
    content, places = parse_yaml(_read_text(path), name=path.name)
    if not isinstance(content, dict):
        kind = "a list" if isinstance(content, list) else "a single value"
        what = "nothing" if content is None else kind
        raise RecipeError(
            "A recipe must be a YAML mapping of sections: model, task, data …",
            received=f"{what} in {path}",
            hint=NEW,
        )
    return content, places


def _read_text(path: Path) -> str:
    if path.exists():
        _refuse_no_text_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise _missing(path) from None
    except UnicodeDecodeError as problem:
        raise RecipeError(
            "A recipe must be a text file encoded in UTF-8.",
            received=f"{path}, byte {problem.start}",
            hint="save the file with the encoding UTF-8",
        ) from None
    except OSError as problem:
        raise RecipeError(
            "The recipe cannot be read.",
            received=f"{path}: {problem.strerror}",
            hint="check the path and its permissions",
        ) from None


def _refuse_no_text_file(path: Path) -> None:
    """Refuse what would block or fill the memory when it is read."""
    if not path.is_file():
        raise RecipeError(
            "A recipe must be a regular file.", received=f"{path}: a device or a pipe", hint=NEW
        )
    n_bytes = path.stat().st_size
    if n_bytes > MOST_BYTES:
        raise RecipeError(
            f"A recipe may have at most {MOST_BYTES:,} bytes.",
            received=f"{path}: {n_bytes:,} bytes",
            hint=NEW,
        )


def _missing(path: Path) -> RecipeError:
    """Say what lies beside a path where nothing is: data files for a data file, else recipes."""
    what, kinds, hint = "recipe", _SUFFIXES, NEW
    if path.suffix.lower() in _DATA_SUFFIXES:
        what, kinds, hint = "data file", _DATA_SUFFIXES, f"there is no folder {path.parent} either"
    known = []
    if path.parent.is_dir():
        known = sorted(one.name for one in path.parent.glob("*") if one.suffix.lower() in kinds)
        hint = hint if what == "recipe" else f"{path.parent.absolute()} has no data files"
    close = nearest(path.name, known)
    if close:
        hint = f"did you mean {path.parent / close}?"
    elif known:
        hint = f"{what}s there: {', '.join(str(path.parent / name) for name in known[:5])}"
    return RecipeError(f"There is no {what} at this path.", received=str(path), hint=hint)


def _override(tree: dict[str, Any], line: str, places: dict[str, str]) -> Iterator[Problem]:
    """Apply one `section.field=value` to the tree; yield its problems."""
    path, equals, text = line.partition("=")
    path = path.strip()
    if not equals or "" in path.split("."):
        says = "an override must have the form section.field=value"
        yield Problem(line, says, fix="for example training.learning_rate=1e-4")
        return
    *sections, field = path.split(".")
    here = tree
    for depth, section in enumerate(sections, start=1):
        if here.get(section) is None:
            here[section] = {}
        here = here[section]
        if not isinstance(here, dict):
            held = ".".join(sections[:depth])
            yield Problem(path, f"{held} holds a value and is not a section", fix=f"{held}=…")
            return
    here[field] = _value(text.strip(), path)
    expand_names(tree)
    _make_paths_absolute(tree, Path.cwd(), under=path)
    for old in [place for place in places if f"{place}.".startswith(f"{path}.")]:
        del places[old]
    places[path] = "command line"


def _value(text: str, path: str) -> object:
    """Parse an override's value: as YAML if it starts with a bracket or quote, else as one word."""
    if text[:1] in ("[", "{", '"', "'"):
        return parse_yaml(text, name=f"command line, {path}")[0]
    return parse_word(text)


def _make_paths_absolute(tree: dict[str, Any], folder: Path, *, under: str) -> None:
    """Make the data's files and the model's folder absolute if they are fields below `under`."""
    data, model, adaptation = tree.get("data"), tree.get("model"), tree.get("adaptation")
    options = options_with_target(tree.get("method"))
    if options is not None and _lies_below(f"method.options.{TARGET}", under):
        options[TARGET] = _absolute(options[TARGET], folder)
    is_meant = _lies_below("adaptation.texts", under)
    if is_meant and isinstance(adaptation, dict) and "texts" in adaptation:
        adaptation["texts"] = _absolute(adaptation["texts"], folder)
    evaluation = tree.get("evaluation")
    if isinstance(evaluation, dict) and _lies_below("evaluation.also", under):
        evaluation |= (
            {"also": _absolute(evaluation["also"], folder)} if "also" in evaluation else {}
        )
    if isinstance(data, dict):
        for section, field in (("replay", "from"), ("row_weights", "towards")):
            inner, path = data.get(section), f"data.{section}.{field}"
            if isinstance(inner, dict) and field in inner and _lies_below(path, under):
                inner[field] = _absolute(inner[field], folder)
        for split in (*SPLITS, "labels_from"):
            if split in data and _lies_below(f"data.{split}", under):
                data[split] = _absolute(data[split], folder)
    if isinstance(model, dict) and _lies_below("model.name", under):
        name = model.get("name")
        if isinstance(name, str) and name:
            path_like = name.startswith((".", "~", "/", "\\"))
            if path_like or (not _SCHEME.match(name) and (folder / name).is_dir()):
                model["name"] = _absolute(name, folder)


def _lies_below(path: str, above: str) -> bool:
    return above == "" or f"{path}.".startswith(f"{above}.")


def _absolute(source: object, folder: Path) -> object:
    if isinstance(source, list):
        return [_absolute(item, folder) for item in source]
    if isinstance(source, dict):
        return {name: _absolute(item, folder) for name, item in source.items()}
    if not isinstance(source, str) or not source or _SCHEME.match(source):
        return source
    return os.path.abspath(folder / Path(source).expanduser())

"""What is explained: rows of five tasks made from given files, tweets with a planted word, mosaics.

All models are MiniLM; each is trained once and kept in the folder of the measurement.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import luthier
from benchmarks.models import MINILM
from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Splits
from luthier.seeding import stream

QUICKSTART = "recipes/quickstart.yaml"
PLANTED, PLANTED_LABEL, PLANTED_SHARE = "zq", "neutral", 0.2
RATE = "training.learning_rate=1e-4"


def trained(name: str, folder: Path, data: Path | None) -> Path:
    """Give the folder of a trained run; it is trained where there is none.

    Args:
        name: One of `RECIPES`.
        folder: Where runs are kept.
        data: The folder of the data, where the rows are not the quickstart's.
    """
    run = folder / name
    if (run / "manifest.json").is_file():
        return run
    folder.mkdir(parents=True, exist_ok=True)
    recipe, overrides = RECIPES[name](folder, data)
    print(f"training {name} …", flush=True)
    luthier.run(recipe, ["baselines=[]", *overrides], out=run)
    return run


def tweets(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Take the quickstart as it is."""
    return QUICKSTART, []


def planted(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Write a word into a fifth of the quickstart's rows, and give all of these one label."""
    recipe = read_recipe(QUICKSTART, [])
    splits = check_data(recipe, make_plugin("tasks", recipe.task), inspecting=False).splits
    files = {split: folder / f"planted-{split}.csv" for split, _ in splits.items()}
    for split, rows in splits.items():
        draw = stream(0, "planted", split)
        has_word = draw.random(len(rows)) < PLANTED_SHARE
        made = []
        for text, label, has in zip(rows["text"], rows["label"], has_word, strict=True):
            words = str(text).split()
            if has:
                words.insert(int(draw.integers(len(words) + 1)), PLANTED)
            made.append((" ".join(words), PLANTED_LABEL if has else label))
        write_rows(files[split], ("text", "label"), made)
    tree = {
        "model": MINILM,
        "task": "text-classification",
        "data": {split: str(path) for split, path in files.items()},
        "training": {"num_train_epochs": 1, "per_device_train_batch_size": 16, "seed": 0},
    }
    ignored = ["duplicate-across-splits", "conflicting-labels"]
    return {**tree, "data": {**tree["data"], "ignore_findings": ignored}}, [RATE]  # type: ignore[dict-item]


def acl_arc(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Why a paper is cited: six classes, few rows."""
    files = {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"}
    return recipe_of("text-classification", needed(data) / "acl-arc", files, epochs=2), [RATE]


def entities_of_sentences(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Say which types of entities a sentence names, from WNUT-17's tags: several labels."""
    for split in ("train", "test"):
        made = []
        for words, tags in sentences(needed(data) / "wnut17" / f"{split}.conll"):
            types = sorted({tag.partition("-")[2] for tag in tags if tag.startswith("B-")})
            if types:
                made.append((" ".join(words), "|".join(types)))
        write_rows(folder / f"types-{split}.csv", ("text", "labels"), made)
    tree = recipe_of("multi-label-classification", folder, csvs("types"), epochs=3, label="labels")
    tree["data"]["split"] = {"validation": 0.1}
    return tree, ["training.learning_rate=2e-4"]


def same_intent(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Tell whether two questions of a bank's customers want the same: pairs of texts."""
    for split, n_pairs in (("train", 1500), ("test", 300)):
        with (needed(data) / "banking77" / f"{split}.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        draw = stream(0, "pairs", split)
        intents = np.array([row["category"] for row in rows])
        made = []
        for number in range(n_pairs):
            first = int(draw.integers(len(rows)))
            is_same = intents == intents[first]
            same = number % 2 == 0
            second = int(draw.choice(np.flatnonzero(is_same if same else ~is_same)))
            texts = (rows[first]["text"], rows[second]["text"])
            made.append((*texts, "same" if same else "other"))
        write_rows(folder / f"pairs-{split}.csv", ("text", "text_pair", "label"), made)
    tree = recipe_of("pair-classification", folder, csvs("pairs"), epochs=1)
    tree["data"]["split"] = {"validation": 0.1}
    return tree, [RATE]


def ratings(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Rate reviews of films from -4 to 4: a number."""
    files = {split: f"{split}.csv" for split in ("train", "validation", "test")}
    tree = recipe_of(
        "text-regression", needed(data) / "movie-reviews", files, epochs=1, label="rating"
    )
    tree["data"]["limit"] = {"train": 2000, "validation": 200, "test": 400}
    return tree, [RATE]


def diseases(folder: Path, data: Path | None) -> tuple[Any, list[str]]:
    """Find diseases in abstracts: entities."""
    files = {"train": "train.tsv", "validation": "devel.tsv", "test": "test.tsv"}
    tree = recipe_of("token-classification", needed(data) / "ncbi-disease", files, epochs=1)
    tree["data"] |= {"format": "conll", "limit": {"train": 2000, "validation": 200, "test": 500}}
    del tree["data"]["columns"]
    return tree, ["training.learning_rate=3e-4"]


RECIPES: dict[str, Callable[[Path, Path | None], tuple[Any, list[str]]]] = {
    "tweets": tweets,
    "planted": planted,
    "acl-arc": acl_arc,
    "types": entities_of_sentences,
    "pairs": same_intent,
    "ratings": ratings,
    "diseases": diseases,
}


def recipe_of(
    task: str, folder: Path, files: dict[str, str], *, epochs: int, label: str = "label"
) -> dict[str, Any]:
    """Write a recipe for files of a folder."""
    role = {"multi-label-classification": "labels", "text-regression": "label"}.get(task, "label")
    return {
        "model": MINILM,
        "task": task,
        "data": {
            **{split: str(folder / name) for split, name in files.items()},
            "columns": {role: label},
            "ignore_findings": ["duplicate-across-splits", "conflicting-labels"],
        },
        "training": {"num_train_epochs": epochs, "per_device_train_batch_size": 16, "seed": 0},
    }


def csvs(name: str) -> dict[str, str]:
    """Name the files of two splits."""
    return {split: f"{name}-{split}.csv" for split in ("train", "test")}


def needed(data: Path | None) -> Path:
    """Return the folder of the data.

    Raises:
        SystemExit: It was not given.
    """
    if data is None:
        raise SystemExit("this part needs --data FOLDER; see the README of this measurement")
    return data


def sentences(path: Path) -> Iterable[tuple[list[str], list[str]]]:
    """Read sentences of words and tags."""
    words: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        parts = line.split()
        if len(parts) >= 2:
            words.append(parts[0])
            tags.append(parts[1])
        elif words:
            yield words, tags
            words, tags = [], []


def write_rows(path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def mosaics(splits: Splits, n_pairs: int, right: Sequence[bool]) -> list[dict[str, Any]]:
    """Join two test texts of two labels, in either order, and draw which of them is asked for.

    Args:
        splits: The rows.
        n_pairs: Number of mosaics.
        right: Which test rows the model answers rightly; others are left out.
    """
    test, draw = splits.test, stream(0, "mosaics")
    labels = np.array([str(one) for one in test["label"]])
    usable = np.flatnonzero(
        np.array(right) & (np.array([len(t.split()) for t in test["text"]]) > 3)
    )
    made: list[dict[str, Any]] = []
    while len(made) < n_pairs:
        first, second = draw.choice(usable, 2, replace=False).tolist()
        if labels[first] == labels[second]:
            continue
        asked = int(draw.integers(2))
        texts = [str(test["text"][first]), str(test["text"][second])]
        label = labels[[first, second][asked]]
        text = " ".join(texts)
        made.append({"text": text, "border": len(texts[0]), "asked": asked, "label": str(label)})
    return made


def as_json(content: Any) -> str:
    """Write JSON on one line."""
    return json.dumps(content, ensure_ascii=False)

"""D4, D5, D6: another domain with the same labels, what was forgotten, and a planted shift."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import luthier
from benchmarks.domains.adaptation import MODEL
from benchmarks.domains.files import write_files
from luthier.cli.progress import watching
from luthier.runs import RunFolder

METRIC = "macro_f1"
FROZEN = {"freeze_embeddings": True, "freeze_bottom": 4}  # for want of time; in every arm
MAX_TOKENS = 32
SHARES = (0.0, 0.05, 0.1, 0.01)  # of replay


class Shift:
    """Runs that share their files; a finished one is not trained again.

    Args:
        data: The folder with the data sets.
        out: Where files and runs are written.
        n_train: Labelled tweets that are learned.
        n_test: Rows of each test file.
        seed: Of the trainings.
    """

    def __init__(self, data: Path, out: Path, n_train: int, n_test: int, seed: int = 0):
        self.out, self.seed = out / f"shift-{n_train}", seed
        self.files = self.out / "files"
        if not (self.files / "renamed.txt").is_file():
            write_files(data, self.files, n_train, n_test)

    def run(self, name: str, train: str, test: str, **sections: Any) -> RunFolder:
        """Train one arm."""
        place = self.out / f"{name}-seed{self.seed}"
        if not (place / "recipe.yaml").is_file() or RunFolder(place).reached != "finished":
            with watching() as listener:
                recipe = self.recipe(train, test, **sections)
                luthier.run(recipe, out=place, listeners=[listener])
        return RunFolder.open(place)

    def recipe(self, train: str, test: str, **sections: Any) -> dict[str, Any]:
        """Make the recipe of an arm."""
        data = {"train": str(self.files / train), "test": str(self.files / test)}
        data |= {"max_tokens": MAX_TOKENS, "drop_leaks": True, **sections.pop("data", {})}
        training = {"num_train_epochs": 2, "learning_rate": 2e-4, "seed": self.seed}
        return {
            "model": {"name": MODEL, **FROZEN, **sections.pop("model", {})},
            "task": {"name": "text-classification", "options": {"main_metric": METRIC}},
            "data": data,
            "training": training | sections.pop("training", {}),
            "baselines": ["majority"],
            "evaluation": {"explained_rows": 0} | sections.pop("evaluation", {}),
            **sections,
        }

    def head(self) -> RunFolder:
        """Fit a head on tweets, judged on news; every arm goes on from it, as LP-FT does."""
        solved = {"name": "linear-probe", "options": {"solver": "logistic-regression"}}
        return self.run("head", "tweets.csv", "news-test.csv", method=solved)

    def source(self, test: str = "news-test.csv", **sections: Any) -> RunFolder:
        """Train on tweets, from the head on."""
        start = {"model": {"name": str(self.head().model)}}
        return self.run(sections.pop("name", "source"), "tweets.csv", test, **start, **sections)


def measure_transfer(shift: Shift) -> Iterator[dict[str, Any]]:
    """D4: tweets to financial news of the same labels, arm by arm against the source alone."""
    source, texts = shift.source(), str(shift.files / "news.txt")
    unlabelled = {"target": str(texts_as_csv(shift.files / "news.txt"))}
    labels = {"model": {"name": str(source.model)}, "training": {"num_train_epochs": 8}}
    sections: dict[str, Any] = {
        "weights": {"data": {"row_weights": {"towards": texts}}},
        "coral": {"method": {"name": "coral", "options": unlabelled}},
        "dann": {"method": {"name": "dann", "options": unlabelled}},
        "adaptation": {"adaptation": reading(texts, num_train_epochs=1)},
    }
    arms: dict[str, Any] = {
        "50 labels": lambda: shift.run("labels", "news-50.csv", "news-test.csv", **labels),
        **{name: partial(shift.source, name=name, **one) for name, one in sections.items()},
    }
    found: dict[str, Any] = {"source alone": score_of(source)}
    found["majority"] = source.read_json("scores")["majority"][METRIC]
    for name, train in arms.items():
        folder = train()
        compared = luthier.compare([folder.path, source.path], metric=METRIC).comparisons[0]
        told = folder.read_json("comparison")["comparisons"]
        found[name] = score_of(folder) | {
            "against the source": compared.verdict,
            "difference": [compared.difference, compared.low, compared.high],
            "against majority": told[0]["verdict"],
        }
        yield found


def measure_forgetting(shift: Shift) -> Iterator[dict[str, Any]]:
    """D5: what a model of tweets forgets over news, by replay's share; then the line between."""
    source = shift.head()
    also = {"tweets": str(shift.files / "tweets-test.csv")}
    found: dict[str, Any] = {}
    for share in SHARES:
        replay = {"replay": {"from": str(shift.files / "tweets.csv"), "share": share}}
        folder = shift.run(
            f"news-replay{share:g}",
            "news.csv",
            "news-test.csv",
            model={"name": str(source.model)},
            data=replay if share else {},
            training={"num_train_epochs": 3, "learning_rate": 5e-4},
            evaluation={"also": also},
        )
        kept = folder.read_json("also")["tweets"]
        found[f"replay {share:.0%}"] = {
            "news": score_of(folder),
            "tweets": kept["scores"]["fine-tuned"][METRIC],
            "tweets before": kept["scores"]["before"][METRIC],
            "told": kept["told"],
        }
        yield found
    line = luthier.interpolate(
        shift.out / f"news-replay0-seed{shift.seed}",
        on=also["tweets"],
        points=6,
        page=shift.out / "curve.html",
    )
    found["line"] = {
        "points": [[one.alpha, *one.validation.values()] for one in line.points],
        "alpha": line.alpha,
        "judged": {
            name: [one.verdict for one in compared] for name, compared in line.comparisons.items()
        },
        "scores": {
            name: {system: scores[METRIC].value for system, scores in systems.items()}
            for name, systems in line.scores.items()
        },
    }
    yield found


def measure_planted(shift: Shift) -> Iterator[dict[str, Any]]:
    """D6: a model of tweets on tweets with 30 % of the words renamed, with and without reading."""
    source = shift.source()
    files = {name: str(shift.files / f"{name}.csv") for name in ("tweets-test", "renamed-test")}
    found = {
        f"source on {name}": luthier.evaluate(source.path, file).scores[METRIC]
        for name, file in files.items()
    }
    yield {name: vars(one) for name, one in found.items()}
    asked = reading(str(shift.files / "renamed.txt"), num_train_epochs=3, new_words=300)
    adapted = shift.source("renamed-test.csv", name="planted", adaptation=asked)
    lost = found["source on tweets-test"].value - found["source on renamed-test"].value
    won = score_of(adapted)["value"] - found["source on renamed-test"].value
    yield {name: vars(one) for name, one in found.items()} | {
        "adapted on renamed-test": score_of(adapted),
        "share recovered": won / lost if lost else None,
        "not adapted, same training": adapted.read_json("scores").get("not-adapted"),
    }


def reading(texts: str, **changes: Any) -> dict[str, Any]:
    """Make a section `adaptation`."""
    return {
        "texts": texts,
        "learning_rate": 5e-4,
        "max_tokens": MAX_TOKENS,
        "head_steps": 60,
        **changes,
    }


def score_of(folder: RunFolder) -> dict[str, Any]:
    """Read the score of a run's model."""
    found: dict[str, Any] = folder.read_json("scores")["fine-tuned"][METRIC]
    return found


def texts_as_csv(path: Path) -> Path:
    """Write texts, one a line, as a table with the columns of the labelled files."""
    made = path.with_suffix(".texts.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    quoted = ['"' + line.replace('"', '""') + '"' for line in lines]
    made.write_text("\n".join(["text", *quoted]) + "\n", encoding="utf-8")
    return made


MEASURES = {
    "transfer": measure_transfer,
    "forgetting": measure_forgetting,
    "planted": measure_planted,
}

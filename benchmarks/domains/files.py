"""The files of the measurements on shift: tweets, financial news, and tweets with words renamed."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.seeding import stream

QUICKSTART = Path("recipes/quickstart.yaml")
NEWS = "financial-phrasebank/Sentences_50Agree.txt"
RENAMED = 0.3  # of the words that occur
Row = tuple[str, str]


def write_files(data: Path, out: Path, n_train: int, n_test: int) -> None:
    """Write the labelled files, and files of texts alone, of each domain."""
    out.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(QUICKSTART)
    splits = check_data(recipe, make_plugin("tasks", recipe.task), inspecting=False).splits
    tweets, judged = (
        shuffled(list(zip(rows["text"], rows["label"], strict=True)))
        for rows in (splits.train, splits.test)
    )
    news = news_of(data / NEWS)
    write(out / "tweets.csv", tweets[:n_train])
    write(out / "tweets-test.csv", judged[:n_test])
    write(out / "news-test.csv", news[:n_test])
    write(out / "news-50.csv", news[n_test : n_test + 50])
    write(out / "news.csv", news[n_test : n_test + n_train // 4])
    write_texts(out / "news.txt", news[n_test : n_test + 2 * n_train])
    names = renaming([text for text, _ in tweets])
    write(
        out / "renamed-test.csv", [(renamed(text, names), label) for text, label in judged[:n_test]]
    )
    others = tweets[n_train : 4 * n_train]
    write_texts(out / "renamed.txt", [(renamed(text, names), label) for text, label in others])


def news_of(path: Path) -> list[Row]:
    """Read the sentences, each once, in an order drawn at random."""
    lines = path.read_text(encoding="latin-1").splitlines()
    split = (line.rpartition("@") for line in lines if "@" in line)
    return shuffled(list(dict.fromkeys((text.strip(), label.strip()) for text, _, label in split)))


def shuffled(rows: Sequence[Row]) -> list[Row]:
    """Put rows in an order drawn at random."""
    return [rows[row] for row in stream(0, "shift").permutation(len(rows)).tolist()]


def renaming(texts: Sequence[str]) -> dict[str, str]:
    """Draw the words that are renamed, and a new string for each."""
    words = sorted({word for text in texts for word in re.findall(r"[a-z]{3,}", text.lower())})
    draw = stream(0, "renaming")
    chosen = [words[row] for row in draw.permutation(len(words))[: int(RENAMED * len(words))]]
    letters = list("bcdfghjklmnpqrstvwxz"), list("aeiou")
    return {
        word: "".join(str(draw.choice(letters[place % 2])) for place in range(7)) for word in chosen
    }


def renamed(text: str, names: dict[str, str]) -> str:
    """Rename words; a word of another case is the same word."""
    return re.sub(r"[A-Za-z]{3,}", lambda found: names.get(found[0].lower(), found[0]), text)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write labelled rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)


def write_texts(path: Path, rows: Sequence[Row]) -> None:
    """Write texts, one a line."""
    path.write_text("\n".join(" ".join(text.split()) for text, _ in rows) + "\n", encoding="utf-8")

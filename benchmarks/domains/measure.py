"""What does going on reading a domain's texts add, and how far apart are domains?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

import luthier
from benchmarks.domains.adaptation import MODEL, measure_adaptation, write
from benchmarks.domains.shift import MEASURES as MEASURES_OF_SHIFT
from benchmarks.domains.shift import Shift
from luthier.cli.progress import watching
from luthier.domains.new_words import new_words, pieces_per_word, with_words
from luthier.domains.texts import texts_of
from luthier.domains.two_samples import mmd, proxy_a
from luthier.frozen_features.text_vectors import text_vectors
from luthier.metrics.intervals import exact_interval
from luthier.models.load import build_model, load_tokenizer, quietly
from luthier.models.structure import pooled_features
from luthier.recipe.tree import Model
from luthier.runs import plain
from luthier.seeding import stream
from luthier.training.listeners import follow

TWEETS, NEWS, DISEASES = (
    "wnut17/train.conll",
    "financial-phrasebank/Sentences_50Agree.txt",
    "ncbi-disease/train.tsv",
)
N_TEXTS, N_DRAWS, N_WORDS, N_SENTENCES = 300, 100, 200, 200


def main() -> None:
    """Measure one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parts = ["adaptation", "words", "distances", *MEASURES_OF_SHIFT]
    parser.add_argument("--part", choices=parts, required=True)
    parser.add_argument("--rows", type=int, default=300, help="tweets that are learned, of a shift")
    parser.add_argument("--judged", type=int, default=400, help="rows of each test file of a shift")
    parser.add_argument("--task", choices=["acl-arc", "chemprot"], default="acl-arc")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", default="full")
    parser.add_argument("--seed", type=int, default=0, help="of a shift")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/domains"))
    asked = parser.parse_args()
    path = asked.out / f"{asked.part}.json"
    if asked.part == "adaptation":
        path = asked.out / f"{asked.part}-{asked.task}.json"
        of_task = asked.task, asked.seeds, asked.method
        for found in measure_adaptation(asked.data, asked.out, *of_task):
            write(found, path)
    elif asked.part in MEASURES_OF_SHIFT:
        path = asked.out / f"{asked.part}-seed{asked.seed}.json"
        shift = Shift(asked.data, asked.out, asked.rows, asked.judged, seed=asked.seed)
        for found in MEASURES_OF_SHIFT[asked.part](shift):
            write(plain(found), path)
    else:
        measure = measure_words if asked.part == "words" else measure_distances
        write(measure(asked.data), path)
    print(path.read_text(encoding="utf-8"))


def measure_words(data: Path) -> dict[str, Any]:
    """D2: how far sentences move when two of their words or more become tokens of their own."""
    train = texts_of(data / DISEASES).texts
    unseen = texts_of(data / "ncbi-disease/devel.tsv").texts
    tokenizer = load_tokenizer(MODEL)
    words = [one.word for one in new_words(train, tokenizer, N_WORDS)]
    longer = with_words(tokenizer, words)
    known = len(tokenizer)
    chosen = [text for text in unseen if sum(i >= known for i in longer(text)["input_ids"]) >= 2]
    chosen = chosen[:N_SENTENCES]
    with quietly():
        before = vectors(build_model(MODEL, tokenizer=tokenizer, **OF_ANY), tokenizer, chosen)
        ours = build_model(MODEL, tokenizer=longer, **OF_ANY)
        theirs = build_model(MODEL, tokenizer=tokenizer, **OF_ANY)
        torch.manual_seed(0)
        theirs.resize_token_embeddings(len(longer))
    found = {}
    for name, model in (("mean of the pieces", ours), ("as the library starts them", theirs)):
        cosines = (before * vectors(model, longer, chosen)).sum(axis=1)
        low, high = np.quantile(cosines, [0.025, 0.975])
        found[name] = {"mean": float(cosines.mean()), "95 % of sentences": [low, high]}
    pieces = {
        name: [pieces_per_word(texts, one)[0] for one in (tokenizer, longer)]
        for name, texts in (("train", train), ("devel", unseen))
    }
    return {"n": len(chosen), "n_words": len(words), "cosine": found, "tokens a word": pieces}


OF_ANY: dict[str, Any] = {"labels": ("a", "b"), "problem_type": "single_label_classification"}


@torch.inference_mode()
def vectors(model: Any, tokenizer: Any, texts: list[str]) -> np.ndarray[Any, Any]:
    """Compute the vectors of texts, of length 1."""
    model.eval()
    found = []
    for start in range(0, len(texts), 32):
        batch = tokenizer(texts[start : start + 32], padding=True, return_tensors="pt")
        found.append(pooled_features(model, dict(batch)).numpy())
    joined = np.concatenate(found)
    return np.asarray(joined / np.linalg.norm(joined, axis=1, keepdims=True))


def measure_distances(data: Path) -> dict[str, Any]:
    """D3: distances of domains, and how often halves of one corpus are called different."""
    with watching() as listener:
        found: dict[str, Any] = {}
        for other in (NEWS, DISEASES):
            apart = luthier.distance(
                data / TWEETS, data / other, n_texts=N_TEXTS, listeners=[listener]
            )
            found[f"{TWEETS} and {other}"] = {
                "proxy_a": vars(apart.proxy_a),
                "mmd": vars(apart.mmd),
                "words in common": apart.words_in_common,
                "of halves": [apart.first.halves, apart.second.halves],
            }
        texts = texts_of(data / NEWS).texts
        draw = stream(0, "halves")
        some = [texts[row] for row in draw.permutation(len(texts))[: 2 * N_TEXTS]]
        whole = follow(text_vectors(Model(name=MODEL), some), listener)
    found["halves"] = {name: rejections(measure, whole) for name, measure in MEASURES.items()}
    return found


MEASURES = {"proxy_a": proxy_a, "mmd": mmd}


def rejections(measure: Any, whole: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Count the draws of halves that a test calls different."""
    p, values = [], []
    for number in range(N_DRAWS):
        draw = stream(number, "halves")
        halves = np.split(whole[draw.permutation(len(whole))], 2)
        one = measure(*halves, n_permutations=199, draw=draw)
        p.append(one.p)
        values.append(one.value)
    share = float(np.mean(np.array(p) <= 0.05))
    interval = exact_interval(share, N_DRAWS, confidence=0.95)
    return {"mean": float(np.mean(values)), "rejected": share, "interval": interval}


if __name__ == "__main__":
    main()

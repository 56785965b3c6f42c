"""Are explanations true: do they add up, beat random words, find what was planted, and see weights?

python -m benchmarks explanations --out FOLDER --data FOLDER --only W2 W3
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.explanations.heads import measure_heads
from benchmarks.explanations.problems import (
    PLANTED,
    PLANTED_LABEL,
    as_json,
    mosaics,
    trained,
)
from benchmarks.processes import write
from luthier.explaining.check import check_explanations
from luthier.explaining.checked import Check
from luthier.explaining.explain import Answered, answer_rows, explain_rows, make_explainer
from luthier.explaining.global_words import global_words
from luthier.explaining.resampled import Resampled
from luthier.metrics.intervals import exact_interval
from luthier.prediction.predictor import Predictor, load
from luthier.reading import without_answers
from luthier.records import Rows, Splits
from luthier.results import Score
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.training.listeners import follow

TASKS = ("tweets", "types", "pairs", "ratings", "diseases")  # of W1
ALL = ("integrated-gradients", "occlusion", "gradient-x-input", "gradient-norm")
FEWEST, MOST = 32, 37  # tokens of the texts that are timed


@dataclass(frozen=True)
class Trained:
    """A trained run with its rows."""

    predictor: Predictor
    splits: Splits

    @staticmethod
    def of(name: str, options: argparse.Namespace) -> Trained:
        """Open a run; it is trained where there is none."""
        folder = RunFolder.open(trained(name, options.out, options.data))
        predictor = load(folder.path)
        return Trained(predictor, rows_of_run(folder, folder.recipe(), predictor.task))

    def answered(self, rows: Rows) -> Answered:
        """Answer rows that have gold answers."""
        made = self.predictor
        bare = without_answers(rows, made.task)
        return answer_rows(made.model, made.codec, bare, batch_size=32, gold=made.codec.gold(rows))

    def test(self, n_rows: int) -> Answered:
        """Answer the first test rows."""
        return self.answered(self.splits.test.take(range(min(n_rows, len(self.splits.test)))))


def w1(options: argparse.Namespace) -> dict[str, Any]:
    """By how much do the values of integrated gradients miss the decision?"""
    found = {}
    for name in options.tasks or TASKS:
        errors, passes = [], []
        for explained in explain_rows(Trained.of(name, options).test(options.rows)):
            errors += [one.attribution.error for one in explained]
            passes += [one.attribution.n_passes for one in explained]
        found[name] = {
            "decisions": len(errors),
            "median": statistics.median(errors),
            "largest": max(errors),
            "above 0.01": sum(one > 0.01 for one in errors),
            "mean passes": statistics.fmean(passes),
        }
        print(name, as_json(found[name]), flush=True)
    return found


def w2(options: argparse.Namespace) -> dict[str, Any]:
    """Are the words that explainers name better than random ones?"""
    found = {}
    for name in options.tasks or ("tweets", "acl-arc"):
        answered = Trained.of(name, options).test(options.rows)
        found[name] = checked(answered, by=options.by or ALL[:3], n_redrawn=0)
    return found


def w5(options: argparse.Namespace) -> dict[str, Any]:
    """Do values change when the model's weights are drawn anew?"""
    name = (options.tasks or ("tweets",))[0]
    answered = Trained.of(name, options).test(min(options.rows, 60))
    by = options.by or (ALL[0], ALL[1], ALL[3])
    if options.seeds == 1:
        return checked(answered, by=by, n_redrawn=options.rows)
    found = {}
    for one in measure_heads(answered, by=by, n_seeds=options.seeds):
        print(as_json(one), flush=True)
        found[one["by"]] = one
    return found


def checked(answered: Answered, **options: Any) -> dict[str, Any]:
    """Run the check, print its verdict and its numbers."""
    found: Check = follow(check_explanations(answered, **options), lambda info: None)
    for sentence in found.verdict:
        print(sentence)
    for one in found.explainers:
        for erased in one.erased:
            print(
                f"{one.by:22} {erased.measure:18} {erased.operator:9} {told(erased.score)} "
                f"random {told(erased.random)} better by {told(erased.gain)} p {erased.p_value:.2g}"
            )
        redrawn = {part: told(score) for part, score in one.redrawn.items()}
        print(f"{one.by:22} {redrawn} random {told(one.chance)} {found.seconds:.0f} s", flush=True)
    return found.to_json()


def w3(options: argparse.Namespace) -> dict[str, Any]:
    """Is a planted word named first, in rows and over all of them?"""
    made = Trained.of("planted", options)
    test = made.splits.test
    has_word = [row for row in range(len(test)) if PLANTED in str(test["text"][row]).split()]
    hits: dict[str, Any] = {}
    answered = made.answered(test.take(has_word[: options.rows]))
    for by in options.by or ALL[:2]:
        first = []
        for (one,) in explain_rows(answered, by=by):
            best = int(np.argmax(one.attribution.values))
            if one.predicted == PLANTED_LABEL:
                first.append(one.word(best) == PLANTED)
        hits[by] = share(first)
        print(f"{by}: precision@1 {told(hits[by])}", flush=True)
    everything = made.answered(test)
    words = follow(
        global_words(everything, made.splits.train, n_rows=options.rows), lambda info: None
    )
    for one in words.shortcuts:
        print(one.sentence)
    listed = {
        one.label: [(word.word, told(word.effect)) for word in one.words_for[:5]]
        for one in words.labels
    }
    print(as_json(listed), flush=True)
    return {
        "precision@1": {by: asdict(one) for by, one in hits.items()},
        "words": words.to_json(),
    }


def w4(options: argparse.Namespace) -> dict[str, Any]:
    """Has the right half of a mosaic the larger positive mass?"""
    made = Trained.of("tweets", options)
    test = made.answered(made.splits.test)
    pairs = mosaics(made.splits, options.rows, np.asarray(test.predictions.answers) == test.gold)
    found: dict[str, Any] = {}
    for by in options.by or ALL[:2]:
        wins, shares = [], []
        explainer = make_explainer(by)
        rows = Rows.of({"text": [one["text"] for one in pairs]})
        answered = answer_rows(made.predictor.model, made.predictor.codec, rows, batch_size=32)
        for row, pair in enumerate(pairs):
            (decision,) = answered.decisions(row, pair["label"])
            one = answered.explain(decision, explainer)
            positive = np.maximum(one.attribution.values, 0.0)
            is_second = one.words.spans[:, 0] >= pair["border"]
            of_half = [positive[~is_second].sum(), positive[is_second].sum()]
            wins.append(of_half[pair["asked"]] > of_half[1 - pair["asked"]])
            shares.append(of_half[pair["asked"]] / max(sum(of_half), 1e-12))
        mass = Resampled.of(len(shares), n_resamples=2000, confidence=0.95, seed=0)
        found[by] = {"right half wins": asdict(share(wins))}
        found[by]["share of mass"] = asdict(mass.score(np.array(shares)))
        print(by, told(share(wins)), told(mass.score(np.array(shares))), flush=True)
    return found


def w8(options: argparse.Namespace) -> dict[str, Any]:
    """How long does an explanation take, and does memory grow over many?"""
    made = Trained.of("tweets", options)
    test = made.splits.test
    encoded = made.predictor.codec.encode(without_answers(test, made.predictor.task))
    chosen = np.flatnonzero((encoded.cost >= FEWEST) & (encoded.cost <= MOST))[:40]
    answered = made.answered(test.take(chosen))
    found: dict[str, Any] = {"texts": len(chosen), "tokens": [FEWEST, MOST]}
    for by in options.by or ALL:
        explainer = make_explainer(by)
        clocks = []
        for row in range(len(chosen)):
            before = time.process_time(), time.perf_counter()
            for decision in answered.decisions(row):
                answered.explain(decision, explainer)
            clocks.append((time.process_time() - before[0], time.perf_counter() - before[1]))
        found[by] = {
            "processor seconds": statistics.median(one for one, _ in clocks),
            "seconds": statistics.median(one for _, one in clocks),
        }
        print(by, as_json(found[by]), flush=True)
    resident = []
    for call in range(options.calls):
        row = call % len(chosen)
        answered.explain(answered.decisions(row)[0], make_explainer(ALL[0]))
        resident.append(psutil.Process().memory_info().rss / 2**20)
    places = [0, len(resident) // 10, len(resident) // 2, len(resident) - 1]
    found["resident MiB"] = {place + 1: round(resident[place], 1) for place in places}
    print(as_json(found["resident MiB"]), flush=True)
    return found


def share(hits: list[bool]) -> Score:
    """Count hits, with the exact interval of Clopper and Pearson."""
    value = float(np.mean(hits))
    return Score(value, *exact_interval(value, len(hits), confidence=0.95), len(hits))


def told(score: Score) -> str:
    """Write a score with its interval."""
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}] n={score.n}"


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "W1": w1,
    "W2": w2,
    "W3": w3,
    "W4": w4,
    "W5": w5,
    "W8": w8,
}


def main() -> None:
    """Measure the parts that were asked for, and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder where runs are kept")
    parser.add_argument("--data", type=Path, help="folder of the data; tweets need none")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--tasks", nargs="*", help="of W1, W2 and W5, by the names of the runs")
    parser.add_argument("--by", nargs="*", help="explainers")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1, help="of W5; several: of the head alone")
    parser.add_argument("--calls", type=int, default=500, help="of W8, after which memory is read")
    options = parser.parse_args()
    for part in options.only:
        print(f"-- {part}: {PARTS[part].__doc__}", flush=True)
        begun = time.perf_counter(), time.process_time()
        found = PARTS[part](options)
        seconds = time.perf_counter() - begun[0], time.process_time() - begun[1]
        print(f"{part}: {seconds[0]:.0f} s, {seconds[1]:.0f} s of processor time", flush=True)
        names = "-".join([part.lower(), *(options.tasks or ())])
        write(f"explanations-{names}", {"seconds": seconds, **found})


if __name__ == "__main__":
    main()

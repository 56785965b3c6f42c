"""Count every promise in full, and write the table.

python -m benchmarks torture                 all of them, in about half an hour
python -m benchmarks torture R1 R5           some
python -m benchmarks torture --share 0.1     a tenth of the trials
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch

from tests.torture import (
    crash_points,
    damage,
    defects,
    desk,
    exactness,
    full_disk,
    hazards,
    hostile,
    kills,
    leaks,
    media,
    methods,
    names,
    numbers,
    paths,
    results,
    signals,
    starts,
    together,
)
from tests.torture.trial import Starter

Trials = list[tuple[str, bool]]


def r1(folder: Path, share: float) -> Trials:
    """Kill -9, half at random instants, half inside a save."""
    return _told(kills.trials(kills.bench(folder), _part(200, share)))


def r2(folder: Path, share: float) -> Trials:
    """Every instant of a save, killed and without power."""
    return _numbered(crash_points.trials(folder))


def r3(folder: Path, share: float) -> Trials:
    """Every file of a checkpoint, damaged in every way, for three kinds of run."""
    found: Trials = []
    for variant in damage.VARIANTS:
        made = damage.bench(folder / variant, variant)
        cases = list(damage.cases(made))
        for case in cases[:: max(1, round(1 / share))]:
            found.append((f"{variant}: {' '.join(case)}", damage.trial(made, *case)))
    return found


def r4(folder: Path, share: float) -> Trials:
    """Files of at most so many bytes, and a folder that is shut."""
    made = full_disk.bench(folder)
    found = [
        (f"{size} bytes", full_disk.trial_of_size(made, size))
        for size in full_disk.sizes(made, _part(19, share))
    ]
    return [*found, ("shut folder", full_disk.trial_of_shut_folder(made))]


def r5(folder: Path, share: float) -> Trials:
    """Cells of tasks, methods and settings, killed in the middle, resumed by another process."""
    found: Trials = []
    cells = list(exactness.cells().items())[:: max(1, round(1 / share))]
    with Starter() as starter:
        for at, (name, sections) in enumerate(cells):
            place, after = folder / str(at), 1 + at % 3
            differs = exactness.trial(place, sections, after=after, starter=starter)
            found.append((f"{name}{': ' if differs else ''}{', '.join(differs)}", not differs))
    return found


def r6(folder: Path, share: float) -> Trials:
    """The same recipe anew, by 0, 1, 2 and 4 workers."""
    return _numbered(exactness.reruns(folder, _part(20, share)))


def r7(folder: Path, share: float) -> Trials:
    """Ctrl-C and SIGTERM at random instants, every fifth twice."""
    return _told(signals.trials(signals.bench(folder), _part(50, share)))


def r8(folder: Path, share: float) -> Trials:
    """NaN and infinity in losses, gradients, rows and weights."""
    return _numbered(numbers.trials(numbers.bench(folder), _part(50, share)))


def r9(folder: Path, share: float) -> Trials:
    """Twenty processes at once, on a new run and on one whose owner is dead."""
    made, n = starts.bench(folder), _part(20, share)
    return _numbered([*starts.trials(made, n), *starts.trials_on_a_dead_one(made, n)])


def r10(folder: Path, share: float) -> Trials:
    """Every file of a finished run, damaged in every way, read by five commands."""
    with Starter() as starter:
        return results.trials(results.bench(folder), starter, every=max(1, round(1 / share)))


def r11(folder: Path, share: float) -> Trials:
    """Every method, killed at random instants, resumed by another process."""
    return methods.trials(folder, _part(8, share))


def r13(folder: Path, share: float) -> Trials:
    """Kill -9 one of two processes, half at random instants, half inside a save, half sharded."""
    return _told(together.trials(folder, _part(100, share)))


def r14(folder: Path, share: float) -> Trials:
    """Every file of a sharded checkpoint's slices, damaged in every way."""
    cases = together.damaged(folder)
    return [(f"{case}: {wrong}", not wrong) for case, wrong in islice(cases, _part(30, share))]


def r12(folder: Path, share: float) -> Trials:
    """Documents of a run without a manifest that disagree, read by five commands."""
    with Starter() as starter:
        every = max(1, round(1 / share))
        return results.disagreements(results.bench(folder), starter, every=every)


def s1(folder: Path, share: float) -> Trials:
    """Hostile models, runs, recipes and data, opened as a user would."""
    workshop = hostile.Workshop(folder)
    made = hostile.artefacts()
    return [
        (f"{one.name}: {(told := hostile.fault(one, workshop.open(one, number)))}", not told)
        for number, one in enumerate(made)
    ]


def s8(folder: Path, share: float) -> Trials:
    """Input without end and mistakes in models, opened and trained as a user would."""
    workshop = hostile.Workshop(folder)
    made = list(enumerate(hazards.hazards()))[:: max(1, round(1 / share))]
    return [
        (f"{one.name}: {(told := hazards.fault(one, workshop.open(one, at)))}", not told)
        for at, one in made
    ]


def s2(folder: Path, share: float) -> Trials:
    """Two thousand paths at each place where a name becomes one."""
    tried = paths.try_paths(paths.ENTRIES, n_paths=_part(paths.N_PATHS, share))
    return [(f"{name}: {one}", not one.outside) for name, one in tried.items()]


def s9(folder: Path, share: float) -> Trials:
    """Control characters in labels, columns, cells, files and runs, by twelve commands."""
    return names.trials(folder)


def s10(folder: Path, share: float) -> Trials:
    """Images and sounds that are damaged, lie or are hostile, and paths that lead out."""
    made = list(media.cases())[:: max(1, round(1 / share))]
    told = [
        (f"{' '.join(one[:3])}: {(wrong := media.fault(one, folder))}", not wrong) for one in made
    ]
    return [*told, *media.places(folder)]


def l7(folder: Path, share: float) -> Trials:
    """Kill -9 desks while people label, half inside the write of an answer, and tear its end."""
    return _told(desk.trials(folder, _part(50, share)))


def d1(folder: Path, share: float) -> Trials:
    """Seeded defects in files of every kind."""
    return defects.counts(folder)[0]


def d1_clean(folder: Path, share: float) -> Trials:
    """Files of every kind with nothing wrong in them."""
    return defects.counts(folder)[1]


def d2(folder: Path, share: float) -> Trials:
    """Planted leaks: the recall of each kind, and the share of false alarms."""
    texts = leaks.invented_texts(3000)
    found: Trials = []
    for name, (change, codes, asked) in leaks.CHANGES.items():
        recall = leaks.recall(texts, change, codes)
        found.append((f"{name}: recall {recall:.3f}", recall >= asked))
    alarms = leaks.false_alarms(texts)
    return [*found, (f"false alarms {alarms:.4f}", alarms <= 0.005)]


ALL = (
    r1,
    r2,
    r3,
    r4,
    r5,
    r6,
    r7,
    r8,
    r9,
    r10,
    r11,
    r12,
    r13,
    r14,
    s1,
    s2,
    s8,
    s9,
    s10,
    l7,
    d1,
    d1_clean,
    d2,
)
COUNTED: dict[str, Callable[[Path, float], Trials]] = {
    one.__name__.upper().replace("_", "-"): one for one in ALL
}


def _part(n: int, share: float) -> int:
    return max(2, round(n * share))


def _told(lost: list[str]) -> Trials:
    return [(f"trial {number}: {what}", not what) for number, what in enumerate(lost)]


def _numbered(passed: list[bool]) -> Trials:
    return [(f"trial {number}", one) for number, one in enumerate(passed)]


def main() -> None:
    """Count, print a line for each promise, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("promises", nargs="*", choices=[*COUNTED, []], default=[])
    parser.add_argument("--share", type=float, default=1.0, help="Of the trials; 1: all.")
    parser.add_argument("--out", type=Path, help="Where to write the counts, as JSON.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = {}
    for name in options.promises or COUNTED:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            trials = COUNTED[name](Path(folder), options.share)
        passed, failed = sum(one for _, one in trials), [what for what, one in trials if not one]
        seconds = round(time.monotonic() - begun)
        table[name] = {"passed": passed, "trials": len(trials), "failed": failed}
        print(f"{name}  {passed}/{len(trials)}  {seconds} s  {COUNTED[name].__doc__}", flush=True)
        for what in failed:
            print(f"    failed: {what}", flush=True)
    if options.out:
        options.out.write_text(json.dumps(table, indent=1), encoding="utf-8")
    raise SystemExit(any(one["failed"] for one in table.values()))


if __name__ == "__main__":
    main()

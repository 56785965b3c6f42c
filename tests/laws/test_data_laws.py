"""Laws of reading and splitting, on rows that hypothesis makes."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luthier.columns import Column
from luthier.data.doctor.inspect_splits import drop_leaks, inspect
from luthier.data.fingerprint import fingerprint
from luthier.data.labels import split_labels
from luthier.data.readers.read import read
from luthier.data.sampling import draw_evenly
from luthier.data.split import limit_split, make_splits
from luthier.errors import DataError
from luthier.records import Rows, Splits
from luthier.seeding import stream

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXT = Column("text", "text")
LABELS = st.sampled_from(["a", "b", "c", "", None])
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)


@st.composite
def labelled_rows(draw) -> Rows:
    labels = draw(st.lists(LABELS, min_size=6, max_size=60))
    groups = draw(st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels)))
    texts = [f"text {index}" for index in range(len(labels))]
    return Rows.of({"text": texts, "label": labels, "group": groups})


@st.composite
def ways_to_split(draw) -> dict:
    n_folds = draw(st.sampled_from([None, None, 2, 3]))
    return {
        "validation_size": draw(st.sampled_from([0, 1, 2, 0.1, 0.3])),
        "test_size": draw(st.sampled_from([0, 1, 2, 0.2, 0.4])),
        "group_by": draw(st.sampled_from([None, "group"])),
        "stratify_by": draw(st.sampled_from([None, "label"])),
        "n_folds": n_folds,
        "fold": draw(st.integers(0, (n_folds or 1) - 1)),
        "seed": draw(st.integers(0, 5)),
    }


def is_told_well(error: DataError) -> bool:
    return bool(error.problem and error.received and error.hint)


def read_or_refuse(path) -> Rows | None:
    refusal = None
    try:
        return read(path)[0]
    except DataError as error:
        refusal = error
    assert is_told_well(refusal)
    return None


def split_or_refuse(rows: Rows, way: dict) -> Splits | None:
    refusal = None
    try:
        return make_splits(rows, None, None, **way)
    except DataError as error:
        refusal = error
    assert is_told_well(refusal)
    return None


@FEW
@given(labelled_rows(), ways_to_split())
def test_splits_are_a_partition_and_the_same_every_time(rows, way):
    splits = split_or_refuse(rows, way)
    if splits is None:
        return
    lines = [line for _, part in splits.items() for line in part.lines.tolist()]
    assert sorted(lines) == list(range(1, len(rows) + 1))
    again = make_splits(rows, None, None, **way)
    for (_, part), (_, other) in zip(splits.items(), again.items(), strict=True):
        assert fingerprint(part) == fingerprint(other)


@FEW
@given(labelled_rows(), ways_to_split())
def test_groups_never_cross_and_sizes_are_exact_without_them(rows, way):
    splits = split_or_refuse(rows, way)
    if splits is None:
        return
    parts = [part for _, part in splits.items()]
    if way["group_by"]:
        groups = [group for part in parts for group in set(part["group"])]
        assert len(groups) == len(set(groups))
    elif way["n_folds"] is None:
        for part, size in zip(parts[1:], (way["validation_size"], way["test_size"]), strict=True):
            wanted = size if size >= 1 or size == 0 else max(1, round(size * len(rows)))
            assert len(part) == wanted


@FEW
@given(labelled_rows(), st.integers(1, 20), st.integers(0, 5))
def test_a_limit_is_kept_exactly(rows, most, seed):
    way = {"validation_size": 0, "test_size": 0, "group_by": None, "stratify_by": "label"}
    way |= {"n_folds": None, "fold": 0, "seed": seed}
    whole = make_splits(rows, None, None, **way)
    splits = limit_split(whole, "train", most, stratify_by="label", seed=seed)
    assert len(splits.train) == min(most, len(rows))
    assert len(set(splits.train.lines.tolist())) == len(splits.train)


@FEW
@given(
    labelled_rows(), st.integers(1, 60), st.integers(0, 5), st.sampled_from(["validation", "test"])
)
def test_rows_that_are_judged_keep_the_share_of_every_label(rows, most, seed, split):
    whole = Splits(rows, rows, rows)
    drawn = dict(limit_split(whole, split, most, stratify_by="label", seed=seed).items())[split]
    assert len(drawn) == min(most, len(rows))
    for label in ("a", "b", "c"):
        share = list(rows["label"]).count(label) / len(rows)
        assert abs(list(drawn["label"]).count(label) - share * len(drawn)) < 1


@FEW
@given(st.lists(st.sampled_from("aaaabc"), min_size=1, max_size=12), st.data())
def test_every_judged_row_is_drawn_with_the_same_chance(labels, data):
    n_rows = data.draw(st.integers(1, len(labels)))

    class FirstOrder:  # every start in turn, without shuffling: the chance can be counted
        def __init__(self, start):
            self.start = start

        def permutation(self, values):
            return np.arange(values) if isinstance(values, int) else values

        def integers(self, n):
            return self.start

    everything = np.arange(len(labels))
    counts = np.zeros(len(labels))
    for start in everything:
        drawn = draw_evenly(everything, n_rows, labels=labels, random=FirstOrder(start))
        assert len(set(drawn.tolist())) == n_rows
        counts[drawn] += 1
    assert (counts == n_rows).all()


def test_rows_with_several_labels_are_drawn_as_they_are():
    random = stream(0, "made-up labels")
    names = np.array([f"l{number}" for number in range(12)])
    cells = [
        "|".join(random.choice(names, size=1 + (random.random() < 0.15), replace=False))
        for _ in range(4000)
    ]
    cells[:8] = ["rare|l0"] * 8
    rows = Rows.of({"text": cells, "labels": cells})
    several, rare = [], []
    for seed in range(40):
        whole = Splits(rows, rows, rows)
        drawn = limit_split(whole, "test", 200, stratify_by="labels", seed=seed, several=True).test
        several.append(np.mean(["|" in cell for cell in drawn["labels"]]))
        rare.append(np.mean(["rare" in cell for cell in drawn["labels"]]))
    # 3 standard errors of the mean of 40 draws of 200 rows
    assert abs(np.mean(several) - np.mean(["|" in cell for cell in cells])) < 0.012
    assert abs(np.mean(rare) - 8 / 4000) < 0.0015


@FEW
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_was_written_is_read(tmp_path, cells, delimiter, ends, encoding):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *cells])
    path = tmp_path / "a.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    rows, _ = read(path, delimiter=delimiter)
    expected = [cell for cell in cells if any(cell) or len(cell) > 1]
    assert list(zip(rows["text"], rows["label"], strict=True)) == expected


@FEW
@given(
    st.binary(max_size=200),
    st.sampled_from([".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".feather"]),
)
def test_any_bytes_are_read_or_refused_in_words(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    rows = read_or_refuse(path)
    assert rows is None or len(rows) > 0


@FEW
@given(st.text('[]{},:"ab1 \n\\u', max_size=40), st.sampled_from([".json", ".jsonl", ".csv"]))
def test_any_text_is_read_or_refused_in_words(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text(content)
    rows = read_or_refuse(path)
    assert rows is None or len(rows) > 0


@FEW
@given(st.lists(st.sampled_from(["one", "Two!", "two", "", ":)", "3"]), min_size=3, max_size=24))
def test_no_leak_is_left_after_dropping(texts):
    third = len(texts) // 3
    parts = [texts[:third], texts[third : 2 * third], texts[2 * third :]]
    train, validation, test = (Rows.of({"text": part}) for part in parts)
    try:
        splits, counts = drop_leaks(Splits(train, validation, test), inputs=(TEXT,))
    except DataError:
        return
    assert counts["train"] == len(train) - len(splits.train)
    assert drop_leaks(splits, inputs=(TEXT,))[1] == {"train": 0, "validation": 0}
    codes = [f.code for f in inspect(splits, inputs=(TEXT,), label_role=None, kind="number")]
    assert "duplicate-across-splits" not in codes


@FEW
@given(st.lists(st.text("abc ", min_size=1, max_size=3), max_size=4), st.sampled_from("|;,"))
def test_labels_joined_are_labels_split(labels, separator):
    wanted = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
    assert split_labels(separator.join(labels)) == wanted
    assert split_labels(labels) == wanted


@pytest.mark.parametrize("kind", ["single-label", "multi-label", "number"])
@FEW
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(max_size=9), st.integers(), st.floats()),
            st.one_of(st.none(), st.text(max_size=3), st.floats(), st.booleans(), st.integers()),
        ),
        max_size=12,
    )
)
def test_the_doctor_survives_any_cells(kind, cells):
    columns = {"text": [text for text, _ in cells], "label": [label for _, label in cells]}
    rows = Rows.of(columns)
    splits = Splits(rows, rows.take([]), rows.take(range(len(rows) // 2)))
    for finding in inspect(splits, inputs=(TEXT,), label_role="label", kind=kind):
        assert finding.count > 0
        assert finding.places
        assert finding.message.endswith(".")

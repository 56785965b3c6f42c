"""A folder with a file for each split is taken as what it is, and so are the files beside one."""

import pytest

from luthier.data.readers.find_splits import find_splits
from luthier.data.readers.read import read
from luthier.data.readers.split_names import split_name
from luthier.errors import DataError

TABLE = "text,label\ngood,yes\nbad,no\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_files(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(TABLE, encoding="utf-8")

    return write_files


def splits(source):
    found = find_splits(source)
    return found.train, found.validation, found.test


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["train.csv", "validation.csv", "test.csv"], ["train.csv", "validation.csv", "test.csv"]),
        (["train.jsonl", "dev.jsonl", "test.csv"], ["train.jsonl", "dev.jsonl", "test.csv"]),
        (["train.csv", "val.csv", "README.md"], ["train.csv", "val.csv", None]),
        (["ner_train.tsv", "ner_valid.tsv"], ["ner_train.tsv", "ner_valid.tsv", None]),
        (["train_v2.csv", "TEST-v2.csv"], ["train_v2.csv", None, "TEST-v2.csv"]),
        (["train.csv", "test_labelled.csv"], ["train.csv", None, "test_labelled.csv"]),
        (["en.train.conll", "en.dev.conll"], ["en.train.conll", "en.dev.conll", None]),
    ],
)
def test_files_of_a_folder_are_the_splits_that_they_say(write, names, found):
    write(*(f"data/{name}" for name in names))
    assert splits("data") == tuple(name and f"data/{name}" for name in found)


@pytest.mark.parametrize("names", [["a.csv", "b.csv"], ["latest.csv", "contest.csv"], ["test.csv"]])
def test_a_folder_without_a_training_set_stays_one_source(write, names):
    write(*(f"data/{name}" for name in names))
    assert splits("data") == ("data", None, None)


@pytest.mark.parametrize(
    ("names", "fix"),
    [
        (["dev.csv", "test.csv"], "data.train=data/dev.csv data.test=data/test.csv"),
        (
            ["ner-test.csv", "reviews.csv"],
            "data.train=data/reviews.csv data.test=data/ner-test.csv",
        ),
        (["val/a.csv", "test/b.csv"], "data.train=data/val data.test=data/test"),
    ],
)
def test_splits_without_training_rows_are_not_mixed(write, names, fix):
    write(*(f"data/{name}" for name in names))
    with pytest.raises(DataError, match="has the training rows") as caught:
        read("data")
    assert caught.value.hint.endswith(fix)


def test_numbered_files_belong_together(write):
    shards = [f"data/train-0000{n}-of-00002.parquet" for n in range(2)]
    write(*shards, "data/test-00000-of-00001.parquet")
    assert splits("data") == (shards, None, "data/test-00000-of-00001.parquet")
    assert splits(shards[0]) == (shards, None, "data/test-00000-of-00001.parquet")


def test_a_folder_may_have_a_folder_for_each_split(write):
    write("data/train/a.csv", "data/test/b.csv", "data/train/c.csv")
    assert splits("data") == ("data/train", None, "data/test")
    assert splits("data/train") == ("data/train", None, "data/test")


def test_a_folder_for_each_split_may_have_parallel_files(write):
    write(
        "train/seq.in", "train/seq.out", "train/label", "test/corpus.en.txt", "test/corpus.de.txt"
    )
    found = find_splits(".")
    assert (found.train, found.test) == ("train/seq.{in,out}", "test/corpus.{en,de}.txt")


def test_files_beside_the_one_that_is_named_are_found(write):
    write("train.jsonl", "dev.jsonl", "test.jsonl", "other_test.jsonl")
    assert splits("train.jsonl") == ("train.jsonl", "dev.jsonl", "test.jsonl")
    assert splits("test.jsonl") == ("test.jsonl", None, None)


def test_parallel_files_are_found_by_either_name(write):
    write(*(f"mt/{split}.{code}" for split in ("train", "test") for code in ("de", "en")))
    assert splits("mt") == ("mt/train.{en,de}", None, "mt/test.{en,de}")
    assert splits("mt/train.de") == ("mt/train.{de,en}", None, "mt/test.{de,en}")
    write("de-en/train.de", "de-en/train.en")
    assert splits("de-en") == ("de-en/train.{de,en}", None, None)


@pytest.mark.parametrize("name", ["corpus.{}.txt", "corpus_{}.txt", "{}.txt", "corpus.{}"])
def test_two_parallel_files_alone_in_a_folder_are_its_rows(write, name):
    write(f"mt/{name.format('en')}", f"mt/{name.format('de')}")
    braced = f"mt/{name.format('{en,de}')}"
    assert splits("mt") == (braced, None, None)
    assert splits(f"mt/{name.format('en')}") == (braced, None, None)
    assert read(braced)[0].columns.keys() == {"en", "de"}


def test_parallel_texts_have_splits_and_as_many_lines(write, tmp_path):
    write(*(f"mt/{split}.{code}.txt" for split in ("train", "dev") for code in ("de", "en")))
    assert splits("mt") == ("mt/train.{en,de}.txt", "mt/dev.{en,de}.txt", None)
    assert find_splits("mt").notes == ()
    write("lm/de.txt", "lm/en.txt", "words/my_cat.txt", "words/my_dog.txt")
    with (tmp_path / "lm" / "en.txt").open("a") as file:
        file.write("one more\n")
    assert splits("lm") == ("lm", None, None)
    assert splits("words") == ("words", None, None)


def test_two_data_sets_in_a_folder_are_not_mixed(write):
    write("data/a_train.csv", "data/b_train.csv", "data/a_test.csv")
    with pytest.raises(DataError, match="Several files could be the training rows") as caught:
        find_splits("data")
    assert caught.value.hint == "name one of them: luthier init data/a_train.csv"
    assert splits("data/a_train.csv") == ("data/a_train.csv", None, "data/a_test.csv")


def test_two_candidates_for_a_split_are_told_and_not_used(write):
    write("data/train.csv", "data/test_matched.csv", "data/test_mismatched.csv")
    found = find_splits("data")
    assert found.test is None
    assert "name one: data.test=data/test_matched.csv" in found.notes[0]


def test_a_folder_of_splits_is_no_source_of_rows_of_one_split(write):
    write("data/train.csv", "data/test.csv")
    with pytest.raises(DataError, match="files of several splits") as caught:
        read("data")
    assert caught.value.hint == (
        "name the files: data.train=data/train.csv data.test=data/test.csv"
    )


def test_folders_of_splits_are_no_source_of_rows_either(write):
    write("data/train/a.csv", "data/test/b.csv")
    with pytest.raises(DataError, match="files of several splits") as caught:
        read("data")
    assert caught.value.hint == "name the files: data.train=data/train data.test=data/test"


def test_a_link_beside_a_named_file_stops_nobody_and_is_not_followed(write, tmp_path):
    write("far/rows.csv", "data/test.csv", "far/rows.de", "mt/train.en", "mt/train.fr")
    (tmp_path / "data" / "train.csv").symlink_to(tmp_path / "far" / "rows.csv")
    found = find_splits("data/train.csv")
    assert (found.train, found.test) == ("data/train.csv", None)
    assert "nothing beside data/train.csv is used: train.csv is a link" in found.notes[0]
    with pytest.raises(DataError, match="leads out"):
        find_splits("data")
    (tmp_path / "mt" / "train.fr").unlink()
    (tmp_path / "mt" / "train.de").symlink_to(tmp_path / "far" / "rows.de")
    assert splits("mt") == ("mt", None, None)


@pytest.mark.parametrize("stem", ["latest", "contest", "strain", "devil", "evaluation", "trainer"])
def test_words_within_words_are_no_splits(stem):
    assert split_name(stem) is None


def test_folders_of_texts_are_labels(write):
    write("films/neg/1.txt", "films/neg/2.txt", "films/pos/1.txt", "films/unsup/1.txt")
    rows, _ = read("films")
    assert rows["label"] == ["neg", "neg", "pos"]
    assert rows["text"] == [TABLE.strip()] * 3
    assert rows.where(2).endswith("films/pos/1.txt:1")


@pytest.mark.parametrize("name", ["films/neg/1.csv", "films/1.csv"])
def test_folders_with_tables_are_no_labels(write, name):
    write("films/pos/1.txt", "films/neg/1.txt", name)
    if name == "films/1.csv":
        assert read("films")[0].columns.keys() == {"text", "label"}
        assert len(read("films")[0]) == 2
    else:
        with pytest.raises(DataError, match="no files that can be read"):
            read("films")

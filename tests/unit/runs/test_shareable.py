"""What may be shared names files without the folders of this machine, and is else as it was."""

from pathlib import Path

import pytest

from luthier.runs.shareable import is_local, names_of, shareable

TREE = {
    "model": {"name": "/home/ada/models/bert"},
    "data": {"train": ["/data/reviews.csv", "/data/more/*.csv"], "test": "C:\\ada\\test.csv"},
    "method": {"options": {"teacher": "~/runs/large"}},
    "task": {"options": {"labels": ["a/b", "/", "and/or"]}},
}


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("/data/reviews.csv:7:text", "reviews.csv:7:text"),
        ("3 rows of '/data/reviews.csv' are empty", "3 rows of 'reviews.csv' are empty"),
        ("/data/more/a.csv:1", "more/a.csv:1"),
        ("C:\\ada\\test.csv:2", "test.csv:2"),
        ("/home/ada/models/bert", "bert"),
        ("/home/ada/models/bert-large", "models/bert-large"),
        ("~/runs/large", "large"),
        ("/data/reviews.csv and /data/reviews.csv", "reviews.csv and reviews.csv"),
    ],
)
def test_paths_are_called_by_their_last_part(text, shared):
    assert shareable(text, names_of(TREE)) == shared


@pytest.mark.parametrize(
    "text", ["either and/or", "https://a.org/data/reviews.csv", "./data", "x/data/y", "1/2", ""]
)
def test_other_texts_stay(text):
    assert shareable(text, names_of(TREE)) == text


def test_documents_keep_their_shape_and_their_keys():
    document = {"/data/reviews.csv": [1, None, True, 0.5, {"at": "/data/reviews.csv"}]}
    shared = {"/data/reviews.csv": [1, None, True, 0.5, {"at": "reviews.csv"}]}
    assert shareable(document, names_of(TREE)) == shared


def test_the_users_home_and_the_current_folder_are_not_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("USERPROFILE", "/home/ada")
    names = names_of({})
    assert shareable(f"{tmp_path / 'a.csv'}", names) == f"{tmp_path.name}/a.csv"
    assert shareable("/home/ada/x", names) == "~/x"


def test_a_path_that_is_nearly_the_root_changes_nothing(monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/")
    assert shareable("/etc/x and a / b", names_of({"at": "/"})) == "/etc/x and a / b"


def test_what_is_no_path_is_not_taken_for_one():
    assert not any(map(is_local, ("google/bert", "a text\n/data", "/", "package:minilm", "")))
    assert is_local(str(Path.cwd() / "a"))

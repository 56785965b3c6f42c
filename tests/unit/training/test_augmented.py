"""Texts that change in every epoch: by how much, for which tasks, and what is refused."""

from collections import Counter

import numpy as np
import pytest

import luthier
from luthier.augmenters.back_translation import BackTranslation
from luthier.augmenters.eda import Eda
from luthier.errors import RecipeError, RunError
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.seeding import stream
from luthier.studies.ablate import added, dropped
from luthier.training.augmented import AugmentedRows
from tests.toys import toy_problem, toy_rows, toy_tree

TASK = "text-classification"
TEXT = "snow falls on the café 🎿 today and stays"


def eda(**options):
    return Eda(Eda.Options(**{"chance": 1, "swap": 0, "delete": 0, "insert": 0, **options}))


def changed(one, text=TEXT, n=600):
    return [one.change(text, stream(seed, "test")) for seed in range(n)]


def test_swapping_keeps_all_words_and_moves_some():
    found = changed(eda(swap=0.2))
    assert all(Counter(text.split()) == Counter(TEXT.split()) for text in found)
    assert np.mean([text != TEXT for text in found]) > 0.8


def test_deleting_leaves_a_share_of_the_words_in_their_order():
    found = changed(eda(delete=0.3))
    words = TEXT.split()
    assert all(_is_part(text.split(), words) for text in found)
    kept = np.mean([len(text.split()) for text in found]) / len(words)
    assert kept == pytest.approx(0.7, abs=0.04)
    assert all(changed(eda(delete=0.95)))


def _is_part(some, words):
    left = iter(words)
    return all(word in left for word in some)


def test_inserting_repeats_words_of_the_text():
    found = changed(eda(insert=0.25))
    assert all(set(text.split()) == set(TEXT.split()) for text in found)
    lengths = [len(text.split()) - len(TEXT.split()) for text in found]
    assert np.mean(lengths) == pytest.approx(0.25 * len(TEXT.split()), abs=0.15)


def test_some_texts_are_left_as_they_are():
    found = changed(Eda(Eda.Options(chance=0.4, swap=0.5)))
    assert np.mean([text != TEXT for text in found]) == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("text", ["", " ", "snow", "雪が降っている"])
def test_a_text_of_one_word_stays(text):
    assert set(changed(eda(swap=1, insert=1, delete=0.5), text)) == {text}


def test_each_text_of_a_pair_is_changed_by_itself(tiny_model):
    options = {"chance": 1, "swap": 0.5, "delete": 0, "insert": 0}
    plugin = {"name": "eda", "options": options}
    job = toy_problem("pair-classification", tiny_model("bert"), augmentation=[plugin])[1].job
    augmented = AugmentedRows(job)
    assert augmented.texts == ["text", "text_pair"]
    rows, codec = job.problem.splits.train, job.problem.codec
    seen = []

    class Watched:
        def encode(self, rows):
            seen.append(rows)
            return codec.encode(rows)

        def batch(self, *given, **options):
            return codec.batch(*given, **options)

    augmented.codec = Watched()
    augmented.batch(job.problem.items["train"], np.arange(5))
    for role in ("text", "text_pair"):
        for own, other in zip(rows[role][:5], seen[0][role], strict=True):
            assert Counter(own.split()) == Counter(other.split())


def test_what_no_epoch_reads_anew_is_not_augmented(tiny_model):
    tree = toy_tree(TASK, tiny_model("bert"), augmentation=["eda"], method={"name": "knn"})
    with pytest.raises(RecipeError, match="does not read the texts anew") as caught:
        read_recipe(tree)
    assert "full" in str(caught.value)
    tree = toy_tree(TASK, tiny_model("bert"), augmentation=["eda"], engine="tensorflow")
    with pytest.raises(RecipeError, match="engine tensorflow"):
        read_recipe(tree)
    tree = toy_tree(TASK, tiny_model("bert"), augmentation=["edda"])
    with pytest.raises(RecipeError, match="no augmenter called 'edda'"):
        read_recipe(tree)


def test_an_ablation_tries_the_rows_without_it(tiny_model):
    recipe = read_recipe(toy_tree(TASK, tiny_model("bert"), augmentation=["eda"]))
    assert read_recipe(dropped(recipe, "augmentation")).augmentation == []
    plain = read_recipe(dropped(recipe, "augmentation"))
    assert [one.name for one in read_recipe(added(plain, "augmentation=[eda]")).augmentation] == [
        "eda"
    ]


def test_windows_are_refused(tiny_model, tmp_path):
    data = {"max_tokens": 8, "long_texts": "windows"}
    tree = toy_tree(TASK, tiny_model("bert"), augmentation=["eda"], data=data)
    long = toy_rows(TASK)
    rows = Rows.of({"text": [f"{one} {one} {one}" for one in long["text"]], "label": long["label"]})
    with pytest.raises(RecipeError, match="read in windows") as caught:
        luthier.run(tree, out=tmp_path / "run", data={"train": rows})
    assert "data.long_texts=cut" in caught.value.hint


def test_many_rows_are_told_to_gain_little(tiny_model, tmp_path):
    rows = toy_rows(TASK)
    texts = [f"{text} {n}" for n in range(12) for text in rows["text"]]
    many = Rows.of({"text": texts, "label": list(rows["label"]) * 12})
    data = {"ignore_findings": ["near-duplicates"]}
    training = {"max_steps": 2}
    tree = toy_tree(TASK, tiny_model("bert"), augmentation=["eda"], data=data, training=training)
    tree["baselines"] = ["majority"]
    found = luthier.run(tree, out=tmp_path / "run", data={"train": many})
    (finding,) = [one for one in found.findings if one.code == "augmented-many-rows"]
    assert "beyond about 500" in finding.message
    few = luthier.run(tree, out=tmp_path / "few", data={"train": rows})
    assert not [one for one in few.findings if one.code == "augmented-many-rows"]


def back_translation(**options):
    return BackTranslation(BackTranslation.Options(**options))


def test_another_wording_is_read_by_chance_and_never_an_empty_one():
    one = back_translation(there="a", back="b", chance=0.5)
    one.wording = {TEXT: "today it snows", "mute": "  "}
    found = Counter(changed(one))
    assert set(found) == {TEXT, "today it snows"}
    assert found[TEXT] == pytest.approx(300, abs=50)
    assert set(changed(one, "mute")) == {"mute"}
    assert set(changed(one, "unknown")) == {"unknown"}


def test_wordings_are_kept_in_the_run_and_made_once(tiny_model, tmp_path):
    translations = toy_tree(
        "translation", tiny_model("t5"), training={"max_steps": 2}, baselines=[]
    )
    given = {"train": toy_rows("translation")}
    ways = {
        way: luthier.run(translations, out=tmp_path / way, data=given).folder
        for way in ("there", "back")
    }
    plugin = {"name": "back-translation", "options": ways}
    tree = toy_tree(TASK, tiny_model("bert"), augmentation=[plugin], training={"max_steps": 2})
    tree["baselines"] = ["from-scratch"]
    phases = []
    found = luthier.run(
        tree,
        out=tmp_path / "run",
        data={"train": toy_rows(TASK)},
        listeners=[lambda info: phases.append(info.phase)],
    )
    kept = RunFolder(tmp_path / "run").read_json("back-translations")["texts"]
    n_texts = RunFolder(tmp_path / "run").read_json("data")["splits"]["train"]["rows"]
    assert len(kept) == n_texts
    first = phases.index("translating there")
    assert "translating there" not in phases[phases.index("fine-tuning") :]
    assert first < phases.index("translating back") < phases.index("fine-tuning")
    assert any("came back in other words" in one for one in found.told)


def test_runs_that_translate_nothing_are_refused(tiny_model, tiny_teacher, tmp_path):
    def run(**options):
        plugin = {"name": "back-translation", "options": options}
        tree = toy_tree(TASK, tiny_model("bert"), augmentation=[plugin])
        luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(TASK)})

    with pytest.raises(RecipeError, match="two runs that translate"):
        run()
    with pytest.raises(RecipeError, match="runs that translate"):
        run(there=str(tiny_teacher(TASK)), back=str(tiny_teacher(TASK)))
    with pytest.raises(RunError):
        run(there=str(tmp_path / "nowhere"), back=str(tmp_path / "nowhere"))

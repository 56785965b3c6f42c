"""Languages, pairs, and what generation is told."""

import pytest

from luthier.columns import Limits
from luthier.errors import DataError
from luthier.models.load import build_model, load_tokenizer, save_model
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Predictions, Rows
from luthier.task_types.seq2seq import as_array
from tests.tiny import make_tokenizer

PAIRS = [{"en": "the cat", "de": "die Katze"}, {"en": "a dog", "de": "ein Hund"}]


ROWS = Rows.of({"text": ["the cat"]})


def make(**options):
    return make_plugin("tasks", Plugin(name="translation", options=options))


def bound(task, tokenizer, *, max_tokens=99):
    return task.codec(task.learn_target(ROWS), tokenizer, Limits(max_tokens))


def test_pairs_in_mappings_are_taken_apart_in_their_order():
    rows, _ = make().normalize(Rows.of({"translation": PAIRS}))
    assert (rows["text"], rows["target"]) == (["the cat", "a dog"], ["die Katze", "ein Hund"])


def test_several_references_are_scored_and_the_first_is_learned():
    rows, found = make().normalize(
        Rows.of({"text": ["a cat", "a dog"], "target": [["Katze", "Mieze", None], "Hund"]})
    )
    assert rows["target"] == ["Katze", "Hund"]
    codec = bound(make(), make_tokenizer("t5"))
    gold = codec.gold(rows)
    assert gold.tolist() == [("Katze", "Mieze"), ("Hund",)]
    assert (found[0].code, found[0].count) == ("several-references", 1)
    said = Predictions(as_array(["Mieze", "Hund"]), None, None)
    assert codec.measure(gold, said)(None)["chrf"] == 100
    assert [codec.to_json(gold, row, rows) for row in (0, 1)] == [["Katze", "Mieze"], "Hund"]
    found = codec.error_analysis(gold, said, rows)["generations"]
    assert "nrefs:var" in found["signatures"]["bleu"]
    assert found["rows"][0]["gold"] == "Katze | Mieze"


def test_lists_in_tables_are_read_and_brackets_in_texts_are_not():
    listed = Rows.of({"text": ["a", "b"], "target": ["['x', 'y']", '["z"]']})
    assert make().normalize(listed)[0]["target"] == ["x", "z"]
    bracketed = Rows.of({"text": ["a", "b"], "target": ["['x', 'y']", "[Laughter] Thanks."]})
    assert make().normalize(bracketed)[0]["target"] == ["['x', 'y']", "[Laughter] Thanks."]


def test_mappings_may_have_several_references():
    pair = {"en": "a cat", "de": ["Katze", "Mieze"]}
    rows, _ = make().normalize(Rows.of({"translation": [pair]}))
    assert rows["target"] == ["Katze"]


def test_languages_say_which_way():
    task = make(source_language="de", target_language="en")
    rows, _ = task.normalize(Rows.of({"translation": PAIRS}))
    assert rows["text"] == ["die Katze", "ein Hund"]


@pytest.mark.parametrize("pair", [{"en": "alone"}, "text", {"en": "a", "fr": "b"}])
def test_what_is_no_pair_is_refused_with_its_place(pair):
    with pytest.raises(DataError, match=r"t\.jsonl:2"):
        make().normalize(Rows.of({"translation": [PAIRS[0], pair]}, name="t.jsonl"))


def test_a_language_that_the_tokenizer_does_not_know_is_refused():
    tokenizer = make_tokenizer("mbart")
    tokenizer.src_lang = tokenizer.tgt_lang = "[CLS]"
    with pytest.raises(DataError, match="does not know"):
        bound(make(source_language="xx_XX"), tokenizer).encode(ROWS)


def test_the_target_language_begins_what_is_written():
    tokenizer = make_tokenizer("mbart")
    tokenizer.src_lang = tokenizer.tgt_lang = "[CLS]"
    task = make(source_language="[CLS]", target_language="[SEP]")
    codec = bound(task, tokenizer)
    codec.encode(ROWS)
    assert tokenizer.tgt_lang == "[SEP]"
    told = codec.generation()
    assert told["forced_bos_token_id"] == tokenizer.sep_token_id
    assert "forced_bos_token_id" not in bound(task, make_tokenizer("t5")).generation()


def test_a_prefix_stands_before_every_text():
    task = make(source_prefix="rain ")
    tokenizer = make_tokenizer("t5")
    made = bound(task, tokenizer).encode(ROWS)
    ids = made.inputs["input_ids"].values[0]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "rain the cat"


def test_the_settings_of_generation_are_saved_with_the_model(tiny_model, tmp_path):
    from transformers import GenerationConfig

    task, folder = make(num_beams=3, max_target_tokens=999), str(tiny_model("bart"))
    tokenizer = load_tokenizer(folder)
    model = build_model(
        folder,
        tokenizer=tokenizer,
        labels=(),
        problem_type=None,
        auto_model=task.auto_model,
        generation=bound(task, tokenizer, max_tokens=60).generation(),
    )
    save_model(model, tokenizer, tmp_path)
    told = GenerationConfig.from_pretrained(tmp_path)
    assert (told.num_beams, told.max_new_tokens) == (3, 60)

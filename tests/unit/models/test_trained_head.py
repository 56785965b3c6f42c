"""A checkpoint that was trained on labels goes on: the rows of its head follow the names."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

import luthier.models.load as loading
from luthier.models.trained_head import NOTE, ONE_OUTPUT, carry
from tests.tiny import auto_model, make_tokenizer, write_tiny_model

SEQUENCE, TOKENS = "SequenceClassification", "TokenClassification"


def trained_on(names, folder, family="bert", head=SEQUENCE):
    """Write a checkpoint whose head has rows of their own for these labels."""
    write_tiny_model(family, folder)
    config = AutoConfig.from_pretrained(folder)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: row for row, name in enumerate(names)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        auto_model(family, head).from_config(config).save_pretrained(folder)
    return folder


def built(folder, labels, head=SEQUENCE, **options):
    return loading.build_model(
        str(folder),
        tokenizer=make_tokenizer("bert"),
        labels=labels,
        problem_type=options.pop("problem_type", "single_label_classification"),
        auto_model=f"AutoModelFor{head}",
        **options,
    )


def rows_of(model):
    """Give name to row of the last layer."""
    last = [part for part in model.modules() if isinstance(part, torch.nn.Linear)][-1]
    names = model.config.id2label
    return {names[row]: last.weight[row].detach() for row in range(last.out_features)}


def read(folder, head=SEQUENCE, family="bert"):
    return auto_model(family, head).from_pretrained(folder)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "xlnet", "gpt2", "modernbert"])
def test_rows_follow_their_names_into_another_order(family, tmp_path):
    folder = trained_on(["positive", "neutral", "negative"], tmp_path, family)
    before = rows_of(read(folder, family=family))
    model = built(folder, ["negative", "neutral", "positive"])
    for name, row in rows_of(model).items():
        assert torch.equal(row, before[name]), name
    assert "another order" in getattr(model, NOTE)


def test_the_same_order_needs_no_word(tmp_path):
    folder = trained_on(["no", "yes"], tmp_path)
    before = rows_of(read(folder))
    model = built(folder, ["no", "yes"])
    assert all(torch.equal(row, before[name]) for name, row in rows_of(model).items())
    assert getattr(model, NOTE) is None


def test_other_names_get_a_fresh_layer(tmp_path):
    folder = trained_on(["sad", "glad"], tmp_path)
    before = list(rows_of(read(folder)).values())
    model = built(folder, ["rain", "sun"])
    assert not any(torch.equal(row, old) for row in rows_of(model).values() for old in before)
    assert "other labels (sad, glad)" in getattr(model, NOTE)
    again = built(folder, ["rain", "sun"])
    assert torch.equal(rows_of(model)["sun"], rows_of(again)["sun"])  # drawn by the seed


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["anger", "joy", "fear", "love"], "love starts fresh"),  # more
        (["joy", "anger"], "fear of the checkpoint is left out"),  # fewer
        (["joy", "love", "anger"], "fear of the checkpoint is left out"),  # as many, one other
    ],
)
def test_shared_names_keep_their_rows(labels, words, tmp_path):
    folder = trained_on(["anger", "fear", "joy"], tmp_path)
    before = rows_of(read(folder))
    model = built(folder, labels)
    for name, row in rows_of(model).items():
        if name in before:
            assert torch.equal(row, before[name]), name
    assert words in getattr(model, NOTE)
    assert model.config.id2label == dict(enumerate(labels))


def test_tags_of_words_follow_too(tmp_path):
    folder = trained_on(["B-PER", "I-PER", "O", "B-LOC", "I-LOC"], tmp_path, head=TOKENS)
    before = rows_of(read(folder, TOKENS))
    labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    model = built(folder, labels, TOKENS, problem_type=None)
    assert all(torch.equal(row, before[name]) for name, row in rows_of(model).items())


def test_a_crf_says_what_became_of_the_head_below(tmp_path):
    folder = trained_on(["B-X", "O", "I-X"], tmp_path, head=TOKENS)
    model = built(folder, ["O", "B-X", "I-X"], TOKENS, problem_type=None, crf=True)
    assert "another order" in getattr(model, NOTE)


def test_a_checkpoint_without_a_head_has_nothing_to_carry(tmp_path):
    write_tiny_model("bert", tmp_path, head="MaskedLM")
    config = AutoConfig.from_pretrained(tmp_path)
    config.id2label = {0: "no", 1: "yes"}
    config.save_pretrained(tmp_path)
    assert getattr(built(tmp_path, ["yes", "no"]), NOTE) is None


def test_a_head_that_its_configuration_does_not_describe_goes_on_in_place(tmp_path):
    folder = trained_on(["a", "b", "c"], tmp_path)
    before = list(rows_of(read(folder)).values())
    config = AutoConfig.from_pretrained(folder)
    config.num_labels = 2
    config.save_pretrained(folder)
    model = built(folder, ["x", "y", "z"])
    assert all(torch.equal(*pair) for pair in zip(rows_of(model).values(), before, strict=True))


def test_a_saved_model_reads_its_rows_as_they_were_put(tmp_path):
    folder = trained_on(["positive", "negative"], tmp_path / "before")
    model = built(folder, ["negative", "positive"])
    loading.save_model(model, make_tokenizer("bert"), tmp_path / "after")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "after")
    assert all(torch.equal(row, rows_of(model)[name]) for name, row in rows_of(again).items())


@pytest.mark.parametrize(
    ("before", "labels", "rows", "words"),
    [
        (["ENTAILMENT", "Neutral"], ["neutral", "entailment"], (1, 0), "another order"),
        (["us", "US"], ["US", "us"], (1, 0), "another order"),  # case tells them apart
        (["US", "x"], ["us", "US"], (None, 0), "us starts fresh"),  # likewise
        (["LABEL_0", "LABEL_1"], ["no", "yes"], (0, 1), "LABEL_0 as no, LABEL_1 as yes"),
        (["no", "yes"], ["0", "1"], (0, 1), "no as 0, yes as 1"),
        (["LABEL_0", "LABEL_1"], ["a", "b", "c"], (None,) * 3, None),
        (["LABEL_1", "LABEL_0"], ["LABEL_0", "LABEL_1"], (1, 0), "another order"),
        (["LABEL_0"], ["value"], (0,), ONE_OUTPUT),
        (["a", "b"], ["a", "b"], (0, 1), None),
    ],
)
def test_what_names_say(before, labels, rows, words):
    carried = carry(before, labels)
    assert carried.rows == rows
    assert carried.note is None if words is None else words in carried.note


def test_a_head_that_transformers_does_not_know_is_told_not_to_go_on(tiny_model, tmp_path):
    pooled = built(tiny_model("bert"), ["no", "yes"], pooling="mean")
    assert getattr(pooled, NOTE) is None
    loading.save_model(pooled, make_tokenizer("bert"), tmp_path)
    for options in ({"pooling": "mean"}, {}):
        assert "head.json" in getattr(built(tmp_path, ["no", "yes"], **options), NOTE)
    assert getattr(built(tmp_path, ["no", "yes"], pretrained=False), NOTE) is None

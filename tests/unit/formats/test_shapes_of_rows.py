"""Rows in the shapes in which people keep them become one shape, and faults are named."""

import numpy as np
import pytest

from luthier.columns import Limits
from luthier.errors import DataError, ModelError
from luthier.formats import chat_messages, chat_prompts, qa_answers, tagged_tokens
from luthier.records import Rows
from tests.tiny import make_tokenizer

CONTEXT = "Ada baked a cake. Cem ate the cake."


def asked(cell, **more):
    columns = {"question": ["Who?"], "context": [CONTEXT], "answers": [cell]}
    return Rows.of({**columns, **{name: [one] for name, one in more.items()}}, name="qa.json")


@pytest.mark.parametrize(
    ("cell", "more"),
    [
        ([{"text": "Cem", "answer_start": 18}], {}),
        ({"text": ["Cem"], "answer_start": [18]}, {}),
        ({"text": "Cem", "answer_start": 18}, {}),
        ('[{"text": "Cem", "answer_start": 18}]', {}),
        ("Cem", {"answer_start": "18"}),
        ("Cem", {}),
        (["Cem"], {}),
        ([{"text": "Cem", "answer_start": 16}], {}),
        ([{"text": "cem", "answer_start": 18}], {}),
    ],
)
def test_an_answer_of_any_shape_stands_where_it_is(cell, more):
    rows, _ = qa_answers.canonical(asked(cell, **more))
    (question,) = qa_answers.questions_of(rows)
    assert question.answers == ("Cem",)
    assert question.spans == ((18, 21),)
    assert question.text_at(18, 21) == "Cem"


@pytest.mark.parametrize(
    ("cell", "more"),
    [
        ([], {}),
        (None, {}),
        ("", {}),
        ({"text": [], "answer_start": []}, {}),
        ("Ada", {"is_impossible": "True"}),
    ],
)
def test_questions_may_have_no_answer(cell, more):
    rows, found = qa_answers.canonical(asked(cell, **more))
    assert qa_answers.questions_of(rows)[0].answers == ()
    assert found == []


def test_of_several_places_the_nearest_is_taken_and_told():
    rows, found = qa_answers.canonical(asked([{"text": "cake", "answer_start": 28}]))
    assert qa_answers.questions_of(rows)[0].spans == ((30, 34),)
    assert [(one.code, one.count, one.places) for one in found] == [
        ("answer-moved", 1, ("qa.json:1:answers",))
    ]


def test_an_answer_that_is_not_in_its_text_is_named_and_its_row_left_out():
    both = Rows.of(
        {
            "question": ["Who?"] * 2,
            "context": [CONTEXT] * 2,
            "answers": [
                [{"text": "Dana", "answer_start": 0}],
                [{"text": "Ada", "answer_start": 0}],
            ],
        },
        name="qa.json",
    )
    rows, found = qa_answers.canonical(both)
    assert len(rows) == 1
    assert found[0].code == "answer-not-in-context"
    assert found[0].places == ("qa.json:1:answers",)


@pytest.mark.parametrize(("cell", "more"), [(7.5, {}), ("Ada", {"answer_start": "first"})])
def test_what_is_no_answer_is_refused_with_its_place(cell, more):
    with pytest.raises(DataError, match=r"qa\.json:1"):
        qa_answers.canonical(asked(cell, **more))


def tagged(tokens, tags):
    return Rows.of({"tokens": tokens, "tags": tags}, name="a.conll")


def test_bilou_becomes_iob2_and_is_told():
    rows, found = tagged_tokens.canonical(
        tagged([["New", "York", "is", "it"]], [["B-LOC", "L-LOC", "O", "U-X"]]), scheme=None
    )
    assert rows["tags"] == [["B-LOC", "I-LOC", "O", "B-X"]]
    assert rows["text"] == ["New York is it"]
    assert rows["words"] == [[(0, 3), (4, 8), (9, 11), (12, 14)]]
    assert [one.code for one in found] == ["tag-scheme"]


def test_a_stray_tag_is_named_with_its_word():
    tags = [["B-LOC", "O"], ["O", "I-PER"], ["B-PER", "I-PER"]]
    _, found = tagged_tokens.canonical(tagged([["a", "b"]] * 3, tags), scheme=None)
    assert [(one.code, one.places) for one in found] == [
        ("stray-tag", ("a.conll:2:word 2: I-PER",))
    ]


def test_plain_tags_stay_as_they_are():
    rows, found = tagged_tokens.canonical(tagged(["a cat"], ["DET NOUN"]), scheme=None)
    assert (rows["tags"], found) == ([["DET", "NOUN"]], [])


def test_spans_of_characters_become_tags_of_words_cut_at_their_borders():
    spans = [[{"start": 0, "end": 3, "label": "ORG"}, [13, 16, "LOC"]]]
    rows, _ = tagged_tokens.canonical(
        Rows.of({"text": ["IBM's man in Rom."], "spans": spans}), scheme=None
    )
    tags = dict(zip(tagged_tokens.words_of(rows), rows["tags"][0], strict=True))
    assert tags == {
        "IBM": "B-ORG",
        "'": "O",
        "s": "O",
        "man": "O",
        "in": "O",
        "Rom": "B-LOC",
        ".": "O",
    }
    inside = [[{"start": 0, "end": 2, "label": "X"}]]
    rows, _ = tagged_tokens.canonical(Rows.of({"text": ["北京市"], "spans": inside}), scheme=None)
    assert rows["tags"] == [["B-X", "I-X", "O"]]


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"tokens": [["a", "b"]], "tags": [["O"]]}, "unequal numbers"),
        ({"tokens": [5], "tags": [["O"]]}, "not a list"),
        ({"text": ["ab"], "spans": [[{"start": 0, "end": 9, "label": "X"}]]}, "does not lie"),
        ({"text": ["ab"], "spans": [[{"start": 1, "end": 1, "label": "X"}]]}, "does not lie"),
        ({"text": ["ab"], "spans": ["no json"]}, "not a list"),
        ({"text": ["abc"], "spans": [[[0, 2, "X"], [1, 3, "Y"]]]}, "overlap"),
    ],
)
def test_words_and_tags_that_do_not_fit_are_refused_with_their_place(columns, match):
    with pytest.raises(DataError, match=match) as caught:
        tagged_tokens.canonical(Rows.of(columns, name="a.jsonl"), scheme=None)
    assert "a.jsonl:1" in str(caught.value)


USER, ANSWER = {"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    "columns",
    [
        {"messages": [[USER, ANSWER]]},
        {"conversations": [[{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]]},
        {"prompt": ["2 + 2?"], "completion": ["4"]},
        {"instruction": ["2 + 2?"], "input": [""], "output": ["4"]},
    ],
)
def test_conversations_of_any_shape_become_one(columns):
    rows, _ = chat_messages.canonical(Rows.of(columns))
    assert rows["messages"] == [[USER]]
    assert (rows["target"], rows["text"]) == (["4"], ["2 + 2?"])


@pytest.mark.parametrize(
    "cell",
    [
        "text",
        '{"role": "user"}',
        [{"role": "judge", "content": "x"}],
        [{"role": "user"}],
        [["user", "x"]],
        [{"role": "user", "content": 3}],
        [{"role": "user", "content": [3]}],
    ],
)
def test_what_is_no_conversation_is_refused_with_its_place(cell):
    with pytest.raises(DataError, match=r"c\.jsonl:1"):
        chat_messages.canonical(Rows.of({"messages": [cell]}, name="c.jsonl"))


def test_a_conversation_without_its_answer_has_no_target():
    rows, _ = chat_messages.canonical(Rows.of({"messages": [[USER, ANSWER], [USER], []]}))
    assert rows["target"] == ["4", None, None]
    assert rows["messages"] == [[USER], [USER], []]


def test_only_the_answer_follows_what_the_template_gives():
    tokenizer = make_tokenizer("gpt2")
    plain = chat_prompts.spell_prompt([USER], "4", tokenizer)
    assert plain[1][: len(plain[0])] == plain[0]
    assert plain[1][-1] == tokenizer.eos_token_id
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }} ; {% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    begun, whole = chat_prompts.spell_prompt([USER], "4", tokenizer)
    assert whole[: len(begun)] == begun
    assert tokenizer.decode(whole[len(begun) :]) == "4 ;"


def test_a_template_that_fails_is_told():
    tokenizer = make_tokenizer("gpt2")
    tokenizer.chat_template = "{{ raise_exception('no system, please') }}"
    with pytest.raises(ModelError, match="template"):
        chat_prompts.spell_prompt([USER], "4", tokenizer)


def test_masks_are_drawn_as_the_paper_says_and_anew_in_every_epoch():
    from luthier.recipe.checks import make_plugin
    from luthier.recipe.tree import Plugin

    task = make_plugin("tasks", Plugin(name="masked-lm"))
    tokenizer = make_tokenizer("bert")
    rows = Rows.of({"text": ["the grass is green and the snow is white here"] * 300})
    target = task.learn_target(rows)
    codec = task.codec(target, tokenizer, Limits(64))
    items = codec.encode(rows, training=True)
    first, second = (codec.batch(items, np.arange(300), epoch=epoch) for epoch in (0, 1))
    chosen = first.targets >= 0
    assert chosen[:, 1:-1].mean() == pytest.approx(0.15, abs=0.03)
    assert not chosen[:, [0, -1]].any()
    shown, true = first.inputs["input_ids"][chosen], first.targets[chosen]
    assert (shown == tokenizer.mask_token_id).mean() == pytest.approx(0.8, abs=0.08)
    assert (shown == true).mean() == pytest.approx(0.1, abs=0.06)
    assert not np.array_equal(first.targets, second.targets)


def test_masks_follow_from_the_seed_of_the_run():
    from luthier.recipe.checks import make_plugin
    from luthier.recipe.tree import Plugin

    task = make_plugin("tasks", Plugin(name="masked-lm"))
    rows = Rows.of({"text": ["the grass is green and the snow is white here"] * 20})
    masks = []
    for seed in (1, 1, 2):
        codec = task.codec(task.learn_target(rows), make_tokenizer("bert"), Limits(64), seed=seed)
        masks.append(codec.batch(codec.encode(rows, training=True), np.arange(20), epoch=3).targets)
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


@pytest.mark.parametrize("how", ["grouped", "exact"])
def test_judging_hides_every_token_exactly_once(how):
    from luthier.recipe.checks import make_plugin
    from luthier.recipe.tree import Plugin

    options = {"pseudo_perplexity": how}
    task = make_plugin("tasks", Plugin(name="masked-lm", options=options))
    tokenizer = make_tokenizer("bert")
    rows = Rows.of({"text": ["the grass is green and the snow is white here", "", "snow"]})
    target = task.learn_target(rows)
    codec = task.codec(target, tokenizer, Limits(64))
    items = codec.encode(rows)
    batch = codec.batch(items, np.arange(len(items)), kind="log-likelihood")
    hidden = np.zeros((3, batch.targets.shape[1]), dtype=int)
    np.add.at(hidden, items.rows, batch.targets >= 0)
    assert hidden[0].tolist() == [0, *[1] * 10, 0]
    assert hidden.sum(axis=1).tolist() == [10, 0, 1]
    assert (batch.inputs["input_ids"][batch.targets >= 0] == tokenizer.mask_token_id).all()
    assert len(items) == (7 if how == "grouped" else 10) + 2

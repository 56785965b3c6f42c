"""A prompt has the same ids learned, scored and answered, whatever shape its row has."""

import json

import numpy as np
import pytest

from luthier.columns import Limits
from luthier.errors import DataError, ModelError
from luthier.formats.chat_prompts import spell_prompt
from luthier.padding import IGNORED
from luthier.prediction.given_rows import rows_of
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Rows
from luthier.sources.labelled import with_answer
from tests.tiny import make_tokenizer

USER = {"role": "user", "content": "the snow is white"}
ANSWER = {"role": "assistant", "content": "grass is green"}
SYSTEM = {"role": "system", "content": "a small dog"}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"at": "snow"}'}}
PARTS = {"role": "user", "content": [{"type": "text", "text": USER["content"]}]}
TEMPLATES = {
    "without a template": None,
    "with a template": (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.name }}"
        "{{ c.function.arguments | tojson }}{% endfor %};{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    ),
    "with a template that opens an answer otherwise": (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }};{% endfor %}"
        "{% if add_generation_prompt %}<assistant><think>{% endif %}"
    ),
}
TOOL = {"role": "tool", "content": "snow", "tool_call_id": "c"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
LABELLED = {  # a row with its answer, and the same as it is put to the model
    "a message": ({"messages": [USER, ANSWER]}, {"messages": [USER]}),
    "a system message": ({"messages": [SYSTEM, USER, ANSWER]}, {"messages": [SYSTEM, USER]}),
    "turns": (
        {"messages": [USER, ANSWER, USER, ANSWER]},
        {"messages": [USER, ANSWER, USER]},
    ),
    "a call of a tool": (
        {"messages": [USER, CALLING, TOOL, ANSWER]},
        {"messages": [USER, CALLING, TOOL]},
    ),
    "parts": ({"messages": [PARTS, ANSWER]}, {"messages": [PARTS]}),
    "JSON in a cell": (
        {"messages": json.dumps([USER, ANSWER])},
        {"messages": json.dumps([USER])},
    ),
    "an answer to be ignored": ({"messages": [USER, ANSWER]}, {"messages": [USER, ANSWER]}),
    "ShareGPT": (
        {
            "conversations": [
                {"from": "human", "value": USER["content"]},
                {"from": "gpt", "value": ANSWER["content"]},
            ]
        },
        {"conversations": [{"from": "human", "value": USER["content"]}]},
    ),
    "an instruction": (
        {"instruction": "say", "input": "snow", "output": "white"},
        {"instruction": "say", "input": "snow"},
    ),
    "an instruction alone": ({"instruction": "say", "output": "white"}, {"instruction": "say"}),
    "a prompt": ({"prompt": "say", "completion": "white"}, {"prompt": "say"}),
    "a bare text": ({"messages": [USER, ANSWER]}, USER["content"]),
}


@pytest.fixture(params=TEMPLATES)
def tokenizer(request):
    made = make_tokenizer("gpt2")
    made.chat_template = TEMPLATES[request.param]
    return made


@pytest.mark.parametrize("shape", LABELLED)
def test_prompts_are_learned_scored_and_answered_as_the_same_ids(shape, tokenizer):
    task = make_plugin("tasks", Plugin(name="causal-lm", options={"packing": False}))
    labelled, asked = LABELLED[shape]
    rows, _ = task.normalize(Rows.of({name: [cell] for name, cell in labelled.items()}))
    codec = task.codec(task.learn_target(rows), tokenizer, Limits(512))
    learned, scored = codec.encode(rows, training=True), codec.encode(rows)
    _, given = rows_of([asked], {}, task)
    normal, _ = task.normalize(given)
    answered = codec.batch(codec.encode(normal), np.array([0]), kind="generate")
    prompt = answered.inputs["input_ids"][0].tolist()
    for items in (learned, scored):
        whole = items.inputs["input_ids"].values[0].tolist()
        assert whole[: len(prompt)] == prompt
        first = int(np.argmax(items.targets.values[0] != IGNORED))
        assert first == len(prompt) - 1  # the last token of the prompt foretells the answer's first
    assert scored.layout[0].tolist() == prompt


def test_the_answer_has_the_shape_of_a_conversation(tokenizer):
    task = make_plugin("tasks", Plugin(name="causal-lm"))
    rows, _ = task.normalize(Rows.of({"messages": [[USER, ANSWER]]}))
    codec = task.codec(task.learn_target(rows), tokenizer, Limits(64))
    asked = Rows.of({"text": [USER["content"]]})
    made = codec.uninformed_outputs(asked)
    made["text"] = "snow"
    (answer,) = codec.answer(codec.decode(made), 0, asked)
    assert answer == {"generated_text": [USER, {"role": "assistant", "content": "snow"}]}
    (counted,) = codec.answer(codec.decode(made), 0, asked, count_tokens=True)
    assert counted == answer | {"prompt_tokens": len(spell_prompt([USER], None, tokenizer)[0])}


def test_conversations_without_an_answer_are_dropped_and_counted():
    task = make_plugin("tasks", Plugin(name="causal-lm"))
    cells = [[USER, ANSWER], [USER], [USER, ANSWER, USER], [USER, CALLING], []]
    rows, _ = task.normalize(Rows.of({"messages": cells}, name="chat.jsonl"))
    kept, (finding,) = with_answer(rows, task)
    assert len(kept) == 1
    assert (finding.code, finding.count) == ("without-answer", 4)
    assert finding.places[0] == "chat.jsonl:2:target"


def test_where_no_conversation_has_an_answer_there_is_nothing_to_learn():
    task = make_plugin("tasks", Plugin(name="causal-lm"))
    rows, _ = task.normalize(Rows.of({"messages": [[USER]] * 3}, name="chat.jsonl"))
    with pytest.raises(DataError, match=r"No row of chat\.jsonl has an answer") as caught:
        with_answer(rows, task)
    assert "assistant" in caught.value.hint


def test_parts_that_are_not_text_are_counted():
    task = make_plugin("tasks", Plugin(name="causal-lm"))
    image = {"type": "image_url", "image_url": {"url": "x"}}
    shown = {"role": "user", "content": [image, {"type": "text", "text": "what?"}, image]}
    rows, (finding,) = task.normalize(Rows.of({"messages": [[shown, ANSWER]]}))
    assert rows["text"] == ["what?"]
    assert (finding.code, finding.count) == ("parts-not-read", 2)
    assert "2 of type image_url" in finding.message


def test_plain_texts_stay_plain(tokenizer):
    task = make_plugin("tasks", Plugin(name="causal-lm", options={"packing": False}))
    rows = Rows.of({"text": ["the snow is white"]})
    codec = task.codec(task.learn_target(rows), tokenizer, Limits(64))
    ids = codec.encode(rows).inputs["input_ids"].values[0].tolist()
    assert ids[:-1] == tokenizer("the snow is white")["input_ids"]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ 'a' * 10**9 }}", "10,000,000"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ raise_exception('no system message') }}", "no system message"),
        ("{{ messages[0].none.such }}", "none"),
        ("{% for", "end of template"),
        ("(" * 5000 + "{{" + "(" * 5000, ""),
    ],
)
def test_a_template_that_cannot_be_used_is_the_models_mistake(template, says):
    made = make_tokenizer("gpt2")
    made.chat_template = template
    with pytest.raises(ModelError, match="chat template") as caught:
        spell_prompt([USER], "snow", made)
    assert says in str(caught.value)

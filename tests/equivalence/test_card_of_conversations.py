"""The card of a model of conversations shows the call that puts its prompt as it was learned."""

import re

import pytest

import luthier
from luthier.runs import RunFolder
from tests.tiny import make_tokenizer, write_tiny_model
from tests.toys import toy_tree

ROWS = {
    "messages": [
        [
            {"role": "user", "content": "the snow"},
            {"role": "assistant", "content": "white green"[n % 2 :: 2]},
        ]
        for n in range(40)
    ]
}
TEMPLATE = (
    "{% for m in messages %}{{ m.role }} {{ m.content }};{% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)


@pytest.mark.filterwarnings("ignore")  # of the pipeline
@pytest.mark.parametrize("template", [TEMPLATE, None])
def test_its_lines_answer_as_the_run_does(template, tmp_path):
    model = write_tiny_model("gpt2", tmp_path / "model", head="CausalLM")
    tokenizer = make_tokenizer("gpt2")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(model)
    options = {"max_new_tokens": 4, "packing": False}
    training = {"max_steps": 2, "use_cpu": True}
    tree = toy_tree("causal-lm", model, options=options, training=training, baselines=[])
    run = RunFolder(luthier.run(tree, out=tmp_path / "run", data={"train": ROWS}).folder)
    card = (run.model / "README.md").read_text("utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    *before, call = lines.replace("this folder", str(run.model)).strip().splitlines()
    names = {}
    exec("\n".join(before), names)
    found = eval(call, names)[0]["generated_text"]
    found = found[-1]["content"] if template else found.removeprefix("a question\n")
    answer = luthier.load(run.path)("a question")[0]["generated_text"][-1]["content"]
    assert found.strip() == answer.strip()

"""A chat template says without Transformers what it says with it, and is bounded likewise."""

import pytest
from jinja2 import TemplateError

from luthier.text import chat_templates
from luthier.text.plain_templates import rendered
from tests.tiny import make_tokenizer
from tests.unit.text.test_chat_templates import BEYOND, ORDINARY, SAID

CASES = {
    "ordinary": ORDINARY,
    "reasoning": "{% for m in messages %}{{ m.thinking }}{{ m.reasoning_content }}{% endfor %}",
    "tools": "{% if tools is none and documents is none %}none{% endif %}{{ messages | tojson }}",
    "tokens": "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}",
}


def plainly(template, messages=SAID, tokens=None):
    return rendered(template, messages, for_answer=True, special_tokens=tokens or {})


@pytest.mark.parametrize("case", CASES)
def test_it_says_the_same(case):
    own = make_tokenizer("gpt2")
    own.chat_template = CASES[case]
    said = [*SAID, {"role": "assistant", "content": "ü", "reasoning": "because"}]
    expected = own.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert plainly(CASES[case], said, own.special_tokens_map) == expected
    assert expected


@pytest.mark.parametrize("name", BEYOND)
def test_what_has_no_end_is_refused(name, monkeypatch):
    monkeypatch.setattr(chat_templates, "SECONDS", 0.2)
    with pytest.raises(TemplateError, match=r"^it "):
        plainly(BEYOND[name])


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('roles must alternate') }}",
        "{% set s = namespace() %}{% set s.__class__ = 1 %}",
        "{{ ''.__class__.__mro__ }}",
    ],
)
def test_a_template_that_refuses_or_reaches_out_is_refused(template):
    with pytest.raises(TemplateError):
        plainly(template)

"""A chat template that loops for ever or makes gigabytes is refused; others say what they said."""

import threading

import pytest
from jinja2 import TemplateError
from transformers.utils import chat_template_utils

from luthier.text import chat_templates
from luthier.text.chat_templates import bounded
from tests.tiny import make_tokenizer

SAID = [{"role": "user", "content": "snow"}, {"role": "assistant", "content": "white"}]
LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}INNER{% endfor %}{% endfor %}"
BEYOND = {
    "nested loops": LOOPS.replace("INNER", ""),
    "loops whose condition never holds": LOOPS.replace(
        "b in range(99999)", "b in range(99999) if false"
    ),
    "loops that write": LOOPS.replace("INNER", "a" * 1000),
    "a loop that writes much": ("{% for a in range(99999) %}" + "a" * 9999 + "{% endfor %}"),
    "loops that set": LOOPS.replace("INNER", "{% set x = b %}"),
    "a macro that calls itself twice": (
        "{% macro m(n) %}{% if n %}{% set a = m(n - 1) %}{% set b = m(n - 1) %}{% endif %}"
        "{% endmacro %}{{ m(40) }}"
    ),
    "a text times a number": "{{ 'a' * 10**9 }}",
    "a number times a text": "{{ 10**9 * 'a' }}",
    "a list times a number": "{% set x = [1] * 10**9 %}",
    "a power": "{{ 10 ** 100000000 }}",
    "powers of powers": (
        "{% set s = namespace(x=9) %}"
        "{% for i in range(99) %}{% set s.x = s.x * s.x %}{% endfor %}{{ s.x }}"
    ),
    "doubling by +": (
        "{% set s = namespace(x='a') %}"
        "{% for i in range(99) %}{% set s.x = s.x + s.x %}{% endfor %}"
    ),
    "doubling by ~": (
        "{% set s = namespace(x='a') %}"
        "{% for i in range(99) %}{% set s.x = s.x ~ s.x %}{% endfor %}"
    ),
    "doubling by a block": (
        "{% set s = namespace(x='a') %}{% for i in range(99) %}"
        "{% set y %}{{ s.x }}{{ s.x }}{% endset %}{% set s.x = y %}{% endfor %}"
    ),
    "a method that widens": "{{ 'a'.center(10**9) }}",
    "a filter that widens": "{{ 'a' | center(1000000000) }}",
    "a format that widens": "{{ '{:>1000000000}'.format(1) }}",
    "an old format that widens": "{{ '%1000000000d' % 1 }}",
    "a filter that formats": "{{ '%1000000000d' | format(1) }}",
    "a text replaced by longer ones": "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
    "a text joined by longer ones": "{{ (['a'] * 99999) | join('b' * 99999) }}",
}
ORDINARY = (
    "{{ bos_token }}{% for m in messages if m.content %}{% if loop.first %}{% endif %}"
    "<{{ m['role'] | upper }}>{{ m.content | trim }}{{ '\\n' * 2 }}{{ '%s-%02d' % (m.role, 7) }}"
    "{% if not loop.last %}{% continue %}{% endif %}{{ m | tojson(indent=2) }}{% endfor %}"
    "{% macro say(x) %}[{{ x ~ '!' ~ 1 }}]{% endmacro %}{{ say('a') }}"
    "{% generation %}{{ say(messages | length + 1) }}{% endgeneration %}"
    "{% set s = namespace(n=1700000000) %}{% set s.n = s.n * 2 %}{{ s.n }}{{ '{:d}'.format(s.n) }}"
    "{{ messages | map(attribute='role') | join(', ') }}"
    "{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% call wrap() %}c{% endcall %}"
    "{% if add_generation_prompt %}{{ 'a-b'.split('-') | last }}{{ none_such }}{% endif %}"
)


def formatted(template):
    tokenizer = make_tokenizer("gpt2")
    tokenizer.chat_template = template
    return tokenizer.apply_chat_template(SAID, tokenize=False, add_generation_prompt=True)


@pytest.mark.parametrize("name", BEYOND)
def test_what_has_no_end_is_refused(name, monkeypatch):
    monkeypatch.setattr(chat_templates, "SECONDS", 0.2)
    with pytest.raises(TemplateError, match=r"^it "), bounded():
        formatted(BEYOND[name])


def test_in_a_thread_too(monkeypatch):
    monkeypatch.setattr(chat_templates, "SECONDS", 0.2)
    told = []

    def render():
        try:
            with bounded():
                formatted(BEYOND["nested loops"])
        except TemplateError as problem:
            told.append(str(problem))

    thread = threading.Thread(target=render)
    thread.start()
    thread.join()
    assert "seconds" in told[0]


def test_an_ordinary_template_says_the_same_bounded_and_not(monkeypatch):
    with bounded():
        said = formatted(ORDINARY)
    assert "white" in said
    assert formatted(ORDINARY) == said  # and without a budget
    plain = chat_template_utils._cached_compile_jinja_template
    monkeypatch.setattr(chat_template_utils, "_compile_jinja_template", plain)
    assert formatted(ORDINARY) == said


def test_a_template_of_a_million_characters_is_refused():
    with pytest.raises(TemplateError, match="1,000,000 characters"), bounded():
        formatted("a" * 1_000_001)

"""Input without end and mistakes in models: each refused in words, soon and in little memory.

`hazards` is the table; `fault` says what was not as it should be. What is opened, and how, is that
of `hostile.py`.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.tiny import write_tiny_model
from tests.torture import payloads
from tests.torture.hostile import DOORS, Artefact, both, change, command, file, recipe
from tests.torture.opening import Outcome

MEBIBYTES = 1000  # more than the process held before, at most
ENDLESS = 17 << 20  # bytes
NAME = "n" * 5000
LETTERS = string.ascii_lowercase
ROWS = "text,label\n" + "".join(
    f"a {LETTERS[n]}{LETTERS[n]} {word} day {n},{word}\n"
    for n in range(26)
    for word in ("good", "bad")
)
TALK = "\n".join(
    json.dumps(
        {
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": f"good {n}"},
            ]
        }
    )
    for n in range(20)
)
LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}INNER{% endfor %}{% endfor %}"
DOUBLING = (
    "{% set s = namespace(x='ab') %}{% for i in range(99) %}{% set s.x = MADE %}{% endfor %}"
    "{{ s.x }}"
)
TEMPLATES = {
    "loops in loops": LOOPS.replace("INNER", ""),
    "loops that write": LOOPS.replace("INNER", "a" * 500),
    "a text times a number": "{{ 'a' * 10**10 }}",
    "a list times a number": "{{ [1] * 10**10 }}",
    "a power": "{{ 9 ** 99999999 }}",
    "doubling by +": DOUBLING.replace("MADE", "s.x + s.x"),
    "doubling by ~": DOUBLING.replace("MADE", "s.x ~ s.x"),
    "a wide format": "{{ '%9999999999d' % 1 }}",
    "a wide filter": "{{ 'a' | center(9999999999) }}",
    "a division by zero": "{{ 1 / 0 }}",
    "forty loops in one another": "{% for a in messages %}" * 40 + "{% endfor %}" * 40,
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a million characters": "a" * 1_000_001,
}


def train(*arguments: str) -> Callable[[str], str]:
    """Train as the command line does."""
    return lambda argument: command("run", argument or "recipe.yaml", *arguments)


DOORS |= {
    "train": train(),
    "predict": lambda argument: command("predict", argument or "run", "a good day"),
    "command": lambda argument: command(*json.loads(argument)),
}


def sparse(path: str, n_bytes: int) -> Callable[[Path], object]:
    """Make a file of zero bytes that takes no room on the disk."""

    def write(folder: Path) -> None:
        with (folder / path).open("wb") as made:
            made.truncate(n_bytes)

    return write


def tokenizer(spoil: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Change what `tokenizer.json` holds."""

    def write(folder: Path) -> None:
        path = folder / "model" / "tokenizer.json"
        content = json.loads(path.read_text())
        spoil(content)
        path.write_text(json.dumps(content))

    return write


def weights(spoil: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], object]:
    """Change the weights of the model."""

    def write(folder: Path) -> None:
        path = folder / "model" / "model.safetensors"
        content = load_file(path)
        spoil(content)
        save_file(content, path, metadata={"format": "pt"})

    return write


def endless_data() -> Iterator[Artefact]:
    """Lines, cells and texts without end, and files with a hole."""
    long = "a" * ENDLESS
    held = {
        "line.csv": f"{ROWS}{long},good\n",
        "commas.csv": ROWS + "," * ENDLESS,
        "cell.csv": f'{ROWS}"' + "one, two, and\nthree\n" * (ENDLESS // 20),
        "line.tsv": f"{ROWS.replace(',', chr(9))}{long}\tgood\n",
        "line.jsonl": json.dumps({"text": long, "label": "good"}),
        "text.json": json.dumps([{"text": long, "label": "good"}]),
        "quotes.json": json.dumps([{"text": 'b"' * (ENDLESS // 2), "label": "good"}]),
        "deep.json": "[" * 5_000_000,
        "deep_objects.json": '{"a":' * 1_000_000,
        "deep.jsonl": '{"text": ' + "[" * 5_000_000,
        "number.json": '[{"text": ' + "9" * 5_000_000 + "}]",
        "line.txt": f"short\n{long}\n",
        "line.conll": f"short O\n{long} O\n",
        "text.tmx": f'<tmx><body><tu><tuv xml:lang="en"><seg>{long}</seg></tuv></tu></body></tmx>',
        "columns.csv": ",".join(f"c{n}" for n in range(200_000)) + "\n" + "1," * 199_999 + "1\n",
    }
    for name, content in held.items():
        told = "5,000" if name == "columns.csv" else name
        yield Artefact(f"inspect {name}", file(name, content), "inspect", told, name)
        write = both(recipe(data={"train": name}), file(name, content))
        if name != "columns.csv":
            yield Artefact(f"run {name}", write, "train", name)
    for name in ("hole.csv", "hole.jsonl", "hole.json", "hole.txt", "hole.parquet", "hole.arrow"):
        yield Artefact(name, sparse(name, 1 << 36), "inspect", name, name)
    word = file("data.csv", f"{ROWS}{'q' * 1_000_000},good\nsee {'r' * 1_000_000},bad\n")
    yield Artefact("a word of a million letters", word, "train", None)
    yield Artefact("a word of a million letters, inspected", word, "inspect", None)
    marked = file("data.csv", ROWS.replace("good\n", NAME + "\n"))
    yield Artefact("a label of 5,000 letters", marked, "train", None)
    named = both(
        file("data.csv", ROWS.replace("text,", NAME + ",")),
        recipe(data={"train": "data.csv", "columns": {"text": NAME, "label": "label"}}),
    )
    yield Artefact("a column of 5,000 letters", named, "train", None)
    many = "text,label\n" + "".join(f"a day {n} {n % 97},{n}\n" for n in range(20_000))
    yield Artefact("a label for each row", file("data.csv", many), "train", "")


def names() -> Iterator[Artefact]:
    """Names of 5,000 letters wherever a name is given."""
    fields = {
        "data.train": {"data": {"train": NAME}},
        "data.train, a file": {"data": {"train": f"{NAME}.csv"}},
        "data.test": {"data": {"train": "data.csv", "test": f"{NAME}.csv"}},
        "data.train, a package": {"data": {"train": f"package:{NAME}/rows.csv"}},
        "data.train, of the hub": {"data": {"train": f"hub:{NAME}"}},
        "data.train, parallel": {"data": {"train": f"{NAME}.{{en,de}}"}},
        "data.columns": {"data": {"train": "data.csv", "columns": {"text": NAME}}},
        "data.columns, a role": {"data": {"train": "data.csv", "columns": {NAME: "text"}}},
        "data.encoding": {"data": {"train": "data.csv", "encoding": NAME}},
        "data.delimiter": {"data": {"train": "data.csv", "delimiter": NAME}},
        "data.split.group_by": {"data": {"train": "data.csv", "split": {"group_by": NAME}}},
        "model": {"model": NAME},
        "model, a path": {"model": f"./{NAME}"},
        "model, a package": {"model": f"package:{NAME}"},
        "task": {"task": NAME},
        "method": {"method": NAME},
        "baselines": {"baselines": [NAME]},
        "training.optim": {"training": {"optim": NAME}},
        "training.lr_scheduler_type": {"training": {"lr_scheduler_type": NAME}},
        "training.metric_for_best_model": {"training": {"metric_for_best_model": NAME}},
        "evaluation.slices": {"evaluation": {"slices": [NAME]}},
        "a field": {NAME: 1},
    }
    for name, changes in fields.items():
        yield Artefact(f"{name} of 5,000 letters", recipe(**changes), "train", "")
    commands = {
        "run": ["run", f"{NAME}.yaml"],
        "run --out": ["run", "recipe.yaml", "--out", NAME],
        "inspect": ["inspect", f"{NAME}.csv"],
        "init": ["init", f"{NAME}.csv"],
        "init --out": ["init", "data.csv", "--out", f"{NAME}.yaml"],
        "predict": ["predict", NAME, "a good day"],
        "predict --file": ["predict", "run", "--file", f"{NAME}.csv", "--out", "out.csv"],
        "predict --out": ["predict", "run", "--file", "data.csv", "--out", f"{NAME}.csv"],
        "evaluate --data": ["evaluate", "run", "--data", f"{NAME}.csv"],
        "report": ["report", NAME],
        "compare": ["compare", NAME, NAME],
        "export --out": ["export", "run", "--out", NAME],
        "runs": ["runs", NAME],
        "runs --delete": ["runs", "--delete", NAME],
        "an override": ["run", "recipe.yaml", f"data.{NAME}=1"],
    }
    for name, arguments in commands.items():
        yield Artefact(f"{name} of 5,000 letters", recipe(), "command", "", json.dumps(arguments))


def model_files() -> Iterator[Artefact]:
    """Weights, configurations and tokenizers that claim what is not so."""
    body = {"a": payloads.TENSOR}
    headers = {
        "a header longer than the file": payloads.safetensors_file(body, length=1 << 20),
        "a header of 2^63 bytes": payloads.safetensors_file(body, length=1 << 63),
        "a header of 17 MiB": payloads.safetensors_file(json.dumps(body).encode() + b" " * ENDLESS),
        "a shape that is not its bytes": payloads.safetensors_file(
            {"a": {**payloads.TENSOR, "shape": [3]}}
        ),
        "a shape of 2^62": payloads.safetensors_file(
            {"a": {**payloads.TENSOR, "shape": [2**31] * 4}}
        ),
        "a shape below zero": payloads.safetensors_file({"a": {**payloads.TENSOR, "shape": [-2]}}),
        "offsets beyond the file": payloads.safetensors_file(
            {"a": {**payloads.TENSOR, "shape": [2**20], "data_offsets": [0, 2**22]}}
        ),
    }
    for name, content in headers.items():
        write = file("model/model.safetensors", content)
        yield Artefact(f"weights: {name}", write, "train", "model.safetensors")
    yield Artefact(
        "weights of zero bytes",
        sparse("model/model.safetensors", 1 << 34),
        "train",
        "model.safetensors",
    )
    huge = {
        f"{name} of a GiB": (f"model/{name}", name)
        for name in (
            "tokenizer.json",
            "config.json",
            "tokenizer_config.json",
            "vocab.txt",
            "generation_config.json",
            "special_tokens_map.json",
        )
    }
    for name, (path, told) in huge.items():
        yield Artefact(name, sparse(path, 1 << 30), "train", told)
    for name in ("tokenizer.json", "config.json", "tokenizer_config.json"):
        yield Artefact(f"{name}, deep", file(f"model/{name}", "[" * 1_000_000), "train", name)


def configurations() -> Iterator[Artefact]:
    """Numbers in a configuration that nothing can be built of, or that do not fit the tokenizer."""
    wrong: dict[str, dict[str, Any]] = {
        "a million layers": {"num_hidden_layers": 10**6},
        "no layers": {"num_hidden_layers": 0},
        "a vocabulary of 10^12": {"vocab_size": 10**12},
        "a width of 10^9": {"hidden_size": 10**9},
        "a width below zero": {"hidden_size": -32},
        "no heads": {"num_attention_heads": 0},
        "seven heads": {"num_attention_heads": 7},
        "a vocabulary of 9": {"vocab_size": 9},
        "a vocabulary in words": {"vocab_size": "many"},
        "padding beyond the vocabulary": {"pad_token_id": 10**6},
        "an unknown activation": {"hidden_act": "none-such"},
        "dropout of 2": {"hidden_dropout_prob": 2.0},
        "dropout in words": {"hidden_dropout_prob": "some"},
        "norms in words": {"layer_norm_eps": "small"},
        "one position": {"max_position_embeddings": 1},
        "positions below zero": {"max_position_embeddings": -5},
        "an unknown family": {"model_type": NAME},
        "a family that is a list": {"model_type": ["bert"]},
    }
    for name, fields in wrong.items():
        yield Artefact(name, change("model/config.json", **fields), "train", "")
    lengths = {"0": 0, "below zero": -7, "of 10^40": 10**40, "in words": "long"}
    for name, length in lengths.items():
        write = change("model/tokenizer_config.json", model_max_length=length)
        yield Artefact(f"a longest text {name}", write, "train", "" if length != 10**40 else None)
    pairs = "text,text_pair,label\n" + "".join(f"a,b {n},{n % 2}\n" for n in range(40))
    kinds = both(
        change("model/config.json", type_vocab_size=1),
        weights(
            lambda held: [
                held.update({k: v[:1].clone()}) for k, v in held.items() if "token_type" in k
            ]
        ),
        recipe(task="pair-classification"),
        file("data.csv", pairs),
    )
    yield Artefact("pairs for a model of one kind of token", kinds, "train", "")
    nan = weights(lambda held: [one.fill_(float("nan")) for one in held.values()])
    yield Artefact("weights that are not numbers", nan, "train", "")


def vocabularies() -> Iterator[Artefact]:
    """Ids that the model has no embedding for, and vocabularies that are none."""

    def add(number: int) -> Callable[[dict[str, Any]], object]:
        token = {
            "id": number,
            "content": "far",
            "special": False,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        return lambda held: held["added_tokens"].append(token)

    spoiled: dict[str, Callable[[dict[str, Any]], object]] = {
        "an id far beyond the embedding": lambda held: held["model"]["vocab"].update(day=10**6),
        "an id of 2^31": lambda held: held["model"]["vocab"].update(day=2**31),
        "an id below zero": lambda held: held["model"]["vocab"].update(day=-1),
        "words beyond the embedding": lambda held: held["model"]["vocab"].update(
            {f"word{n}": len(held["model"]["vocab"]) + n for n in range(5000)}
        ),
        "no vocabulary": lambda held: held["model"].update(vocab={}),
        "a vocabulary that is a list": lambda held: held["model"].update(vocab=["day"]),
        "an unknown kind of tokenizer": lambda held: held["model"].update(type="None"),
        "no model": lambda held: held.pop("model"),
        "a pattern that is none": lambda held: held.update(
            pre_tokenizer={
                "type": "Split",
                "pattern": {"Regex": "("},
                "behavior": "Removed",
                "invert": False,
            }
        ),
    }
    for name, spoil in spoiled.items():
        yield Artefact(f"tokenizer: {name}", tokenizer(spoil), "train", "")
    far = tokenizer(add(10**6))  # the library numbers it itself
    yield Artefact("tokenizer: an added token far beyond", far, "train", None)
    unknown = both(
        tokenizer(lambda held: held["model"]["vocab"].pop("[UNK]")),
        file("data.csv", ROWS.replace("day", "\u65e5")),
    )
    yield Artefact("tokenizer: no unknown token", unknown, "train", "tokenizer")


def generation() -> Iterator[Artefact]:
    """Settings of generation, in the recipe and beside the model."""
    pairs = file("data.csv", "text,target\n" + "".join(f"day {n},good {n}\n" for n in range(30)))

    def summarise(**options: Any) -> Callable[[Path], object]:
        task = {
            "name": "summarization",
            "options": {"max_target_tokens": 8, "num_beams": 1, **options},
        }
        return both(
            lambda folder: write_tiny_model("bart", folder / "model"), pairs, recipe(task=task)
        )

    asked = {
        "no beams": {"num_beams": 0},
        "beams below zero": {"num_beams": -2},
        "a million beams": {"num_beams": 10**6},
        "no tokens": {"max_target_tokens": 0},
        "a length below zero": {"max_target_tokens": -5},
        "repeats below zero": {"no_repeat_ngram_size": -1},
        "a penalty in words": {"length_penalty": "much"},
        "a penalty that is no number": {"length_penalty": float("nan")},
        "several answers": {"num_return_sequences": 3},
        "an option of nobody": {"top_q": 1},
    }
    for name, options in asked.items():
        yield Artefact(f"generation: {name}", summarise(**options), "train", "")
    beside: dict[str, tuple[dict[str, Any], str | None]] = {
        "several answers": ({"num_return_sequences": 4}, "num_return_sequences"),
        "sampling": ({"do_sample": True, "temperature": 0.0}, None),
        "no beams": ({"num_beams": 0}, None),
        "groups of beams": ({"num_beam_groups": 3, "diversity_penalty": 0.5}, None),
        "contrast": ({"penalty_alpha": 0.6, "top_k": 4}, None),
        "a length below zero": ({"max_length": -5, "min_length": -5}, None),
        "a least length of 10^6": ({"min_length": 10**6}, None),
        "all told": ({"return_dict_in_generate": True, "output_scores": True}, None),
        "a cache of nobody": ({"cache_implementation": "none-such"}, "cache_implementation"),
        "a start beyond the vocabulary": ({"decoder_start_token_id": 10**6}, ""),
        "an end beyond the vocabulary": ({"forced_eos_token_id": 10**6}, ""),
        "a list": ({"suppress_tokens": "all"}, ""),
    }
    for name, (fields, told) in beside.items():
        write = both(summarise(), change("model/generation_config.json", **fields))
        yield Artefact(f"generation_config: {name}", write, "train", told)
    start = both(summarise(), change("model/config.json", decoder_start_token_id=10**6))
    yield Artefact("config: a start beyond the vocabulary", start, "train", "")


def templates() -> Iterator[Artefact]:
    """Chat templates that loop, grow or stumble."""
    talk = both(
        recipe(task="causal-lm", model="./writer", data={"train": "talk.jsonl"}),
        file("talk.jsonl", TALK),
    )
    for name, template in TEMPLATES.items():
        write = both(talk, file("writer/chat_template.jinja", template))
        yield Artefact(f"template: {name}", write, "train", "template")


def hazards() -> list[Artefact]:
    """List all of them."""
    parts = (endless_data, names, model_files, configurations, vocabularies, generation, templates)
    return [hazard for part in parts for hazard in part()]


def fault(hazard: Artefact, outcome: Outcome) -> str:
    """Say what is wrong with the outcome of a hazard, if anything."""
    if outcome.broken or outcome.mebibytes > MEBIBYTES:
        return f"broke: {outcome.broken}, {outcome.mebibytes} MiB"
    if hazard.file is None:
        return f"refused: {outcome.said}" if outcome.refused else ""
    if not outcome.refused:
        return f"was accepted: {outcome.said}"
    return "" if hazard.file in outcome.said else f"does not name {hazard.file}: {outcome.said}"

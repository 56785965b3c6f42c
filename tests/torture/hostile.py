"""Things that must not run when they are opened: a table, and what comes of opening each.

python -m tests.torture.hostile      opens all of it and prints the counts as JSON
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.testing
import yaml

import luthier
from luthier.build_problem import prepare
from luthier.cli.app import app
from luthier.errors import LuthierError
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from tests.seals import without_seal
from tests.tiny import write_tiny_model
from tests.torture import payloads
from tests.torture.opening import SECRET, Outcome, open_apart
from tests.torture.payloads import COMMAND, MODULE, PICKLE

RECIPE: dict[str, Any] = {
    "model": "./model",
    "task": "text-classification",
    "data": {"train": "data.csv"},
    "training": {"max_steps": 1, "use_cpu": True},
    "baselines": [],
}
ESCAPES = (  # of the sandbox that templates are rendered in
    "{{ cycler.__init__.__globals__.os.system('" + COMMAND + "') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{% for c in ().__class__.__base__.__subclasses__() %}{{ c.__init__.__globals__ }}{% endfor %}",
    "{{ lipsum.__globals__['os'].popen('" + COMMAND + "').read() }}",
)


@dataclass(frozen=True)
class Artefact:
    """Something hostile.

    Args:
        name: What it is.
        write: Puts it into a folder where all the rest is harmless.
        door: How a user opens it: a function of `DOORS`.
        file: What the refusal must name; None: it is opened, and stays inert.
        argument: What is opened, where the door asks for it.
    """

    name: str
    write: Callable[[Path], object]
    door: str
    file: str | None
    argument: str = ""


def prepare_recipe(argument: str) -> str:
    """Do what `luthier.run` does until it trains: rows, tokenizer, encoded splits, the model."""
    recipe = read_recipe(argument or "recipe.yaml")
    prepared = prepare(recipe, make_plugin("tasks", recipe.task))
    prepared.job.session.make_model(True)
    return "; ".join(prepared.notes)


def load_run(argument: str) -> str:
    """Answer a text with a run."""
    return str(luthier.load(argument or "run")("a good day"))


def command(*arguments: str) -> str:
    """Call the command line."""
    result = typer.testing.CliRunner().invoke(app, arguments)
    if result.exit_code == 2 and result.output:
        raise LuthierError(result.output)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


DOORS: dict[str, Callable[[str], str]] = {
    "run": prepare_recipe,
    "load": load_run,
    "inspect": lambda argument: command("inspect", argument or "recipe.yaml"),
    "init": lambda argument: command("init", argument),
    "report": lambda argument: command("report", argument or "run"),
}


def file(path: str, content: bytes | str) -> Callable[[Path], object]:
    """Write a file."""

    def write(folder: Path) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def change(path: str, **fields: Any) -> Callable[[Path], object]:
    """Change fields of a JSON file."""

    def write(folder: Path) -> None:
        target = folder / path
        content = json.loads(target.read_text()) if target.exists() else {}
        target.write_text(json.dumps(content | fields))

    return write


def both(*writes: Callable[[Path], object]) -> Callable[[Path], object]:
    """Do several."""
    return lambda folder: [write(folder) for write in writes]


def recipe(**fields: Any) -> Callable[[Path], object]:
    """Write a recipe."""
    return file("recipe.yaml", yaml.safe_dump(RECIPE | fields, sort_keys=False))


def without(path: str) -> Callable[[Path], object]:
    """Delete a file."""
    return lambda folder: (folder / path).unlink()


def link(path: str, to: str) -> Callable[[Path], object]:
    """Put a link in the place of a file."""

    def write(folder: Path) -> None:
        (folder / path).unlink(missing_ok=True)
        (folder / path).symlink_to(to)

    return write


IGNORING = recipe(model={"name": "./model", "ignore_unsafe_files": True})


def model_files() -> Iterator[Artefact]:
    """Files beside the weights, or in their place."""
    pickled = (
        *("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "weights.pkl", "rng.pickle"),
        *("training_args.bin", "tf_model.h5", "rust_model.ot", "vocab.dill", "model.mar"),
    )
    held = dict.fromkeys(pickled, PICKLE) | {
        "optimizer.pt": payloads.torch_file(),
        "head.joblib": PICKLE,
        "memory.npy": payloads.numpy_file(archive=False),
        "memory.npz": payloads.numpy_file(archive=True),
        "onnx/extra.bin": PICKLE,
        "modeling_own.py": MODULE,
        "__init__.py": MODULE,
        "layers/own.py": MODULE,
        "kernel.so": b"\x7fELF",
        "own.pyc": b"\0" * 16,
    }
    for name, content in held.items():
        yield Artefact(f"{name} in a model", file(f"model/{name}", content), "run", name)
    for name in ("pytorch_model.bin", "head.joblib", "modeling_own.py"):
        unopened = both(IGNORING, file(f"model/{name}", held[name]))
        yield Artefact(f"{name}, to be ignored", unopened, "run", None)
    alone = both(without("model/model.safetensors"), file("model/pytorch_model.bin", PICKLE))
    yield Artefact("a pickle alone", alone, "run", "pytorch_model.bin")
    yield Artefact("a pickle alone, to be ignored", both(alone, IGNORING), "run", "model.bin")
    for name, content in payloads.bad_weights().items():
        bad = file("model/model.safetensors", content)
        is_told = "of integers" not in name
        yield Artefact(f"weights: {name}", bad, "run", "model.safetensors" if is_told else "model")


def model_configs() -> Iterator[Artefact]:
    """Configurations that name code, kernels, adapters or files elsewhere."""
    own = {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Own"}
    code = file("model/own.py", MODULE)
    named = {
        "auto_map": both(change("model/config.json", auto_map=own), code),
        "auto_map of an unknown kind": both(
            change("model/config.json", auto_map=own, model_type="own"), code
        ),
        "auto_map to the hub": change(
            "model/config.json", auto_map={"AutoConfig": "someone/own--own.Own"}
        ),
        "auto_map in a part": change("model/config.json", text_config={"auto_map": own}),
        "custom_pipelines": change(
            "model/config.json", custom_pipelines={"text-classification": {"impl": "own.Own"}}
        ),
        "a kernel of the hub": change("model/config.json", attn_implementation="someone/kernel"),
        "a kernel by another key": change(
            "model/config.json", _attn_implementation="someone/kernel@main:own"
        ),
        "weights elsewhere": change("model/config.json", transformers_weights=f"../{SECRET}"),
        "broken": file("model/config.json", "{"),
        "nested deeply": file("model/config.json", "[" * 100_000),
        "no object": file("model/config.json", "[]"),
        "of wrong types": change("model/config.json", hidden_size="large", vocab_size=[]),
    }
    for name, write in named.items():
        yield Artefact(f"config.json: {name}", write, "run", "config.json")
    tokens = "tokenizer_config.json"
    mapped = change(f"model/{tokens}", auto_map={"AutoTokenizer": ["own.Own", None]})
    yield Artefact(f"{tokens}: auto_map", both(mapped, code), "run", tokens)
    yield Artefact(f"{tokens}: auto_map, ignored", both(mapped, code, IGNORING), "run", None)
    everything = both(named["auto_map"], mapped, IGNORING)
    yield Artefact("auto_map everywhere, ignored", everything, "run", None)
    processor = change("model/processor_config.json", auto_map={"AutoProcessor": "own.Own"})
    yield Artefact("processor_config.json: auto_map", processor, "run", "processor_config.json")
    elsewhere = change(f"model/{tokens}", vocab_file=f"../{SECRET}", tokenizer_file=f"../{SECRET}")
    yield Artefact(f"{tokens}: files elsewhere", elsewhere, "run", None)
    for one in ("os.system", "builtins.eval", "PreTrainedModel", "../own.Own"):
        write = change(f"model/{tokens}", tokenizer_class=one)
        yield Artefact(f"{tokens}: class {one}", write, "run", None if "." in one else tokens)
    yield Artefact(
        "tokenizer.json: broken", file("model/tokenizer.json", "{}"), "run", "tokenizer.json"
    )
    for entry in (f"../../{SECRET}.safetensors", "pytorch_model.bin", "/etc/x.safetensors"):
        index = {"weight_map": {"a": entry}}
        write = change("model/model.safetensors.index.json", **index)
        yield Artefact(f"index: {entry}", write, "run", "model.safetensors.index.json")
    adapter = both(
        change("model/adapter_config.json", peft_type="LORA", base_model_name_or_path="a/b"),
        file("model/adapter_model.bin", PICKLE),
    )
    yield Artefact("an adapter in a model", adapter, "run", "adapter_config.json")
    away = link("model/model.safetensors", f"../../{SECRET}")
    yield Artefact("weights that are a link away", away, "run", "model.safetensors")
    away = link("model/chat_template.jinja", f"../../{SECRET}")
    yield Artefact("a template that is a link away", away, "run", "chat_template.jinja")


def runs() -> Iterator[Artefact]:
    """Run folders from strangers."""
    for name in ("pytorch_model.bin", "own.py", "head.joblib"):
        yield Artefact(f"{name} in a run", file(f"run/model/{name}", PICKLE), "load", name)
    heads = {
        "broken": "{",
        "of another kind": '{"pooling": "../own"}',
        "with an unknown field": '{"pooling": "mean", "import": "os"}',
        "without its weights": '{"pooling":"mean","n_outputs":2,"hidden_layers":[9],"dropout":0}',
    }
    for name, content in heads.items():
        write = file("run/model/head.json", content)
        yield Artefact(f"head.json {name}", write, "load", "head.json")
    adapter = {
        "a pickle for weights": both(
            without("adapted/model/adapter_model.safetensors"),
            file("adapted/model/adapter_model.bin", PICKLE),
        ),
        "both kinds of weights": file("adapted/model/adapter_model.bin", PICKLE),
        "a base that is pickled": change(
            "adapted/model/adapter_config.json", base_model_name_or_path="./pickled"
        ),
        "a base that is coded": both(
            lambda folder: shutil.copytree(folder / "model", folder / "coded"),
            file("coded/own.py", MODULE),
            change("adapted/model/adapter_config.json", base_model_name_or_path="./coded"),
        ),
    }
    for name, write in adapter.items():
        told = name.split()[-1] if "base" in name else "adapter_model.bin"
        yield Artefact(f"an adapter with {name}", write, "load", told, "adapted")
    inert = change(
        "adapted/model/adapter_config.json",
        megatron_config={"a": 1},
        megatron_core="own",
        auto_mapping={"base_model_class": "Own", "parent_library": "own"},
        corda_config={"cache_file": "pickled/a.pt", "covariance_file": "pickled/a.pt"},
        init_lora_weights="corda",
    )
    with_module = both(inert, file("own.py", MODULE))
    yield Artefact("an adapter that names modules", with_module, "load", None, "adapted")
    for document in ("target.json", "status.json"):
        for name, content in {"broken": "{", "a list": "[1]", "deep": "[" * 100_000}.items():
            told = document if name != "a list" or document == "target.json" else "run"
            yield Artefact(f"{document} {name}", file(f"run/{document}", content), "load", told)
    for name, content in recipes_as_text().items():
        yield Artefact(f"a run's {name}", file("run/recipe.yaml", content), "load", "recipe.yaml")
        yield Artefact(f"a report on {name}", file("run/recipe.yaml", content), "report", None)
    for document in ("scores", "comparison", "panels", "data", "environment"):
        shapes = {"a text": '"../secret"', "of texts": '{"fine-tuned": "x", "splits": "x"}'}
        for name, content in {**shapes, "deep": "[" * 100_000}.items():
            write = file(f"run/{document}.json", content)
            is_shown = name == "of texts" and document in ("panels", "environment")
            yield Artefact(f"{document}.json {name}", write, "report", None if is_shown else "run")
    away = link("run/report.html", f"../../{SECRET}")
    yield Artefact("a report that is a link away", away, "report", None)


def recipes_as_text() -> dict[str, str]:
    """Recipes that ask for objects, or grow."""
    plain = yaml.safe_dump(RECIPE, sort_keys=False)
    tags = (
        f"!!python/object/apply:os.system ['{COMMAND}']",
        f"!!python/object/new:os.system ['{COMMAND}']",
        "!!python/name:os.system ''",
        "!!python/module:own ''",
        "!!python/object:own.Own {}",
    )
    tagged = {f"tag {tag.split(':')[0]}": f"{plain}engine: {tag}\n" for tag in tags}
    bombs = {
        f"aliases in {place}": payloads.yaml_bomb(place) + plain for place in ("engine", "method")
    }
    return {**tagged, **bombs, "nested brackets": "[" * 10_000}


def recipes() -> Iterator[Artefact]:
    """Recipes from strangers."""
    for name, content in recipes_as_text().items():
        yield Artefact(f"recipe: {name}", file("recipe.yaml", content), "run", "recipe.yaml")
        yield Artefact(f"inspect: {name}", file("recipe.yaml", content), "inspect", "recipe.yaml")
    own = file("own.py", MODULE)
    for section, name in {
        "task": "own:Own",
        "method": "luthier.methods.lora:Lora",
        "engine": "own",
    }.items():
        write = both(recipe(**{section: name}), own)
        yield Artefact(f"recipe: {section} {name}", write, "run", section)
    write = both(recipe(baselines=["own.Own", "../own.py"]), own)
    yield Artefact("recipe: dotted baselines", write, "run", "baselines")
    for name in ("package:../../own", "package:", "package:own", "./own.py"):
        write = both(recipe(model=name), own)
        yield Artefact(f"recipe: model {name}", write, "run", "")


def data_files() -> Iterator[Artefact]:
    """Data from strangers."""
    held: dict[str, bytes | str] = {
        **{f"rows.{kind}": PICKLE for kind in ("pkl", "pickle", "joblib", "parquet", "arrow")},
        **{f"more.{kind}": PICKLE for kind in ("feather", "json", "jsonl", "pt", "bin")},
        "rows.npy": payloads.numpy_file(archive=False),
        "rows.npz": payloads.numpy_file(archive=True),
        "rows.py": MODULE,
        "rows.csv.gz": payloads.gzip_bomb(),
        "rows.zip": payloads.zip_bomb(),
        "zipped.csv": payloads.zip_bomb(),
        "gzipped.csv": payloads.gzip_bomb(),
        "bomb.tmx": payloads.xml_bomb(),
        "deep.json": "[" * 1_000_000,
        "deep.jsonl": "[" * 1_000_000,
    }
    for name, content in held.items():
        for door in ("inspect", "init"):
            yield Artefact(f"{door} {name}", file(name, content), door, name, name)

    def reading(folder: Path) -> None:
        (folder / "reading.tmx").write_text(payloads.xml_bomb(str(folder.parent / SECRET)))

    yield Artefact("XML that reads a file", reading, "inspect", "reading.tmx", "reading.tmx")
    for name, write, told in (
        ("typed.arrow", payloads.arrow_pickle, None),
        ("big.parquet", payloads.parquet_bomb, "big.parquet"),
    ):
        of_texts = recipe(task="causal-lm", model="./writer", data={"train": name})
        yield Artefact(name, both(_at(write, name), of_texts), "run", told)
    for name in ("pandas", "./scripted", "../run", "/etc", "scripted"):
        write = both(
            recipe(data={"train": f"hub:{name}"}),
            file("train.pkl", PICKLE),
            file("scripted/scripted.py", MODULE),
        )
        yield Artefact(f"hub:{name}", write, "inspect", f"hub:{name}")
    for package, inside in (("luthier", f"../../{SECRET}"), ("..", SECRET), ("own", SECRET)):
        source = f"package:{package}/{inside}"
        write = recipe(data={"train": source})
        yield Artefact(source, write, "inspect", f"package:{package}/")
    away = both(recipe(data={"train": "rows"}), file("rows/a.csv", "text,label\n"))
    away = both(away, link("rows/b.csv", f"../../{SECRET}"))
    yield Artefact("a data folder with a link away", away, "inspect", "b.csv")
    formula = "text,label\n" + "=cmd|' /C calc'!A0,good\n@SUM(1),bad\n" * 20
    yield Artefact("formulas in a CSV", file("data.csv", formula), "run", None)


def _at(write: Callable[[Path], object], name: str) -> Callable[[Path], object]:
    return lambda folder: write(folder / name)


def templates() -> Iterator[Artefact]:
    """Chat templates that try to leave their sandbox."""
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "good day"}]
    rows = "\n".join(json.dumps({"messages": said}) for _ in range(20))
    talk = both(
        recipe(task="causal-lm", model="./writer", data={"train": "talk.jsonl"}),
        file("talk.jsonl", rows),
    )
    for number, escape in enumerate(ESCAPES):
        config = change("writer/tokenizer_config.json", chat_template=escape)
        apart = file("writer/chat_template.jinja", escape)
        yield Artefact(f"template {number} in the config", both(talk, config), "run", "template")
        yield Artefact(f"template {number} in a file", both(talk, apart), "run", "template")


def artefacts() -> list[Artefact]:
    """List all of them."""
    parts = (model_files, model_configs, runs, recipes, data_files, templates)
    return [artefact for part in parts for artefact in part()]


class Workshop:
    """Harmless models, runs and data, of which each artefact spoils a copy.

    Args:
        folder: Where to make them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        whole = folder / "whole"
        whole.mkdir(parents=True)
        write_tiny_model("bert", whole / "model")
        write_tiny_model("gpt2", whole / "writer")
        rows = "text,label\n" + "".join(
            f"a {word} day {n},{word}\n" for n in range(20) for word in ("good", "bad")
        )
        (whole / "data.csv").write_text(rows)
        recipe()(whole)
        file("pickled/pytorch_model.bin", PICKLE)(whole)
        file("pickled/config.json", "{}")(whole)
        (whole / "pickled" / "a.pt").write_bytes(payloads.torch_file())
        here = Path.cwd()
        os.chdir(whole)
        try:
            luthier.run("recipe.yaml", out="run")
            alone = {"name": "lora", "options": {"merge": False}}
            luthier.run(RECIPE | {"method": alone}, out="adapted")
            for run in ("run", "adapted"):  # a manifest would find each change out before it acts
                without_seal(Path(run))
        finally:
            os.chdir(here)
        self.whole = whole

    def open(self, artefact: Artefact, number: int = 0) -> Outcome:
        """Spoil a copy and open it as a user would, in a process of its own."""
        place = self.folder / f"case-{number}"
        work = place / "work"
        shutil.copytree(self.whole, work)
        moved = str(self.whole), str(work)
        for told in ("run/recipe.yaml", "adapted/recipe.yaml", "adapted/model/adapter_config.json"):
            path = work / told
            path.write_text(path.read_text().replace(*moved))
        (place / SECRET).write_text("text,label\nsecret,secret\n")
        artefact.write(work)
        try:
            return open_apart(work, lambda: DOORS[artefact.door](artefact.argument))
        finally:
            shutil.rmtree(place)


def fault(artefact: Artefact, outcome: Outcome) -> str:
    """Say what is wrong with the outcome of an opening, if anything."""
    if outcome.executed:
        return f"executed {outcome.executed}"
    if outcome.escaped:
        return f"escaped {outcome.escaped}"
    if outcome.broken:
        return f"broke: {outcome.broken}"
    if artefact.file is None:
        return f"refused: {outcome.said}" if outcome.refused else ""
    if not outcome.refused:
        return f"was opened: {outcome.said}"
    return "" if artefact.file in outcome.said else f"does not name {artefact.file}: {outcome.said}"


def counts() -> dict[str, Any]:
    """Open all of it; count what came of it, and say what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        outcomes = [(one, workshop.open(one, n)) for n, one in enumerate(artefacts())]
    return {
        "artefacts": len(outcomes),
        "executed": sum(bool(outcome.executed) for _, outcome in outcomes),
        "escaped": sum(bool(outcome.escaped) for _, outcome in outcomes),
        "tracebacks": sum(bool(outcome.broken) for _, outcome in outcomes),
        "to be refused": sum(one.file is not None for one, _ in outcomes),
        "refused": sum(outcome.refused for _, outcome in outcomes),
        "most MiB held": max(outcome.mebibytes for _, outcome in outcomes),
        "wrong": {
            one.name: fault(one, outcome) for one, outcome in outcomes if fault(one, outcome)
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(counts(), indent=1, ensure_ascii=False) + "\n")

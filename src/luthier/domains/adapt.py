"""From a recipe's section `adaptation` to a model that has learned the language of its texts.

    files, rows ─► texts, none of the test's ─► new words ─► a run of its own ─► model

The run stands in a folder that is named by all that it depends on, beside the runs that use it, so
other seeds, methods and arms of a study find it there; what was interrupted goes on in it. Next:
`learned_texts.py`, which gathers the texts. Gururangan et al. 2020, https://arxiv.org/abs/2004.10964.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from luthier.data.fingerprint import fingerprint
from luthier.declarations import Panel
from luthier.distributed.group import group
from luthier.domains.learned_texts import LearnedTexts, gather
from luthier.domains.new_words import NewWord, new_words, pieces_per_word, with_words
from luthier.errors import DataError, ModelError
from luthier.hf_types import Config, Tokenizer
from luthier.load_splits import check_data
from luthier.models.families import reads_one_way
from luthier.models.identity import files_digest
from luthier.models.load import load_tokenizer, read_config
from luthier.protocols import Task
from luthier.recipe.adaptation import Adaptation
from luthier.recipe.tree import Recipe
from luthier.records import Rows, StepInfo
from luthier.results import RunResult
from luthier.runs import RunFolder
from luthier.text.noise import noise_for
from luthier.text.tokenize import token_limit
from luthier.training.listeners import Listener, Listeners

FOLDER = "adapted"  # beside the runs that use what is in it
PHASE = "adaptation"
HELD_OUT = 0.05  # share of the texts for each of two held-out sets
MOST_HELD_OUT, FEWEST = 100, 10  # texts of each of them, and texts below which nothing is learned
UNKNOWN = 0.1  # share of unknown tokens from which texts are of another language
READABLE = 5.0  # loss of a head from which all weights are trained
FEW_WORDS = 1000
KEPT = ("save_strategy", "save_steps", "save_in_background", "logging_steps")  # of the recipe
COMPUTED = ("use_cpu", "bf16", "fp16", "gradient_checkpointing", "auto_batch_size")  # likewise
Run = Callable[..., RunResult]


@dataclass(frozen=True)
class Asked:
    """What is to be learned before the method.

    Args:
        tree: The recipe of the run that learns it.
        rows: Its rows.
        digest: What names its folder.
        words: The words that are added to the vocabulary.
        notes: What to know of the texts, in sentences.
    """

    tree: Mapping[str, Any]
    rows: Rows
    digest: str
    words: Sequence[NewWord]
    notes: Sequence[str]


def adapted(
    recipe: Recipe,
    task: Task,
    given: Mapping[str, Any] | None,
    folder: RunFolder,
    listeners: Listeners,
    run: Run,
) -> Recipe | None:
    """Have the recipe's model learn the language of texts first, where the recipe asks for it.

    Args:
        recipe: The recipe.
        task: Its task.
        given: Rows in memory, as for a run.
        folder: The folder of the run that goes on from the model.
        listeners: They are told of what is learned.
        run: `luthier.run`.

    Returns:
        The recipe with the adapted model in place of its own; None where it asks for none.

    Raises:
        DataError: There are too few texts, they are those of the test, or of another language.
        ModelError: The model's family learns no language by itself.
    """
    if recipe.adaptation is None:
        return None
    listeners.announce("gathering the texts of the adaptation")
    asked = what_is_asked(recipe, task, given, listeners)
    for note in asked.notes:
        listeners.remark(note)
    place = folder.path.parent / FOLDER / asked.digest
    learn(asked, place, listeners, run)
    if folder.is_owned:
        repeat(place, folder)
        model = Path("..") / FOLDER / asked.digest / "model"
        words = [vars(one) for one in asked.words]
        folder.write_json("adaptation", {"model": model.as_posix(), "new_words": words})
        if words:
            folder.add_panels([Panel("new-words", "Words added to the vocabulary", words)])
    listeners.remark(told(RunFolder.open(place), asked, recipe.adaptation))
    own = {"name": str(place.resolve() / "model"), "revision": None, "new_tokens": ()}
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=own)})


def what_is_asked(
    recipe: Recipe, task: Task, given: Mapping[str, Any] | None, listener: Listener
) -> Asked:
    """Gather the texts and words of an adaptation, and make the recipe of its run."""
    asked, model = recipe.adaptation, recipe.model
    if asked is None:
        raise ValueError("the recipe asks for no adaptation")
    source = model.model_dump(include={"revision", "ignore_unsafe_files"})
    config = read_config(model.name, **source)
    tokenizer = load_tokenizer(model.name, new_tokens=model.new_tokens, **source)
    objective = objective_of(config, asked, tokenizer)
    splits = check_data(recipe, task, given, inspecting=False)
    texts = gather(recipe, task, splits, listener)
    refuse_few(texts)
    words = new_words(texts.texts, tokenizer, asked.new_words) if asked.new_words else []
    notes = [*texts.notes, *told_of_words(texts, words, tokenizer, asked)]
    rows = Rows.of({"text": list(texts.texts)}, name="adaptation")
    tree = recipe_of(recipe, objective, len(rows), [one.word for one in words])
    tree["data"]["max_tokens"] = min(asked.max_tokens, token_limit(tokenizer, config))
    return Asked(tree, rows, digest_of(tree, rows), words, notes)


def digest_of(tree: Mapping[str, Any], rows: Rows) -> str:
    """Name what is learned by all that it depends on; how often it is saved is none of it."""
    training = {name: one for name, one in tree["training"].items() if name not in KEPT}
    files = files_digest(tree["model"]["name"])
    known = {**tree, "training": training, "rows": fingerprint(rows), "files": files}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:12]


def objective_of(config: Config, asked: Adaptation, tokenizer: Tokenizer) -> str:
    """Choose what a model learns of plain texts: to fill holes, to go on, or to restore them.

    Raises:
        ModelError: It cannot learn what the recipe asks for, or was not pre-trained on plain texts.
    """
    if getattr(config, "is_encoder_decoder", False):
        fitting = "denoising"
        noise_for(tokenizer, None, density=None, mean_length=3.0)
    else:
        fitting = "causal-lm" if reads_one_way(config) else "masked-lm"
    if asked.objective not in (None, fitting):
        raise ModelError(
            f"A {config.model_type} learns texts by {fitting}.",
            received=f"adaptation.objective={asked.objective}",
            hint=f"adaptation.objective={fitting}, or leave it out",
        )
    return fitting


def refuse_few(texts: LearnedTexts) -> None:
    """Refuse texts of which none could be held out.

    Raises:
        DataError: There are fewer than ten.
    """
    if len(texts.texts) < FEWEST:
        raise DataError(
            f"An adaptation needs {FEWEST} texts at least, some of which are held out.",
            received=f"{len(texts.texts)} texts of {', '.join(texts.sources) or 'no file'}",
            hint="adaptation.texts=[FILE] with texts of the domain, or leave the section out",
        )


def told_of_words(
    texts: LearnedTexts, words: Sequence[NewWord], tokenizer: Any, asked: Adaptation
) -> list[str]:
    """Say how the tokenizer cuts the texts, with and without new words.

    Raises:
        DataError: It does not know their script.
    """
    before, unknown = pieces_per_word(texts.texts, tokenizer)
    if unknown > UNKNOWN:
        raise DataError(
            "The tokenizer does not know the script of these texts.",
            received=f"{unknown:.0%} of the tokens of {', '.join(texts.sources)} are unknown",
            hint="a model of that language in model.name, or other files in adaptation.texts",
        )
    notes = []
    if texts.n_words < FEW_WORDS:
        notes.append(
            f"The texts of the adaptation have {texts.n_words:,} words: too few for a language."
        )
    if words:
        longer = with_words(tokenizer, [one.word for one in words])
        after, _ = pieces_per_word(texts.texts, longer)
        shown = ", ".join(f"{one.word} ({one.n_pieces} pieces, {one.count}×)" for one in words[:8])
        more = f" and {len(words) - 8} more" if len(words) > 8 else ""
        notes.append(
            f"{len(words)} words are added to the vocabulary, each started as the mean of its "
            f"pieces: {shown}{more}. Tokens a word: {before:.3f} before, {after:.3f} with them."
        )
    elif asked.new_words:
        notes.append("No word of the texts is cut in pieces often enough to be added.")
    return notes


def recipe_of(recipe: Recipe, objective: str, n_texts: int, words: Sequence[str]) -> dict[str, Any]:
    """Make the recipe of the run that learns the texts."""
    asked, model = recipe.adaptation, recipe.model
    if asked is None:
        raise ValueError("the recipe asks for no adaptation")
    held_out = max(2, min(MOST_HELD_OUT, round(HELD_OUT * n_texts)))
    of_model = model.model_dump(include={"name", "revision", "ignore_unsafe_files"})
    return {
        "model": {**of_model, "new_tokens": [*model.new_tokens, *words]},
        "task": {
            "name": objective,
            "options": {"generate": False} if objective == "causal-lm" else {},
        },
        "data": {
            "train": "memory:train",
            "split": {"validation": held_out, "test": held_out, "seed": asked.seed},
            "ignore_findings": ["duplicate-across-splits"],
        },
        "method": {
            "name": "head-first",
            "options": {"until_loss": READABLE, "head_steps": asked.head_steps},
        },
        "training": {
            "num_train_epochs": asked.num_train_epochs,
            "learning_rate": asked.learning_rate,
            "per_device_train_batch_size": asked.per_device_train_batch_size,
            "early_stopping_patience": 3,
            "seed": asked.seed,
            **recipe.training.model_dump(include={*KEPT, *COMPUTED}),
        },
        "baselines": ["before-tuning"],
        "evaluation": {"explained_rows": 0},
    }


def learn(asked: Asked, place: Path, listeners: Listeners, run: Run) -> None:
    """Make the run that learns the texts, or go on with it; nothing if it is finished."""
    done = group().from_first(group().is_first and is_finished(place))
    if done:
        listeners.tell(f"the texts were learned before: {place}")
        return
    if group().is_first:
        wait_for(place, listeners)
    if not group().from_first(group().is_first and is_finished(place)):
        others = [renamed(one) for one in listeners.others]
        run(dict(asked.tree), out=place, data={"train": asked.rows}, listeners=others)


def wait_for(place: Path, listeners: Listeners) -> None:
    """Wait while another process learns the same texts."""
    if place.is_dir() and RunFolder(place).lock.is_held():
        listeners.tell(f"another process is learning the texts in {place}: waiting for it")
    while place.is_dir() and RunFolder(place).lock.is_held():
        time.sleep(1.0)


def is_finished(place: Path) -> bool:
    """Say whether a run in a folder is finished, and as it was written."""
    if not (place / "recipe.yaml").is_file() or RunFolder(place).reached != "finished":
        return False
    RunFolder.open(place).require_finished()
    return True


def renamed(listener: Listener) -> Listener:
    """Call the steps of the adaptation what they are to those who follow the run after it."""

    def listen(info: StepInfo) -> None:
        listener(replace(info, phase=f"{PHASE}: {info.phase}"))

    return listen


def repeat(place: Path, folder: RunFolder) -> None:
    """Repeat the curves of the adaptation in the run that goes on from it, once."""
    if any(str(event.get("phase", "")).startswith(PHASE) for event in folder.events.read()):
        return
    for event in RunFolder(place).events.read():
        phase = str(event.get("phase", ""))
        if phase.startswith("fine-tuning") and {"loss", "scores"} & event.keys():
            step: dict[str, Any] = {"phase": f"{PHASE}{phase.removeprefix('fine-tuning')}"}
            fields = ("step", "n_steps", "epoch", "loss", "learning_rate", "scores", "is_best")
            step |= {name: event[name] for name in fields if event.get(name) is not None}
            folder.events.append(StepInfo(**{"n_steps": 0, "step": 0, **step}))


def told(place: RunFolder, asked: Asked, adaptation: Adaptation) -> str:
    """Say what the adaptation was, and how the loss on texts that it never saw changed."""
    scores = place.read_json("scores") or {}
    before, after = (
        scores.get(name, {}).get("cross_entropy", {}) for name in ("before-tuning", "fine-tuned")
    )
    text = (
        f"Before the method, the model learned the language of {len(asked.rows):,} texts "
        f"({asked.tree['task']['name']}; {FOLDER}/{asked.digest} beside this run)."
    )
    if before and after:
        text += (
            f" On {after['n']} held-out ones its loss went from {before['value']:.2f} "
            f"[{before['low']:.2f}, {before['high']:.2f}] to {after['value']:.2f} "
            f"[{after['low']:.2f}, {after['high']:.2f}] a token."
        )
    if adaptation.include_test:
        text += (
            " The texts of the test rows were among them: the verdict is transductive, and holds "
            "for these rows, not for new ones."
        )
    return text

"""Long texts in windows: nothing is lost, and what the windows say is put together."""

import numpy as np
import pytest

import luthier
from luthier.columns import Limits
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Rows
from luthier.runs import RunFolder
from tests.tiny import make_tokenizer
from tests.toys import toy_tree

TASK = make_plugin("tasks", Plugin(name="text-classification"))


def bound(task, rows, *, stride=None):
    """Bind a task to rows' labels and to a tokenizer that knows the toy words."""
    return task.codec(task.learn_target(rows), make_tokenizer("bert"), Limits(12, stride))


def encode(rows, **options):
    """Encode rows."""
    return bound(TASK, rows, **options).encode(rows)


ROWS = Rows.of(
    {"text": ["rain " * 30, "sun", "snow " * 11], "label": ["rain", "sun", "snow"]}, name="long"
)


def test_every_window_learns_the_label_of_its_text():
    made = encode(ROWS, stride=4)
    assert made.rows.tolist() == [0, 0, 0, 0, 0, 1, 2, 2]
    assert np.array_equal(made.target_array, bound(TASK, ROWS).gold(ROWS)[made.rows])
    assert made.kept.tolist() == made.full_lengths.tolist() == [32, 3, 13]
    assert encode(ROWS).kept.tolist() == [12, 3, 12]


@pytest.mark.parametrize(("pooling", "expected"), [("mean", [2.0, 5.0, 6.5]), ("max", [4, 5, 7])])
def test_windows_are_pooled(pooling, expected):
    options = {"window_pooling": pooling}
    task = make_plugin("tasks", Plugin(name="text-classification", options=options))
    said = np.arange(8, dtype=np.float32)[:, None]
    codec = bound(task, ROWS, stride=4)
    outputs = codec.outputs({"logits": said}, codec.encode(ROWS), ROWS)
    assert outputs[:, 0].tolist() == expected


@pytest.mark.parametrize("method", ["full", "linear-probe"])
def test_a_run_on_long_texts_learns_from_their_ends_and_says_what_it_cost(
    method, tiny_model, tmp_path
):
    ends = ("rain", "sun", "snow")
    filler = "they say . " * 20
    rows = {
        "text": [f"{filler}{ends[n % 3]}" for n in range(60)],
        "label": [ends[n % 3] for n in range(60)],
    }
    tree = toy_tree(
        "text-classification",
        tiny_model("bert"),
        data={
            "max_tokens": 24,
            "long_texts": "windows",
            "stride": 4,
            "ignore_findings": ["duplicate-across-splits"],
        },
        options={"window_pooling": "max"},
        method=method,
        baselines=["majority", "frozen-encoder"],
        training={"num_train_epochs": 6, "use_cpu": True},
    )
    result = luthier.run(tree, out=tmp_path / "run", data={"train": rows})
    tokens = RunFolder.open(result.folder).read_json("data")["tokens"]["test"]
    assert tokens["cut_rows"] == 0
    assert tokens["windowed_rows"] == 18
    assert tokens["extra_tokens_share"] > 0
    assert len(luthier.load(result.folder)(rows["text"][:2])) == 2
    assert set(result.scores) == {"fine-tuned", "majority", "frozen-encoder"}

"""New texts are answered as the pipelines of Transformers answer them, where those still exist."""

import pytest
from transformers import pipeline

import luthier
from luthier.errors import DataError
from tests.toys import FAMILY, toy_rows, toy_tree


@pytest.fixture(scope="module")
def runs(tiny_model, tmp_path_factory):
    """Train each task a little; give its predictor and the pipeline on its model."""
    made = {}

    def run(task, kind):
        if task not in made:
            folder = tmp_path_factory.mktemp(task) / "run"
            tree = toy_tree(
                task,
                tiny_model(FAMILY.get(task, "bert")),
                training={"num_train_epochs": 10, "use_cpu": True},
                baselines=[],
            )
            luthier.run(tree, out=folder, data={"train": toy_rows(task)})
            model = str(folder / "model")
            made[task] = luthier.load(folder), pipeline(kind, model=model, tokenizer=model)
        return made[task]

    return run


def alike(ours, theirs, keys):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert set(one) == set(other)
        assert [one[key] for key in keys] == [other[key] for key in keys]
        assert one["score"] == pytest.approx(float(other["score"]), abs=1e-5)


@pytest.mark.parametrize("text", ["Day 3: rain over town", "sun"])
def test_labels(runs, text):
    ours, theirs = runs("text-classification", "text-classification")
    alike(ours(text), theirs(text), ["label"])
    alike(ours(text, top_k=2), theirs(text, top_k=2), ["label"])


@pytest.mark.parametrize("strategy", ["none", "simple", "first", "average", "max"])
@pytest.mark.parametrize("text", ["In New Orleans lives Austin!", "Unheard-of Sydney, zyx Paris."])
def test_entities(runs, strategy, text):
    ours, theirs = runs("token-classification", "token-classification")
    said = ours(text, aggregation_strategy=strategy)
    expected = theirs(text, aggregation_strategy=strategy)
    group = "entity" if strategy == "none" else "entity_group"
    alike(said, expected, [group, "start", "end"])
    assert all(one["word"] == text[one["start"] : one["end"]] for one in said)


@pytest.mark.parametrize("top_k", [1, 5])
def test_fillings(runs, top_k):
    ours, theirs = runs("masked-lm", "fill-mask")
    text = "the grass is [MASK] here"
    alike(ours(text, top_k=top_k), theirs(text, top_k=top_k), ["token", "token_str", "sequence"])
    two = "the [MASK] is [MASK]"
    for said, expected in zip(ours(two, top_k=2), theirs(two, top_k=2), strict=True):
        alike(said, expected, ["token", "token_str"])
    assert ours(two, top_k=1)[1][0]["sequence"].startswith("the [MASK] is ")


@pytest.mark.parametrize("rows", [1, 40])  # many are first tried without their padding
def test_texts_without_a_mask_are_refused(runs, rows):
    ours, _ = runs("masked-lm", "fill-mask")
    with pytest.raises(DataError, match="No word is masked"):
        ours([f"the grass is green on day {row}" for row in range(rows)])


def test_continuations(runs):
    ours, theirs = runs("causal-lm", "text-generation")
    (said,), (expected,) = ours("one two three"), theirs("one two three")
    assert set(said) == set(expected) == {"generated_text"}
    plain = [one["generated_text"].replace(" ", "") for one in (said, expected)]
    assert plain[0] == plain[1]
    assert said["generated_text"].startswith("one two three ")
    assert [len(one) for one in ours(["one", "two"])] == [1, 1]


def test_answers_keep_the_shape_that_version_4_had(runs, tiny_model, tmp_path):
    tree = toy_tree(
        "question-answering",
        tiny_model("bert"),
        training={"num_train_epochs": 15, "use_cpu": True},
        baselines=[],
    )
    done = luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows("question-answering")})
    ask = luthier.load(done.folder)
    asked = {"question": "Who baked a cake?", "context": "Ada baked a cake and Cem drove a truck."}
    one = ask(**asked)
    assert list(one) == ["score", "start", "end", "answer"]
    assert one["answer"] == asked["context"][one["start"] : one["end"]]
    assert ask(asked) == ask([asked])[0] == one
    several = ask(**asked, top_k=3)
    assert several[0] == one
    assert len(several) == 3
    assert sum(answer["score"] for answer in ask(**asked, top_k=None)) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("task", "key"), [("translation", "translation_text"), ("summarization", "summary_text")]
)
def test_written_texts_keep_the_shape_that_version_4_had(task, key, tiny_model, tmp_path):
    tree = toy_tree(
        task,
        tiny_model(FAMILY[task]),
        training={"max_steps": 3, "use_cpu": True},
        baselines=[],
    )
    write = luthier.load(
        luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(task)}).folder
    )
    assert [set(one) for one in write("the cat sees a dog")] == [{key}]
    assert [set(one) for one in write(["the cat", "a dog"])] == [{key}] * 2

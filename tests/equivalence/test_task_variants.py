"""Tasks in their other shapes, from rows to a run that answers: options, tags, chats, methods."""

import json

import pytest

import luthier
from luthier.evaluation.compare_runs import compare
from luthier.runs import RunFolder
from tests.toys import FAMILY, toy_rows, toy_tree

SHORT = {"max_steps": 2, "use_cpu": True}
POS = {
    "tokens": [["the", "cat", "sees"], ["a", "dog", "likes"]] * 30,
    "tags": [["DET", "NOUN", "VERB"], ["DET", "NOUN", "VERB"]] * 30,
}
SPANS = {
    "text": [f"On day {n} Ada went to New Orleans." for n in range(60)],
    "spans": [
        [
            {"start": 7 + len(str(n)) + 1, "end": 10 + len(str(n)) + 1, "label": "PER"},
            {"start": 19 + len(str(n)) + 1, "end": 30 + len(str(n)) + 1, "label": "LOC"},
        ]
        for n in range(60)
    ],
}
CHAT = {
    "messages": [
        [
            {"role": "user", "content": f"count on from {n}"},
            {"role": "assistant", "content": f"{n + 1} {n + 2}"},
        ]
        for n in range(60)
    ]
}
ALPACA = {
    "instruction": ["say the colour"] * 60,
    "input": ["grass", "snow", "coal"] * 20,
    "output": ["green", "white", "black"] * 20,
}
HUB = {"translation": [{"en": f"the cat {n}", "de": f"la gato {n}"} for n in range(60)]}
CASES = [
    ("token-classification", {"options": {"crf": True}}, None),
    ("token-classification", {"options": {"constrained": True}}, None),
    ("token-classification", {"options": {"class_weights": "balanced"}}, None),
    ("token-classification", {"options": {"scheme": "plain"}}, POS),
    ("token-classification", {}, SPANS),
    ("token-classification", {"data": {"max_tokens": 8, "stride": 2}}, None),
    ("token-classification", {"data": {"max_tokens": 8, "long_texts": "cut"}}, None),
    ("token-classification", {"method": "lora"}, None),
    ("question-answering", {"data": {"max_tokens": 16, "stride": 4}}, None),
    ("question-answering", {"options": {"null_threshold": 0.5}, "method": "lora"}, None),
    ("translation", {}, HUB),
    ("translation", {"method": "lora", "training": {**SHORT, "label_smoothing_factor": 0.1}}, None),
    ("causal-lm", {}, CHAT),
    ("causal-lm", {"options": {"main_metric": "exact_match"}}, ALPACA),
    ("causal-lm", {"options": {"packing": False}, "method": "lora"}, None),
    ("causal-lm", {"data": {"max_tokens": 6}}, None),
    ("masked-lm", {"options": {"whole_words": True, "pseudo_perplexity": "exact"}}, None),
    ("masked-lm", {"data": {"max_tokens": 6}, "method": "lora"}, None),
    ("multiple-choice", {"method": "lora"}, None),
]


@pytest.mark.parametrize(("task", "sections", "rows"), CASES)
def test_it_runs_reloads_answers_and_compares(task, sections, rows, tiny_model, tmp_path):
    sections = dict(sections)
    data = {"ignore_findings": ["duplicate-across-splits", "conflicting-labels"]}
    tree = toy_tree(
        task,
        tiny_model(FAMILY.get(task, "bert")),
        data={**data, **sections.pop("data", {})},
        training=sections.pop("training", SHORT),
        baselines=[],
        **sections,
    )
    given = toy_rows(task) if rows is None else rows
    results = [luthier.run(tree, out=tmp_path / name, data={"train": given}) for name in ("a", "b")]
    folder = RunFolder.open(results[0].folder)
    lines = list(folder.read_predictions())
    predictor = luthier.load(folder.path)
    n_rows, scores = predictor.evaluate(given)
    assert n_rows == 60 or rows is None
    assert set(scores) == set(results[0].scores["fine-tuned"])
    asked = {role: lines[0]["columns"][role] for role in predictor.task.input_roles}
    if task == "masked-lm":
        asked["text"] = "the [MASK] is green"
    assert json.dumps(predictor(asked))
    compared = compare([result.folder for result in results])
    assert compared.comparisons[0].difference == pytest.approx(0.0, abs=1e-6)
    main = compared.metric
    kept = results[0].scores["fine-tuned"][main].value
    assert compared.scores["a"][main].value == pytest.approx(kept, rel=1e-3, abs=1e-4)


def test_predicting_does_not_look_at_the_spans_of_a_file(tiny_model, tmp_path):
    tree = toy_tree("token-classification", tiny_model("bert"), training=SHORT, baselines=[])
    tree["data"]["ignore_findings"] = ["duplicate-across-splits"]
    folder = luthier.run(tree, out=tmp_path / "run", data={"train": SPANS}).folder
    predictor = luthier.load(folder)
    cut = [[{"start": 1, "end": 2, "label": "PER"}]] * len(SPANS["text"])
    for name, spans in (("with", {"spans": cut}), ("without", {})):
        rows = [
            {"text": text, **{key: cells[row] for key, cells in spans.items()}}
            for row, text in enumerate(SPANS["text"])
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        predictor.predict_file(tmp_path / f"{name}.jsonl", tmp_path / f"{name}.out.jsonl")
    said = [
        [json.loads(line)["prediction"] for line in path.read_text().splitlines()]
        for path in (tmp_path / "with.out.jsonl", tmp_path / "without.out.jsonl")
    ]
    assert said[0] == said[1]


def test_words_that_were_cut_off_count_as_wrong(tiny_model, tmp_path):
    scores = {}
    for how in ("cut", "windows"):
        tree = toy_tree(
            "token-classification",
            tiny_model("bert"),
            data={"max_tokens": 6, "long_texts": how},
            training={"num_train_epochs": 20, "use_cpu": True},
            baselines=[],
        )
        rows = toy_rows("token-classification")
        scores[how] = luthier.run(tree, out=tmp_path / how, data={"train": rows}).scores
    recall = {how: found["fine-tuned"]["recall"] for how, found in scores.items()}
    assert recall["cut"].value < 0.6 < recall["windows"].value
    assert recall["cut"].n == recall["windows"].n

"""The model card is what the hub can index, and holds nothing that data could smuggle in."""

import json

import pytest
import yaml

from luthier.errors import RunError
from luthier.report.model_card import write_model_card
from tests.unit.report.fake_run import HOSTILE, LABELS, SYSTEMS, fake_run


def card_of(folder):
    """Part a card into its front matter and its body."""
    text = write_model_card(folder).read_text(encoding="utf-8")
    opening, front, body = text.split("---\n", 2)
    assert opening == ""
    return yaml.safe_load(front), body


def test_front_matter_carries_base_model_task_and_scores(tmp_path):
    front, _ = card_of(fake_run(tmp_path / "run"))
    assert front["base_model"] == "tiny/bert"
    assert front["pipeline_tag"] == "text-classification"
    result = front["model-index"][0]["results"][0]
    assert front["model-index"][0]["name"] == "run"
    assert result["dataset"]["name"] == "reviews.csv"
    scores = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert scores["accuracy"] == 0.8


def test_body_has_labels_every_system_verdicts_and_limits(tmp_path):
    _, body = card_of(fake_run(tmp_path / "run"))
    for words in (*LABELS, *SYSTEMS, "Better than majority", "## What is not known", "with seed 0"):
        assert words in body


def test_folders_of_the_machine_stay_out(tmp_path):
    folder = fake_run(tmp_path / "run")
    assert "/home/ada" not in write_model_card(folder).read_text()


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("package:minilm", "minilm"),
        ("/home/ada/model", "model"),
        ("./model", "model"),
        ("~/model", "model"),
        ("gpt2", "gpt2"),
    ],
)
def test_a_base_model_is_named_without_its_folder(tmp_path, name, called):
    folder = fake_run(tmp_path / "run")
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("tiny/bert", name))
    front, body = card_of(folder)
    assert front["base_model"] == called
    assert f"`{called}` trained for" in body
    assert "/home/ada" not in body


def test_a_run_without_a_model_has_no_card(tmp_path):
    assert write_model_card(fake_run(tmp_path / "run", model=False)) is None


def test_no_run_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no run in this folder"):
        write_model_card(tmp_path / "nothing")


@pytest.mark.parametrize("document", ["target", "data", "scores", "comparison", "environment"])
def test_an_absent_document_is_coped_with(tmp_path, document):
    front, body = card_of(fake_run(tmp_path / "run", without=(document,)))
    assert ("model-index" in front) == (document != "scores")
    assert "None" not in body


def test_hostile_labels_and_findings_are_not_markup(tmp_path):
    folder = fake_run(tmp_path / "run", labels=(HOSTILE, "a`b", "|"), text=f"{HOSTILE}\n# Title")
    _, body = card_of(folder)
    outside = "".join(body.replace("``", "`").split("`")[::2])
    assert "<script>" not in outside.replace("\\<", "")
    assert "\n# Title" not in body


def test_outputs_in_deviations_say_how_to_read_them(tmp_path):
    folder = fake_run(tmp_path / "run")
    target = {"kind": "number", "names": ["stars"], "mean": 2.5, "scale": 1.25}
    (folder / "target.json").write_text(json.dumps(target))
    _, body = card_of(folder)
    assert "1.25 × output + 2.5" in body


def test_a_head_of_ours_is_not_said_to_be_plain(tmp_path):
    folder = fake_run(tmp_path / "run")
    (folder / "model" / "head.json").write_text("{}")
    _, body = card_of(folder)
    assert "from transformers" not in body


def test_thresholds_stand_in_the_order_of_the_labels(tmp_path):
    folder = fake_run(tmp_path / "run")
    target = {"kind": "multi-label", "names": LABELS, "thresholds": [0.5, 0.25, None]}
    (folder / "target.json").write_text(json.dumps(target))
    _, body = card_of(folder)
    assert "0.500, 0.250, –" in body


def test_the_license_and_the_language_are_left_to_whoever_shares_the_model(tmp_path):
    front, _ = card_of(fake_run(tmp_path / "run"))
    assert not {"license", "language"} & {*front}

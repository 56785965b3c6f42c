"""Functions label training rows by their votes: what they see, how votes are merged."""

import csv
import json

import numpy as np
import pytest

import luthier
from luthier.build_problem import prepare
from luthier.columns import SOFT, VOTED
from luthier.errors import LuthierError
from luthier.load_splits import check_data
from luthier.metrics.consensus import dawid_skene, posterior, votes_of_others
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.weak_labels.merge import counted, learn_merger, tied
from luthier.weak_labels.votes import finder, words_of
from tests.commands import in_a_new_process
from tests.toys import toy_rows, toy_tree, write_csv

TASK = "text-classification"
FUNCTIONS = [
    {"contains": ["rain", "drizzle", "showers"], "label": "rain"},
    {"contains": "clear skies", "label": "sun"},
    {"pattern": r"(?i)\bSUN\w*|warmth", "label": "sun"},
    {"pattern": r"\bsnow\b|frost|ice\b", "label": "snow"},
    {"contains": ["hail"], "label": "snow", "name": "hail"},
]

UPSIDE_DOWN = {"pattern": "rain|drizzle|showers|puddles|umbrellas", "name": "upside down"}


def toy(n_labelled=60):
    """Give labelled rows, rows without labels, and the labels of these."""
    rows = toy_rows(TASK)
    known = rows.take(range(n_labelled))
    rest = rows.take(range(n_labelled, len(rows)))
    return known, Rows.of({"text": rest["text"]}, name="pool"), list(rest["label"])


def mixed(n_labelled=60):
    """Give training rows, of which some have labels."""
    known, pool, labels = toy(n_labelled)
    texts, given = [*known["text"], *pool["text"]], [*known["label"], *[None] * len(pool)]
    return Rows.of({"text": texts, "label": given}, name="mixed"), labels


def checked(given, weak=FUNCTIONS, task=TASK, **sections):
    data = {"weak": weak, **sections.pop("data", {})}
    recipe = read_recipe(toy_tree(task, "model", data=data, **sections))
    return check_data(recipe, make_plugin("tasks", recipe.task), given)


def by_code(found, code):
    return [one for one in found.findings if one.code == code]


def test_rows_with_votes_become_training_rows_and_only_they():
    rows, _ = mixed()
    found = checked({"train": rows})
    plain = checked({"train": rows.take(range(60))}, weak=None)
    for split in ("validation", "test"):
        judged = dict(found.splits.items())[split]
        assert list(judged["text"]) == list(dict(plain.splits.items())[split]["text"])
    train = found.splits.train
    labelled = [text for text, soft in zip(train["text"], train[SOFT], strict=True) if not soft]
    assert labelled == list(plain.splits.train["text"])
    weak = [at for at, soft in enumerate(train[SOFT]) if soft]
    assert len(weak) == found.weak.n_voted < found.weak.n_rows == 30
    for at in weak:
        assert train["label"][at] == max(train[SOFT][at], key=train[SOFT][at].get)
        assert sum(train[SOFT][at].values()) == pytest.approx(1, abs=1e-3)
    assert "rows that functions labelled" in found.splits.made["train"]


def test_a_label_column_may_be_missing_where_validation_and_test_have_one(tmp_path):
    known, pool, truth = toy()
    given = {"train": pool, "validation": known.take(range(30)), "test": known.take(range(30, 60))}
    found = checked(given, data={"columns": {"label": "label"}})
    weak = found.splits.train
    right = dict(zip(pool["text"], truth, strict=True))
    shares = [right[text] == label for text, label in zip(weak["text"], weak["label"], strict=True)]
    assert np.mean(shares) == 1.0
    (told,) = by_code(found, "weak-labels")
    assert told.count == len(weak)
    assert "right on 100.0% [" in told.message
    assert found.splits.made["train"] == f"{len(weak)} rows that functions labelled"


def test_each_function_is_described_with_its_numbers():
    rows, _ = mixed()
    found = checked({"train": rows})
    rain, sky, _, snow, hail = found.weak.functions
    assert (rain.name, rain.labels) == ("contains rain, drizzle, showers", ("rain",))
    assert rain.coverage == rain.n_votes / 30
    assert rain.measured.value == 1.0
    assert 0 < rain.measured.low < 1
    assert sky.overlap == pytest.approx(0)
    assert hail.n_votes == 0
    assert hail.measured is None
    assert snow.estimated is None
    (silent,) = by_code(found, "weak-function-silent")
    assert "'hail' votes on no training row" in silent.message
    wrong = [*FUNCTIONS, {**UPSIDE_DOWN, "label": "snow"}]
    found = checked({"train": rows}, weak=wrong)
    (told,) = by_code(found, "weak-function-wrong")
    assert "'upside down' is right on 0.0%" in told.message
    assert found.weak.functions[-1].conflict > 0


def test_words_are_whole_in_any_case_and_script():
    is_found = finder(["free entry", "Straße", "北京", "cafe\u0301"])
    assert is_found(words_of("win a FREE  entry now"))
    assert is_found(words_of("STRASSE 5"))
    assert is_found(words_of("我爱北京天安门"))
    assert is_found(words_of("the caf\u00e9!"))
    assert not is_found(words_of("freedom entry, entry free"))


def test_a_list_of_words_may_come_from_windows(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeffrain\r\n\r\nclear skies\r\n".encode())
    rows, _ = mixed()
    found = checked({"train": rows}, weak=[{"gazetteer": str(path), "label": "rain"}, FUNCTIONS[3]])
    assert found.weak.functions[0].n_votes > 0


def test_rows_of_the_test_set_and_its_groups_are_left_out():
    known, pool, _ = toy()
    given = {"train": pool, "validation": known.take(range(30)), "test": known.take(range(30, 60))}
    leaked = Rows.of({"text": [*pool["text"], f"{given['test']['text'][0]}!"]})
    found = checked({**given, "train": leaked})
    assert found.weak.n_rows == len(pool)
    assert by_code(found, "unlabelled-in-test")
    rows, _ = mixed()
    grouped = Rows.of({**rows.columns, "who": [f"p{at % 9}" for at in range(len(rows))]})
    found = checked({"train": grouped}, data={"split": {"group_by": "who", "test": 0.3}})
    judged = {*found.splits.test["who"], *found.splits.validation["who"]}
    assert not judged & {*found.splits.train["who"]}


def test_counted_votes_are_no_certainty_and_even_votes_say_nothing():
    votes = np.array([[0, 0, -1], [0, 1, -1], [2, -1, -1], [-1, -1, -1]])
    shares = counted(votes, 3)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares[0, 0] > shares[2, 2] > 0.5
    assert tied(shares).tolist() == [False, True, False, True]
    assert learn_merger(votes, 3).how == "counting"


def test_sources_of_several_labels_are_merged_by_their_confusions():
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 600)
    votes = np.stack(
        [
            np.where(draw.random(600) < p, truth, draw.integers(0, 3, 600))
            for p in (0.9, 0.3, 0.3, 0.3)
        ],
        axis=1,
    )
    votes[draw.random(votes.shape) < 0.1] = -1
    merger = learn_merger(votes, 3)
    assert merger.how == "Dawid and Skene's model"
    merged = merger.shares(votes)
    assert (merged.argmax(axis=1) == truth).mean() > (
        counted(votes, 3).argmax(axis=1) == truth
    ).mean()
    known = votes[(votes >= 0).any(axis=1)]
    found = dawid_skene(known, 3)
    assert posterior(found, known) == pytest.approx(found.probabilities, abs=1e-5)


def test_each_vote_is_held_against_most_others_where_these_are_clear():
    votes = np.array([[0, 0, 1], [0, -1, -1], [1, 0, 1], [0, 1, -1]])
    expected = [[-1, -1, 0], [-1, -1, -1], [-1, 1, -1], [1, 0, -1]]
    assert votes_of_others(votes, 2).tolist() == expected


@pytest.mark.parametrize(
    ("weak", "said"),
    [
        ([], "names no labelling function"),
        ([{"contains": ["rain"], "label": "rian"}], "weak.0.label=rain"),
        ([{"contains": [], "label": "rain"}], "should list words or phrases"),
        ([{"contians": ["a"], "label": "rain"}], "perhaps contains"),
        ([{"pattern": "(a", "label": "rain"}], "regular expression .*position"),
        ([{"contains": ["a"]}], "should have a label"),
        ([{"contains": ["a"], "pattern": "b", "label": "rain"}], "one of contains, pattern"),
        ([{"run": "r", "label": "rain"}], "no label"),
        (["rain"], "should be a mapping"),
        ([{"gazetteer": "nowhere.txt", "label": "rain"}], "no such list of words"),
        ([{"run": "nowhere"}], "no run"),
        ([{"contains": ["zebra"], "label": "rain"}], "votes on any row"),
        ([FUNCTIONS[0], FUNCTIONS[0]], "there twice"),
    ],
)
def test_what_cannot_vote_is_refused_by_name(weak, said):
    rows, _ = mixed()
    with pytest.raises(LuthierError, match=f"(?s){said}"):
        checked({"train": rows}, weak=weak)


def test_a_pattern_that_never_ends_is_stopped():
    rows, _ = mixed()
    endless = [*rows["text"][:-1], "a" * 100 + "b"]
    with pytest.raises(LuthierError, match=r"(?s)longer than 1 second.*repetition"):
        checked(
            {"train": Rows.of({**rows.columns, "text": endless})},
            weak=[{"pattern": "(a|aa)+$", "label": "rain"}],
        )


def test_rows_that_all_have_labels_and_tasks_without_them_are_refused():
    with pytest.raises(LuthierError, match=r"All training rows have a label"):
        checked({"train": toy_rows(TASK)})
    with pytest.raises(LuthierError, match=r"text-regression learns"):
        checked({"train": toy_rows(TASK)}, task="text-regression")
    with pytest.raises(LuthierError, match=r"weak-vote.*data\.weak"):
        checked({"train": toy_rows(TASK)}, weak=None, baselines=["weak-vote"])


def test_soft_labels_are_learned_and_the_votes_are_a_baseline(tiny_model, tmp_path):
    rows, _ = mixed()
    tree = toy_tree(TASK, tiny_model("bert"), data={"weak": FUNCTIONS})
    recipe = read_recipe(tree)
    made = prepare(recipe, make_plugin("tasks", recipe.task), {"train": rows})
    assert made.job.problem.items["train"].target_array.ndim == 2
    test = made.job.problem.splits.test
    outputs = make_plugin(
        "baselines", recipe.model_copy().task.model_copy(update={"name": "weak-vote"})
    ).learn(made.job)(test)
    for at, voted in enumerate(test[VOTED]):
        if voted:
            names = made.job.problem.codec.target.names
            assert names[int(outputs[at].argmax())] == max(voted, key=voted.get)
    tree["training"]["num_train_epochs"] = 1
    tree["data"] = {**tree["data"], "train": dict(rows.columns)}
    result = luthier.run({**tree, "baselines": ["majority", "weak-vote"]}, out=tmp_path / "run")
    assert (
        result.scores["weak-vote"]["accuracy"].value > result.scores["majority"]["accuracy"].value
    )
    kept = json.loads((tmp_path / "run" / "data.json").read_text("utf-8"))["weak"]
    assert kept["functions"][0]["name"] == "contains rain, drizzle, showers"
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Labels by functions" in page
    assert "contains rain, drizzle, showers" in page

    runs = [{"run": str(tmp_path / "run")}, *FUNCTIONS[:2]]
    found = checked({"train": rows}, weak=runs)
    assert found.weak.functions[0].n_votes == 30
    unsure = checked({"train": rows}, weak=[{"run": runs[0]["run"], "at_least": 1}, *FUNCTIONS[:2]])
    assert unsure.weak.functions[0].n_votes == 0
    other = Rows.of(
        {"text": rows["text"], "label": [f"{one}!" if one else one for one in rows["label"]]}
    )
    with pytest.raises(LuthierError, match=r"no labelled row has \(data\.weak\.0\.run\)"):
        checked({"train": other}, weak=runs[:1])


def test_inspect_shows_the_table_in_a_new_process(tmp_path):
    known, pool, _ = toy()
    write_csv(known, tmp_path / "known.csv")
    with (tmp_path / "pool.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(
            [["text"], *([one] for one in pool["text"])]
        )
    long = "a name of a function that is longer than forty characters"
    recipe = toy_tree(TASK, "model")
    recipe["data"] = {"train": ["known.csv", "pool.csv"], "weak": [{**FUNCTIONS[0], "name": long}]}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    (said, as_json), _ = in_a_new_process(
        ["inspect", "recipe.yaml"], ["inspect", "recipe.yaml", "--json"], cwd=tmp_path
    )
    assert "merged by counting" in said
    assert f"{long[:39]}…" in said
    assert json.loads(as_json)["weak"]["functions"][0]["labels"] == ["rain"]

"""`luthier.sklearn`: the estimator in scikit-learn's own checks, pipelines and searches."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import luthier
from luthier.sklearn import TextClassifier
from tests.toys import toy_rows

ROWS = toy_rows("text-classification")
TEXTS, LABELS = list(ROWS["text"]), list(ROWS["label"])


@pytest.fixture
def classifier(tiny_model):
    return TextClassifier(
        str(tiny_model("bert")), max_steps=3, learning_rate=1e-2, use_cpu=True, max_tokens=16
    )


def test_it_learns_predicts_and_scores(classifier, tmp_path):
    classifier.set_params(max_steps=200, learning_rate=5e-3).fit(TEXTS, LABELS)
    assert list(classifier.classes_) == sorted(set(LABELS))
    probabilities = classifier.predict_proba(TEXTS)
    assert probabilities.shape == (len(TEXTS), len(classifier.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert classifier.score(TEXTS, LABELS) > 0.8
    saved = luthier.load(classifier.save(tmp_path / "saved"))
    assert saved(TEXTS[0])[0]["label"] == classifier.predict(TEXTS[:1])[0]


def test_the_same_seed_gives_the_same_model(classifier):
    first = clone(classifier).fit(TEXTS, LABELS).predict_proba(TEXTS[:5])
    np.random.rand(3)
    second = clone(classifier).fit(np.array(TEXTS, dtype=object), LABELS).predict_proba(TEXTS[:5])
    other = clone(classifier).set_params(random_state=1).fit(TEXTS, LABELS)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other.predict_proba(TEXTS[:5]))


def test_searches_pipelines_and_folds_take_it(classifier):
    piped = make_pipeline(
        FunctionTransformer(lambda texts: [one.lower() for one in texts]), classifier
    )
    assert len(cross_val_score(piped, TEXTS, LABELS, cv=2)) == 2
    search = GridSearchCV(classifier, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(TEXTS, LABELS)
    assert set(search.best_params_) == {"learning_rate"}
    assert len(search.predict(TEXTS[:2])) == 2


def test_labels_may_be_numbers_and_rows_kept_back(classifier):
    numbers = [sorted(set(LABELS)).index(label) for label in LABELS]
    fitted = classifier.set_params(validation=0.2).fit(TEXTS, numbers)
    assert set(fitted.predict(TEXTS)) <= set(numbers)


@pytest.mark.parametrize(
    ("texts", "labels", "words"),
    [
        ("a text", ["a"], "put it into a list"),
        ([[1.0, 2.0]], ["a"], "shape"),
        ([1, 2], ["a", "b"], "text in row 0"),
        ([], [], "minimum of 1"),
        (["a", "b"], ["a", "a"], "two classes"),
        (["a", "b"], ["a"], "inconsistent"),
    ],
)
def test_what_is_no_text_is_refused_in_words(classifier, texts, labels, words):
    with pytest.raises(ValueError, match=words):
        classifier.fit(texts, labels)


CHECKS = (  # the others hand tables of numbers to `fit`, which this one refuses
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
    estimator_checks.check_mixin_order,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_checks_of_scikit_learn_that_need_no_table_pass(check, classifier):
    check("TextClassifier", classifier)

"""Grid search, pipelines, pickles and what else scikit-learn does with an estimator."""

import pickle

import joblib
import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rewire import (
    InputConnectivitySelector,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
    load_dataset,
    recipe,
)


def test_a_grid_is_searched(points):
    X, y, _ = points
    grid = {"epsilon": np.array([2.0, 8.0]), "hidden": [(32,), (32, 16)], "epochs": np.array([5])}
    search = GridSearchCV(SparseEvolutionaryClassifier(n_jobs=1), grid, cv=2, error_score="raise").fit(X, y)
    assert set(search.best_params_) == set(grid)


def test_folds_run_side_by_side(points):
    X, y, _ = points
    classifier = SparseEvolutionaryClassifier(epochs=5, n_jobs=1)
    one = cross_val_score(classifier, X, y, cv=3)
    assert np.array_equal(cross_val_score(classifier, X, y, cv=3, n_jobs=2), one)


def test_a_pipeline_selects_and_classifies():
    (X, y), (X_test, y_test) = load_dataset()
    settings = {**recipe("mnist-mini"), "epochs": 4, "hidden": (200,), "epsilon": 10}
    network = SparseEvolutionaryClassifier(**settings)
    pipeline = make_pipeline(InputConnectivitySelector(network, n_features_to_select=0.25), clone(network))
    assert pipeline.fit(X, y).score(X_test, y_test) > 0.7
    support = pipeline[0].get_support().reshape(28, 28)
    assert support.sum() == 196
    # Digits are in the middle.
    assert support[6:22, 6:22].sum() > 3 * (support[:4].sum() + support[24:].sum())
    random = make_pipeline(StandardScaler(), SparseEvolutionaryRegressor(epochs=2))
    assert random.fit(X, y).predict(X_test).shape == y_test.shape


@pytest.mark.parametrize("ranking", ["connections", "strength"])
def test_a_selector_ranks_by_what_was_asked_for(ranking):
    (X, y), _ = load_dataset()
    network = SparseEvolutionaryClassifier(**{**recipe("mnist-mini"), "epochs": 2, "hidden": (200,)})
    selector = InputConnectivitySelector(network, n_features_to_select=10, ranking=ranking).fit(X, y)
    assert selector.scores_[selector.get_support()].min() >= selector.scores_[~selector.get_support()].max()
    if ranking == "connections":
        assert np.array_equal(selector.scores_, selector.estimator_.input_connections_[-1])


def test_importance_is_that_of_the_features(points):
    X, y, _ = points
    classifier = SparseEvolutionaryClassifier(n_jobs=1).fit(X, y)
    importances = permutation_importance(classifier, X, y, n_repeats=2, random_state=0).importances_mean
    assert set(np.argsort(importances)[-2:]) == {0, 1}


def test_pickles_hold_everything(points, tmp_path):
    X, y, _ = points
    classifier = SparseEvolutionaryClassifier(epochs=5, activation="srelu").fit(X, y)
    joblib.dump(classifier, tmp_path / "classifier")
    for copy in (pickle.loads(pickle.dumps(classifier)), joblib.load(tmp_path / "classifier")):
        assert np.array_equal(copy.predict_proba(X), classifier.predict_proba(X))
        assert np.array_equal(copy.input_connections_, classifier.input_connections_)
    # The velocities too: training goes on as it would have.
    copy = pickle.loads(pickle.dumps(classifier)).partial_fit(X, y)
    assert np.array_equal(copy.predict_proba(X), classifier.partial_fit(X, y).predict_proba(X))


def test_a_pickle_of_a_newer_version_is_refused(points):
    X, y, _ = points
    read, (version, state) = SparseEvolutionaryClassifier(epochs=1).fit(X, y)._network.__reduce__()
    assert np.array_equal(read(version, state).classes(X, 1), read(version, state).classes(X, 1))
    with pytest.raises(ValueError, match="version 2, but rewire .* reads version 1; install a newer rewire"):
        read(version + 1, (*state, "more"))


def test_names_of_columns_are_kept(points):
    X, y, _ = points
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    classifier = SparseEvolutionaryClassifier(epochs=2).fit(frame, y)
    assert list(classifier.feature_names_in_) == list("abcdef")
    assert len(pandas.DataFrame(classifier.history_)) == 2
    selector = InputConnectivitySelector(classifier, n_features_to_select=2).fit(frame, y)
    assert set(selector.get_feature_names_out()) <= set("abcdef")


def test_classes_may_be_text(points):
    X, y, _ = points
    names = np.array(["no", "yes"])[y]
    classifier = SparseEvolutionaryClassifier(epochs=30).fit(X, names)
    assert list(classifier.classes_) == ["no", "yes"]
    assert np.mean(classifier.predict(X) == names) > 0.8

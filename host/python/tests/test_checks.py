"""The checks that scikit-learn has for estimators."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from rewire import (
    InputConnectivitySelector,
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
)

# Minibatches and dropout depend on the order of the samples, which the check changes. scikit-learn asks it of its own
# MLPClassifier with another solver, L-BFGS, and expects IsolationForest to fail it.
SGD = {"check_sample_weight_equivalence_on_dense_data": "a minibatch of repeated samples is not one of weighted samples"}


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (SparseEvolutionaryClassifier(n_jobs=1), SGD),
        (SparseEvolutionaryRegressor(n_jobs=1), SGD),
        (SparseEvolutionaryAutoencoder(n_jobs=1), SGD),
        (InputConnectivitySelector(SparseEvolutionaryClassifier(n_jobs=1)), {}),
        (InputConnectivitySelector(), {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimator_passes_the_checks(estimator, expected):
    results = check_estimator(estimator, expected_failed_checks=expected, on_skip=None)
    assert {result["check_name"] for result in results if result["status"] == "xfail"} == set(expected)
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}

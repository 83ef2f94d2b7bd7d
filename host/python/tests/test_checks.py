"""The checks that scikit-learn has for estimators."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from rewire import (
    InputConnectivitySelector,
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
)


@pytest.mark.parametrize(
    "estimator",
    [
        SparseEvolutionaryClassifier(n_jobs=1),
        SparseEvolutionaryRegressor(n_jobs=1),
        SparseEvolutionaryAutoencoder(n_jobs=1),
        InputConnectivitySelector(SparseEvolutionaryClassifier(n_jobs=1)),
        InputConnectivitySelector(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimator_passes_every_check(estimator):
    results = check_estimator(estimator, on_skip=None)
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert skipped <= {"check_array_api_input"}

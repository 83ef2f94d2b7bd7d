"""Truly sparse neural networks whose connections evolve while they learn.

>>> from rewire import SparseEvolutionaryClassifier, load_dataset, recipe
>>> (X, y), (X_test, y_test) = load_dataset("mnist-mini")
>>> settings = {**recipe("mnist-mini"), "hidden": (200,), "epochs": 5}
>>> classifier = SparseEvolutionaryClassifier(**settings).fit(X, y)
>>> bool(classifier.score(X_test, y_test) > 0.8)
True
"""

import importlib

__all__ = [
    "InputConnectivitySelector",
    "SparseEvolutionaryAutoencoder",
    "SparseEvolutionaryClassifier",
    "SparseEvolutionaryRegressor",
    "load_dataset",
    "recipe",
]

# NumPy and scikit-learn are imported with the first name that needs them: they take ten times as long as this package.
_MODULES = {
    "InputConnectivitySelector": "_selector",
    "SparseEvolutionaryAutoencoder": "_autoencoder",
    "SparseEvolutionaryClassifier": "_classifier",
    "SparseEvolutionaryRegressor": "_regressor",
    "load_dataset": "_datasets",
    "recipe": "_datasets",
    "__version__": "_version",
}


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    return sorted([*globals(), *_MODULES])

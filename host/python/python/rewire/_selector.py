"""Feature selection by the connections that inputs keep."""

import numbers

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from rewire._autoencoder import SparseEvolutionaryAutoencoder
from rewire._classifier import SparseEvolutionaryClassifier
from rewire._estimator import SparseEvolutionaryEstimator
from rewire._regressor import SparseEvolutionaryRegressor


class InputConnectivitySelector(SelectorMixin, MetaEstimatorMixin, BaseEstimator):
    """Select the features whose inputs keep the most connections while a network evolves.

    A SET network prunes connections of small magnitude and regrows them at random: an input that says little keeps few.

    Parameters
    ----------
    estimator : SparseEvolutionaryClassifier, SparseEvolutionaryRegressor or SparseEvolutionaryAutoencoder, default=None
        The network; it is cloned. None takes a classifier for classes, a regression for numbers, and an autoencoder
        without y.
    n_features_to_select : int or float, default=None
        How many features are kept, or which fraction of them. None keeps half.
    ranking : {"connections", "strength"}, default="connections"
        How inputs are ranked.

        - ``connections``: connections that survive pruning in the last epoch; of equals, and where the first layer is
          dense, by strength (Mocanu et al. 2018)
        - ``strength``: the summed magnitude of the input's weights (QuickSelection, Atashgahi et al. 2021)

    Attributes
    ----------
    estimator_ : object
        The fitted network.
    scores_ : ndarray of shape (n_features_in_,)
        What features are ranked by.
    n_features_in_ : int
        Features of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had some.

    Examples
    --------
    >>> from rewire import InputConnectivitySelector, SparseEvolutionaryClassifier, load_dataset, recipe
    >>> (X, y), _ = load_dataset("mnist-mini")
    >>> network = SparseEvolutionaryClassifier(**{**recipe("mnist-mini"), "hidden": (200,), "epochs": 5})
    >>> InputConnectivitySelector(network, n_features_to_select=100).fit_transform(X, y).shape
    (2000, 100)
    """

    def __init__(self, estimator=None, *, n_features_to_select=None, ranking="connections"):
        self.estimator = estimator
        self.n_features_to_select = n_features_to_select
        self.ranking = ranking

    def fit(self, X, y=None, **fit_params):
        """Train the network, and rank the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,), optional
            Classes or numbers to learn.
        **fit_params : dict
            Passed to the network's ``fit``.

        Returns
        -------
        self : InputConnectivitySelector
            The fitted selector.
        """
        if self.ranking not in ("connections", "strength"):
            raise ValueError(f"ranking is {self.ranking!r}, but must be 'connections' or 'strength'")
        self._check_count()
        self.estimator_ = self._estimator(y).fit(X, y, **fit_params)
        self.n_features_in_ = self.estimator_.n_features_in_
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        strength = self.estimator_._network.strengths()
        if self.ranking == "strength":
            self.scores_ = strength
            order = np.argsort(-strength, kind="stable")
        else:
            network = self.estimator_
            rows = network._input_rows
            counts = rows[-1] if rows and rows[-1].any() else network.degrees_[0][0]
            self.scores_ = np.asarray(counts, dtype=np.float64)
            order = np.lexsort((-strength, -self.scores_))
        self._support = np.zeros(self.n_features_in_, dtype=bool)
        self._support[order[: self._count()]] = True
        return self

    def _estimator(self, y):
        if self.estimator is not None:
            if not isinstance(self.estimator, SparseEvolutionaryEstimator):
                raise TypeError(f"estimator is {self.estimator!r}, but must be an estimator of this package, or None")
            return clone(self.estimator)
        if y is None:
            return SparseEvolutionaryAutoencoder()
        numbers_to_learn = type_of_target(y, input_name="y").startswith("continuous")
        return SparseEvolutionaryRegressor() if numbers_to_learn else SparseEvolutionaryClassifier()

    def _check_count(self):
        count = self.n_features_to_select
        if count is None:
            return
        if isinstance(count, numbers.Integral) and not isinstance(count, bool) and count >= 1:
            return
        if isinstance(count, numbers.Real) and not isinstance(count, numbers.Integral) and 0 < count <= 1:
            return
        raise ValueError(
            f"n_features_to_select is {count!r}, but must be a number of features, at least 1, a fraction above 0 and at "
            "most 1.0, or None"
        )

    def _count(self):
        count = self.n_features_to_select
        if isinstance(count, numbers.Integral):
            return min(int(count), self.n_features_in_)
        return max(1, round(self.n_features_in_ * (0.5 if count is None else float(count))))

    def _get_support_mask(self):
        check_is_fitted(self)
        return self._support

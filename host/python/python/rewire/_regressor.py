"""A regression."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d

from rewire._estimator import SparseEvolutionaryEstimator, aligned
from rewire._settings import with_settings


@with_settings("regress")
class SparseEvolutionaryRegressor(RegressorMixin, SparseEvolutionaryEstimator):
    """Regression: a sparse multilayer perceptron whose connections evolve while it learns numbers.

    The loss is the mean squared error of the numbers, each scaled to mean 0 and standard deviation 1 over the training
    samples.

    {parameters}

    Attributes
    ----------
    n_features_in_ : int
        Features of a sample.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had some.
    coefs_ : list of csr_array of shape (n_inputs, n_neurons)
        Weights of each layer, float32.
    intercepts_ : list of ndarray of shape (n_neurons,)
        Biases of each layer, float32.
    input_connections_ : ndarray of shape (n_epochs + 1, n_features_in_)
        Connections of each input that survive pruning, uint16. Row 0 is the initial topology.
    degrees_ : list of tuple of ndarray
        Connections of each input and of each neuron, by layer.
    history_ : dict of str to list
        One value an epoch, as in :class:`SparseEvolutionaryClassifier`; in the columns of accuracies stands R².
    loss_curve_ : list of float
        Mean loss of each epoch.
    n_iter_ : int
        Epochs that are done.

    Examples
    --------
    >>> from rewire import SparseEvolutionaryRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = SparseEvolutionaryRegressor(hidden=(64, 64), n_jobs=1).fit(X, y)
    >>> bool(regressor.score(X, y) > 0.4)
    True
    """

    _task = "regress"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train a network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. C-contiguous float32 and uint8 are read where they are, without a copy.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers to learn, in any unit.
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample weighs. The unit does not matter: weights are divided by their mean. A sample of weight
            0 is left out.
        X_val, y_val : array-like, optional
            Samples on which the network is measured after each epoch.

        Returns
        -------
        self : SparseEvolutionaryRegressor
            The fitted estimator. After Ctrl-C or an exception in a callback it holds the network as it was then.
        """
        self._begin_anew()
        X, y = self._features(X, y=y, multi_output=True, y_numeric=True, ensure_min_samples=2)
        values = self._values(y)
        self._flat = y.ndim == 1 or y.shape[1] == 1
        weights = self._weights(sample_weight, X)
        validation = self._validation(X_val, y_val, self._targets)
        self._fit(X, None, values, weights, validation, [], one_epoch=False)
        return self

    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch, and evolve the connections before the next.

        ``n`` calls with the same samples give the bits of ``fit`` with ``epochs=n``, constant schedules and no
        ``validation_samples``. The scaling of features and numbers is that of the first call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers to learn.
        sample_weight : array-like of shape (n_samples,), optional
            As in ``fit``.

        Returns
        -------
        self : SparseEvolutionaryRegressor
            The fitted estimator.
        """
        first = not hasattr(self, "_network")
        X, y = self._features(X, y=y, reset=first, multi_output=True, y_numeric=True)
        values = self._values(y)
        if first:
            self._flat = y.ndim == 1 or y.shape[1] == 1
        self._fit(X, None, values, self._weights(sample_weight, X), None, [], one_epoch=True)
        return self

    def _values(self, y):
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        values = aligned(np.asarray(y, dtype=np.float32))
        return values.reshape(-1, 1) if values.ndim == 1 else values

    def _targets(self, y):
        if y is None:
            raise ValueError("samples were given without the numbers to learn")
        return None, self._values(check_array(y, ensure_2d=False, dtype="numeric"))

    def _restore(self, network, history, inputs):
        super()._restore(network, history, inputs)
        self._flat = network.widths[1] == 1

    def predict(self, X):
        """Predict the numbers of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the unit of the y that was learned.
        """
        check_is_fitted(self)
        values = self._network.values(self._features(X, reset=False), self._threads()).astype(np.float64)
        return values.ravel() if self._flat else values

"""An autoencoder that finds what is unlike the samples it has learned."""

import numbers

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from rewire._estimator import SparseEvolutionaryEstimator
from rewire._settings import with_settings

OWN = [
    (
        "contamination",
        0.05,
        "float",
        "Fraction of the training samples that ``predict`` takes for outliers, above 0 and at most 0.5.",
    )
]


@with_settings("reconstruct", OWN)
class SparseEvolutionaryAutoencoder(OutlierMixin, SparseEvolutionaryEstimator):
    """Outlier detection: a sparse network that learns to give its inputs, whose connections evolve while it learns.

    A sample that it reconstructs badly is unlike the samples that it has learned. The loss is the mean squared error of
    the scaled inputs.

    {parameters}

    Attributes
    ----------
    offset_ : float
        The score below which a sample is an outlier. A file of a network does not hold it: after ``load`` and
        ``from_run`` it is minus infinity, and no sample is an outlier until you set it.
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
    >>> from rewire import SparseEvolutionaryAutoencoder
    >>> from sklearn.datasets import load_iris
    >>> X, _ = load_iris(return_X_y=True)
    >>> detector = SparseEvolutionaryAutoencoder(hidden=(32, 8, 32), n_jobs=1).fit(X)
    >>> detector.predict([[50.0, 0.0, 0.0, 50.0]]).tolist()
    [-1]
    """

    _task = "reconstruct"

    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Train a network on normal samples, of which ``contamination`` may be outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. C-contiguous float32 and uint8 are read where they are, without a copy.
        y : Ignored
            There for the sake of pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample weighs. The unit does not matter: weights are divided by their mean.
        X_val : array-like of shape (n_samples, n_features), optional
            Samples on which the network is measured after each epoch.

        Returns
        -------
        self : SparseEvolutionaryAutoencoder
            The fitted estimator. After Ctrl-C or an exception in a callback it holds the network as it was then.
        """
        self._check_contamination()
        self._begin_anew()
        X = self._features(X)
        validation = self._validation(X_val, None, self._targets)
        self._train(X, sample_weight, validation, one_epoch=False)
        return self

    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch, and evolve the connections before the next.

        The scaling of the features is that of the first call; ``offset_`` is that of the samples of this call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : Ignored
            There for the sake of pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            As in ``fit``.

        Returns
        -------
        self : SparseEvolutionaryAutoencoder
            The fitted estimator.
        """
        self._check_contamination()
        X = self._features(X, reset=not hasattr(self, "_network"))
        self._train(X, sample_weight, None, one_epoch=True)
        return self

    def _check_contamination(self):
        share = self.contamination
        if not isinstance(share, numbers.Real) or isinstance(share, bool) or not 0 < share <= 0.5:
            raise ValueError(f"contamination is {share!r}, but must be a number above 0 and at most 0.5")

    def _train(self, X, sample_weight, validation, one_epoch):
        weights = self._weights(sample_weight, X)
        before = getattr(self, "_network", None)
        try:
            self._fit(X, None, None, weights, validation, [], one_epoch)
        finally:
            # Also of a network whose training was interrupted; not where none began.
            if getattr(self, "_network", None) not in (None, before):
                self.offset_ = self._threshold(-self._errors(X), weights)

    def _threshold(self, scores, weights):
        """The score below which are as many samples, by weight, as ``contamination`` says, or a few less."""
        order = np.argsort(scores, kind="stable")
        below = np.cumsum(np.ones(len(scores)) if weights is None else weights[order])
        return float(scores[order[np.searchsorted(below, self.contamination * below[-1], side="right")]])

    def _restore(self, network, history, inputs):
        super()._restore(network, history, inputs)
        # The samples that it was trained on are not there: nothing is an outlier until somebody sets it, see `load`.
        self.offset_ = -np.inf

    def _errors(self, X):
        return self._network.errors(X, self._threads())

    def score_samples(self, X):
        """Score samples: the larger, the more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The negative mean squared error of the scaled inputs, float64.
        """
        check_is_fitted(self)
        return -self._errors(self._features(X, reset=False))

    def decision_function(self, X):
        """Score samples so that outliers are below 0: ``score_samples(X) - offset_``."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Tell outliers from normal samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            -1 for outliers, 1 for normal samples.
        """
        # A sample whose score is NaN lies beyond all others.
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def reconstruct(self, X):
        """Give the inputs as the network has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Float32, in the units of X.
        """
        check_is_fitted(self)
        return self._network.values(self._features(X, reset=False), self._threads())

"""A classifier."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, column_or_1d

from rewire._estimator import SparseEvolutionaryEstimator
from rewire._settings import with_settings

# Labels have 16 bits.
MOST_CLASSES = 1 << 16


@with_settings("classify")
class SparseEvolutionaryClassifier(ClassifierMixin, SparseEvolutionaryEstimator):
    """Classifier: a sparse multilayer perceptron whose connections evolve while it learns.

    After each epoch the connections of smallest magnitude are pruned, and as many are regrown elsewhere (Sparse
    Evolutionary Training, SET, Mocanu et al. 2018, doi:10.1038/s41467-018-04316-3). The loss is the softmax
    cross-entropy. The same settings and samples give the same bits as the program ``rewire train``.

    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes.
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
        One value an epoch: ``epoch``, ``learning_rate``, ``train_loss`` and ``test_loss`` (nats), ``train_accuracy``
        and ``test_accuracy`` (fractions), ``train_seconds``, ``evaluate_seconds``, ``evolve_seconds``, ``connections``.
        The test columns are of validation samples, and NaN without any. ``pandas.DataFrame(history_)`` is a table.
    loss_curve_ : list of float
        Mean loss of each epoch, in nats.
    n_iter_ : int
        Epochs that are done.

    Examples
    --------
    >>> from rewire import SparseEvolutionaryClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SparseEvolutionaryClassifier(hidden=(64, 64), n_jobs=1).fit(X, y)
    >>> classifier.predict(X[:2]).tolist()
    [0, 0]
    """

    _task = "classify"
    _score_name = "accuracy"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train a network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features. C-contiguous float32 and uint8 are read where they are, without a copy.
        y : array-like of shape (n_samples,)
            Classes.
        sample_weight : array-like of shape (n_samples,), optional
            How much each sample weighs. The unit does not matter: weights are divided by their mean. A sample of weight
            0 is left out.
        X_val, y_val : array-like, optional
            Samples on which the network is measured after each epoch.

        Returns
        -------
        self : SparseEvolutionaryClassifier
            The fitted estimator. After Ctrl-C or an exception in a callback it holds the network as it was then.
        """
        self._begin_anew()
        X, y = self._features(X, y=y, ensure_min_samples=2)
        self._set_classes(y)
        return self._fit_labels(X, y, sample_weight, X_val, y_val, one_epoch=False)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch, and evolve the connections before the next.

        ``n`` calls with the same samples give the bits of ``fit`` with ``epochs=n``, constant schedules and no
        ``validation_samples``. The scaling of the features is that of the first call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,)
            Classes.
        classes : array-like of shape (n_classes,), optional
            All classes that any call will have; needed in the first call unless y has all of them.
        sample_weight : array-like of shape (n_samples,), optional
            As in ``fit``.

        Returns
        -------
        self : SparseEvolutionaryClassifier
            The fitted estimator.
        """
        first = not hasattr(self, "_network")
        X, y = self._features(X, y=y, reset=first)
        if first:
            self._set_classes(y if classes is None else unique_labels(classes))
            if len(self.classes_) < 2:
                where = "y" if classes is None else "classes"
                one = self.classes_.tolist()[0]
                raise ValueError(f"{where} has one class, {one!r}; name all that any call will have: classes=[...]")
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes is {classes!r}, but the first call had {self.classes_!r}")
        return self._fit_labels(X, y, sample_weight, None, None, one_epoch=True)

    def _set_classes(self, y):
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) > MOST_CLASSES:
            raise ValueError(f"y has {len(self.classes_)} classes; at most {MOST_CLASSES} are possible")

    def _fit_labels(self, X, y, sample_weight, X_val, y_val, one_epoch):
        labels = self._labels(y, "y")
        weights = self._weights(sample_weight, X)
        if isinstance(self.class_weight, Mapping):
            of_class = compute_class_weight(dict(self.class_weight), classes=self.classes_, y=y)[labels]
            weights = self._weights(of_class if weights is None else of_class * weights, X)
        if not one_epoch:
            there = np.unique(labels if weights is None else labels[weights > 0])
            if len(there) < 2:
                where = "" if weights is None else " where sample_weight is above 0"
                one = self.classes_[there].tolist()[0]
                raise ValueError(f"y has one class{where}, {one!r}; a classifier needs samples of at least two classes")
        validation = self._validation(X_val, y_val, self._targets)
        self._fit(X, labels, None, weights, validation, [str(name) for name in self.classes_], one_epoch)
        return self

    def _targets(self, y):
        return self._labels(y, "y_val"), None

    def _labels(self, y, name):
        """The number of each sample's class."""
        if y is None:
            raise ValueError("samples were given without their classes")
        y = column_or_1d(y)
        # The classes of a file may have another order.
        order = np.argsort(self.classes_, kind="stable")
        labels = order[np.minimum(np.searchsorted(self.classes_, y, sorter=order), len(order) - 1)]
        known = self.classes_[labels] == y
        if not np.all(known):
            raise ValueError(f"{name} has the class {y[~known].tolist()[0]!r}, which is none of classes_")
        return labels.astype(np.uint16)

    def _restore(self, network, history, inputs):
        super()._restore(network, history, inputs)
        _, names = network.names
        self.classes_ = _classes(names) if names else np.arange(network.widths[1])

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The class of the largest output.
        """
        check_is_fitted(self)
        return self.classes_[self._network.classes(self._features(X, reset=False), self._threads())]

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Fractions, float32, in the order of ``classes_``: the softmax of the outputs.
        """
        check_is_fitted(self)
        return self._network.probabilities(self._features(X, reset=False), self._threads())

    def predict_log_proba(self, X):
        """Predict the logarithm of each class' probability; see ``predict_proba``."""
        return np.log(self.predict_proba(X))


def _classes(names):
    """Classes of these names: numbers, or truth values, where all are written as such."""
    if list(names) == ["False", "True"]:
        return np.asarray([False, True])
    for kind in (int, float):
        try:
            classes = [kind(name) for name in names]
        except ValueError:
            continue
        # "01" and "1" are two classes, and so are "10" and "9" in this order.
        if [str(number) for number in classes] == list(names) and classes == sorted(set(classes)):
            return np.asarray(classes)
    return np.asarray(names)

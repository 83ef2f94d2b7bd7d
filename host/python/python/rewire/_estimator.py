"""What all estimators have in common: how they train, and what they hand out."""

import numbers
import os
from collections.abc import Mapping

import numpy as np
from scipy.sparse import csc_array, csr_array
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from rewire import _rewire
from rewire._progress import Bar

# Features are read where they are in these types; others become the first.
TYPES = [np.float32, np.uint8]


def aligned(array):
    """The same array, copied where the native half could not read it in its place."""
    return np.require(array, requirements=["C", "A"])


class Listener:
    """Hears of a training's epochs."""

    def __init__(self, callbacks, bar, history, inputs):
        self.callbacks = callbacks
        self.bar = bar
        self.history = history
        self.inputs = inputs

    def begin(self, inputs):
        """Keep the connections of inputs before the first epoch."""
        if not self.inputs:
            self.inputs.append(inputs)

    def step(self, *progress):
        """Show how far an epoch is."""
        if self.bar:
            self.bar.step(*progress)

    def keep(self, row, inputs):
        """Keep an epoch's row."""
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)
        if inputs is not None:
            self.inputs.append(inputs)

    def epoch(self, row, inputs):
        """Keep an epoch's row; return whether to stop."""
        self.keep(row, inputs)
        if self.bar:
            self.bar.epoch(row)
        # Each callback hears of each epoch.
        return any([bool(callback(dict(row))) for callback in self.callbacks])


class SparseEvolutionaryEstimator(BaseEstimator):
    """A network that is trained by the native half of the package."""

    # What the native half calls the task, and what its score is called.
    _task = ""
    _score_name = "R²"

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_network")

    def _threads(self):
        if self.n_jobs is None:
            return 0
        most = _rewire.MOST_THREADS
        if not isinstance(self.n_jobs, numbers.Integral) or self.n_jobs == 0 or self.n_jobs > most:
            raise ValueError(f"n_jobs is {self.n_jobs!r}, but must be None, -1, or a number of threads, at most {most}")
        # As joblib counts: -1 is all processors, -2 all but one.
        return int(self.n_jobs) if self.n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + int(self.n_jobs))

    def _callbacks(self):
        if self.callbacks is None:
            return []
        callbacks = [self.callbacks] if callable(self.callbacks) else list(self.callbacks)
        for callback in callbacks:
            if not callable(callback):
                raise ValueError(f"callbacks has {callback!r}, but must be functions of an epoch's row")
        return callbacks

    def _keywords(self, samples):
        """The settings of a training on so many samples."""
        given = {name: getattr(self, name) for name in self._settings}
        if isinstance(self.batch_size, numbers.Integral) and not isinstance(self.batch_size, bool):
            available = samples
            if isinstance(self.validation_samples, numbers.Integral):
                available = max(1, samples - int(self.validation_samples))
            given["batch_size"] = min(int(self.batch_size), available) if self.batch_size > 0 else self.batch_size
        if not isinstance(self.random_state, numbers.Integral):
            given["random_state"] = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        if isinstance(given.get("class_weight"), Mapping):
            given["class_weight"] = None
        return given

    def _features(self, X, **checks):
        """The features as the native half reads them."""
        checked = validate_data(self, X, dtype=TYPES, order="C", **checks)
        if isinstance(checked, tuple):
            return aligned(checked[0]), checked[1]
        return aligned(checked)

    def _begin_anew(self):
        """Forget the network: what a fit that fails leaves behind belongs together with none."""
        self.__dict__.pop("_network", None)

    def _weights(self, sample_weight, X):
        """Weights in their own unit; None where all weigh the same."""
        if sample_weight is None:
            return None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("sample_weight is 0 for every sample, so there is no sample to train on")
        # Their sum is finite.
        return weights / weights.max() if weights.max() > 1e200 else weights

    def _weighed(self, weights, *samples):
        """Samples with weights as the native half reads them: their unit does not matter, and 0 leaves a sample out."""
        if weights is None:
            return None, samples
        # Where one minibatch holds them all, a whole number says how often a sample is there, to the last bit. A sample
        # that is held out must not be trained on too.
        room = self.batch_size if isinstance(self.batch_size, numbers.Integral) else 0
        if weights.sum() <= room and not self.validation_samples and np.array_equal(np.floor(weights), weights):
            counts = weights.astype(np.intp)
            counts //= np.gcd.reduce(counts)
            return None, tuple(None if array is None else np.repeat(array, counts, axis=0) for array in samples)
        return np.ascontiguousarray(weights / weights[weights > 0].mean(), dtype=np.float32), samples

    def _fit(self, X, labels, values, weights, validation, outputs, one_epoch):
        """Train, and keep what came of it, also where the training was interrupted."""
        if validation is not None and not self.validation_samples and (self.patience or self.keep == "best"):
            raise ValueError("patience and keep='best' go by the loss on validation_samples; on X_val it is only measured")
        weights, (X, labels, values) = self._weighed(weights, X, labels, values)
        again = one_epoch and hasattr(self, "_network")
        if again and tuple(np.ravel(self.hidden)) != (had := tuple(self._network.widths[2])):
            raise ValueError(f"hidden is {self.hidden!r}, but the network to go on with has {had}; fit begins anew")
        history = {name: list(column) for name, column in self.history_.items()} if again else {}
        inputs = list(self._input_rows) if again else []
        counted = X.shape[0] if weights is None else int(np.count_nonzero(weights))
        settings = self._keywords(counted)
        names = [str(name) for name in getattr(self, "feature_names_in_", [])]
        bar = Bar(1 if one_epoch else self.epochs, self._score_name) if self.verbose and not one_epoch else None
        listener = Listener(self._callbacks(), bar, history, inputs)
        try:
            network, ended = _rewire.train(
                self._task,
                settings,
                (names, outputs),
                (X, labels, values, weights),
                validation,
                self._network if again else None,
                one_epoch,
                self._threads(),
                listener,
            )
        finally:
            if bar:
                bar.end()
        self._adopt(network, history, inputs)
        self._samples = counted
        if ended is not None:
            raise ended

    def _adopt(self, network, history, inputs):
        self._network = network
        self.history_ = history
        self._input_rows = inputs
        self.n_iter_ = network.epochs
        self.n_layers_ = len(network.layers()) + 1
        self.n_outputs_ = network.widths[1]

    @property
    def loss_curve_(self):
        """Mean loss over the training samples of each epoch."""
        check_is_fitted(self)
        return list(self.history_.get("train_loss", []))

    @property
    def loss_(self):
        """Mean loss over the training samples of the last epoch."""
        curve = self.loss_curve_
        return curve[-1] if curve else float("nan")

    @property
    def input_connections_(self):
        """Connections of each input that survive pruning, ndarray of shape (n_epochs + 1, n_features), uint16.

        Row 0 is the initial topology. Of ``model="set"`` only.
        """
        check_is_fitted(self)
        if not self._input_rows:
            raise AttributeError("input_connections_ are counted where connections evolve: in model='set'")
        return np.stack(self._input_rows)

    @property
    def coefs_(self):
        """Weights of each layer, list of csr_array of shape (n_inputs, n_neurons), float32."""
        check_is_fitted(self)
        return [_matrix(layer) for layer in self._network.layers()]

    @property
    def intercepts_(self):
        """Biases of each layer, list of ndarray of shape (n_neurons,), float32."""
        check_is_fitted(self)
        return [layer[5] for layer in self._network.layers()]

    @property
    def degrees_(self):
        """Connections of each input and of each neuron, by layer: list of (inputs, neurons), uint64."""
        check_is_fitted(self)
        return self._network.degrees()

    def footprint(self):
        """Predict the memory of the training.

        Returns
        -------
        bytes : dict of str to int
            Bytes of each buffer while the network is trained, and their sums: ``"the model"`` and
            ``"everything to train"``.
        """
        check_is_fitted(self)
        return self._network.footprint()

    def save(self, path):
        """Write the network as ``model.safetensors``, which ``rewire evaluate`` and ``rewire predict`` read.

        Parameters
        ----------
        path : path-like
            The file. It is written whole or not at all.
        """
        check_is_fitted(self)
        self._network.save(path)

    def to_chip(self, path):
        """Write the network as an image for a microcontroller.

        With ``scaling="unit"`` it keeps its inputs in bytes there.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        bytes : int
            Size of the image.
        """
        check_is_fitted(self)
        return self._network.to_chip(path)

    def to_firmware(self, directory, board, X, y=None, *, run_on="sensor"):
        """Write a Cargo project that runs the network on a board and goes on training it there.

        Parameters
        ----------
        directory : path-like
            The folder of the project, which must be new or empty.
        board : str
            The board, as ``rewire footprint --board all`` lists them.
        X : array-like of shape (n_samples, n_features)
            Samples, of which as many as fit go into the flash to try the program with.
        y : array-like, optional
            What the samples are, for a classifier or a regression.
        run_on : {"sensor", "flash", "uart"}, default="sensor"
            Where the windows come from that the network predicts and learns: a sensor, for which there is one place to
            fill in, the samples, or the board's UART, over which the project's ``send.py`` sends them.
        """
        check_is_fitted(self)
        samples = self._validation(X, y, self._targets)
        trained_on = getattr(self, "_samples", len(samples[0]))
        self._network.to_firmware(directory, board, samples, trained_on, run_on)

    def _targets(self, y):
        """Labels and values of samples."""
        return None, None

    @classmethod
    def load(cls, path):
        """Read a network from a ``model.safetensors``.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        estimator : object
            A fitted estimator. Its settings are those that a network tells, such as ``hidden``, ``connections``,
            ``activation`` and ``filter``; the others have their defaults.
        """
        network, settings = _rewire.load(cls._task, path)
        estimator = cls(**settings)
        estimator._restore(network, {}, [])
        return estimator

    @classmethod
    def from_run(cls, directory):
        """Read the directory of a run that ``rewire train`` wrote.

        Parameters
        ----------
        directory : path-like
            The run directory.

        Returns
        -------
        estimator : object
            A fitted estimator with the settings, the network and the history of the run.
        """
        network, settings, rows, inputs = _rewire.from_run(cls._task, directory)
        estimator = cls(**settings)
        history = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
        estimator._restore(network, history, [] if inputs is None else list(inputs))
        return estimator

    def _restore(self, network, history, inputs):
        """Become a fitted estimator with this network."""
        self._adopt(network, history, inputs)
        self.n_features_in_ = network.widths[0]
        features, _ = network.names
        if features:
            self.feature_names_in_ = np.asarray(features, dtype=object)

    def _validation(self, X_val, y_val, targets):
        """Validation samples as the native half reads them; `targets` gives labels and values."""
        if X_val is None:
            if y_val is not None:
                raise ValueError("y_val was given without X_val")
            return None
        X_val = self._features(X_val, reset=False)
        labels, values = targets(y_val)
        given = len(labels) if labels is not None else len(values) if values is not None else X_val.shape[0]
        if given != X_val.shape[0]:
            raise ValueError(f"X_val has {X_val.shape[0]} samples, but y_val has {given}")
        return X_val, labels, values, None


def _matrix(layer):
    """A layer as a matrix of inputs by neurons."""
    indptr, indices, weights, (inputs, neurons), storage, _ = layer
    if storage == "blocked":
        raise AttributeError("coefs_ are not those of storage='blocked', which has no matrix: see degrees_, or save()")
    if storage == "dense":
        return csr_array(weights.reshape(neurons, inputs).T)
    # Row pointers and columns fit: a file of such a layer has them too.
    indptr, indices = indptr.astype(np.int32), indices.astype(np.int32)
    if storage == "input-major":
        return csr_array((weights, indices, indptr), shape=(inputs, neurons))
    return csc_array((weights, indices, indptr), shape=(inputs, neurons)).tocsr()

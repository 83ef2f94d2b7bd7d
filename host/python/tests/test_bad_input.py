"""What cannot be learned from: the exception that users of scikit-learn expect, with a sentence."""

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC

from rewire import (
    InputConnectivitySelector,
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
    load_dataset,
    recipe,
)

X = np.arange(20, dtype=np.float32).reshape(10, 2) % 7
Y = np.arange(10) % 2


def refused(error, words, X=X, y=Y, estimator=None, **fit):
    with pytest.raises(error, match=words):
        (estimator or SparseEvolutionaryClassifier(epochs=2)).fit(X, y, **fit)


@pytest.mark.parametrize(
    ("words", "samples"),
    [
        ("could not convert string to float", np.array([["a", "b"]] * 10, dtype=object)),
        ("could not convert string to float|dtype='numeric'", np.array([["a", "b"]] * 10)),
        ("contains NaN", np.where(X > 5, np.nan, X)),
        ("contains infinity", np.where(X > 5, np.inf, X)),
        ("too large for dtype", np.where(X > 5, 1e200, X.astype(float))),
        ("0 sample", X[:0]),
        ("0 feature", X[:, :0]),
        ("1D array", X[:, 0]),
        ("dim 3|3", X[:, :, None]),
        ("inconsistent numbers of samples", X[:9]),
    ],
)
def test_features(words, samples):
    refused(ValueError, words, X=samples, y=Y[: max(len(samples), 0)] if len(samples) != 9 else Y)


def test_sparse_features_are_refused_by_name():
    for kind in (csr_array, csc_array):
        refused(TypeError, "[Ss]parse", X=kind(X))


@pytest.mark.parametrize(
    ("words", "y"),
    [
        ("Unknown label type: continuous", Y + 0.5),
        ("y has one class, .*0.*; a classifier needs samples of at least two classes", Y * 0),
        ("NaN", np.where(Y, np.nan, 1.0)),
        ("y should be a 1d array", np.stack([Y, Y], axis=1)),
    ],
)
def test_classes(words, y):
    refused(ValueError, words, y=y)


def test_one_class_that_weighs_anything():
    refused(ValueError, "one class where sample_weight is above 0", sample_weight=Y)
    refused(ValueError, "non-zero|is 0 for every sample", sample_weight=0 * Y)
    refused(ValueError, "[Nn]egative", sample_weight=Y - 0.5)
    refused(ValueError, "inconsistent|shape", sample_weight=Y[:3])


def test_numbers_to_learn():
    regressor = SparseEvolutionaryRegressor(epochs=2)
    refused(ValueError, "could not convert string|dtype='numeric'", y=np.array(["a"] * 10), estimator=regressor)
    refused(ValueError, "infinity", y=np.where(Y, np.inf, 0.0), estimator=regressor)
    refused(ValueError, "number 0 to learn of sample 1 is inf", y=Y * 1e300, estimator=regressor)
    refused(ValueError, "training diverged: .*learning_rate", y=Y, estimator=regressor.set_params(learning_rate=1e30))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(epsilon=-1), "^epsilon is -1, but must be a number, finite and above 0$"),
        (dict(epochs=0), "^epochs is 0, but must be a whole number, at least 1$"),
        (dict(epochs=2.5), "^epochs is 2.5, but must be a whole number"),
        (dict(epochs="many"), "^epochs is 'many', but must be a whole number"),
        (dict(epochs=None), "^epochs is None, but must be a whole number"),
        (dict(epochs=True), "^epochs is True, but must be a whole number"),
        (dict(augment=1), "^augment is 1, but must be True or False"),
        (dict(model="sett"), "^model is 'sett', but must be one of set, fixprob, dense; did you mean 'set'"),
        (dict(hidden=()), "^hidden needs at least one layer"),
        (dict(hidden=(10, 0)), "^hidden: layer 2 is 0"),
        (dict(hidden="a"), "^hidden is 'a', but must be a sequence of whole numbers"),
        (dict(hidden=[[1]]), "^hidden is"),
        (dict(batch_size=0), "^batch_size is 0"),
        (dict(zeta=float("nan")), "^zeta is "),
        (dict(warmup=5), "^warmup is 5, but must be below epochs 2"),
        (dict(topology="local"), "^topology local needs images"),
        (dict(image_shape=(3, 3)), "^an image of shape 1x3x3 has 9 features, but n_features is 2"),
        (dict(image_shape="x"), "^image_shape is 'x', but must be None, "),
        (dict(random_state=-1), "random_state is -1"),
        (dict(random_state="x"), "cannot be used to seed"),
        (dict(class_weight="equal"), "^class_weight is 'equal', but must be one of none, balanced"),
        (dict(n_jobs=0), "^n_jobs is 0"),
        (dict(n_jobs=10**9), "^n_jobs is 1000000000, .*at most 4096$"),
        (dict(callbacks=3), "int.*not iterable|callbacks"),
        (dict(callbacks=[3]), "^callbacks has 3"),
        (dict(validation_samples=10), "^validation_samples is 10, but must be at most 9"),
        (dict(augment=True, image_shape=(1, 2)), "^augment changes images in bytes"),
    ],
)
def test_settings_are_told_by_their_keyword(settings, words):
    estimator = SparseEvolutionaryClassifier(**{"epochs": 2, **settings})
    refused((ValueError, TypeError), words, estimator=estimator)


def test_an_unknown_keyword_is_a_type_error():
    with pytest.raises(TypeError, match="epsilom"):
        SparseEvolutionaryClassifier(epsilom=3)
    with pytest.raises(ValueError, match="epsilom"):
        SparseEvolutionaryClassifier().set_params(epsilom=3)


def test_memory_that_is_not_there():
    network = SparseEvolutionaryClassifier(hidden=(1 << 24, 1 << 24), model="dense", activation="relu", epochs=1)
    refused(MemoryError, "needs [0-9]+ bytes", estimator=network)


def test_another_width_at_predict():
    classifier = SparseEvolutionaryClassifier(epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="X has 3 features, but SparseEvolutionaryClassifier is expecting 2"):
        classifier.predict(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="X has 3 features"):
        classifier.partial_fit(np.zeros((2, 3)), [0, 1])
    with pytest.raises(ValueError, match=r"^y has one class, 1; .*classes=\[...\]$"):
        SparseEvolutionaryClassifier().partial_fit(X[1:2], Y[1:2])
    with pytest.raises(ValueError, match="has the class 6, which is none of classes_"):
        classifier.partial_fit(X, Y + 6)
    with pytest.raises(ValueError, match=r"^hidden is \(20,\), but the network .* has \(256, 128\); fit begins anew$"):
        classifier.set_params(hidden=(20,)).partial_fit(X, Y)
    classifier.set_params(hidden=(256, 128))
    with pytest.raises(ValueError, match="the network was trained on 2"):
        classifier._network.classes(np.zeros((1, 3), dtype=np.float32), 1)
    with pytest.raises(ValueError, match="row by row"):
        classifier._network.classes(np.zeros((2, 3), dtype=np.float32).T[:, :2], 1)


def test_nothing_is_predicted_before_a_fit():
    for estimator in (SparseEvolutionaryClassifier(), SparseEvolutionaryRegressor(), SparseEvolutionaryAutoencoder()):
        for name in ("predict", "footprint", "coefs_"):
            with pytest.raises(NotFittedError):
                value = getattr(estimator, name)
                value(X) if name == "predict" else value()


def test_validation_samples_fit_the_training_samples():
    refused(ValueError, "X has 3 features", X_val=np.zeros((4, 3)), y_val=[0, 1, 0, 1])
    refused(ValueError, "y_val has the class 4", X_val=X, y_val=Y + 4)
    refused(ValueError, "X_val has 10 samples, but y_val has 9", X_val=X, y_val=Y[:9])
    refused(ValueError, "without their classes", X_val=X)
    refused(ValueError, "without X_val", y_val=Y)


def test_a_selector_and_a_detector_check_their_own():
    refused(ValueError, "n_features_to_select is 0", estimator=InputConnectivitySelector(n_features_to_select=0))
    refused(ValueError, "ranking is 'x'", estimator=InputConnectivitySelector(ranking="x"))
    refused(TypeError, "^estimator is SVC", estimator=InputConnectivitySelector(SVC()))
    refused(ValueError, "contamination is 0.9", estimator=SparseEvolutionaryAutoencoder(contamination=0.9))


def test_datasets_are_told_by_name(tmp_path):
    for function in (load_dataset, recipe):
        with pytest.raises(ValueError, match="did you mean `mnist`"):
            function("minst")
    with pytest.raises((ValueError, OSError), match="cifar10"):
        load_dataset("cifar10", tmp_path)

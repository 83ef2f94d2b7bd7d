"""`fit` gives the bits of the program, on any number of threads."""

import json

import numpy as np
import pytest

from rewire import (
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
    load_dataset,
    recipe,
)


def tensors(path):
    """The bytes of all tensors of a file."""
    file = path.read_bytes()
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    header.pop("__metadata__")
    return header, file[8 + length :]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", ["set", "fixprob"])
def test_images_give_the_tensors_of_the_program(rewire, tmp_path, threads, model):
    rewire("train", "mnist-mini", "--model", model, "--epochs", 3, "--hidden", "100,50", "--threads", 2, "--out", "run")
    (X, y), _ = load_dataset()
    settings = {**recipe("mnist-mini"), "epochs": 3, "hidden": (100, 50), "model": model}
    for features in (X, X.astype(np.float32)):
        classifier = SparseEvolutionaryClassifier(**settings, n_jobs=threads).fit(features, y)
        classifier.save(tmp_path / "ours")
        assert tensors(tmp_path / "ours") == tensors(tmp_path / "run" / "model.safetensors")


@pytest.mark.parametrize("threads", [1, 2])
def test_tables_give_the_file_of_the_program(rewire, tmp_path, points, threads):
    X, classes, values = points
    values = values.astype(np.float32)
    np.savez(tmp_path / "classes.npz", x_train=X, y_train=classes, x_test=X, y_test=classes)
    np.savez(tmp_path / "values.npz", x_train=X, y_train=values, x_test=X, y_test=values)
    common = ["--epochs", 4, "--hidden", "64,32", "--epsilon", 4, "--learning-rate", 0.003, "--zeta", 0.25]
    settings = dict(epochs=4, hidden=(64, 32), epsilon=4, learning_rate=0.003, zeta=0.25, n_jobs=threads)
    tasks = [
        ("classify", "classes.npz", SparseEvolutionaryClassifier(**settings), classes),
        ("regress", "values.npz", SparseEvolutionaryRegressor(**settings), values),
        ("reconstruct", "classes.npz", SparseEvolutionaryAutoencoder(**settings), None),
    ]
    for task, file, estimator, y in tasks:
        rewire("train", tmp_path / file, "--task", task, *common, "--threads", 3 - threads, "--out", f"run-{task}")
        estimator.fit(X, y).save(tmp_path / "ours")
        assert tensors(tmp_path / "ours") == tensors(tmp_path / f"run-{task}" / "model.safetensors"), task


def test_defaults_are_those_of_the_program(rewire, tmp_path, points):
    X, classes, values = (array[:100] for array in points)
    np.savez(tmp_path / "classes.npz", x_train=X, y_train=classes, x_test=X, y_test=classes)
    np.savez(tmp_path / "values.npz", x_train=X, y_train=values.astype(np.float32), x_test=X, y_test=values)
    for task, file, kind, y in [
        ("classify", "classes.npz", SparseEvolutionaryClassifier, classes),
        ("regress", "values.npz", SparseEvolutionaryRegressor, values),
        ("reconstruct", "classes.npz", SparseEvolutionaryAutoencoder, None),
    ]:
        rewire("train", tmp_path / file, "--task", task, "--threads", 2, "--out", f"run-{task}")
        kind(n_jobs=1).fit(X, y).save(tmp_path / "ours")
        assert tensors(tmp_path / "ours") == tensors(tmp_path / f"run-{task}" / "model.safetensors"), task
        settings = kind.from_run(tmp_path / f"run-{task}").get_params()
        given = kind().get_params()
        differing = {name for name in given if settings[name] != given[name]}
        assert not differing, task


def test_epochs_one_by_one_give_the_bits_of_all_at_once(points):
    X, y, _ = points
    settings = dict(hidden=(32, 16), epsilon=4, schedule="constant", zeta_schedule="constant")
    whole = SparseEvolutionaryClassifier(epochs=4, **settings).fit(X, y)
    parts = SparseEvolutionaryClassifier(**settings)
    for _ in range(4):
        parts.partial_fit(X, y)
    assert parts.n_iter_ == 4
    assert np.array_equal(parts.predict_proba(X), whole.predict_proba(X))
    assert parts.history_["train_loss"] == whole.history_["train_loss"]
    assert np.array_equal(parts.input_connections_, whole.input_connections_[[0, 1, 2, 3, 4]])

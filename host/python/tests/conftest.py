"""Samples and the program for all tests."""

import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ.get("REWIRE_PROGRAM", ROOT / "target" / "debug" / "rewire"))


@pytest.fixture
def points():
    """300 points of two classes, and a number to learn of each."""
    random = np.random.RandomState(0)
    X = random.normal(size=(300, 6)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    return X, y, X[:, 0] - 2 * X[:, 2] ** 2


@pytest.fixture
def rewire(tmp_path):
    """The program, in a folder of its own."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: cargo build --profile test --bin rewire"

    def run(*arguments):
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run

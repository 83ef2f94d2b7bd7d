"""Stubs, docstrings and examples say what there is."""

import ast
import doctest
import importlib
import inspect
import pathlib
import runpy
import subprocess
import sys

import pytest

import rewire

HERE = pathlib.Path(__file__).parent
ESTIMATORS = [getattr(rewire, name) for name in rewire.__all__ if name[0].isupper()]


def test_stubs_are_those_of_the_settings_table():
    written = runpy.run_path(str(HERE.parent / "stubs.py"))
    assert written["FILE"].read_text() == written["text"](), "run `python stubs.py`"


def test_stubs_name_every_method():
    stubs = ast.parse((HERE.parent / "python" / "rewire" / "__init__.pyi").read_text())
    classes = {node.name: node for node in stubs.body if isinstance(node, ast.ClassDef)}
    base = {node.name for node in classes["_Estimator"].body if isinstance(node, ast.FunctionDef)}
    for estimator in ESTIMATORS:
        named = {node.name for node in classes[estimator.__name__].body if isinstance(node, ast.FunctionDef)} | base
        ours = [kind for kind in estimator.__mro__ if kind.__module__.startswith("rewire")]
        public = {name for kind in ours for name in vars(kind) if not name.startswith("_")}
        methods = {name for name in public if callable(getattr(estimator, name)) or name.endswith("_")}
        assert methods - {"set_fit_request", "set_partial_fit_request", "set_score_request"} <= named


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.__name__)
def test_every_keyword_is_documented(estimator):
    parameters = list(inspect.signature(estimator).parameters)
    section = inspect.getdoc(estimator).split("Parameters\n----------\n")[1].split("\nAttributes\n")[0]
    documented = [line.split(" : ")[0] for line in section.splitlines() if " : " in line and line[0] != " "]
    assert documented == parameters
    # Flags are called by their keywords.
    assert "--" not in section
    for name, method in inspect.getmembers(estimator, inspect.isfunction):
        if not name.startswith("_") and method.__module__.startswith("rewire"):
            assert method.__doc__, f"{estimator.__name__}.{name}"


@pytest.mark.parametrize("name", ["", "_datasets", "_classifier", "_regressor", "_autoencoder", "_selector"])
def test_examples_give_what_they_show(name):
    module = importlib.import_module(f"rewire.{name}".rstrip("."))
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_import_brings_nothing_heavy():
    code = "import sys, rewire; print([name for name in ('numpy', 'scipy', 'sklearn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_listed():
    assert set(rewire.__all__) | {"__version__"} <= set(dir(rewire))
    with pytest.raises(AttributeError, match="nothing"):
        rewire.nothing


@pytest.mark.parametrize("page", ["docs/python.md", "host/python/README.md"])
def test_the_pages_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (HERE.parents[2] / page).read_text()
    blocks = [part.split("```")[0] for part in text.split("```python\n")[1:]]
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    assert blocks

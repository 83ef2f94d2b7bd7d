"""The notebook runs from its first cell to its last."""

import pathlib

import nbclient
import nbformat


def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(pathlib.Path(__file__).parents[1] / "examples" / "tutorial.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "the notebook is stored without outputs"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert {"image/png", "text/html"} <= kinds

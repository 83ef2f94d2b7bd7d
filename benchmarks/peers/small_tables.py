"""Four small tables of scikit-learn beside its own networks: accuracy or R², and the time of a fit, in one run.

    python benchmarks/peers/small_tables.py

Both sides have their default settings and the same arrays: the features as they are, and standardised by the training
samples. Ten splits, a fifth of the samples measures; those of classes are stratified. A time is that of `fit` alone, in
turn; the first fit of each is not counted. scikit-learn comes from PyPI, by name, into the virtual environment of `run.py`,
the Python package from this checkout. A `--python` that has both is taken as it is.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import time
import warnings

SPLITS = 10
COLUMNS = [
    "date", "commit", "machine", "table", "features", "library", "version", "score", "deviation", "fit_seconds", "epochs",
]  # fmt: skip
TABLES = ("digits", "breast_cancer", "wine", "diabetes")
SCALED = {False: "as they are", True: "standardised"}


def estimators(regression):
    """One of each library, by a seed."""
    from rewire import SparseEvolutionaryClassifier, SparseEvolutionaryRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    ours, theirs = (
        (SparseEvolutionaryRegressor, MLPRegressor) if regression else (SparseEvolutionaryClassifier, MLPClassifier)
    )
    return {
        "rewire": lambda seed: ours(random_state=seed + 1),
        "scikit-learn": lambda seed: theirs(random_state=seed + 1),
    }


def measure(table, scaled):
    """Scores, seconds and epochs of each library's fits."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X, y = getattr(datasets, f"load_{table}")(return_X_y=True)
    regression = table == "diabetes"
    found = {name: [] for name in estimators(regression)}
    for seed in range(-1, SPLITS):
        parts = train_test_split(
            X, y, test_size=0.2, random_state=max(seed, 0), stratify=None if regression else y
        )
        X_train, X_test, y_train, y_test = parts
        if scaled:
            scaler = StandardScaler().fit(X_train)
            X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        for name, build in estimators(regression).items():
            estimator = build(max(seed, 0))
            started = time.perf_counter()
            estimator.fit(X_train, y_train)
            seconds = time.perf_counter() - started
            if seed >= 0:
                found[name].append((estimator.score(X_test, y_test), seconds, estimator.n_iter_))
    return found


def tables(rows):
    """The rows as a table: a line for each table and kind of features."""
    lines = ["# Small tables, beside scikit-learn", ""]
    for name, column in (("machine", "machine"), ("commit", "commit"), ("date", "date")):
        lines.append(f"- {name}: " + "; ".join(sorted({row[column] for row in rows})))
    lines.append("- versions: " + ", ".join(sorted({f"{row['library']} {row['version']}" for row in rows})))
    lines.append("- written by `benchmarks/peers/small_tables.py`, which says what is measured")
    lines += ["", f"Mean ± standard deviation over {SPLITS} splits of the test accuracy, for `diabetes` of R²; the median time"]
    lines += ["of a fit and the median number of epochs. Default settings of both.", ""]
    lines.append("| table | features | rewire | scikit-learn | rewire, s | scikit-learn, s | rewire, epochs | scikit-learn, epochs |")
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|")
    by_key = {}
    for row in rows:
        by_key.setdefault((row["table"], row["features"]), {})[row["library"]] = row
    for key, pair in by_key.items():
        cells = [f"{float(row['score']):.4f} ± {float(row['deviation']):.4f}" for row in pair.values()]
        cells += [f"{float(row['fit_seconds']):.3f}" for row in pair.values()]
        cells += [row["epochs"] for row in pair.values()]
        lines.append(f"| {' | '.join([*key, *cells])} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, help="without extension")
    parser.add_argument("--python", type=pathlib.Path, help="an interpreter that has scikit-learn and rewire")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        import rewire
        import sklearn

        # scikit-learn says of its own default that training ended before it converged.
        warnings.filterwarnings("ignore")
        versions = {"rewire": rewire.__version__, "scikit-learn": sklearn.__version__}
        for table in TABLES:
            for scaled in SCALED:
                for library, fits in measure(table, scaled).items():
                    scores, seconds, epochs = zip(*fits)
                    row = [table, SCALED[scaled], library, versions[library]]
                    row += [f"{statistics.mean(scores):.4f}", f"{statistics.stdev(scores):.4f}"]
                    row += [f"{statistics.median(seconds):.4f}", f"{statistics.median(epochs):g}"]
                    print(json.dumps(row), flush=True)
        return

    from run import PYTHON, TARGET, commit, machine, pip, record, with_package

    if arguments.python is None:
        pip("scikit-learn")
        with_package()
    command = [arguments.python or PYTHON, __file__, "--run"]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            values = [datetime.date.today().isoformat(), commit(), machine(), *json.loads(line)]
            rows.append(dict(zip(COLUMNS, values)))
    if process.returncode:
        raise SystemExit(process.returncode)
    record((arguments.results or TARGET / "peers" / "small-tables").with_suffix(".csv"), COLUMNS, rows, tables)


if __name__ == "__main__":
    main()

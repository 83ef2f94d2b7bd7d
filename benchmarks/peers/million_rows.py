"""A million rows of a hundred features: `rewire train` for one epoch, reading included, beside one epoch of scikit-learn alone.

    python benchmarks/peers/million_rows.py

Both train 100-256-128-2 on 800,000 of the samples, with their default minibatches. rewire reads a CSV file, trains, and
measures the other 200,000; scikit-learn has the samples in memory. It comes from PyPI, by name, into the virtual environment
of `run.py`. A `--csv` that exists is taken, so that a second run need not write 750 MB.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time
import warnings

ROWS, FEATURES, DIFFERENT = 1_000_000, 100, 20_000


def samples():
    """Rows that differ, which are repeated, and their classes."""
    import numpy

    random = numpy.random.default_rng(0)
    X = random.normal(size=(DIFFERENT, FEATURES)).astype("float32")
    return X, (X @ random.normal(size=FEATURES) + 3 * X[:, 0] * X[:, 1] > 0).astype(int)


def write(path):
    """The file, each row fifty times, in another order each time."""
    import numpy

    X, y = samples()
    rows = [",".join(f"{value:.4f}" for value in x) + f",{label}\n" for x, label in zip(X.tolist(), y)]
    random = numpy.random.default_rng(1)
    with path.open("w") as file:
        file.write(",".join(f"f{at}" for at in range(FEATURES)) + ",label\n")
        for _ in range(ROWS // DIFFERENT):
            file.write("".join(rows[at] for at in random.permutation(DIFFERENT)))


def epoch_of_scikit_learn():
    """Seconds of one epoch on as many samples as rewire trains on."""
    import numpy
    from sklearn.neural_network import MLPClassifier

    # It says that one epoch is too few to converge.
    warnings.filterwarnings("ignore")
    X, y = samples()
    times = ROWS * 4 // 5 // DIFFERENT
    X, y = numpy.tile(X, (times, 1)), numpy.tile(y, times)
    started = time.perf_counter()
    MLPClassifier((256, 128), max_iter=1).fit(X, y)
    return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=pathlib.Path, help="the file of a run before, or where to write it")
    parser.add_argument("--python", type=pathlib.Path, help="an interpreter that has scikit-learn")
    parser.add_argument("--program", type=pathlib.Path, help="a release build of rewire; by default one is made")
    parser.add_argument("--run", choices=["write", "fit"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run == "write":
        write(arguments.csv)
        return
    if arguments.run == "fit":
        print(epoch_of_scikit_learn())
        return

    from run import PROGRAM, PYTHON, ROOT, commit, machine, pip

    python, program = arguments.python or PYTHON, arguments.program or PROGRAM
    if arguments.python is None:
        pip("scikit-learn")
    if arguments.program is None:
        subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "rewire"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.csv or pathlib.Path(folder) / "million.csv"
        if not file.exists():
            subprocess.run([python, __file__, "--run", "write", "--csv", file], check=True)
        command = [program.resolve(), "train", file.resolve(), *"--epochs 1 --hidden 256,128 --json --out run".split()]
        started = time.perf_counter()
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        ours = time.perf_counter() - started
    summary = json.loads(done.stdout)
    print(f"machine: {machine()}; commit {commit()}")
    print(f"rewire train, the whole command: {ours:.1f} s; test accuracy {100 * summary['test_accuracy']:.2f} %", flush=True)
    done = subprocess.run([python, __file__, "--run", "fit"], check=True, capture_output=True, text=True)
    print(f"scikit-learn's MLPClassifier, one epoch: {float(done.stdout):.1f} s")


if __name__ == "__main__":
    main()

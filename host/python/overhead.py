"""What Python costs over the program: time of CIFAR-10's training step, peak memory, and import.

    python host/python/overhead.py            # needs the package, target/release/rewire, and `rewire data fetch cifar10`

The step: epochs of the recipe for CIFAR-10, in `fit` and in `rewire train` in turn; both measure their own epochs. Memory:
by how much the process grows in a fit beyond the array and what `footprint` says. Import: `import rewire` in a new process,
less what Python itself takes to start; and an estimator, less scikit-learn, whose import it waits for.
"""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "rewire"
SAMPLES, EPOCHS = 6400, 4


def seconds(*arguments):
    """How long a process of Python runs."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return time.perf_counter() - started


def imported(ours, others, rounds):
    """Milliseconds of an import beyond others."""
    # The first time, Python compiles the files.
    subprocess.run([sys.executable, "-c", ours], check=True)
    return 1e3 * statistics.median(seconds("-c", ours) - seconds("-c", others) for _ in range(rounds))


def epochs_of_program(threads):
    """Training seconds of each epoch of the program."""
    with tempfile.TemporaryDirectory() as folder:
        flags = f"--epochs {EPOCHS} --train-samples {SAMPLES} --test-samples 10 --threads {threads} --monitor-interval 0"
        command = [PROGRAM, "train", "cifar10", *flags.split(), "--out", "run"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        with open(pathlib.Path(folder) / "run" / "metrics.csv", newline="") as file:
            return [float(row["train_seconds"]) for row in csv.DictReader(file)]


def epochs_of_package(threads):
    """Training seconds of each epoch of the package."""
    from rewire import SparseEvolutionaryClassifier, load_dataset, recipe

    (X, y), _ = load_dataset("cifar10")
    settings = {**recipe("cifar10"), "epochs": EPOCHS, "n_jobs": threads}
    return SparseEvolutionaryClassifier(**settings).fit(X[:SAMPLES], y[:SAMPLES]).history_["train_seconds"]


def peak():
    """The most memory that this process has had, in bytes."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def memory(kind):
    """What a fit takes beyond the array and the training state, in megabytes."""
    import numpy as np

    from rewire import SparseEvolutionaryClassifier, recipe

    random = np.random.RandomState(0)
    X = random.randint(256, size=(20_000, 3072), dtype=np.uint8).astype(kind)
    y = np.arange(len(X)) % 10
    # Libraries are there before, whoever uses them.
    small = SparseEvolutionaryClassifier(hidden=(10,), epochs=1).fit(X[:100], y[:100])
    small.predict(X[:10])
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    classifier = SparseEvolutionaryClassifier(**{**recipe("cifar10"), "epochs": 1}).fit(X, y)
    state = classifier.footprint()["everything to train"]
    return [number / 1e6 for number in (X.nbytes, state, peak() - before - state)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", metavar="TYPE", help=argparse.SUPPRESS)
    rounds, kind = vars(parser.parse_args()).values()
    if kind:
        array, state, more = memory(kind)
        print(f"memory, {kind}: array {array:.0f} MB, training state {state:.1f} MB, beyond both {more:.1f} MB")
        return
    estimator = "from rewire import SparseEvolutionaryClassifier"
    others = "import scipy.sparse, sklearn.base, sklearn.utils.validation"
    print(f"import: {imported('import rewire', 'pass', 3 * rounds):.0f} ms")
    print(f"an estimator beyond scikit-learn: {imported(estimator, others, rounds):.0f} ms")
    for kind in ("uint8", "float32"):
        subprocess.run([sys.executable, __file__, "--memory", kind], check=True)
    for threads in (1, 2):
        ours, others = [], []
        for _ in range(rounds):
            # The first epoch touches the memory.
            ours += epochs_of_package(threads)[1:]
            others += epochs_of_program(threads)[1:]
        steps = SAMPLES // 128
        ours, others = (1e3 * statistics.median(times) / steps for times in (ours, others))
        more = 100 * (ours / others - 1)
        print(f"step, threads {threads}: package {ours:.3f} ms, program {others:.3f} ms, {more:+.1f} %")


if __name__ == "__main__":
    main()

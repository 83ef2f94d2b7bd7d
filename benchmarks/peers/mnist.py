"""Times training on MNIST until 98.5 % of the test images are classified correctly: rewire, PyTorch and SparseLab in turn.

    python benchmarks/peers/mnist.py                       # each recipe in turn, each in a process of its own: new results
    python benchmarks/peers/mnist.py --only rewire         # one of them; its row is added to the results
    python benchmarks/peers/mnist.py --validate            # on 10,000 training images that are held out

Every recipe was chosen on held-out training images (`--validate`). A time begins with the images in memory and ends when
the accuracy after an epoch is reached; it contains the network's construction and the measurements after each epoch. The
images come with `rewire data fetch mnist`, the Python package from this checkout.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import time

TARGET_ACCURACY = 0.985
COLUMNS = ["date", "commit", "machine", "recipe", "version", "images", "threads", "epochs", "seconds", "accuracy"]

# Name: library, widths of the hidden layers, keywords of `train`.
RECIPES = {
    "PyTorch, dense, 2 x 512": ("PyTorch, dense", (512, 512), dict(epochs=10, batch=256, rate=2e-3)),
    "PyTorch, dense, 2 x 1000": ("PyTorch, dense", (1000, 1000), dict(epochs=8, batch=128, rate=1e-3)),
    "SparseLab, 2 x 1000": ("SparseLab", (1000, 1000), dict(epochs=10, batch=256, rate=2e-3)),
}


def images(validate):
    """Training images and those that are measured: of the test, or held out."""
    from rewire import load_dataset

    (X, y), test = load_dataset("mnist")
    return ((X[:50000], y[:50000]), (X[50000:], y[50000:])) if validate else ((X, y), test)


def rewire(validate):
    """The ten lines of docs/python.md."""
    from rewire import SparseEvolutionaryClassifier, recipe

    (X, y), (X_test, y_test) = images(validate)
    started = time.perf_counter()
    classifier = SparseEvolutionaryClassifier(
        **{**recipe("mnist"), "hidden": (1000, 1000), "epsilon": 60, "epochs": 14},
        image_shape=(28, 28),
        pixel_shift=1,
        callbacks=lambda row: row["test_accuracy"] >= TARGET_ACCURACY,
    )
    classifier.fit(X, y, X_val=X_test, y_val=y_test)
    return time.perf_counter() - started, classifier.n_iter_, classifier.history_["test_accuracy"][-1]


def train(library, hidden, validate, threads, epochs, batch, rate, dropout=0.2):
    """A network of PyTorch's or SparseLab's: Adam, cosine decay, dropout, images moved by up to a pixel."""
    import torch

    from networks import build, by_epsilon

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    (X, y), (X_test, y_test) = images(validate)
    started = time.perf_counter()
    X, X_test = (torch.from_numpy(part).float().div_(255) for part in (X, X_test))
    X, X_test = (part.sub_(0.1307).div_(0.3081) for part in (X, X_test))
    y, y_test = (torch.from_numpy(part.astype("int64")) for part in (y, y_test))
    padded = torch.nn.functional.pad(X.view(-1, 28, 28), (1, 1, 1, 1), value=X.min().item())
    moved = padded.unfold(1, 28, 1).unfold(2, 28, 1)
    widths = (784, *hidden, 10)
    model = build(library, widths, by_epsilon(widths, 60), dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (len(X) // batch))
    loss = torch.nn.CrossEntropyLoss()
    for epoch in range(1, epochs + 1):
        model.train()
        for picked in torch.randperm(len(X)).split(batch):
            if len(picked) < batch:
                continue
            rows, columns = torch.randint(3, (2, batch))
            optimizer.zero_grad(set_to_none=True)
            loss(model(moved[picked, rows, columns].reshape(batch, 784)), y[picked]).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(X_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch}: {accuracy:.4f}, {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
        if accuracy >= TARGET_ACCURACY:
            break
    return time.perf_counter() - started, epoch, accuracy


def tables(rows):
    """All rows of a CSV file as a table."""
    lines = ["# MNIST to 98.5 %, beside other libraries", ""]
    lines.append("- machines: " + "; ".join(sorted({row["machine"] for row in rows})))
    lines.append("- commits: " + ", ".join(sorted({row["commit"] for row in rows})))
    lines.append("- dates: " + ", ".join(sorted({row["date"] for row in rows})))
    lines.append("- written by `benchmarks/peers/mnist.py`, which says what is timed and has the recipes")
    lines += ["", "| recipe | version | images | threads | epochs | seconds | accuracy |", "|---|---|---|---|---:|---:|---:|"]
    for row in rows:
        accuracy = f"{100 * float(row['accuracy']):.2f} %"
        reached = "" if float(row["accuracy"]) >= TARGET_ACCURACY else ", not reached"
        cells = [row["recipe"], row["version"], row["images"], row["threads"], row["epochs"], row["seconds"]]
        lines.append(f"| {' | '.join(cells)} | {accuracy}{reached} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=["rewire", *RECIPES])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--as-installed", action="store_true", help="do not build the Python package again")
    parser.add_argument("--results", type=pathlib.Path, help="without extension")
    parser.add_argument("--run", choices=["rewire", *RECIPES], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        if arguments.run == "rewire":
            found = rewire(arguments.validate)
        else:
            library, hidden, keywords = RECIPES[arguments.run]
            found = train(library, hidden, arguments.validate, arguments.threads, **keywords)
        print(json.dumps(found))
        return

    from run import PYTHON, TARGET, commit, environment, installed, machine, record, recorded, with_package

    environment(None)
    if not arguments.as_installed:
        with_package()
    file = (arguments.results or TARGET / "peers" / "mnist").with_suffix(".csv")
    # A run of all recipes is one table: rows of before are none of it.
    rows = recorded(file) if arguments.only else []
    for recipe in arguments.only or ["rewire", *RECIPES]:
        command = [PYTHON, __file__, "--run", recipe, "--threads", str(arguments.threads)]
        command += ["--validate"] * arguments.validate
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seconds, epochs, accuracy = json.loads(done.stdout.splitlines()[-1])
        package = {"rewire": "rewire", "PyTorch": "torch"}.get(recipe.split(",")[0], "sparselab")
        shown = "held out" if arguments.validate else "test"
        values = [
            datetime.date.today(), commit(), machine(), recipe, installed(package), shown, arguments.threads, epochs,
            f"{seconds:.1f}", f"{accuracy:.4f}",
        ]  # fmt: skip
        rows.append(dict(zip(COLUMNS, map(str, values))))
        print(f"{recipe}: {seconds:.1f} s, {epochs} epochs, {100 * accuracy:.2f} %", flush=True)
        record(file, COLUMNS, rows, tables)


if __name__ == "__main__":
    main()

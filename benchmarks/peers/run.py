"""Times a training step of rewire beside PyTorch, SparseLab and SparseProp: in turn, in one run, on this machine.

    python benchmarks/peers/run.py                               # every network, every batch
    python benchmarks/peers/run.py --network mnist --batch 32    # one of them; rows are added to the results
    python benchmarks/peers/run.py --quick                       # fewer rounds of fewer steps
    python benchmarks/peers/run.py --sparseprop PATH             # SparseProp too, from a checkout of its repository

PyTorch and SparseLab come from PyPI, by name, into a virtual environment under `target/`. All libraries train the same
network with as many connections: forward, backward and update with momentum, ReLU, no dropout, one minibatch that stays in
memory. Rounds are interleaved; a number is the median over rounds of the median step. `results` are a CSV file, one row for
each library, and the tables of all its rows in Markdown.
"""

import argparse
import csv
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

from networks import BATCHES, LIBRARIES, MOMENTUM, SHAPES, network

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
VENV = TARGET / "peers" / "venv"
PYTHON = VENV / "bin" / "python"
PROGRAM = TARGET / "release" / "rewire"
COLUMNS = [
    "date", "commit", "machine", "network", "connections", "batch", "threads", "library", "version",
    "median_ms", "min_ms", "max_ms", "rounds", "steps",
]  # fmt: skip


def pip(*words, **options):
    """Installs packages into the virtual environment; what is there already stays."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*command, *words], check=True, **options)


def environment(sparseprop):
    """The virtual environment with the peers."""
    if installed("sparselab") is None:
        print("installing PyTorch and SparseLab: some gigabytes", file=sys.stderr)
        pip("torch", "sparselab")
    if sparseprop and installed("sparseprop") is None:
        pip("setuptools", "pybind11", "scipy")
        # Its setup calls the `pip` and `python3` of the path.
        path = {**os.environ, "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"}
        pip("--no-deps", "--no-build-isolation", sparseprop.resolve(), env=path)


def with_package():
    """The Python package of this checkout, in the same environment."""
    pip(ROOT / "host" / "python", env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})


def installed(package):
    """The version of a package in the virtual environment, None where it is not there."""
    if not PYTHON.exists():
        return None
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


class Rewire:
    """The program's own measurement, started anew for each round."""

    def __init__(self, program, threads):
        flags = f"bench --json --step-only --activation relu --dropout 0 --momentum {MOMENTUM} --threads {threads}"
        self.command = [program, *flags.split()]

    def time(self, described, steps):
        widths, connections = described.widths, ",".join(map(str, described.connections))
        hidden = ",".join(map(str, widths[1:-1]))
        flags = f"--inputs {widths[0]} --hidden {hidden} --outputs {widths[-1]} --connections {connections}"
        command = [*self.command, *flags.split(), "--batch-size", str(described.batch), "--steps", str(steps)]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert (report["network"], report["connections"]) == (described.shape, sum(described.connections)), report
        return report["rows"][0]["median_ms"]


class Peer:
    """A process of another library, which waits between rounds."""

    def __init__(self, library, threads):
        self.process = subprocess.Popen(
            [PYTHON, pathlib.Path(__file__).with_name("networks.py"), library, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
        )

    def time(self, described, steps):
        self.process.stdin.write(json.dumps((steps, dataclasses.asdict(described))) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a peer ended with exit code {self.process.wait()}; what it said is above")
        return float(line)


def measure(subjects, described, rounds, seconds):
    """Median, minimum and maximum over rounds of each library's median step, in milliseconds, and the steps of a round."""
    # A round of each takes about as long.
    steps = {}
    for name, subject in subjects.items():
        subject.time(described, 1)
        steps[name] = max(3, min(1000, round(1e3 * seconds / subject.time(described, 3))))
    times = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            times[name].append(subject.time(described, steps[name]))
    return {name: (statistics.median(found), min(found), max(found), steps[name]) for name, found in times.items()}


def machine():
    """The processor, and how many there are."""
    name = platform.processor() or platform.machine()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        value = lambda key: next(line.split(":")[1].strip() for line in lines if line.startswith(key))
        # Generations of a processor may share their name.
        name = f"{value('model name')} (family {value('cpu family')})"
        flags = next(line for line in lines if line.startswith("flags")).split()
        name += ", AVX-512" if "avx512f" in flags else ", AVX2" if "avx2" in flags else ""
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} processors"


def commit():
    """The commit that is checked out, with a plus where files differ from it."""
    git = lambda *words: subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "core", "host")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def recorded(file):
    """The rows of a CSV file; none where it is not there yet."""
    return list(csv.DictReader(file.open(newline=""))) if file.exists() else []


def record(file, columns, rows, tables):
    """Writes rows to a CSV file, and their tables in Markdown beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as written:
        writer = csv.DictWriter(written, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    file.with_suffix(".md").write_text(tables(rows))


def tables(rows):
    """All rows of a CSV file as tables."""
    lines = ["# One training step, beside other libraries", ""]
    versions = sorted({(row["library"], row["version"]) for row in rows})
    lines.append("- machines: " + "; ".join(sorted({row["machine"] for row in rows})))
    lines.append("- versions: " + ", ".join(f"{library} {version}" for library, version in versions))
    lines.append("- commits: " + ", ".join(sorted({row["commit"] for row in rows})))
    lines.append("- dates: " + ", ".join(sorted({row["date"] for row in rows})))
    lines.append("- written by `benchmarks/peers/run.py`, which says what is timed")
    lines += ["", "Milliseconds: median (minimum to maximum) of the rounds' medians. `×`: times rewire's median. A library on"]
    lines += ["at most two threads is taken with one or two, whichever is faster. Of a measurement that was repeated, the run in"]
    lines += ["the middle.", ""]
    names = ["rewire", *(name for name in LIBRARIES if any(row["library"] == name for row in rows))]
    lines.append("| network | connections | batch | threads | " + " | ".join(names) + " |")
    lines.append("|---|---:|---:|---|" + "---:|" * len(names))
    keys = list(dict.fromkeys((row["network"], row["connections"], row["batch"]) for row in rows))
    for key in sorted(keys, key=lambda key: (key[0] != keys[0][0], key[0], -int(key[2]))):
        of_network = [row for row in rows if (row["network"], row["connections"], row["batch"]) == key]
        for most in sorted({int(row["threads"]) for row in of_network}):
            repeats = {}
            for row in of_network:
                if int(row["threads"]) <= most:
                    repeats.setdefault((row["library"], row["threads"]), []).append(row)
            best = {}
            for (library, _), of_library in repeats.items():
                # Of a measurement that was repeated, the run in the middle.
                row = sorted(of_library, key=lambda row: float(row["median_ms"]))[len(of_library) // 2]
                if library not in best or float(row["median_ms"]) < float(best[library]["median_ms"]):
                    best[library] = row
            cells = [cell(best.get(name), best["rewire"], most) for name in names]
            label = "1" if most == 1 else f"at most {most}"
            lines.append(f"| {' | '.join(key)} | {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(row, ours, most):
    """A library's time, and how many times ours it is."""
    if row is None:
        return "not measured"
    median, least, largest = (float(row[column]) for column in ("median_ms", "min_ms", "max_ms"))
    digits = 1 if median >= 10 else 2 if median >= 1 else 3
    text = f"{median:.{digits}f} ({least:.{digits}f} to {largest:.{digits}f})"
    if row is not ours:
        text += f", {median / float(ours['median_ms']):.1f} ×"
    return text + (" on 1" if most > 1 and row["threads"] == "1" else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=list(SHAPES), help="by default all")
    parser.add_argument("--batch", action="append", type=int, help="samples in a minibatch; by default 1 to 128")
    parser.add_argument("--threads", action="append", type=int, help="by default 1 and 2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each library in a round")
    parser.add_argument("--quick", action="store_true", help="5 rounds of a third of a second")
    parser.add_argument("--without-dense", action="store_true", help="leave PyTorch's dense network out")
    parser.add_argument("--sparseprop", type=pathlib.Path, metavar="PATH", help="a checkout of SparseProp")
    parser.add_argument("--program", type=pathlib.Path, help="a release build of rewire; by default one is made")
    parser.add_argument("--results", type=pathlib.Path, default=TARGET / "peers" / "results", help="without extension")
    arguments = parser.parse_args()
    rounds, seconds = (5, 0.3) if arguments.quick else (arguments.rounds, arguments.seconds)

    environment(arguments.sparseprop)
    program = arguments.program or PROGRAM
    if arguments.program is None:
        subprocess.run(["cargo", "build", "--quiet", "--release", "--bin", "rewire"], cwd=ROOT, check=True)
    rust = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    versions = {"rewire": rust, "PyTorch, dense": installed("torch"), "SparseLab": installed("sparselab")}
    libraries = [name for name in LIBRARIES if name != "PyTorch, dense" or not arguments.without_dense]
    if installed("sparseprop") is None:
        libraries.remove("SparseProp")
    else:
        versions["SparseProp"] = installed("sparseprop")

    file = arguments.results.with_suffix(".csv")
    rows = recorded(file)
    subjects = {}
    for threads in arguments.threads or (1, 2):
        subjects[threads] = {"rewire": Rewire(program, threads)}
        subjects[threads].update({library: Peer(library, threads) for library in libraries})
    for name in arguments.network or SHAPES:
        for batch in arguments.batch or sorted(BATCHES, reverse=True):
            described = network(name, batch)
            for threads, of_threads in subjects.items():
                for library, times in measure(of_threads, described, rounds, seconds).items():
                    median, least, largest, steps = times
                    values = [
                        datetime.date.today(), commit(), machine(), described.shape, sum(described.connections), batch,
                        threads, library, versions[library], f"{median:.4f}", f"{least:.4f}", f"{largest:.4f}", rounds,
                        steps,
                    ]  # fmt: skip
                    rows.append(dict(zip(COLUMNS, map(str, values))))
                    print(f"{described.shape}, batch {batch}, threads {threads}: {library} {median:.3f} ms", flush=True)
                # After each network, so that what was measured stays.
                record(file, COLUMNS, rows, tables)


if __name__ == "__main__":
    main()

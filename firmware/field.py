#!/usr/bin/env python3
"""Writes the recordings that the program `field` learns from, into the folder that is named first.

usage: field.py FOLDER WHEEL_OF_AEON WHEEL_OF_SCIKIT_LEARN

The wheels come from `pip download --no-deps aeon scikit-learn`; nothing of them is run. It needs Python alone.

  motions-train.csv, motions-test.csv  BasicMotions: statistics of six axes, and the activity
  motions-turned.bin                   its test windows, as a watch delivers them that is mounted turned
  calm.bin                             windows of standing, walking and running to learn; of all four activities to measure
  digits.bin                           digits of 8 x 8 pixels
"""

import gzip
import math
import pathlib
import struct
import sys
import zipfile


def motions(wheel, part):
    """Windows [axis][time] and their activity."""
    text = wheel.read(f"aeon/datasets/data/BasicMotions/BasicMotions_{part}.ts").decode()
    for line in text.splitlines():
        if line and line[0] not in "#@":
            *axes, activity = line.split(":")
            yield [[float(value) for value in axis.split(",")] for axis in axes], activity


def turned(axes):
    """What a watch measures that is mounted turned by 90 degrees around its first axis and its second."""
    x, y, z, a, b, c = axes
    negative = lambda axis: [-value for value in axis]
    return [z, negative(x), negative(y), c, negative(a), negative(b)]


def statistics(axes):
    """Of each axis mean, logarithm of deviation and of mean change, least and largest value."""
    for axis in axes:
        mean = sum(axis) / len(axis)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in axis) / len(axis))
        change = sum(abs(b - a) for a, b in zip(axis, axis[1:])) / (len(axis) - 1)
        yield from (mean, math.log(1e-3 + deviation), math.log(1e-3 + change), min(axis), max(axis))


def windows(axes, step):
    """Windows of 20 readings of the three axes of the acceleration, one every `step` readings."""
    readings = list(zip(*axes[:3]))
    for start in range(0, len(readings) - 19, step):
        yield [value for reading in readings[start : start + 20] for value in reading]


NAMES = [f"{axis} {what}" for axis in ("ax", "ay", "az", "gx", "gy", "gz") for what in ("mean", "deviation", "change", "min", "max")]


def table(path, rows):
    """A CSV file."""
    lines = [",".join(NAMES + ["activity"])]
    lines += [",".join([*map(repr, features), activity]) for features, activity in rows]
    path.write_text("\n".join(lines) + "\n")


def recording(path, learned, measured):
    """What `field` reads: features, samples of both parts, 0; then of each sample its label and its features."""
    samples = learned + measured
    width = len(samples[0][1])
    words = [struct.pack("<4I", width, len(learned), len(measured), 0)]
    words += [struct.pack(f"<I{width}f", label, *features) for label, features in samples]
    path.write_bytes(b"".join(words))


def main():
    folder, aeon, sklearn = pathlib.Path(sys.argv[1]), zipfile.ZipFile(sys.argv[2]), zipfile.ZipFile(sys.argv[3])
    train, test = (list(motions(aeon, part)) for part in ("TRAIN", "TEST"))
    table(folder / "motions-train.csv", [(list(statistics(axes)), activity) for axes, activity in train])
    table(folder / "motions-test.csv", [(list(statistics(axes)), activity) for axes, activity in test])
    activities = sorted({activity for _, activity in train})
    other = [(activities.index(activity), list(statistics(turned(axes)))) for axes, activity in test]
    recording(folder / "motions-turned.bin", other[:20], other[20:])

    calm = ("Standing", "Walking", "Running")
    normal = [(0, window) for axes, activity in train if activity in calm for window in windows(axes, 10)]
    mixed = [(int(activity not in calm), window) for axes, activity in test for window in windows(axes, 20)]
    recording(folder / "calm.bin", normal, mixed)

    rows = gzip.decompress(sklearn.read("sklearn/datasets/data/digits.csv.gz")).decode().split()
    digits = [[float(value) for value in row.split(",")] for row in rows]
    recording(folder / "digits.bin", [(int(row[64]), row[:64]) for row in digits], [])


if __name__ == "__main__":
    main()

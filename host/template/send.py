#!/usr/bin/env python3
"""Sends the rows of a CSV file to the program over a serial line and prints what it says of them.

    python3 send.py PORT FILE [--predict]

PORT is HOST:PORT of the emulator, or the serial device of a board, such as /dev/ttyACM0. FILE has the columns of the file
that the network was trained on, in their order. The program learns each row, unless --predict is given: then a row needs
no answer in its last column. `src/windows.rs` describes the frames on the line. Needs Python alone.
"""

import csv
import math
import os
import select
import socket
import struct
import sys
import zlib

TASK = "{{task}}"
INPUTS = {{inputs}}
OUTPUTS = {{outputs}}
# "B" where features are bytes, else "f".
FEATURE = "{{feature_code}}"
NAMES = {{names}}
# Output to number: mean and factor by which it was scaled.
MEAN = {{target_mean}}
FACTOR = {{target_factor}}

HELLO, PREDICT, LEARN, END, REFUSED = 0, 1, 2, 3, 255
SECONDS, ATTEMPTS = 10, 3


def encode(data):
    """COBS, and the zero that ends a frame."""
    out, block = bytearray(), bytearray()
    for byte in data:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block = bytearray()
    # A block of 254 stands for no zero, but one of fewer bytes does, so a last one always follows.
    return bytes(out + bytes([len(block) + 1]) + block + b"\0")


def decode(line):
    out, at = bytearray(), 0
    while at < len(line):
        code = line[at]
        out += line[at + 1 : at + code]
        at += code
        if code < 255 and at < len(line):
            out.append(0)
    return bytes(out)


class Line:
    def __init__(self, port):
        host, _, number = port.rpartition(":")
        if host and number.isdigit():
            self.file = socket.create_connection((host, int(number)), 10).detach()
        else:
            import termios
            import tty

            self.file = os.open(port, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(self.file)
            speeds = termios.tcgetattr(self.file)
            speeds[4] = speeds[5] = termios.B115200
            termios.tcsetattr(self.file, termios.TCSANOW, speeds)
        self.waiting = b""
        self.number = 0

    def frame(self):
        """The next frame that arrives whole, or None."""
        while True:
            line, zero, rest = self.waiting.partition(b"\0")
            if zero:
                self.waiting = rest
                data = decode(line)
                if len(data) >= 6 and zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little"):
                    return data[0], data[1], data[2:-4]
                continue
            if not select.select([self.file], [], [], SECONDS)[0]:
                return None
            data = os.read(self.file, 4096)
            if not data:
                sys.exit("send.py: the line was closed")
            self.waiting += data

    def ask(self, kind, payload=b""):
        self.number = self.number % 255 + 1
        question = bytes([kind, self.number]) + payload
        question = encode(question + zlib.crc32(question).to_bytes(4, "little"))
        for _ in range(ATTEMPTS):
            # The zero ends what the line had before.
            data = b"\0" + question
            while data:
                data = data[os.write(self.file, data) :]
            while answer := self.frame():
                if answer[:2] == (kind + 128, self.number):
                    return answer[2]
                if answer[0] == REFUSED and answer[2] in (b"\3", b"\4"):
                    sys.exit("send.py: the program does not know such a frame; it was exported from another run")
                if answer[0] == REFUSED:
                    break
        sys.exit("send.py: no answer")


def say(outputs, row):
    if TASK == "classify":
        most = max(outputs)
        weights = [math.exp(output - most) for output in outputs]
        best = outputs.index(most)
        return f"{NAMES[best]}, probability {weights[best] / sum(weights):.4f}"
    if TASK == "regress":
        return ", ".join(
            f"{name} {output / factor + mean:.6g}" for name, output, mean, factor in zip(NAMES, outputs, MEAN, FACTOR)
        )
    return "sent"


def known(row):
    if TASK == "classify":
        return struct.pack("<H", NAMES.index(row[-1]))
    if TASK == "regress":
        return struct.pack(f"<{OUTPUTS}f", *map(float, row[-OUTPUTS:]))
    return b""


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--predict"]
    learns = len(arguments) == len(sys.argv) - 1
    if len(arguments) != 2:
        sys.exit(__doc__)
    line = Line(arguments[0])
    version, _, size, inputs, outputs = struct.unpack("<BBBII", line.ask(HELLO))
    if (version, size, inputs, outputs) != (1, struct.calcsize(FEATURE), INPUTS, OUTPUTS):
        sys.exit("send.py: the program is another one than this file belongs to")
    with open(arguments[1], newline="") as file:
        rows = list(csv.reader(file))
    if rows and not is_number(rows[0][0]):
        rows = rows[1:]
    for number, row in enumerate(rows):
        try:
            features = [float(cell) for cell in row[:INPUTS]]
            features = struct.pack(f"<{INPUTS}{FEATURE}", *(features if FEATURE == "f" else map(int, features)))
            question = features + (known(row) if learns else b"")
        except (ValueError, IndexError, struct.error) as error:
            sys.exit(f"send.py: {arguments[1]}, sample {number + 1}: {error}")
        answer = line.ask(LEARN if learns else PREDICT, question)
        outputs = struct.unpack(f"<{OUTPUTS}f", answer[1:])
        print(f"{say(outputs, row)}{', learned' if answer[0] else ''}", flush=True)
    if learns:
        line.ask(END)


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


main()

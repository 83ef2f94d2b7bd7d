"""The networks that are timed, and one library's training step of one of them.

As a program, `python networks.py LIBRARY THREADS` reads lines `[STEPS, NETWORK]` of JSON, and answers each with the median
time of so many steps of the network in milliseconds.
"""

import dataclasses
import json
import statistics
import sys
import time
import warnings

LEARNING_RATE = 0.01
MOMENTUM = 0.9


@dataclasses.dataclass(frozen=True)
class Network:
    """Widths of all layers, connections of each, and samples in a minibatch."""

    name: str
    widths: tuple
    connections: tuple
    batch: int

    @property
    def shape(self):
        return "-".join(map(str, self.widths))


def by_epsilon(widths, epsilon=20):
    """Connections of each layer: `epsilon * (inputs + outputs)`, at most all of them."""
    return tuple(min(a * b, epsilon * (a + b)) for a, b in zip(widths, widths[1:]))


def by_density(widths, density):
    """Connections of each layer but the last, which is dense."""
    pairs = list(zip(widths, widths[1:]))
    return (*(round(density * a * b) for a, b in pairs[:-1]), pairs[-1][0] * pairs[-1][1])


CIFAR10 = (3072, 4000, 1000, 4000, 10)
MNIST = (784, 1000, 1000, 1000, 10)
WIDE = (784, 1568, 1568, 1568, 10)
SHAPES = {
    "cifar10": (CIFAR10, by_epsilon(CIFAR10)),
    "mnist": (MNIST, by_epsilon(MNIST)),
    "sparse99": (WIDE, by_density(WIDE, 0.01)),
}
BATCHES = (1, 16, 32, 64, 128)


def network(name, batch):
    """A network of the list."""
    widths, connections = SHAPES[name]
    return Network(name, widths, connections, batch)


def sparse_weights(inputs, outputs, connections):
    """A matrix [outputs, inputs] with exactly so many weights that are not 0."""
    import torch

    weights = torch.zeros(outputs * inputs)
    places = torch.randperm(outputs * inputs)[:connections]
    bound = (outputs / connections) ** 0.5
    # Never 0: every place is a connection.
    weights[places] = (torch.rand(connections) + 1e-3) * bound * torch.randn(connections).sign()
    return weights.reshape(outputs, inputs)


def pytorch(inputs, outputs, connections):
    """A dense layer, whatever the number of connections."""
    import torch

    return torch.nn.Linear(inputs, outputs)


def sparselab(inputs, outputs, connections):
    """A sparse layer of SparseLab without room for more connections: less to update."""
    import numpy
    import torch
    from sparselab import PaddedCSR, SparseLinear

    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
    # The constructor draws a number of connections; here it is the same as the others'.
    layer = SparseLinear(inputs, outputs, sparsity=1 - connections / (inputs * outputs), padding_ratio=0.0)
    layer._csr = PaddedCSR.from_dense(sparse_weights(inputs, outputs, connections), padding_ratio=0.0)
    layer._values = torch.nn.Parameter(torch.from_numpy(numpy.asarray(layer._csr.values)))
    assert layer.nnz == connections
    return layer


def sparseprop(inputs, outputs, connections):
    """A sparse layer of SparseProp."""
    import torch
    from sparseprop.modules import SparseLinear

    bias = torch.nn.Parameter(torch.zeros(outputs))
    layer = SparseLinear(sparse_weights(inputs, outputs, connections), bias)
    assert len(layer.W_val) == connections
    return layer


LIBRARIES = {"PyTorch, dense": pytorch, "SparseLab": sparselab, "SparseProp": sparseprop}


def build(library, widths, connections, dropout=0.0):
    """A classifier. A layer with all its connections is PyTorch's own, which is the fastest for it."""
    import torch

    layers, pairs = [], list(zip(widths, widths[1:], connections))
    for last, (inputs, outputs, count) in enumerate(pairs, 1 - len(pairs)):
        kind = pytorch if count == inputs * outputs else LIBRARIES[library]
        layers.append(kind(inputs, outputs, count))
        if last:
            # SparseProp's outputs are views that must not be written.
            layers.append(torch.nn.ReLU(inplace=library != "SparseProp"))
            if dropout:
                layers.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*layers)


def trainer(library, described):
    """A function that does one training step."""
    import torch

    torch.manual_seed(1)
    model = build(library, described.widths, described.connections)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, fused=True)
    loss = torch.nn.CrossEntropyLoss()
    x = torch.randn(described.batch, described.widths[0])
    y = torch.arange(described.batch) % described.widths[-1]

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(model(x), y).backward()
        optimizer.step()

    return step


def main():
    import torch

    torch.set_num_threads(int(sys.argv[2]))
    torch.set_flush_denormal(True)
    described = None
    for line in sys.stdin:
        steps, asked = json.loads(line)
        if asked != described:
            described, step = asked, trainer(sys.argv[1], Network(**asked))
        for _ in range(3):
            step()
        times = []
        for _ in range(steps):
            started = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - started))
        print(statistics.median(times), flush=True)


if __name__ == "__main__":
    main()

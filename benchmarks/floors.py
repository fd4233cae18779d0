"""What a training step of DRepMRec cannot be faster than, by its operations and by its bytes.

    python benchmarks/floors.py [--users 19446] [--items 7051] [--interactions 118551]

Counts the products of one step (batch 2,048, d = 64, 2 layers, 10 neighbours) and the bytes that
its sparse products, its InfoNCE, its tables and Adam must move, then measures how fast this
machine multiplies and copies. The quotients are floors: the larger one bounds the step, as far as
the data do not fit in its caches.
"""

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

D, LAYERS, NEIGHBOURS, PAIRS = 64, 2, 11, 2048
FLOAT = 4


class Part(NamedTuple):
    """A part of the step: floating-point operations and bytes."""

    name: str
    operations: float
    moved: float


def product(n_edges: int, n_rows: int) -> tuple[float, float]:
    """Of a sparse product: an edge reads a row, its index and its weight; a row is written."""
    return 2 * n_edges * D, n_edges * (D * FLOAT + 8) + n_rows * D * FLOAT


def parts(users: int, items: int, interactions: int, features: list[int]) -> list[Part]:
    """What each part of a step computes and moves, forward and backward."""
    nodes = users + items
    gcn = [2 * LAYERS * value for value in product(2 * interactions, nodes)]
    knn = [2 * len(features) * value for value in product(NEIGHBOURS * items, items)]
    means = [2 * value for value in product(interactions, users)]
    table = items * D * FLOAT
    gates = sum(4 * items * d_m * D for d_m in features)
    signal = sum(4 * items * D * D + 4 * items * d_m * D for d_m in features)
    of_features = sum(items * d_m * FLOAT for d_m in features)
    distinct = (min(users, 0.93 * PAIRS), min(items, 0.71 * PAIRS))  # of Baby's batches
    contrast = sum(4 * n * n * D for n in distinct)
    parameters = (nodes + items) * D
    return [
        Part("LightGCN, both ways", *gcn),
        Part("item graphs, both ways", *knn),
        Part("users' means, both ways", *means),
        Part("filter gates", gates, 2 * of_features + 6 * len(features) * table),
        Part("SSS and its gradient", signal, 2 * of_features + 6 * len(features) * table),
        Part("InfoNCE and its gradient", contrast, sum(5 * n * n * FLOAT for n in distinct)),
        Part("Adam", 10 * parameters, 7 * parameters * FLOAT),
    ]


def best(work: Callable[[], object], rounds: int = 20) -> float:
    """The least seconds of some rounds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print each part, the sums, this machine's speeds and the floors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=19_446)
    parser.add_argument("--items", type=int, default=7_051)
    parser.add_argument("--interactions", type=int, default=118_551)
    parser.add_argument("--features", type=int, nargs="+", default=[128, 128])
    given = parser.parse_args()
    found = parts(given.users, given.items, given.interactions, given.features)
    print("| part | operations, million | moved, MB |\n|---|---|---|")
    for part in found:
        print(f"| {part.name} | {part.operations / 1e6:.0f} | {part.moved / 1e6:.0f} |")
    operations, moved = sum(p.operations for p in found), sum(p.moved for p in found)
    print(f"| all | {operations / 1e6:.0f} | {moved / 1e6:.0f} |\n")
    left, right = torch.randn(2048, 2048), torch.randn(2048, 2048)
    speed = 2 * 2048**3 / best(lambda: left @ right)
    table = torch.randn(2**25)  # 128 MiB: past the caches
    target = torch.empty_like(table)
    bandwidth = 2 * table.nbytes / best(lambda: target.copy_(table))
    print(
        f"{torch.get_num_threads()} threads: {speed / 1e9:.0f} G operations/s, "
        f"{bandwidth / 1e9:.1f} GB/s; floors {1e3 * operations / speed:.1f} ms by operations, "
        f"{1e3 * moved / bandwidth:.1f} ms by bytes"
    )


if __name__ == "__main__":
    main()

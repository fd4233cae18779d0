"""A training step of DRepMRec against what it cannot be faster than, by operations and by bytes.

    python benchmarks/floors.py [--device cuda] [--data FOLDER]

Counts the products of one step on Amazon Baby (batch 2,048, d = 64, 2 layers, 10 neighbours), or on
a generated set of its sizes, and the bytes that its sparse products, its InfoNCE and softmax, its
tables and Adam must move. Then it measures how fast the device multiplies and copies, and a step.
The quotients are floors: the larger one bounds the step, as far as the data do not fit in its
caches.
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import speed
import torch

from recbole_drepmrec import fixed_shapes
from recbole_drepmrec.nn.distinct_ids import MOST_PAIRS

D, LAYERS, NEIGHBOURS = 64, 2, 11
FLOAT = 4


class Part(NamedTuple):
    """A part of the step: floating-point operations and bytes."""

    name: str
    operations: float
    moved: float


class Read(NamedTuple):
    """What a step's batch reads.

    Attributes:
        nodes: Distinct users and items, and their edges in the user-item graph.
        users: Distinct users, and their edges.
        contrasted: Products of two vectors of one InfoNCE, over the parts of the batch.
        ranked: The same of one softmax.
    """

    nodes: tuple[int, int]
    users: tuple[int, int]
    contrasted: float
    ranked: float


def read_by(model: Any, batch: Any) -> Read:
    """Count a batch's rows; on a GPU, whose shapes are fixed, products are of all rows."""
    ids = model.batch_ids(batch)
    degrees = model.behavior_line.adjacency.crow.diff()
    n_users = len(model.behavior_line.user_embedding)
    users, items = torch.unique(ids[0]), n_users + torch.unique(torch.cat(ids[1:]))
    if fixed_shapes.has_fixed_shapes(ids[0].device):
        users, items = torch.arange(n_users), torch.arange(n_users, len(degrees))
    nodes = torch.cat([users, items])
    parts = [[len(torch.unique(part)) for part in torch.split(one, MOST_PAIRS)] for one in ids]
    pairs = [len(part) for part in torch.split(ids[0], MOST_PAIRS)]
    return Read(
        (len(nodes), int(degrees[nodes].sum())),
        (len(users), int(degrees[users].sum())),
        sum(n * n for of_one in parts[:2] for n in of_one),
        sum(n * k for n, k in zip(pairs, parts[2], strict=True)),
    )


def product(n_edges: int, n_rows: int) -> tuple[float, float]:
    """Of a sparse product: an edge reads a row, its index and its weight; a row is written."""
    return 2 * n_edges * D, n_edges * (D * FLOAT + 8) + n_rows * D * FLOAT


def parts(users: int, items: int, interactions: int, features: list[int], read: Read) -> list[Part]:
    """What each part of a step computes and moves, forward and backward."""
    nodes = users + items
    whole, last = product(2 * interactions, nodes), product(read.nodes[1], read.nodes[0])
    gcn = [2 * ((LAYERS - 1) * one + other) for one, other in zip(whole, last, strict=True)]
    knn = [2 * len(features) * value for value in product(NEIGHBOURS * items, items)]
    means = [2 * value for value in product(read.users[1], read.users[0])]
    table = items * D * FLOAT
    gates = sum(4 * items * d_m * D + 6 * items * D * D for d_m in features)
    signal = sum(4 * items * D * D + 4 * items * d_m * D for d_m in features)
    of_features = sum(items * d_m * FLOAT for d_m in features)
    parameters = (nodes + items) * D + 2 * items
    return [
        Part("LightGCN, both ways", *gcn),
        Part("item graphs, both ways", *knn),
        Part("users' means, both ways", *means),
        Part("filter gates", gates, 2 * of_features + 6 * len(features) * table),
        Part("SSS and its gradient", signal, 2 * of_features + 6 * len(features) * table),
        Part("InfoNCE and its gradient", 4 * read.contrasted * D, 5 * read.contrasted * FLOAT),
        Part(
            "softmax of each line, gradients", 2 * 6 * read.ranked * D, 2 * 6 * read.ranked * FLOAT
        ),
        Part("Adam", 10 * parameters, 7 * parameters * FLOAT),
    ]


def best(work: Callable[[], object], device: torch.device, rounds: int = 20) -> float:
    """The least seconds of some rounds, the device having finished each."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return min(times)


def step_of(run: Any, batch: Any) -> Callable[[], object]:
    """A training step on one batch."""
    trainer = speed.trainer_of(run, stock=False)

    def step() -> None:
        trainer.optimizer.zero_grad()
        trainer.model.calculate_loss(batch).backward()
        trainer.optimizer.step()

    return step


def print_floors(device_name: str) -> None:
    """Measure in the working folder, and print each part, the speeds, the floors and the step."""
    run = speed.prepared("DRepMRec", stock=False, use_gpu=device_name == "cuda")
    train, device = run.train_data._dataset, run.config["device"]
    features = [one.values.shape[1] for one in train.prepared_features("none").values()]
    batch = next(iter(run.train_data)).to(device)
    read = read_by(run.model, batch)
    found = parts(train.user_num, train.item_num, len(train), features, read)
    print("| part | operations, million | moved, MB |\n|---|---|---|")
    for part in found:
        print(f"| {part.name} | {part.operations / 1e6:.0f} | {part.moved / 1e6:.0f} |")
    operations, moved = sum(p.operations for p in found), sum(p.moved for p in found)
    print(f"| all | {operations / 1e6:.0f} | {moved / 1e6:.0f} |\n")
    left = torch.randn(2048, 2048, device=device)
    multiplied = 2 * 2048**3 / best(lambda: left @ left, device)
    table = torch.randn(2**25, device=device)  # 128 MiB: past the caches of most
    target = torch.empty_like(table)
    copied = 2 * table.nbytes / best(lambda: target.copy_(table), device)
    floor = max(operations / multiplied, moved / copied)
    step = best(step_of(run, batch), device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(
        f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}: "
        f"{multiplied / 1e9:.0f} G operations/s, {copied / 1e9:.1f} GB/s\n"
        f"floors: {1e3 * operations / multiplied:.2f} ms by operations, "
        f"{1e3 * moved / copied:.2f} ms by bytes\n"
        f"a step: {1e3 * step:.2f} ms, {step / floor:.1f} times the larger floor"
    )


def main() -> None:
    """Make the data set in a temporary folder, and measure there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--data", default=os.environ.get("RECBOLE_DREPMREC_DATA"))
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device is cuda, but torch finds no GPU here")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as temporary:
        speed.prepare_data(options.data, Path(temporary))
        os.chdir(temporary)
        print_floors(options.device)
        os.chdir(Path(__file__).parent)  # Windows removes no folder that is in use


if __name__ == "__main__":
    main()

"""How time and memory grow with the data: 0.1, 1 and 10 million interactions, and the slopes.

    python benchmarks/scale.py [--interactions 100000 1000000 10000000] [--plot FILE.png]
                               [--features_on host]

The sets are generated: a tenth as many users as interactions, as many items up to a million, both
of power-law activity, and 64 features an item. Each is measured in a process of its own. An epoch
is a mean training step times the number of steps, and an evaluation a mean block of users times
the number of blocks, because the largest take hours; a batch has a fiftieth of the pairs, because
a step reads the whole graph whatever the batch. The slope is that of a line through the
logarithms: 1 is linear. Large sets find the item graph by an index, and 500 items tell which share
of the exact neighbours it finds.
"""

import argparse
import json
import logging
import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

N_FEATURES, MOST_ITEMS, STEPS, BLOCKS = 64, 1_000_000, 5, 3
FIGURES = {
    "load": "s",
    "build": "s",
    "epoch": "s",
    "evaluation a 1,000 users": "s",
    "peak memory": "GiB",
    "model on its device": "GiB",
}
"""What grows with the data, and its unit."""

FOUND = "neighbours found"
"""The share of the exact neighbours that the index of an item graph finds; nan without one."""


def generate(folder: Path, n_interactions: int) -> None:
    """Write an atomic file and features, with a Zipf-like activity of users and items."""
    random = np.random.default_rng(0)
    n_users, n_items = n_interactions // 10, min(n_interactions // 10, MOST_ITEMS)
    users = (n_users * random.power(0.7, n_interactions)).astype(np.int64)
    items = (n_items * (1 - random.power(2.0, n_interactions))).astype(np.int64)
    items[:n_items] = np.arange(n_items)
    parts = random.choice(["train", "valid", "test"], n_interactions, p=[0.8, 0.1, 0.1])
    frame = pd.DataFrame({"user_id:token": users, "item_id:token": items, "x_label:token": parts})
    folder.mkdir(parents=True)
    frame.drop_duplicates(["user_id:token", "item_id:token"]).to_csv(
        folder / "large.inter", sep="\t", index=False
    )
    centres = random.standard_normal((500, N_FEATURES)).astype(np.float32)
    features = centres[random.integers(0, 500, n_items)]
    features += 0.8 * random.standard_normal(features.shape).astype(np.float32)
    np.save(folder / "text_feat.npy", features)
    (folder / "text_ids.txt").write_text("".join(f"{item}\n" for item in range(n_items)))


def peak() -> float:
    """The most memory that this process has held, GiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**20


def figures(model: str, n_interactions: int, features_on: str) -> dict[str, float]:
    """All figures of one set, in the working folder."""
    from recbole_drepmrec import prepared
    from recbole_drepmrec.config import Config
    from recbole_drepmrec.run_folder import RunFolder
    from recbole_drepmrec.trainer import trainer_class

    found = Found()
    values = {
        "load_col": {"inter": ["user_id", "item_id", "x_label"]},
        "modalities": {"text": {"file": "text_feat.npy", "ids": "text_ids.txt"}},
        "protocol": "mmrec",
        "knn_search": "approximate",
        "graph_cache": False,
        "show_progress": False,
        "state": "ERROR",
        "train_batch_size": n_interactions // 50,
        "features_on": features_on,
    }
    started = time.perf_counter()
    config = Config(model, "large", config_dict=values)
    prepared.create_dataset(config)  # once for itself, to tell loading from the rest
    loaded = time.perf_counter()
    run = prepared.prepare(config)
    built = time.perf_counter()
    folder = RunFolder.create(Path("saved"), model, "large")
    trainer = trainer_class(run.config["MODEL_TYPE"], model)(run.config, run.model, folder)
    step = _seconds_a_step(trainer, run)
    block, users = _seconds_a_block(trainer, run)
    return {
        "load": loaded - started,
        "build": built - loaded - (loaded - started),
        FOUND: found.share,
        "epoch": step * len(run.train_data),
        "evaluation a 1,000 users": 1000 * block / users,
        "peak memory": peak(),
        "model on its device": held(run.model),
    }


class Found(logging.Handler):
    """Hears which share of the exact neighbours the item graph's index finds.

    Attributes:
        share: nan until it is told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.share = math.nan
        logger = logging.getLogger("recbole_drepmrec.graph.approximate")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take the share out of what is logged."""
        told = re.search(r"it finds ([0-9.]+) of the exact", record.getMessage())
        if told:
            self.share = float(told[1])


def held(model: Any) -> float:
    """Parameters, buffers and graphs, GiB: what a GPU would have to hold but for gradients."""
    tensors = {one.data_ptr(): one.nbytes for one in (*model.parameters(), *model.buffers())}
    return float(sum(tensors.values())) / 2**30


def _seconds_a_step(trainer: Any, run: Any) -> float:
    times = []
    for number, batch in enumerate(run.train_data):
        started = time.perf_counter()
        trainer.optimizer.zero_grad()
        trainer.model.calculate_loss(batch).backward()
        trainer.optimizer.step()
        times.append(time.perf_counter() - started)
        if number == STEPS:
            break
    return float(np.mean(times[1:]))


def _seconds_a_block(trainer: Any, run: Any) -> tuple[float, int]:
    trainer.model.eval()
    trainer.tot_item_num = run.dataset.item_num
    trainer.model.encoded()
    times = []
    for number, batch in enumerate(run.valid_data):
        started = time.perf_counter()
        interaction, scores, *found = trainer._full_sort_batch_eval(batch)
        trainer.eval_collector.eval_batch_collect(scores, interaction, *found)
        times.append((time.perf_counter() - started, len(scores)))
        if number == BLOCKS:
            break
    seconds, users = np.array(times[:-1] or times).mean(axis=0)
    return float(seconds), int(users)


def measured(model: str, n_interactions: int, features_on: str) -> dict[str, float]:
    """The figures of a generated set, in a process and a folder of their own."""
    with tempfile.TemporaryDirectory() as temporary:
        generate(Path(temporary) / "dataset" / "large", n_interactions)
        words = ["--figures", str(n_interactions), "--model", model, "--features_on", features_on]
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), *words],
            cwd=temporary,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def slope(sizes: list[int], values: list[float]) -> float:
    """Of the line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def plot(path: Path, sizes: list[int], found: list[dict[str, float]]) -> None:
    """Draw every figure against the number of interactions."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(FIGURES), figsize=(3 * len(FIGURES), 3))
    for axis, (name, unit) in zip(axes, FIGURES.items(), strict=True):
        axis.loglog(sizes, [one[name] for one in found], "o-")
        axis.set(title=name, xlabel="interactions", ylabel=unit)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure every size, print a table with the slopes, and draw it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [100_000, 1_000_000, 10_000_000]
    parser.add_argument("--interactions", type=int, nargs="+", default=sizes)
    parser.add_argument("--model", default="DRepMRec")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--features_on", choices=["device", "host"], default="device")
    parser.add_argument("--figures", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.figures:
        print(json.dumps(figures(options.model, options.figures, options.features_on)))
        return
    found = []
    print(f"| interactions | {' | '.join(f'{n}, {u}' for n, u in FIGURES.items())} |")
    print("|---" * (1 + len(FIGURES)) + "|")
    for size in options.interactions:
        found.append(measured(options.model, size, options.features_on))
        row = " | ".join(f"{found[-1][name]:.2f}" for name in FIGURES)
        print(f"| {size:,} | {row} |", flush=True)
    if len(found) > 1:
        slopes = [slope(options.interactions, [one[name] for one in found]) for name in FIGURES]
        print(f"| slope | {' | '.join(f'{value:.2f}' for value in slopes)} |")
    for size, one in zip(options.interactions, found, strict=True):
        if not math.isnan(one[FOUND]):
            print(f"of {size:,} the index of items finds {one[FOUND]:.3f} of the neighbours")
    if options.plot:
        plot(options.plot, options.interactions, found)


if __name__ == "__main__":
    main()

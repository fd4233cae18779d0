"""Peak memory of importing and loading a large data set, against the size of its features.

    python benchmarks/import_memory.py --interactions 1000000 --items 200000 --features 384

Makes a data set in a temporary folder, imports it with `recbole-drepmrec prepare csv`, and loads it
as a model would, each in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

PREPARE = "import sys; from recbole_drepmrec.cli import main; main(sys.argv[1:])"
LOAD = """
import logging; logging.disable(logging.CRITICAL)
from recbole_drepmrec.config import Config
from recbole_drepmrec.prepared import create_dataset
dataset = create_dataset(Config("DRepMRec", "large", config_dict={"state": "error"}))
dataset.build()[0].prepared_features("center_l2")
"""


def make_source(folder: Path, interactions: int, items: int, features: int) -> None:
    """Write interactions.csv and image_feat.npy; each item is taken at least once."""
    random = np.random.default_rng(0)
    taken = np.concatenate([np.arange(items), random.integers(0, items, interactions - items)])
    users = random.integers(0, max(1, interactions // 10), interactions)
    frame = pd.DataFrame({"user_id": users, "item_id": taken, "timestamp": np.arange(interactions)})
    frame.to_csv(folder / "interactions.csv", index=False)
    np.save(folder / "image_feat.npy", random.random((items, features), dtype=np.float32))
    (folder / "image_ids.txt").write_text("".join(f"{item}\n" for item in range(items)))


def measured(name: str, code: str, folder: Path, matrix: float, *words: str) -> None:
    """Run Python code in a process of its own and print its time and peak memory."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *words], cwd=folder, check=True)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # KiB to GiB
    print(
        f"{name}: {seconds:.0f} s, peak {peak:.2f} GiB so far, {peak - matrix:.2f} above features"
    )


def main() -> None:
    """Make, import, load, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--features", type=int, default=384)
    options = parser.parse_args()
    matrix = options.items * options.features * 4 / 2**30
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = folder / "source"
        source.mkdir()
        make_source(source, options.interactions, options.items, options.features)
        print(f"features: {matrix:.2f} GiB")
        measured(
            "prepare", PREPARE, folder, matrix, "prepare", "csv", str(source), "--name", "large"
        )
        measured("load", LOAD, folder, matrix)


if __name__ == "__main__":
    main()

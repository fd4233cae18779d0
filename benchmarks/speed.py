"""Time of an epoch and of an evaluation, as ratios against stock RecBole in the same run.

    python benchmarks/speed.py [--rounds 3] [--data FOLDER]

The data are Amazon Baby in the MMRec layout where FOLDER (or RECBOLE_DREPMREC_DATA) holds `baby/`,
else a generated set of its sizes and skew. Ours and the baseline take turns, each in a process of
its own; a figure is the least time of all rounds, because a machine's noise only ever adds.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

N_USERS, N_ITEMS, N_INTERACTIONS, N_FEATURES = 19_445, 7_050, 160_792, 128  # Amazon Baby's

COMMAND = "import sys; from recbole_drepmrec.cli import main; main(sys.argv[1:])"

TARGETS: tuple[tuple[str, str, str, float], ...] = (
    ("epoch: DRepMRec / stock LightGCN", "epoch DRepMRec", "epoch stock LightGCN", 1.0),
    ("epoch: our LightGCN / stock LightGCN", "epoch our LightGCN", "epoch stock LightGCN", 0.5),
    ("evaluation: ours / stock", "evaluation ours", "evaluation stock", 1 / 8),
)
"""What is compared, the figure, its baseline, and the ratio that we aim at."""


def generated(folder: Path) -> None:
    """Write a set of Baby's sizes in the MMRec layout, with power-law items and users."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    items = random.zipf(1.6, 4 * N_INTERACTIONS) % N_ITEMS
    users = (N_USERS * random.power(0.7, 4 * N_INTERACTIONS)).astype(int)
    pairs = pd.DataFrame({"userID": users, "itemID": items}).drop_duplicates()
    pairs = pairs.sample(min(len(pairs), N_INTERACTIONS), random_state=0)
    pairs["x_label"] = random.choice(3, len(pairs), p=[0.8, 0.1, 0.1])
    pairs.to_csv(folder / "baby.inter", sep="\t", index=False)
    for modality in ("image", "text"):
        values = random.standard_normal((N_ITEMS, N_FEATURES)).astype(np.float32)
        np.save(folder / f"{modality}_feat.npy", values)


def prepared(model: str, stock: bool, **values: Any) -> Any:
    """A model with its data, the process left as it comes where the baseline is measured."""
    from recbole_drepmrec import quick_start
    from recbole_drepmrec.config import Config

    if stock:
        quick_start.keep_freed_memory = lambda: False
        quick_start.CARRIERS = ()
    values = {"protocol": "mmrec", "show_progress": False, "state": "ERROR", **values}
    return quick_start.prepare(Config(model, "baby", config_dict=values))


def trainer_of(run: Any, stock: bool) -> Any:
    """RecBole's own trainer, or ours."""
    from recbole.trainer import Trainer

    from recbole_drepmrec.run_folder import RunFolder
    from recbole_drepmrec.trainer import trainer_class

    if stock:
        return Trainer(run.config, run.model)
    folder = RunFolder.create(Path("saved"), run.config["model"], "baby")
    return trainer_class(run.config["MODEL_TYPE"], run.config["model"])(
        run.config, run.model, folder
    )


def epoch(model: str, stock: bool = False, **values: Any) -> float:
    """Seconds of the second epoch."""
    run = prepared(model, stock, **values)
    trainer = trainer_of(run, stock)
    trainer._train_epoch(run.train_data, 0)
    started = time.perf_counter()
    trainer._train_epoch(run.train_data, 1)
    return time.perf_counter() - started


def evaluation(stock: bool = False) -> float:
    """Seconds of a full ranking of the validation users by LightGCN."""
    run = prepared("LightGCN", stock)
    trainer = trainer_of(run, stock)
    started = time.perf_counter()
    trainer.evaluate(run.valid_data, load_best_model=False)
    return time.perf_counter() - started


FIGURES: dict[str, Callable[[], float]] = {
    "epoch DRepMRec": lambda: epoch("DRepMRec"),
    "epoch our LightGCN": lambda: epoch("DRepMRec", use_modal_line=False),
    "epoch stock LightGCN": lambda: epoch("LightGCN", stock=True),
    "evaluation ours": evaluation,
    "evaluation stock": lambda: evaluation(stock=True),
}


def measured(figure: str, folder: Path) -> float:
    """A figure, taken in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--figure", figure],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure every figure in turns and print ratios and targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.environ.get("RECBOLE_DREPMREC_DATA"))
    parser.add_argument("--figure", choices=FIGURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.figure:
        logging.disable(logging.CRITICAL)
        print(json.dumps(FIGURES[options.figure]()))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        real = options.data is not None and (Path(options.data) / "baby").is_dir()
        source = Path(options.data) / "baby" if real else folder / "source"
        if not real:
            generated(source)
        words = ["prepare", "mmrec", str(source), "--name", "baby"]
        subprocess.run([sys.executable, "-c", COMMAND, *words], cwd=folder, check=True)
        print(f"data: {'Amazon Baby' if real else 'generated'}; least of {options.rounds} rounds")
        rounds = [{name: measured(name, folder) for name in FIGURES} for _ in range(options.rounds)]
        least = {name: min(one[name] for one in rounds) for name in FIGURES}
        for name, ours, baseline, target in TARGETS:
            ratio = least[ours] / least[baseline]
            verdict = "pass" if ratio <= target else "short"
            times = f"{least[ours]:.2f} s / {least[baseline]:.2f} s"
            print(f"{name}: {ratio:.3f} ({times}), target {target:.3f}: {verdict}")


if __name__ == "__main__":
    main()

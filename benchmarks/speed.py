"""Speed and memory against named baselines in the same run, and whether each target is met.

    python benchmarks/speed.py [--rounds 3] [--data FOLDER] [--only TEXT]

The data are Amazon Baby in the MMRec layout where FOLDER (or RECBOLE_DREPMREC_DATA) holds `baby/`,
else a generated set of its sizes and skew. Ours and the baseline take turns, each in a process of
its own; a figure is the least of all rounds, because a machine's noise only ever adds.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import graphs
import mmrec_like
import numpy as np
import pandas as pd

N_USERS, N_ITEMS, N_INTERACTIONS, N_FEATURES = 19_445, 7_050, 160_792, 128  # Amazon Baby's

EPOCHS = 3  # that a process measures, to take the fastest

COMMAND = "import sys; from recbole_drepmrec.cli import main; main(sys.argv[1:])"


class Target(NamedTuple):
    """What is to be reached.

    Attributes:
        figure: What is measured.
        baseline: What it is divided by; None for the figure itself.
        most: The ratio or figure that is aimed at.
        unit: Of the figure.
    """

    figure: str
    baseline: str | None
    most: float
    unit: str = "s"


TARGETS = (
    Target("epoch of DRepMRec", "epoch of stock LightGCN", 1.0),
    Target("epoch of our LightGCN", "epoch of stock LightGCN", 0.5),
    Target("epoch of our MGCN", "epoch of MMRec-like MGCN", 0.5),
    Target("epoch of our FREEDOM", "epoch of MMRec-like FREEDOM", 0.5),
    Target("evaluation", "evaluation by stock RecBole", 1 / 8),
    Target("evaluation", "evaluation as in MMRec", 1 / 2),
    Target("item graph of 63,001 x 384", "one dense product and top-k of them", 1.0),
    Target("memory of that item graph above the features", None, 1.0, "GiB"),
    Target("user graph", None, 2.0),
    Target("start to first step, graphs kept", None, 10.0),
    Target("start to first step, nothing kept", None, 25.0),
)


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


def prepare_data(data: str | None, folder: Path) -> str:
    """Make the data set `baby` in a folder, of real data where they are, and say which they are."""
    real = data is not None and (Path(data) / "baby").is_dir()
    source = Path(data or "") / "baby" if real else folder / "source"
    if not real:
        generated(source)
    words = ["prepare", "mmrec", str(source.resolve()), "--name", "baby"]
    subprocess.run(
        [sys.executable, "-c", COMMAND, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    return "Amazon Baby" if real else "generated"


def prepared(model: str, stock: bool, **values: Any) -> Any:
    """A model with its data, the process left as it comes where the baseline is measured."""
    from recbole_drepmrec import prepared
    from recbole_drepmrec.config import Config

    if stock:
        vars(prepared).update(keep_freed_memory=lambda: False, CARRIERS=())
    values = {"protocol": "mmrec", "show_progress": False, "state": "ERROR", **values}
    return prepared.prepare(Config(model, "baby", config_dict=values))


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


def fastest(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of ``EPOCHS`` calls after a first one."""
    work()
    seconds = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def epoch(model: str, stock: bool = False, **values: Any) -> float:
    """Seconds of the fastest of some epochs after the first."""
    run = prepared(model, stock, **values)
    trainer = trainer_of(run, stock)
    return fastest(lambda: trainer._train_epoch(run.train_data, 0))


def evaluation(stock: bool = False) -> float:
    """Seconds of a full ranking of the validation users by LightGCN."""
    run = prepared("LightGCN", stock)
    trainer = trainer_of(run, stock)
    started = time.perf_counter()
    trainer.evaluate(run.valid_data, load_best_model=False)
    return time.perf_counter() - started


def mmrec_like_model(kind: type[mmrec_like.Baseline]) -> tuple[Any, Any, Any]:
    """A model of the baseline on the same data, each user's items, and those to be found."""
    run = prepared("VBPR", stock=False)
    train, valid = run.train_data._dataset, run.valid_data._dataset
    names = (train.uid_field, train.iid_field)
    users, items = (train.inter_feat[name] for name in names)
    features = [one.values for one in train.prepared_features("none").values()]
    model = kind(users, items, features)
    own: list[set[int]] = [set() for _ in range(model.n_users)]
    for user, item in zip(users.tolist(), items.tolist(), strict=True):
        own[user].add(item)
    relevant: dict[int, set[int]] = {}
    for user, item in zip(*(valid.inter_feat[name].tolist() for name in names), strict=True):
        relevant.setdefault(user, set()).add(item)
    return model, own, relevant


def mmrec_like_epoch(kind: type[mmrec_like.Baseline]) -> float:
    """Seconds of the fastest of a baseline's epochs after the first."""
    import torch

    model, own, _ = mmrec_like_model(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return fastest(lambda: mmrec_like.train_epoch(model, own, optimizer))


def mmrec_like_evaluation() -> float:
    """Seconds of its ranking of the validation users, by FREEDOM's vectors."""
    return mmrec_like.evaluate(*mmrec_like_model(mmrec_like.Freedom))


def user_graph() -> float:
    """Seconds to find each user's neighbours by common items."""
    from recbole_drepmrec.graph import cooccurrence_knn
    from recbole_drepmrec.model.base import training_interactions

    interactions = training_interactions(prepared("BPR", stock=False).train_data._dataset)
    started = time.perf_counter()
    cooccurrence_knn(interactions, 20)
    return time.perf_counter() - started


def start(kept: bool) -> float:
    """Seconds from the command to the end of the first training step, its process included."""
    shutil.rmtree(Path("dataset/baby/graphs"), ignore_errors=True)
    seconds = 0.0
    for _ in range(1 + kept):
        started = time.perf_counter()
        measured("step", Path())
        seconds = time.perf_counter() - started
    return seconds


def step() -> float:
    """One training step of DRepMRec."""
    run = prepared("DRepMRec", stock=False)
    trainer = trainer_of(run, stock=False)
    trainer.optimizer.zero_grad()
    trainer.model.calculate_loss(next(iter(run.train_data))).backward()
    trainer.optimizer.step()
    return 0.0


FIGURES: dict[str, Callable[[], float]] = {
    "epoch of DRepMRec": lambda: epoch("DRepMRec"),
    "epoch of our LightGCN": lambda: epoch("DRepMRec", use_modal_line=False, ranking_loss="bpr"),
    "epoch of stock LightGCN": lambda: epoch("LightGCN", stock=True),
    "epoch of our MGCN": lambda: epoch("MGCN"),
    "epoch of MMRec-like MGCN": lambda: mmrec_like_epoch(mmrec_like.Mgcn),
    "epoch of our FREEDOM": lambda: epoch("FREEDOM"),
    "epoch of MMRec-like FREEDOM": lambda: mmrec_like_epoch(mmrec_like.Freedom),
    "evaluation": evaluation,
    "evaluation by stock RecBole": lambda: evaluation(stock=True),
    "evaluation as in MMRec": mmrec_like_evaluation,
    "item graph of 63,001 x 384": lambda: graphs.item_graph()[0],
    "one dense product and top-k of them": graphs.dense,
    "memory of that item graph above the features": lambda: graphs.item_graph()[1],
    "user graph": user_graph,
    "start to first step, graphs kept": lambda: start(kept=True),
    "start to first step, nothing kept": lambda: start(kept=False),
}
HIDDEN = {"step": step}


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


def report(target: Target, least: dict[str, float]) -> str:
    """One line: the target, the figure, and whether it is met."""
    value = least[target.figure]
    if target.baseline is None:
        verdict = "pass" if value <= target.most else "short"
        figure, unit = target.figure, target.unit
        return f"{figure}: {value:.2f} {unit}, target {target.most:.2f} {unit}: {verdict}"
    baseline = least[target.baseline]
    verdict = "pass" if value / baseline <= target.most else "short"
    return (
        f"{target.figure} / {target.baseline}: {value / baseline:.3f} "
        f"({value:.2f} / {baseline:.2f} {target.unit}), target {target.most:.3f}: {verdict}"
    )


def main() -> None:
    """Measure every figure in turns and print ratios and targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default=os.environ.get("RECBOLE_DREPMREC_DATA"))
    parser.add_argument("--only", default="", help="targets whose name has this text")
    parser.add_argument("--figure", choices={**FIGURES, **HIDDEN}, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.figure:
        logging.disable(logging.CRITICAL)
        print(json.dumps({**FIGURES, **HIDDEN}[options.figure]()))
        return
    targets = [target for target in TARGETS if options.only in target.figure]
    wanted = {name for target in targets for name in target[:2] if name}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        what = prepare_data(options.data, folder)
        print(f"data: {what}; least of {options.rounds} rounds")
        rounds = [
            {name: measured(name, folder) for name in FIGURES if name in wanted}
            for _ in range(options.rounds)
        ]
        least = {name: min(one[name] for one in rounds) for name in wanted}
        for target in targets:
            print(report(target, least))


if __name__ == "__main__":
    main()

"""``recbole-drepmrec info``: what a data set holds, and whether its modalities say anything."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recbole.utils import init_seed
from tabulate import tabulate

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import Parser, parsed
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.features import PreparedFeatures
from recbole_drepmrec.data.importers.datasheet import DATASHEET, matrix_facts
from recbole_drepmrec.graph import interaction_graph
from recbole_drepmrec.prepared import create_dataset
from recbole_drepmrec.report.data_pictures import draw_cosines, draw_long_tail, draw_signal
from recbole_drepmrec.report.modality_signal import Signal, modality_signal

PAIRS = 100_000
"""Random pairs of items in the picture of the cosines."""


def run(arguments: list[str]) -> None:
    """Print the datasheet of a data set and draw its pictures.

    Args:
        arguments: ``NAME [--data_path DIR] [--out DIR]``.

    Raises:
        UserError: There is no such data set, or its files are not in order.
    """
    options = parsed(_parser(), arguments)
    if options is None:
        return
    compat.quiet_known_warnings()
    values = {"state": "error"}
    if options.data_path is not None:
        values["data_path"] = str(options.data_path)
    config = Config("DRepMRec", options.name, config_dict=values)
    if not config["modalities"]:
        config = Config("Pop", options.name, config_dict=values)
    init_seed(config["seed"], True)
    dataset = create_dataset(config)
    folder = Path(config["data_path"])
    out = options.out or folder / "info"
    sheet = folder / DATASHEET
    print(sheet.read_text(encoding="utf-8") if sheet.is_file() else _summary(dataset))
    for path in _draw(dataset, out):
        print(f"wrote {path}")


def _parser() -> Parser:
    parser = Parser(prog="recbole-drepmrec info", add_help=False, allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", help="the data set")
    parser.add_argument("--data_path", metavar="DIR", type=Path, help="folder of data sets")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the pictures")
    parser.add_argument("--help", "-h", action="store_true", help="show this text")
    return parser


def _summary(dataset: Any) -> str:
    """The figures of a data set that no import wrote a sheet for."""
    users, items, n = dataset.user_num - 1, dataset.item_num - 1, dataset.inter_num
    rows = [
        ("users", f"{users:,}"),
        ("items", f"{items:,}"),
        ("interactions", f"{n:,}"),
        ("sparsity", f"{1 - n / (users * items):.4%}"),
    ]
    for name, features in getattr(dataset, "modal_features", {}).items():
        facts = matrix_facts(features.values[1:])
        spread = "-" if facts.anisotropy is None else f"{facts.anisotropy:.4f}"
        without = items - int(features.present.sum())
        what = f"{facts.dimensions:,} features, {without:,} items without, anisotropy {spread}"
        rows.append((f"modality {name}", what))
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def _draw(dataset: Any, out: Path) -> list[Path]:
    """Draw the training split's pictures, print its signals, and return the files."""
    train = dataset.build()[0]
    interactions = interaction_graph(
        train.inter_feat[train.uid_field],
        train.inter_feat[train.iid_field],
        train.user_num,
        train.item_num,
    )
    counts = {
        "users": interactions.row_sums().long().numpy(),
        "items": interactions.transposed().row_sums().long().numpy(),
    }
    draw_long_tail(counts, out / "long_tail.png")
    if not hasattr(train, "modal_features"):
        return [out / "long_tail.png"]
    prepared = train.prepared_features("center_l2")
    signals = {name: modality_signal(f, interactions) for name, f in prepared.items()}
    print(_signal_table(signals), end="\n\n")
    draw_cosines({name: _random_cosines(f) for name, f in prepared.items()}, out / "cosines.png")
    draw_signal({name: signal.ratio for name, signal in signals.items()}, out / "signal.png")
    return [out / name for name in ("long_tail.png", "cosines.png", "signal.png")]


def _signal_table(signals: dict[str, Signal]) -> str:
    rows = [
        (name, f"{signal.neighbours:.3f}", f"{signal.random:.3f}", f"{signal.ratio:.2f}")
        for name, signal in signals.items()
    ]
    header = ("modality", "neighbours", "random pairs", "ratio")
    title = "Users that two items have in common, on average, in the training split:"
    return f"\n{title}\n\n{tabulate(rows, headers=header, disable_numparse=True)}"


def _random_cosines(features: PreparedFeatures) -> NDArray[np.float32]:
    rows = features.values[features.present].numpy()
    one, other = np.random.default_rng(0).integers(0, len(rows), size=(2, PAIRS))
    different = one != other
    cosines: NDArray[np.float32] = (rows[one[different]] * rows[other[different]]).sum(axis=1)
    return cosines

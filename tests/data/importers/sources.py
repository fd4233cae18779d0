"""One small data set, written in each of the layouts that importers read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.datasets import clustered

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Source:
    """Interactions with ids that are row numbers, as text, and features of all items."""

    interactions: pd.DataFrame
    features: dict[str, NDArray[np.float32]]


def numbered() -> Source:
    """The clustered data set, its items numbered from 0; every item has both modalities."""
    files = clustered()
    rows = [
        (user, item.removeprefix("i"), split)
        for split, pairs in zip(SPLITS, (files.train, files.valid, files.test), strict=True)
        for user, item in pairs
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "split"])
    random = np.random.default_rng(3)
    image = random.normal(size=(48, 6)).astype(np.float32)
    return Source(frame, {"text": files.features["text"][1], "image": image})


def write_mmrec(source: Source, folder: Path) -> None:
    labels = source.interactions["split"].map(SPLITS.index)
    table = source.interactions.drop(columns="split").assign(x_label=labels)
    table.columns = pd.Index(["userID", "itemID", "x_label"])
    table.to_csv(folder / "tiny.inter", sep="\t", index=False)
    for name, values in source.features.items():
        np.save(folder / f"{name}_feat.npy", values)


def write_features(source: Source, folder: Path) -> None:
    for name, values in source.features.items():
        np.save(folder / f"{name}_feat.npy", values[::-1])
        ids = reversed(range(len(values)))
        (folder / f"{name}_ids.txt").write_text("".join(f"{item}\n" for item in ids))


def write_csv(source: Source, folder: Path) -> None:
    source.interactions.to_csv(folder / "interactions.csv", index=False)
    write_features(source, folder)


def write_tsv(source: Source, folder: Path) -> None:
    """Tab-separated interactions under other names, and features as tables."""
    table = source.interactions.rename(columns={"user_id": "user", "item_id": "asin"})
    table.to_csv(folder / "interactions.tsv", sep="\t", index=False)
    for name, values in source.features.items():
        features = pd.DataFrame(
            values.astype(np.float64), columns=[*map(str, range(len(values[0])))]
        )
        features.insert(0, "item", [str(row) for row in range(len(values))])
        features.to_csv(folder / f"{name}_feat.csv", index=False)


def write_parquet(source: Source, folder: Path) -> None:
    """Everything in Parquet, item ids as numbers and features as lists."""
    table = source.interactions.assign(item_id=source.interactions["item_id"].astype(int))
    table.to_parquet(folder / "interactions.parquet")
    for name, values in source.features.items():
        rows = {"item_id": range(len(values)), "features": list(values)}
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")


def write_recbole(source: Source, folder: Path) -> None:
    for split, rows in source.interactions.groupby("split"):
        table = rows[["user_id", "item_id"]]
        table.columns = pd.Index(["user_id:token", "item_id:token"])
        table.to_csv(folder / f"tiny.{split}.inter", sep="\t", index=False)
    write_features(source, folder)


WRITERS: dict[str, tuple[str, Callable[[Source, Path], Any]]] = {
    "mmrec": ("mmrec", write_mmrec),
    "csv": ("csv", write_csv),
    "tsv": ("csv", write_tsv),
    "parquet": ("csv", write_parquet),
    "recbole": ("recbole", write_recbole),
}
"""By what is tested: the layout's name, and what writes it."""

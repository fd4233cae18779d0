"""Small data sets that tests write to disk and train on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[str, str]


@dataclass(frozen=True)
class DatasetFiles:
    """A data set's splits by raw id, and its features with the raw ids of their rows."""

    train: Sequence[Pair]
    valid: Sequence[Pair]
    test: Sequence[Pair]
    features: Mapping[str, tuple[Sequence[str], NDArray[Any]]] = field(default_factory=dict)

    def write(self, parent: Path, name: str = "tiny") -> dict[str, Any]:
        """Write ``parent/name`` and return the configuration that reads it."""
        folder = parent / name
        folder.mkdir(parents=True)
        splits = {"train": self.train, "valid": self.valid, "test": self.test}
        for split, pairs in splits.items():
            lines = ["user_id:token\titem_id:token", *(f"{u}\t{i}" for u, i in pairs)]
            (folder / f"{name}.{split}.inter").write_text("\n".join(lines) + "\n")
        for modality, (ids, values) in self.features.items():
            np.save(folder / f"{modality}_feat.npy", values)
            (folder / f"{modality}_ids.txt").write_text("\n".join(ids) + "\n")
        return {
            "dataset": name,
            "data_path": str(parent),
            "checkpoint_dir": str(parent / "saved"),
            "benchmark_filename": list(splits),
            "load_col": {"inter": ["user_id", "item_id"]},
            "modalities": {
                modality: {"file": f"{modality}_feat.npy", "ids": f"{modality}_ids.txt"}
                for modality in self.features
            },
            "show_progress": False,
            "metrics": ["Recall", "NDCG"],
            "topk": [5],
            "valid_metric": "NDCG@5",
            "state": "error",
        }


def clustered(
    n_users: int = 60, n_items: int = 48, n_clusters: int = 4, per_user: int = 8, seed: int = 0
) -> DatasetFiles:
    """Users who take items of their own cluster, and two modalities that show the clusters.

    ``image`` lacks every seventh item; ``text`` has all.
    """
    random = np.random.default_rng(seed)
    item_cluster = np.arange(n_items) % n_clusters
    splits: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
    for user in range(n_users):
        own = np.flatnonzero(item_cluster == user % n_clusters)
        chosen = random.choice(own, per_user, replace=False)
        for position, item in enumerate(chosen):
            split = splits[max(0, position - per_user + 3)]
            split.append((f"u{user}", f"i{item}"))
    names = [f"i{item}" for item in range(n_items)]
    centres = random.normal(size=(n_clusters, 16))
    text = centres[item_cluster] + 0.3 * random.normal(size=(n_items, 16))
    image = 100 + centres[item_cluster][:, :6] + 0.3 * random.normal(size=(n_items, 6))
    kept = np.flatnonzero(np.arange(n_items) % 7)
    features = {
        "text": (names, text.astype(np.float32)),
        "image": ([names[item] for item in kept], image[kept].astype(np.float32)),
    }
    return DatasetFiles(*splits, features)


def known_by_features(
    n_clusters: int = 5, users_per_cluster: int = 12, items_per_cluster: int = 16, seed: int = 0
) -> DatasetFiles:
    """Nobody ever took the test items in training: only their features tell whose they are.

    Each user takes all the warm items of one cluster; validation and test items are cold ones of
    the same cluster, so the right answers are known because of the modality, and from nothing else.
    Three of the six cold items left to rank are right: who knows the clusters has a recall at 5
    of 5/6, who does not about .07.
    """
    random = np.random.default_rng(seed)
    n_items = n_clusters * items_per_cluster
    item_cluster = np.arange(n_items) % n_clusters
    cold = np.arange(n_items) >= n_items // 2
    splits: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
    for user in range(n_clusters * users_per_cluster):
        own = item_cluster == user % n_clusters
        for split, items, n in (
            (splits[0], np.flatnonzero(own & ~cold), items_per_cluster // 2),
            (splits[1], np.flatnonzero(own & cold)[:4], 2),
            (splits[2], np.flatnonzero(own & cold)[4:], 3),
        ):
            for item in random.choice(items, n, replace=False):
                split.append((f"u{user}", f"i{item}"))
    centres = random.normal(size=(n_clusters, 16))
    text = centres[item_cluster] + 0.2 * random.normal(size=(n_items, 16))
    names = [f"i{item}" for item in range(n_items)]
    return DatasetFiles(*splits, {"text": (names, text.astype(np.float32))})


def with_random_features(files: DatasetFiles, seed: int = 0) -> DatasetFiles:
    """The same interactions with features that say nothing."""
    random = np.random.default_rng(seed)
    features = {
        name: (ids, random.normal(size=values.shape).astype(np.float32))
        for name, (ids, values) in files.features.items()
    }
    return DatasetFiles(files.train, files.valid, files.test, features)


def items_by_user(dataset: Any) -> dict[int, set[int]]:
    """The items of each user who has any, in one part of a data set."""
    items: dict[int, set[int]] = {}
    users = dataset.inter_feat[dataset.uid_field].tolist()
    for user, item in zip(users, dataset.inter_feat[dataset.iid_field].tolist(), strict=True):
        items.setdefault(user, set()).add(item)
    return items

"""Real data sets with numbered items, in the folder that RECBOLE_DREPMREC_DATA names."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recbole_drepmrec.quick_start import run_recbole

DATA = Path(os.environ.get("RECBOLE_DREPMREC_DATA", "the folder RECBOLE_DREPMREC_DATA"))

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def written(name: str, parent: Path) -> dict[str, Any]:
    """Write the splits and features of a real data set, and return its configuration."""
    source, folder = DATA / name, parent / name
    if not source.is_dir():
        pytest.skip(f"the real data set {source} is not on this machine")
    folder.mkdir(parents=True)
    interactions = pd.read_csv(source / f"{name}.inter", sep="\t")
    for label, split in enumerate(("train", "valid", "test")):
        rows = interactions.loc[interactions["x_label"] == label, ["userID", "itemID"]]
        rows.columns = pd.Index(["user_id:token", "item_id:token"])
        rows.to_csv(folder / f"{name}.{split}.inter", sep="\t", index=False)
    modalities = {}
    for file in source.glob("*_feat.npy"):
        (folder / file.name).symlink_to(file)
        modalities[file.name.removesuffix("_feat.npy")] = {"file": file.name}
    return {
        "dataset": name,
        "data_path": str(parent),
        "checkpoint_dir": str(parent / "saved"),
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]},
        "modalities": modalities,
        "metrics": ["Recall"],
        "topk": [20],
        "valid_metric": "Recall@20",
        "show_progress": False,
    }


@pytest.mark.parametrize("name", ["lfm2k", "tiktok"])
def test_a_few_epochs_beat_popularity_on_real_data(name: str, tmp_path: Path) -> None:
    settings = written(name, tmp_path)
    ours = run_recbole("DRepMRec", config_dict={**settings, "epochs": 10, "learning_rate": 0.003})
    popular = run_recbole("Pop", config_dict={**settings, "epochs": 1})
    assert ours.best_valid_score > 1.2 * popular.best_valid_score
    assert np.isfinite(list(ours.test_result.values())).all()

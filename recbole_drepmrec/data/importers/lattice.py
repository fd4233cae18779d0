"""The layout of LATTICE and MICRO: ``5-core/{train,val,test}.json`` and features by row."""

from pathlib import Path

from recbole_drepmrec.data.importers.imported import Imported
from recbole_drepmrec.data.importers.matrices import row_features
from recbole_drepmrec.data.importers.source_files import (
    need_folder,
    read_user_items,
    split_interactions,
)
from recbole_drepmrec.errors import UserError

FILES = {"train": "train.json", "valid": "val.json", "test": "test.json"}
"""By split; ``val.json`` may be missing."""


def import_lattice(path: Path, name: str) -> Imported:
    """Read ``{user: [items]}`` a split and ``*_feat.npy``; row r is item r.

    Args:
        path: The data set's folder, or the ``5-core`` folder in it.
        name: The data set's name, for the datasheet.

    Raises:
        UserError: Files are missing, damaged or do not fit together.
    """
    need_folder(path, "LATTICE or MICRO")
    core = _core_folder(path)
    parts = {s: read_user_items(core / f) for s, f in FILES.items() if (core / f).is_file()}
    frame = split_interactions(parts, core)
    n_items = max(int(item) for item in frame["item_id"]) + 1
    top = core.parent if core.name.endswith("-core") else core
    features = row_features(core, n_items, False) | row_features(top, n_items, False)
    return Imported(frame, features, source=f"{name}, LATTICE layout, {path}")


def _core_folder(path: Path) -> Path:
    found = [
        folder
        for folder in (path, *sorted(path.glob("*-core")))
        if all((folder / FILES[split]).is_file() for split in ("train", "test"))
    ]
    if len(found) != 1:
        what = f"{len(found)} folders" if found else "no folder"
        which = f" ({', '.join(map(str, found))})" if found else ""
        raise UserError(
            f"{path} has {what} with {', '.join(FILES.values())}{which}; expected one, such as "
            "5-core. Give that folder itself, or the one above it."
        )
    return found[0]

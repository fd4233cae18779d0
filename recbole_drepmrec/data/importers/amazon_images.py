"""Amazon's image features: an item id and 4,096 numbers a record, in a file beyond memory."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recbole_drepmrec.data.importers.imported import FeatureTable
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import write_errors

N_ID, N_FEATURES = 10, 4096
RECORD = np.dtype([("id", f"V{N_ID}"), ("values", "<f4", (N_FEATURES,))])
"""Ten bytes of id and 4,096 little-endian float32: 16,394 bytes."""

BLOCK = 256
"""Records read at once, 4 MiB."""


def read_images(path: Path, item_ids: list[str]) -> FeatureTable:
    """Copy the rows of known items into a temporary file and map it.

    The temporary file has no name: it goes when the table does, or the process. It lies in the
    system's temporary folder (set ``TMPDIR`` for another) and takes 16 KiB an item.

    Args:
        path: The ``.b`` file.
        item_ids: Items to keep; of an item that stands twice the first row is kept.

    Raises:
        UserError: The file cannot be read, is cut off or knows none of the items, or the temporary
            folder is full.
    """
    _check_size(path)
    wanted, found = set(item_ids), dict[str, None]()
    name = Path(tempfile.gettempdir()) / "image features"
    with write_errors(name), tempfile.TemporaryFile() as target:
        for block in _blocks(path):
            rows = _wanted_rows(block, wanted, found)
            target.write(block["values"][rows].tobytes())
        if not found:
            raise UserError(
                f"{path} has features for none of the {len(item_ids)} items (such as "
                f"{item_ids[:3]}); give the file of the same category, or take it out to go "
                "without images."
            )
        target.flush()
        shape = (len(found), N_FEATURES)
        values: NDArray[Any] = np.memmap(target, dtype="<f4", mode="r+", shape=shape)
    return FeatureTable(list(found), values)


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0 or size % RECORD.itemsize:
        raise UserError(
            f"{path} has {size} bytes, which is not a whole number of records of "
            f"{RECORD.itemsize} bytes (an id and {N_FEATURES} numbers); it is cut off or another "
            "kind of file. Download it again."
        )


def _blocks(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            while data := file.read(BLOCK * RECORD.itemsize):
                yield np.frombuffer(data, RECORD)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; check the path."
        ) from error


def _wanted_rows(block: NDArray[Any], wanted: set[str], found: dict[str, None]) -> list[int]:
    """Rows of items that are wanted and not yet found; they count as found from now on."""
    rows = []
    for row, raw in enumerate(block["id"].tolist()):
        item = bytes(raw).decode("latin1")
        if item in wanted and item not in found:
            found[item] = None
            rows.append(row)
    return rows

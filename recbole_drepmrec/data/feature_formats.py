"""The formats of feature files, each read as a matrix and, where it carries them, item ids."""

import importlib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from recbole_drepmrec.data.atomic_files import read_columns, read_header, split_sequences
from recbole_drepmrec.errors import UserError

Ids = NDArray[np.str_]

# A damaged archive, array or text says so in many ways.
_READ_ERRORS = (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error)

_NUMPY_SAYS = {
    "mmap length": "it is cut off: its header promises more than it holds",
    "EOF": "it is cut off within its header",
    "No data left": "it is empty",
    "allow_pickle": "it is no array file, or a pickle",
    "Python objects": "it holds Python objects, which are a pickle",
}
"""What numpy means by its words for a file that it cannot open."""


def read_numpy(name: str, path: Path, id_column: str) -> tuple[NDArray[Any], Ids | None]:
    """The matrix of a ``.npy``, or matrix and ids of an ``.npz``; never a pickle."""
    loaded = load_numpy(name, path)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return loaded, None
    if not {"features", "ids"} <= set(loaded.files):
        raise UserError(
            f"modality '{name}': {path} has the arrays {sorted(loaded.files)}, expected "
            "`features` and `ids`."
        )
    try:
        return loaded["features"], checked_ids(name, path, loaded["ids"])
    except _READ_ERRORS as error:
        raise _unreadable(name, path, error) from error


def load_numpy(name: str, path: Path) -> Any:
    """What ``map_numpy`` gives, for the files of a modality."""
    try:
        return map_numpy(path)
    except _READ_ERRORS as error:
        raise _unreadable(name, path, error) from error


def map_numpy(path: Path) -> Any:
    """What ``numpy.load`` gives, mapped where it can be: only the rows in use are then copied.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is cut off, or holds something else; object arrays are pickles.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OverflowError) as error:
        said = str(error)
        meant = next((ours for theirs, ours in _NUMPY_SAYS.items() if theirs in said), said)
        raise ValueError(meant) from error


def _unreadable(name: str, path: Path, error: Exception) -> UserError:
    return UserError(
        f"modality '{name}': {path} cannot be read ({error}); expected a numeric array saved with "
        "numpy.save or numpy.savez. Object arrays are pickles and are refused."
    )


def read_safetensors(name: str, path: Path, id_column: str) -> tuple[NDArray[Any], None]:
    """The tensor ``features`` of a ``.safetensors``."""
    try:
        with safe_open(path, framework="pt") as file:
            if "features" not in file.keys():  # noqa: SIM118 (not a mapping)
                raise UserError(
                    f"modality '{name}': {path} has the tensors {sorted(file.keys())}, expected "
                    "`features`."
                )
            tensor = file.get_tensor("features")
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"modality '{name}': {path} cannot be read ({error}); expected a tensor `features` "
            "saved with safetensors."
        ) from error
    # numpy has no bfloat16, and only few such types
    small = tensor.is_floating_point() and tensor.element_size() < 4
    return (tensor.float() if small else tensor).numpy(), None


def read_itememb(name: str, path: Path, id_column: str) -> tuple[NDArray[Any], Ids]:
    """RecBole's atomic file of item embeddings; an item without numbers has no row."""
    columns = read_header(path, "\t", "utf-8")
    types = [column.type for column in columns]
    if types.count("token") != 1 or types.count("float_seq") != 1:
        raise UserError(
            f"modality '{name}': {path} has the columns "
            f"{', '.join(':'.join(column) for column in columns)}, expected one of ids and one of "
            "numbers, such as item_id:token and emb:float_seq."
        )
    wanted = [columns[types.index("token")], columns[types.index("float_seq")]]
    frame = read_columns(path, columns, wanted, "\t", "utf-8").dropna()
    rows = split_sequences(path, wanted[1], frame[wanted[1].name], " ")
    matrix = _stacked(name, path, wanted[1].name, rows)
    return matrix, frame[wanted[0].name].to_numpy().astype(np.str_)


def read_parquet(name: str, path: Path, id_column: str) -> tuple[NDArray[Any], Ids]:
    """Ids, and columns of numbers or one column of lists."""
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        arrow: Any = importlib.import_module("pyarrow")
    except ImportError:
        raise UserError(
            f"modality '{name}': {path} needs the package pyarrow, which is not installed; run "
            "`pip install pyarrow`, or save the features as .npy."
        ) from None
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise UserError(
            f"modality '{name}': {path} cannot be read ({error}); expected a parquet table."
        ) from error
    if id_column not in table.column_names:
        raise UserError(
            f"modality '{name}': {path} has the columns {table.column_names} and none named "
            f"'{id_column}'; name the one with the item ids by `id_column:`."
        )
    ids = np.array(table.column(id_column).to_pylist())
    others = [column for column in table.column_names if column != id_column]
    is_list = [
        arrow.types.is_list(kind) or arrow.types.is_large_list(kind) or _is_fixed(arrow, kind)
        for kind in (table.column(column).type for column in others)
    ]
    if is_list == [True]:
        rows = [np.asarray(row or []) for row in table.column(others[0]).to_pylist()]
        matrix = _stacked(name, path, others[0], rows)
    elif others and not any(is_list):
        matrix = np.stack([table.column(column).to_numpy() for column in others], axis=1)
    else:
        raise UserError(
            f"modality '{name}': {path} has beside '{id_column}' the columns {others}, expected "
            "columns of numbers, or one column of lists."
        )
    return matrix, checked_ids(name, path, ids)


def _is_fixed(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_fixed_size_list(kind))


def _stacked(name: str, path: Path, column: str, rows: list[NDArray[Any]]) -> NDArray[Any]:
    """Rows of one length as a matrix."""
    lengths = [len(row) for row in rows]
    if len(set(lengths)) != 1:
        other = next((i for i, n in enumerate(lengths) if n != lengths[0]), 0)
        raise UserError(
            f"modality '{name}': the lists in column '{column}' of {path} differ in length, "
            f"{lengths[:1]} numbers at first and {lengths[other : other + 1]} in row {other}; "
            "leave out the items that have none."
        )
    return np.stack(rows)


def checked_ids(name: str, path: Path, ids: NDArray[Any]) -> Ids:
    """Raw item ids as text, if they are a vector of integers or text."""
    if ids.ndim != 1 or ids.dtype.kind not in "iuUS":
        raise UserError(
            f"modality '{name}': the ids in {path} have shape {ids.shape} and type {ids.dtype}, "
            "expected a vector of integers or text."
        )
    try:
        return ids.astype(np.str_)
    except UnicodeDecodeError as error:
        raise UserError(
            f"modality '{name}': the ids in {path} are bytes that are not ASCII; save them as text."
        ) from error


Reader = Callable[[str, Path, str], tuple[NDArray[Any], Ids | None]]
READERS: dict[str, Reader] = {
    ".npy": read_numpy,
    ".npz": read_numpy,
    ".parquet": read_parquet,
    ".safetensors": read_safetensors,
    ".itememb": read_itememb,
}
"""How each ending is read: ``(modality, path, id_column)`` to rows and, if it has them, ids."""

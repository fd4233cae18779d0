"""An index of the items, in which faiss looks for a user's best ones."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file, save_arrays
from recbole_drepmrec.inference.bundle import Bundle
from recbole_drepmrec.inference.export.vectors import texts
from recbole_drepmrec.inference.ranking import MOST_SCORES, ranked
from recbole_drepmrec.libraries import library

FLAT = "Flat"
"""All items are looked at: nothing is missed."""

BLOCK_ROWS = 65_536
CHECKED_USERS, CHECKED_ITEMS = 500, 10
ROUNDING = 1e-5
"""Share of the greatest score by which two sums of the same products may differ."""


def ids_file(path: Path) -> Path:
    """Where the ids that belong to an index stand.

    Args:
        path: The index.
    """
    return path.with_name(f"{path.name}.npz")


def write_index(path: Path, bundle: Bundle, factory: str = FLAT) -> float:
    """Write the items' vectors as an index by inner product, and the ids beside it.

    The inner product of fused vectors is the score, of every model: where one has biases they are
    numbers of its vectors, and where it compares by cosines its vectors have length one. The file
    of ids holds ``items`` [I] in the index's order, ``users`` [U] and ``user_vectors`` [U, D]. It
    takes its place last and the old one goes first, so that ids never stand beside an index that
    they do not belong to.

    Args:
        path: The index; an older one, with its ids, is replaced.
        bundle: What the run recommends from.
        factory: The kind of index, as ``faiss.index_factory`` takes it.

    Returns:
        The share of the exact 10 best items that the written index finds, of some users.

    Raises:
        UserError: faiss is missing, cannot make such an index, or a file cannot be written.
    """
    faiss = library("faiss", "faiss-cpu", "export")
    index = _filled(faiss, bundle.fused.items.numpy(), factory)
    ids = ids_file(path)
    with atomic_file(ids) as temporary_ids:
        arrays = {"items": texts(bundle.items), "users": texts(bundle.users)}
        save_arrays(temporary_ids, {**arrays, "user_vectors": bundle.fused.users.numpy()})
        with atomic_file(path) as temporary:
            found = _recall(_written(faiss, index, temporary), bundle)
            ids.unlink(missing_ok=True)
    return found


def _filled(faiss: Any, vectors: Any, factory: str) -> Any:
    try:
        index = faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(np.ascontiguousarray(vectors))
        for start in range(0, len(vectors), BLOCK_ROWS):
            index.add(np.ascontiguousarray(vectors[start : start + BLOCK_ROWS]))
    except (RuntimeError, AssertionError) as error:
        reason = re.split(r"\.cpp:\d+: ", str(error))[-1].strip()  # after the place in its code
        raise UserError(
            f"faiss makes no index '{factory}' of {len(vectors)} items with "
            f"{vectors.shape[1]} numbers ({reason}); give --index=Flat, which is exact, or "
            "another one that faiss knows, such as HNSW32 or IVF256,Flat."
        ) from error
    return index


def _written(faiss: Any, index: Any, path: Path) -> Any:
    """The index as it stands in the file, for faiss does not say all that goes wrong."""
    try:
        faiss.write_index(index, str(path))
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise OSError("faiss could not write it whole") from error


def _recall(index: Any, bundle: Bundle) -> float:
    """The share of exact best items that an index finds; one of equal score is as good."""
    n_items, n_users = len(bundle.items), len(bundle.users)
    n_checked = min(CHECKED_USERS, n_users, max(1, MOST_SCORES // n_items))
    rows = np.linspace(0, n_users - 1, n_checked).astype(np.int64)
    users, items = bundle.fused.users[torch.from_numpy(rows)], bundle.fused.items
    k = min(CHECKED_ITEMS, n_items)
    blocks = ranked(bundle.users[rows], users, items, np.arange(n_items), k, None)
    best = np.concatenate([block.scores for block in blocks])  # [n, k]
    _, places = index.search(users.numpy(), k)  # -1 where it found fewer
    own = (users.unsqueeze(1) * items[torch.from_numpy(places)]).sum(2).numpy()  # [n, k]
    least = best[:, -1:] - ROUNDING * np.abs(best).max(axis=1, keepdims=True)
    return float(((own >= least) & (places >= 0)).mean())

"""What a comparison knows of a data set: its test users, all its items, who took what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import load_arrays, write_arrays

Names = NDArray[np.str_]

_PRESENT = "present "


@dataclass(frozen=True)
class Split:
    """One data set as every run of a comparison splits it; U test users, I items.

    A user or an item is meant by its position in ``users`` or ``items``, which are sorted.

    Attributes:
        users: Raw id of each user who has test items, shape [U].
        items: Raw id of each item of the data set, shape [I].
        titles: Title of each item, empty where it has none, shape [I]; None without titles.
        item_counts: Training interactions of each item, shape [I].
        user_counts: Training interactions of each test user, shape [U].
        trained: The training items of each test user, a matrix of switches, shape [U, I].
        relevant: The test items of each test user, a matrix of switches, shape [U, I].
        modalities: Modality to whether an item has it, after ``drop_modalities``, shape [I].
        interactions: Interactions in ``train``, ``valid`` and ``test``.
    """

    users: Names
    items: Names
    titles: Names | None
    item_counts: NDArray[np.int64]
    user_counts: NDArray[np.int64]
    trained: sp.csr_array
    relevant: sp.csr_array
    modalities: dict[str, NDArray[np.bool_]]
    interactions: dict[str, int]

    @property
    def cold_items(self) -> NDArray[np.bool_]:
        """Whether an item has no training interaction, shape [I]."""
        cold: NDArray[np.bool_] = self.item_counts == 0
        return cold


def write_split(path: Path, split: Split) -> None:
    """Write a split as one ``.npz``, whole or not at all.

    Args:
        path: The file.
        split: What goes into it.
    """
    arrays: dict[str, NDArray[Any]] = {
        "users": split.users,
        "items": split.items,
        "item_counts": split.item_counts,
        "user_counts": split.user_counts,
        "interactions": np.array(list(split.interactions.values())),
        "interaction_names": np.array(list(split.interactions)),
    }
    if split.titles is not None:
        arrays["titles"] = split.titles
    for name, matrix in (("trained", split.trained), ("relevant", split.relevant)):
        arrays |= {f"{name}_starts": matrix.indptr, f"{name}_items": matrix.indices}
    arrays |= {_PRESENT + name: present for name, present in split.modalities.items()}
    write_arrays(path, arrays)


def read_split(path: Path) -> Split:
    """Read what ``write_split`` wrote.

    Args:
        path: The file.

    Raises:
        UserError: It is missing or damaged.
    """
    arrays = read_arrays(path)
    try:
        shape = (len(arrays["users"]), len(arrays["items"]))
        return Split(
            users=arrays["users"],
            items=arrays["items"],
            titles=arrays.get("titles"),
            item_counts=arrays["item_counts"],
            user_counts=arrays["user_counts"],
            trained=_matrix(arrays, "trained", shape),
            relevant=_matrix(arrays, "relevant", shape),
            modalities={
                name.removeprefix(_PRESENT): present
                for name, present in arrays.items()
                if name.startswith(_PRESENT)
            },
            interactions=dict(
                zip(
                    arrays["interaction_names"].tolist(),
                    arrays["interactions"].tolist(),
                    strict=True,
                )
            ),
        )
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from error


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz`` of a comparison; a pickle in it is refused.

    Args:
        path: The file.

    Raises:
        UserError: It is missing or damaged.
    """
    try:
        return load_arrays(path)
    except Exception as error:
        raise _damaged(path, error) from error


def _matrix(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, int]) -> sp.csr_array:
    starts, items = arrays[f"{name}_starts"], arrays[f"{name}_items"]
    return sp.csr_array((np.ones(len(items), dtype=np.bool_), items, starts), shape=shape)


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path} cannot be read ({type(error).__name__}: {error}); run the same `recbole-drepmrec "
        "compare` again, which makes anew what is missing, after removing the file if it is there."
    )

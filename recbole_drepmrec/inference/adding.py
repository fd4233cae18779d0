"""``recbole-drepmrec add_items``: items with features and no interactions, without training."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recbole_drepmrec.data.feature_files import ModalitySource, read_parts
from recbole_drepmrec.data.preparation import RowPreparation
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import Bundle, Names, with_zero
from recbole_drepmrec.inference.new_items import ItemMaker
from recbole_drepmrec.nn import FUSED, POPULARITY, Representations
from recbole_drepmrec.nn.blocks import divided, lengths_of_items
from recbole_drepmrec.nn.propagation import summed

BLOCK_ROWS = 1024
"""New items made at a time."""


def add_items(
    bundle: Bundle,
    maker: ItemMaker,
    ids: list[str],
    features: dict[str, NDArray[np.float32]],
    titles: list[str] | None = None,
) -> Bundle:
    """A run's bundle with new items, which the Modal Line alone scores (``new_items``).

    Args:
        bundle: The run's.
        maker: Its maker of items.
        ids: Raw ids of the new items, [n].
        features: Modality to their rows as they stand in a feature file, [n, width]; a row of
            zeros is a modality that the item lacks.
        titles: Their titles, [n]; None for none.

    Raises:
        UserError: An id is known already or stands there twice, an item has no feature, there are
            more or fewer titles than items, or the features are not those of the modality.
    """
    _check_ids(bundle, ids)
    if titles is not None and len(titles) != len(ids):
        raise UserError(f"there are {len(titles)} titles of {len(ids)} items; give one an item.")
    rows = {name: _checked(maker, name, len(ids), given) for name, given in features.items()}
    _check_features(ids, rows)
    blocks = [
        maker.parts({name: given[start : start + BLOCK_ROWS] for name, given in rows.items()})
        for start in range(0, len(ids), BLOCK_ROWS)
    ]
    made = {name: torch.cat([block[name] for block in blocks]) for name in rows}
    _check_belongs(bundle, made)
    cosines = bundle.cosines
    if cosines is not None:
        own = lengths_of_items(summed(made.values()), cosines.block_weights)
        cosines = replace(cosines, lengths=torch.cat([cosines.lengths, own]))
        made = _divided(bundle, made, own)
    fused = summed(made.values())
    there = {name: torch.from_numpy(given.any(axis=1)) for name, given in rows.items()}
    nothing, absent = torch.zeros_like(fused), torch.zeros(len(ids), dtype=torch.bool)
    return replace(
        bundle,
        items=np.concatenate([bundle.items, np.array(ids, dtype=object)]),
        titles=_with_titles(bundle, len(ids), titles),
        fused=_with_rows(bundle.fused, fused),
        parts={
            name: _with_rows(part, made.get(name, nothing)) for name, part in bundle.parts.items()
        },
        present={
            name: torch.cat([before, there.get(name, absent)])
            for name, before in bundle.present.items()
        },
        cosines=cosines,
    )


def read_features(
    files: dict[str, str], ids: dict[str, str]
) -> tuple[list[str], dict[str, NDArray[np.float32]]]:
    """Read the feature files of new items, in any format of a data set's.

    Args:
        files: Modality to file.
        ids: Modality to the list of the rows' ids; not needed by files that carry their own.

    Returns:
        The ids of all items, and their rows by modality, zero where one lacks it.

    Raises:
        UserError: A file is missing, malformed, or its rows have no ids.
    """
    _check_files("features", "feature file", files)
    _check_files("ids", "list of ids", ids)
    parts = {}
    for name, file in files.items():
        source = ModalitySource(file=file, ids=ids.get(name, "rows"))
        parts[name] = read_parts(name, source, Path())[0]
        if parts[name].by_position:
            raise UserError(
                f"modality '{name}': nobody says which item each row of {file} is; give --ids=FILE "
                "with one raw item id a line, or a .npz or .parquet file that holds them."
            )
        _check_unique(name, parts[name].ids.tolist())
    names = list(dict.fromkeys(str(raw) for part in parts.values() for raw in part.ids))
    place = {raw: row for row, raw in enumerate(names)}
    rows = {}
    for name, part in parts.items():
        rows[name] = np.zeros((len(names), part.matrix.shape[1]), dtype=np.float32)
        rows[name][[place[str(raw)] for raw in part.ids]] = part.matrix
    return names, rows


def _check_belongs(bundle: Bundle, made: dict[str, Tensor]) -> None:
    width = bundle.directions[FUSED].items.shape[1]
    if any(name not in bundle.parts or part.shape[1] != width for name, part in made.items()):
        raise UserError(
            "the run's inference file and its features file do not belong together: they have "
            "other modalities or lengths of vectors; take both from one run."
        )


def _check_files(option: str, what: str, files: dict[str, str]) -> None:
    for name, file in files.items():
        if not Path(file).is_file():
            raise UserError(
                f"modality '{name}': the {what} {file} does not exist; correct --{option}, or put "
                "the file there."
            )


def _check_unique(what: str, ids: list[str]) -> None:
    most, times = Counter(ids).most_common(1)[0] if ids else ("", 1)
    if times > 1:
        raise UserError(f"{what}: item '{most}' stands there {times} times; each may have one row.")


def _check_ids(bundle: Bundle, ids: list[str]) -> None:
    _check_unique("new items", ids)
    known = set(bundle.items) & set(ids)
    if known:
        raise UserError(
            f"{len(known)} of the {len(ids)} items are known already, first '{min(known)}'; give "
            "new ones only."
        )


def _checked(maker: ItemMaker, name: str, n: int, given: NDArray[Any]) -> NDArray[np.float32]:
    if name not in maker.modalities:
        raise UserError(
            f"the model has no modality '{name}'; it has {', '.join(maker.modalities)}."
        )
    width = RowPreparation(**maker.modalities[name].preparation).width
    if given.shape != (n, width):
        raise UserError(
            f"modality '{name}': the features have the shape {given.shape}, expected {(n, width)}: "
            "a row an item, as wide as in training."
        )
    rows = given.astype(np.float32)
    if not np.isfinite(rows).all():
        raise UserError(f"modality '{name}': the features have NaN or infinity; repair them.")
    return rows


def _check_features(ids: list[str], rows: dict[str, NDArray[np.float32]]) -> None:
    if not ids or not rows:
        raise UserError("no item is given; give --features=MODALITY=FILE and --ids=FILE.")
    none = ~np.stack([given.any(axis=1) for given in rows.values()]).any(axis=0)
    if none.any():
        raise UserError(
            f"{int(none.sum())} items have no feature in any modality, first "
            f"'{ids[int(none.argmax())]}'; nothing can be said of them."
        )


def _divided(bundle: Bundle, made: dict[str, Tensor], lengths: Tensor) -> dict[str, Tensor]:
    """Parts as such a model scores them, their popularity that of items that nobody took."""
    parts = {name: with_zero(divided(part, lengths)) for name, part in made.items()}
    mean = bundle.parts[POPULARITY].items.mean(0)
    return {**parts, POPULARITY: mean.expand(len(lengths), -1)}


def _with_titles(bundle: Bundle, n: int, titles: list[str] | None) -> Names | None:
    if bundle.titles is None and titles is None:
        return None
    before = bundle.titles if bundle.titles is not None else [""] * len(bundle.items)
    return np.array([*before, *(titles or [""] * n)], dtype=object)


def _with_rows(vectors: Representations, rows: Tensor) -> Representations:
    return Representations(vectors.users, torch.cat([vectors.items, rows]))

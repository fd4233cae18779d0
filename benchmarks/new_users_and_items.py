"""How good are users made of their items, and items made of their features? Of finished runs.

    python benchmarks/new_users_and_items.py saved/RUN_ID [saved/RUN_ID ...]

Recall at 10 of the test items, in lists of all items without those of training and validation. Of
the trained users, and of users made of the same training items. In a run with ``cold_items`` also
recall of the test items that nobody had in training: in lists of all items and of such items only,
as they were in training, and after they were taken out of the run and added anew by their features.
The data set must be there.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from recbole.utils.case_study import full_sort_scores
from torch import Tensor

from recbole_drepmrec.inference import Bundle, Recommender
from recbole_drepmrec.inference.adding import add_items
from recbole_drepmrec.inference.bundle import FILE, Histories
from recbole_drepmrec.inference.histories import user_of
from recbole_drepmrec.inference.new_items import (
    FEATURES_FILE,
    ItemMaker,
    ModalityMaker,
    read_item_maker,
)
from recbole_drepmrec.nn import Representations, part_name
from recbole_drepmrec.quick_start import load

K = 10


Top = Callable[[Sequence[str], set[str] | None], dict[str, list[str]]]
"""Users, and the only items that may be listed, to their lists."""


def top_of(recommender: Recommender, users: Tensor | None = None) -> Top:
    """Lists by an inference file, of the trained users or of other vectors of theirs [U, D]."""
    if users is not None:
        fused = Representations(users, recommender.bundle.fused.items)
        recommender = Recommender(replace(recommender.bundle, fused=fused))

    def top(names: Sequence[str], pool: set[str] | None) -> dict[str, list[str]]:
        candidates = None if pool is None else pool & set(recommender.items.tolist())
        rows = recommender.recommend(names, K, candidates=candidates)
        return {name: [row.item for row in own] for name, own in groupby(rows, lambda r: r.of)}

    return top


def top_of_model(prepared: Any) -> Top:
    """Lists by a model itself, whatever it is, as its test ranks."""
    data, test = prepared.dataset, prepared.test_data
    names = data.field2id_token[data.iid_field]

    def top(users: Sequence[str], pool: set[str] | None) -> dict[str, list[str]]:
        ids = data.token2id(data.uid_field, list(users))
        scores = torch.cat(
            [
                full_sort_scores(ids[n : n + 64], prepared.model, test)
                for n in range(0, len(ids), 64)
            ]
        )
        if pool is not None:
            outside = [name not in pool for name in names]
            scores[:, torch.tensor(outside)] = -torch.inf
        places = scores.topk(K, dim=1).indices
        return {user: names[own.numpy()].tolist() for user, own in zip(users, places, strict=True)}

    return top


def recall(top: Top, relevant: dict[str, set[str]], pool: set[str] | None = None) -> float:
    """Mean over users of the share of their relevant items that their list has."""
    lists = top(list(relevant), pool)
    return float(
        np.mean([len(own & set(lists.get(user, ()))) / len(own) for user, own in relevant.items()])
    )


def held_out_items(prepared: Any, counted: set[str] | None = None) -> dict[str, set[str]]:
    """Each user's test items, raw ids; those that count only."""
    part = prepared.test_data._dataset
    users = part.id2token(part.uid_field, part.inter_feat[part.uid_field].numpy())
    items = part.id2token(part.iid_field, part.inter_feat[part.iid_field].numpy())
    found: dict[str, set[str]] = {}
    for user, item in zip(users.tolist(), items.tolist(), strict=True):
        if counted is None or item in counted:
            found.setdefault(user, set()).add(item)
    return found


def users_of_their_items(bundle: Bundle) -> Tensor:
    """Every user, made of their training items."""
    histories = [
        torch.from_numpy(bundle.histories.of(u, "train")) for u in range(len(bundle.users))
    ]
    return torch.stack([user_of(bundle, items) for items in histories])


def without(bundle: Bundle, maker: ItemMaker, kept: NDArray[np.bool_]) -> tuple[Bundle, ItemMaker]:
    """A run that never knew some items."""
    place = np.cumsum(kept) - 1
    histories = bundle.histories
    there = kept[histories.items]
    counts = np.add.reduceat(np.append(there, False).astype(np.int64), histories.starts[:-1])
    smaller = Histories(
        np.concatenate([[0], np.cumsum(counts)]),
        place[histories.items[there]],
        histories.split[there],
    )
    rows, cosines = torch.from_numpy(kept), bundle.cosines
    if cosines is not None:
        cosines = replace(cosines, lengths=cosines.lengths[rows])
    shrunk = replace(
        bundle,
        items=bundle.items[kept],
        titles=None,
        fused=Representations(bundle.fused.users, bundle.fused.items[rows]),
        parts={n: Representations(p.users, p.items[rows]) for n, p in bundle.parts.items()},
        present={name: present[rows] for name, present in bundle.present.items()},
        histories=smaller,
        cosines=cosines,
    )
    modalities = {name: _fewer(one, rows) for name, one in maker.modalities.items()}
    table = None if maker.table is None else maker.table[rows]
    return shrunk, replace(maker, modalities=modalities, table=table)


def _fewer(one: ModalityMaker, rows: Tensor) -> ModalityMaker:
    return replace(
        one,
        features=one.features[rows],
        present=one.present[rows],
        layers=[layer[rows] for layer in one.layers],
        column_sums=None if one.column_sums is None else one.column_sums[rows],
    )


def measured(run: Path) -> Iterator[tuple[str, float]]:
    """What is measured, and its value."""
    prepared = load(run)
    yield "all test items", recall(top_of_model(prepared), held_out_items(prepared))
    recommender = None
    if (run / FILE).is_file():
        recommender = Recommender.load(run)
        made = top_of(recommender, users_of_their_items(recommender.bundle))
        yield "all test items, users made of their items", recall(made, held_out_items(prepared))
    data = prepared.dataset
    seen = np.zeros(data.item_num, dtype=np.bool_)
    seen[prepared.train_data._dataset.inter_feat[data.iid_field].numpy()] = True
    if not prepared.config["cold_items"]:
        return
    cold = set(data.field2id_token[data.iid_field][1:][~seen[1:]].tolist())
    relevant = held_out_items(prepared, cold)
    tops = {"cold items": top_of_model(prepared)}
    if recommender is not None and (run / FEATURES_FILE).is_file():
        tops["cold items added again"] = top_of(added_again(run, prepared, recommender, seen[1:]))
    for name, top in tops.items():
        yield f"{name}, among all", recall(top, relevant)
        yield f"{name}, among themselves", recall(top, relevant, cold)


def added_again(
    run: Path, prepared: Any, recommender: Recommender, warm: NDArray[np.bool_]
) -> Recommender:
    """The run without its cold items, to which they are added by their raw features."""
    data = prepared.dataset
    ids = data.field2id_token[data.iid_field][1:][~warm]
    rows = {
        part_name(name): modality.values[1:][~warm]
        for name, modality in data.modal_features.items()
    }
    some = np.stack([given.any(axis=1) for given in rows.values()]).any(axis=0)
    shrunk, maker = without(recommender.bundle, read_item_maker(run / FEATURES_FILE), warm)
    given = {name: values[some] for name, values in rows.items()}
    return Recommender(add_items(shrunk, maker, ids[some].tolist(), given))


def main() -> None:
    """Print a line a figure."""
    for run in sys.argv[1:]:
        print(run)
        for name, value in measured(Path(run)):
            print(f"  {name:45} recall@{K} {value:.4f}")


if __name__ == "__main__":
    main()

"""A user made of items: what each of them gives to the user's vector. [ours]

A user u of the items i, n of them, is the sum over the parts of

    behavior    (mean over i of b_i) W        over the items that have a behavior vector
    modality m  (1 / c) mean over i of h_i^m  over the items that have the modality

with b and h^m the items' behavior and modal vectors, c the number of modalities that any of the
items has, and W the linear map that best takes the mean of each trained user's items to that user's
vector. So a user who is not in the data is made as the Modal Line makes every user, and as the
Behavior Line would on the average. A model without two lines has the first row only, of the vectors
that it encodes. Where a model ranks by cosines, the sum's blocks get their lengths
(``nn/blocks``), and the user the weight of popularity that all users have.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from recbole_drepmrec.graph import Graph, SparseMatrix, mean_by_row
from recbole_drepmrec.inference.bundle import (
    Bundle,
    Histories,
    mapped_part,
    with_zero,
    without_popularity,
)
from recbole_drepmrec.nn import Representations
from recbole_drepmrec.nn.blocks import divided, lengths_of_users, multiplied

RIDGE = 1e-3
"""Penalty of the map, as a share of the mean of the diagonal of their Gram matrix."""


def fit_history_map(vectors: Representations, histories: Histories) -> Tensor:
    """W, [D, D]: ridge regression from the mean of users' training items to the users' vectors.

        W = argmin sum over u of ||mean_u W - v_u||^2 + r ||W||^2

    Args:
        vectors: Trained users v [U, D] and items [I, D].
        histories: Who took what.
    """
    counts = np.diff(histories.starts)
    rows = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
    trained = torch.from_numpy(histories.split == 0)
    graph = Graph(
        rows[trained],
        torch.from_numpy(histories.items)[trained],
        torch.ones(int(trained.sum())),
        (len(counts), len(vectors.items)),
    )
    known = graph.row_sums() > 0
    means = SparseMatrix(mean_by_row(graph))(vectors.items)[known].double()  # [U', D]
    gram = means.T @ means
    penalty = RIDGE * gram.diagonal().mean().clamp(min=torch.finfo(torch.float64).tiny)
    gram.diagonal().add_(penalty)
    found: Tensor = torch.linalg.solve(gram, means.T @ vectors.users[known].double())
    return found.float()


def gifts(bundle: Bundle, items: Tensor) -> Tensor:
    """What each item of a history gives to the user's vector, which is their sum; [n, D].

    Popularity, where there is any, is none of an item's gifts.

    Args:
        bundle: The trained users and items.
        items: Positions, each once, [n].
    """
    given = torch.stack(list(undivided_gifts(bundle, items))).sum(0)
    if bundle.cosines is None:
        return given
    whole = given.sum(0, keepdim=True)  # [1, D]
    return with_zero(divided(given, lengths_of_users(whole, bundle.cosines.block_weights)))


def undivided_gifts(bundle: Bundle, items: Tensor) -> Iterator[Tensor]:
    """What the items give by each part, at the lengths of the lines' own vectors, [n, D] each.

    Args:
        bundle: The trained users and items.
        items: Positions, each once, [n].
    """
    mapped = mapped_part(bundle.parts, bundle.fused)
    if bundle.history_map is not None and mapped is not None:
        source = _undivided(bundle, mapped, items)
        known = (source != 0).any(1)
        yield source @ bundle.history_map / max(int(known.sum()), 1)
    present = {name: there[items] for name, there in bundle.present.items()}
    if not present:
        return
    modalities_of_items = torch.stack(list(present.values())).sum(0)  # c_i, [n]
    modalities = sum(bool(there.any()) for there in present.values())  # c
    for name, there in present.items():
        part = _undivided(bundle, bundle.parts[name], items)
        views = part * modalities_of_items.unsqueeze(1)
        yield views / (max(modalities, 1) * max(int(there.sum()), 1))


def _undivided(bundle: Bundle, part: Representations, items: Tensor) -> Tensor:
    """A part of some items as its line gave it, [n, D]."""
    rows = part.items[items]
    if bundle.cosines is None:
        return rows
    return multiplied(without_popularity(rows), bundle.cosines.lengths[items])


def user_of(bundle: Bundle, items: Tensor) -> Tensor:
    """The vector of a user made of items, [D]: what they give, and how popularity counts with it.

    Args:
        bundle: The trained users and items.
        items: Positions, each once, [n].
    """
    vector = gifts(bundle, items).sum(0)
    if bundle.cosines is not None:
        vector[-1] = bundle.cosines.popularity_weight
    return vector

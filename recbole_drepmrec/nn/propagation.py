"""Propagation over a frozen graph without weights or non-linearities."""

from collections.abc import Callable

import torch
from torch import Tensor

from recbole_drepmrec.graph import SparseMatrix
from recbole_drepmrec.nn.representations import Representations


def light_gcn(adjacency: SparseMatrix, initial: Representations, n_layers: int) -> Representations:
    """LightGCN: the mean over layers of E^(l+1) = D^(-1/2) A D^(-1/2) E^(l).

    Args:
        adjacency: D^(-1/2) A D^(-1/2), users first, [n_users + n_items, n_users + n_items].
        initial: E^(0), users [n_users, d] and items [n_items, d].
        n_layers: L, zero for E^(0) itself.

    Source: He et al., LightGCN, SIGIR 2020.
    """
    layer = torch.cat(initial)  # [n_users + n_items, d]
    total: Tensor = layer
    for _ in range(n_layers):
        layer = adjacency(layer)
        total = total + layer
    mean = total / (n_layers + 1)
    n_users = len(initial.users)
    return Representations(mean[:n_users], mean[n_users:])


def smooth(graph: Callable[[Tensor], Tensor], vectors: Tensor, n_layers: int) -> Tensor:
    """The last layer of H^(l+1) = S H^(l), shape [n, d].

    Args:
        graph: Product with S [n, n], as ``SparseMatrix`` and ``Graph.product`` are.
        vectors: H^(0), [n, d].
        n_layers: Propagation steps, zero for H^(0) itself.
    """
    for _ in range(n_layers):
        vectors = graph(vectors)
    return vectors

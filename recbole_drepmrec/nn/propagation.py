"""Propagation over a frozen graph without weights or non-linearities."""

from collections.abc import Callable, Iterable

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
    return split(adjacency.mean_of_powers(torch.cat(initial), n_layers), initial)


def light_gcn_at(
    nodes: Representations, adjacency: SparseMatrix, initial: Representations, n_layers: int
) -> tuple[Representations, Representations]:
    """Some rows of ``light_gcn`` and of E^(0), at less than the cost of all.

    Args:
        nodes: Ids of users [U] and items [I].
        adjacency: As there.
        initial: As there.
        n_layers: As there.

    Returns:
        Users [U, d] and items [I, d] of each.
    """
    rows = torch.cat([nodes.users, nodes.items + len(initial.users)])
    encoded, own = adjacency.mean_of_powers_at(rows, torch.cat(initial), n_layers)
    return split(encoded, nodes), split(own, nodes)


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


def split(nodes: Tensor, like: Representations) -> Representations:
    """Users and items of one table of nodes.

    Args:
        nodes: Users first, [n_users + n_items, d].
        like: Any representations of the same users and items.
    """
    # not two slices: the gradient of each would be a table of all nodes
    return Representations(*torch.split(nodes, [len(like.users), len(like.items)]))


def summed(tables: Iterable[Tensor]) -> Tensor:
    """The sum of tables of one shape, without the copy of them all that stacking makes.

    Args:
        tables: At least one.
    """
    total, *others = tables
    for table in others:
        total = total + table
    return total
